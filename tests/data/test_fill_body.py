import numpy as np
import pytest
import torch

from vlogger_core.data.fill_body import complete_motion, is_speaking, loud_beats, speech_loudness
from vlogger_core.datatypes import Audio
from vlogger_core.motion.layout import MOTION_JOINTS, NUM_EXPRESSIONS, motion_dim
from vlogger_core.names import ARKIT_EXPRESSIONS, EXPRESSION_INDEX

from .recordings import RATE, jaw

SECONDS = 12


@pytest.fixture(scope="module")
def audio() -> Audio:
    times_s = np.arange(SECONDS * RATE) / RATE
    hum = 0.2 * jaw(times_s) * np.sin(2 * np.pi * 200 * times_s)
    return Audio(waveform=torch.from_numpy(hum).float()[None], sample_rate=RATE)


def mouth_only(num_frames: int = SECONDS * 24) -> np.ndarray:
    expression = np.zeros((num_frames, 52))
    expression[:, EXPRESSION_INDEX["jawOpen"]] = jaw((np.arange(num_frames) + 0.5) / 24)
    return expression


def test_what_was_recorded_stays(audio: Audio) -> None:
    expression = mouth_only()
    blinks = EXPRESSION_INDEX["eyeBlinkLeft"]
    expression[::50, blinks] = 1.0
    head = np.random.default_rng(0).normal(0, 0.05, (len(expression), 3))
    motion = complete_motion(audio, expression, {"head": head, "pelvis": head}, np.random.default_rng(1))
    assert motion.shape == (len(expression), motion_dim(MOTION_JOINTS))
    lids = [i for i, name in enumerate(ARKIT_EXPRESSIONS) if name.startswith(("eyeBlink", "eyeSquint", "eyeWide"))]
    np.testing.assert_array_equal(motion[:, lids], expression[:, lids])
    mouth = [i for i, name in enumerate(ARKIT_EXPRESSIONS) if name.startswith(("jaw", "mouth"))]
    np.testing.assert_array_equal(motion[:, mouth], expression[:, mouth])
    start = NUM_EXPRESSIONS + 3 * MOTION_JOINTS.index("head")
    np.testing.assert_array_equal(motion[:, start : start + 3], head)


def test_the_rest_moves(audio: Audio) -> None:
    expression = mouth_only()
    given = expression.copy()
    motion = complete_motion(audio, expression, None, np.random.default_rng(1))
    np.testing.assert_array_equal(expression, given)
    filled = [name for i, name in enumerate(ARKIT_EXPRESSIONS) if np.ptp(motion[:, i]) > 0.02]
    assert {"eyeBlinkLeft", "eyeLookOutLeft", "browInnerUp", "jawOpen"} <= set(filled)
    joints = motion[:, NUM_EXPRESSIONS:-3].reshape(len(motion), -1, 3)
    assert (joints.std(0).max(1) > 1e-4).all()
    assert motion[:, :NUM_EXPRESSIONS].min() >= 0
    assert motion[:, :NUM_EXPRESSIONS].max() <= 1
    again = complete_motion(audio, expression, None, np.random.default_rng(1))
    np.testing.assert_array_equal(motion, again)


def test_known_translation_stays(audio: Audio) -> None:
    place = np.random.default_rng(0).normal(0, 0.01, (SECONDS * 24, 3))
    motion = complete_motion(audio, mouth_only(), None, np.random.default_rng(1), known_translation=place)
    np.testing.assert_array_equal(motion[:, -3:], place)


def test_what_is_still_was_not_recorded(audio: Audio) -> None:
    still = np.full((SECONDS * 24, 3), 0.4)
    tracked = {"head": 0.01 * jaw(np.arange(SECONDS * 24) / 24)[:, None] * np.ones(3), "left_wrist": still}
    designed = complete_motion(audio, mouth_only(), None, np.random.default_rng(1))
    motion = complete_motion(audio, mouth_only(), tracked, np.random.default_rng(1), known_translation=still)
    own = NUM_EXPRESSIONS + 3 * MOTION_JOINTS.index("head") + np.arange(3)
    np.testing.assert_array_equal(motion[:, own], tracked["head"])
    np.testing.assert_array_equal(np.delete(motion, own, axis=1), np.delete(designed, own, axis=1))


def test_silence(audio: Audio) -> None:
    assert not speech_loudness(np.zeros(RATE), (np.arange(96) + 0.5) / 96).any()
    silent = Audio(waveform=torch.zeros_like(audio.waveform), sample_rate=RATE)
    assert np.isfinite(complete_motion(silent, mouth_only(), None, np.random.default_rng(1))).all()


def test_lengths_must_agree(audio: Audio) -> None:
    with pytest.raises(ValueError, match=r"known_joints\['head'\] must have the 288 frames of expression. Got 5"):
        complete_motion(audio, mouth_only(), {"head": np.zeros((5, 3))}, np.random.default_rng(0))


@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_loudness_tells_speech_and_beats(audio: Audio, noise: float) -> None:
    speech = audio.waveform[0].double().numpy()
    speech = speech + noise * np.random.default_rng(0).normal(size=len(speech))
    times_s = (np.arange(SECONDS * 96) + 0.5) / 96
    loudness = speech_loudness(speech, times_s)
    speaking = is_speaking(loudness)
    inside = (times_s % 4 > 0.3) & (times_s % 4 < 2.6)
    outside = times_s % 4 > 3.1
    assert speaking[inside].mean() > 0.97
    assert speaking[outside].mean() < 0.03
    beats = loud_beats(loudness, np.random.default_rng(0))
    # The loud syllables peak at 1/6 s and every 2/3 s from there on.
    wanted = np.array([4 * k + 1 / 6 + n * 2 / 3 for k in range(3) for n in range(5) if n * 2 / 3 + 1 / 6 < 3])
    found = np.array([beat.time_s for beat in beats])
    assert all(np.abs(found - peak).min() < 0.03 for peak in wanted)
