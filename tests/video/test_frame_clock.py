"""What a frame's time stamp makes of it on a constant clock."""

from fractions import Fraction

from vlogger_core.video.frame_clock import MAX_GAP_S, FrameClock, usual_rate

FPS = Fraction(25)


def _shown(times_s: list[float], fps: Fraction = FPS) -> list[int]:
    """Which frame each place of the clock shows."""
    clock, shown = FrameClock(fps), []
    for frame, time_s in enumerate(times_s[1:]):
        shown += clock.repeats(Fraction(time_s)) * [frame]
    return [*shown, len(times_s) - 1]


def test_even_frames_are_shown_once_each():
    assert _shown([i / 25 for i in range(10)]) == list(range(10))
    assert _shown([(i + 0.4 * (i % 2)) / 25 for i in range(10)]) == list(range(10))


def test_late_frames_are_waited_for_and_early_ones_left_out():
    assert _shown([0, 0.04, 0.16, 0.20]) == [0, 1, 1, 1, 2, 3]
    assert _shown([0, 0.04, 0.045, 0.05, 0.12, 0.16]) == [0, 3, 3, 4, 5]


def test_a_slow_drift_never_leaves_more_than_a_frame():
    times_s = [i / 29.0 for i in range(2000)]
    shown = _shown(times_s)
    assert all(abs(times_s[frame] - place / 25) < 1.5 / 25 for place, frame in enumerate(shown))


def test_wrong_time_stamps_do_not_stop_the_clock():
    late = 0.2 + MAX_GAP_S + 5
    assert _shown([0, 0.04, 0.08, late, late + 0.04]) == [0, 1, 2, 3, 4]
    assert _shown([90, 90.04, 0.0, 0.04]) == _shown([0, 0.04, 0.08, 0.12])


def test_the_usual_rate():
    even = [Fraction(round(1000 * i / 30), 1000) for i in range(100)]
    assert usual_rate(even, Fraction(30000, 1001)) == Fraction(30000, 1001)
    some_missing = [time for i, time in enumerate(even) if i % 7]
    assert usual_rate(some_missing, Fraction(26)) == 30
    assert usual_rate(even[:5], Fraction(26)) == 26
