"""Pairs of synthetic speech and designed motion: the corpus the motion model learns from.

espeak-ng speaks random sentences and says when each phone sounds; the face and body that go with them are computed
from those times (`visemes`, `gestures`). One stream is one speaker with several sentences, pauses between them and
silence around them, heard through one room and microphone.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from fractions import Fraction
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from ..clock import num_frames
from ..datatypes import TimedLabel
from ..motion.layout import MOTION_JOINTS
from ..progress import Progress, silent
from ..speech.espeak import Espeak
from ..speech.mel import FEATURE_KIND, mel_features
from . import voices
from .augment import SAMPLE_RATE, degrade, varispeed
from .gestures import Beat, Style, gestures
from .phones import Segment, phones_to_segments
from .sentences import sentence
from .shards import ShardInfo, Stream, save_shard
from .visemes import mouth_motion

log = logging.getLogger(__name__)

FPS = Fraction(24)
_SUBFRAMES = 4
_RATE_HZ = float(FPS * _SUBFRAMES)
_STREAMS_PER_SHARD = 16


@dataclass(frozen=True, kw_only=True)
class Recording:
    """A stream before it is turned into numbers for the network."""

    speech: Float[np.ndarray, " n"]
    """16 kHz, degraded as a microphone would."""
    clean: Float[np.ndarray, " n"]
    segments: tuple[Segment, ...]
    questions_s: tuple[float, ...]


def record(espeak: Espeak, rng: np.random.Generator, *, held_out: bool, seconds: float) -> Recording:
    """Let one speaker say sentences until `seconds` are full, with pauses between and silence around them."""
    language = str(rng.choice(voices.LANGUAGES, p=_language_odds()))
    reader = str(rng.choice(voices.foreign_readers())) if language == "en-us" and rng.random() < 0.25 else language
    timbre = str(rng.choice(voices.HELD_OUT_TIMBRES if held_out else voices.TRAINING_TIMBRES))
    rate_wpm = int(rng.uniform(115, 205))
    pitch, pitch_range = int(rng.uniform(20, 85)), int(rng.uniform(25, 90))
    formants = float(rng.uniform(0.87, 1.15))

    pieces: list[np.ndarray] = []
    segments: list[Segment] = []
    questions_s: list[float] = []
    position = _add_silence(pieces, rng.uniform(0.0, 1.5))
    while position < seconds * SAMPLE_RATE:
        text = sentence(language, rng)
        audio, timings = espeak.synthesise(
            text,
            voice=voices.espeak_voice(reader, timbre),
            rate_wpm=int(np.clip(rate_wpm * rng.uniform(0.9, 1.1) / formants, 90, 300)),
            pitch=pitch,
            pitch_range=pitch_range,
        )
        spoken = audio.waveform[0].double().numpy()
        faster, factor = varispeed(spoken, audio.sample_rate, formants)
        phones = [
            TimedLabel(text=p.text, start_s=p.start_s / float(factor), end_s=p.end_s / float(factor))
            for p in timings.phones
        ]
        start_s = position / SAMPLE_RATE
        own = phones_to_segments(phones, faster, SAMPLE_RATE)
        segments += [_moved(segment, start_s) for segment in own]
        if text.endswith("?") and own:
            questions_s.append(start_s + own[-1].end_s)
        pieces.append(faster * rng.uniform(0.8, 1.2))
        position += len(faster)
        pause_s = rng.uniform(2.0, 6.0) if rng.random() < 0.12 else rng.gamma(2.0, 0.25)
        position += _add_silence(pieces, pause_s)
    clean = np.concatenate(pieces)
    return Recording(
        speech=degrade(clean, rng), clean=clean, segments=tuple(segments), questions_s=tuple(questions_s)
    )  # fmt: skip


def label(recording: Recording, rng: np.random.Generator) -> Float[np.ndarray, "t m"]:
    """Return the motion of a recording at 24 fps, as `motion.layout` orders it."""
    total = num_frames(len(recording.clean), SAMPLE_RATE, FPS)
    times_s = (np.arange(total * _SUBFRAMES) + 0.5) / _RATE_HZ
    style = Style.draw(rng)
    loudness = _loudness(recording.clean, times_s)
    beats = [
        Beat(time_s=middle_s, strength=float(np.interp(middle_s, times_s, loudness)) * rng.uniform(0.6, 1.3))
        for segment in recording.segments
        if segment.stress > 0.7
        for middle_s in [(segment.start_s + segment.end_s) / 2]
    ]
    expression, joint_rotvec, translation = gestures(
        beats, _speaking(recording.segments, times_s), recording.questions_s, _RATE_HZ, style, rng
    )
    mouth = mouth_motion(
        recording.segments, loudness, times_s, articulation=style.articulation, smile=style.smile
    )  # fmt: skip
    expression = np.clip(expression + mouth, 0, 1)
    fine = np.concatenate([expression, joint_rotvec.reshape(len(times_s), -1), translation], axis=1)
    return fine.reshape(total, _SUBFRAMES, -1).mean(1)


def make_stream(espeak: Espeak, rng: np.random.Generator, *, held_out: bool = False, seconds: float = 36.0) -> Stream:
    """Record and label one stream of about `seconds`."""
    recording = record(espeak, rng, held_out=held_out, seconds=seconds)
    motion = label(recording, rng)
    features = mel_features(torch.from_numpy(recording.speech).float(), FPS).features
    return Stream(features=features, motion=torch.from_numpy(motion).float())


def make_shard(path: Path, *, seed: int, index: int, held_out: bool, streams: int = _STREAMS_PER_SHARD) -> float:
    """Write shard `index`; returns its length in seconds. The same seed and index give the same file."""
    rng = np.random.default_rng((seed, index, held_out))
    with Espeak(shared_process=True) as espeak:
        made = [make_stream(espeak, rng, held_out=held_out) for _ in range(streams)]
    save_shard(path, made, ShardInfo(feature_kind=FEATURE_KIND, fps=FPS, joint_names=MOTION_JOINTS))
    return float(sum(len(stream.features) for stream in made) / FPS)


def make_corpus(out: Path, *, hours: float, seed: int, workers: int = 1, progress: Progress = silent) -> None:
    """Write `out/train` (about `hours`) and `out/validation` (held-out voices, 3 %); finished shards are kept."""
    per_shard_h = _STREAMS_PER_SHARD * 39 / 3600
    wanted = [(False, i) for i in range(max(1, round(hours / per_shard_h)))]
    wanted += [(True, i) for i in range(max(1, round(0.03 * hours / per_shard_h)))]
    jobs = {}
    for held_out, index in wanted:
        folder = out / ("validation" if held_out else "train")
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{index:05d}.safetensors"
        if not path.exists():
            jobs[path] = {"seed": seed, "index": index, "held_out": held_out}
    done = len(wanted) - len(jobs)
    progress(done, len(wanted))
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_one_thread) as pool:
        for future in as_completed([pool.submit(make_shard, path, **job) for path, job in jobs.items()]):
            done += 1
            log.info("shard %d of %d: %.0f s of speech", done, len(wanted), future.result())
            progress(done, len(wanted))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m vlogger_core data speech-corpus`."""
    parser.add_argument("--out", type=Path, required=True, help="folder for the shards")
    parser.add_argument("--hours", type=float, default=8.0, help="length of the training part (55 MB an hour)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1, help="processes that generate side by side")


def run(args: argparse.Namespace) -> None:
    """Generate the corpus."""
    make_corpus(args.out, hours=args.hours, seed=args.seed, workers=args.workers)


def _one_thread() -> None:
    torch.set_num_threads(1)


def _language_odds() -> Float[np.ndarray, " l"]:
    odds = np.array([6.0 if language == "en-us" else 1.0 for language in voices.LANGUAGES])
    return odds / odds.sum()


def _add_silence(pieces: list[np.ndarray], length_s: float) -> int:
    num = int(length_s * SAMPLE_RATE)
    pieces.append(np.zeros(num))
    return num


def _moved(segment: Segment, by_s: float) -> Segment:
    return Segment(
        viseme=segment.viseme,
        start_s=segment.start_s + by_s,
        end_s=segment.end_s + by_s,
        stress=segment.stress,
        letter=segment.letter,
    )


def _loudness(clean: Float[np.ndarray, " n"], times_s: Float[np.ndarray, " t"]) -> Float[np.ndarray, " t"]:
    """Root mean square over 80 ms relative to the level while speech sounds, 0 to 2."""
    total = np.concatenate([[0.0], np.cumsum(clean**2)])
    low = np.clip(((times_s - 0.04) * SAMPLE_RATE).astype(int), 0, len(clean))
    high = np.clip(((times_s + 0.04) * SAMPLE_RATE).astype(int), 0, len(clean))
    rms = np.sqrt(np.maximum(total[high] - total[low], 0) / np.maximum(high - low, 1))
    active = rms > 0.1 * rms.max()
    return np.clip(rms / rms[active].mean(), 0, 2)


def _speaking(segments: tuple[Segment, ...], times_s: Float[np.ndarray, " t"]) -> np.ndarray:
    """Whether speech sounds, with pauses up to 0.35 s filled."""
    out = np.zeros(len(times_s), dtype=bool)
    for start_s, end_s in _merged(segments):
        out[(times_s >= start_s) & (times_s < end_s)] = True
    return out


def _merged(segments: tuple[Segment, ...]) -> Iterator[tuple[float, float]]:
    spans = [(s.start_s, s.end_s) for s in segments]
    if not spans:
        return
    start_s, end_s = spans[0]
    for next_start_s, next_end_s in spans[1:]:
        if next_start_s - end_s > 0.35:
            yield start_s, end_s
            start_s = next_start_s
        end_s = max(end_s, next_end_s)
    yield start_s, end_s
