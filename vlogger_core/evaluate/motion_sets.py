"""What the motion model is tested on: voices and recordings that it never heard, and what belongs to them.

Sets of spoken sentences come with the motion that the corpus' generator designs for them (`data.speech_corpus`), from
the same phone times; real recordings with a captured face or, in `speech/`, with none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float

from ..clock import num_frames
from ..data.augment import degrade
from ..data.face_motion import TRAINING_RECORDINGS, read_face_motion, recordings
from ..data.phones import Segment, phones_to_segments
from ..data.speech_corpus import Recording, label
from ..data.training_clock import FPS
from ..data.voices import HELD_OUT_TIMBRES, espeak_voice
from ..datatypes import Motion, SpeechFeatures, TimedLabel
from ..motion.layout import MOTION_JOINTS, vector_to_motion
from ..progress import Progress, silent
from ..speech.audio import load_audio, to_speech
from ..speech.espeak import Espeak
from ..speech.mel import SAMPLE_RATE, mel_features
from .motion_flite_set import read_flite_set
from .motion_metrics import Spans, closure_spans, frame_level, silent_frames
from .motion_sentences import ESPEAK_STREAMS
from .samples import Samples

ESPEAK, DEGRADED, FLITE = "unseen espeak voices", "the same, degraded", "unseen flite voice"
RECORDING, SPEECH = "real recording", "speech"
NOISY, SINGING = "noisy", "singing"
"""Words in the names of speech recordings."""
_BEFORE_S, _BETWEEN_S, _LONG_S, _AFTER_S = 0.6, 0.7, 4.0, 0.8
_LONG_SILENCE = 24
"""Frames of silence from which nobody speaks; shorter ones are a speaker's breaks."""
_PER_STREAM = 4
_SAME_SPEECH = 0.5


@dataclass(frozen=True, kw_only=True)
class Utterance:
    """A spoken sentence."""

    speech: Float[np.ndarray, " n"]
    """16 kHz."""
    segments: tuple[Segment, ...]
    question: bool


@dataclass(frozen=True, kw_only=True)
class SpokenClip:
    """Speech of one person, and what is known of the motion that belongs to it."""

    name: str
    kind: str
    """Which set it is of: `ESPEAK`, `DEGRADED`, `FLITE`, `RECORDING`, `SPEECH`."""
    features: SpeechFeatures
    level: Float[np.ndarray, " t"]
    """`frame_level` of the clean sound."""
    silent: Bool[np.ndarray, " t"]
    """`silent_frames` of the clean sound, or of the noisy one where there is no other."""
    listening: Bool[np.ndarray, " t"]
    """The same for silences of a second and more, in which the speaker does not just breathe."""
    expression: Float[np.ndarray, "t 52"] | None = None
    """The true one."""
    closures: Spans = ()
    recording: Recording | None = None
    """Of synthetic speech."""

    def designed(self, seeds: Sequence[int]) -> list[Motion]:
        """What the generator of the corpus makes of this speech, one motion a seed; none for a real recording."""
        if self.recording is None:
            return []
        vectors = [torch.from_numpy(label(self.recording, np.random.default_rng(seed))).float() for seed in seeds]
        return [vector_to_motion(vector, MOTION_JOINTS, FPS) for vector in vectors]


def espeak_clips(progress: Progress = silent) -> list[SpokenClip]:
    """`ESPEAK_STREAMS`, each said by a held-out timbre."""
    clips = []
    with Espeak() as espeak:
        for i, stream in enumerate(ESPEAK_STREAMS):
            timbre = HELD_OUT_TIMBRES[i % len(HELD_OUT_TIMBRES)]
            said = []
            for language, text in stream:
                progress(i, len(ESPEAK_STREAMS))
                audio, timings = espeak.synthesise(text, voice=espeak_voice(language, timbre), rate_wpm=145 + 5 * i)
                said.append(_utterance(to_speech(audio).double().numpy(), timings.phones, text))
            clips.append(_spoken(f"{i:02d} {timbre}", ESPEAK, _recording(said)))
    progress(1, 1)
    return clips


def flite_clips() -> list[SpokenClip]:
    """The bundled sentences of slt."""
    said = [_utterance(speech, phones, text, closure_inside=True) for text, speech, phones in read_flite_set()]
    streams = [said[i : i + _PER_STREAM] for i in range(0, len(said), _PER_STREAM)]
    return [_spoken(f"slt {i}", FLITE, _recording(stream)) for i, stream in enumerate(streams)]


def degraded(clips: Sequence[SpokenClip]) -> list[SpokenClip]:
    """The same clips as a bad microphone in a room hears them."""
    out = []
    for i, clip in enumerate(clips):
        if clip.recording is None:
            raise ValueError(f"clips must be synthetic speech. Got {clip.name}.")
        heard = degrade(clip.recording.clean, np.random.default_rng(i))
        out.append(replace(clip, kind=DEGRADED, features=_features(heard)))
    return out


def recorded_clips(samples: Samples) -> list[SpokenClip]:
    """Recordings with a captured face that are not among `TRAINING_RECORDINGS`."""
    folder = samples.root / "face_motion"
    clips = []
    for name in recordings(folder):
        if name not in TRAINING_RECORDINGS:
            audio, expression = read_face_motion(folder, name, fps=FPS)
            speech = to_speech(audio).double().numpy()
            clips.append(_heard(name, RECORDING, speech, speech, expression=expression.double().numpy()))
    return clips


def speech_clips(samples: Samples) -> list[SpokenClip]:
    """Recordings of real people, whose faces nobody saw."""
    speeches = {path: to_speech(load_audio(path)).double().numpy() for path in samples.speech()}
    return [
        _heard(
            path.stem,
            SPEECH,
            speech,
            speech if twin is None else speeches[twin],
            noisy=is_noisy(path.stem) and twin is None,
        )
        for path, speech in speeches.items()
        for twin in [_clean_twin(path, speeches) if is_noisy(path.stem) else None]
    ]


def is_noisy(name: str) -> bool:
    return NOISY in name.lower()


def is_singing(name: str) -> bool:
    return SINGING in name.lower()


def _clean_twin(path: Path, speeches: dict[Path, Float[np.ndarray, " n"]]) -> Path | None:
    """The recording without noise that a noisy one was made from: as long, and of the same waveform."""
    noisy = speeches[path]
    for other, speech in speeches.items():
        alike = other != path and not is_noisy(other.stem) and len(speech) == len(noisy)
        if alike and np.corrcoef(speech, noisy)[0, 1] > _SAME_SPEECH:
            return other
    return None


def _utterance(
    speech: Float[np.ndarray, " n"], phones: Sequence[TimedLabel], text: str, *, closure_inside: bool = False
) -> Utterance:
    segments = phones_to_segments(phones, speech, SAMPLE_RATE, closure_inside=closure_inside)
    return Utterance(speech=speech, segments=tuple(segments), question=text.endswith("?"))


def _recording(said: Sequence[Utterance]) -> Recording:
    """Sentences one after the other, silence around them and a long pause before the last."""
    pieces = [_silence(_BEFORE_S)]
    segments: list[Segment] = []
    questions_s: list[float] = []
    for i, utterance in enumerate(said):
        start_s = sum(map(len, pieces)) / SAMPLE_RATE
        moved = [replace(s, start_s=s.start_s + start_s, end_s=s.end_s + start_s) for s in utterance.segments]
        segments += moved
        if utterance.question:
            questions_s.append(moved[-1].end_s)
        pause_s = _AFTER_S if i == len(said) - 1 else _LONG_S if i == len(said) - 2 else _BETWEEN_S
        pieces += [utterance.speech, _silence(pause_s)]
    clean = np.concatenate(pieces)
    return Recording(speech=clean, clean=clean, segments=tuple(segments), questions_s=tuple(questions_s))


def _silence(length_s: float) -> Float[np.ndarray, " n"]:
    return np.zeros(round(length_s * SAMPLE_RATE))


def _spoken(name: str, kind: str, recording: Recording) -> SpokenClip:
    clip = _heard(name, kind, recording.speech, recording.clean)
    clip = replace(
        clip,
        recording=recording,
        closures=closure_spans(recording.segments, float(FPS), len(clip.level)),
    )
    return replace(clip, expression=clip.designed([0])[0].expression.double().numpy())


def _heard(
    name: str,
    kind: str,
    speech: Float[np.ndarray, " n"],
    clean: Float[np.ndarray, " n"],
    *,
    noisy: bool = False,
    expression: Float[np.ndarray, "m 52"] | None = None,
) -> SpokenClip:
    frames = num_frames(len(speech), SAMPLE_RATE, FPS)
    if expression is not None:
        frames = min(frames, len(expression))
        expression = expression[:frames]
    level = frame_level(clean, SAMPLE_RATE, float(FPS), frames)
    features = _features(speech)
    return SpokenClip(
        name=name,
        kind=kind,
        features=replace(features, features=features.features[:frames]),
        level=level,
        silent=silent_frames(level, noisy=noisy),
        listening=silent_frames(level, noisy=noisy, shortest=_LONG_SILENCE),
        expression=expression,
    )


def _features(speech: Float[np.ndarray, " n"]) -> SpeechFeatures:
    return mel_features(torch.from_numpy(speech).float(), FPS)
