"""What is fitted, and how likely it is given the photo."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from jaxtyping import Float
from torch import Tensor

from ..names import JOINT_INDEX
from .fit_priors import PosePrior, expression_cost
from .fit_targets import TARGET_JOINTS, FitBody, FitTargets, hand_joints
from .protocol import PosedBody, RestBody

HEAD = JOINT_INDEX["head"]
NEAREST_M = 0.05
"""Points are pushed no nearer to the camera than this."""

FOV_RANGE_DEG = (12.0, 100.0)
"""Adam's step for each kind of parameter: metres, degrees, radians, shares."""


@dataclass(frozen=True, kw_only=True)
class FitState:
    """What is fitted. The body hangs on its head (`head` is where that joint lies): turning the torso leaves the face.

    One shape and camera, `t` poses (hypotheses).
    """

    head: Float[Tensor, "t 3"]
    fov_deg: Float[Tensor, ""]
    joint_rotvec: Float[Tensor, "t 55 3"]
    shape: Float[Tensor, " d"]
    expression: Float[Tensor, "t 52"]

    def detach(self) -> FitState:
        return FitState(**{field.name: getattr(self, field.name).detach().clone() for field in fields(self)})


@dataclass(frozen=True, kw_only=True)
class FitEnergy:
    """The negative logarithm of how likely a state is, given the photo."""

    body: FitBody
    targets: FitTargets
    width: int
    height: int
    fov_prior_deg: float
    fov_sigma_deg: float
    pose_prior: PosePrior
    shape_mean: Float[Tensor, " d"]
    shape_sigma: Float[Tensor, " d"]
    shape_range: Float[Tensor, "d 2"]
    expression_sigma: Float[Tensor, "52"]

    def pose(self, state: FitState, rest: RestBody | None = None) -> PosedBody:
        """The bodies in the world, their head where the state says."""
        model = self.body.model
        rest = model.rest(state.shape) if rest is None else rest
        posed = model.pose(rest, state.joint_rotvec, torch.zeros_like(state.head), state.expression)
        shift = (state.head - posed.joints[:, HEAD])[:, None]
        return PosedBody(vertices=posed.vertices + shift, joints=posed.joints + shift)

    def pixels(self, points: Float[Tensor, "t n 3"], fov_deg: Float[Tensor, ""]) -> Float[Tensor, "t n 2"]:
        """As `render.camera.project`, differentiable in the field of view too."""
        f_px = (self.width**2 + self.height**2) ** 0.5 / 2 / torch.tan(fov_deg.deg2rad() / 2)
        depth = (-points[..., 2]).clamp(min=NEAREST_M)
        x = self.width / 2 + f_px * points[..., 0] / depth
        y = self.height / 2 - f_px * points[..., 1] / depth
        return torch.stack((x, y), -1)

    def face(self, posed: PosedBody, state: FitState) -> Float[Tensor, " t"]:
        return self.targets.face.cost(self.pixels(self.body.face(posed), state.fov_deg)).sum(1)

    def joints(self, posed: PosedBody, state: FitState) -> Float[Tensor, "t n"]:
        return self.targets.body.cost(self.pixels(self.body.body(posed), state.fov_deg))

    def hand(self, posed: PosedBody, state: FitState, side: str) -> Float[Tensor, " t"]:
        group = self.targets.left_hand if side == "left" else self.targets.right_hand
        return group.cost(self.pixels(self.body.hand(posed, side), state.fov_deg)).sum(1)

    def prior(self, state: FitState) -> Float[Tensor, "t"]:
        """Pose, expression, shape and field of view."""
        shape = ((state.shape - self.shape_mean) / self.shape_sigma).square().sum() / 2
        fov = ((state.fov_deg - self.fov_prior_deg) / self.fov_sigma_deg).square() / 2
        pose = self.pose_prior.cost(state.joint_rotvec).sum(1)
        return pose + expression_cost(state.expression, self.expression_sigma) + shape + fov

    def trunk(self, state: FitState, rest: RestBody | None = None) -> Float[Tensor, " t"]:
        """The energy without the arms: while they still hang anyhow, they must not pull the body."""
        posed = self.pose(state, rest)
        points = [i for i, name in enumerate(TARGET_JOINTS) if name.endswith(("shoulder", "hip"))]
        return self.face(posed, state) + self.joints(posed, state)[:, points].sum(1) + self.prior(state)

    def total(self, state: FitState, rest: RestBody | None = None) -> Float[Tensor, " t"]:
        posed = self.pose(state, rest)
        hands = sum(self.hand(posed, state, side) for side in ("left", "right"))
        return self.face(posed, state) + self.joints(posed, state).sum(1) + hands + self.prior(state)

    def arms(self, state: FitState, rest: RestBody | None = None) -> Float[Tensor, "t 2"]:
        """The part of the energy that the left and the right arm change, without the face."""
        posed = self.pose(state, rest)
        joints, prior = self.joints(posed, state), self.pose_prior.cost(state.joint_rotvec)
        costs = []
        for side in ("left", "right"):
            points = [i for i, name in enumerate(TARGET_JOINTS) if name in (f"{side}_elbow", f"{side}_wrist")]
            costs.append(joints[:, points].sum(1) + self.hand(posed, state, side) + prior[:, arm_joints(side)].sum(1))
        return torch.stack(costs, 1)


def arm_joints(side: str) -> list[int]:
    """Shoulder to fingertips."""
    arm = [f"{side}_shoulder", f"{side}_elbow"]
    return [JOINT_INDEX[name] for name in arm] + hand_joints(side)
