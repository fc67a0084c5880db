import pytest
import torch

from vlogger_core.diffusion import cosine_schedule, ddim_sample, scaled_linear_schedule, solve

SCHEDULE = cosine_schedule(1000)
MEAN, STD = 2.0, 0.5


def _ideal(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """The denoiser of data that are N(MEAN, STD)."""
    alpha, sigma = SCHEDULE.alpha_sigma(t, x)
    gain = alpha * STD**2 / (alpha**2 * STD**2 + sigma**2)
    return MEAN + gain * (x - alpha * MEAN)


def _noise(seed: int = 0) -> torch.Tensor:
    return torch.randn(4, 1000, generator=torch.Generator().manual_seed(seed))


def _draw(step: int) -> torch.Tensor:
    return _noise(step + 1)


@pytest.mark.parametrize("steps", [1, 4, 7, 30])
def test_ddim_is_song_s(steps: int):
    solved = solve(_ideal, _noise(), SCHEDULE, solver="ddim", steps=steps, draw=_draw)
    ours = ddim_sample(_ideal, _noise(), SCHEDULE, steps=steps, generator=torch.Generator())
    torch.testing.assert_close(solved, ours, atol=1e-4, rtol=0)


@pytest.mark.parametrize("steps", [5, 1000])
def test_ddpm_is_diffusers_own(steps: int):
    from diffusers import DDPMScheduler

    alphas_cumprod = SCHEDULE.alphas_cumprod.double()
    scheduler = DDPMScheduler(
        trained_betas=(1 - alphas_cumprod[1:] / alphas_cumprod[:-1]).numpy(),
        prediction_type="sample",
        clip_sample=False,
        timestep_spacing="trailing",
    )
    scheduler.set_timesteps(steps)
    # Noise of one fixed value, drawn by both, lets their steps be compared.
    x, generator = _noise(), torch.Generator().manual_seed(3)
    for t in scheduler.timesteps:
        x = scheduler.step(_ideal(x, t[None] + 1), int(t), x, generator=generator).prev_sample
    ours = torch.Generator().manual_seed(3)
    solved = solve(
        _ideal,
        _noise(),
        SCHEDULE,
        solver="ddpm",
        steps=steps,
        draw=lambda step: torch.randn(4, 1000, generator=ours),
    )
    torch.testing.assert_close(solved, x, atol=2e-3, rtol=0)


def test_dpm_solver_needs_fewer_steps():
    spread = {
        solver: float(solve(_ideal, _noise(), SCHEDULE, solver=solver, steps=12, draw=_draw).std())
        for solver in ("ddim", "dpm++")
    }
    assert abs(spread["dpm++"] - STD) < 0.5 * abs(spread["ddim"] - STD)


def test_polls_before_each_step_and_at_the_end():
    seen: list[int] = []
    solve(_ideal, _noise(), SCHEDULE, solver="dpm++", steps=3, draw=_draw, poll=seen.append)
    assert seen == [0, 1, 2, 3]


def test_refuses_an_unknown_solver():
    with pytest.raises(ValueError, match=r"solver must be one of ddpm, ddim, dpm\+\+. Got euler"):
        solve(_ideal, _noise(), SCHEDULE, solver="euler", steps=3, draw=_draw)


def test_stable_diffusion_s_schedule_ends_before_pure_noise():
    schedule = scaled_linear_schedule(1000)
    assert schedule.alphas_cumprod[0] == 1
    assert float(schedule.alphas_cumprod[-1]) == pytest.approx(0.00466, abs=2e-5)
    with pytest.raises(ValueError, match=r"num_steps must be at least 1. Got 0"):
        scaled_linear_schedule(0)
