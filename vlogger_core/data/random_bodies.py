"""Random people in front of random cameras, and what a detector with noise would see of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..body.fit_priors import FOV_DEG, FOV_SIGMA_DEG, PosePrior, shape_mean, shape_sigma
from ..body.fit_targets import FitBody
from ..body.landmarks import BODY_POINTS, PhotoLandmarks
from ..body.protocol import BodyModel
from ..body.vertex_points import fingertips
from ..datatypes import Camera
from ..names import EXPRESSION_INDEX, JOINT_INDEX
from ..render.camera import project
from ..rotation import rotmat_to_rotvec, rotvec_to_rotmat

SIZE = 512
NOISE_PX = 1.0
EYES_M = 0.0625
"""Between the eyes of an average adult: how far the head stands follows from it."""
SHAPE_SPREAD = 0.7
"""Of the shape prior's sigma, which is wider than people are, so that no likeness is out of reach. With it the
lengths of faces, trunks and arms differ by 5 to 7 %, as those of adults do."""
MAX_YAW_DEG, MAX_PITCH_DEG = 35.0, 20.0
_TRUNK_DEG = {"pelvis": (3, 12, 3), "spine1": (2, 2, 2), "spine2": (2, 2, 2), "spine3": (2, 2, 2)}
"""Spread about x, y and z: people who sit or stand upright lean by about five degrees."""
_MIRROR = torch.tensor([1.0, -1.0, -1.0])
_DRAWN_JOINTS = [
    i
    for name, i in JOINT_INDEX.items()
    if (name[-1].isdigit() and not name.startswith("spine")) or name.endswith(("collar", "wrist", "eye_smplhf"))
]


@dataclass(frozen=True, kw_only=True)
class KnownBody:
    """A body whose every parameter is known."""

    model: BodyModel
    shape: Float[Tensor, " d"]
    joint_rotvec: Float[Tensor, "55 3"]
    translation: Float[Tensor, "3"]
    expression: Float[Tensor, "52"]
    camera: Camera
    landmarks: PhotoLandmarks
    """With noise; points outside the picture are not seen."""

    def points(self) -> BodyPoints:
        return body_points(self.model, self.shape, self.joint_rotvec, self.translation, self.expression, self.camera)


@dataclass(frozen=True, kw_only=True)
class BodyPoints:
    """Joints in the world, and the pixels of all points of `PhotoLandmarks`."""

    joints: Float[Tensor, "55 3"]
    face: Float[Tensor, "478 2"]
    body: Float[Tensor, "17 2"]
    """Those of the head are NaN: they are no joints."""
    left_hand: Float[Tensor, "21 2"]
    right_hand: Float[Tensor, "21 2"]


def body_points(
    model: BodyModel,
    shape: Float[Tensor, " d"],
    joint_rotvec: Float[Tensor, "55 3"],
    translation: Float[Tensor, "3"],
    expression: Float[Tensor, "52"],
    camera: Camera,
) -> BodyPoints:
    """Where a camera sees a body."""
    posed = model.pose(model.rest(shape), joint_rotvec[None], translation[None], expression[None])
    whole = FitBody(model=model, tips=fingertips(model))
    body = torch.full((len(BODY_POINTS), 3), float("nan"))
    for i, name in enumerate(BODY_POINTS):
        if name in JOINT_INDEX:
            body[i] = posed.joints[0, JOINT_INDEX[name]]
    return BodyPoints(
        joints=posed.joints[0],
        face=project(model.face_landmarks(posed.vertices)[0], camera)[0],
        body=project(body, camera)[0],
        left_hand=project(whole.hand(posed, "left")[0], camera)[0],
        right_hand=project(whole.hand(posed, "right")[0], camera)[0],
    )


def random_body(model: BodyModel, seed: int) -> KnownBody:
    """One person, the same for the same seed: a shape, a pose of head, arms and hands, an expression, a framing."""
    draw = _Draw(seed)
    sigma = shape_sigma(model.shape_names)
    shape = shape_mean(model) + SHAPE_SPREAD * sigma * draw.normal(len(sigma)).clamp(-2, 2)
    low, high = getattr(model, "shape_range", torch.tensor([[-3.0, 3.0]]).expand(len(sigma), 2)).unbind(1)
    shape = shape.clamp(low, high)
    expression = _expression(draw)
    rest = model.rest(shape)
    while True:
        pose = _pose(draw)
        posed = model.pose(rest, pose[None], torch.zeros(1, 3), expression[None])
        if _arms_are_free(posed.joints[0]):
            break
    fov_deg = (FOV_DEG + FOV_SIGMA_DEG * draw.normal().clamp(-2, 2)).item()
    camera = Camera(fov_deg=fov_deg, width=SIZE, height=SIZE)
    eye_px = draw.between(24, 64)
    depth = camera.f_px * EYES_M / eye_px
    x, y = draw.between(-0.12, 0.12) * SIZE, draw.between(-0.25, -0.08) * SIZE
    head = torch.tensor([x * depth / camera.f_px, -y * depth / camera.f_px, -depth])
    translation = head - posed.joints[0, JOINT_INDEX["head"]]
    seen = body_points(model, shape, pose, translation, expression, camera)
    return KnownBody(
        model=model,
        shape=shape,
        joint_rotvec=pose,
        translation=translation,
        expression=expression,
        camera=camera,
        landmarks=_detected(seen, draw),
    )


class _Draw:
    """Random numbers from one seed."""

    def __init__(self, seed: int) -> None:
        self._generator = torch.Generator().manual_seed(seed)

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self._generator)

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * torch.rand((), generator=self._generator).item()

    def happens(self, probability: float) -> bool:
        return self.between(0, 1) < probability


def _expression(draw: _Draw) -> Float[Tensor, "52"]:
    expression = torch.zeros(len(EXPRESSION_INDEX))

    def put(name: str, value: float) -> None:
        sides = (name,) if name in EXPRESSION_INDEX else (f"{name}Left", f"{name}Right")
        for side in sides:
            expression[EXPRESSION_INDEX[side]] = max(0.0, min(1.0, value * draw.between(0.85, 1.15)))

    if draw.happens(0.6):
        put("jawOpen", draw.between(0, 0.6))
    if draw.happens(0.5):
        put("mouthSmile", draw.between(0.1, 0.8))
    if draw.happens(0.2):
        put("eyeBlink", draw.between(0.7, 1))
    if draw.happens(0.3):
        put("browInnerUp", draw.between(0.1, 0.5))
    if draw.happens(0.15):
        put("mouthPucker", draw.between(0.1, 0.5))
    return expression


def _pose(draw: _Draw) -> Float[Tensor, "55 3"]:
    prior = PosePrior.build()
    # Fingers, collars, wrists and eyes as the prior has them, but not at its borders; jaw and legs at rest.
    drawn = prior.mean + 0.6 * prior.sigma * draw.normal(*prior.mean.shape).clamp(-2, 2)
    pose = torch.zeros_like(prior.mean)
    pose[_DRAWN_JOINTS] = drawn.maximum(prior.low).minimum(prior.high)[_DRAWN_JOINTS]
    for name, spread in _TRUNK_DEG.items():
        pose[JOINT_INDEX[name]] = (torch.tensor(spread).float() * draw.normal(3).clamp(-2, 2)).deg2rad()
    trunk = torch.eye(3)
    for name in ("pelvis", "spine1", "spine2", "spine3"):
        trunk = trunk @ rotvec_to_rotmat(pose[JOINT_INDEX[name]])
    yaw, pitch = draw.between(-MAX_YAW_DEG, MAX_YAW_DEG), draw.between(-MAX_PITCH_DEG, MAX_PITCH_DEG)
    head = _turn(1, yaw) @ _turn(0, pitch) @ _turn(2, 5 * draw.normal().item())
    half = rotmat_to_rotvec(trunk.mT @ head) / 2
    pose[JOINT_INDEX["neck"]] = half
    pose[JOINT_INDEX["head"]] = half
    for side, mirror in (("left", torch.ones(3)), ("right", _MIRROR)):
        hangs = draw.happens(0.35)
        lowered = draw.between(-82, -70) if hangs else draw.between(-78, -50)
        shoulder = _turn(2, lowered) @ _turn(0, draw.between(-15, 15) if hangs else draw.between(-15, 50))
        elbow = _turn(1, draw.between(-30, -5) if hangs else draw.between(-120, -50)) @ _turn(0, draw.between(-60, 60))
        pose[JOINT_INDEX[f"{side}_shoulder"]] = rotmat_to_rotvec(shoulder) * mirror
        pose[JOINT_INDEX[f"{side}_elbow"]] = rotmat_to_rotvec(elbow) * mirror
    return pose


def _turn(axis: int, degrees: float) -> Float[Tensor, "3 3"]:
    rotvec = torch.zeros(3)
    rotvec[axis] = math.radians(degrees)
    return rotvec_to_rotmat(rotvec)


def _arms_are_free(joints: Float[Tensor, "55 3"]) -> bool:
    """Whether elbows and wrists keep clear of the trunk and are not behind it."""
    chest, pelvis = joints[JOINT_INDEX["spine3"]], joints[JOINT_INDEX["pelvis"]]
    for name in ("left_elbow", "right_elbow", "left_wrist", "right_wrist"):
        x, y, z = (joints[JOINT_INDEX[name]] - chest).tolist()
        beside = abs(x) > 0.18
        if z < -0.15 or (not beside and z < 0.12) or y < pelvis[1].item() - chest[1].item() - 0.25:
            return False
    apart = joints[JOINT_INDEX["left_wrist"]] - joints[JOINT_INDEX["right_wrist"]]
    return apart.norm().item() > 0.08


def _detected(seen: BodyPoints, draw: _Draw) -> PhotoLandmarks:
    def noisy(points: Float[Tensor, "n 2"], most: bool = False) -> Float[Tensor, "n 3"]:
        known = _inside(points)
        if most and known.float().mean() < 0.6:
            known = torch.zeros_like(known)
        moved = points.nan_to_num() + NOISE_PX * draw.normal(*points.shape)
        return torch.cat((moved, known[:, None].float()), 1)

    return PhotoLandmarks(
        width=SIZE,
        height=SIZE,
        face=noisy(seen.face),
        body=noisy(seen.body),
        left_hand=noisy(seen.left_hand, most=True),
        right_hand=noisy(seen.right_hand, most=True),
        source="random body",
    )


def _inside(points: Float[Tensor, "n 2"]) -> Bool[Tensor, " n"]:
    """NaN is nowhere."""
    return (points >= 0).all(1) & (points < SIZE).all(1)
