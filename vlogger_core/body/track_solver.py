"""Moves the poses of a run of frames until their points lie on the frames'. Deterministic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from ..names import SMPLX_JOINTS
from .track_descent import descend
from .track_energy import TRUNK, Poses, TrackEnergy
from .track_metric import build_metric
from .track_targets import ClipTargets

EVALUATIONS = 150
"""Of the energy for a window, at most."""
_ROUNDS = (0.4, 0.6)
"""Shares of the evaluations after which the metric is measured anew: at first it knows no expression's range."""
TOLERANCE = 0.02
"""Energy for each frame below which a decrease is not worth a step."""
_NEVER = ("jaw", "eye", "hip", "knee", "ankle", "foot")


def moving_joints(energy: TrackEnergy) -> tuple[str, ...]:
    """The joints that a track turns, in SMPL-X's order."""
    if not energy.arms:
        return tuple(name for name in SMPLX_JOINTS if name in TRUNK)
    return tuple(name for name in SMPLX_JOINTS if not any(part in name for part in _NEVER))


def solve(
    energy: TrackEnergy,
    targets: ClipTargets,
    start: Poses,
    before: Poses | None,
    tick: Callable[[], None],
    evaluations: int = EVALUATIONS,
) -> Poses:
    """L-BFGS over the poses of all frames at once, in the coordinates of `track_metric`.

    Args:
        before: up to two solved frames that came before; they stay as they are.
        tick: called before each evaluation.
    """
    pelvis = None
    if before is not None:
        with torch.no_grad():
            pelvis = energy.pose(before).joints[:, 0]
    solved = start.detach()
    for share in _ROUNDS:
        solved = _descend(energy, targets, solved, before, pelvis, tick, round(share * evaluations))
    return replace(solved, expression=solved.expression.clamp(0, 1), gaze=solved.gaze.clamp(-1, 1))


def _descend(
    energy: TrackEnergy,
    targets: ClipTargets,
    start: Poses,
    before: Poses | None,
    pelvis: Float[Tensor, "n 3"] | None,
    tick: Callable[[], None],
    evaluations: int,
) -> Poses:
    metric = build_metric(energy, targets, start, moving_joints(energy), goes_on=before is not None)

    def cost(step: Float[Tensor, "t p"]) -> Float[Tensor, ""]:
        poses = metric.move(start, step)
        posed = energy.pose(poses)
        likely = energy.observed(posed, targets) + energy.prior(poses) + energy.walls(poses)
        likely = likely + energy.in_front(posed).sum(1)
        return likely.sum() + energy.temporal(poses, posed, before, pelvis)

    tolerance = TOLERANCE * len(start)
    step = descend(cost, torch.zeros(metric.shape), evaluations=evaluations, tolerance=tolerance, tick=tick)
    return metric.move(start, step).detach()
