"""Pairs of speech and motion: the corpus the motion model learns from.

espeak-ng and flite speak random sentences and say when each phone sounds; the face and body that go with them are
computed from those times (`visemes`, `gestures`). One stream is one speaker with several sentences, pauses between
them and silence around them, heard through one room and microphone. Faces that were recorded come beside them, with a
designed body.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from ..clock import num_frames
from ..datatypes import Audio
from ..errors import InputError
from ..motion.layout import MOTION_JOINTS
from ..progress import Progress, silent
from ..speech.audio import to_speech
from ..speech.espeak import Espeak
from ..speech.mel import FEATURE_KIND, mel_features
from .augment import SAMPLE_RATE, degrade, varispeed
from .face_motion import TRAINING_RECORDINGS, read_face_motion
from .face_motion import recordings as recorded_faces
from .fill_body import LONGEST_PAUSE_S, complete_motion, power_around
from .flite import Flite
from .gestures import Beat, Style, gestures
from .phones import Segment
from .sentences import sentence
from .shards import ShardInfo, Stream, save_shard
from .speakers import EspeakSpeaker, FliteSpeaker, Speaker
from .training_clock import FPS, RATE_HZ, fine_times_s, over_frames
from .visemes import mouth_motion

log = logging.getLogger(__name__)

STREAMS_PER_SHARD = 16
_SOURCES = ("espeak", "flite", "recorded")


@dataclass(frozen=True, kw_only=True)
class Recording:
    """A stream before it is turned into numbers for the network."""

    speech: Float[np.ndarray, " n"]
    """16 kHz, degraded as a microphone would."""
    clean: Float[np.ndarray, " n"]
    segments: tuple[Segment, ...]
    questions_s: tuple[float, ...]


def record(speaker: Speaker, rng: np.random.Generator, *, seconds: float) -> Recording:
    """Let a speaker say sentences until `seconds` are full, with pauses between and silence around them."""
    pieces: list[np.ndarray] = []
    segments: list[Segment] = []
    questions_s: list[float] = []
    position = _add_silence(pieces, rng.uniform(0.0, 1.5))
    while position < seconds * SAMPLE_RATE:
        text = sentence(speaker.language, rng)
        spoken, own = speaker.say(text, rng)
        start_s = position / SAMPLE_RATE
        segments += [
            replace(segment, start_s=segment.start_s + start_s, end_s=segment.end_s + start_s) for segment in own
        ]
        if text.endswith("?") and own:
            questions_s.append(start_s + own[-1].end_s)
        pieces.append(spoken * rng.uniform(0.8, 1.2))
        position += len(spoken) + _add_silence(pieces, _pause_s(rng))
    clean = np.concatenate(pieces)
    return Recording(
        speech=degrade(clean, rng), clean=clean, segments=tuple(segments), questions_s=tuple(questions_s)
    )  # fmt: skip


def _pause_s(rng: np.random.Generator) -> float:
    """Between sentences: mostly short, sometimes as long as somebody listens to another."""
    kind = rng.random()
    return rng.uniform(8.0, 20.0) if kind < 0.03 else rng.uniform(2.0, 6.0) if kind < 0.14 else rng.gamma(2.0, 0.25)


def label(recording: Recording, rng: np.random.Generator) -> Float[np.ndarray, "t m"]:
    """Return the motion of a recording at 24 fps, as `motion.layout` orders it."""
    total = num_frames(len(recording.clean), SAMPLE_RATE, FPS)
    times_s = fine_times_s(total)
    style = Style.draw(rng)
    loudness = _loudness(recording.clean, times_s)
    beats = [
        Beat(time_s=middle_s, strength=float(np.interp(middle_s, times_s, loudness)) * rng.uniform(0.6, 1.3))
        for segment in recording.segments
        if segment.stress > 0.7
        for middle_s in [(segment.start_s + segment.end_s) / 2]
    ]
    expression, joint_rotvec, translation = gestures(
        beats, _speaking(recording.segments, times_s), recording.questions_s, RATE_HZ, style, rng
    )
    mouth = mouth_motion(
        recording.segments, loudness, times_s, articulation=style.articulation, smile=style.smile
    )  # fmt: skip
    expression = np.clip(expression + mouth, 0, 1)
    fine = np.concatenate([expression, joint_rotvec.reshape(len(times_s), -1), translation], axis=1)
    return over_frames(fine)


def make_stream(speaker: Speaker, rng: np.random.Generator, *, seconds: float = 36.0) -> Stream:
    """Record and label one stream of about `seconds`."""
    recording = record(speaker, rng, seconds=seconds)
    return _stream(recording.speech, label(recording, rng))


def replay(folder: Path, name: str, rng: np.random.Generator) -> Stream:
    """A stream of a recorded face (`face_motion`): at another pace and pitch, in another room, with a designed body."""
    audio, expression = read_face_motion(folder, name)
    speech, factor = varispeed(to_speech(audio).double().numpy(), SAMPLE_RATE, rng.uniform(0.88, 1.14))
    total = num_frames(len(speech), SAMPLE_RATE, FPS)
    at = np.clip((np.arange(total) + 0.5) * float(factor) - 0.5, 0, len(expression) - 1)
    faster = np.stack([np.interp(at, np.arange(len(expression)), channel) for channel in expression.T.numpy()], axis=1)
    heard = Audio(waveform=torch.from_numpy(speech).float()[None], sample_rate=SAMPLE_RATE)
    return _stream(degrade(speech, rng), complete_motion(heard, faster, None, rng))


def _stream(speech: Float[np.ndarray, " n"], motion: Float[np.ndarray, "t m"]) -> Stream:
    features = mel_features(torch.from_numpy(speech).float(), FPS).features
    return Stream(features=features, motion=torch.from_numpy(motion).float())


@dataclass(frozen=True, kw_only=True)
class Shard:
    """What one file of the corpus holds; the same one gives the same file."""

    path: Path
    source: str
    """espeak, flite or recorded."""
    seed: int
    index: int
    held_out: bool = False
    """Whether espeak speaks with the timbres that are kept from training."""
    recordings: Path | None = None
    """The folder of recorded faces."""
    streams: int = STREAMS_PER_SHARD

    def make(self) -> float:
        """Write it; returns its length in seconds."""
        rng = np.random.default_rng((self.seed, self.index, self.held_out, _SOURCES.index(self.source)))
        streams = self._streams(rng)
        save_shard(self.path, streams, ShardInfo(feature_kind=FEATURE_KIND, fps=FPS, joint_names=MOTION_JOINTS))
        return float(sum(len(stream.features) for stream in streams) / FPS)

    def _streams(self, rng: np.random.Generator) -> list[Stream]:
        if self.source == "recorded":
            assert self.recordings is not None
            return [replay(self.recordings, name, rng) for name in TRAINING_RECORDINGS]
        if self.source == "flite":
            engine = Flite()
            return [make_stream(FliteSpeaker.draw(engine, rng), rng) for _ in range(self.streams)]
        with Espeak(shared_process=True) as espeak:
            drawn = (EspeakSpeaker.draw(espeak, rng, held_out=self.held_out) for _ in range(self.streams))
            return [make_stream(speaker, rng) for speaker in drawn]


def plan_corpus(
    out: Path, *, hours: float, flite_hours: float, replays: int, recordings: Path | None, seed: int
) -> list[Shard]:
    """All shards of a corpus: `out/train`, and `out/validation` with espeak voices that training never hears (3 %)."""
    per_shard_h = STREAMS_PER_SHARD * 39 / 3600

    def shards(folder: str, source: str, count: int, *, held_out: bool = False) -> list[Shard]:
        return [
            Shard(
                path=out / folder / f"{source}-{index:05d}.safetensors",
                source=source,
                seed=seed,
                index=index,
                held_out=held_out,
                recordings=recordings,
            )
            for index in range(count)
        ]

    return [
        *shards("validation", "espeak", max(1, round(0.03 * hours / per_shard_h)), held_out=True),
        *shards("train", "espeak", max(1, round(hours / per_shard_h))),
        *shards("train", "flite", max(1, round(flite_hours / per_shard_h)) if flite_hours > 0 else 0),
        *shards("train", "recorded", replays if recordings else 0),
    ]


def make_corpus(shards: Sequence[Shard], *, workers: int = 1, progress: Progress = silent) -> None:
    """Write the shards that are not there yet."""
    missing = [shard for shard in shards if not shard.path.exists()]
    for folder in {shard.path.parent for shard in missing}:
        folder.mkdir(parents=True, exist_ok=True)
    done = len(shards) - len(missing)
    progress(done, len(shards))
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_one_thread) as pool:
        for future in as_completed([pool.submit(shard.make) for shard in missing]):
            done += 1
            log.info("shard %d of %d: %.0f s of speech", done, len(shards), future.result())
            progress(done, len(shards))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m vlogger_core data speech-corpus`."""
    parser.add_argument("--out", type=Path, required=True, help="folder for the shards")
    parser.add_argument("--hours", type=float, default=10.0, help="spoken by espeak-ng (87 MB an hour; %(default)s)")
    parser.add_argument(
        "--flite-hours", type=float, default=0.0, help="spoken by flite, if it is installed (%(default)s)"
    )
    parser.add_argument(
        "--face-motion", type=Path, help="folder of recorded faces: NAME.wav, NAME_bs.npy and a list of channels"
    )
    parser.add_argument("--replays", type=int, default=16, help="variants of each recorded face (%(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1, help="processes that generate side by side")


def run(args: argparse.Namespace) -> None:
    """Generate the corpus."""
    if args.flite_hours:
        Flite()
    if args.face_motion:
        missing = sorted(set(TRAINING_RECORDINGS) - set(recorded_faces(args.face_motion)))
        if missing:
            raise InputError(
                f"{args.face_motion} lacks the recordings {', '.join(missing)}: put NAME.wav and NAME_bs.npy there."
            )
    _keep_seed(args.out, args.seed)
    shards = plan_corpus(
        args.out,
        hours=args.hours,
        flite_hours=args.flite_hours,
        replays=args.replays,
        recordings=args.face_motion,
        seed=args.seed,
    )
    make_corpus(shards, workers=args.workers)


def _keep_seed(out: Path, seed: int) -> None:
    """Note the seed in the corpus, which may be made longer with the same one only.

    Raises:
        InputError: if the corpus was begun with another.
    """
    note = out / "corpus.json"
    if note.is_file():
        begun = json.loads(note.read_text(encoding="utf-8"))["seed"]
        if begun != seed:
            raise InputError(f"{out} was begun with --seed {begun}: go on with that, or choose another --out.")
    out.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps({"seed": seed}), encoding="utf-8")


def _one_thread() -> None:
    torch.set_num_threads(1)


def _add_silence(pieces: list[np.ndarray], length_s: float) -> int:
    num = int(length_s * SAMPLE_RATE)
    pieces.append(np.zeros(num))
    return num


def _loudness(clean: Float[np.ndarray, " n"], times_s: Float[np.ndarray, " t"]) -> Float[np.ndarray, " t"]:
    """Root mean square over 80 ms relative to the level while speech sounds, 0 to 2."""
    rms = np.sqrt(power_around(clean, times_s))
    active = rms > 0.1 * rms.max()
    return np.clip(rms / rms[active].mean(), 0, 2)


def _speaking(segments: tuple[Segment, ...], times_s: Float[np.ndarray, " t"]) -> np.ndarray:
    """Whether speech sounds, with pauses up to `LONGEST_PAUSE_S` filled."""
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
        if next_start_s - end_s > LONGEST_PAUSE_S:
            yield start_s, end_s
            start_s = next_start_s
        end_s = max(end_s, next_end_s)
    yield start_s, end_s
