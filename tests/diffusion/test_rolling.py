import math
from collections.abc import Callable
from fractions import Fraction

import pytest
import torch

from vlogger_core.diffusion import (
    NoiseStream,
    cosine_schedule,
    ddim_sample,
    noise_response,
    num_rolling_steps,
    rolling_sample,
)

SCHEDULE = cosine_schedule(1000)


def _roll(
    denoise: Callable[..., torch.Tensor], num_frames: int, *, width: int = 1, steps: int = 10, seed: int = 0
) -> list[torch.Tensor]:
    return list(
        rolling_sample(
            denoise,
            num_frames,
            NoiseStream(noise_response(torch.zeros(width)), [torch.Generator().manual_seed(seed)]),
            SCHEDULE,
            ramp=24,
            context=16,
            steps=steps,
            cond=lambda start, stop: {},
        )
    )


def _constant_in_time(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """The ideal causal denoiser of sequences that hold one unit normal value for ever."""
    alpha, sigma = SCHEDULE.alpha_sigma(t.expand(x.shape[:2]) if t.ndim == 2 else t[:, None].expand(x.shape[:2]), x)
    precision = (alpha / sigma.clamp(min=0.01)).square()
    evidence = x * alpha / sigma.clamp(min=0.01).square()
    return evidence.cumsum(1) / (1 + precision.cumsum(1))


@pytest.mark.parametrize(("num_frames", "steps"), [(1, 10), (7, 10), (24, 3), (100, 10), (50, 40)])
def test_every_frame_comes_once(num_frames: int, steps: int):
    pieces = _roll(lambda x, t: 0 * x, num_frames, width=3, steps=steps)
    assert len(pieces) == num_rolling_steps(num_frames, 24, steps)
    assert torch.cat(pieces, dim=1).shape == (1, num_frames, 3)


def test_a_causal_denoiser_keeps_slow_signals_at_full_size():
    """A common step for all frames shrinks them, and neighbours disagree."""
    width = 4000
    rolled = torch.cat(_roll(_constant_in_time, 60, width=width, steps=12), dim=1)[0]
    assert 0.85 < rolled[40].std() < 1.05
    assert (rolled[59] - rolled[30]).std() < 0.1
    noise = torch.randn(1, 60, width, generator=torch.Generator().manual_seed(0))
    level = ddim_sample(_constant_in_time, noise, SCHEDULE, steps=12, generator=torch.Generator())[0]
    assert level[40].std() < 0.65


def test_work_does_not_grow_with_length():
    lengths: list[int] = []

    def denoise(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        lengths.append(x.shape[1])
        return x

    _roll(denoise, 300)
    assert max(lengths) <= 16 + 24 + 6
    assert len(lengths) == num_rolling_steps(300, 24, 10)


def test_frames_are_clean_before_the_ramp_and_noise_after_it():
    seen: list[torch.Tensor] = []

    def denoise(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        seen.append(t[0])
        return x

    _roll(denoise, 100)
    assert all((t.diff() >= 0).all() for t in seen)
    middle = seen[len(seen) // 2]
    assert (middle == 0).sum() >= 16
    assert middle.max() <= 1000


def test_noise_of_a_frame_depends_on_the_seed_only():
    long, short = (torch.cat(_roll(lambda x, t: 0.5 * x, n), dim=1) for n in (60, 30))
    torch.testing.assert_close(long[:, :30], short)
    assert not torch.equal(short, torch.cat(_roll(lambda x, t: 0.5 * x, 30, seed=1), dim=1))


def _log_snr(t: int) -> float:
    alpha_bar = float(SCHEDULE.alphas_cumprod[t].double())
    return 0.5 * math.log(alpha_bar / (1 - alpha_bar))


def _level(frame: int, k: int, ramp: int, steps: int) -> int:
    exact = Fraction(1000 * ((frame + ramp) * steps - k * ramp), ramp * steps)
    return min(1000, max(0, math.floor(exact + Fraction(1, 2))))


def _step_by_step(denoise: Callable[..., torch.Tensor], noise: torch.Tensor, ramp: int, steps: int) -> torch.Tensor:
    """The same, frame by frame and with all frames at every step: Lu et al. (2022), algorithm 2, order 2."""
    num_frames = noise.shape[1]
    x, before = noise.double(), torch.zeros_like(noise, dtype=torch.float64)
    begun = [False] * num_frames
    for k in range(num_rolling_steps(num_frames, ramp, steps)):
        last, now, then = ([_level(i, j, ramp, steps) for i in range(num_frames)] for j in (k - 1, k, k + 1))
        x0 = denoise(x.float(), torch.tensor(now)[None]).double()
        for i in range(num_frames):
            if now[i] == 0 or now[i] == then[i] == 1000:
                continue
            estimate = x0[:, i]
            if begun[i] and then[i] > 0:
                ratio = (_log_snr(then[i]) - _log_snr(now[i])) / (_log_snr(now[i]) - _log_snr(last[i]))
                estimate = estimate + ratio / 2 * (estimate - before[:, i])
            alpha, sigma = (float(v) for v in SCHEDULE.alpha_sigma(torch.tensor(now[i]), torch.zeros(())))
            then_alpha, then_sigma = (float(v) for v in SCHEDULE.alpha_sigma(torch.tensor(then[i]), torch.zeros(())))
            x[:, i] = then_alpha * estimate + then_sigma * (x[:, i] - alpha * estimate) / sigma
            before[:, i], begun[i] = x0[:, i], True
    return x.float()


@pytest.mark.parametrize(("num_frames", "ramp", "steps"), [(1, 24, 10), (40, 24, 10), (60, 48, 20), (50, 24, 7)])
@pytest.mark.parametrize("context", [0, 5])
def test_it_equals_a_plain_solver_of_second_order(num_frames: int, ramp: int, steps: int, context: int):
    def denoise(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        alpha, sigma = SCHEDULE.alpha_sigma(t, x)
        return torch.tanh(x * alpha + 0.1 * torch.sin(3 * x) * sigma)

    def stream() -> NoiseStream:
        generators = [torch.Generator().manual_seed(seed) for seed in (0, 7)]
        return NoiseStream(noise_response(torch.tensor([0.0, 3.0])), generators)

    rolled = rolling_sample(
        denoise, num_frames, stream(), SCHEDULE, ramp=ramp, steps=steps, cond=lambda start, stop: {}, context=context
    )
    expected = _step_by_step(denoise, stream().next(num_frames), ramp, steps)
    torch.testing.assert_close(torch.cat(list(rolled), dim=1), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("steps", [10, 20, 125, 375, 1000])
def test_a_finished_frame_is_shown_exactly_once(steps: int):
    shown = 0

    def denoise(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        nonlocal shown
        shown += int((t == 0).sum())
        return x

    noise = NoiseStream(noise_response(torch.zeros(1)), [torch.Generator().manual_seed(0)])
    pieces = list(rolling_sample(denoise, 60, noise, SCHEDULE, ramp=48, steps=steps, cond=lambda start, stop: {}))
    assert shown == 60 - pieces[-1].shape[1]
