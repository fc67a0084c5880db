import numpy as np
import pytest

from vlogger_core.data.gestures import Beat, Style, gestures
from vlogger_core.data.shapes import pulses, sway
from vlogger_core.motion.layout import MOTION_JOINTS
from vlogger_core.names import EXPRESSION_INDEX as INDEX

RATE = 96.0


@pytest.fixture(scope="module")
def minutes() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Four minutes, the first two silent."""
    rng = np.random.default_rng(0)
    num = int(240 * RATE)
    speaking = np.arange(num) >= num // 2
    beats = [Beat(time_s=120 + 0.6 * i, strength=1.0) for i in range(190)]
    return gestures(beats, speaking, [150.0], RATE, Style.draw(rng), rng)


def _blinks(expression: np.ndarray) -> int:
    closed = expression[:, INDEX["eyeBlinkLeft"]] > 0.5
    return int((closed[1:] & ~closed[:-1]).sum())


def test_blink_rates(minutes: tuple[np.ndarray, np.ndarray, np.ndarray]):
    expression = minutes[0]
    half = len(expression) // 2
    assert 8 <= _blinks(expression[:half]) / 2 <= 19
    assert 12 <= _blinks(expression[half:]) / 2 <= 28


def test_speech_moves_the_head_more_than_silence(minutes: tuple[np.ndarray, np.ndarray, np.ndarray]):
    head = minutes[1][:, MOTION_JOINTS.index("head"), 0]
    half = len(head) // 2
    assert np.diff(head[half:]).std() > 1.5 * np.diff(head[:half]).std()


def test_everything_stays_small_and_finite(minutes: tuple[np.ndarray, np.ndarray, np.ndarray]):
    expression, joint_rotvec, translation = minutes
    assert expression.min() >= 0
    assert expression.max() < 1.5
    assert np.abs(np.rad2deg(joint_rotvec)).max() < 32
    assert np.abs(translation).max() < 0.03


def test_eyes_look_one_way_at_a_time(minutes: tuple[np.ndarray, np.ndarray, np.ndarray]):
    expression = minutes[0]
    for one, other in (("eyeLookOutLeft", "eyeLookInLeft"), ("eyeLookUpLeft", "eyeLookDownLeft")):
        assert (expression[:, INDEX[one]] * expression[:, INDEX[other]]).max() == 0
    np.testing.assert_array_equal(expression[:, INDEX["eyeLookOutLeft"]], expression[:, INDEX["eyeLookInRight"]])


def test_eyes_turn_against_the_head():
    rng = np.random.default_rng(1)
    num = int(120 * RATE)
    style = Style(articulation=1.0, smile=0.0, head=1.0, torso=0.0, arms=1.0, brows=1.0, gaze_away=0.0)
    expression, joint_rotvec, _ = gestures([], np.ones(num, dtype=bool), [], RATE, style, rng)
    head_yaw = joint_rotvec[:, MOTION_JOINTS.index("head"), 1] + joint_rotvec[:, MOTION_JOINTS.index("neck"), 1]
    eye_yaw = expression[:, INDEX["eyeLookOutLeft"]] - expression[:, INDEX["eyeLookInLeft"]]
    assert np.corrcoef(head_yaw, eye_yaw)[0, 1] < -0.8


def _deg(minutes: tuple[np.ndarray, np.ndarray, np.ndarray], name: str, axis: int) -> np.ndarray:
    return np.rad2deg(minutes[1][:, MOTION_JOINTS.index(name), axis])


def test_elbows_flex_and_hardly_stretch(minutes: tuple[np.ndarray, np.ndarray, np.ndarray]):
    assert _deg(minutes, "left_elbow", 1).max() <= 3 + 1e-6
    assert _deg(minutes, "right_elbow", 1).min() >= -3 - 1e-6
    assert max(-_deg(minutes, "left_elbow", 1).min(), _deg(minutes, "right_elbow", 1).max()) > 5


def test_hands_move_while_speaking_and_rest_in_silence(minutes: tuple[np.ndarray, np.ndarray, np.ndarray]):
    for name in ("left_wrist", "right_wrist", "left_index1", "right_pinky2"):
        curve = _deg(minutes, name, 2)
        half = len(curve) // 2
        assert np.diff(curve[half:]).std() > 1.3 * np.diff(curve[:half]).std()
        assert curve[half:].std() > 1


def test_fingers_of_both_hands_are_mirrored(minutes: tuple[np.ndarray, np.ndarray, np.ndarray]):
    """Curling is about -Z on the left and +Z on the right, and mostly that; all fingers of a hand go together."""
    joint_rotvec = minutes[1]
    for side in ("left", "right"):
        middle = joint_rotvec[:, MOTION_JOINTS.index(f"{side}_middle2")]
        assert np.abs(middle[:, :2]).max() == 0
        ring = joint_rotvec[:, MOTION_JOINTS.index(f"{side}_ring2"), 2]
        assert np.corrcoef(middle[:, 2], ring)[0, 1] > 0.8


def test_shoulders_rise_together(minutes: tuple[np.ndarray, np.ndarray, np.ndarray]):
    joint_rotvec = minutes[1]
    left = joint_rotvec[:, MOTION_JOINTS.index("left_collar"), 2]
    right = joint_rotvec[:, MOTION_JOINTS.index("right_collar"), 2]
    assert np.corrcoef(left, right)[0, 1] < -0.3


def test_sway_has_unit_deviation():
    rng = np.random.default_rng(0)
    assert sway(200_000, RATE, 0.5, rng).std() == pytest.approx(1, abs=0.15)


def test_pulses_peak_where_asked():
    times = np.arange(100) / 50
    bump = pulses([(1.0, 2.0)], times, 0.1, 0.3)
    assert bump.max() == pytest.approx(2.0)
    assert times[bump.argmax()] == pytest.approx(1.0)
    assert bump[times < 0.89].max() == 0
    assert bump[times > 1.31].max() == 0
