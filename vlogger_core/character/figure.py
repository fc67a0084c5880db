"""The naked figure: Anny in the character's shape, pose and expression, standing before the camera."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ..body.anny_model import AnnyBody
from ..body.eyeballs import eyeball
from ..datatypes import Camera
from ..names import EXPRESSION_INDEX, JOINT_INDEX, PART_INDEX, SMPLX_JOINTS
from .config import CharacterConfig
from .geometry import Mesh, subdivide
from .noise import NoiseField, smoothstep

DISTANCE_M = 1.6
"""From the camera to the eyes."""
FIELD_M = 0.55
"""Height of the picture at the eyes."""
EYE_LEVEL_M = 0.085
"""Of the eyes above the middle of the picture."""
_LOWEST_M = -0.75
"""Nothing further below the eyes is drawn."""
_MARGINS = (
    (7773, 7775, 7776, 7777, 7778, 7779, 7780, 7781, 7782, 11718, 7783, 7784, 7785, 7786, 7787, 7788, 7789, 11719,
     7790, 7797, 7796, 7795, 7794, 7798, 7793, 7792, 7791, 7774),
    (1081, 1083, 1084, 1085, 1086, 1087, 1088, 1089, 1090, 5103, 1091, 1092, 1093, 1094, 1095, 1096, 1097, 5104,
     1098, 1105, 1104, 1103, 1102, 1106, 1101, 1100, 1099, 1082),
)  # fmt: skip
"""MakeHuman's vertices along the lid margins, in order around the subject's left and right eye."""


@dataclass(frozen=True, kw_only=True)
class Eye:
    """An eyeball and the lid margin around it."""

    centre: Float[Tensor, "3"]
    radius: float
    """Metres."""
    margin: Float[Tensor, "n 3"]
    """Where skin meets eye, in order around the eye."""
    rest_margin: Float[Tensor, "n 3"]
    """The same on the rest body, from between the eyes."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """The body in the world frame of `datatypes`."""

    coarse: Mesh
    """The skin in Anny's own resolution, without eyeballs and without what lies far below the picture."""
    skin: Mesh
    """The same, subdivided."""
    inside: Bool[Tensor, " f"]
    """Which faces of `skin` line the mouth and the eye sockets."""
    eyes: tuple[Eye, Eye]
    """The subject's left, right."""
    rest_seam: Float[Tensor, "n 3"]
    """Points along the line where the lips meet, on the rest body, from between the eyes."""
    rest_eye: Float[Tensor, "3"]
    """Middle between the eyes on the rest body: the origin of masks on the face."""


def camera_for(height: int, width: int) -> Camera:
    """The portrait lens: `FIELD_M` high at the eyes."""
    f_px = height * DISTANCE_M / FIELD_M
    return Camera(fov_deg=math.degrees(2 * math.atan(math.hypot(width, height) / 2 / f_px)), width=width, height=height)


def build_figure(config: CharacterConfig, model: AnnyBody) -> Figure:
    """Shape, pose and place the body."""
    shape = model.shape(**{name.replace("-", "_"): value for name, value in config.shape.items()})
    expression = torch.zeros(1, len(EXPRESSION_INDEX))
    for name, value in config.expression.items():
        expression[0, EXPRESSION_INDEX[name]] = value
    posed = model.pose(model.rest(shape), _pose(config)[None], torch.zeros(1, 3), expression)
    rest = model.rest(model.shape(age=0.67)).vertices
    vertices = posed.vertices[0]

    balls = tuple(model.faces[eyeball(model, side)].unique() for side in ("left", "right"))
    middle = torch.stack([vertices[ball].mean(0) for ball in balls]).mean(0)
    rest_eye = torch.stack([rest[ball].mean(0) for ball in balls]).mean(0)
    vertices = vertices - middle + torch.tensor([0.0, EYE_LEVEL_M, -DISTANCE_M])
    vertices = vertices + _asymmetry(rest - rest_eye, config.seed)

    place = torch.full((int(model.base_vertices.max()) + 1,), -1)
    place[model.base_vertices] = torch.arange(len(model.base_vertices))
    margins = tuple(place[torch.tensor(margin)] for margin in _MARGINS)
    left, right = (_eye(vertices, rest - rest_eye, ball, margin) for ball, margin in zip(balls, margins, strict=True))

    mouth = model.face_parts == PART_INDEX["mouth_cavity"]
    lids = model.faces[model.face_parts == PART_INDEX["lids"]]
    cavity = torch.zeros(len(vertices), dtype=torch.bool)
    for margin, ball in zip(margins, balls, strict=True):
        cavity |= _inside_margin(lids, margin, vertices, vertices[ball].mean(0))
    inside = mouth | cavity[model.faces].any(1)
    outside = torch.zeros(len(vertices), dtype=torch.bool)
    outside[model.faces[~mouth & (model.face_parts == PART_INDEX["lips"])]] = True
    seam = model.faces[mouth].unique()

    unseen = torch.isin(
        model.face_parts, torch.tensor([PART_INDEX[n] for n in ("left_eye", "right_eye", "iris", "teeth", "tongue")])
    )
    shown = ~unseen & (vertices[model.faces][:, :, 1].amin(1) > EYE_LEVEL_M + _LOWEST_M)
    corner_uv = torch.zeros(len(model.faces), 3, 2)
    corner_uv[: len(model.face_uv)] = model.uv[model.face_uv]
    mesh = Mesh(vertices=vertices, rest=rest, faces=model.faces, corner_uv=corner_uv)
    coarse = mesh.select(shown)
    return Figure(
        coarse=coarse,
        skin=subdivide(coarse),
        inside=inside[shown].repeat_interleave(4),
        eyes=(left, right),
        rest_seam=(rest - rest_eye)[seam[outside[seam]]],
        rest_eye=rest_eye,
    )


def _pose(config: CharacterConfig) -> Float[Tensor, "55 3"]:
    """Rotations in SMPL-X frames, radians: arms hang, the shoulders turn a little, the head turns back."""
    pose = torch.zeros(len(SMPLX_JOINTS), 3)

    def turn(joint: str, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> None:
        pose[JOINT_INDEX[joint]] = torch.deg2rad(torch.tensor([x, y, z]))

    yaw, roll = config.body_yaw_deg, config.head_roll_deg
    turn("spine1", y=0.5 * yaw)
    turn("spine3", y=0.5 * yaw)
    turn("neck", y=-0.5 * yaw, z=0.5 * roll)
    turn("head", x=1.5, y=-0.5 * yaw + config.head_yaw_deg, z=0.5 * roll)
    for side, sign in (("left", 1), ("right", -1)):
        turn(f"{side}_collar", z=-sign * 8)
        turn(f"{side}_shoulder", x=4, z=-sign * 68)
        turn(f"{side}_elbow", y=-sign * 14)
    return pose


def _asymmetry(local: Tensor, seed: int) -> Tensor:
    """A millimetre here and there, since no face is its own mirror image; eyes and lids stay."""
    field = NoiseField(seed + 91, 3)(local, 0.05)
    near_eye = torch.exp(-((local[:, 0].abs() - 0.031) ** 2 + local[:, 1] ** 2) / 0.020**2)
    on_head = smoothstep(-0.16, -0.10, local[:, 1])
    return 0.0008 * field * (on_head * (1 - near_eye))[:, None]


def _eye(vertices: Tensor, local_rest: Tensor, ball: Tensor, margin: Tensor) -> Eye:
    points = vertices[ball]
    system = torch.cat((2 * points, torch.ones(len(points), 1)), 1).double()
    solution = torch.linalg.lstsq(system, (points.double() ** 2).sum(1, keepdim=True)).solution[:, 0]
    centre = solution[:3]
    radius = float((solution[3] + centre @ centre).sqrt())
    return Eye(centre=centre.float(), radius=radius, margin=vertices[margin], rest_margin=local_rest[margin])


def _inside_margin(lids: Int[Tensor, "f 3"], margin: Tensor, vertices: Tensor, centre: Tensor) -> Bool[Tensor, " v"]:
    """Vertices of the socket's lining: what hangs together with its deepest point without crossing the margin."""
    border = torch.zeros(len(vertices), dtype=torch.bool)
    border[margin] = True
    reached = torch.zeros_like(border)
    own = lids.unique()
    own = own[(vertices[own] - centre).norm(dim=1) < 0.05]
    reached[own[vertices[own, 2].argmin()]] = True
    while True:
        grown = reached.clone()
        touched = lids[(reached & ~border)[lids].any(1)]
        grown[touched] = True
        if bool((grown == reached).all()):
            return reached & ~border
        reached = grown
