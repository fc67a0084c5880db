import numpy as np
import pytest

from vlogger_core.data.phones import Segment
from vlogger_core.data.visemes import mouth_motion
from vlogger_core.names import EXPRESSION_INDEX as INDEX

TIMES = np.arange(200) / 96


def _mouth(*visemes: tuple[str, float, float]) -> np.ndarray:
    segments = [Segment(viseme=viseme, start_s=start, end_s=end) for viseme, start, end in visemes]
    return mouth_motion(segments, np.ones(len(TIMES)), TIMES)


def _at(mouth: np.ndarray, channel: str, time_s: float) -> float:
    return float(mouth[np.argmin(np.abs(TIMES - time_s)), INDEX[channel]])


def test_a_closure_is_forced_between_open_vowels():
    mouth = _mouth(("open_a", 0.5, 0.7), ("closure", 0.7, 0.78), ("open_a", 0.78, 1.0))
    assert _at(mouth, "jawOpen", 0.6) > 0.3
    assert _at(mouth, "mouthPressLeft", 0.74) > 0.5
    assert _at(mouth, "mouthClose", 0.74) == pytest.approx(_at(mouth, "jawOpen", 0.74))
    assert _at(mouth, "mouthLowerDownLeft", 0.74) == 0
    assert _at(mouth, "mouthPressLeft", 0.6) == 0


def test_lips_meet_teeth_without_pressing():
    mouth = _mouth(("open_a", 0.5, 0.7), ("lip_teeth", 0.7, 0.8), ("open_a", 0.8, 1.0))
    assert _at(mouth, "mouthRollLower", 0.75) > 0.5
    assert _at(mouth, "mouthPressLeft", 0.75) == 0


def test_rounding_is_anticipated():
    mouth = _mouth(("hiss", 0.5, 0.62), ("close_u", 0.62, 0.9))
    plain = _mouth(("hiss", 0.5, 0.62), ("close_i", 0.62, 0.9))
    assert _at(mouth, "mouthPucker", 0.8) > 0.5
    assert _at(mouth, "mouthPucker", 0.58) > _at(plain, "mouthPucker", 0.58) + 0.1


def test_the_mouth_rests_outside_speech_and_in_pauses():
    mouth = _mouth(("open_a", 0.5, 0.7), ("open_a", 1.5, 1.7))
    for time_s in (0.0, 1.15, 2.0):
        assert _at(mouth, "jawOpen", time_s) < 0.03


def test_no_speech_no_motion():
    assert mouth_motion([], np.ones(len(TIMES)), TIMES).max() < 0.03


def test_coefficients_stay_in_range():
    rng = np.random.default_rng(0)
    visemes = ["open_a", "closure", "close_u", "hush", "lip_teeth", "close_i", "rest"]
    spans = [(str(rng.choice(visemes)), 0.1 * i, 0.1 * i + 0.1) for i in range(18)]
    mouth = _mouth(*spans)
    assert mouth.min() >= 0
    assert mouth.max() <= 1
