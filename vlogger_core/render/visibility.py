"""What the photo shows of the body: of each vertex, and of any point on its surface."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from .camera import project
from .fill import box_max
from .raster import NEAR
from .scene import Scene, sample, smoothstep

FACING = (0.05, 0.3)
"""Cosines between surface and view from which the photo tells nothing to where it tells all."""
SAME_SURFACE_M = 0.006
"""A point further than this behind the nearest surface is hidden by it."""
PERSON = 0.5
"""Matte from which a photo's pixel is the person's."""


@dataclass(frozen=True, kw_only=True)
class InPhoto:
    """Where surface points lie in the photo."""

    pixels: Float[Tensor, "n 2"]
    seen: Bool[Tensor, " n"]


def find_in_photo(scene: Scene, points: Float[Tensor, "n 3"]) -> InPhoto:
    """Look for surface points, given by their positions in the reference pose, in the photo.

    Seen is what lies inside the photo, on the person's matte, and behind nothing.
    """
    pixels, depth = project(points, scene.camera)
    inside = _inside(pixels, scene.size)
    nearest, matte = sample(torch.stack((scene.level_depth, scene.matte)), pixels, "bilinear").unbind(-1)
    seen = inside & (matte >= PERSON) & (depth > NEAR) & (depth <= nearest + SAME_SURFACE_M)
    return InPhoto(pixels=pixels, seen=seen)


def vertex_visibility(scene: Scene) -> Float[Tensor, " v"]:
    """How well the photo shows each vertex, 0 to 1: inside the picture, facing the camera, behind nothing.

    It belongs to the surface, not to a frame, so what is computed from it cannot flicker. Vertices a little behind
    an edge that covers them (the neck along the jaw) count as hidden as well, since the fitted edge is a few pixels
    off the photo's.
    """
    pixels, depth = project(scene.vertices, scene.camera)
    margin = max(1, round(0.01 * min(scene.size)))
    nearest = scene.raster.depth.clamp(max=1e4)[None]
    around = -box_max(-nearest, (margin, margin), (margin, margin))
    here, edge = sample(torch.cat((scene.level_depth[None], around)), pixels, "bilinear").unbind(-1)
    visible = (depth <= here + SAME_SURFACE_M) & (depth > NEAR)
    visible &= _inside(pixels, scene.size)
    hidden_by_edge = smoothstep((depth - edge - 0.02) / 0.02)
    normals = vertex_normals(scene.vertices, scene.fit.model.faces)
    cosine = -(normals * F.normalize(scene.vertices, dim=-1)).sum(-1)
    facing = smoothstep((cosine - FACING[0]) / (FACING[1] - FACING[0]))
    return visible * facing * (1 - hidden_by_edge)


def _inside(pixels: Float[Tensor, "n 2"], size: tuple[int, int]) -> Bool[Tensor, " n"]:
    (h, w), (x, y) = size, pixels.unbind(-1)
    return (x >= 0) & (x <= w) & (y >= 0) & (y <= h)


def vertex_normals(vertices: Float[Tensor, "v 3"], faces: Int[Tensor, "f 3"]) -> Float[Tensor, "v 3"]:
    """Outward unit normals, weighted by face area."""
    a, b, c = vertices[faces].unbind(1)
    normal = torch.linalg.cross(b - a, c - a)
    total = torch.zeros_like(vertices)
    for corner in range(3):
        total.index_add_(0, faces[:, corner], normal)
    return F.normalize(total, dim=-1)
