import itertools
import subprocess
import sys

import numpy as np
import pytest

from vlogger_core.data import flite
from vlogger_core.data.flite import HELD_OUT_VOICES, SAMPLE_RATE, TRAINING_VOICES, Flite
from vlogger_core.data.phones import VISEME_OF_LETTER, is_pause, phones_to_segments
from vlogger_core.errors import ToolError

VOICES = (*TRAINING_VOICES, *HELD_OUT_VOICES)
TEXT = "Peter's happy puppy met the baby. Emma keeps a cup."


@pytest.fixture(scope="module")
def speaker() -> Flite:
    try:
        return Flite()
    except ToolError as error:
        pytest.skip(str(error))


def _level(waveform: np.ndarray, start_s: float, end_s: float) -> float:
    return float(np.sqrt(np.mean(waveform[int(start_s * SAMPLE_RATE) : int(end_s * SAMPLE_RATE)] ** 2)))


@pytest.mark.parametrize("voice", VOICES)
def test_phones_cover_the_sound_without_gaps(speaker, voice):
    waveform, phones = speaker.say(TEXT, voice=voice)
    assert np.abs(waveform).max() <= 1
    assert phones[0].start_s == 0
    assert all(before.end_s == after.start_s for before, after in itertools.pairwise(phones))
    assert 0 <= len(waveform) / SAMPLE_RATE - phones[-1].end_s < 0.006
    spoken = [phone.text.lstrip("ˈ") for phone in phones if not is_pause(phone.text)]
    assert spoken[:7] == ["p", "i", "t", "ɚ", "z", "h", "æ"]


@pytest.mark.parametrize("voice", VOICES)
def test_lips_close_while_p_is_silent(speaker, voice):
    waveform, phones = speaker.say(TEXT, voice=voice, stretch=1.1)
    segments = phones_to_segments(phones, waveform, SAMPLE_RATE, closure_inside=True)
    vowels = [s for s in segments if s.letter in "iæʌ"]
    usual = np.median([_level(waveform, s.start_s, s.end_s) for s in vowels])
    stops = [s for s in segments if s.letter == "p"][1:]
    assert len(stops) == 5
    for stop in stops:
        middle_s = (stop.start_s + stop.end_s) / 2
        assert _level(waveform, middle_s - 0.01, middle_s + 0.01) < 0.05 * usual
        assert stop.end_s - stop.start_s > 0.03


def test_stress_marks_vowels_of_content_words(speaker):
    _, phones = speaker.say("The baby and the banana.", voice="slt")
    assert [p.text for p in phones if "ˈ" in p.text] == ["ˈeɪ", "ˈæ"]


def test_stretch_and_pitch_are_obeyed_and_then_forgotten(speaker):
    usual, _ = speaker.say(TEXT, voice="rms")
    slow, _ = speaker.say(TEXT, voice="rms", stretch=1.5)
    assert len(slow) / len(usual) == pytest.approx(1.5, abs=0.05)
    assert len(speaker.say(TEXT, voice="rms")[0]) == len(usual)
    low, high = (
        _pitch_hz(speaker.say(TEXT, voice="slt", f0_mean_hz=mean, f0_std_hz=5.0)[0]) for mean in (120.0, 200.0)
    )
    assert low == pytest.approx(120, rel=0.12)
    assert high == pytest.approx(200, rel=0.12)


def _pitch_hz(waveform: np.ndarray) -> float:
    """Median over loud pieces of the lag with the highest autocorrelation."""
    found = []
    for start in range(0, len(waveform) - 1024, 512):
        piece = waveform[start : start + 1024]
        if np.sqrt(np.mean(piece**2)) > 0.1 * np.abs(waveform).max():
            correlation = np.correlate(piece, piece, "full")[1024:]
            found.append(SAMPLE_RATE / (50 + np.argmax(correlation[49:250])))
    return float(np.median(found))


@pytest.mark.slow
def test_the_same_calls_in_a_new_process_give_the_same_samples(speaker):
    script = (
        "import hashlib; from vlogger_core.data.flite import Flite; f = Flite();"
        f"print(hashlib.sha256(b''.join(f.say({TEXT!r}, voice='awb')[0].tobytes() for _ in range(2))).hexdigest())"
    )
    first, second = (
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    )
    assert first == second


def test_every_phone_has_a_mouth_shape():
    for phone, ipa in flite._IPA.items():
        assert phone == "pau" or all(letter in VISEME_OF_LETTER for letter in ipa)


def test_errors_name_what_is_wrong(speaker, monkeypatch):
    with pytest.raises(ValueError, match=r"voice must be one of awb, rms, kal16, slt\. Got 'kal'"):
        speaker.say("Hello", voice="kal")
    with pytest.raises(ValueError, match="text must be ASCII and not empty"):
        speaker.say(" ", voice="awb")
    monkeypatch.setattr(flite, "_LIBRARIES", ("libnot_flite.so",))
    with pytest.raises(ToolError, match="Install flite: apt-get install flite"):
        Flite()
