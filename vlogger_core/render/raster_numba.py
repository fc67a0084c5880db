"""The rasteriser as loops that numba compiles: the fastest one on a CPU, after some seconds for its first picture."""

from __future__ import annotations

from math import inf
from typing import no_type_check

import numba
import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..datatypes import Camera
from ..errors import InputError
from .compiled import compiled
from .raster import NEAR, SLACK_PX


def rasterise_meshes(
    vertices: Float[Tensor, "t v 3"], faces: Int[Tensor, "f 3"], camera: Camera
) -> tuple[Int[Tensor, "t h w"], Float[Tensor, "t h w 3"], Float[Tensor, "t h w"]]:
    """Face ids, barycentrics and depths; see `raster.rasterise`."""
    if vertices.device.type != "cpu":
        raise InputError(
            f"The numba rasteriser works on the CPU only, and the body is on {vertices.device}. Choose the torch or "
            "the warp rasteriser there."
        )
    shape = (len(vertices), camera.height, camera.width)
    face_id = np.full(shape, -1, dtype=np.int64)
    bary = np.zeros((*shape, 3), dtype=np.float32)
    depth = np.full(shape, np.inf, dtype=np.float32)
    triangles = np.ascontiguousarray(faces.numpy(), dtype=np.int64)
    for t, mesh in enumerate(vertices.double()):
        _draw(np.ascontiguousarray(mesh.numpy()), triangles, camera.f_px, NEAR, face_id[t], bary[t], depth[t])
    return torch.from_numpy(face_id), torch.from_numpy(bary), torch.from_numpy(depth)


@numba.njit(error_model="numpy")
@no_type_check
def _set_cross(a, b, out):
    """Exactly negated when the arguments change places."""
    out[0] = a[1] * b[2] - a[2] * b[1]
    out[1] = a[2] * b[0] - a[0] * b[2]
    out[2] = a[0] * b[1] - a[1] * b[0]


@numba.njit(error_model="numpy")
@no_type_check
def _box(corner, near, w, h):
    """The half-open box of pixel centres around what lies beyond the near plane; it only preselects."""
    low_x, low_y, high_x, high_y = inf, inf, -inf, -inf
    for i in range(3):
        a, b = corner[i], corner[(i + 1) % 3]
        if a[2] >= near:
            x, y = a[0] / a[2], a[1] / a[2]
            low_x, low_y, high_x, high_y = min(low_x, x), min(low_y, y), max(high_x, x), max(high_y, y)
        if (a[2] >= near) != (b[2] >= near):
            share = (near - a[2]) / (b[2] - a[2])
            x, y = (a[0] + share * (b[0] - a[0])) / near, (a[1] + share * (b[1] - a[1])) / near
            low_x, low_y, high_x, high_y = min(low_x, x), min(low_y, y), max(high_x, x), max(high_y, y)
    if not (low_x <= w and low_y <= h and high_x >= 0 and high_y >= 0):
        return 0, 0, 0, 0
    before, after = 0.5 + SLACK_PX, 0.5 - SLACK_PX
    return (
        int(np.ceil(max(low_x - before, 0.0))),
        int(np.ceil(max(low_y - before, 0.0))),
        int(np.floor(min(high_x - after, w - 1.0))) + 1,
        int(np.floor(min(high_y - after, h - 1.0))) + 1,
    )


@numba.njit(error_model="numpy")
@no_type_check
def _run(edges, row, width):
    """The columns of a row inside the three edges; see `raster_torch`."""
    y = row + 0.5
    start, stop = 0.0, float(width)
    for i in range(3):
        slope = edges[i, 0]
        offset = edges[i, 1] * y + edges[i, 2]
        if slope == 0:
            if not (offset > 0 or (offset == 0 and edges[i, 1] > 0)):
                return 0, 0
        elif slope > 0:
            start = max(start, np.ceil(offset / -slope - 0.5))
        else:
            stop = min(stop, np.ceil(offset / -slope - 0.5))
    if not start < stop:
        return 0, 0
    return int(start), int(stop)


@compiled
@no_type_check
def _draw(vertices, faces, f_px, near, face_id, bary, depth):
    h, w = face_id.shape
    corner = np.empty((3, 3))
    edges = np.empty((3, 3))
    planes = np.empty((3, 3))
    for face in range(len(faces)):
        for i in range(3):
            vertex = faces[face, i]
            distance = -vertices[vertex, 2]
            corner[i, 0] = distance * (w / 2) + vertices[vertex, 0] * f_px
            corner[i, 1] = distance * (h / 2) - vertices[vertex, 1] * f_px
            corner[i, 2] = distance
        left, top, right, bottom = _box(corner, near, w, h)
        if left >= right or top >= bottom:
            continue
        _set_cross(corner[1], corner[2], edges[0])
        _set_cross(corner[2], corner[0], edges[1])
        _set_cross(corner[0], corner[1], edges[2])
        det = corner[0, 0] * edges[0, 0] + corner[0, 1] * edges[0, 1] + corner[0, 2] * edges[0, 2]
        if det == 0:
            continue
        for i in range(3):
            for k in range(3):
                edges[i, k] *= np.sign(det)
                planes[i, k] = edges[i, k] / abs(det)
            planes[i, 2] += planes[i, 0] * (left + 0.5) + planes[i, 1] * (top + 0.5)
        slope = planes[0, 0] + planes[1, 0] + planes[2, 0]
        lean = planes[0, 1] + planes[1, 1] + planes[2, 1]
        constant = planes[0, 2] + planes[1, 2] + planes[2, 2]
        for row in range(top, bottom):
            start, stop = _run(edges, row, w)
            first = slope * (start - left) + (lean * (row - top) + constant)
            for column in range(start, stop):
                nearest = np.float32(1 / (slope * (column - start) + first))
                if np.float32(near) <= nearest < depth[row, column]:
                    depth[row, column] = nearest
                    face_id[row, column] = face
                    for i in range(3):
                        weight = planes[i, 0] * (column - left) + planes[i, 1] * (row - top) + planes[i, 2]
                        bary[row, column, i] = weight * nearest
