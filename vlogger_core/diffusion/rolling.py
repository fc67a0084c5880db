"""Sequences of any length from a causal denoiser, by noise that rises along time.

The step of frame `i` while the front stands at frame `f` is `num_steps * (i - f) / ramp`, held to 0 to `num_steps`:
clean before the front, noise beyond the ramp. The front advances by `ramp / steps` frames a step, so every frame is
denoised in `steps` steps, and each sees a past that is further denoised than itself.

Denoising all frames of a window from one common step, as with a bidirectional network, does not fit a causal one:
its estimate of a frame leaves out what the later frames say, neighbours settle on different answers, and slow motion
comes out too small and with jitter. With the rising noise the earlier frames are settled when the later ones are
drawn, as the chain rule has it. Related: Chen et al., "Diffusion forcing" (2024); Ruhe et al., "Rolling diffusion
models" (2024).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from .denoiser import Denoiser
from .schedule import DiffusionSchedule


def rolling_sample(
    denoise: Denoiser,
    num_frames: int,
    width: int,
    schedule: DiffusionSchedule,
    *,
    ramp: int,
    context: int,
    steps: int,
    generator: torch.Generator,
    cond: Callable[[int, int], Mapping[str, Any]],
) -> Iterator[Float[Tensor, "1 n d"]]:
    """Yield the finished frames of one sequence `[1 num_frames width]` piece by piece, in order.

    A piece (it may be empty) comes after each of `num_rolling_steps` steps, all of the same cost; no more than
    `context + ramp` frames and a few are held.

    Args:
        denoise: takes one step a frame; deterministic (DDIM) steps are made with it.
        context: finished frames it sees before the ramp.
        steps: steps for each frame.
        generator: for the start, drawn frame by frame, on the device where the work is done.
        cond: gives the conditions of the frames `[start, stop)`.
    """
    advance = ramp / steps
    x = torch.empty(1, 0, width, device=generator.device)
    start = given = 0
    for k in range(num_rolling_steps(num_frames, ramp, steps)):
        front = -ramp + k * advance
        stop = min(num_frames, math.ceil(front + advance) + ramp)
        fresh = [
            torch.randn(1, 1, width, generator=generator, device=x.device) for _ in range(start + x.shape[1], stop)
        ]
        x = torch.cat([x, *fresh], dim=1)
        now, then = (_rising(start, stop, f, ramp, schedule.num_steps, x.device) for f in (front, front + advance))
        x0 = denoise(x, now[None], **cond(start, stop))
        alpha, sigma = schedule.alpha_sigma(now[None], x)
        next_alpha, next_sigma = schedule.alpha_sigma(then[None], x)
        moved = next_alpha * x0 + next_sigma * (x - alpha * x0) / sigma.clamp(min=1e-8)
        x = torch.where((now > 0)[None, :, None], moved, x)
        clean = start + int((then == 0).sum())
        yield x[:, given - start : clean - start]
        given = clean
        x, start = x[:, max(0, clean - context - start) :], max(start, clean - context)


def num_rolling_steps(num_frames: int, ramp: int, steps: int) -> int:
    """Evaluations of the denoiser for a whole sequence."""
    return -(-(num_frames - 1 + ramp) * steps // ramp)


def _rising(start: int, stop: int, front: float, ramp: int, num_steps: int, device: torch.device) -> Tensor:
    """Diffusion step of each frame `[start, stop)`."""
    frames = torch.arange(start, stop, dtype=torch.float64)
    return ((frames - front) / ramp * num_steps).round().clamp(0, num_steps).long().to(device)
