import pytest

from vlogger_core.video.outpaint import clip_spans, num_known


@pytest.mark.parametrize("num_frames", [1, 3, 4, 5, 17, 100])
@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.5, 0.75])
def test_every_frame_is_new_once(num_frames: int, overlap: float):
    known = num_known(4, overlap)
    spans = list(clip_spans(num_frames, 4, known))
    assert [frame for span in spans for frame in range(span.fresh, span.stop)] == list(range(num_frames))
    assert all(span.stop - span.start <= 4 for span in spans)
    assert all(span.known == known for span in spans[1:])
    assert spans[0].known == 0


def test_goes_on_where_it_stopped():
    spans = list(clip_spans(30, 8, 4))
    for i, span in enumerate(spans):
        assert list(clip_spans(30, 8, 4, done=span.stop)) == spans[i + 1 :]


def test_half_of_a_clip_is_known_by_default_and_one_frame_is_always_new():
    assert num_known(16, 0.5) == 8
    assert num_known(1, 0.5) == 0
    assert num_known(2, 0.9) == 1


def test_refuses_clips_without_new_frames():
    with pytest.raises(ValueError, match=r"overlap must lie in 0 to 0.9. Got 1"):
        num_known(16, 1.0)
