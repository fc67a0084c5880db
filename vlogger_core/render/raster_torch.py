"""The rasteriser in plain torch: face-pixel pairs laid out one after another, then one scattered minimum.

Each triangle that may touch a pixel centre is cut into pixel rows, each row into the run of columns inside the three
edges, and each run into pairs that carry a depth to a pixel. A pair is packed into one integer, depth above and run
below, whose minimum at a pixel is the nearest face.

A device without float64 or without a minimum of 64-bit integers (Apple's MPS) takes two passes over pairs of float32:
the nearest depth first, then the lowest face that has it. The runs are cut in float64 all the same, on the CPU, so the
coverage is the same to the pixel; only surfaces closer to each other than some 1e-7 of their depth may change places.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import TypeVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..datatypes import Camera
from ..threads import one_thread
from .raster import NEAR, SLACK_PX

_DEPTH_SHIFT = 32
_RUN_MASK = (1 << _DEPTH_SHIFT) - 1
_NOTHING = 0x7F800000 << _DEPTH_SHIFT
"""Infinite depth, packed."""


@dataclass(frozen=True, kw_only=True)
class _Triangles:
    """The triangles of one mesh that may touch a pixel centre, by ascending face."""

    face: Int[Tensor, " c"]
    edges: Float[Tensor, "3 3 c"]
    """(edge, (a b c)): the edge function a x + b y + c is positive inside."""
    planes: Float[Tensor, "3 3 c"]
    """(vertex, (a b c)): barycentrics over depth, with (x, y) counted from the centre of the first pixel."""
    left: Int[Tensor, " c"]
    top: Int[Tensor, " c"]
    """Column and row of the first pixel: the corner of the box that holds the triangle."""
    bottom: Int[Tensor, " c"]
    """The row after the last."""


@dataclass(frozen=True, kw_only=True)
class _Runs:
    """Runs of pixels of one row inside one triangle, by ascending triangle."""

    owner: Int[Tensor, " r"]
    """Index into the triangles."""
    pixel: Int[Tensor, " r"]
    """The first one, flat."""
    count: Int[Tensor, " r"]
    inverse_depth: Float[Tensor, " r"]
    """1/depth at the first pixel."""
    slope: Float[Tensor, " r"]
    """Of 1/depth from one pixel to the next."""


_Tensors = TypeVar("_Tensors", _Triangles, _Runs)


def rasterise_meshes(
    vertices: Float[Tensor, "t v 3"], faces: Int[Tensor, "f 3"], camera: Camera, *, max_pairs: int, two_pass: bool
) -> tuple[Int[Tensor, "t h w"], Float[Tensor, "t h w 3"], Float[Tensor, "t h w"]]:
    """Face ids, barycentrics and depths; see `raster.rasterise`."""
    h, w = camera.height, camera.width
    device = vertices.device
    two_pass = two_pass or device.type == "mps"
    geometry = torch.device("cpu") if device.type == "mps" else device
    faces = faces.to(geometry)
    face_id = torch.empty(len(vertices), h * w, dtype=torch.int64, device=device)
    bary = torch.empty(len(vertices), h * w, 3, device=device)
    depth = torch.empty(len(vertices), h * w, device=device)
    with one_thread():
        for t, mesh in enumerate(vertices.to(geometry)):
            triangles = _select(mesh, faces, camera)
            runs = _cut(triangles, w)
            if two_pass:
                triangles, runs = _to_float32(triangles, device), _to_float32(runs, device)
            nearest = _nearest_in_two_passes if two_pass else _nearest
            depth[t], owner = nearest(runs, h * w, max_pairs)
            ids = torch.cat((triangles.face.new_tensor([-1]), triangles.face))
            face_id[t] = ids.index_select(0, owner + 1)
            bary[t] = _weigh(depth[t], owner, triangles, w, max_pairs)
    return face_id.view(-1, h, w), bary.view(-1, h, w, 3), depth.view(-1, h, w)


def _to_float32(tensors: _Tensors, device: torch.device) -> _Tensors:
    every = {field.name: getattr(tensors, field.name) for field in fields(tensors)}
    return replace(
        tensors, **{name: (x.float() if x.is_floating_point() else x).to(device) for name, x in every.items()}
    )


def _select(vertices: Tensor, faces: Tensor, camera: Camera) -> _Triangles:
    x, y, z = vertices.double().T.contiguous()
    depth = -z
    homogeneous = (depth * (camera.width / 2) + x * camera.f_px, depth * (camera.height / 2) - y * camera.f_px, depth)
    box = _boxes(homogeneous, faces, camera)
    face = ((box[:, 0] + box[:, 2] < 0) & (box[:, 1] + box[:, 3] < 0)).nonzero()[:, 0]

    first, second, third = (
        tuple(axis.index_select(0, corner) for axis in homogeneous)
        for corner in faces.index_select(0, face).T.contiguous()
    )
    edges = torch.stack((_cross(second, third), _cross(third, first), _cross(first, second)))
    det = first[0] * edges[0, 0] + first[1] * edges[0, 1] + first[2] * edges[0, 2]
    edges *= det.sign()
    left, top, _, bottom = box.index_select(0, face).double().unbind(1)
    top, bottom = _trim(edges, top, torch.where(det == 0, top, -bottom))
    planes = edges / det.abs()
    planes[:, 2] += planes[:, 0] * (left + 0.5) + planes[:, 1] * (top + 0.5)
    return _Triangles(
        face=face,
        edges=edges,
        planes=planes,
        left=left.long(),
        top=top.long(),
        bottom=bottom.long(),
    )


def _boxes(homogeneous: tuple[Tensor, Tensor, Tensor], faces: Tensor, camera: Camera) -> Float[Tensor, "f 4"]:
    """The pixel centres that each face may touch: first column and row, and those after the last, negated.

    Empty where nothing of the face is in front of the near plane.
    """
    depth = homogeneous[2]
    least = depth.new_tensor([0, 0, -camera.width, -camera.height])
    in_front = depth >= NEAR
    pixel = torch.stack(homogeneous[:2], -1) / depth[:, None]
    corner = torch.where(in_front[:, None], _centres(pixel, pixel).maximum(least), torch.inf)
    corners = corner.float().index_select(0, faces.reshape(-1)).view(-1, 3, 4)
    box = corners[:, 0].minimum(corners[:, 1]).minimum(corners[:, 2])
    if in_front.all():
        return box
    num_front = in_front[faces].sum(1)
    crossing = ((num_front > 0) & (num_front < 3)).nonzero()[:, 0]
    low, high = _clipped_extent(torch.stack(homogeneous, -1)[faces[crossing]])
    box[crossing] = _centres(low, high).maximum(least).float()
    return box


def _centres(low: Tensor, high: Tensor) -> Tensor:
    first, last = (low - (0.5 + SLACK_PX)).ceil(), (high - (0.5 - SLACK_PX)).floor()
    return torch.cat((first, -1 - last), -1)


def _clipped_extent(corner: Tensor) -> tuple[Tensor, Tensor]:
    """Pixel bounds of the part of each triangle that lies beyond the near plane."""
    w = corner[..., 2]
    other = corner.roll(-1, dims=1)
    share = (NEAR - w) / (other[..., 2] - w)
    cut = corner + share[..., None] * (other - corner)
    points = torch.cat((corner, cut), 1)
    valid = torch.cat((w >= NEAR, (w >= NEAR) != (other[..., 2] >= NEAR)), 1)[..., None]
    pixel = points[..., :2] / torch.where(valid, points[..., 2:].clamp(min=NEAR), 1.0)
    low = torch.where(valid, pixel, torch.inf).amin(1)
    high = torch.where(valid, pixel, -torch.inf).amax(1)
    return low, high


def _cross(a: tuple[Tensor, ...], b: tuple[Tensor, ...]) -> Tensor:
    """Cross product whose value is exactly negated when the arguments change places (no fused multiply-add)."""
    (ax, ay, az), (bx, by, bz) = a, b
    return torch.stack((ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx))


def _trim(edges: Tensor, top: Tensor, bottom: Tensor) -> tuple[Tensor, Tensor]:
    """Rows cut at horizontal edges: a row of centres on such an edge belongs to the triangle below it."""
    for slope, lean, constant in edges:
        level = slope == 0
        if level.any():
            row = (constant / -lean - 0.5).ceil()
            top = torch.where(level & (lean > 0), top.maximum(row), top)
            bottom = torch.where(level & (lean < 0), bottom.minimum(row), bottom)
    return top, bottom


def _cut(triangles: _Triangles, width: int) -> _Runs:
    """Each triangle cut into rows, and each row into the columns inside its three edges.

    On a row an edge function is slope * x + offset. Its zero is the same float for both faces of a shared edge, and
    both round it to the same column, where one stops and the other starts: that is the top-left rule.
    """
    counts = (triangles.bottom - triangles.top).clamp(min=0)
    owner = torch.repeat_interleave(counts)
    down = _ramp(counts, owner)
    row = down + triangles.top.index_select(0, owner)
    y = row.double() + 0.5
    start, stop = torch.zeros_like(y), torch.full_like(y, width)
    for edge in triangles.edges:
        slope, lean, constant = (coefficient.index_select(0, owner) for coefficient in edge)
        column = (lean * y + constant).div_(-slope).sub_(0.5).ceil_()
        start = torch.where(slope > 0, start.maximum(column), start)
        stop = torch.where(slope < 0, stop.minimum(column), stop)
    keep = (stop > start).nonzero()[:, 0]
    owner, row, down, start, stop = (values.index_select(0, keep) for values in (owner, row, down, start, stop))

    slope, lean, constant = (plane.index_select(0, owner) for plane in triangles.planes.sum(0))
    aside = start - triangles.left.index_select(0, owner)
    first = start.long()
    return _Runs(
        owner=owner,
        pixel=row * width + first,
        count=stop.long() - first,
        inverse_depth=slope * aside + (lean * down + constant),
        slope=slope,
    )


def _ramp(counts: Tensor, owner: Tensor) -> Tensor:
    """0, 1, ... counts[i]-1 for each i, one after another."""
    first = counts.cumsum(0) - counts
    return torch.arange(len(owner), device=counts.device) - first.index_select(0, owner)


def _chunks(counts: Tensor, largest: int) -> Iterator[slice]:
    """Consecutive slices whose counts add up to at most `largest`, or hold a single entry."""
    ends = counts.cumsum(0)
    start, done = 0, 0
    while start < len(counts):
        stop = max(int(torch.searchsorted(ends, done + largest, right=True)), start + 1)
        yield slice(start, stop)
        start, done = stop, int(ends[stop - 1])


def _pairs(runs: _Runs, max_pairs: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Run, flat pixel and depth (float32) of each pair, some at a time; infinitely far before the near plane."""
    for chunk in _chunks(runs.count, max_pairs):
        counts = runs.count[chunk]
        run = torch.repeat_interleave(counts)
        step = _ramp(counts, run)
        inverse_depth = runs.slope[chunk].index_select(0, run).mul_(step)
        depth = inverse_depth.add_(runs.inverse_depth[chunk].index_select(0, run)).reciprocal_().float()
        pixel = step.add_(runs.pixel[chunk].index_select(0, run))
        yield run.add_(chunk.start), pixel, torch.where(depth >= NEAR, depth, torch.inf)


def _nearest(runs: _Runs, num_pixels: int, max_pairs: int) -> tuple[Tensor, Tensor]:
    """Depth and owner at every pixel; infinity and -1 where there is none."""
    buffer = torch.full((num_pixels,), _NOTHING, device=runs.owner.device)
    for run, pixel, depth in _pairs(runs, max_pairs):
        packed = depth.view(torch.int32).long().bitwise_left_shift_(_DEPTH_SHIFT).bitwise_or_(run.add_(1))
        buffer.scatter_reduce_(0, pixel, packed, "amin")
    owner = torch.cat((runs.owner.new_tensor([-1]), runs.owner)).index_select(0, buffer & _RUN_MASK)
    return (buffer >> _DEPTH_SHIFT).int().view(torch.float32), owner


def _nearest_in_two_passes(runs: _Runs, num_pixels: int, max_pairs: int) -> tuple[Tensor, Tensor]:
    """The same from float32 alone, in which a triangle's index is exact below 2**24."""
    nearest = torch.full((num_pixels,), torch.inf, device=runs.owner.device)
    lowest = torch.full_like(nearest, torch.inf)
    for _, pixel, depth in _pairs(runs, max_pairs):
        nearest.scatter_reduce_(0, pixel, depth, "amin")
    for run, pixel, depth in _pairs(runs, max_pairs):
        owner = runs.owner.index_select(0, run).float()
        owner = torch.where(depth == nearest.index_select(0, pixel), owner, torch.inf)
        lowest.scatter_reduce_(0, pixel, owner, "amin")
    return nearest, torch.where(nearest < torch.inf, lowest, -1).long()


def _weigh(depth: Tensor, owner: Tensor, triangles: _Triangles, width: int, max_pixels: int) -> Float[Tensor, "n 3"]:
    """Barycentrics at every pixel; 0 where there is nothing."""
    bary = depth.new_zeros(len(depth), 3)
    table = triangles.planes.permute(2, 1, 0).flatten(1)
    for covered in (owner >= 0).nonzero()[:, 0].split(max_pixels):
        own = owner.index_select(0, covered)
        row = covered // width
        x = (covered - row * width - triangles.left.index_select(0, own)).to(table.dtype)
        y = (row - triangles.top.index_select(0, own)).to(table.dtype)
        planes = table.index_select(0, own)
        weights = torch.addcmul(planes[:, 6:], planes[:, :3], x[:, None]).addcmul_(planes[:, 3:6], y[:, None])
        weights *= depth.index_select(0, covered)[:, None]
        bary.index_copy_(0, covered, weights.float())
    return bary
