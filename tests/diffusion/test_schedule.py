import pytest
import torch

from vlogger_core.diffusion import cosine_schedule


def test_starts_clean_and_ends_in_noise():
    schedule = cosine_schedule(1000)
    assert schedule.num_steps == 1000
    assert schedule.alphas_cumprod[0] == 1
    assert schedule.alphas_cumprod[-1] < 1e-4
    assert (schedule.alphas_cumprod.diff() < 0).all()


def test_noise_keeps_unit_variance():
    schedule = cosine_schedule(100)
    generator = torch.Generator().manual_seed(0)
    x0, noise = torch.randn(2, 101, 4000, generator=generator)
    noisy = schedule.add_noise(x0, noise, torch.arange(101))
    torch.testing.assert_close(noisy.var(dim=1), torch.ones(101), atol=0.12, rtol=0)
    torch.testing.assert_close(noisy[0], x0[0])


def test_step_may_differ_by_frame():
    schedule = cosine_schedule(10)
    x0, noise = torch.ones(2, 3, 4), torch.zeros(2, 3, 4)
    t = torch.tensor([[0, 5, 10], [10, 5, 0]])
    noisy = schedule.add_noise(x0, noise, t)
    torch.testing.assert_close(noisy[..., 0], schedule.alphas_cumprod[t].sqrt())


def test_refuses_no_steps():
    with pytest.raises(ValueError, match=r"num_steps must be at least 1. Got 0"):
        cosine_schedule(0)
