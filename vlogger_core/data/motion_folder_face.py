"""Recorded faces: ARKit coefficients as Live Link Face (csv) and BEAT (json) save them.

Live Link Face by Epic Games writes `Timecode,BlendshapeCount`, the coefficients in ARKit's names with a capital
letter, and nine rotations of head and eyes; a time code is `HH:MM:SS:FF.fff`, frames and thousandths of a frame. At
29.97 frames a second it counts to 30 too, and `HH:MM:SS;FF` leaves out numbers to keep up with the clock (SMPTE 12M).
BEAT (Liu et al. 2022), and LAM-Audio2Expression after it, write `{"names": [...], "frames": [{"weights", "time"}]}`.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from ..errors import InputError
from ..names import ARKIT_EXPRESSIONS, EXPRESSION_INDEX
from .motion_folder_clock import check_times

_TIME_COLUMNS = ("timecode", "timestamp", "time")
_HEAD_COLUMNS = ("headyaw", "headpitch", "headroll")
_TIMECODE_RATES = (24, 25, 30, 48, 50, 60, 100, 120)
_DROP_FRAME_RATES = (30, 60, 120)
_NTSC = 1.001
"""Seconds that one of the time code lasts at 29.97, 59.94 and the like."""
_SURE = 3.0
"""How many times better the sound must fit those rates: its end is not cut to the frame."""
_FEWEST_CHANNELS = 40
"""Of the 52. BEAT's faces lack the tongue, some older ARKit recordings a few more."""
_HIGHEST = 1.5
"""Coefficients may overshoot 1 a little; percentages do not pass."""
_LOWEST = -0.2
_JAW_MOVES = 0.05
_DAY_S = 86400.0


@dataclass(frozen=True, kw_only=True)
class FaceTrack:
    """A recorded face at its own instants."""

    times_s: Float[np.ndarray, " k"]
    """Increasing, from 0."""
    expression: Float[np.ndarray, "k 52"]
    """0 to 1; channels that the file lacks are 0."""
    head_rad: Float[np.ndarray, "k 3"] | None = None
    """Yaw, pitch and roll as the file has them (see `motion_folder_head`)."""


def read_live_link(path: Path, sound_s: float | None = None) -> FaceTrack:
    """Read a csv of Live Link Face; the times may also be `HH:MM:SS.fff` or seconds.

    Args:
        path: of the table.
        sound_s: duration of its sound, which tells 29.97 from 30 frames a second.

    Raises:
        InputError: if it is no such table, or its values are impossible.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.reader(file) if any(row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path.name} cannot be read as a table ({error}): export it again.") from error
    columns = {name.strip().lower(): i for i, name in enumerate(rows[0])} if rows else {}
    time_column = next((columns[name] for name in _TIME_COLUMNS if name in columns), None)
    if time_column is None or "jawopen" not in columns:
        raise InputError(f"{path.name} is no Live Link Face recording: it lacks the columns Timecode or JawOpen.")
    names = [name for name in ARKIT_EXPRESSIONS if name.lower() in columns]
    body = rows[1:]
    try:
        texts = [row[time_column].strip() for row in body]
        values = np.array([[float(row[columns[name.lower()]]) for name in names] for row in body])
        head = None
        if all(name in columns for name in _HEAD_COLUMNS):
            head = np.array([[float(row[columns[name]]) for name in _HEAD_COLUMNS] for row in body])
    except (ValueError, IndexError) as error:
        raise InputError(f"{path.name} has a row without numbers ({error}): export it again.") from error
    times_s = _read_times(texts, sound_s, path.name)
    kept = np.flatnonzero(np.diff(times_s, prepend=-1.0) > 0)  # The app repeats a row where the camera was late.
    track = _checked(path.name, names, times_s[kept], values[kept])
    return FaceTrack(
        times_s=track.times_s, expression=track.expression, head_rad=None if head is None else head[kept]
    )  # fmt: skip


def read_beat_face(path: Path) -> FaceTrack:
    """Read a json of BEAT or LAM-Audio2Expression.

    Raises:
        InputError: if it is no such file, or its values are impossible.
    """
    try:
        saved = json.loads(path.read_text(encoding="utf-8"))
        names = [str(name) for name in saved["names"]]
        times_s = np.array([float(frame["time"]) for frame in saved["frames"]])
        values = np.array([[float(weight) for weight in frame["weights"]] for frame in saved["frames"]])
        values = values.reshape(len(times_s), len(names))
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise InputError(f"{path.name} holds no names, frames and weights of a face ({error!r}).") from error
    spelled = {name.lower(): name for name in ARKIT_EXPRESSIONS}
    known = [i for i, name in enumerate(names) if name.lower() in spelled]
    if len(times_s):
        times_s = times_s - times_s[0]
    return _checked(path.name, [spelled[names[i].lower()] for i in known], times_s, values[:, known])


def _checked(
    name: str, channels: Sequence[str], times_s: Float[np.ndarray, " k"], values: Float[np.ndarray, "k c"]
) -> FaceTrack:
    if len(channels) < _FEWEST_CHANNELS:
        raise InputError(f"{name} has only {len(channels)} of the 52 ARKit coefficients.")
    check_times(times_s, name)
    if not np.isfinite(values).all():
        raise InputError(f"{name} holds NaN or infinity.")
    if values.min() < _LOWEST or values.max() > _HIGHEST:
        raise InputError(f"{name} must hold coefficients of 0 to 1. Got {values.min():.3g} to {values.max():.3g}.")
    expression = np.zeros((len(times_s), len(ARKIT_EXPRESSIONS)))
    expression[:, [EXPRESSION_INDEX[channel] for channel in channels]] = values.clip(0, 1)
    if np.ptp(expression[:, EXPRESSION_INDEX["jawOpen"]]) < _JAW_MOVES:
        raise InputError(f"the mouth in {name} never opens: it is no recording of speech.")
    return FaceTrack(times_s=times_s, expression=expression)


def _read_times(texts: Sequence[str], sound_s: float | None, name: str) -> Float[np.ndarray, " k"]:
    """Seconds since the first row; a new day may begin in between."""
    split = [[float(part) for part in re.split("[:;]", text)] if _is_time(text) else [] for text in texts]
    if len({len(parts) for parts in split}) != 1 or len(split[0]) not in (1, 3, 4):
        raise InputError(f"{name} has times that are neither HH:MM:SS:FF.fff, HH:MM:SS.fff nor seconds.")
    table = np.array(split)
    if not np.isfinite(table).all():
        raise InputError(f"{name} has times beyond all bounds: export it again.")
    seconds = table[:, 0] if table.shape[1] == 1 else table[:, :3] @ (3600.0, 60.0, 1.0)
    days = np.cumsum(np.diff(seconds, prepend=seconds[0]) < -_DAY_S / 2)
    seconds = seconds + days * _DAY_S
    if table.shape[1] == 4:
        seconds = _of_frames(seconds, table[:, 3], drop_frame=";" in texts[0], sound_s=sound_s, name=name)
    return seconds - seconds[0]


def _of_frames(
    seconds: Float[np.ndarray, " k"],
    frame: Float[np.ndarray, " k"],
    *,
    drop_frame: bool,
    sound_s: float | None,
    name: str,
) -> Float[np.ndarray, " k"]:
    """Seconds on the clock, from those of the time code and the frame within them."""
    rates = _DROP_FRAME_RATES if drop_frame else _TIMECODE_RATES
    rate = next((rate for rate in rates if rate > frame.max()), None)
    if rate is None:
        raise InputError(f"{name} counts frames up to {frame.max():.0f} in a second: export it at 120 fps or less.")
    counted_s = seconds + frame / rate
    if drop_frame:  # Two numbers of 30 are left out each minute, but for every tenth.
        minutes = seconds // 60
        return _NTSC * (counted_s - (minutes - minutes // 10) / 15)
    span = counted_s[-1] - counted_s[0] + 1 / rate
    if sound_s is not None and _SURE * abs(_NTSC * span - sound_s) < abs(span - sound_s):
        return _NTSC * counted_s
    return counted_s


def _is_time(text: str) -> bool:
    return re.fullmatch(r"(\d+[:;]\d+[:;]\d+([:;]\d+)?|\d+)(\.\d+)?", text) is not None
