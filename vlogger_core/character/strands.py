"""Thin fibres (hair, brows, lashes): many polylines drawn with a z-buffer, one sub-pixel wide."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..datatypes import Camera
from ..progress import Progress, silent
from ..render.camera import project

_CHUNK = 1500
_ID_BITS = 32


@dataclass(frozen=True, kw_only=True)
class Strands:
    """Fibres from root to tip in the world frame."""

    points: Float[Tensor, "s k 3"]
    albedo: Float[Tensor, "s 3"]
    gloss: Float[Tensor, " s"]
    """Strength of the highlights."""
    width_m: Float[Tensor, " s"]
    """At the root."""

    def tangents(self) -> Float[Tensor, "s k 3"]:
        step = self.points[:, 1:] - self.points[:, :-1]
        step = torch.cat((step, step[:, -1:]), 1)
        return torch.nn.functional.normalize(step, dim=-1, eps=1e-12)


@dataclass(frozen=True, kw_only=True)
class StrandRaster:
    """The nearest fibre at each covered pixel."""

    pixel: Int[Tensor, " n"]
    """Flat index into the picture."""
    strand: Int[Tensor, " n"]
    place: Float[Tensor, " n"]
    """Way along the strand in control points, 0 at the root."""
    depth: Float[Tensor, " n"]


def draw_strands(
    strands: Strands, camera: Camera, blocked: Float[Tensor, "h w"], progress: Progress = silent
) -> StrandRaster:
    """Draw fibres in front of `blocked` (depth, metres).

    A fibre thinner than a pixel is drawn in some of its pixels only, so that its coverage is right on average.
    """
    h, w = camera.height, camera.width
    num_points = strands.points.shape[1]
    steps_bits = 12
    far = torch.iinfo(torch.int64).max
    buffer = torch.full((h * w,), far, dtype=torch.int64)
    blocked = blocked.reshape(-1)
    for start in range(0, len(strands.points), _CHUNK):
        progress(start, len(strands.points))
        points = strands.points[start : start + _CHUNK]
        pixels, depth = project(points, camera)
        length = (pixels[:, 1:] - pixels[:, :-1]).norm(dim=-1)
        count = (length / 0.75).ceil().long().clamp(1, 400)
        owner = torch.repeat_interleave(count.reshape(-1))
        first = count.reshape(-1).cumsum(0) - count.reshape(-1)
        share = (torch.arange(len(owner)) - first[owner]).float() / count.reshape(-1)[owner]
        strand, segment = owner // (num_points - 1), owner % (num_points - 1)
        node = strand * num_points + segment
        flat, flat_depth = pixels.reshape(-1, 2), depth.reshape(-1)
        place = segment + share
        width_px = strands.width_m[start + strand] * camera.f_px / flat_depth[node]
        width_px = width_px * (1 - 0.85 * (place / (num_points - 1)) ** 4)
        xy = torch.lerp(flat[node], flat[node + 1], share[:, None])
        z = torch.lerp(flat_depth[node], flat_depth[node + 1], share)
        for offset in range(max(1, int(width_px.max().ceil()))):
            # Widen across the main direction of the segment by whole pixels.
            along = flat[node + 1] - flat[node]
            across_x = along[:, 1].abs() > along[:, 0].abs()
            shift = torch.stack((across_x, ~across_x), 1).float() * (offset - (width_px[:, None] - 1).clamp(min=0) / 2)
            spot = (xy + shift).floor().long()
            remaining = width_px - offset
            chance = _hash(start + strand, (place * 6).long() + 1000 * offset)
            keep = (remaining > chance) & (spot[:, 0] >= 0) & (spot[:, 0] < w) & (spot[:, 1] >= 0) & (spot[:, 1] < h)
            index = spot[keep, 1] * w + spot[keep, 0]
            near = z[keep] < blocked[index]
            index, depths = index[near], z[keep][near]
            ids = ((start + strand[keep][near]) << steps_bits) | (
                place[keep][near] * ((1 << steps_bits) - 1) / num_points
            ).long()
            packed = (depths.contiguous().view(torch.int32).long() << _ID_BITS) | ids
            buffer.scatter_reduce_(0, index, packed, "amin")
    pixel = (buffer != far).nonzero()[:, 0]
    packed = buffer[pixel]
    ids = packed & ((1 << _ID_BITS) - 1)
    return StrandRaster(
        pixel=pixel,
        strand=ids >> steps_bits,
        place=(ids & ((1 << steps_bits) - 1)).float() * num_points / ((1 << steps_bits) - 1),
        depth=(packed >> _ID_BITS).to(torch.int32).view(torch.float32),
    )


def stroke(strands: Strands, camera: Camera, blocked: Float[Tensor, "h w"]) -> tuple[Tensor, Tensor]:
    """Draw few fine fibres with partial coverage, thinner towards their tips.

    Returns:
        coverage [h w], 0 to 1, and the mean albedo of what covers, [h w 3].
    """
    h, w = camera.height, camera.width
    spacing = 0.3
    pixels, depth = project(strands.points, camera)
    num = pixels.shape[1]
    samples = int(((pixels[:, 1:] - pixels[:, :-1]).norm(dim=-1).sum(1).amax() / spacing).ceil()) + 2
    t = torch.linspace(0, num - 1, samples)
    low = t.long().clamp(max=num - 2)
    share = t - low
    xy = torch.lerp(pixels[:, low], pixels[:, low + 1], share[:, None])
    z = torch.lerp(depth[:, low], depth[:, low + 1], share)
    step = (xy[:, 1:] - xy[:, :-1]).norm(dim=-1)
    step = torch.cat((step, step[:, -1:]), 1)
    width_px = strands.width_m[:, None] * camera.f_px / z * (1 - 0.9 * (t / (num - 1)) ** 1.5)
    amount = step * width_px
    total = torch.zeros(h * w, 4)
    corner = (xy - 0.5).floor()
    part = xy - 0.5 - corner
    for dy in (0, 1):
        for dx in (0, 1):
            weight = (part[..., 0] if dx else 1 - part[..., 0]) * (part[..., 1] if dy else 1 - part[..., 1])
            spot = corner.long() + torch.tensor([dx, dy])
            inside = (spot >= 0).all(-1) & (spot[..., 0] < w) & (spot[..., 1] < h)
            index = (spot[..., 1] * w + spot[..., 0]).clamp(0, h * w - 1)
            weight = weight * amount * inside * (z < blocked.reshape(-1)[index])
            coloured = torch.cat((strands.albedo, torch.ones(len(strands.albedo), 1)), 1)[:, None] * weight[..., None]
            total.index_add_(0, index.reshape(-1), coloured.reshape(-1, 4))
    coverage = 1 - torch.exp(-total[:, 3])
    return coverage.reshape(h, w), (total[:, :3] / total[:, 3:].clamp(min=1e-9)).reshape(h, w, 3)


def _hash(a: Tensor, b: Tensor) -> Tensor:
    """A number 0 to 1 that looks random and belongs to a pair of integers."""
    mixed = (a * 2654435761 + b * 40503) & 0xFFFFFFFF
    mixed = ((mixed ^ (mixed >> 15)) * 2246822519) & 0xFFFFFFFF
    return ((mixed ^ (mixed >> 13)) & 0xFFFFFF).float() / 0x1000000


def sample(values: Float[Tensor, "s k c"], raster: StrandRaster) -> Float[Tensor, "n c"]:
    """Values at control points, interpolated to the drawn pixels."""
    last = values.shape[1] - 1
    low = raster.place.long().clamp(max=last - 1)
    share = (raster.place - low).clamp(0, 1)[:, None]
    return torch.lerp(values[raster.strand, low], values[raster.strand, low + 1], share)
