"""What a fit compares with a photo: its points as weighted targets, and a body reduced to what they touch."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..names import JOINT_INDEX
from .face_outlines import EYELIDS, FACE_OVAL, LIPS
from .landmarks import BODY_POINTS, NUM_HAND_POINTS, PhotoLandmarks
from .protocol import BodyModel, PosedBody
from .track_surface import Surface
from .vertex_points import fingertips, hand_points

FACE_SIGMA, FACE_RHO = 0.02, 0.12
"""Noise of a face point, and where the robust error levels off, as shares of the eye distance."""
FACE_EVIDENCE = 150.0
"""How many independent points the 478 are worth."""
BODY_SIGMA, BODY_RHO = 0.0035, 0.06
HIP_SIGMA = 0.012
HAND_SIGMA, HAND_RHO = 0.006, 0.04
"""As shares of the image diagonal."""
MIN_CONFIDENCE = 0.2

_IRISES = tuple(range(468, 478))
_FEATURE_WEIGHT = 2.0
"""Lids, lips, irises and outline carry the picture: they count more than cheeks."""

TARGET_JOINTS = tuple(
    name for name in BODY_POINTS if name.split("_")[-1] in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
)


@dataclass(frozen=True, kw_only=True)
class PointGroup:
    """Points in the photo with the weight of each in the energy."""

    xy: Float[Tensor, "n 2"]
    weight: Float[Tensor, " n"]
    sigma: Float[Tensor, " n"]
    """Pixels."""
    rho: float
    """Pixels."""

    def cost(self, points: Float[Tensor, "t n 2"]) -> Float[Tensor, "t n"]:
        """Geman-McClure on the distance: quadratic for small errors, constant for points that are plainly wrong."""
        squared = (points - self.xy).square().sum(-1)
        robust = squared / (1 + squared / self.rho**2)
        return self.weight * robust / (2 * self.sigma.square())

    def only(self, joints: tuple[str, ...]) -> PointGroup:
        """The group of `TARGET_JOINTS` with only some of them."""
        return replace(self, weight=self.weight * torch.tensor([float(name in joints) for name in TARGET_JOINTS]))

    def confidence(self, points: Float[Tensor, "n 2"], full: float, tolerance_px: float) -> float:
        """0 to 1: the share of the full weight that was seen, times how well the points are met."""
        error = (points - self.xy).norm(dim=-1)
        met = (self.weight * torch.exp(-(error / tolerance_px).square())).sum()
        return (met / full).clamp(0, 1).item()


@dataclass(frozen=True, kw_only=True)
class FitTargets:
    """All points of one photo."""

    face: PointGroup
    body: PointGroup
    """`TARGET_JOINTS`."""
    left_hand: PointGroup
    right_hand: PointGroup
    eye_distance: float

    @staticmethod
    def build(landmarks: PhotoLandmarks, model_weight: Float[Tensor, "478"]) -> FitTargets:
        diagonal = (landmarks.width**2 + landmarks.height**2) ** 0.5
        eye = landmarks.eye_distance

        weight = landmarks.face[:, 2] * model_weight
        feature = torch.ones(len(weight))
        feature[list({*EYELIDS, *LIPS, *FACE_OVAL, *_IRISES})] = _FEATURE_WEIGHT
        weight = weight * feature
        full = (model_weight * feature).sum().clamp(min=1e-6)
        # Fewer points (68 instead of 478) say nearly as much about a face; a third of the face says a third.
        seen = (weight.sum() / full).clamp(min=1e-6)
        face = PointGroup(
            xy=landmarks.face[:, :2],
            weight=weight / full * FACE_EVIDENCE * seen.rsqrt(),
            sigma=torch.full((len(weight),), FACE_SIGMA * eye),
            rho=FACE_RHO * eye,
        )

        def group(points: Tensor, sigma: Tensor, rho: float) -> PointGroup:
            confidence = torch.where(points[:, 2] >= MIN_CONFIDENCE, points[:, 2].square(), 0.0)
            return PointGroup(xy=points[:, :2], weight=confidence, sigma=sigma * diagonal, rho=rho * diagonal)

        joints = torch.stack([landmarks.point(name) for name in TARGET_JOINTS])
        legs = torch.tensor([name.endswith(("hip", "knee", "ankle")) for name in TARGET_JOINTS])
        hand_sigma = torch.full((NUM_HAND_POINTS,), HAND_SIGMA)
        return FitTargets(
            face=face,
            body=group(joints, torch.where(legs, HIP_SIGMA, BODY_SIGMA), BODY_RHO),
            left_hand=group(landmarks.left_hand, hand_sigma, HAND_RHO),
            right_hand=group(landmarks.right_hand, hand_sigma, HAND_RHO),
            eye_distance=eye,
        )


@dataclass(frozen=True, kw_only=True)
class FitBody:
    """A body reduced to the vertices that the targets touch, for speed, with the points to compare."""

    model: BodyModel
    tips: Int[Tensor, "2 5"]
    """Vertices of the left and right fingertips, in the order of `FINGERS`."""
    outline: Int[Tensor, " m"] | None = None
    """Vertices that are kept inside the person's matte."""
    surface: Surface | None = None
    """Points that a clip's frames show."""

    @staticmethod
    def build(model: BodyModel, outline: Int[Tensor, " m"] | None = None, surface: Surface | None = None) -> FitBody:
        tips = fingertips(model)
        more = [] if outline is None else [outline]
        if surface is not None:
            more.append(surface.corners.flatten())
        touched = torch.cat((tips.flatten(), _landmark_vertices(model), *more))
        return FitBody(model=model, tips=tips, outline=outline, surface=surface)._reduced(touched)

    def without_face(self) -> FitBody:
        """Only joints and fingertips, which is all that arms need."""
        return replace(self, outline=None, surface=None)._reduced(self.tips.flatten())

    def _reduced(self, vertices: Int[Tensor, " n"]) -> FitBody:
        with_vertices = getattr(self.model, "with_vertices", None)
        if with_vertices is None:
            return self
        kept = vertices.unique()
        outline = None if self.outline is None else torch.searchsorted(kept, self.outline)
        surface = None if self.surface is None else self.surface.renumbered(kept)
        tips = torch.searchsorted(kept, self.tips)
        return FitBody(model=with_vertices(kept), tips=tips, outline=outline, surface=surface)

    def face(self, posed: PosedBody) -> Float[Tensor, "t 478 3"]:
        return self.model.face_landmarks(posed.vertices)

    def body(self, posed: PosedBody) -> Float[Tensor, "t n 3"]:
        return posed.joints[:, [JOINT_INDEX[name] for name in TARGET_JOINTS]]

    def hand(self, posed: PosedBody, side: str) -> Float[Tensor, "t 21 3"]:
        return hand_points(posed, side, self.tips[0 if side == "left" else 1])


def _landmark_vertices(model: BodyModel) -> Int[Tensor, " n"]:
    """The vertices that face landmarks depend on: those with a gradient."""
    vertices = model.template.detach().clone()[None].requires_grad_()
    (gradient,) = torch.autograd.grad(model.face_landmarks(vertices).sum(), vertices)
    return gradient[0].abs().sum(-1).nonzero()[:, 0]
