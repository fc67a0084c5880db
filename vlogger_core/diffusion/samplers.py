"""From noise to signal."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from ..progress import Progress, silent
from .denoiser import Denoiser
from .schedule import DiffusionSchedule


def sampling_steps(num_steps: int, steps: int, bend: float = 1.0) -> list[int]:
    """`steps + 1` falling diffusion steps from `num_steps` to 0: `num_steps * (1 - (i / steps) ** bend)`.

    A `bend` above 1 takes small steps while there is much noise. Signals that change slowly along time need that:
    averaged over many frames they show through the noise early, and are decided there.
    """
    if not 1 <= steps <= num_steps:
        raise ValueError(f"steps must lie in 1 to {num_steps}. Got {steps}.")
    if bend < 1:
        raise ValueError(f"bend must be at least 1. Got {bend}.")
    grid = [round(num_steps * (1 - (i / steps) ** bend)) for i in range(steps + 1)]
    return [num_steps, *(now for before, now in pairwise(grid) if now < before)]


def ddim_sample(
    denoise: Denoiser,
    noise: Tensor,
    schedule: DiffusionSchedule,
    *,
    steps: int,
    generator: torch.Generator,
    eta: float = 0.0,
    bend: float = 1.0,
    cond: Mapping[str, Any] | None = None,
    progress: Progress = silent,
) -> Tensor:
    """Song et al., "Denoising diffusion implicit models" (2021), eq. 12, for a denoiser that predicts x0.

    Args:
        noise: the start, unit normal, `[b ...]`.
        eta: 0 is deterministic after the start; 1 is the ancestral sampler (DDPM, over all steps).
        bend: spacing of the steps, see `sampling_steps`.
        generator: for the draws of `eta > 0`, on the device of `noise`.
    """
    x = noise
    grid = sampling_steps(schedule.num_steps, steps, bend)
    for i, (now, then) in enumerate(pairwise(grid)):
        progress(i, len(grid) - 1)
        t = torch.full((x.shape[0],), now, device=x.device)
        x0 = denoise(x, t, **(cond or {}))
        alpha, sigma = schedule.alpha_sigma(t, x)
        next_alpha, next_sigma = schedule.alpha_sigma(torch.full_like(t, then), x)
        epsilon = (x - alpha * x0) / sigma
        fresh = eta * next_sigma / sigma * (1 - (alpha / next_alpha) ** 2).clamp(min=0).sqrt()
        x = next_alpha * x0 + (next_sigma**2 - fresh**2).clamp(min=0).sqrt() * epsilon
        if eta > 0 and then > 0:
            x = x + fresh * torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype)
    progress(len(grid) - 1, len(grid) - 1)
    return x
