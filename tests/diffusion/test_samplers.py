import pytest
import torch

from vlogger_core.diffusion import classifier_free_guidance, cosine_schedule, ddim_sample, known_prefix, sampling_steps


def test_steps_fall_from_noise_to_clean():
    assert sampling_steps(1000, 4) == [1000, 750, 500, 250, 0]
    assert sampling_steps(3, 3) == [3, 2, 1, 0]


@pytest.mark.parametrize("steps", [0, 11])
def test_refuses_impossible_steps(steps: int):
    with pytest.raises(ValueError, match=rf"steps must lie in 1 to 10. Got {steps}"):
        sampling_steps(10, steps)


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_recovers_a_gaussian(eta: float):
    """For data N(mean, std) the ideal denoiser is known; sampling with it must give that distribution back."""
    schedule = cosine_schedule(1000)
    mean, std = 2.0, 0.5

    def denoise(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        alpha, sigma = schedule.alpha_sigma(t, x)
        gain = alpha * std**2 / (alpha**2 * std**2 + sigma**2)
        return mean + gain * (x - alpha * mean)

    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(8, 2000, generator=generator)
    x = ddim_sample(denoise, noise, schedule, steps=250, eta=eta, generator=generator)
    assert abs(float(x.mean()) - mean) < 0.02
    assert abs(float(x.std()) - std) < 0.02


def test_same_generator_same_sample():
    schedule = cosine_schedule(50)

    def draw(seed: int) -> torch.Tensor:
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(1, 5, generator=generator)
        return ddim_sample(lambda x, t: 0.5 * x, noise, schedule, steps=5, eta=1.0, generator=generator)

    assert torch.equal(draw(1), draw(1))
    assert not torch.equal(draw(1), draw(2))


def test_progress_counts_to_the_end():
    seen: list[tuple[int, int]] = []
    ddim_sample(
        lambda x, t: x,
        torch.zeros(1, 2),
        cosine_schedule(10),
        steps=3,
        generator=torch.Generator(),
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_guidance_of_one_is_the_model_itself():
    def denoise(x: torch.Tensor, t: torch.Tensor, audio: float | None = None) -> torch.Tensor:
        return x * (0.0 if audio is None else audio)

    assert classifier_free_guidance(denoise, 1.0, {"audio": None}) is denoise
    guided = classifier_free_guidance(denoise, 1.5, {"audio": None})
    x = torch.ones(1, 3)
    torch.testing.assert_close(guided(x, torch.ones(1).long(), audio=2.0), 3.0 * x)


def test_known_prefix_is_kept_and_marked_clean():
    steps_seen: list[torch.Tensor] = []

    def denoise(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        steps_seen.append(t)
        return x + 1

    known = torch.full((1, 2, 3), 7.0)
    x0 = known_prefix(denoise, known)(torch.zeros(1, 5, 3), torch.tensor([9]))
    assert steps_seen[0].tolist() == [[0, 0, 9, 9, 9]]
    assert torch.equal(x0[:, :2], known)
    assert torch.equal(x0[:, 2:], torch.ones(1, 3, 3))
