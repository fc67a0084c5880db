"""Where in the photo each pixel of a frame comes from: the body's own flow, continued to hair, clothes and border."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from .fill import box_blur, fill_holes
from .scene import smoothstep

BORDER_BAND = 0.2
"""Share of the picture along its border over which a person cut off by it is stretched rather than moved inwards."""


def pixel_centres(size: tuple[int, int], device: torch.device) -> Float[Tensor, "p 2"]:
    """x and y of the centres of all pixels in reading order."""
    h, w = size
    y, x = torch.meshgrid(torch.arange(h, device=device) + 0.5, torch.arange(w, device=device) + 0.5, indexing="ij")
    return torch.stack((x, y), -1).reshape(-1, 2)


@dataclass(frozen=True, kw_only=True)
class Extended:
    """Values that a part of the picture has, continued over all of it. On the coarse grid."""

    values: Float[Tensor, "c hc wc"]
    trust: Float[Tensor, "hc wc"]
    """1 inside the part, 0 outside, soft between: how far its own values are to be taken, not these."""


def silhouette_ramp(known: Float[Tensor, "hc wc"]) -> Float[Tensor, "hc wc"]:
    """1 well inside what is known, 0 outside, smooth within a few cells inside its edge."""
    radius = max(1, round(0.012 * min(known.shape)))
    return smoothstep(2 * box_blur(known[None], radius)[0] - 1)


def extend(total: Float[Tensor, "c hc wc"], weight: Float[Tensor, "hc wc"], ramp: Float[Tensor, "hc wc"]) -> Extended:
    """Continue values from where their weight is above 0 to everywhere, without a visible step between the two.

    Args:
        total: means over cells of values times weights.
        weight: means over cells of the weights, 0 to 1.
        ramp: `silhouette_ramp` of all that shall keep its own values up to its edge.
    """
    values = fill_holes(total / weight.clamp(min=1e-6), ramp * (weight > 0))
    return Extended(values=values, trust=ramp * (1 - (1 - weight).pow(4)))


def border_hold(matte: Float[Tensor, "h w"]) -> Float[Tensor, "4 h w"]:
    """How much of a flow to the left, right, top and bottom is to stay near a border that cuts the person off.

    There they are stretched rather than moved inwards, which would leave a hole. 1 elsewhere.
    """
    left, right = (side.T for side in _hold_sides(matte.T))
    return torch.stack((left, right, *_hold_sides(matte)))


def hold_border(flow: Float[Tensor, "2 h w"], border: Float[Tensor, "4 h w"]) -> Float[Tensor, "2 h w"]:
    """How much of a flow's x and y is to stay, only less than all where it would fetch from outside."""
    (x, y), (left, right, top, bottom) = flow, border
    return torch.stack((torch.where(x < 0, left, right), torch.where(y < 0, top, bottom)))


def _hold_sides(matte: Tensor) -> tuple[Tensor, Tensor]:
    """How much of a flow through the first and through the last row stays, near that row."""
    h, w = matte.shape
    band = max(2.0, BORDER_BAND * h)
    row = torch.arange(h, device=matte.device) + 0.5
    near_first, near_last = (1 - smoothstep((distance - 0.5) / band) for distance in (row, h - row))
    radius = max(1, round(0.03 * w))
    touch = F.avg_pool1d(
        F.max_pool1d(matte[[0, -1]][None], 2 * radius + 1, 1, radius),
        2 * radius + 1,
        1,
        radius,
        count_include_pad=False,
    )[0]
    return 1 - near_first[:, None] * touch[0], 1 - near_last[:, None] * touch[1]
