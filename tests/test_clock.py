"""Audio and video share one clock that cannot drift."""

from fractions import Fraction

import pytest

from vlogger_core.clock import as_fps, frame_start, num_frames

RATES = [8000, 16000, 22050, 44100, 48000]
FPS = [Fraction(24), Fraction(25), Fraction(30), Fraction(24000, 1001)]


@pytest.mark.parametrize("fps", FPS)
@pytest.mark.parametrize("rate", RATES)
def test_an_hour_does_not_drift(rate, fps):
    frame = num_frames(3600 * rate, rate, fps) - 1
    assert abs(Fraction(frame_start(frame, rate, fps), rate) - frame / fps) < Fraction(1, rate)


@pytest.mark.parametrize("fps", FPS)
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("samples", [0, 1, 999, 16000, 123457])
def test_frames_cover_every_sample_and_no_more(rate, fps, samples):
    frames = num_frames(samples, rate, fps)
    assert frames == -(-samples * fps // rate)
    assert Fraction(frames) * rate / fps >= samples
    assert frames == 0 or Fraction(frames - 1) * rate / fps < samples


@pytest.mark.parametrize(
    ("given", "wanted"),
    [(24, Fraction(24)), ("25", Fraction(25)), (23.976, Fraction(24000, 1001)), ("30000/1001", Fraction(30000, 1001))],
)
def test_broadcast_rates_are_exact(given, wanted):
    assert as_fps(given) == wanted


@pytest.mark.parametrize("fps", [0, 7.9, 121, -24])
def test_fps_out_of_range(fps):
    with pytest.raises(ValueError, match=r"8 to 120\. Got"):
        as_fps(fps)
