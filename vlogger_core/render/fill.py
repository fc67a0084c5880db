"""Holes closed smoothly from what is around them, over an image pyramid (pull and push); means and maxima of boxes."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

SMOOTHING_STEPS = 2


def fill_holes(values: Float[Tensor, "c h w"], weight: Float[Tensor, "h w"]) -> Float[Tensor, "c h w"]:
    """Values everywhere: where `weight` is 1 the given ones, where it is 0 a smooth surface through those around.

    Pulling averages the known values into ever smaller images, pushing fills each finer one from the coarser and
    relaxes it towards the membrane through the known values. The value under weight 0 is never read into the result.

    Args:
        weight: 0 to 1; with none above 0 the result is 0.
    """
    known = [(values * weight, weight[None])]
    while max(known[-1][1].shape[-2:]) > 1:
        total, share = (F.avg_pool2d(x[None], 2, ceil_mode=True, count_include_pad=False)[0] for x in known[-1])
        # A cell is known once a quarter of it is: weights grow on the way up, values stay averages.
        gain = torch.minimum(4 * share, torch.ones_like(share)) / share.clamp(min=1e-12)
        known.append((total * gain, share * gain))
    result = _value(*known[-1])
    for total, share in reversed(known[:-1]):
        coarse = F.interpolate(result[None], total.shape[-2:], mode="bilinear", align_corners=False)[0]
        value = _value(total, share)
        result = torch.lerp(coarse, value, share)
        for _ in range(SMOOTHING_STEPS):
            result = torch.lerp(box_blur(result, 1), value, share)
    return result


def box_blur(image: Float[Tensor, "c h w"], radius: int) -> Float[Tensor, "c h w"]:
    """Mean over a square, smaller at the border."""
    size = 2 * radius + 1
    if radius == 1:  # Much quicker than a pooling this small.
        count = [_sum_of_three(image.new_ones(side), 0) for side in image.shape[-2:]]
        return _sum_of_three(_sum_of_three(image, 1), 2) / (count[0][:, None] * count[1])
    columns = F.avg_pool2d(image[None], (size, 1), stride=1, padding=(radius, 0), count_include_pad=False)
    return F.avg_pool2d(columns, (1, size), stride=1, padding=(0, radius), count_include_pad=False)[0]


def box_max(image: Float[Tensor, "c h w"], rows: tuple[int, int], columns: tuple[int, int]) -> Float[Tensor, "c h w"]:
    """Maximum over a box around each pixel, smaller at the border.

    Args:
        rows: how many pixels the box reaches up and down.
        columns: how many pixels it reaches left and right.
    """
    padded = F.pad(image, (*columns, *rows), value=-torch.inf)
    return F.max_pool2d(F.max_pool2d(padded, (sum(rows) + 1, 1), 1), (1, sum(columns) + 1), 1)


def _sum_of_three(values: Tensor, dim: int) -> Tensor:
    """Each value and its two neighbours along a dimension."""
    total, most = values.clone(), values.shape[dim] - 1
    total.narrow(dim, 1, most).add_(values.narrow(dim, 0, most))
    total.narrow(dim, 0, most).add_(values.narrow(dim, 1, most))
    return total


def _value(total: Tensor, share: Tensor) -> Tensor:
    return total / share.clamp(min=1e-12)
