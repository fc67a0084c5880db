import numpy as np

from vlogger_core.data.phones import VISEME_OF_LETTER, VOWELS, is_pause, phones_to_segments
from vlogger_core.datatypes import TimedLabel

RATE = 16000


def _phones(*labels: tuple[str, float, float]) -> list[TimedLabel]:
    return [TimedLabel(text=text, start_s=start, end_s=end) for text, start, end in labels]


def test_labels_are_split_into_the_shapes_they_pass_through():
    segments = phones_to_segments(_phones(("ˈaɪ", 0.1, 0.3), ("tʃ", 0.3, 0.4)), np.zeros(8000), RATE)
    assert [segment.viseme for segment in segments] == ["open_a", "near_i", "alveolar", "hush"]
    assert [segment.stress for segment in segments] == [1, 1, 0, 0]
    assert segments[1].start_s == 0.2


def test_stress_before_a_consonant_reaches_the_vowel():
    segments = phones_to_segments(_phones(("ˈm", 0.0, 0.1), ("a", 0.1, 0.3), ("i", 0.3, 0.4)), np.zeros(8000), RATE)
    assert [segment.stress for segment in segments] == [0, 1, 0]


def test_a_voiceless_stop_closes_in_the_silence_before_its_burst():
    waveform = np.full(RATE, 0.5)
    waveform[int(0.40 * RATE) : int(0.50 * RATE)] = 0
    (segment,) = phones_to_segments(_phones(("p", 0.50, 0.56)), waveform, RATE)
    assert segment.viseme == "closure"
    assert abs(segment.start_s - 0.40) < 0.011
    assert 0.50 <= segment.end_s <= 0.52


def test_a_voiced_stop_closes_at_its_label():
    (segment,) = phones_to_segments(_phones(("b", 0.50, 0.56)), np.full(RATE, 0.5), RATE)
    assert (segment.start_s, segment.end_s) == (0.50, 0.56)


def test_pauses_have_no_shape():
    assert is_pause("_:")
    assert is_pause("")
    assert not is_pause("ə")
    assert phones_to_segments(_phones(("_", 0.0, 0.5)), np.zeros(8000), RATE) == []


def test_every_letter_has_one_shape():
    assert VISEME_OF_LETTER["m"] == VISEME_OF_LETTER["b"] == VISEME_OF_LETTER["p"] == "closure"
    assert set(VISEME_OF_LETTER.values()) >= VOWELS


def test_a_closure_inside_the_label_lasts_until_the_burst():
    waveform = np.full(RATE, 0.5)
    waveform[int(0.41 * RATE) : int(0.50 * RATE)] = 1e-4
    waveform[int(0.50 * RATE) : int(0.54 * RATE)] = 0.02
    (stop, hush) = phones_to_segments(_phones(("tʃ", 0.40, 0.54)), waveform, RATE, closure_inside=True)
    assert (stop.start_s, hush.end_s) == (0.40, 0.54)
    assert abs(stop.end_s - 0.51) < 0.006
    assert abs(hush.start_s - 0.50) < 0.006
    (voiced,) = phones_to_segments(_phones(("b", 0.40, 0.54)), waveform, RATE, closure_inside=True)
    assert (voiced.start_s, voiced.end_s) == (0.40, 0.54)
