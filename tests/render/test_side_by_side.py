import av
import pytest
import torch

from vlogger_core.render.maps import ControlMaps
from vlogger_core.render.preview import render_preview
from vlogger_core.render.side_by_side import side_by_side
from vlogger_core.video.writer import write_video

from .bodies import ball_fit, head_motion

MOTION = head_motion([[0.0, 0.0, 0.0], [0.0, 0.2, 0.0]])


def test_the_map_stands_left_of_the_preview() -> None:
    fit = ball_fit()
    calls: list[tuple[int, int]] = []
    frames = list(side_by_side(ControlMaps(fit, MOTION), "dense", lambda *c: calls.append(c)))
    assert [tuple(frame.shape) for frame in frames] == [(3, 96, 160)] * 2
    dense = ControlMaps(fit, MOTION).frames(0, 2, ("dense",)).dense
    assert dense is not None
    for frame, left, right in zip(frames, dense, render_preview(fit, MOTION), strict=True):
        assert torch.equal(frame[..., :80], left)
        assert torch.equal(frame[..., 80:], right)
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)
    assert calls[-1] == (2, 2)


def test_it_becomes_a_film(tmp_path) -> None:
    path = write_video(tmp_path / "film.mp4", side_by_side(ControlMaps(ball_fit(), MOTION), "normal_bae"), MOTION.fps)
    with av.open(str(path)) as film:
        stream = film.streams.video[0]
        assert (stream.codec_context.name, stream.width, stream.height) == ("h264", 160, 96)
        assert len(list(film.decode(video=0))) == 2


def test_it_can_be_stopped() -> None:
    class Cancelled(Exception):
        pass

    def cancel(done: int, total: int) -> None:
        del total
        if done == 1:
            raise Cancelled

    with pytest.raises(Cancelled):
        list(side_by_side(ControlMaps(ball_fit(), MOTION), "warp_flow", cancel))
