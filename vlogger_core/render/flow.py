"""Where in the photo each pixel of a frame comes from: the body's own flow, continued to hair, clothes and border."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from .camera import project
from .fill import box_blur, fill_holes
from .raster import Raster, interpolate
from .scene import Scene, smoothstep

FILL_SIDE = 224
"""The extension is smooth, so it is computed with about this many pixels on the shorter side."""
BORDER_BAND = 0.2
"""Share of the picture along its border over which a person cut off by it is stretched rather than moved inwards."""


def pixel_grid(size: tuple[int, int], device: torch.device) -> Float[Tensor, "2 h w"]:
    """x and y of the pixel centres."""
    h, w = size
    y, x = torch.meshgrid(torch.arange(h, device=device) + 0.5, torch.arange(w, device=device) + 0.5, indexing="ij")
    return torch.stack((x, y))


def surface_flow(
    scene: Scene, raster: Raster, visibility: Float[Tensor, " v"]
) -> tuple[Float[Tensor, "2 h w"], Float[Tensor, "h w"]]:
    """Displacement in pixels from each covered pixel of a frame to the same surface point in the photo.

    Returns:
        flow: exact in perspective: the point's position in the reference pose is interpolated, then projected.
        weight: `visibility` of the point, 0 off the body.
    """
    attributes = torch.cat((scene.vertices, visibility[:, None]), -1)
    values = interpolate(raster, scene.fit.model.faces, attributes)
    point = torch.where(raster.covered[..., None], values[..., :3], values.new_tensor([0.0, 0.0, -1.0]))
    pixels, _ = project(point, scene.camera)
    flow = (pixels.movedim(-1, 0) - pixel_grid(scene.size, pixels.device)) * raster.covered
    return flow, values[..., 3]


def extend_flow(
    flow: Float[Tensor, "2 h w"], weight: Float[Tensor, "h w"], inner: Bool[Tensor, "h w"]
) -> Float[Tensor, "2 h w"]:
    """Continue a flow from where it is known to everywhere, without a visible step between the two.

    Args:
        inner: pixels without a flow of their own at which the known flow shall stay as it is up to their edge
            (the mouth's inside: lips are not smoothed).
    """
    h, w = weight.shape
    factor = max(1, round(min(h, w) / FILL_SIDE))
    small_weight = _pool(weight[None], factor)
    small = _pool(flow * weight, factor) / small_weight.clamp(min=1e-6)
    closed = torch.maximum(small_weight, _pool(inner[None].float(), factor))
    radius = max(1, round(0.012 * min(closed.shape[-2:])))
    ramp = smoothstep(2 * box_blur(closed, radius) - 1) * (1 - (1 - small_weight).pow(4))
    extended = fill_holes(small, (ramp * (small_weight > 0))[0])
    if factor == 1:
        trust = ramp[0] * (weight > 0)
        return torch.lerp(extended, flow, trust)
    extended, trust = _grow(extended, factor, (h, w)), _grow(ramp, factor, (h, w))
    return torch.lerp(extended, flow, trust * weight)


def hold_border(flow: Float[Tensor, "2 h w"], matte: Float[Tensor, "h w"]) -> Float[Tensor, "2 h w"]:
    """Let a person who is cut off by the picture's border stretch there instead of leaving a hole.

    Only a flow that would fetch from outside, and only along the parts of the border that the person touches.
    """
    x, y = flow
    return torch.stack((_hold_sides(x.T, matte.T).T, _hold_sides(y, matte)))


def _hold_sides(flow: Tensor, matte: Tensor) -> Tensor:
    """Scale down flow that leaves through the first or the last row, near that row."""
    h, w = flow.shape
    band = max(2.0, BORDER_BAND * h)
    row = torch.arange(h, device=flow.device) + 0.5
    near_first, near_last = (1 - smoothstep((distance - 0.5) / band) for distance in (row, h - row))
    radius = max(1, round(0.03 * w))
    touch = F.avg_pool1d(
        F.max_pool1d(matte[[0, -1]][None], 2 * radius + 1, 1, radius),
        2 * radius + 1,
        1,
        radius,
        count_include_pad=False,
    )[0]
    keep_first = 1 - near_first[:, None] * touch[0]
    keep_last = 1 - near_last[:, None] * touch[1]
    return torch.where(flow < 0, flow * keep_first, flow * keep_last)


def _pool(image: Tensor, factor: int) -> Tensor:
    if factor == 1:
        return image
    return F.avg_pool2d(image[None], factor, ceil_mode=True, count_include_pad=False)[0]


def _grow(image: Tensor, factor: int, size: tuple[int, int]) -> Tensor:
    """The inverse of `_pool` in position: cells of `factor` pixels from the top left corner on."""
    h, w = image.shape[-2:]
    grown = F.interpolate(image[None], (h * factor, w * factor), mode="bilinear", align_corners=False)[0]
    return grown[..., : size[0], : size[1]]
