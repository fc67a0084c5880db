import pytest
import torch

from vlogger_core.diffusion import chained_guidance, cosine_schedule, known_values, noised_prefix

GROUPS = ({"a": None}, {"b": None})


class _Model:
    """x0 tells which conditions came: 1 for none, 2 with a, 5 with a and b."""

    def __init__(self) -> None:
        self.calls: list[tuple[bool, bool]] = []

    def __call__(self, x: torch.Tensor, t: torch.Tensor, *, a: int | None, b: int | None) -> torch.Tensor:
        self.calls.append((a is not None, b is not None))
        return torch.full_like(x, 1.0 + (a or 0) + (b or 0))


@pytest.mark.parametrize(
    ("scales", "expected", "calls"),
    [
        ((1.0, 1.0), 5.0, [(True, True)]),
        ((2.0, 2.0), 9.0, [(False, False), (True, True)]),
        ((1.0, 2.0), 8.0, [(True, False), (True, True)]),
        ((2.0, 1.0), 6.0, [(False, False), (True, False), (True, True)]),
    ],
)
def test_each_group_has_its_own_scale(scales: tuple[float, float], expected: float, calls: list):
    model = _Model()
    guided = chained_guidance(model, list(zip(scales, GROUPS, strict=True)))
    out = guided(torch.zeros(1, 2), torch.tensor([1]), a=1, b=3)
    torch.testing.assert_close(out, torch.full((1, 2), expected))
    assert model.calls == calls


def test_known_frames_are_as_noisy_as_the_others():
    schedule = cosine_schedule(10)
    seen: list[torch.Tensor] = []

    def denoise(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        seen.append(x)
        return x + 1

    known, noise = torch.rand(1, 2, 3, 4, 4), torch.randn(1, 2, 3, 4, 4)
    x, t = torch.zeros(1, 5, 3, 4, 4), torch.tensor([7])
    x0 = noised_prefix(denoise, known, noise, schedule)(x, t)
    torch.testing.assert_close(seen[0][:, :2], schedule.add_noise(known, noise, t))
    assert torch.equal(x0[:, :2], known)
    assert torch.equal(x0[:, 2:], torch.ones(1, 3, 3, 4, 4))


def test_known_values_are_held_and_as_noisy_as_the_others():
    schedule = cosine_schedule(10)
    seen: list[torch.Tensor] = []

    def denoise(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        seen.append(x)
        return torch.full_like(x, 7.0)

    known, noise, x = torch.rand(1, 2, 3), torch.randn(1, 2, 3), torch.randn(1, 2, 3)
    fresh = torch.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]]])
    step = torch.tensor([4])
    out = known_values(denoise, known, fresh, noise, schedule)(x, step)
    assert torch.equal(out, torch.where(fresh > 0, 7.0, known))
    assert torch.equal(seen[0], torch.where(fresh > 0, x, schedule.add_noise(known, noise, step)))
