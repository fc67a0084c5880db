import pytest
import torch

from vlogger_core.render.scene import resize
from vlogger_core.render.view import View, cut

IMAGE = torch.rand(3, 40, 50, generator=torch.Generator().manual_seed(0))


def test_whole_pixels_are_copied_and_the_border_is_continued():
    shown = cut(IMAGE, View(left=-3.0, top=-2.0, width=56.0, height=43.0), (43, 56))
    assert torch.equal(shown[:, 2:42, 3:53], IMAGE)
    assert torch.equal(shown[:, 2:42, :3], IMAGE[:, :, :1].expand(-1, -1, 3))
    assert torch.equal(shown[:, :2, 3:53], IMAGE[:, :1].expand(-1, 2, -1))
    assert cut(IMAGE, View.whole((40, 50)), (40, 50)) is IMAGE


@pytest.mark.parametrize("size", [(20, 25), (33, 47), (80, 100)])
def test_resizes_as_antialiased_bicubic_does(size: tuple[int, int]):
    shown = cut(IMAGE, View.whole((40, 50)), size)
    inner = (..., slice(6, -6), slice(6, -6))
    torch.testing.assert_close(shown[inner], resize(IMAGE, size)[inner], atol=2e-5, rtol=0)


@pytest.mark.parametrize("scale", [0.5, 1.0, 1.5])
def test_a_straight_gradient_stays_in_its_place(scale: float):
    """Pixel centres lie at +0.5, wherever the view begins."""
    ramp = (torch.arange(50) + 0.5).expand(1, 40, 50)
    view = View(left=10.3, top=5.7, width=24.0, height=18.0)
    size = (round(18 * scale), round(24 * scale))
    shown = cut(ramp, view, size)
    wanted = view.left + (torch.arange(size[1]) + 0.5) / scale
    torch.testing.assert_close(shown[0], wanted.expand(size), atol=1e-3, rtol=0)


def test_a_view_knows_where_the_picture_lies_in_it():
    view = View(left=-5.0, top=-2.5, width=60.0, height=45.0)
    there = view.seen_from_inside((90, 120), (40, 50))
    assert there == View(left=10.0, top=5.0, width=100.0, height=80.0)
    assert view.scaled(2.0, 4.0) == View(left=-10.0, top=-10.0, width=120.0, height=180.0)


def test_clips_are_cut_frame_by_frame():
    clip = torch.rand(2, 3, 40, 50)
    view = View(left=1.5, top=2.0, width=30.0, height=20.0)
    assert torch.equal(cut(clip, view, (10, 15))[1], cut(clip[1], view, (10, 15)))
