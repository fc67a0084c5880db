"""Control maps as pictures, in the colours that video models and ControlNets were trained on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int, Num
from torch import Tensor

from ..datatypes import MapFrames
from ..names import PARTS
from .maps import ControlMaps

PART_COLOURS: dict[str, tuple[int, int, int]] = {
    "background": (0, 0, 0),
    "body": (230, 150, 60),
    "head": (255, 205, 160),
    "neck": (240, 170, 120),
    "left_arm": (90, 160, 255),
    "right_arm": (90, 220, 140),
    "left_hand": (30, 90, 255),
    "right_hand": (20, 170, 60),
    "lips": (230, 40, 70),
    "lids": (190, 130, 190),
    "brows": (120, 70, 30),
    "ears": (255, 150, 180),
    "left_eye": (80, 230, 255),
    "right_eye": (180, 255, 90),
    "mouth_cavity": (110, 0, 30),
    "teeth": (255, 255, 255),
    "tongue": (255, 90, 140),
    "hair": (140, 100, 60),
    "iris": (20, 110, 130),
}
"""Red, green, blue. Part of the format: workflows may look for a colour, so none is ever changed."""

CHAMP_COLOURS: tuple[tuple[int, int, int], ...] = (
    (68, 1, 84), (71, 16, 99), (72, 29, 111), (71, 42, 122), (69, 55, 129), (65, 66, 135), (61, 78, 138), (56, 89, 140),
    (51, 99, 141), (46, 109, 142), (42, 118, 142), (39, 128, 142), (35, 137, 142), (32, 146, 140), (30, 156, 137),
    (33, 165, 133), (40, 174, 128), (53, 183, 121), (70, 192, 111), (90, 200, 100), (112, 207, 87), (137, 213, 72),
    (162, 218, 55), (189, 223, 38),
)  # fmt: skip
"""Red, green, blue of the 24 SMPL joints, in their order, as Champ (Zhu et al., "Champ: Controllable and Consistent
Human Image Animation with 3D Parametric Guidance", 2024) paints them: matplotlib's viridis, on black."""

BODY_FAR = 0.2
"""Brightness of the body's furthest point in the picture of its inverse depth; the background is 0."""
FACING = (0.5, 0.5, 1.0)
"""The colour of a surface that faces the viewer, in either convention of normals."""


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """A way to show a map."""

    maps: tuple[str, ...]
    """What `ControlMaps` has to render for it."""
    picture: Callable[[ControlMaps, MapFrames], Float[Tensor, "t 3 h w"]]
    mask: Callable[[MapFrames], Num[Tensor, "t h w"]]
    """Where it is valid."""
    meaning: str
    """For users: what one sees, and what wants it."""


def encode(
    controls: ControlMaps, name: str, frames: MapFrames
) -> tuple[Float[Tensor, "t 3 h w"], Float[Tensor, "t h w"]]:
    """Frames that were rendered with `ENCODINGS[name].maps` as pictures and masks, 0 to 1."""
    encoding = ENCODINGS[name]
    return encoding.picture(controls, frames).clamp(0, 1), encoding.mask(frames).float()


def parts_one_hot(parts: Int[Tensor, "t h w"]) -> Bool[Tensor, "t k h w"]:
    """A plane for each of `names.PARTS`, the paper's semantic masks (section 3.1)."""
    return parts[:, None] == torch.arange(len(PARTS), device=parts.device)[:, None, None]


def parts_to_colours(parts: Int[Tensor, "t h w"]) -> Float[Tensor, "t 3 h w"]:
    """Indices of `names.PARTS` in `PART_COLOURS`."""
    return _coloured(parts, [PART_COLOURS[part] for part in PARTS])


def joint_parts_to_colours(joint_parts: Int[Tensor, "t h w"]) -> Float[Tensor, "t 3 h w"]:
    """`MapFrames.joint_parts` in `CHAMP_COLOURS`, on black."""
    return _coloured(joint_parts, [(0, 0, 0), *CHAMP_COLOURS])


def inverse_depth(depth: Float[Tensor, "t h w"], near: float, far: float) -> Float[Tensor, "t 3 h w"]:
    """As MiDaS and Depth Anything show it, whose ControlNets are fed so: linear in 1 / depth, near is white.

    `near` metres are 1, `far` metres `BODY_FAR`, the background is 0.
    """
    share = (1 / depth - 1 / far) / (1 / near - 1 / far)
    grey = BODY_FAR + (1 - BODY_FAR) * share.clamp(0, 1)
    return _grey(torch.where(depth.isinf(), 0.0, grey))


def linear_depth(depth: Float[Tensor, "t h w"], near: float, far: float) -> Float[Tensor, "t 3 h w"]:
    """As Champ shows it: linear in depth, `near` metres are 1, `far` metres and the background 0."""
    return _grey(torch.where(depth.isinf(), 0.0, ((far - depth) / (far - near)).clamp(0, 1)))


def opengl_normals(normal: Float[Tensor, "t 3 h w"]) -> Float[Tensor, "t 3 h w"]:
    """As Champ and renderers show them: red grows to the right, green upwards, blue towards the viewer; on black."""
    return (normal * 0.5 + 0.5) * (normal != 0).any(1, keepdim=True)


def normalbae_normals(normal: Float[Tensor, "t 3 h w"]) -> Float[Tensor, "t 3 h w"]:
    """As the estimator of Bae et al. (ICCV 2021) shows them, on which ControlNet 1.1's `normalbae` was trained.

    Red grows to the LEFT, green upwards, blue towards the viewer ("blue is front, red is left, green is top", says
    ControlNet 1.1's description; in the paper's figure the right wall of a room, which faces left, is red). The
    estimator knows no empty background: here it faces the viewer.
    """
    red, green, blue = (normal * normal.new_tensor([-1.0, 1.0, 1.0])[:, None, None] * 0.5 + 0.5).unbind(1)
    empty = normal.new_tensor(FACING)[:, None, None]
    return torch.where((normal != 0).any(1, keepdim=True), torch.stack((red, green, blue), 1), empty)


def _given(frames: Tensor | None) -> Tensor:
    if frames is None:
        raise ValueError("frames must hold the maps that the encoding names. Got frames without one of them.")
    return frames


def _coloured(indices: Tensor, colours: list[tuple[int, int, int]]) -> Tensor:
    table = torch.tensor(colours, device=indices.device) / 255
    return table[indices.long()].movedim(-1, 1)


def _grey(values: Float[Tensor, "t h w"]) -> Float[Tensor, "t 3 h w"]:
    return values[:, None].expand(-1, 3, -1, -1)


def _body(frames: MapFrames) -> Tensor:
    return _given(frames.silhouette)


ENCODINGS: dict[str, Encoding] = {
    "dense": Encoding(
        maps=("dense", "silhouette"),
        picture=lambda controls, frames: _given(frames.dense),
        mask=_body,
        meaning="which point of the body each pixel shows: its place on the resting body as colour",
    ),
    "parts": Encoding(
        maps=("parts", "silhouette"),
        picture=lambda controls, frames: parts_to_colours(_given(frames.parts)),
        mask=_body,
        meaning="which part of the body: head, lips, eyes, hands, ... in fixed colours",
    ),
    "warp": Encoding(
        maps=("warp",),
        picture=lambda controls, frames: _given(frames.warp),
        mask=lambda frames: _given(frames.warp_valid),
        meaning="the photo's colours carried by the body's surface, black where the photo does not show it",
    ),
    "warp_flow": Encoding(
        maps=("warp_flow",),
        picture=lambda controls, frames: _given(frames.warp_flow),
        mask=lambda frames: _given(frames.warp_flow_confidence),
        meaning="the whole photo carried along, hair, clothes and background included; the mask is its confidence",
    ),
    "dense_head": Encoding(
        maps=("dense_head",),
        picture=lambda controls, frames: _given(frames.dense_head),
        mask=lambda frames: (_given(frames.dense_head) > 0).any(1),
        meaning="dense for head and neck alone, with the whole range of colours",
    ),
    "parts_champ": Encoding(
        maps=("joint_parts", "silhouette"),
        picture=lambda controls, frames: joint_parts_to_colours(_given(frames.joint_parts)),
        mask=_body,
        meaning="the 24 parts of SMPL in the colours of Champ's semantic maps",
    ),
    "depth": Encoding(
        maps=("depth", "silhouette"),
        picture=lambda controls, frames: inverse_depth(_given(frames.depth), *controls.depth_range),
        mask=_body,
        meaning="inverse depth, near is white, as MiDaS and Depth Anything give it, for depth ControlNets",
    ),
    "depth_champ": Encoding(
        maps=("depth", "silhouette"),
        picture=lambda controls, frames: linear_depth(_given(frames.depth), *controls.depth_range),
        mask=_body,
        meaning="linear depth, near is white, as Champ's depth maps",
    ),
    "normal": Encoding(
        maps=("normal", "silhouette"),
        picture=lambda controls, frames: opengl_normals(_given(frames.normal)),
        mask=_body,
        meaning="surface normals in OpenGL's colours on black, also Champ's: red is right, green is up",
    ),
    "normal_bae": Encoding(
        maps=("normal", "silhouette"),
        picture=lambda controls, frames: normalbae_normals(_given(frames.normal)),
        mask=_body,
        meaning="surface normals as ControlNet's normalbae was trained on: red is left, green is up",
    ),
    "silhouette": Encoding(
        maps=("silhouette",),
        picture=lambda controls, frames: _grey(_given(frames.silhouette).float()),
        mask=_body,
        meaning="white where there is a body",
    ),
}
"""What a user may ask for. Part of the format: names are only ever appended."""
