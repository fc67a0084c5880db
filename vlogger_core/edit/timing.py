"""When an edit holds, and how fast time runs in it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..datatypes import Motion
from ..errors import InputError
from .regions import Selection, select

Curve = Callable[[Float[np.ndarray, " t"]], Float[np.ndarray, " t"]]
"""How strongly an edit holds, 0 to 1, along a motion from 0 (its first frame) to 1 (its last)."""

_CATCH_UP = 0.25
"""Of a range that is slowed down, the last part in which the motion catches up with the rest."""


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Where and when a motion is edited."""

    regions: tuple[str, ...] = ("all",)
    """Names that `regions.select` knows."""
    start_s: float = 0.0
    end_s: float | None = None
    """None is the motion's end. A frame belongs to a range in which it begins."""
    fade_s: float = 0.2
    """How long the edit takes to set in and to fade away, both within the range and along a raised cosine; none where
    the range begins or ends with the motion. A range too short for both is half the one and half the other."""
    curve: Curve | None = None
    """How strongly the edit holds; multiplies the range's own rise and fall."""

    @property
    def selection(self) -> Selection:
        """What is edited."""
        return select(self.regions)


def frame_range(scope: Scope, motion: Motion) -> tuple[int, int]:
    """The frames `[first, stop)` of the scope's range.

    Raises:
        InputError: if the motion has no frames, or the range is empty or leaves the motion.
    """
    if motion.num_frames == 0:
        raise InputError("The motion has no frames: track or sample one that has one at least.")
    fps = float(motion.fps)
    lasts_s = motion.num_frames / fps
    start_s, end_s = scope.start_s, lasts_s if scope.end_s is None else scope.end_s
    if not 0 <= start_s < lasts_s:
        raise InputError(
            f"The range begins at {start_s:g} s, outside the motion, which lasts {lasts_s:.2f} s: set start_s to 0 or "
            "more, and to less than that."
        )
    if not end_s > start_s:
        raise InputError(f"The range from {start_s:g} s to {end_s:g} s is empty: set end_s to more than start_s.")
    if end_s > lasts_s + 1 / fps:
        raise InputError(
            f"The range ends at {end_s:g} s, after the motion, which lasts {lasts_s:.2f} s: set end_s to that at most."
        )
    first, stop = (math.ceil(time_s * fps - 1e-6) for time_s in (start_s, end_s))
    stop = min(stop, motion.num_frames)
    if first >= stop:
        raise InputError(
            f"No frame begins between {start_s:g} s and {end_s:g} s: at {fps:g} frames a second a range needs "
            f"{1 / fps:.3f} s."
        )
    return first, stop


def weights(scope: Scope, motion: Motion) -> Float[Tensor, " t"]:
    """How strongly the edit holds in each frame, 0 to 1; 0 outside the range.

    Raises:
        InputError: as `frame_range` does, or if the curve leaves 0 to 1.
    """
    first, stop = frame_range(scope, motion)
    frames = np.arange(motion.num_frames)
    fade = min(scope.fade_s * float(motion.fps), (stop - first) / 2)
    weight = ((frames >= first) & (frames < stop)).astype(np.float64)
    if first > 0:
        weight *= rise(frames + 0.5 - first, fade)
    if stop < motion.num_frames:
        weight *= rise(stop - frames - 0.5, fade)
    return torch.from_numpy(weight * curve_values(scope, motion)).to(motion.expression)


def curve_values(scope: Scope, motion: Motion) -> Float[np.ndarray, " t"]:
    """The scope's curve at each frame; 1 where there is none.

    Raises:
        InputError: if it leaves 0 to 1.
    """
    if scope.curve is None:
        return np.ones(motion.num_frames)
    values = np.asarray(scope.curve(np.linspace(0, 1, motion.num_frames)), dtype=np.float64)
    if values.shape != (motion.num_frames,) or not np.isfinite(values).all():
        raise ValueError(f"curve must give a finite number for each of {motion.num_frames} positions. Got {values}.")
    if values.min() < -1e-6 or values.max() > 1 + 1e-6:
        raise InputError(
            f"The curve must stay within 0 to 1. Got {values.min():.3g} to {values.max():.3g}: draw it lower, and set "
            "amount higher."
        )
    return values.clip(0, 1)


def is_whole(scope: Scope, motion: Motion) -> bool:
    """Whether all of the motion is edited, from its first to its last frame."""
    selection = scope.selection
    everything = bool(selection.expressions.all()) and selection.translation
    everything = everything and selection.joints >= set(motion.joint_names)
    return everything and frame_range(scope, motion) == (0, motion.num_frames)


def stretched(motion: Motion, speed: Float[np.ndarray, " t"]) -> Float[np.ndarray, " n"]:
    """Which frame each frame of the whole motion shows when it runs at these speeds: `speed` says how fast it is at
    each of its frames. As many frames as cover its new duration."""
    begins = np.concatenate(([0.0], np.cumsum(1 / speed)))
    count = max(1, math.ceil(begins[-1] - 1e-6))
    return np.interp(np.arange(count), begins, np.arange(len(begins))).clip(0, motion.num_frames - 1)


def warped(scope: Scope, motion: Motion, speed: Float[np.ndarray, " t"]) -> Float[np.ndarray, " t"]:
    """Which frame each frame shows when time runs at these speeds within the range, and at its own pace outside.

    The range keeps its place. A motion that runs faster comes to the end of the range early and waits there. One that
    runs more slowly catches up in the last quarter of the range, or within `fade_s` where that is longer. A range that
    ends with the motion has nothing to catch up with. Speed changes gradually, within `fade_s`.
    """
    first, stop = frame_range(scope, motion)
    frames = np.arange(motion.num_frames, dtype=np.float64)
    half = int(min(scope.fade_s * float(motion.fps), (stop - first) / 4) / 2)
    begin, end = first + half if first else 0, stop - half if stop < motion.num_frames else stop
    run = np.concatenate(([0.0], np.cumsum(speed[begin:end])))[:-1]
    if stop < motion.num_frames:
        run = _catching_up(run, end - begin, max(_CATCH_UP * (end - begin), 2 * half))
    lag = np.zeros(motion.num_frames)
    lag[begin:end] = run - np.arange(end - begin)
    if half:
        kernel = np.hanning(2 * half + 3)[1:-1]
        lag = np.convolve(np.pad(lag, half, mode="edge"), kernel / kernel.sum(), mode="valid")
        lag[:first] = lag[stop:] = 0
    return (frames + lag).clip(0, motion.num_frames - 1)


def _catching_up(run: Float[np.ndarray, " n"], length: int, least: float) -> Float[np.ndarray, " n"]:
    """The frames that were run through, but at the end of the range all of them and no more."""
    turn = max(0, int(min(length - least, np.searchsorted(run, length, side="right") - 1)))
    rest = np.arange(len(run) - turn) / (length - turn)
    return np.concatenate((run[:turn], run[turn] + rest * (length - run[turn])))


def rise(frames: Float[np.ndarray, " t"], over: float) -> Float[np.ndarray, " t"]:
    """From 0 to 1 over so many frames, along a raised cosine."""
    if over <= 0:
        return np.ones(len(frames))
    return 0.5 - 0.5 * np.cos(np.pi * (frames / over).clip(0, 1))
