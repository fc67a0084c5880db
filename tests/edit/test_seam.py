import torch

from tests.edit.edited_ball import soft_disc
from vlogger_core.edit.seam import match_colours, put_in, settle_change

SIZE = (96, 80)


def _frame() -> torch.Tensor:
    return torch.rand(3, *SIZE, generator=torch.Generator().manual_seed(0)) * 0.5 + 0.25


def test_outside_the_mask_nothing_changes_at_all():
    frame, mask = _frame(), soft_disc(1, SIZE)[0]
    out = put_in(1 - frame, frame, mask)
    assert torch.equal(out[:, mask == 0], frame[:, mask == 0])
    assert torch.equal(out[:, mask == 1], (1 - frame)[:, mask == 1])
    assert torch.equal(put_in(1 - frame, frame, torch.zeros(SIZE)), frame)


def test_a_cast_of_colour_goes_and_texture_stays():
    frame, mask = _frame(), soft_disc(1, SIZE)[0]
    cast = torch.tensor([0.08, -0.05, 0.03])[:, None, None]
    torch.testing.assert_close(match_colours(frame + cast, frame, mask), frame, atol=2e-3, rtol=0)


def test_a_cast_that_goes_across_is_followed():
    frame, mask = _frame(), soft_disc(1, SIZE)[0]
    slope = 0.1 * torch.linspace(-1, 1, SIZE[1]).expand(3, *SIZE)
    left = (match_colours(frame + slope, frame, mask) - frame)[:, mask > 0]
    assert left.abs().mean() < 0.15 * slope[:, mask > 0].abs().mean()


def test_what_is_the_same_around_the_mask_stays():
    frame, mask = _frame(), soft_disc(1, SIZE)[0]
    new = torch.where(mask > 0.5, 1 - frame, frame)
    torch.testing.assert_close(match_colours(new, frame, mask), new, atol=1e-6, rtol=0)


def test_displaced_edges_are_no_matter_of_colour():
    """Half of what is around the mask shows something else."""
    frame, mask = torch.full((3, *SIZE), 0.5), soft_disc(1, SIZE)[0]
    new = frame.clone()
    new[:, :, :20] = 0.0
    assert (match_colours(new, frame, mask) - new)[:, mask == 1].abs().max() < 0.02


def test_a_change_keeps_its_middle_and_loses_its_cast():
    mask = soft_disc(1, SIZE)[0]
    bump = soft_disc(1, SIZE)[0] * 0
    bump[50:60, 35:45] = 0.3
    settled = settle_change((bump + 0.1).expand(3, -1, -1) * (mask > 0), mask)
    assert (settled - bump)[:, mask > 0].abs().max() < 0.02
    assert torch.equal(settled[:, mask == 0], torch.zeros_like(settled[:, mask == 0]))


def test_without_a_border_there_is_nothing_to_settle():
    change = torch.rand(3, *SIZE)
    assert torch.equal(settle_change(change, torch.ones(SIZE)), change)
