"""Figures of generated motion: how well lips follow speech, how closed they close, how much and how calmly all moves.

Frames run along the last axis but one (or the only one); everything is numpy in float64.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from ..data.levels import mean_square
from ..data.phones import Segment

CLOSURES = "closure"
"""The viseme of p, b and m (`data.phones`)."""
HALF_PRESS = 0.275
"""Half of the largest mouthPress in training (`data.visemes`): lips are shut above it."""
NEAR, FAR = 1, 2
"""Frames around a closure within which a press hits it, and beyond which it is a false one."""
SHUT_LID = 0.5
"""Lids are shut in a blink above this value of eyeBlink."""
QUIET, SHORTEST_SILENCE = 0.12, 5
"""Silence: this part of the loud frames' level, for at least this many frames."""

Spans = Sequence[tuple[int, int]]
"""Frames `[first, stop)` of each closure."""


def closure_spans(segments: Sequence[Segment], fps: float, num_frames: int) -> list[tuple[int, int]]:
    """The frames that each p, b or m overlaps."""
    spans = []
    for segment in segments:
        first, stop = int(np.floor(segment.start_s * fps)), int(np.ceil(segment.end_s * fps))
        if segment.viseme == CLOSURES and stop > 0 and first < num_frames:
            spans.append((max(0, first), min(max(stop, first + 1), num_frames)))
    return spans


def closures_hit(press: Float[np.ndarray, " t"], spans: Spans) -> int:
    """How many closures have shut lips within `NEAR` frames."""
    shut = press > HALF_PRESS
    return sum(bool(shut[max(0, first - NEAR) : stop + NEAR].any()) for first, stop in spans)


def false_presses(press: Float[np.ndarray, " t"], spans: Spans) -> int:
    """How many frames with shut lips are more than `FAR` frames away from any closure."""
    shut = press > HALF_PRESS
    for first, stop in spans:
        shut[max(0, first - FAR) : stop + FAR] = False
    return int(shut.sum())


def spread(motions: Float[np.ndarray, "s t d"]) -> float:
    """Standard deviation over time and seeds, root mean square over the channels."""
    return float(np.sqrt(motions.reshape(-1, motions.shape[-1]).var(axis=0).mean()))


def jerk(motions: Float[np.ndarray, "s t d"]) -> float:
    """Mean absolute third difference from frame to frame."""
    return float(np.abs(np.diff(motions, n=3, axis=1)).mean())


def blinks(lids: Float[np.ndarray, " t"]) -> Bool[np.ndarray, " t"]:
    """Frames in which the lids fall shut."""
    shut = lids > SHUT_LID
    return np.concatenate([[False], shut[1:] & ~shut[:-1]])


def frame_level(
    speech: Float[np.ndarray, " n"], sample_rate: int, fps: float, num_frames: int
) -> Float[np.ndarray, " t"]:
    """Root mean square over the 80 ms around the middle of each frame."""
    middle = (np.arange(num_frames) + 0.5) * sample_rate / fps
    low, high = (np.clip(np.round(middle + side * 0.04 * sample_rate).astype(int), 0, len(speech)) for side in (-1, 1))
    return np.sqrt(mean_square(speech, low, high))


def silent_frames(
    level: Float[np.ndarray, " t"], *, noisy: bool = False, shortest: int = SHORTEST_SILENCE
) -> Bool[np.ndarray, " t"]:
    """Where nobody speaks, from the level: at least `shortest` frames in a row below `QUIET` of the loud ones.

    Loud is the 90th percentile. In a noisy recording levels are taken above the floor, which is the 5th percentile.
    """
    floor = np.quantile(level, 0.05) if noisy else 0.0
    quiet = level < floor + QUIET * (np.quantile(level, 0.9) - floor)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], quiet, [False]]).astype(int)))
    out = np.zeros(len(level), dtype=bool)
    for first, stop in zip(edges[::2], edges[1::2], strict=True):
        out[first:stop] = stop - first >= shortest
    return out
