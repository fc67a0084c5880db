"""Metrics of motion on motions whose figures are known: copies, shifted, still, trembling."""

import numpy as np
import pytest

from vlogger_core.data.phones import Segment
from vlogger_core.evaluate import motion_metrics as metrics

FPS = 24.0
SPANS = [(20, 23), (60, 62), (62, 64), (99, 100)]


def _press(spans, by: int = 0) -> np.ndarray:
    press = np.zeros(100)
    for first, stop in spans:
        press[max(0, first + by) : max(0, stop + by)] = 0.5
    return press


def test_closures_are_the_frames_that_p_b_m_overlap():
    segments = [
        Segment(viseme="open_a", start_s=0.0, end_s=0.5),
        Segment(viseme="closure", start_s=-0.1, end_s=0.01),
        Segment(viseme="closure", start_s=1.01, end_s=1.05),
        Segment(viseme="closure", start_s=4.1, end_s=4.3),
        Segment(viseme="closure", start_s=9.0, end_s=9.1),
    ]
    assert metrics.closure_spans(segments, FPS, 100) == [(0, 1), (24, 26), (98, 100)]


def test_true_closures_are_hit_without_false_ones():
    press = _press(SPANS)
    assert metrics.closures_hit(press, SPANS) == len(SPANS)
    assert metrics.false_presses(press, SPANS) == 0
    assert metrics.closures_hit(0.5 * press, SPANS) == 0
    assert metrics.closures_hit(np.zeros(100), SPANS) == metrics.false_presses(np.zeros(100), SPANS) == 0


def test_a_frame_beside_is_a_hit_and_three_beside_are_false():
    one = [(50, 52)]
    assert [metrics.closures_hit(_press([(50, 51)], by), one) for by in (-2, -1, 0, 1, 2, 3)] == [0, 1, 1, 1, 1, 0]
    assert [metrics.false_presses(_press([(50, 51)], by), one) for by in (-3, -2, 0, 3, 4)] == [1, 0, 0, 0, 1]
    everywhere = np.full(100, 0.5)
    assert metrics.closures_hit(everywhere, one) == 1
    assert metrics.false_presses(everywhere, one) == 100 - 6


def test_spread_is_over_time_and_seeds():
    rng = np.random.default_rng(0)
    still = np.zeros((4, 50, 3)) + rng.normal(size=(4, 1, 3))
    assert metrics.spread(still) > 0.3
    assert metrics.spread(np.ones((4, 50, 3))) == 0
    moving = rng.normal(size=(4, 50, 3))
    assert metrics.spread(2 * moving) == pytest.approx(2 * metrics.spread(moving))


def test_jerk_tells_trembling_from_turning():
    time = np.arange(100) / FPS
    turning = np.sin(2 * np.pi * 0.5 * time)[None, :, None] * np.ones((2, 1, 3))
    trembling = turning + 0.02 * np.random.default_rng(0).normal(size=turning.shape)
    assert metrics.jerk(np.full((1, 10, 3), 0.4)) == 0
    assert metrics.jerk(turning) < 0.003
    assert metrics.jerk(trembling) > 10 * metrics.jerk(turning)


def test_blinks_are_counted_once_each():
    lids = np.zeros(100)
    lids[10:14] = lids[40] = lids[90:] = 0.9
    lids[60:64] = 0.4
    assert np.flatnonzero(metrics.blinks(lids)).tolist() == [10, 40, 90]
    assert metrics.blinks(np.ones(20)).sum() == 0


def test_level_and_silence():
    rng = np.random.default_rng(0)
    speech = rng.normal(size=16000 * 4) * 0.1
    speech[16000:32000] = 0
    speech[48000:50000] = 0
    level = metrics.frame_level(speech, 16000, FPS, 96)
    assert level.shape == (96,)
    assert level[:20] == pytest.approx(0.1, rel=0.15)
    silent = metrics.silent_frames(level)
    assert silent[25:47].all()
    assert silent.sum() < 26
    assert not metrics.silent_frames(level, shortest=30).any()
    noisy = metrics.frame_level(speech + 0.03 * rng.normal(size=len(speech)), 16000, FPS, 96)
    assert not metrics.silent_frames(noisy).any()
    assert metrics.silent_frames(noisy, noisy=True)[25:47].mean() > 0.8
