"""Curves over time that designed motion is made of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy.signal import lfilter


def sway(num: int, rate_hz: float, time_constant_s: float, rng: np.random.Generator) -> Float[np.ndarray, " t"]:
    """A smooth Ornstein-Uhlenbeck process (two equal poles) of unit standard deviation, from its stationary state."""
    decay = np.exp(-1 / (time_constant_s * rate_hz))
    warm = int(8 * time_constant_s * rate_hz)
    noise = rng.normal(size=num + warm)
    smooth = lfilter([1 - decay], [1, -decay], lfilter([1 - decay], [1, -decay], noise))[warm:]
    a = 1 - decay
    power = a**4 * (1 + decay**2) / (1 - decay**2) ** 3
    return smooth / np.sqrt(power)


def pulses(
    events: Sequence[tuple[float, float]], times_s: Float[np.ndarray, " t"], rise_s: float, fall_s: float
) -> Float[np.ndarray, " t"]:
    """Sum of bumps of the given `(peak time, height)`, raised cosine up and down."""
    total = np.zeros(len(times_s))
    for time_s, height in events:
        first, last = np.searchsorted(times_s, (time_s - rise_s, time_s + fall_s))
        t = times_s[first:last] - time_s
        phase = np.where(t < 0, t / rise_s, t / fall_s)
        total[first:last] += height * (0.5 + 0.5 * np.cos(np.pi * phase))
    return total


def smooth(signal: Float[np.ndarray, " t"], rate_hz: float, width_s: float) -> Float[np.ndarray, " t"]:
    """Moving average with the ends held."""
    half = max(1, round(width_s * rate_hz / 2))
    padded = np.pad(signal, half, mode="edge")
    return np.convolve(padded, np.ones(2 * half + 1) / (2 * half + 1), mode="valid")


def level_changes(
    phrase_starts: Float[np.ndarray, " p"], times_s: Float[np.ndarray, " t"], rate_hz: float, rng: np.random.Generator
) -> Float[np.ndarray, " t"]:
    """A level of unit spread that changes at some phrase starts, as people shift when they begin anew."""
    level = np.full(len(times_s), rng.normal())
    for start_s in phrase_starts:
        if rng.random() < 0.6:
            level[times_s >= start_s - 0.15] = rng.normal()
    return smooth(smooth(level, rate_hz, 0.5), rate_hz, 0.4)
