"""Small bodies to render: a sphere that turns, and a person made of it."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import torch
from torch import Tensor

from vlogger_core.body.protocol import PosedBody, RestBody
from vlogger_core.datatypes import BodyFit, Camera, Motion
from vlogger_core.names import JOINT_INDEX, PART_INDEX
from vlogger_core.render.raster import rasterise
from vlogger_core.rotation import rotvec_to_rotmat

DISTANCE_M = 1.0


class BallBody:
    """A sphere of 12 cm that the head joint turns; jawOpen pulls its lower half down and opens a mouth."""

    name = "ball"
    shape_names: tuple[str, ...] = ("radius",)

    def __init__(self, rows: int = 24, columns: int = 36) -> None:
        polar = torch.linspace(0, math.pi, rows + 1)
        around = torch.linspace(0, 2 * math.pi, columns + 1)[:-1]
        p, a = torch.meshgrid(polar, around, indexing="ij")
        self.template = 0.12 * torch.stack((p.sin() * a.sin(), p.cos(), p.sin() * a.cos()), -1).reshape(-1, 3)
        index = torch.arange((rows + 1) * columns).reshape(rows + 1, columns)
        below, beside = index[1:], index.roll(-1, 1)
        first = torch.stack((index[:-1], below, beside[1:]), -1).reshape(-1, 3)
        second = torch.stack((index[:-1], beside[1:], beside[:-1]), -1).reshape(-1, 3)
        self.faces = torch.cat((first, second))
        centre = self.template[self.faces].mean(1)
        self.face_parts = torch.full((len(self.faces),), PART_INDEX["head"])
        front = (centre[:, 2] > 0.08) & (centre[:, 0].abs() < 0.04)
        self.face_parts[front & ((centre[:, 1] + 0.03).abs() < 0.02)] = PART_INDEX["lips"]
        self.face_parts[front & ((centre[:, 1] + 0.03).abs() < 0.008)] = PART_INDEX["mouth_cavity"]
        self.face_landmark_weight = torch.zeros(478)

    def mean_shape(self) -> Tensor:
        return torch.zeros(1)

    def rest(self, shape: Tensor) -> RestBody:
        return RestBody(vertices=self.template * (1 + shape[0]), joints=torch.zeros(1, 3))

    def pose(self, rest: RestBody, joint_rotvec: Tensor, translation: Tensor, expression: Tensor) -> PosedBody:
        turn = rotvec_to_rotmat(joint_rotvec[:, JOINT_INDEX["head"]])
        jaw = (rest.vertices[:, 1] < -0.03) * 0.05
        moved = rest.vertices.expand(len(turn), -1, -1).clone()
        moved[..., 1] -= jaw * expression[:, 24:25]
        vertices = torch.einsum("tij,tvj->tvi", turn, moved) + translation[:, None]
        return PosedBody(vertices=vertices, joints=translation[:, None].expand(-1, 55, 3))

    def face_landmarks(self, vertices: Tensor) -> Tensor:
        return vertices[:, :1].expand(-1, 478, 3)

    def to(self, device: object) -> BallBody:
        del device
        return self


def ball_fit(h: int = 96, w: int = 80) -> BodyFit:
    """The ball before a gradient with a grid; its matte reaches a little beyond it, as hair does."""
    y, x = torch.meshgrid(torch.arange(h) / h, torch.arange(w) / w, indexing="ij")
    image = torch.stack((x, y, 0.5 + 0.4 * torch.sin(25 * x) * torch.sin(25 * y)))
    radius = torch.hypot((x - 0.5) * w, (y - 0.5) * h) / min(h, w)
    return BodyFit(
        model=BallBody(),
        shape=torch.zeros(1),
        joint_rotvec=torch.zeros(55, 3),
        translation=torch.tensor([0.0, 0.0, -DISTANCE_M]),
        expression=torch.zeros(52),
        camera=Camera(fov_deg=30.0, width=w, height=h),
        image=image,
        mask=((0.42 - radius) / 0.04).clamp(0, 1),
    )


class ArmBody(BallBody):
    """The ball as a trunk, with a flat arm before its left half that the left shoulder turns about its middle."""

    name = "ball with an arm"

    def __init__(self) -> None:
        super().__init__()
        self.is_arm = torch.zeros(len(self.template) + 15, dtype=torch.bool)
        self.is_arm[-15:] = True
        across, along = torch.meshgrid(torch.linspace(-0.02, 0.02, 3), torch.linspace(0.0, -0.14, 5), indexing="ij")
        arm = torch.stack((across + 0.03, along, torch.full_like(across, 0.16)), -1).reshape(-1, 3)
        index = torch.arange(15).reshape(3, 5) + len(self.template)
        a, b, c, d = index[:-1, :-1], index[1:, :-1], index[:-1, 1:], index[1:, 1:]
        arm_faces = torch.cat((torch.stack((a, c, b), -1).reshape(-1, 3), torch.stack((b, c, d), -1).reshape(-1, 3)))
        self.template = torch.cat((self.template, arm))
        self.faces = torch.cat((self.faces, arm_faces))
        self.face_parts = torch.full((len(self.faces),), PART_INDEX["body"])
        self.face_parts[-len(arm_faces) :] = PART_INDEX["left_arm"]

    def pose(self, rest: RestBody, joint_rotvec: Tensor, translation: Tensor, expression: Tensor) -> PosedBody:
        still = rest.vertices.expand(len(translation), -1, -1)
        turn = rotvec_to_rotmat(joint_rotvec[:, JOINT_INDEX["left_shoulder"]])
        turned = torch.einsum("tij,tvj->tvi", turn, still)
        vertices = torch.where(self.is_arm[:, None], turned, still) + translation[:, None]
        return PosedBody(vertices=vertices, joints=translation[:, None].expand(-1, 55, 3))


def arm_fit(side: int = 128) -> BodyFit:
    """A red ball with a blue arm before a green wall."""
    body = ArmBody()
    fit = ball_fit(side, side)
    fit = replace(fit, model=body, image=torch.zeros(3, side, side), mask=torch.zeros(side, side))
    posed = body.pose(body.rest(fit.shape), fit.joint_rotvec[None], fit.translation[None], fit.expression[None])
    raster = rasterise(posed.vertices[0], body.faces, fit.camera)
    part = torch.where(raster.covered, body.face_parts[raster.face_id.clamp(min=0)], 0)
    image = torch.stack((part == PART_INDEX["body"], part == 0, part == PART_INDEX["left_arm"])).float() * 0.9
    return replace(fit, image=image, mask=(part > 0).float())


def shoulder_motion(angle: float) -> Motion:
    """One frame; the arm turns towards the ball's left side and up."""
    return Motion(
        fps=Fraction(24),
        expression=torch.zeros(1, 52),
        joint_names=("left_shoulder",),
        joint_rotvec=torch.tensor([[[0.0, 0.0, angle]]]),
        translation=torch.zeros(1, 3),
    )


def head_motion(rotvecs: list[list[float]], jaw_open: float = 0.0) -> Motion:
    frames = len(rotvecs)
    expression = torch.zeros(frames, 52)
    expression[:, 24] = jaw_open
    return Motion(
        fps=Fraction(24),
        expression=expression,
        joint_names=("head",),
        joint_rotvec=torch.tensor(rotvecs).reshape(frames, 1, 3),
        translation=torch.zeros(frames, 3),
    )
