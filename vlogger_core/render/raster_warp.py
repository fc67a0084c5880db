"""The rasteriser as kernels of NVIDIA Warp, for the CPU and for CUDA: one thread a triangle, then one a pixel.

A thread packs the depth and the face of each of its pixels into one integer, and the pixel keeps the least. Warp
compiles the kernels for some seconds at their first use and keeps them in its own cache.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import no_type_check
from zlib import crc32

import torch
import warp as wp
from jaxtyping import Float, Int
from torch import Tensor

from ..datatypes import Camera
from ..errors import InputError
from .raster import NEAR, SLACK_PX

# Warp makes a file name of the module's own name, and under ComfyUI that is a path with slashes.
_KERNELS = wp.get_module(f"vlogger_raster_{crc32(__name__.encode()):08x}")
# Fused multiply-adds would round the two sides of a shared edge differently.
_KERNELS.options |= {"fuse_fp": False, "enable_backward": False}

_NOTHING = 0x7F800000 << 32
"""Infinite depth, packed."""


def rasterise_meshes(
    vertices: Float[Tensor, "t v 3"], faces: Int[Tensor, "f 3"], camera: Camera
) -> tuple[Int[Tensor, "t h w"], Float[Tensor, "t h w 3"], Float[Tensor, "t h w"]]:
    """Face ids, barycentrics and depths; see `raster.rasterise`."""
    device = vertices.device
    if device.type not in ("cpu", "cuda"):
        raise InputError(
            f"The warp rasteriser works on the CPU and on CUDA, and the body is on {device}. Choose the torch "
            "rasteriser there."
        )
    wp.init()
    shape = (len(vertices), camera.height, camera.width)
    face_id = torch.empty(shape, dtype=torch.int64, device=device)
    bary = torch.empty(*shape, 3, device=device)
    depth = torch.empty(shape, device=device)
    triangles = wp.from_torch(faces.to(device, torch.int32).contiguous(), dtype=wp.vec3i)
    # Warp's own stream would not wait for what torch is still computing, nor torch for it.
    stream = wp.ScopedStream(wp.stream_from_torch(device)) if device.type == "cuda" else nullcontext()
    with stream:
        for t, mesh in enumerate(vertices.double()):
            corners = wp.from_torch(mesh.contiguous(), dtype=wp.vec3d)
            nearest = torch.full(shape[1:], _NOTHING, device=device)
            buffer = wp.from_torch(nearest)
            wp.launch(
                _draw,
                dim=len(faces),
                inputs=[corners, triangles, camera.f_px, NEAR, SLACK_PX],
                outputs=[buffer],
                device=buffer.device,
            )
            wp.launch(
                _resolve,
                dim=shape[1:],
                inputs=[corners, triangles, camera.f_px, buffer],
                outputs=[wp.from_torch(face_id[t]), wp.from_torch(bary[t], dtype=wp.vec3f)],
                device=buffer.device,
            )
            depth[t] = (nearest >> 32).int().view(torch.float32)
    return face_id, bary, depth


@wp.func(module=_KERNELS)
@no_type_check
def _homogeneous(point: wp.vec3d, f_px: wp.float64, width: int, height: int):
    half = wp.float64(0.5)
    distance = -point[2]
    return wp.vec3d(
        distance * (wp.float64(width) * half) + point[0] * f_px,
        distance * (wp.float64(height) * half) - point[1] * f_px,
        distance,
    )


@wp.func(module=_KERNELS)
@no_type_check
def _corners(vertices: wp.array(dtype=wp.vec3d), triangle: wp.vec3i, f_px: wp.float64, width: int, height: int):
    """Homogeneous pixels of the three vertices, as rows."""
    return wp.matrix_from_rows(
        _homogeneous(vertices[triangle[0]], f_px, width, height),
        _homogeneous(vertices[triangle[1]], f_px, width, height),
        _homogeneous(vertices[triangle[2]], f_px, width, height),
    )


@wp.func(module=_KERNELS)
@no_type_check
def _edges(corner: wp.mat33d):
    """Edge functions, as rows, positive inside; and |det M|."""
    edges = wp.matrix_from_rows(
        wp.cross(corner[1], corner[2]), wp.cross(corner[2], corner[0]), wp.cross(corner[0], corner[1])
    )
    det = wp.dot(corner[0], edges[0])
    return edges * wp.sign(det), wp.abs(det)


@wp.func(module=_KERNELS)
@no_type_check
def _box(corner: wp.mat33d, near: wp.float64, slack: wp.float64, width: int, height: int):
    """The half-open box of pixel centres around what lies beyond the near plane; it only preselects."""
    low = wp.vec2d(wp.float64(wp.inf), wp.float64(wp.inf))
    high = -low
    for i in range(3):
        a = corner[i]
        b = corner[(i + 1) % 3]
        if a[2] >= near:
            pixel = wp.vec2d(a[0] / a[2], a[1] / a[2])
            low = wp.min(low, pixel)
            high = wp.max(high, pixel)
        if (a[2] >= near) != (b[2] >= near):
            cut = a + (near - a[2]) / (b[2] - a[2]) * (b - a)
            pixel = wp.vec2d(cut[0] / near, cut[1] / near)
            low = wp.min(low, pixel)
            high = wp.max(high, pixel)
    zero = wp.float64(0.0)
    size = wp.vec2d(wp.float64(width), wp.float64(height))
    box = wp.vec4i(0, 0, 0, 0)
    if low[0] <= size[0] and low[1] <= size[1] and high[0] >= zero and high[1] >= zero:
        before = wp.float64(0.5) + slack
        after = wp.float64(0.5) - slack
        one = wp.float64(1.0)
        box = wp.vec4i(
            int(wp.ceil(wp.max(low[0] - before, zero))),
            int(wp.ceil(wp.max(low[1] - before, zero))),
            int(wp.floor(wp.min(high[0] - after, size[0] - one))) + 1,
            int(wp.floor(wp.min(high[1] - after, size[1] - one))) + 1,
        )
    return box


@wp.func(module=_KERNELS)
@no_type_check
def _run(edges: wp.mat33d, row: int, width: int):
    """The columns of a row inside the three edges; see `raster_torch`."""
    half = wp.float64(0.5)
    zero = wp.float64(0.0)
    y = wp.float64(row) + half
    start = zero
    stop = wp.float64(width)
    for i in range(3):
        slope = edges[i, 0]
        offset = edges[i, 1] * y + edges[i, 2]
        if slope > zero:
            start = wp.max(start, wp.ceil(offset / -slope - half))
        elif slope < zero:
            stop = wp.min(stop, wp.ceil(offset / -slope - half))
        elif offset < zero or (offset == zero and edges[i, 1] <= zero):
            stop = zero
    if not start < stop:
        start = zero
        stop = zero
    return int(start), int(stop)


@wp.kernel(module=_KERNELS)
@no_type_check
def _draw(
    vertices: wp.array(dtype=wp.vec3d),
    faces: wp.array(dtype=wp.vec3i),
    f_px: wp.float64,
    near: wp.float64,
    slack: wp.float64,
    buffer: wp.array2d(dtype=wp.int64),
):
    face = wp.tid()
    height = buffer.shape[0]
    width = buffer.shape[1]
    corner = _corners(vertices, faces[face], f_px, width, height)
    box = _box(corner, near, slack, width, height)
    if box[0] >= box[2] or box[1] >= box[3]:
        return
    edges, area = _edges(corner)
    if not area > wp.float64(0.0):
        return
    half = wp.float64(0.5)
    plane = wp.vec3d()
    for i in range(3):
        a = edges[i, 0] / area
        b = edges[i, 1] / area
        plane += wp.vec3d(
            a, b, edges[i, 2] / area + (a * (wp.float64(box[0]) + half) + b * (wp.float64(box[1]) + half))
        )
    for row in range(box[1], box[3]):
        start, stop = _run(edges, row, width)
        first = plane[0] * wp.float64(start - box[0]) + (plane[1] * wp.float64(row - box[1]) + plane[2])
        for column in range(start, stop):
            nearest = wp.float32(wp.float64(1.0) / (plane[0] * wp.float64(column - start) + first))
            if nearest >= wp.float32(near):
                packed = (wp.int64(wp.cast(nearest, wp.int32)) << wp.int64(32)) | wp.int64(face)
                wp.atomic_min(buffer, row, column, packed)


@wp.kernel(module=_KERNELS)
@no_type_check
def _resolve(
    vertices: wp.array(dtype=wp.vec3d),
    faces: wp.array(dtype=wp.vec3i),
    f_px: wp.float64,
    buffer: wp.array2d(dtype=wp.int64),
    face_id: wp.array2d(dtype=wp.int64),
    bary: wp.array2d(dtype=wp.vec3f),
):
    row, column = wp.tid()
    packed = buffer[row, column]
    if packed >= wp.int64(_NOTHING):
        face_id[row, column] = wp.int64(-1)
        bary[row, column] = wp.vec3f()
        return
    face = int(packed & wp.int64(0xFFFFFFFF))
    face_id[row, column] = wp.int64(face)
    edges, _ = _edges(_corners(vertices, faces[face], f_px, buffer.shape[1], buffer.shape[0]))
    half = wp.float64(0.5)
    weights = edges * wp.vec3d(wp.float64(column) + half, wp.float64(row) + half, wp.float64(1.0))
    weights /= weights[0] + weights[1] + weights[2]
    bary[row, column] = wp.vec3f(wp.float32(weights[0]), wp.float32(weights[1]), wp.float32(weights[2]))
