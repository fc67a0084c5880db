"""How alike two pictures are, as maps whose averages over a region are the usual figures.

PSNR and L1; SSIM (Wang et al. 2004, Gaussian window of 11 with sigma 1.5, on luma; over a whole picture it is
`skimage.metrics.structural_similarity`, away from the border); MS-SSIM (Wang et al. 2003, five scales); the similarity
of gradient magnitudes (Xue et al. 2014, Prewitt), at the pictures' own size, because sharpness counts. Libraries give
whole pictures or rectangles only, and none the maps of all scales.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

LUMA = (0.299, 0.587, 0.114)
SSIM_SIGMA, SSIM_RADIUS = 1.5, 5
SSIM_C1, SSIM_C2 = 0.01**2, 0.03**2
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Of MS-SSIM, from the finest on."""
GMS_C = 170 / 255**2
"""Keeps flat places from counting, for values of 0 to 1."""
MAX_PSNR = 100.0
"""Of pictures that are the same."""

Image = Float[Tensor, "3 h w"]
Region = Bool[Tensor, "h w"]


def psnr(made: Image, truth: Image, region: Region) -> float:
    """Decibels, over all channels."""
    error = (made - truth).square().mean(0)[region].mean().item()
    return min(-10 * math.log10(max(error, 1e-12)), MAX_PSNR)


def mean_difference(made: Image, truth: Image, region: Region) -> float:
    """L1 of values of 0 to 1."""
    return (made - truth).abs().mean(0)[region].mean().item()


def luma(image: Image) -> Float[Tensor, "h w"]:
    return torch.einsum("c,chw->hw", image.new_tensor(LUMA), image)


def ssim_maps(made: Float[Tensor, "h w"], truth: Float[Tensor, "h w"]) -> tuple[Tensor, Tensor]:
    """SSIM, and its part without the brightness (contrast and structure)."""
    pair = torch.stack((made, truth, made * made, truth * truth, made * truth))
    mean_x, mean_y, xx, yy, xy = _blur(pair)
    spread_x, spread_y, both = xx - mean_x**2, yy - mean_y**2, xy - mean_x * mean_y
    structure = (2 * both + SSIM_C2) / (spread_x + spread_y + SSIM_C2)
    return structure * (2 * mean_x * mean_y + SSIM_C1) / (mean_x**2 + mean_y**2 + SSIM_C1), structure


def ssim(made: Image, truth: Image, regions: dict[str, Region]) -> dict[str, float]:
    """Of each region."""
    found, _ = ssim_maps(luma(made), luma(truth))
    return {name: found[region].mean().item() for name, region in regions.items()}


def ms_ssim(made: Image, truth: Image, regions: dict[str, Region]) -> dict[str, float]:
    """Of each region: a coarse pixel counts by how much of it belongs to the region."""
    x, y = luma(made), luma(truth)
    weights = torch.stack([region.float() for region in regions.values()])
    product = torch.ones(len(weights))
    for scale, power in enumerate(SCALE_WEIGHTS):
        whole, structure = ssim_maps(x, y)
        chosen = whole if scale == len(SCALE_WEIGHTS) - 1 else structure
        averages = (weights * chosen).sum((1, 2)) / weights.sum((1, 2)).clamp(min=1e-6)
        product = product * averages.clamp(min=0) ** power
        x, y, weights = (F.avg_pool2d(each[None], 2, ceil_mode=True)[0] for each in (x[None], y[None], weights))
        x, y = x[0], y[0]
    return dict(zip(regions, product.tolist(), strict=True))


def gradient_similarity(made: Image, truth: Image, regions: dict[str, Region]) -> dict[str, float]:
    """1 where edges are as strong as they should be, 0 where they are lost or made up."""
    x, y = gradient(luma(made)), gradient(luma(truth))
    found = (2 * x * y + GMS_C) / (x**2 + y**2 + GMS_C)
    return {name: found[region].mean().item() for name, region in regions.items()}


def gradient(image: Float[Tensor, "h w"]) -> Float[Tensor, "h w"]:
    """Magnitude of Prewitt's gradient."""
    kernel = image.new_tensor([[1.0, 0, -1], [1, 0, -1], [1, 0, -1]]) / 3
    padded = F.pad(image[None, None], (1, 1, 1, 1), mode="replicate")
    both = F.conv2d(padded, torch.stack((kernel, kernel.T))[:, None])[0]
    return both.square().sum(0).sqrt()


def _blur(images: Float[Tensor, "n h w"]) -> Float[Tensor, "n h w"]:
    offsets = torch.arange(-SSIM_RADIUS, SSIM_RADIUS + 1, dtype=images.dtype)
    kernel = torch.exp(-(offsets**2) / (2 * SSIM_SIGMA**2))
    kernel = kernel / kernel.sum()
    # Coarse scales of small pictures are smaller than the window.
    padded = F.pad(images[:, None], (SSIM_RADIUS,) * 4, mode="replicate")
    return F.conv2d(F.conv2d(padded, kernel[None, None, None]), kernel[None, None, :, None])[:, 0]
