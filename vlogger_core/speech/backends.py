"""Neural voices: what every one of them must offer, and how a text of any length is spoken with it.

A voice's package is imported when a voice is opened, never before.
"""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Protocol, TypeVar, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from ..datatypes import Audio, SpeechTimings, TimedLabel
from ..errors import InputError, ToolError
from ..progress import Progress, silent
from .phone_times import spread_words
from .scripts import check_characters
from .sentences import split_sentences
from .voice_files import VoiceFiles, provide_files

MIN_SPEED, MAX_SPEED = 0.7, 1.8
PAUSE_S = 0.25
"""Between sentences."""

_FADE_S = 0.005
_POLL_S = 0.2
_T = TypeVar("_T")

logger = logging.getLogger(__name__)


class VoiceError(ToolError):
    """A neural voice could not be opened, or could not speak a sentence."""


@dataclass(frozen=True, kw_only=True)
class Spoken:
    """One sentence; times count from its start."""

    samples: Float[Tensor, " n"]
    words: tuple[TimedLabel, ...] | None = None
    """None where the backend does not tell."""
    phones: tuple[TimedLabel, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Speaker:
    """An opened voice."""

    sample_rate: int
    say: Callable[[str], Spoken]
    """Speaks one sentence; no samples if there is nothing in it to say."""


@runtime_checkable
class Backend(Protocol):
    """An engine and its voices."""

    name: str
    module: str
    """Which must be importable, and is imported in `open` only."""
    package: str
    """Its name for pip; the project's extra for it is `tts-` and the first word of it."""
    max_characters: int
    """Of one sentence, above which the engine would cut or hurry."""
    changes_speed: bool

    def voices(self) -> tuple[str, ...]:
        """The names of the voices that can be downloaded."""
        ...

    def files(self, voice: str) -> VoiceFiles | None:
        """What this voice needs; None for one that is a file of the user's own."""
        ...

    def open(self, root: Path, voice: str, *, speed: float, seed: int) -> Speaker:
        """Import the package and load the voice from its folder."""
        ...


def speak(
    backend: Backend,
    text: str,
    *,
    voice: str,
    folder: Path,
    speed: float = 1.0,
    seed: int = 0,
    allow_download: bool = False,
    progress: Progress = silent,
) -> tuple[Audio, SpeechTimings]:
    """Speak a text, sentence by sentence, each faded at its ends and followed by a pause.

    Words have the times that the backend tells; where it does not, they are spread over the sentence's sound by their
    length, and a warning says so. Phones are IPA; there are none where the backend tells no times.

    Args:
        folder: of all voices' files; see `provide_files`.
        speed: 0.7 to 1.8; 1 is the voice's own.
        seed: at least 0; the same one gives the same samples on the same machine.
        progress: counts megabytes while files come, then sentences. When it cancels, a sentence that has begun is
            still finished, unheard, in the background.

    Raises:
        InputError: if a setting is out of range, the voice is unknown, its package or files are missing, or there is
            nothing to say.
        VoiceError: if the package failed; the message quotes the sentence.
    """
    if not MIN_SPEED <= speed <= MAX_SPEED:
        raise InputError(f"speed must lie in {MIN_SPEED} to {MAX_SPEED}. Got {speed:g}.")
    if speed != 1 and not backend.changes_speed:
        raise InputError(f"{backend.name} speaks at its own speed only: set speed to 1. Got {speed:g}.")
    if seed < 0:
        raise ValueError(f"seed must be at least 0. Got {seed}.")
    check_characters(text)
    sentences = split_sentences(text, max_characters=backend.max_characters)
    wanted = backend.files(voice)
    _check_package(backend)
    root = folder if wanted is None else provide_files(wanted, folder, allow_download=allow_download, progress=progress)
    progress(0, len(sentences))
    try:
        speaker = _in_thread(
            lambda: backend.open(root, voice, speed=speed, seed=seed), lambda: progress(0, len(sentences))
        )
    except _Failed as error:
        raise VoiceError(f"{backend.name} cannot open the voice {voice}: {error}") from error.__cause__
    joined = _Joined(speaker.sample_rate)
    for done, sentence in enumerate(sentences):
        progress(done, len(sentences))
        try:
            spoken = _in_thread(
                lambda sentence=sentence: _seeded(speaker.say, sentence, seed),
                lambda done=done: progress(done, len(sentences)),
            )
        except _Failed as error:
            shown = sentence if len(sentence) <= 80 else sentence[:77] + "..."
            raise VoiceError(f'{backend.name} cannot speak the sentence "{shown}": {error}') from error.__cause__
        joined.add(sentence, spoken)
    progress(len(sentences), len(sentences))
    if not joined.pieces:
        raise InputError(f"The voice {voice} finds nothing to say in this text: write words.")
    if joined.estimated:
        logger.warning(
            "%s does not tell when all of these words fall: such times are estimated from their length.", backend.name
        )
    return joined.finish()


class _Joined:
    """Sentences, put one behind the other."""

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self.pieces: list[Tensor] = []
        self.phones: list[TimedLabel] = []
        self.words: list[TimedLabel] = []
        self.estimated = False
        self._num_samples = 0

    def add(self, sentence: str, spoken: Spoken) -> None:
        samples = spoken.samples.detach().to("cpu", torch.float32).flatten()
        if samples.numel() == 0:
            return
        if self.pieces:
            self._append(torch.zeros(round(PAUSE_S * self.sample_rate)))
        start_s = self._num_samples / self.sample_rate
        words = spoken.words
        if words is None:
            self.estimated = True
            words = spread_words(sentence, samples, self.sample_rate)
        duration_s = len(samples) / self.sample_rate
        self.words += [_shifted(word, start_s, duration_s) for word in words]
        self.phones += [_shifted(phone, start_s, duration_s) for phone in spoken.phones]
        self._append(_faded(samples, round(_FADE_S * self.sample_rate)))

    def finish(self) -> tuple[Audio, SpeechTimings]:
        waveform = torch.cat(self.pieces).clamp(-1, 1)[None]
        timings = SpeechTimings(phones=tuple(self.phones), words=tuple(self.words))
        return Audio(waveform=waveform, sample_rate=self.sample_rate), timings

    def _append(self, piece: Tensor) -> None:
        self.pieces.append(piece)
        self._num_samples += len(piece)


def _shifted(label: TimedLabel, start_s: float, duration_s: float) -> TimedLabel:
    end_s = min(label.end_s, duration_s)
    return TimedLabel(text=label.text, start_s=start_s + min(label.start_s, end_s), end_s=start_s + end_s)


def _faded(samples: Float[Tensor, " n"], length: int) -> Float[Tensor, " n"]:
    """From silence and back to it, so that a seam makes no click."""
    length = min(length, len(samples) // 2)
    ramp = torch.linspace(0, 1, length + 1)[:-1]
    samples = samples.clone()
    samples[:length] *= ramp
    samples[len(samples) - length :] *= ramp.flip(0)
    return samples


def _check_package(backend: Backend) -> None:
    if importlib.util.find_spec(backend.module) is None:
        raise InputError(
            f"{backend.name} needs the package {backend.package}: run `pip install {backend.package}` in ComfyUI's "
            f"Python (VLOGGER's extra tts-{backend.package.partition('-')[0]})."
        )


def _seeded(say: Callable[[str], Spoken], sentence: str, seed: int) -> Spoken:
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        return say(sentence)


class _Failed(Exception):
    """A voice's package raised something; its cause."""


def _in_thread(work: Callable[[], _T], poll: Callable[[], None]) -> _T:
    """The result of work during which `poll` is called several times a second, and may cancel.

    Raises:
        InputError: as the work does.
        _Failed: from anything else that it raises.
    """
    future: Future[_T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 (handed on below)
            future.set_exception(error)

    thread = Thread(target=run, daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(_POLL_S)
        poll()
    try:
        return future.result()
    except InputError:
        raise
    except Exception as error:
        raise _Failed(str(error).strip() or type(error).__name__) from error
