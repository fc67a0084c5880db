"""A z-buffer rasteriser in plain torch: no compiled dependency, the same face ids on every device.

Triangles are rasterised in 2-D homogeneous coordinates (Olano and Greer, "Triangle Scan Conversion using 2D
Homogeneous Coordinates", 1997). With the rows (x_px w, y_px w, w) of the three vertices in a matrix M, the edge
functions at a pixel p = (x, y, 1) are e = adj(M) p. A pixel is inside where all e have the sign of det M; then
1/depth = sum(e) / det M and e / sum(e) are the perspective-correct barycentrics. Triangles that cross the near plane
need no clipping: the formula holds, and pixels nearer than `NEAR` are dropped.

Watertight: an edge function is computed from its two vertices alone and is exactly negated when the edge is walked
the other way, so a pixel centre near a shared edge falls to exactly one side; one that lies on it goes to the side
of the top-left rule.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ..datatypes import Camera
from ..threads import one_thread

NEAR = 0.01
"""Metres. Nothing nearer to the camera is drawn."""
MAX_PAIRS = 1 << 20
"""Face-pixel pairs handled at once: bounds the memory at about 100 MB."""

_FACE_BITS = 32
_FACE_MASK = (1 << _FACE_BITS) - 1


@dataclass(frozen=True, kw_only=True)
class Raster:
    """The nearest surface at each pixel centre."""

    face_id: Int[Tensor, "*t h w"]
    """Row of `faces`; -1 where there is no surface."""
    bary: Float[Tensor, "*t h w 3"]
    """Weights of the face's three vertices, perspective-correct, sum 1; 0 where there is no surface."""
    depth: Float[Tensor, "*t h w"]
    """Metres along the camera axis; infinity where there is no surface."""

    @property
    def covered(self) -> Bool[Tensor, "*t h w"]:
        return self.face_id >= 0


def rasterise(
    vertices: Float[Tensor, "v 3"] | Float[Tensor, "t v 3"],
    faces: Int[Tensor, "f 3"],
    camera: Camera,
    *,
    max_pairs: int = MAX_PAIRS,
) -> Raster:
    """Find the nearest triangle at every pixel centre. Not differentiable; both sides of a face are drawn.

    Where two faces have the same depth (float32) the lower face id wins, so results never depend on the order of
    work. Float64 inside; on a device without it (MPS) the work is done on the CPU.

    Args:
        vertices: world frame of `datatypes`, metres; one mesh, or one a frame.
        camera: its size is the size of the result.
        max_pairs: bounds the memory; does not change the result.
    """
    if vertices.shape[-1] != 3 or vertices.ndim not in (2, 3):
        raise ValueError(f"vertices must have the shape [v 3] or [t v 3]. Got {tuple(vertices.shape)}.")
    if len(faces) > _FACE_MASK >> 1:
        raise ValueError(f"faces must be fewer than 2**31. Got {len(faces)}.")
    device = vertices.device
    work = torch.device("cpu") if device.type == "mps" else device
    meshes = (vertices[None] if vertices.ndim == 2 else vertices).detach().to(work)
    faces = faces.to(work)
    with one_thread():
        results = [_rasterise_mesh(mesh, faces, camera, max_pairs) for mesh in meshes]
    h, w = camera.height, camera.width
    shape = (h, w) if vertices.ndim == 2 else (len(results), h, w)

    def gather(parts: list[Tensor], *trailing: int) -> Tensor:
        whole = parts[0] if len(parts) == 1 else torch.cat([part[None] for part in parts])
        return whole.reshape(*shape, *trailing).to(device)

    if not results:
        empty = torch.zeros(0, device=device)
        return Raster(
            face_id=empty.long().reshape(0, h, w), bary=empty.reshape(0, h, w, 3), depth=empty.reshape(0, h, w)
        )
    ids, bary, depth = (list(column) for column in zip(*results, strict=True))
    return Raster(face_id=gather(ids), bary=gather(bary, 3), depth=gather(depth))


def interpolate(
    raster: Raster, faces: Int[Tensor, "f 3"], attributes: Float[Tensor, "v c"] | Float[Tensor, "t v c"]
) -> Float[Tensor, "*t h w c"]:
    """Vertex attributes at every pixel, perspective-correct; 0 where there is no surface.

    `attributes` is one table for all frames, or one a frame.
    """
    shape = raster.face_id.shape
    covered = raster.covered.reshape(-1).nonzero()[:, 0]
    face_id = raster.face_id.reshape(-1)[covered]
    corners = faces.to(face_id.device)[face_id]
    if attributes.ndim == 3:
        frame = covered // (shape[-1] * shape[-2])
        corners = corners + (frame * attributes.shape[1])[:, None]
        attributes = attributes.reshape(-1, attributes.shape[-1])
    weights = raster.bary.reshape(-1, 3)[covered].to(attributes.dtype)
    values = attributes[corners[:, 0]] * weights[:, :1]
    values += attributes[corners[:, 1]] * weights[:, 1:2]
    values += attributes[corners[:, 2]] * weights[:, 2:]
    out = attributes.new_zeros(shape.numel(), attributes.shape[-1])
    out[covered] = values
    return out.reshape(*shape, attributes.shape[-1])


def _rasterise_mesh(vertices: Tensor, faces: Tensor, camera: Camera, max_pairs: int) -> tuple[Tensor, Tensor, Tensor]:
    """Face id, barycentrics and depth of one mesh over the flat pixel grid."""
    h, w = camera.height, camera.width
    homogeneous = _homogeneous(vertices, camera)
    edges, area = _edge_functions(homogeneous, faces)
    face, rows = _candidates(homogeneous, faces, area, camera)
    edges = edges[face]
    inverse_depth = edges.sum(1) / area[face, None]
    owner, row, start, stop = _row_pieces(rows, edges, w)

    buffer = torch.full((h * w,), torch.iinfo(torch.int64).max, dtype=torch.int64, device=vertices.device)
    for piece in _chunks(stop - start, max_pairs):
        _draw(buffer, owner[piece], row[piece], start[piece], stop[piece], inverse_depth, face, w)
    return _resolve(buffer, face, edges, h, w)


def _homogeneous(vertices: Tensor, camera: Camera) -> Tensor:
    """Rows (x_px w, y_px w, w) with w the depth, float64."""
    x, y, z = vertices.double().unbind(-1)
    depth = -z
    return torch.stack(
        (depth * (camera.width / 2) + x * camera.f_px, depth * (camera.height / 2) - y * camera.f_px, depth), -1
    )


def _edge_functions(homogeneous: Tensor, faces: Tensor) -> tuple[Tensor, Tensor]:
    """Coefficients [f 3 3] (vertex, (a b c)) of the edge functions, oriented to be positive inside, and |det M|."""
    corner = homogeneous[faces]
    first, second, third = corner.unbind(1)
    edges = torch.stack((_cross(second, third), _cross(third, first), _cross(first, second)), 1)
    det = (first * edges[:, 0]).sum(-1)
    return edges * det.sign()[:, None, None], det.abs()


def _cross(a: Tensor, b: Tensor) -> Tensor:
    """Cross product whose value is exactly negated when the arguments change places (no fused multiply-add)."""
    ax, ay, az = a.unbind(-1)
    bx, by, bz = b.unbind(-1)
    return torch.stack((ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx), -1)


def _candidates(homogeneous: Tensor, faces: Tensor, area: Tensor, camera: Camera) -> tuple[Tensor, Tensor]:
    """Which faces may touch a pixel centre, and their half-open ranges of rows."""
    w = homogeneous[:, 2]
    front = w >= NEAR
    pixel = homogeneous[:, :2] / torch.where(front, w, 1.0)[:, None]
    corner = pixel[faces]
    low, high = corner.amin(1), corner.amax(1)
    num_front = front[faces].sum(1)
    crossing = ((num_front > 0) & (num_front < 3)).nonzero()[:, 0]
    if len(crossing):
        low[crossing], high[crossing] = _clipped_extent(homogeneous[faces[crossing]])
    size = torch.tensor([camera.width, camera.height], dtype=torch.float64, device=w.device)
    # Wider than the rounding error, so that nothing is lost: the exact test follows in _row_pieces.
    slack = 1e-5
    start = (low - 0.5 - slack).ceil().clamp(min=0).minimum(size)
    stop = ((high - 0.5 + slack).floor() + 1).clamp(min=0).minimum(size)
    face = ((stop > start).all(1) & (num_front > 0) & (area > 0)).nonzero()[:, 0]
    return face, torch.stack((start[face, 1], stop[face, 1]), 1).long()


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


def _ramp(counts: Tensor, owner: Tensor) -> Tensor:
    """0, 1, ... counts[i]-1 for each i, one after another."""
    first = counts.cumsum(0) - counts
    return torch.arange(len(owner), device=counts.device) - first[owner]


def _chunks(counts: Tensor, largest: int) -> Iterator[slice]:
    """Consecutive slices whose counts add up to at most `largest`, or hold a single entry."""
    ends = counts.cumsum(0)
    start, done = 0, 0
    while start < len(counts):
        stop = max(int(torch.searchsorted(ends, done + largest, right=True)), start + 1)
        yield slice(start, stop)
        start, done = stop, int(ends[stop - 1])


def _row_pieces(rows: Tensor, edges: Tensor, width: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Each triangle cut into pixel rows: owner, row, and the half-open range of columns inside its three edges.

    On a row an edge function is slope * x + offset. Its zero is the same float for both faces of a shared edge, and
    both round it to the same column, where one stops and the other starts: that is the top-left rule.
    """
    counts = rows[:, 1] - rows[:, 0]
    owner = torch.repeat_interleave(counts)
    row = rows[:, 0][owner] + _ramp(counts, owner)
    y = row.to(torch.float64) + 0.5
    start, stop = torch.zeros_like(y), torch.full_like(y, width)
    for edge in range(3):
        slope, down, constant = (edges[:, edge, i][owner] for i in range(3))
        offset = down * y + constant
        column = (-offset / slope - 0.5).ceil()
        start = torch.where(slope > 0, start.maximum(column), start)
        stop = torch.where(slope < 0, stop.minimum(column), stop)
        inside = (offset > 0) | ((offset == 0) & (down > 0))
        stop = torch.where((slope == 0) & ~inside, 0.0, stop)
    keep = (stop > start).nonzero()[:, 0]
    return owner[keep], row[keep], start[keep].long(), stop[keep].long()


def _draw(
    buffer: Tensor,
    owner: Tensor,
    row: Tensor,
    start: Tensor,
    stop: Tensor,
    inverse_depth: Tensor,
    face: Tensor,
    width: int,
) -> None:
    """Write pieces of pixel rows into the z-buffer; `inverse_depth` holds (a b c) of 1/depth for each triangle."""
    counts = stop - start
    piece = torch.repeat_interleave(counts)
    column = start[piece] + _ramp(counts, piece)
    plane = inverse_depth[owner]
    offset = plane[:, 1] * (row.to(torch.float64) + 0.5) + plane[:, 2]
    depth = (1 / (plane[:, 0][piece] * (column.to(torch.float64) + 0.5) + offset[piece])).float()
    packed = (depth.view(torch.int32).long() << _FACE_BITS) | face[owner][piece]
    packed = torch.where(depth >= NEAR, packed, torch.iinfo(torch.int64).max)
    buffer.scatter_reduce_(0, (row * width)[piece] + column, packed, "amin")


def _resolve(buffer: Tensor, face: Tensor, edges: Tensor, h: int, w: int) -> tuple[Tensor, Tensor, Tensor]:
    covered = (buffer != torch.iinfo(torch.int64).max).nonzero()[:, 0]
    packed = buffer[covered]
    ids = packed & _FACE_MASK
    face_id = torch.full_like(buffer, -1)
    face_id[covered] = ids
    depth = torch.full((h * w,), torch.inf, device=buffer.device)
    depth[covered] = (packed >> _FACE_BITS).to(torch.int32).view(torch.float32)
    coefficients = edges[torch.searchsorted(face, ids)]
    x = (covered % w).to(torch.float64) + 0.5
    y = (covered // w).to(torch.float64) + 0.5
    values = coefficients[..., 0] * x[:, None] + coefficients[..., 1] * y[:, None] + coefficients[..., 2]
    bary = torch.zeros(h * w, 3, device=buffer.device)
    bary[covered] = (values / values.sum(-1, keepdim=True)).float()
    return face_id, bary, depth
