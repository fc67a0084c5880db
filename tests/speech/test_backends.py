import itertools
import logging
import math
from pathlib import Path

import pytest
import torch

from vlogger_core.datatypes import TimedLabel
from vlogger_core.errors import InputError
from vlogger_core.speech.backends import PAUSE_S, Speaker, Spoken, VoiceError, speak
from vlogger_core.speech.voice_files import VoiceFile, VoiceFiles

RATE = 16000


class Beeper:
    """A backend that needs no package and no file: a second of tone and noise for each sentence."""

    name = "Beeper"
    module = "torch"
    package = "torch"
    max_characters = 40
    changes_speed = True
    tells_times = True
    needs: VoiceFiles | None = None

    def voices(self) -> tuple[str, ...]:
        return ("low",)

    def files(self, voice: str) -> VoiceFiles | None:
        return self.needs

    def open(self, root: Path, voice: str, *, speed: float, seed: int) -> Speaker:
        if voice != "low":
            raise RuntimeError("no such file")

        def say(sentence: str) -> Spoken:
            if "crash" in sentence:
                raise RuntimeError("the network exploded")
            if not any(map(str.isalnum, sentence)):
                return Spoken(samples=torch.zeros(0))
            time_s = torch.arange(round(RATE / speed)) / RATE
            samples = 0.4 * torch.cos(2 * math.pi * 200 * time_s) + 0.1 * torch.rand(len(time_s))
            word = TimedLabel(text=sentence.split()[0], start_s=0.1, end_s=0.5)
            return Spoken(samples=samples, words=(word,) if self.tells_times else None)

        return Speaker(sample_rate=RATE, say=say)


class SilentBeeper(Beeper):
    tells_times = False


class SteadyBeeper(Beeper):
    changes_speed = False


class MissingBeeper(Beeper):
    name, module, package = "Missing", "no_such_module_here", "missing-tts"


class NeedyBeeper(Beeper):
    needs = VoiceFiles(
        repository="a/b", licence="MIT", folder="beeper", files=(VoiceFile(path="x.bin", revision="1", megabytes=1),)
    )


def test_sentences_are_joined_without_clicks(tmp_path: Path) -> None:
    audio, timings = speak(Beeper(), "Hello there. And again!", voice="low", folder=tmp_path)
    assert audio.waveform.shape == (1, round((2 + PAUSE_S) * RATE))
    seams = [0, RATE - 1, RATE, -RATE, -1]
    assert audio.waveform[0, seams].abs().max() < 0.01
    assert audio.waveform.diff().abs().max() < 0.15
    assert [(word.text, round(word.start_s, 3)) for word in timings.words] == [("Hello", 0.1), ("And", 1.35)]


def test_times_that_nobody_tells_are_estimated_and_said_to_be(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        audio, timings = speak(SilentBeeper(), '"I am long-winded," yes?', voice="low", folder=tmp_path)
    assert [word.text for word in timings.words] == ["I", "am", "long-winded", "yes"]
    assert timings.words[2].end_s - timings.words[2].start_s > 3 * (timings.words[0].end_s - timings.words[0].start_s)
    assert all(first.end_s <= second.start_s + 1e-9 for first, second in itertools.pairwise(timings.words))
    assert timings.words[-1].end_s <= audio.duration_s
    assert "Beeper does not tell when all of these words fall" in caplog.text


def test_the_same_seed_gives_the_same_samples(tmp_path: Path) -> None:
    first, again, other = (
        speak(Beeper(), "First. Second.", voice="low", folder=tmp_path, seed=seed)[0].waveform for seed in (3, 3, 4)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_the_callers_random_numbers_stay_as_they_are(tmp_path: Path) -> None:
    state = torch.random.get_rng_state()
    speak(Beeper(), "One.", voice="low", folder=tmp_path)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_speed_shortens(tmp_path: Path) -> None:
    assert speak(Beeper(), "One.", voice="low", folder=tmp_path, speed=1.25)[0].duration_s == pytest.approx(0.8)


def test_a_sentence_that_fails_names_itself(tmp_path: Path) -> None:
    with pytest.raises(VoiceError, match=r'Beeper cannot speak the sentence "Now crash!": the network exploded'):
        speak(Beeper(), "All is well. Now crash! Never said.", voice="low", folder=tmp_path)


@pytest.mark.parametrize(
    ("backend", "arguments", "message"),
    [
        (Beeper(), {"text": "  "}, "no text to speak"),
        (Beeper(), {"text": "... !"}, "finds nothing to say"),
        (Beeper(), {"speed": 2.5}, r"speed must lie in 0\.7 to 1\.8\. Got 2\.5"),
        (SteadyBeeper(), {"speed": 1.1}, r"at its own speed only: set speed to 1\. Got 1\.1"),
        (
            MissingBeeper(),
            {},
            r"needs the package missing-tts: run `pip install missing-tts`.*extra tts-missing",
        ),
        (NeedyBeeper(), {}, "licence MIT: x.bin"),
    ],
)
def test_what_cannot_be_spoken_is_refused(tmp_path: Path, backend: Beeper, arguments: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        speak(backend, **{"text": "Hi.", "voice": "low", "folder": tmp_path, **arguments})


def test_a_voice_that_does_not_open(tmp_path: Path) -> None:
    with pytest.raises(VoiceError, match="cannot open the voice high: no such file"):
        speak(Beeper(), "Hi.", voice="high", folder=tmp_path)


def test_progress_counts_sentences_and_can_cancel(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    speak(Beeper(), "First. Second. Third.", voice="low", folder=tmp_path, progress=lambda *step: told.append(step))
    assert told[0] == (0, 3)
    assert told[-1] == (3, 3)

    def cancel(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        speak(Beeper(), "First. Second. Third. Fourth.", voice="low", folder=tmp_path, progress=cancel)
