"""Where the head is in every frame, and how far lids and lips are open: the start of a descent."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor

from ..datatypes import Camera
from ..names import EXPRESSION_INDEX, JOINT_INDEX
from ..rotation import rotmat_to_rotvec, rotvec_to_rotmat
from .fit_energy import HEAD
from .fit_targets import FitTargets
from .head_pose import known_points, solve_head
from .track_energy import Poses, TrackEnergy
from .track_targets import ClipTargets

_CHAIN = ("pelvis", "spine1", "spine2", "spine3", "neck", "head")
_BLINKS = [EXPRESSION_INDEX["eyeBlinkRight"], EXPRESSION_INDEX["eyeBlinkLeft"]]
_JAW, _CLOSE = EXPRESSION_INDEX["jawOpen"], EXPRESSION_INDEX["mouthClose"]
_BLINKING, _SEALED_SHARE = 0.3, 0.7
LIPS_PER_JAW = 0.55
"""How far `jawOpen = 1` parts the lips, as a share of the eye distance."""


def place_faces(energy: TrackEnergy, targets: ClipTargets, last: Poses) -> Poses:
    """A start for some frames: the last pose with its head where each shows it, lids and lips as far open as there."""
    with torch.no_grad():
        posed = energy.pose(last[-1:])
        face = energy.photo.body.face(posed)[0] - posed.joints[0, HEAD]
    rotation = _chain_rotation(last.joint_rotvec[-1])
    local = face @ rotation
    placed: list[tuple[Tensor, Tensor]] = []
    head, turned = last.head[-1], rotation
    for frame in targets.frames:
        # A frame without a face leaves them.
        head, turned = _place(local, frame, energy.camera, head, turned)
        placed.append((head, turned))
    heads, turns = torch.stack([one for one, _ in placed]), torch.stack([one for _, one in placed])
    heads, turns = _bridged(heads, turns, targets.missing, last.head[-1], rotation)
    neck = _chain_rotation(last.joint_rotvec[-1], "neck")
    poses = last.joint_rotvec[-1].repeat(len(heads), 1, 1)
    poses[:, HEAD] = rotmat_to_rotvec(neck.mT @ turns)
    return Poses(
        head=heads,
        joint_rotvec=poses,
        expression=energy.relative(_opened(energy.absolute(last[-1:]).detach(), targets)),
        gaze=last.gaze[-1:].repeat(len(heads), 1),
    )


def _bridged(
    heads: Float[Tensor, "t 3"],
    turns: Float[Tensor, "t 3 3"],
    missing: Sequence[bool],
    first_head: Float[Tensor, "3"],
    first_turn: Float[Tensor, "3 3"],
) -> tuple[Float[Tensor, "t 3"], Float[Tensor, "t 3 3"]]:
    """Heads that move evenly through frames without a face, from the last one to the next, or stay at the last one."""
    seen = [-1, *(t for t, lost in enumerate(missing) if not lost)]
    places = {-1: (first_head, first_turn), **{t: (heads[t], turns[t]) for t in seen[1:]}}
    heads, turns = heads.clone(), turns.clone()
    for before, after in pairwise(seen):
        (head, turn), (next_head, next_turn) = places[before], places[after]
        way = rotmat_to_rotvec(turn.mT @ next_turn)
        for t in range(before + 1, after):
            share = (t - before) / (after - before)
            heads[t] = head.lerp(next_head, share)
            turns[t] = turn @ rotvec_to_rotmat(share * way)
    return heads, turns


def _opened(expression: Float[Tensor, "1 52"], targets: ClipTargets) -> Float[Tensor, "t 52"]:
    """The last expression with lids and jaw as the distances between lids and lips tell."""
    opened = expression.repeat(len(targets.missing), 1)
    closed = 1 - targets.lids_open.clamp(0, 1)
    # Lids that hang a little are the person's.
    blink = torch.where(closed > _BLINKING, closed, expression[:, _BLINKS])
    opened[:, _BLINKS] = torch.where(targets.seen[:, None], blink, expression[:, _BLINKS])
    gap = (targets.lips_open / LIPS_PER_JAW).clamp(0, 1)
    jaw = torch.maximum(gap, _SEALED_SHARE * expression[:, _JAW])
    opened[:, _JAW] = torch.where(targets.seen, jaw, expression[:, _JAW])
    opened[:, _CLOSE] = torch.where(targets.seen, jaw - gap, expression[:, _CLOSE])
    return opened


def _place(
    local: Float[Tensor, "478 3"],
    frame: FitTargets,
    camera: Camera,
    head: Float[Tensor, "3"],
    rotation: Float[Tensor, "3 3"],
) -> tuple[Float[Tensor, "3"], Float[Tensor, "3 3"]]:
    """Head joint and rotation under which a rigid face lies on a frame's points, from a guess (perspective-n-point)."""
    known = known_points(frame.face)
    if known is None:
        return head, rotation
    placed = solve_head(local[known], frame.face.xy[known], camera, head, rotation)
    if placed is None or not 0.5 < float(placed[0][2] / head[2]) < 2:
        return head, rotation
    return placed


def _chain_rotation(joint_rotvec: Float[Tensor, "55 3"], last: str = "head") -> Float[Tensor, "3 3"]:
    """World rotation of a joint of the trunk."""
    rotation = torch.eye(3)
    for name in _CHAIN[: _CHAIN.index(last) + 1]:
        rotation = rotation @ rotvec_to_rotmat(joint_rotvec[JOINT_INDEX[name]])
    return rotation
