from collections.abc import Callable

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
