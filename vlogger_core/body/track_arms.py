"""How the arms are held in the frames of a clip: a start for the descent, which cannot carry an arm across the body.

In every few frames many ways to hold the arms are tried at once; then the likeliest path through them is taken
(Viterbi), on which an arm costs by how badly it meets its points and by how far it has to go.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import roma
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..names import JOINT_INDEX
from .fit_energy import FitState, arm_joints
from .fit_priors import PosePrior
from .fit_solver import search
from .fit_start import arm_guesses
from .fit_targets import TARGET_JOINTS
from .track_energy import Poses, TrackEnergy
from .track_targets import ClipPoints, ClipTargets

STRIDE = 6
"""Frames from one in which the arms are sought to the next."""
STEPS = 40
REACH_M = 0.12
"""How far the elbow and the wrist go between two such frames for half a unit of energy."""
_WIDER = 3.0
"""How much further than in the descent the robust error reaches."""
SIDES = ("left", "right")


def place_arms(energy: TrackEnergy, targets: ClipTargets, start: Poses, last: Poses, tick: Callable[[], None]) -> Poses:
    """`start` with its arms where the frames show them.

    Args:
        last: the frame before them.
        tick: called before each evaluation.
    """
    if not energy.arms:
        return start
    keys = sorted({*range(0, len(start), STRIDE), len(start) - 1})
    guesses = [_guesses(energy, start[t : t + 1], last) for t in keys]
    count = len(guesses[0].joint_rotvec)
    state = replace(
        guesses[0],
        head=torch.cat([one.head for one in guesses]),
        joint_rotvec=torch.cat([one.joint_rotvec for one in guesses]),
        expression=torch.cat([one.expression for one in guesses]),
    )
    arms = replace(energy.photo, body=energy.photo.body.without_face())
    rest = arms.body.model.rest(energy.shape)
    groups = {
        "body": _repeated(targets.body, keys, count),
        "left": _repeated(targets.left_hand, keys, count),
        "right": _repeated(targets.right_hand, keys, count),
    }
    prior = PosePrior.build()

    def cost(state: FitState) -> Float[Tensor, "n 2"]:
        posed = arms.pose(state, rest)
        joints = groups["body"].each(arms.pixels(arms.body.body(posed), state.fov_deg))
        held = prior.cost(state.joint_rotvec)
        sides = []
        for side in SIDES:
            points = [i for i, name in enumerate(TARGET_JOINTS) if name in (f"{side}_elbow", f"{side}_wrist")]
            hand = groups[side].cost(arms.pixels(arms.body.hand(posed, side), state.fov_deg))
            sides.append(joints[:, points].sum(1) + hand + held[:, arm_joints(side)].sum(1))
        return torch.stack(sides, 1) + energy.in_front(posed)

    names = tuple(name for name, i in JOINT_INDEX.items() if i in {*arm_joints("left"), *arm_joints("right")})
    state = search(cost, state, steps=STEPS, joints=names, tick=tick)
    with torch.no_grad():
        costs = cost(state).unflatten(0, (len(keys), count))
        posed = arms.pose(state, rest)
        pose = start.joint_rotvec.clone()
        for i, side in enumerate(SIDES):
            ends = [JOINT_INDEX[f"{side}_elbow"], JOINT_INDEX[f"{side}_wrist"]]
            places = (posed.joints[:, ends] - posed.joints[:, JOINT_INDEX["neck"], None]).flatten(1)
            path = _likeliest(costs[..., i], places.unflatten(0, (len(keys), count)))
            chosen = state.joint_rotvec.unflatten(0, (len(keys), count))[torch.arange(len(keys)), path]
            joints = arm_joints(side)
            pose[:, joints] = _between(chosen[:, joints], keys, len(start))
    return replace(start, joint_rotvec=pose)


def _guesses(energy: TrackEnergy, here: Poses, last: Poses) -> FitState:
    """The ways to hold the arms that a photo's fit tries, and as they were held before."""
    own = FitState(
        head=here.head,
        fov_deg=energy.fov_deg,
        joint_rotvec=here.joint_rotvec,
        shape=energy.shape,
        expression=torch.zeros_like(here.expression),
    )
    held = here.joint_rotvec.clone()
    for side in SIDES:
        held[0, arm_joints(side)] = last.joint_rotvec[-1, arm_joints(side)]
    tried = arm_guesses(own)
    return replace(
        tried,
        head=torch.cat((tried.head, own.head)),
        joint_rotvec=torch.cat((tried.joint_rotvec, held)),
        expression=torch.cat((tried.expression, own.expression)),
    )


def _repeated(points: ClipPoints, frames: list[int], count: int) -> ClipPoints:
    """The points of some frames, each `count` times."""
    index = torch.tensor(frames).repeat_interleave(count)
    return ClipPoints(
        xy=points.xy[index], weight=points.weight[index], sigma=points.sigma[index], rho=_WIDER * points.rho[index]
    )


def _likeliest(costs: Float[Tensor, "t g"], places: Float[Tensor, "t g d"]) -> Int[Tensor, " t"]:
    """The cheapest choice at every time, where going from one to the next costs by the distance."""
    total, came = costs[0], []
    for t in range(1, len(costs)):
        way = ((places[t][:, None] - places[t - 1][None]) / REACH_M).square().sum(-1) / 2
        best, source = (total[None] + way).min(1)
        came.append(source)
        total = best + costs[t]
    path = [int(total.argmin())]
    for source in reversed(came):
        path.append(int(source[path[-1]]))
    return torch.tensor(path[::-1])


def _between(keys: Float[Tensor, "k j 3"], at: list[int], num_frames: int) -> Float[Tensor, "t j 3"]:
    """Rotations turned evenly from one key frame to the next."""
    quats = roma.rotvec_to_unitquat(keys)
    frames = []
    for t in range(num_frames):
        after = min(i for i, key in enumerate(at) if key >= t)
        before = max(0, after - 1)
        span = at[after] - at[before]
        share = (t - at[before]) / span if span else 0.0
        frames.append(roma.unitquat_slerp(quats[before], quats[after], torch.tensor([share]))[0])
    return roma.unitquat_to_rotvec(torch.stack(frames))
