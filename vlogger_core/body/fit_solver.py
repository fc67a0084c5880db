"""Moves the parameters of a body until its points lie on the photo's. Deterministic."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from ..names import JOINT_INDEX, SMPLX_JOINTS
from .fit_energy import FOV_RANGE_DEG, FitEnergy, FitState

HEAD_SCALE_M, FOV_SCALE_DEG, RATE_RAD = 0.02, 3.0, 0.04
HISTORY = 30
_WALL = {"expression": 0.01, "shape": 0.03}
"""How far beyond their range parameters get for one unit of energy."""


def minimise(
    energy: FitEnergy,
    cost: Callable[[FitState], Float[Tensor, " t"]],
    state: FitState,
    free: Iterable[str],
    *,
    evaluations: int,
    joints: Iterable[str],
    tick: Callable[[], None],
) -> FitState:
    """L-BFGS with a line search, on parameters in units of their prior spread.

    Args:
        cost: the part of `energy` to lower.
        free: names of the `FitState` fields that move.
        evaluations: of the cost, about.
        joints: which of them turn.
        tick: called before each evaluation.
    """
    state = state.detach()
    turning = torch.zeros(len(SMPLX_JOINTS), 1)
    turning[[JOINT_INDEX[name] for name in joints]] = 1
    scale = {
        "head": torch.tensor(HEAD_SCALE_M),
        "fov_deg": torch.tensor(FOV_SCALE_DEG),
        "joint_rotvec": 0.3 * energy.pose_prior.sigma * turning,
        "shape": 0.5 * energy.shape_sigma,
        "expression": 0.7 * energy.expression_sigma,
    }
    steps = {name: torch.zeros_like(getattr(state, name)).requires_grad_() for name in free}

    def present() -> FitState:
        moved = replace(state, **{name: getattr(state, name) + step * scale[name] for name, step in steps.items()})
        return replace(moved, head=_as_large(state, moved))

    def closure() -> float:
        tick()
        optimiser.zero_grad()
        moved = present()
        value = cost(moved).sum() + _walls(energy, moved)
        value.backward()
        return value.item()

    optimiser = torch.optim.LBFGS(
        list(steps.values()),
        max_iter=evaluations,
        max_eval=evaluations,
        history_size=HISTORY,
        tolerance_grad=1e-4,
        tolerance_change=1e-7,
        line_search_fn="strong_wolfe",
    )
    optimiser.step(closure)
    return _in_range(energy, present().detach())


def _as_large(state: FitState, moved: FitState) -> Float[Tensor, "t 3"]:
    """The moved head, seen where and as large as it would be if the field of view had stayed.

    A wider view of a nearer head looks nearly the same. In these terms the two do not pull at each other, and the
    solver finds what little the perspective tells.
    """
    wider = torch.tan(moved.fov_deg.deg2rad() / 2) / torch.tan(state.fov_deg.deg2rad() / 2)
    return torch.cat((moved.head[:, :2], moved.head[:, 2:] / wider), 1)


def search(
    cost: Callable[[FitState], Tensor],
    state: FitState,
    *,
    steps: int,
    joints: Iterable[str],
    tick: Callable[[], None],
) -> FitState:
    """Adam on the joint rotations of many poses at once, which do not touch each other.

    Args:
        cost: summed over whatever it returns.
    """
    state = state.detach()
    turning = torch.zeros(len(SMPLX_JOINTS), 1)
    turning[[JOINT_INDEX[name] for name in joints]] = 1
    pose = state.joint_rotvec.requires_grad_()
    optimiser = torch.optim.Adam([pose], lr=RATE_RAD, betas=(0.9, 0.98))
    for step in range(steps):
        tick()
        optimiser.param_groups[0]["lr"] = RATE_RAD * (0.05 + 0.95 * (1 + math.cos(math.pi * step / steps)) / 2)
        optimiser.zero_grad()
        cost(state).sum().backward()
        if pose.grad is not None:
            pose.grad.mul_(turning)
        optimiser.step()
    return state.detach()


def _walls(energy: FitEnergy, state: FitState) -> Float[Tensor, ""]:
    shape = energy.beyond_range(state.shape)
    expression = (-state.expression).relu() + (state.expression - 1).relu()
    return (shape / _WALL["shape"]).square().sum() + (expression / _WALL["expression"]).square().sum()


def _in_range(energy: FitEnergy, state: FitState) -> FitState:
    return replace(
        state,
        shape=state.shape.clamp(*energy.shape_range.unbind(1)),
        expression=state.expression.clamp(0, 1),
        fov_deg=state.fov_deg.clamp(*FOV_RANGE_DEG),
    )
