"""Full-perspective projection (paper section 3.1) in the world frame of `datatypes`."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from ..datatypes import Camera


def project(
    points: Float[Tensor, "*batch 3"], camera: Camera
) -> tuple[Float[Tensor, "*batch 2"], Float[Tensor, "*batch"]]:
    """World points to pixels and depth; differentiable.

    The camera stands at the origin and looks along -Z with Y up: `x_px = w/2 + f X / -Z`, `y_px = h/2 - f Y / -Z`.

    Returns:
        pixels: x to the right, y downwards, pixel centres at +0.5; meaningless where the depth is not positive.
        depth: metres along the axis, positive in front of the camera.
    """
    depth = -points[..., 2]
    x = camera.width / 2 + camera.f_px * points[..., 0] / depth
    y = camera.height / 2 - camera.f_px * points[..., 1] / depth
    return torch.stack((x, y), dim=-1), depth


def unproject(
    pixels: Float[Tensor, "*batch 2"], depth: Float[Tensor, "*batch"], camera: Camera
) -> Float[Tensor, "*batch 3"]:
    """The world point seen at a pixel at a depth: the inverse of `project`."""
    x = (pixels[..., 0] - camera.width / 2) * depth / camera.f_px
    y = (camera.height / 2 - pixels[..., 1]) * depth / camera.f_px
    return torch.stack((x, y, -depth), dim=-1)


def window(
    points: Float[Tensor, "*batch 3"],
    camera: Camera,
    *,
    left: float = 0.0,
    top: float = 0.0,
    width: float | None = None,
    height: float | None = None,
    size: tuple[int, int],
) -> tuple[Float[Tensor, "*batch 3"], Camera]:
    """A rectangle of the camera's image as a picture of its own.

    A `Camera` has square pixels and its axis in the middle, so the points are scaled and sheared instead, with their
    depths unchanged: the projected result is `(pixel - (left, top)) * size / (width, height)`.

    Args:
        left, top, width, height: the rectangle in pixels of `camera`; the whole image by default. It may reach
            beyond the image, and its aspect ratio need not be that of `size`.
        size: (h, w) of the new picture.
    """
    h, w = size
    zoom_x = w / (camera.width if width is None else width)
    zoom_y = h / (camera.height if height is None else height)
    f_px = zoom_x * camera.f_px
    x, y, z = points.unbind(-1)
    x = x - z * ((zoom_x * (camera.width / 2 - left) - w / 2) / f_px)
    y = y * (zoom_y / zoom_x) + z * ((zoom_y * (camera.height / 2 - top) - h / 2) / f_px)
    fov_deg = math.degrees(2 * math.atan(math.hypot(w, h) / 2 / f_px))
    return torch.stack((x, y, z), -1), Camera(fov_deg=fov_deg, width=w, height=h)
