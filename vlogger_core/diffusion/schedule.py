"""How much of the signal is left at each diffusion step."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class DiffusionSchedule:
    """A discrete variance-preserving schedule: x_t = sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) noise.

    Step 0 is the clean signal (alpha_bar = 1), step `num_steps` is noise.
    """

    alphas_cumprod: Float[Tensor, " steps_and_clean"]

    @property
    def num_steps(self) -> int:
        return len(self.alphas_cumprod) - 1

    def alpha_sigma(self, t: Int[Tensor, "*batch"], like: Tensor) -> tuple[Tensor, Tensor]:
        """Factors of signal and noise at the steps `t`, shaped to multiply `like` (`t` covers its leading axes)."""
        alpha_bar = self.alphas_cumprod.to(like.device)[t].to(like.dtype)
        alpha_bar = alpha_bar.reshape(alpha_bar.shape + (1,) * (like.ndim - alpha_bar.ndim))
        return alpha_bar.sqrt(), (1 - alpha_bar).sqrt()

    def add_noise(self, x0: Tensor, noise: Tensor, t: Int[Tensor, "*batch"]) -> Tensor:
        """The forward process q(x_t | x_0)."""
        alpha, sigma = self.alpha_sigma(t, x0)
        return alpha * x0 + sigma * noise


def cosine_schedule(num_steps: int = 1000, offset: float = 0.008) -> DiffusionSchedule:
    """Nichol and Dhariwal, "Improved denoising diffusion probabilistic models" (2021), eq. 17; betas at most 0.999."""
    if num_steps < 1:
        raise ValueError(f"num_steps must be at least 1. Got {num_steps}.")
    grid = torch.arange(num_steps + 1, dtype=torch.float64) / num_steps
    f = torch.cos((grid + offset) / (1 + offset) * math.pi / 2) ** 2
    betas = (1 - f[1:] / f[:-1]).clamp(max=0.999)
    alphas_cumprod = torch.cat([torch.ones(1, dtype=torch.float64), (1 - betas).cumprod(0)])
    return DiffusionSchedule(alphas_cumprod=alphas_cumprod.float())


def scaled_linear_schedule(num_steps: int = 1000, first: float = 0.00085, last: float = 0.012) -> DiffusionSchedule:
    """Betas whose square roots rise linearly, as Stable Diffusion has them (Rombach et al., 2022)."""
    if num_steps < 1:
        raise ValueError(f"num_steps must be at least 1. Got {num_steps}.")
    betas = torch.linspace(first**0.5, last**0.5, num_steps, dtype=torch.float64) ** 2
    alphas_cumprod = torch.cat([torch.ones(1, dtype=torch.float64), (1 - betas).cumprod(0)])
    return DiffusionSchedule(alphas_cumprod=alphas_cumprod.float())
