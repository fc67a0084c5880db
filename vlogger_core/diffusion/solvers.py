"""From noise to signal with the solvers of diffusers."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from .denoiser import Denoiser
from .samplers import sampling_steps
from .schedule import DiffusionSchedule

_OPTIONS: dict[str, dict[str, Any]] = {
    "ddpm": {"algorithm_type": "sde-dpmsolver++", "solver_order": 1},
    "ddim": {"algorithm_type": "dpmsolver++", "solver_order": 1},
    "dpm++": {"algorithm_type": "dpmsolver++", "solver_order": 2},
}
"""As diffusers' `DPMSolverMultistepScheduler` knows them. Of the first order DPM-Solver++ is DDIM and its stochastic
variant the ancestral sampler (Lu et al., "DPM-Solver++", 2022, sections 4 and 5); unlike diffusers' `DDIMScheduler` it
keeps to its steps where their number does not divide the schedule's."""
SOLVERS = tuple(_OPTIONS)


def solve(
    denoise: Denoiser,
    noise: Tensor,
    schedule: DiffusionSchedule,
    *,
    solver: str,
    steps: int,
    draw: Callable[[int], Tensor],
    cond: Mapping[str, Any] | None = None,
    poll: Callable[[int], None] = lambda step: None,
) -> Tensor:
    """The signal that a denoiser finds in `noise`.

    Args:
        noise: the start, unit normal, `[b ...]`, float32.
        solver: of `SOLVERS`; `ddpm` (ancestral sampling, with as many steps as the schedule the paper's), `ddim`, or
            `dpm++` (DPM-Solver++ of the second order, for few steps).
        draw: gives the fresh noise of step 0, 1, ..., shaped as `noise`; asked for by `ddpm` only.
        poll: called with the number of finished steps, before each and after the last; may raise to stop.
    """
    from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler

    if solver not in SOLVERS:
        raise ValueError(f"solver must be one of {', '.join(SOLVERS)}. Got {solver}.")
    alphas_cumprod = schedule.alphas_cumprod.double()
    scheduler = DPMSolverMultistepScheduler(
        num_train_timesteps=schedule.num_steps,
        trained_betas=(1 - alphas_cumprod[1:] / alphas_cumprod[:-1]).numpy(),
        prediction_type="sample",
        final_sigmas_type="zero",
        **_OPTIONS[solver],
    )
    # Diffusers counts steps from 0 where this package has 1.
    grid = sampling_steps(schedule.num_steps, steps)[:-1]
    with warnings.catch_warnings():
        # Diffusers makes an array of a tensor in a way that NumPy 2 wants otherwise.
        warnings.simplefilter("ignore", DeprecationWarning)
        scheduler.set_timesteps(timesteps=[t - 1 for t in grid])
    x = noise
    for i, t in enumerate(grid):
        poll(i)
        x0 = denoise(x, torch.full((len(x),), t, device=x.device), **(cond or {}))
        fresh = draw(i) if solver == "ddpm" else None
        x = scheduler.step(x0, t - 1, x, variance_noise=fresh, return_dict=False)[0]
    poll(len(grid))
    return x
