import pytest
import torch

from vlogger_core.evaluate.edit_seam import Seam, mask_border


def _mask() -> torch.Tensor:
    mask = torch.zeros(12, 12)
    mask[4:8, 4:8] = 1
    return mask


def test_a_clip_that_is_left_alone_has_no_changes_and_no_seam() -> None:
    clip = torch.rand(3, 12, 12, generator=torch.Generator().manual_seed(0))
    seam = Seam.of(clip, clip, _mask())
    assert (seam.outside_px, seam.changed_px) == (12 * 12 - 16, 0)
    assert seam.energy_ratio == 1


def test_one_step_of_eight_bits_outside_counts_and_inside_does_not() -> None:
    clip = torch.full((3, 12, 12), 100 / 255)
    made = clip.clone()
    made[1, 0, 0] += 1 / 255
    made[:, 5, 5] = 1
    assert Seam.of(made, clip, _mask()).changed_px == 1


def test_an_edge_along_the_mask_shows() -> None:
    clip = torch.linspace(0, 1, 12).expand(3, 12, 12).contiguous()
    made = torch.where(_mask() > 0, clip + 0.3, clip)
    ratio = Seam.of(made, clip, _mask()).energy_ratio
    assert ratio is not None
    assert ratio > 1.5


def test_frames_add_up_and_no_border_has_no_ratio() -> None:
    clip = torch.rand(3, 12, 12, generator=torch.Generator().manual_seed(1))
    one = Seam.of(clip, clip, _mask())
    assert (one + one).outside_px == 2 * one.outside_px
    assert Seam.of(clip, clip, torch.zeros(12, 12)).energy_ratio is None


@pytest.mark.parametrize("soft", [False, True])
def test_the_border_is_the_soft_edge_and_a_pixel_on_both_sides(soft: bool) -> None:
    mask = torch.zeros(9, 9)
    mask[:, 5:] = 1
    if soft:
        mask[:, 4] = 0.5
    columns = mask_border(mask)[0].nonzero()[:, 0].tolist()
    assert columns == ([3, 4, 5] if soft else [4, 5])
