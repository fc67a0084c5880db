import re

import pytest

from vlogger_core.datatypes import SpeechTimings, TimedLabel
from vlogger_core.speech import synthesise
from vlogger_core.speech.srt import MAX_CHARACTERS, to_srt


def timings(words: list[str], *, step_s: float = 0.4) -> SpeechTimings:
    labels = tuple(
        TimedLabel(text=word, start_s=index * step_s, end_s=(index + 0.9) * step_s) for index, word in enumerate(words)
    )
    return SpeechTimings(phones=(), words=labels)


def cues(srt: str) -> list[str]:
    return [" ".join(block.splitlines()[2:]) for block in srt.strip().split("\n\n")] if srt else []


def test_the_format_is_that_of_subrip() -> None:
    spoken = SpeechTimings(phones=(), words=(TimedLabel(text="Hi", start_s=3661.0416, end_s=3661.5),))
    assert to_srt(spoken) == "1\n01:01:01,042 --> 01:01:01,500\nHi\n"


def test_punctuation_comes_back_and_sentences_are_parted() -> None:
    text = '"Bring more (white) paper," Mr. Bo said. We will!\nNow?'
    words = re.findall(r"\w+", text)
    assert cues(to_srt(timings(words, step_s=0.2), text)) == [
        '"Bring more (white) paper," Mr. Bo said.',
        "We will!",
        "Now?",
    ]


def test_a_text_without_spaces() -> None:
    assert cues(to_srt(timings(["今天", "天气", "很好", "走吧"]), "今天天气很好。走吧")) == ["今天天气很好。", "走吧"]


def test_words_written_otherwise_go_without() -> None:
    assert cues(to_srt(timings(["one", "hundred", "men"]), "100 men.")) == ["one hundred men."]
    assert cues(to_srt(timings(["one", "men"]))) == ["one men"]


def test_long_sentences_are_cut_and_folded() -> None:
    srt = to_srt(timings(["word"] * 60, step_s=0.1), "word " * 60)
    assert "".join(cues(srt)).count("word") == 60
    assert all(len(cue) <= MAX_CHARACTERS for cue in cues(srt))
    assert all(len(line) <= 45 for line in srt.splitlines())


def test_pauses_part_subtitles() -> None:
    assert len(cues(to_srt(timings(["a", "b"], step_s=8)))) == 2


def test_nothing_gives_nothing() -> None:
    assert to_srt(SpeechTimings(phones=(), words=())) == ""


@pytest.mark.parametrize("text", ["Please, bring more paper. We'll be back by 5!", "Grüß Gott; wie geht's?"])
def test_real_speech(text: str) -> None:
    _, spoken = synthesise(text, voice="de" if "ü" in text else "en-us")
    assert " ".join(cues(to_srt(spoken, text))) == text
