"""The texture of a body: the photo laid over its surface and unrolled."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..body.eyeballs import IRIS_RADIUS_M
from ..datatypes import Camera
from ..render.fill import fill_holes
from ..render.raster import blend, rasterise
from ..render.scene import Scene, sample, smoothstep
from ..render.visibility import find_in_photo

TEXTURE_PX = 1024
CLEAR = (0.1, 0.5)
"""Visibility from which the photo begins to be, and is, the texture."""
TEETH_UV = (0.003, 0.003)
"""A corner of Anny's texture that no face uses."""
EYE_PATCH = (0.87, 0.03, 0.1)
"""Left, top and side of an empty square in Anny's texture: both eyes as seen from the front."""
PUPIL, LIMBUS = 0.4, 0.86
"""Radius of the pupil, and of where the iris begins to darken, in radii of the iris."""


def bake_texture(
    scene: Scene,
    vertices: Int[Tensor, " n"],
    faces: Int[Tensor, "f 3"],
    uv: Float[Tensor, "n 2"],
    colours: Float[Tensor, "v 3"],
    visible: Float[Tensor, " v"],
    *,
    iris: Float[Tensor, "3"],
    sclera: Float[Tensor, "3"],
) -> Float[Tensor, "3 h w"]:
    """The photo where it shows the surface well, the vertices' colours elsewhere, continued between the islands.

    Args:
        vertices: of the body, for each of the surface that `faces` and `uv` describe.
        uv: v downwards. Faces at `TEETH_UV` and in `EYE_PATCH` are painted.
        visible: how well the photo shows each of the body's vertices, 0 to 1.
    """
    size = TEXTURE_PX
    left, top, side = EYE_PATCH
    on_eye = ((uv >= uv.new_tensor((left, top))) & (uv <= uv.new_tensor((left + side, top + side)))).all(1)
    teeth = (uv == uv.new_tensor(TEETH_UV)).all(1)
    shown = faces[~(teeth | on_eye)[faces].any(1)]
    shown = torch.cat((shown, shown.flip(1)))  # Some islands of the texture are mirrored.
    # The texture is seen square on, from as far as it is wide.
    camera = Camera(fov_deg=2 * math.degrees(math.atan(math.sqrt(0.5))), width=size, height=size)
    flat = (uv - 0.5) * uv.new_tensor((1.0, -1.0))
    raster = rasterise(torch.cat((flat, torch.full_like(flat[:, :1], -1.0)), 1), shown, camera, backend=scene.backend)
    covered = raster.covered.reshape(-1).nonzero()[:, 0]
    corners, bary = shown[raster.face_id.reshape(-1)[covered]], raster.bary.reshape(-1, 3)[covered]
    at = blend(corners, bary, torch.cat((scene.vertices, colours, visible[:, None]), 1)[vertices])
    found = find_in_photo(scene, at[:, :3])
    photo = sample(scene.photo, found.pixels, "bicubic", backend=scene.backend).clamp(0, 1)
    share = smoothstep((at[:, 6:] - CLEAR[0]) / (CLEAR[1] - CLEAR[0])) * found.seen[:, None]
    picture = torch.zeros(3, size * size)
    picture[:, covered] = torch.lerp(at[:, 3:6], photo, share).T
    picture, known = picture.unflatten(1, (size, size)), raster.covered.clone()

    corner = math.ceil(2 * TEETH_UV[0] * size)
    if teeth.any():
        picture[:, :corner, :corner] = colours[vertices[teeth]].mean(0)[:, None, None]
        known[:corner, :corner] = True
    x, y, width = (round(value * size) for value in EYE_PATCH)
    picture[:, y : y + width, x : x + width] = _eye(iris, sclera, width)
    known[y : y + width, x : x + width] = True
    return fill_holes(picture, known.float())


def _eye(iris: Float[Tensor, "3"], sclera: Float[Tensor, "3"], width: int) -> Float[Tensor, "3 k k"]:
    """An eyeball seen from the front, over a square of 29 mm."""
    across = ((torch.arange(width) + 0.5) / width - 0.5) * 0.029 / IRIS_RADIUS_M
    radius = torch.hypot(across[:, None], across[None])
    edge = 0.029 / IRIS_RADIUS_M / width  # One pixel.

    def outside(limit: float) -> Float[Tensor, "k k"]:
        return smoothstep((radius - limit) / edge + 0.5)

    shade = 1 - 0.45 * smoothstep((radius - LIMBUS) / (1 - LIMBUS))
    colour = torch.lerp(iris[:, None, None] * shade, sclera[:, None, None].expand(3, width, width), outside(1.0))
    return colour * (0.06 + 0.94 * outside(PUPIL))
