"""`reduced`: what ablations leave out, and what they leave."""

import pytest
import torch

from tests.video.tiny_video import tiny_controls
from vlogger_core.names import PARTS
from vlogger_core.video.reduced import HEAD_PARTS, REDUCTIONS, part_discs, reduce_controls


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_shapes_stay_and_the_reference_too(reduction):
    controls = tiny_controls()
    reduced = reduce_controls(controls, reduction)
    assert reduced.parts.shape == controls.parts.shape
    assert torch.equal(reduced.reference, controls.reference)
    assert torch.equal(reduced.background, controls.background)


@pytest.mark.parametrize("reduction", ["keypoints", "dense"])
def test_without_the_warp_the_video_begins_with_the_background(reduction):
    controls = tiny_controls()
    reduced = reduce_controls(controls, reduction)
    assert torch.equal(reduced.composite()[:, 1], controls.background)
    assert not reduced.warp_valid.any()
    assert torch.equal(reduced.dense, controls.dense) == (reduction == "dense")


def test_a_disc_lies_at_the_centre_of_its_part():
    parts = torch.zeros(1, 1, len(PARTS), 64, 64)
    parts[0, 0, 0] = 1
    parts[0, 0, PARTS.index("lips"), 20:30, 40:50] = 1
    parts[0, 0, 0, 20:30, 40:50] = 0
    discs = part_discs(parts)[0, 0].amax(0)
    assert discs[25, 45] == 1
    rows, columns = (discs > 0).nonzero().unbind(1)
    assert rows.float().mean() == pytest.approx(24.5, abs=0.6)
    assert columns.float().mean() == pytest.approx(44.5, abs=0.6)
    assert len(rows) < 30


def test_only_the_head_is_left():
    controls = tiny_controls()
    reduced = reduce_controls(controls, "head")
    shown = controls.parts[:, :, [PARTS.index(name) for name in HEAD_PARTS]].sum(2, keepdim=True)
    assert torch.equal(reduced.dense, controls.dense * shown)
    assert torch.allclose(reduced.parts.sum(2), torch.ones(()))
    assert not reduced.parts[:, :, PARTS.index("body")].any()
    outside = (shown == 0).expand_as(reduced.warp)
    assert torch.equal(reduced.composite()[outside], controls.background[:, None].expand_as(reduced.warp)[outside])


def test_another_reduction_is_refused():
    with pytest.raises(ValueError, match="reduction must be one of keypoints, dense, head"):
        reduce_controls(tiny_controls(), "none")
