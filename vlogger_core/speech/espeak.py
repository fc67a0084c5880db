"""Text to speech with espeak-ng: sound, and when each phone and word sounds."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

import numpy as np
import torch

from ..datatypes import Audio, SpeechTimings, TimedLabel
from ..errors import InputError
from ..progress import Progress, silent
from .espeak_process import Answer, EspeakError, EspeakProcess
from .scripts import check_characters, check_scripts
from .sentences import split_sentences
from .voices import Voice, VoiceCatalogue

RANGES = {"rate_wpm": (80, 450), "pitch": (0, 99), "pitch_range": (0, 99), "volume": (0, 200)}
"""Smallest and largest value of each setting that espeak-ng follows."""


class Espeak:
    """espeak-ng in a process of its own; a context manager, used by one thread.

    espeak-ng 1.52 repeats itself exactly only from the start of a process: saying the same again gives some ten
    samples more or less. So by default each `synthesise` gets a new process (about 50 ms), and the same text and
    settings always give the same samples. With `shared_process=True` one process speaks text after text, which is
    faster for many short ones; then not each call repeats but the sequence of calls since the process began.

    A crash of the process costs the call that hit it an `EspeakError`; the next call starts another.
    """

    def __init__(self, *, shared_process: bool = False) -> None:
        self.shared_process = shared_process
        self._process: EspeakProcess | None = None
        self._catalogue: VoiceCatalogue | None = None

    def __enter__(self) -> Espeak:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process. A later call starts another."""
        if self._process is not None:
            self._process.close()
            self._process = None

    def voices(self) -> list[Voice]:
        """Every language and accent, in espeak-ng's order."""
        return list(self._read_catalogue().languages.values())

    def variants(self) -> list[Voice]:
        """Every timbre that can follow the plus sign: women, men, the old, whispers, robots."""
        return list(self._read_catalogue().variants.values())

    def synthesise(
        self,
        text: str,
        *,
        voice: str = "en-us",
        rate_wpm: int = 160,
        pitch: int = 50,
        pitch_range: int = 50,
        volume: int = 100,
        ssml: bool = False,
        phonemes: bool = False,
        progress: Progress = silent,
    ) -> tuple[Audio, SpeechTimings]:
        """Speak a text, sentence by sentence; `progress` counts sentences.

        Phones are IPA with the stress marks `ˈ` and `ˌ` before the stressed ones; pauses are the gaps between them.
        A voiceless stop begins at its burst (its closure is the silence before), every other phone where it begins.

        Args:
            text: In the script of the voice's language; other letters would be spelled out, so they are refused.
            voice: A code of `voices()`, optionally with one of `variants()`: `en-us`, `de+f3`.
            rate_wpm: Words a minute, 80 to 450.
            pitch: 0 to 99; 50 is the voice's own.
            pitch_range: 0 (monotone) to 99; 50 is the voice's own.
            volume: Per cent, 0 to 200; above 100 loud voices may clip.
            ssml: Read the text as SSML, in one piece.
            phonemes: Read `[[...]]` in the text as espeak-ng's own phoneme mnemonics.

        Raises:
            InputError: if a setting is out of range, the voice is unknown, or it cannot speak the text.
            EspeakError: if espeak-ng stopped; the message quotes the sentence.
        """
        settings = {"rate_wpm": rate_wpm, "pitch": pitch, "pitch_range": pitch_range, "volume": volume}
        _check_settings(settings)
        check_characters(text)
        code, identifier = self._read_catalogue(lambda: progress(0, 1)).resolve(voice)
        if not ssml:
            check_scripts(text, voice=code, phonemes=phonemes)
        sentences = [text] if ssml else split_sentences(text)
        request = {
            "command": "synthesise",
            "voice": identifier,
            "ssml": ssml,
            "phonemes": phonemes,
            "parameters": settings,
        }
        if not self.shared_process:
            self.close()
        spoken = _Spoken()
        for done, sentence in enumerate(sentences):
            progress(done, len(sentences))
            try:
                answer = self._ask({**request, "text": sentence}, lambda done=done: progress(done, len(sentences)))
            except EspeakError as error:
                raise EspeakError(f'Cannot speak the sentence "{_shorten(sentence)}": {error}.') from error
            spoken.add(sentence, answer)
        progress(len(sentences), len(sentences))
        if not spoken.phones:
            raise InputError(f'The voice {code} finds nothing to say in "{_shorten(text.strip())}": write words.')
        return spoken.finish()

    def _ask(self, request: dict[str, object], poll: Callable[[], None]) -> Answer:
        if self._process is None:
            self._process = EspeakProcess(poll)
        try:
            return self._process.ask(request, poll)
        finally:
            if self._process.closed:
                self._process = None

    def _read_catalogue(self, poll: Callable[[], None] = lambda: None) -> VoiceCatalogue:
        if self._catalogue is None:
            header, _ = self._ask({"command": "voices"}, poll)
            self._catalogue = VoiceCatalogue(header["voices"], header["variants"])
        return self._catalogue


def synthesise(
    text: str,
    *,
    voice: str = "en-us",
    rate_wpm: int = 160,
    pitch: int = 50,
    pitch_range: int = 50,
    volume: int = 100,
    ssml: bool = False,
    phonemes: bool = False,
    progress: Progress = silent,
) -> tuple[Audio, SpeechTimings]:
    """`Espeak.synthesise` for one text."""
    with Espeak() as espeak:
        return espeak.synthesise(
            text,
            voice=voice,
            rate_wpm=rate_wpm,
            pitch=pitch,
            pitch_range=pitch_range,
            volume=volume,
            ssml=ssml,
            phonemes=phonemes,
            progress=progress,
        )


class _Spoken:
    """The answers for the sentences of a text, put one behind the other."""

    def __init__(self) -> None:
        self.pieces: list[np.ndarray] = []
        self.num_samples = 0
        self.sample_rate = 0
        self.phones: list[tuple[str, int, int]] = []
        self.words: list[tuple[str, int, int]] = []

    def add(self, sentence: str, answer: Answer) -> None:
        header, payload = answer
        piece = np.frombuffer(payload, dtype=np.int16)
        starts = [sample for sample, _ in header["phones"]]
        ends = [*starts[1:], len(piece)]
        phones = [
            (label, self.num_samples + start, self.num_samples + end)
            for (start, label), end in zip(header["phones"], ends)
            if is_phone(label) and end > start
        ]
        words = header["words"]
        word_ends = [*(sample for sample, _, _ in words[1:]), len(piece)]
        for (start, position, length), end in zip(words, word_ends):
            start, end = self.num_samples + start, self.num_samples + end
            sounding = [last for _, first, last in phones if start <= first < end]
            text = sentence[position : position + length]
            if sounding and text.strip():
                self.words.append((text, start, min(max(sounding), end)))
        self.phones += phones
        self.pieces.append(piece)
        self.num_samples += len(piece)
        self.sample_rate = header["sample_rate"]

    def finish(self) -> tuple[Audio, SpeechTimings]:
        samples = np.concatenate(self.pieces).astype(np.float32) / 32768
        audio = Audio(waveform=torch.from_numpy(samples)[None], sample_rate=self.sample_rate)
        return audio, SpeechTimings(phones=self._labels(self.phones), words=self._labels(self.words))

    def _labels(self, spans: list[tuple[str, int, int]]) -> tuple[TimedLabel, ...]:
        rate = self.sample_rate
        return tuple(TimedLabel(text=text, start_s=start / rate, end_s=end / rate) for text, start, end in spans)


def is_phone(label: str) -> bool:
    """False for pauses (empty, `_`, `_:`) and for marks of a change of language such as `(en)`."""
    return bool(label.strip("_:|")) and not label.startswith("(")


def _check_settings(settings: dict[str, int]) -> None:
    for name, value in settings.items():
        low, high = RANGES[name]
        if not (isinstance(value, int) and low <= value <= high):
            raise InputError(f"{name} must be a whole number of {low} to {high}. Got {value}.")


def _shorten(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "..."
