"""How near a video model's pictures come to the truth: by region, and beside the raw composite."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from ..video.controls import ControlFrames
from .video_loss import FACE, MOUTH, region

_C1, _C2, _SIGMA, _RADIUS = 0.01**2, 0.03**2, 1.5, 5


def figures(
    shown: Float[Tensor, "b t 3 h w"], target: Float[Tensor, "b t 3 h w"], controls: ControlFrames
) -> dict[str, float]:
    """PSNR (dB, of the mean squared error over all frames) and SSIM of the whole pictures, the face and the mouth."""
    similar = ssim_map(shown, target)
    error = (shown - target).square().mean(2, keepdim=True)
    out = {}
    for name, where in (
        ("full", torch.ones_like(controls.matte)),
        ("face", region(controls, FACE)),
        ("mouth", region(controls, MOUTH)),
    ):
        if where.sum() == 0:
            continue
        mean = (error * where).sum() / where.sum()
        out[f"psnr_{name}"] = float(-10 * torch.log10(mean.clamp(min=1e-10)))
        out[f"ssim_{name}"] = float((similar * where).sum() / where.sum())
    return out


def ssim_map(a: Float[Tensor, "b t 3 h w"], b: Float[Tensor, "b t 3 h w"]) -> Float[Tensor, "b t 1 h w"]:
    """Structural similarity of the grey pictures at each pixel (Wang et al., 2004; Gaussian window of 1.5 pixels)."""
    x, y = (rearrange(v.mean(2, keepdim=True), "b t c h w -> (b t) c h w") for v in (a, b))

    def blur(v: Tensor) -> Tensor:
        at = torch.arange(-_RADIUS, _RADIUS + 1, device=v.device, dtype=v.dtype)
        kernel = torch.exp(-(at**2) / (2 * _SIGMA**2))
        kernel = kernel / kernel.sum()
        padded = F.pad(v, (_RADIUS,) * 4, mode="reflect")
        return F.conv2d(F.conv2d(padded, kernel.view(1, 1, 1, -1)), kernel.view(1, 1, -1, 1))

    mx, my = blur(x), blur(y)
    vx, vy, cov = blur(x * x) - mx**2, blur(y * y) - my**2, blur(x * y) - mx * my
    similar = (2 * mx * my + _C1) * (2 * cov + _C2) / ((mx**2 + my**2 + _C1) * (vx + vy + _C2))
    return rearrange(similar, "(b t) c h w -> b t c h w", b=len(a))
