"""Recordings of a speaker's face on FACEGOOD's rig, as ARKit coefficients on the video's clock.

A folder holds `NAME.wav` beside `NAME_bs.npy` (`[t, channels]`, 30 a second, 0 to 1) and one `*blendshape_names.txt`
with the channels' names, as FACEGOOD-Audio2Face (MIT licence, a Mandarin speaker) has them. Which channel stands for
which coefficient is the judgement of `face_motion_table`.
"""

from __future__ import annotations

import argparse
import logging
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..clock import num_frames
from ..datatypes import Audio
from ..errors import InputError
from ..names import EXPRESSION_INDEX
from ..speech.audio import load_audio, to_speech
from ..speech.mel import SAMPLE_RATE
from .face_motion_table import ARKIT_OF_CHANNEL, UNMATCHED
from .lag import best_lag
from .levels import mean_square
from .training_clock import FPS

TRAINING_RECORDINGS = ("facegood_2_01", "facegood_2_02", "facegood_2_03")
HELD_OUT_RECORDINGS = ("facegood_3_15",)

_RIG_FPS = 30
_MOTION = "_bs.npy"
_LONGEST_MISMATCH_S = 0.2
_MOVES = 0.02

logger = logging.getLogger(__name__)


def recordings(folder: Path) -> list[str]:
    """Names of the recordings in a folder, in order.

    Raises:
        InputError: if there is none.
    """
    found = sorted(
        path.name.removesuffix(_MOTION)
        for path in folder.glob(f"*{_MOTION}")
        if path.with_name(path.name.removesuffix(_MOTION) + ".wav").is_file()
    )
    if not found:
        raise InputError(f"There is no NAME.wav with its NAME{_MOTION} in {folder}: name the folder with both.")
    return found


def read_face_motion(folder: Path, name: str, *, fps: Fraction = FPS) -> tuple[Audio, Float[Tensor, "t 52"]]:
    """Read a recording: its sound as it came, and the face at each video frame that the sound covers.

    A frame's coefficients are the mean over the time it is shown. Keys lie at i / 30 s: with them there the jaw comes
    10 to 25 ms after the sound in the samples.

    Raises:
        InputError: if a file is missing, damaged or of another layout, or sound and face differ in length.
    """
    audio = load_audio(folder / f"{name}.wav")
    channels = channel_names(folder)
    rig = _read_rig(folder / f"{name}{_MOTION}", len(channels))
    rig_s = len(rig) / _RIG_FPS
    if abs(rig_s - audio.duration_s) > _LONGEST_MISMATCH_S:
        raise InputError(
            f"The face of {name} lasts {rig_s:.2f} s and its sound {audio.duration_s:.2f} s: both must be the same "
            f"take, the face at {_RIG_FPS} frames a second."
        )
    frames = num_frames(audio.waveform.shape[-1], audio.sample_rate, fps)
    expression = np.clip(_to_arkit(rig, channels), 0, 1)
    return audio, torch.from_numpy(_frame_means(expression, frames, _RIG_FPS / fps)).float()


def channel_names(folder: Path) -> list[str]:
    """The rig's channels in the order of the arrays' columns; warns of those the table does not know.

    Raises:
        InputError: if the folder has not exactly one list of names.
    """
    lists = sorted(folder.glob("*blendshape_names.txt"))
    if len(lists) != 1:
        raise InputError(f"{folder} must hold one *blendshape_names.txt with the rig's channels. Got {len(lists)}.")
    names = lists[0].read_text(encoding="utf-8").split()
    unknown = [name for name in names if name not in ARKIT_OF_CHANNEL and name not in UNMATCHED]
    if unknown:
        logger.warning("%s names channels that are not in the table and are left out: %s", lists[0], ", ".join(unknown))
    return names


def _read_rig(path: Path, num_channels: int) -> Float[np.ndarray, "t c"]:
    if not path.is_file():
        raise InputError(f"There is no face motion {path}.")
    try:
        rig = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise InputError(f"Cannot read {path} as an array ({error}): save it with numpy.save, as numbers.") from error
    if rig.ndim != 2 or rig.shape[1] != num_channels or not len(rig) or not np.issubdtype(rig.dtype, np.floating):
        raise InputError(
            f"{path} must hold floats [frames, {num_channels}], one column for each named channel. "
            f"Got {rig.dtype} {list(rig.shape)}."
        )
    if not np.isfinite(rig).all():
        raise InputError(f"{path} contains NaN or infinite values: export it again.")
    return rig.astype(np.float64)


def _to_arkit(rig: Float[np.ndarray, "t c"], channels: list[str]) -> Float[np.ndarray, "t 52"]:
    matrix = np.zeros((len(channels), len(EXPRESSION_INDEX)))
    for row, channel in enumerate(channels):
        for target, gain in ARKIT_OF_CHANNEL.get(channel, ()):
            matrix[row, EXPRESSION_INDEX[target]] += gain
    return rig @ matrix


def _frame_means(
    keys: Float[np.ndarray, "k c"], frames: int, keys_per_frame: Fraction
) -> Float[np.ndarray, "{frames} c"]:
    """Mean over each frame of the line through the keys, which is held beyond both ends."""
    edges = np.array([float(i * keys_per_frame) for i in range(frames + 1)])
    last = len(keys) - 1
    areas = np.concatenate([np.zeros_like(keys[:1]), np.cumsum((keys[1:] + keys[:-1]) / 2, axis=0)])
    inside = np.minimum(edges, last)
    low = np.minimum(inside.astype(int), max(last - 1, 0))
    along = (inside - low)[:, None]
    slope = keys[np.minimum(low + 1, last)] - keys[low]
    area = areas[low] + keys[low] * along + slope * along**2 / 2 + keys[last] * (edges - inside)[:, None]
    return np.diff(area, axis=0) / float(keys_per_frame)


def loudness(speech: Float[Tensor, " n"], frames: int, fps: Fraction) -> Float[np.ndarray, "{frames}"]:
    """Square root of each frame's root mean square, which jaws follow closely; speech is at 16 kHz."""
    edges = np.array([min(int(i * SAMPLE_RATE / fps), len(speech)) for i in range(frames + 1)])
    return mean_square(speech.double().numpy(), edges[:-1], edges[1:]) ** 0.25


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m vlogger_core data face-motion`."""
    parser.add_argument("--data", type=Path, required=True, help="folder with NAME.wav, NAME_bs.npy and the names")


def run(args: argparse.Namespace) -> None:
    """Check a folder of recordings: does the face go with the speech?"""
    channels = channel_names(args.data)
    for name in recordings(args.data):
        audio, expression = read_face_motion(args.data, name)
        frames = expression.numpy()
        lag, r = best_lag(frames[:, EXPRESSION_INDEX["jawOpen"]], loudness(to_speech(audio), len(frames), FPS))
        rig = _read_rig(args.data / f"{name}{_MOTION}", len(channels))
        unmapped = [c for i, c in enumerate(channels) if c not in ARKIT_OF_CHANNEL and rig[:, i].max() > _MOVES]
        sys.stdout.write(
            f"{name}: {audio.duration_s:.1f} s, jaw and loudness r {r:.2f} at lag {lag} frames, "
            f"{_blinks(frames, audio.duration_s)}, moving but unmapped: {', '.join(unmapped) or 'none'}\n"
        )


def _blinks(frames: Float[np.ndarray, "t 52"], duration_s: float) -> str:
    lid = frames[:, EXPRESSION_INDEX["eyeBlinkLeft"]]
    if lid.max() <= _MOVES:
        return "lids not recorded"
    blinks = np.count_nonzero((lid[1:] > 0.5) & (lid[:-1] <= 0.5))
    return f"{blinks / duration_s * 60:.0f} blinks a minute"
