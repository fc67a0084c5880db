"""What is fitted, and how likely it is given the photo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

import torch
from jaxtyping import Float
from torch import Tensor

from ..names import JOINT_INDEX
from .fit_joints3d import BoneTargets, Joints3d, known_bones
from .fit_outline import Outline
from .fit_priors import (
    EXIF_SIGMA_DEG,
    FOV_DEG,
    FOV_SIGMA_DEG,
    PosePrior,
    expression_cost,
    expression_sigma,
    shape_mean,
    shape_sigma,
)
from .fit_targets import TARGET_JOINTS, FitBody, FitTargets
from .landmarks import PhotoLandmarks
from .protocol import BodyModel, PosedBody, RestBody
from .vertex_points import hand_joints

HEAD = JOINT_INDEX["head"]
NEAREST_M = 0.05
"""Points are pushed no nearer to the camera than this."""

FOV_RANGE_DEG = (12.0, 100.0)


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
        return FitState(**{each.name: getattr(self, each.name).detach().clone() for each in fields(self)})


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
    bones: Mapping[str, BoneTargets] = field(default_factory=dict)
    """Directions known from elsewhere: of the `trunk`, and of the `left` and the `right` arm."""
    outline: Outline | None = None
    """Where the person is, for a body that has outline vertices."""

    @staticmethod
    def build(
        model: BodyModel, landmarks: PhotoLandmarks, fov_deg: float | None, joints3d: Joints3d | None = None
    ) -> FitEnergy:
        """Of a body in a photo, with the priors of portraits.

        Args:
            fov_deg: of the camera, if it is known.
            joints3d: the person in space, if that is known.
        """
        mean = shape_mean(model)
        unbounded = torch.tensor([[-3.0, 3.0]]).expand(len(mean), 2)
        return FitEnergy(
            body=FitBody.build(model),
            targets=FitTargets.build(landmarks, model.face_landmark_weight),
            width=landmarks.width,
            height=landmarks.height,
            fov_prior_deg=FOV_DEG if fov_deg is None else fov_deg,
            fov_sigma_deg=FOV_SIGMA_DEG if fov_deg is None else EXIF_SIGMA_DEG,
            pose_prior=PosePrior.build(),
            shape_mean=mean,
            shape_sigma=shape_sigma(model.shape_names),
            shape_range=getattr(model, "shape_range", unbounded),
            expression_sigma=expression_sigma(),
            bones={} if joints3d is None else known_bones(joints3d),
        )

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

    def directions(self, posed: PosedBody, part: str) -> Float[Tensor, " t"]:
        """What the known directions of the bones of a part cost; nothing where none is known."""
        if part not in self.bones:
            return posed.joints.new_zeros(len(posed.joints))
        return self.bones[part].cost(posed.joints)

    def outside(self, posed: PosedBody, state: FitState) -> Float[Tensor, " t"]:
        """What a body that stands out beyond the person costs."""
        if self.outline is None or self.body.outline is None:
            return posed.joints.new_zeros(len(posed.joints))
        return self.outline.cost(self.pixels(posed.vertices[:, self.body.outline], state.fov_deg))

    def prior(self, state: FitState) -> Float[Tensor, "t"]:
        """Pose, expression, shape and field of view."""
        pose = self.pose_prior.cost(state.joint_rotvec).sum(1)
        expression = expression_cost(state.expression, self.expression_sigma)
        return pose + expression + self.person_prior(state.shape, state.fov_deg)

    def person_prior(self, shape: Float[Tensor, " d"], fov_deg: Float[Tensor, ""]) -> Float[Tensor, ""]:
        """Shape and field of view."""
        unlikely = ((shape - self.shape_mean) / self.shape_sigma).square().sum() / 2
        return unlikely + ((fov_deg - self.fov_prior_deg) / self.fov_sigma_deg).square() / 2

    def beyond_range(self, shape: Float[Tensor, " d"]) -> Float[Tensor, " d"]:
        """How far outside its range each entry of a shape code is; 0 inside."""
        low, high = self.shape_range.unbind(1)
        return (low - shape).relu() + (shape - high).relu()

    def trunk(self, state: FitState, rest: RestBody | None = None) -> Float[Tensor, " t"]:
        """The energy without the arms: while they still hang anyhow, they must not pull the body."""
        posed = self.pose(state, rest)
        points = [i for i, name in enumerate(TARGET_JOINTS) if name.endswith(("shoulder", "hip"))]
        joints = self.joints(posed, state)[:, points].sum(1) + self.directions(posed, "trunk")
        return self.face(posed, state) + joints + self.prior(state)

    def total(self, state: FitState, rest: RestBody | None = None) -> Float[Tensor, " t"]:
        posed = self.pose(state, rest)
        hands = sum(self.hand(posed, state, side) for side in ("left", "right"))
        others = sum(self.directions(posed, part) for part in self.bones) + self.outside(posed, state)
        return self.face(posed, state) + self.joints(posed, state).sum(1) + hands + others + self.prior(state)

    def arms(self, state: FitState, rest: RestBody | None = None) -> Float[Tensor, "t 2"]:
        """The part of the energy that the left and the right arm change, without the face."""
        posed = self.pose(state, rest)
        joints, prior = self.joints(posed, state), self.pose_prior.cost(state.joint_rotvec)
        costs = []
        for side in ("left", "right"):
            points = [i for i, name in enumerate(TARGET_JOINTS) if name in (f"{side}_elbow", f"{side}_wrist")]
            seen = joints[:, points].sum(1) + self.hand(posed, state, side) + self.directions(posed, side)
            costs.append(seen + prior[:, arm_joints(side)].sum(1))
        return torch.stack(costs, 1)


def arm_joints(side: str) -> list[int]:
    """Shoulder to fingertips."""
    arm = [f"{side}_shoulder", f"{side}_elbow"]
    return [JOINT_INDEX[name] for name in arm] + hand_joints(side)
