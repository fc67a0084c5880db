"""A known person who moves and talks, and what a detector would see."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from vlogger_core.body.fit_priors import PosePrior, shape_mean
from vlogger_core.body.fit_targets import FitBody
from vlogger_core.body.landmarks import BODY_POINTS, PhotoLandmarks
from vlogger_core.body.protocol import BodyModel
from vlogger_core.datatypes import Camera
from vlogger_core.names import EXPRESSION_INDEX, JOINT_INDEX
from vlogger_core.render.camera import project

SIZE = 256


@dataclass(frozen=True, kw_only=True)
class MovingPerson:
    shape: Tensor
    camera: Camera
    joint_rotvec: Tensor
    translation: Tensor
    expression: Tensor
    landmarks: list[PhotoLandmarks]


def moving_person(
    model: BodyModel, num_frames: int, *, blinks: tuple[int, ...] = (), noise_px: float = 0.2, arms: bool = False
) -> MovingPerson:
    """Head and jaw swing, lids close for three frames from each of `blinks` on, the right arm waves."""
    generator = torch.Generator().manual_seed(0)
    camera = Camera(fov_deg=38.0, width=SIZE, height=SIZE)
    time = torch.arange(num_frames) / 25.0
    pose = PosePrior.build().mean.repeat(num_frames, 1, 1)
    pose[:, JOINT_INDEX["head"], 1] += math.radians(9) * torch.sin(2 * math.pi * 0.7 * time)
    pose[:, JOINT_INDEX["neck"], 0] += math.radians(5) * torch.sin(2 * math.pi * 0.5 * time)
    if arms:
        pose[:, JOINT_INDEX["right_shoulder"], 2] -= math.radians(10) * (1 - torch.cos(2 * math.pi * 0.5 * time))
        pose[:, JOINT_INDEX["right_elbow"], 1] += math.radians(60) + math.radians(15) * torch.sin(2 * math.pi * time)
    expression = torch.zeros(num_frames, 52)
    expression[:, EXPRESSION_INDEX["jawOpen"]] = 0.2 * (1 - torch.cos(2 * math.pi * 2.5 * time)) / 2
    for start in blinks:
        for side in ("Left", "Right"):
            expression[start : start + 3, EXPRESSION_INDEX[f"eyeBlink{side}"]] = torch.tensor([0.6, 1.0, 0.5])
    shape = shape_mean(model)
    shape[:3] += 0.05
    translation = torch.tensor([0.0, -0.55, -1.6 if arms else -1.1]).repeat(num_frames, 1)
    translation[:, 0] += 0.01 * torch.sin(2 * math.pi * 0.4 * time)
    body = FitBody.build(model)
    with torch.no_grad():
        posed = body.model.pose(body.model.rest(shape), pose, translation, expression)
        face = project(body.face(posed), camera)[0]
        joints = project(posed.joints, camera)[0]
        hands = [project(body.hand(posed, side), camera)[0] for side in ("left", "right")]
    face = face + noise_px * torch.randn(face.shape, generator=generator)
    landmarks = []
    for t in range(num_frames):
        body_points = torch.zeros(len(BODY_POINTS), 3)
        for i, name in enumerate(BODY_POINTS):
            if name in JOINT_INDEX:
                body_points[i, :2] = joints[t, JOINT_INDEX[name]]
                body_points[i, 2] = 1.0
        landmarks.append(
            PhotoLandmarks(
                width=SIZE,
                height=SIZE,
                face=_seen(face[t]),
                body=_inside(body_points),
                left_hand=_inside(_seen(hands[0][t])) * float(arms),
                right_hand=_inside(_seen(hands[1][t])) * float(arms),
                source="test",
            )
        )
    return MovingPerson(
        shape=shape,
        camera=camera,
        joint_rotvec=pose,
        translation=translation,
        expression=expression,
        landmarks=landmarks,
    )


def without_face(points: PhotoLandmarks) -> PhotoLandmarks:
    """What a detector that has lost the person gives."""
    nothing = {name: torch.zeros_like(getattr(points, name)) for name in ("face", "body", "left_hand", "right_hand")}
    return replace(points, **nothing)


def _seen(points: Tensor) -> Tensor:
    return torch.cat((points, torch.ones(len(points), 1)), 1)


def _inside(points: Tensor) -> Tensor:
    inside = ((points[:, :2] > 0) & (points[:, :2] < SIZE)).all(1)
    return points * inside[:, None]
