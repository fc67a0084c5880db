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

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .denoiser import Denoiser
from .noise import NoiseStream
from .schedule import DiffusionSchedule


def rolling_sample(
    denoise: Denoiser,
    num_frames: int,
    noise: NoiseStream,
    schedule: DiffusionSchedule,
    *,
    ramp: int,
    steps: int,
    cond: Callable[[int, int], Mapping[str, Any]],
    context: int = 0,
) -> Iterator[Float[Tensor, "b n d"]]:
    """Yield the finished frames of the sequences `[b num_frames d]` piece by piece, in order.

    A piece (it may be empty) comes after each of `num_rolling_steps` steps, all of the same cost. The denoiser sees
    the ramp, before it the frames that the step before has finished (once, at step 0, so that a denoiser with a memory
    can take them in), and `context` frames before those.

    Args:
        denoise: takes one step a frame; deterministic steps of second order are made with it, DPM-Solver++(2M) of
            Lu et al. (2022): twenty of them make as many rare events, such as blinks, as sixty DDIM steps.
        noise: for the start; its frames set the number of sequences and their width.
        steps: steps for each frame.
        cond: gives the conditions of the frames `[start, stop)`.
    """
    x = before = noise.next(0)
    start = given = 0
    for k in range(num_rolling_steps(num_frames, ramp, steps)):
        stop = min(num_frames, -(-(k + 1) * ramp // steps))
        x = torch.cat([x, noise.next(stop - start - x.shape[1])], dim=1)
        last, now, then = (_rising(start, stop, k + i, ramp, steps, schedule.num_steps) for i in (-1, 0, 1))
        curvature = _curvature(schedule, last, now, then).to(x.device)
        clean = start + int((then == 0).sum())
        now, then = now.to(x.device), then.to(x.device)
        x0 = denoise(x, now[None], **cond(start, stop))
        before = torch.cat([before, x0[:, before.shape[1] :]], dim=1)
        straight = x0 + curvature[None, :, None] * (x0 - before)
        alpha, sigma = schedule.alpha_sigma(now[None], x)
        next_alpha, next_sigma = schedule.alpha_sigma(then[None], x)
        moved = next_alpha * straight + next_sigma * (x - alpha * straight) / sigma.clamp(min=1e-8)
        x = torch.where((now > 0)[None, :, None], moved, x)
        yield x[:, given - start : clean - start]
        kept = max(start, given - context)
        x, before, start, given = x[:, kept - start :], x0[:, kept - start :], kept, clean


def _curvature(schedule: DiffusionSchedule, last: Tensor, now: Tensor, then: Tensor) -> Float[Tensor, " t"]:
    """How much of the change of x0 since the last step to add to it: half the ratio of this step's length to the last.

    Lengths are in log(alpha / sigma); steps are on the CPU. 0 where there was no step before, and in the step that
    ends without noise.
    """
    signal = []
    for t in (last, now, then):
        alpha, sigma = schedule.alpha_sigma(t, torch.empty(t.shape, dtype=torch.float64))
        signal.append(alpha.clamp(min=1e-8).log() - sigma.clamp(min=1e-8).log())
    usable = (last > now) & (now > then) & (then > 0)
    length, length_before = signal[2] - signal[1], signal[1] - signal[0]
    return torch.where(usable, length / (2 * length_before.clamp(min=1e-8)), 0.0).float()


def num_rolling_steps(num_frames: int, ramp: int, steps: int) -> int:
    """Evaluations of the denoiser for a whole sequence."""
    return -(-(num_frames - 1 + ramp) * steps // ramp)


def _rising(start: int, stop: int, k: int, ramp: int, steps: int, num_steps: int) -> Int[Tensor, " t"]:
    """Diffusion step of each frame `[start, stop)` before sampling step `k`, in integers, so that none is met twice."""
    ahead = (torch.arange(start, stop) + ramp) * steps - k * ramp
    return ((2 * ahead * num_steps + ramp * steps) // (2 * ramp * steps)).clamp(0, num_steps)
