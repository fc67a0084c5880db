"""Training shards from the user's own recordings.

Every file name (without its ending) in the folder or below it is a recording: a sound, and beside it

- `.csv` of Live Link Face, or `.json` of BEAT or LAM-Audio2Expression: the face, and the head's rotation of the first;
- `.safetensors`: a motion of ours, as a tracked clip is saved;
- `.npz`: a body in SMPL-X poses. It needs one of the others for the face.

The sound begins with the first row of the motion. What a recording does not tell is filled by `complete_motion`.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..datatypes import Motion
from ..errors import InputError
from ..motion.file import load_motion
from ..motion.layout import MOTION_JOINTS
from ..names import EXPRESSION_INDEX
from ..progress import Progress, silent
from ..speech.audio import load_audio, to_speech
from ..speech.mel import FEATURE_KIND, mel_features
from .face_motion import loudness
from .fill_body import complete_motion
from .lag import best_lag
from .motion_folder_body import BodyTrack, check_turns, read_smplx
from .motion_folder_clock import check_times, span_s, to_frames
from .motion_folder_face import FaceTrack, read_beat_face, read_live_link
from .motion_folder_head import neck_and_head
from .shards import ShardInfo, Stream, load_shard, save_shard
from .training_clock import FPS

SOUNDS = (".wav", ".flac", ".mp3", ".ogg", ".m4a", ".aac", ".mov", ".mp4", ".mkv", ".webm")
"""In the order in which they are preferred."""
_CALIBRATION = re.compile(r"_(cal|raw)$")
"""Live Link Face saves `take_cal.csv` (less the person's neutral face) and `take_raw.csv` beside `take.mov`."""
_SLACK_S = 1.0
_PARTS = ("train", "validation")
_INFO = ShardInfo(feature_kind=FEATURE_KIND, fps=FPS, joint_names=MOTION_JOINTS)
_LAG_RANGE, _LAG_ALLOWED, _LAG_SURE = 12, 3, 0.35
"""Frames looked at and frames of no concern; the correlation of jaw and loudness from which on a lag is believed."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Recording:
    """The files of one take."""

    name: str
    sounds: list[Path] = field(default_factory=list)
    faces: list[Path] = field(default_factory=list)
    motions: list[Path] = field(default_factory=list)
    bodies: list[Path] = field(default_factory=list)


def find_recordings(folder: Path) -> list[Recording]:
    """All takes with at least one file of motion, in the order of their names."""
    found: dict[str, Recording] = {}
    for path in sorted(folder.rglob("*")):
        ending = path.suffix.lower()
        kind = {".csv": "faces", ".json": "faces", ".safetensors": "motions", ".npz": "bodies"}.get(ending)
        if ending in SOUNDS:
            kind = "sounds"
        if kind is not None and path.is_file():
            name = _CALIBRATION.sub("", path.stem) if ending == ".csv" else path.stem
            getattr(found.setdefault(name, Recording(name=name)), kind).append(path)
    return [take for take in found.values() if take.faces or take.motions or take.bodies]


def read_recording(take: Recording, rng: np.random.Generator) -> Stream:
    """Read one take, fill what it does not tell, and bring it to the training clock.

    Raises:
        InputError: if a file is missing, twice there or damaged, the sound is silent, the lengths differ, or nothing is
            known of the face.
    """
    audio = load_audio(_sound(take))
    speech = to_speech(audio)
    if not speech.any():
        raise InputError("its sound is silent, so nothing tells why the mouth moves: check its volume.")
    features = mel_features(speech, FPS).features
    motion = _motion(take)
    face = _face(take, motion, audio.duration_s)
    bodies = [] if motion is None else [_body_of(motion)]
    bodies += [read_smplx(_only(take.bodies))] if take.bodies else []
    spans = [span_s(track.times_s) for track in (face, *bodies)]
    if max(*spans, audio.duration_s) - min(*spans, audio.duration_s) > _SLACK_S:
        lasting = ", ".join(f"{span:.1f}" for span in spans)
        raise InputError(f"the sound lasts {audio.duration_s:.1f} s, the motion {lasting} s: cut them alike.")
    num_frames = min(len(features), int(min(spans) * FPS))
    joints = neck_and_head(face, num_frames, take.name)
    translation = None
    for body in bodies:
        joints |= {name: to_frames(turned, body.times_s, num_frames) for name, turned in body.joints.items()}
        translation = None if body.translation is None else to_frames(body.translation, body.times_s, num_frames)
    expression = to_frames(face.expression, face.times_s, num_frames)
    _check_sync(take.name, speech, expression[:, EXPRESSION_INDEX["jawOpen"]])
    filled = complete_motion(audio, expression, joints, rng, known_translation=translation)
    return Stream(features=features[:num_frames], motion=torch.from_numpy(filled).float())


def make_shards(
    folder: Path, out: Path, *, held_out: float = 0.1, seed: int = 0, progress: Progress = silent
) -> tuple[int, int]:
    """Write `out/train` and `out/validation`; return how many recordings were used and how many refused.

    Each recording becomes one shard, named `recorded_*`, so `out` may be the folder of a synthetic corpus: training
    then reads both. The recordings of earlier calls are replaced. Whole recordings are held out, chosen by their names
    in an order that stays when others are added; of a single one its last part.

    Args:
        held_out: share of the recordings for validation: at least one, and one is left for training.
        progress: counts recordings.

    Raises:
        InputError: if there is no recording that can be used, or `out` lies within `folder`.
    """
    if out.resolve().is_relative_to(folder.resolve()):
        raise InputError(f"{out} lies within {folder}, whose files are read as recordings: choose another --out.")
    takes = find_recordings(folder)
    if not takes:
        raise InputError(f"{folder} holds no recordings: put a sound and a motion of the same name into it.")
    out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".recorded-", dir=out) as waiting:
        used: list[Recording] = []
        for index, take in enumerate(takes):
            progress(index, len(takes))
            try:
                stream = read_recording(take, np.random.default_rng((seed, *take.name.encode())))
            except InputError as error:
                log.warning("%s is left out: %s", take.name, error)
                continue
            log.info("%s: %.1f s", take.name, len(stream.motion) / FPS)
            save_shard(Path(waiting, f"{len(used)}"), [stream], _INFO)
            used.append(take)
        progress(len(takes), len(takes))
        if not used:
            raise InputError(f"None of the {len(takes)} recordings in {folder} can be used: the reasons are above.")
        for part in _PARTS:
            (out / part).mkdir(exist_ok=True)
            for old in (out / part).glob("recorded_*.safetensors"):
                old.unlink()
        if len(used) == 1:
            _divide(Path(waiting, "0"), out, held_out)
        else:
            chosen = _held_out([take.name for take in used], held_out)
            for i in range(len(used)):
                os.replace(Path(waiting, f"{i}"), out / _PARTS[i in chosen] / f"recorded_{i:05d}.safetensors")
    return len(used), len(takes) - len(used)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m vlogger_core data motion-folder`."""
    parser.add_argument("--data", type=Path, required=True, help="folder with the recordings: sound and motion each")
    parser.add_argument("--out", type=Path, required=True, help="folder for the shards; a corpus there is kept")
    parser.add_argument(
        "--held-out", type=float, default=0.1, help="share of the recordings kept for validation (%(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, help="draws the designed part of the motion (%(default)s)")


def run(args: argparse.Namespace) -> None:
    """Read the folder."""
    if not args.data.is_dir():
        raise InputError(f"There is no folder {args.data}.")
    if not 0 < args.held_out < 1:
        raise InputError(f"--held-out must lie between 0 and 1. Got {args.held_out:g}.")
    used, refused = make_shards(args.data, args.out, held_out=args.held_out, seed=args.seed)
    log.info("%d recordings written to %s, %d left out", used, args.out, refused)


def _motion(take: Recording) -> Motion | None:
    if not take.motions:
        return None
    path = _only(take.motions)
    motion = load_motion(path)
    check_times(_times_s(motion), path.name)
    check_turns(motion.joint_rotvec.numpy(), path.name)
    return motion


def _face(take: Recording, motion: Motion | None, sound_s: float) -> FaceTrack:
    if take.faces:
        path = _face_file(take)
        return read_live_link(path, sound_s) if path.suffix.lower() == ".csv" else read_beat_face(path)
    if motion is None:
        raise InputError(
            "its SMPL-X file tells nothing of lips and lids that could be used (the expressions are FLAME's): put the "
            "face beside it, as .csv of Live Link Face or .json of BEAT."
        )
    return FaceTrack(times_s=_times_s(motion), expression=motion.expression.double().numpy())


def _body_of(motion: Motion) -> BodyTrack:
    joints = {name: motion.joint_rotvec[:, i].double().numpy() for i, name in enumerate(motion.joint_names)}
    return BodyTrack(times_s=_times_s(motion), joints=joints, translation=motion.translation.double().numpy())


def _times_s(motion: Motion) -> Float[np.ndarray, " k"]:
    return (np.arange(motion.num_frames) + 0.5) / float(motion.fps)


def _sound(take: Recording) -> Path:
    if not take.sounds:
        raise InputError(f"it has no sound: put {take.name}.wav beside it.")
    best = min(SOUNDS.index(path.suffix.lower()) for path in take.sounds)
    return _only([path for path in take.sounds if path.suffix.lower() == SOUNDS[best]])


def _face_file(take: Recording) -> Path:
    """The calibrated csv before the plain one, and that before the raw one."""
    tables = [path for path in take.faces if path.suffix.lower() == ".csv"]
    for ending in ("_cal", "", "_raw"):
        own = [path for path in tables if path.stem == take.name + ending]
        if own:
            return _only(own)
    return _only(take.faces)


def _only(paths: list[Path]) -> Path:
    if len(paths) > 1:
        raise InputError(f"{paths[0].name} is there twice ({paths[0].parent}, {paths[1].parent}): rename one.")
    return paths[0]


def _check_sync(name: str, speech: Float[Tensor, " n"], jaw: Float[np.ndarray, " t"]) -> None:
    """Warn where the jaw follows the sound much too late or too early."""
    if len(jaw) < 20 * _LAG_RANGE:
        return
    with np.errstate(invalid="ignore"):
        lag, r = best_lag(jaw, loudness(speech, len(jaw), FPS), most=_LAG_RANGE)
    if abs(lag) > _LAG_ALLOWED and r > _LAG_SURE:
        log.warning(
            "%s: the jaw moves %.2f s %s the sound. Do both begin together?",
            name,
            abs(lag) / FPS,
            "after" if lag > 0 else "before",
        )


def _held_out(names: list[str], share: float) -> set[int]:
    """Which to hold out: by their names, so that a new recording changes little."""
    count = min(max(1, round(share * len(names))), len(names) - 1)
    order = sorted(range(len(names)), key=lambda i: hashlib.sha256(names[i].encode()).digest())
    return set(order[:count])


def _divide(path: Path, out: Path, held_out: float) -> None:
    """The last part of the only recording is for validation."""
    (whole,), info = load_shard(path)
    cut = min(max(1, round(len(whole.motion) * (1 - held_out))), len(whole.motion) - 1)
    for part, frames in zip(_PARTS, (slice(None, cut), slice(cut, None)), strict=True):
        own = Stream(features=whole.features[frames], motion=whole.motion[frames])
        save_shard(out / part / "recorded_00000.safetensors", [own], info)
