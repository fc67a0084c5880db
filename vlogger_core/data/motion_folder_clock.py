"""Recorded values at any instants, brought to the frames of the training clock."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from ..errors import InputError
from .training_clock import FPS, SUBFRAMES

SHORTEST_S = 2.0
_LONGEST_GAP_S = 0.5
_FINE = 1.5
"""Rate over `FPS` from which on a frame is the mean over its time; below, it is the value at its middle."""


def span_s(times_s: Float[np.ndarray, " k"]) -> float:
    """How long samples at these instants last, the last one as long as is usual."""
    return float(times_s[-1] - times_s[0] + np.median(np.diff(times_s)))


def check_times(times_s: Float[np.ndarray, " k"], name: str) -> None:
    """Refuse instants from which no motion can be read.

    Raises:
        InputError: if there are too few, they do not increase, or a gap is longer than a blink.
    """
    if len(times_s) < 2 or span_s(times_s) < SHORTEST_S:
        raise InputError(f"{name} is shorter than {SHORTEST_S:g} s: record for longer.")
    steps = np.diff(times_s)
    if not np.isfinite(times_s).all() or steps.min() <= 0:
        raise InputError(f"the times in {name} do not increase at row {int(np.argmin(steps)) + 2}: export it again.")
    if steps.max() > _LONGEST_GAP_S:
        at_s = times_s[int(np.argmax(steps))] - times_s[0]
        raise InputError(f"{name} has a gap of {steps.max():.1f} s at {at_s:.1f} s: cut the recording there.")


def to_frames(
    values: Float[np.ndarray, "k *d"], times_s: Float[np.ndarray, " k"], num_frames: int
) -> Float[np.ndarray, "t *d"]:
    """Values at increasing instants, linearly interpolated to frames `[i, i + 1) / FPS`; both ends are held."""
    rate = (len(times_s) - 1) / (times_s[-1] - times_s[0])
    parts = SUBFRAMES if rate > _FINE * FPS else 1
    wanted_s = (np.arange(num_frames * parts) + 0.5) / float(FPS * parts)
    flat = values.reshape(len(values), -1)
    fine = np.stack([np.interp(wanted_s, times_s, column) for column in flat.T], axis=1)
    return fine.reshape(num_frames, parts, *values.shape[1:]).mean(1)
