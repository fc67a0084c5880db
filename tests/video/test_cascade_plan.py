import pytest

from vlogger_core.render.view import View
from vlogger_core.video.cascade_plan import plan_cascade, stride
from vlogger_core.video.config import EMBEDDED_256, EMBEDDED_512, EMBEDDED_BASE, SD15

CASCADE = (EMBEDDED_BASE, EMBEDDED_256, EMBEDDED_512)


def test_sizes_that_fit_are_taken_as_they_are():
    plan = plan_cascade(CASCADE, (640, 512))
    assert plan.stages == ((160, 128), (320, 256), (640, 512))
    assert plan.frame == View.whole((640, 512))
    assert plan.photo_view((1040, 832)) is None


def test_others_show_a_little_more_on_both_sides():
    plan = plan_cascade(CASCADE, (512, 630))
    assert plan.stages == ((128, 160), (256, 320), (512, 640))
    assert plan.frame == View(left=-5.0, top=0.0, width=640.0, height=512.0)
    assert plan.video_in((512, 640)) == View(left=5.0, top=0.0, width=630.0, height=512.0)
    assert plan.photo_view((1024, 1260)) == View(left=-10.0, top=0.0, width=1280.0, height=1024.0)


@pytest.mark.parametrize("size", [(512, 512), (512, 630), (910, 512), (333, 777), (31, 97), (1024, 1259), (2048, 512)])
@pytest.mark.parametrize("stages", [1, 2, 3])
def test_stages_show_the_same_and_fit_their_networks(size: tuple[int, int], stages: int):
    configs = CASCADE[:stages]
    plan = plan_cascade(configs, size)
    last = plan.stages[-1]
    scale = configs[-1].size / min(size)
    for config, (h, w) in zip(configs, plan.stages, strict=True):
        assert h % stride(config) == w % stride(config) == 0
        assert (h * configs[-1].size, w * configs[-1].size) == (last[0] * config.size, last[1] * config.size)
        assert min(h, w) == config.size
    # Square pixels, and never more of a border than the strides take.
    assert plan.frame.height * scale == pytest.approx(last[0])
    assert plan.frame.width * scale == pytest.approx(last[1])
    for outer, side in zip(last, size, strict=True):
        assert 0 <= outer - side * scale < 64
    video = plan.video_in(last)
    assert video.left >= 0
    assert video.left + video.width <= last[1] + 1e-6


def test_where_nothing_is_scaled_the_video_lies_on_whole_pixels():
    for side in range(513, 700, 7):
        plan = plan_cascade(CASCADE, (512, side))
        video = plan.video_in(plan.stages[-1])
        assert video.left == round(video.left)


def test_strides():
    assert [stride(config) for config in (*CASCADE, SD15)] == [16, 16, 32, 64]
