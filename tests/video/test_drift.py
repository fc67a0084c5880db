import torch

from vlogger_core.video.drift import hold_colours


def _pictures(seed: int) -> torch.Tensor:
    return torch.rand(6, 3, 8, 8, generator=torch.Generator().manual_seed(seed))


def test_the_last_frame_has_the_wanted_colours_and_the_first_hardly_changes():
    target = _pictures(0)
    drifted = 0.8 * target + 0.1
    held = hold_colours(drifted, target, 1.0)
    torch.testing.assert_close(held[-1], target[-1])
    assert (held[0] - drifted[0]).abs().max() < 0.2 * (target[0] - drifted[0]).abs().max()


def test_nothing_changes_without_strength_or_drift():
    target = _pictures(0)
    assert hold_colours(target + 0.1, target, 0.0).equal(target + 0.1)
    torch.testing.assert_close(hold_colours(target, target, 1.0), target)


def test_flat_pictures_stay_finite():
    flat = torch.full((2, 3, 4, 4), 0.5)
    assert hold_colours(flat, _pictures(0)[:2, :, :4, :4], 1.0).isfinite().all()
