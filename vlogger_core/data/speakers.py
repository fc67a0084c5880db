"""Who speaks in the corpus: somebody with one voice, who says sentences and knows when each mouth shape falls."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from ..datatypes import TimedLabel
from ..speech.espeak import Espeak
from . import flite, voices
from .augment import SAMPLE_RATE, varispeed
from .flite import Flite
from .phones import Segment, phones_to_segments


@runtime_checkable
class Speaker(Protocol):
    """One voice for a whole stream."""

    @property
    def language(self) -> str:
        """Whose words it says; a key of `sentences.WORDS`."""
        ...

    def say(self, text: str, rng: np.random.Generator) -> tuple[Float[np.ndarray, " n"], list[Segment]]:
        """Return speech at 16 kHz and its mouth shapes; pace and pitch vary from sentence to sentence."""
        ...


@dataclass(frozen=True, kw_only=True)
class EspeakSpeaker:
    """An espeak-ng voice with a timbre of `voices` and shifted formants."""

    espeak: Espeak
    language: str
    voice: str
    rate_wpm: float
    pitch: int
    pitch_range: int
    formants: float
    """Factor of all frequencies of the vocal tract; the pace is kept."""

    @staticmethod
    def draw(espeak: Espeak, rng: np.random.Generator, *, held_out: bool) -> EspeakSpeaker:
        """English, read by a foreign voice in one case of four, or another language."""
        odds = np.array([6.0 if language == "en-us" else 1.0 for language in voices.LANGUAGES])
        language = str(rng.choice(voices.LANGUAGES, p=odds / odds.sum()))
        foreign = language == "en-us" and rng.random() < 0.25
        reader = str(rng.choice(voices.foreign_readers())) if foreign else language
        timbre = str(rng.choice(voices.HELD_OUT_TIMBRES if held_out else voices.TRAINING_TIMBRES))
        return EspeakSpeaker(
            espeak=espeak,
            language=language,
            voice=voices.espeak_voice(reader, timbre),
            rate_wpm=rng.uniform(115, 205),
            pitch=int(rng.uniform(20, 85)),
            pitch_range=int(rng.uniform(25, 90)),
            formants=rng.uniform(0.87, 1.15),
        )

    def say(self, text: str, rng: np.random.Generator) -> tuple[Float[np.ndarray, " n"], list[Segment]]:
        rate_wpm = int(np.clip(self.rate_wpm * rng.uniform(0.9, 1.1) / self.formants, 90, 300))
        audio, timings = self.espeak.synthesise(
            text, voice=self.voice, rate_wpm=rate_wpm, pitch=self.pitch, pitch_range=self.pitch_range
        )
        spoken, phones = _faster(audio.waveform[0].double().numpy(), audio.sample_rate, timings.phones, self.formants)
        return spoken, phones_to_segments(phones, spoken, SAMPLE_RATE)


@dataclass(frozen=True, kw_only=True)
class FliteSpeaker:
    """A recorded voice of flite's, its formants, pitch and pace moved."""

    flite: Flite
    voice: str
    stretch: float
    f0_hz: float
    formants: float
    language: str = "en-us"

    @staticmethod
    def draw(engine: Flite, rng: np.random.Generator) -> FliteSpeaker:
        """One of the voices for training, as a smaller or a larger person might sound."""
        formants = rng.uniform(0.85, 1.22)
        return FliteSpeaker(
            flite=engine,
            voice=str(rng.choice(flite.TRAINING_VOICES)),
            stretch=rng.uniform(0.85, 1.3) * formants,
            f0_hz=rng.uniform(75, 180),
            formants=formants,
        )

    def say(self, text: str, rng: np.random.Generator) -> tuple[Float[np.ndarray, " n"], list[Segment]]:
        samples, phones = self.flite.say(
            text,
            voice=self.voice,
            stretch=self.stretch * rng.uniform(0.92, 1.08),
            f0_mean_hz=self.f0_hz * rng.uniform(0.93, 1.07),
            f0_std_hz=self.f0_hz * rng.uniform(0.05, 0.2),
        )
        spoken, phones = _faster(samples, flite.SAMPLE_RATE, phones, self.formants)
        return spoken, phones_to_segments(phones, spoken, SAMPLE_RATE, closure_inside=True)


def _faster(
    samples: Float[np.ndarray, " n"], sample_rate: int, phones: tuple[TimedLabel, ...] | list[TimedLabel], factor: float
) -> tuple[Float[np.ndarray, " m"], list[TimedLabel]]:
    spoken, exact = varispeed(samples, sample_rate, factor)
    shrunk = float(exact)
    return spoken, [replace(p, start_s=p.start_s / shrunk, end_s=p.end_s / shrunk) for p in phones]
