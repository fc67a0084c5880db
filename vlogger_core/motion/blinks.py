"""Blinks of a motion: found, taken away, put in."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.signal import find_peaks
from torch import Tensor

from ..datatypes import Motion
from ..names import EXPRESSION_INDEX

MAX_PER_MINUTE = 60
MIN_APART_S = 0.7
"""Between the peaks of two blinks."""

_LIDS = [EXPRESSION_INDEX[f"eyeBlink{side}"] for side in ("Left", "Right")]
_SQUINTS = [EXPRESSION_INDEX[f"eyeSquint{side}"] for side in ("Left", "Right")]
_MIN_RISE, _TRACE, _LONGEST_S = 0.25, 0.1, 0.8
"""How far the lids must close above their base line to blink, how far to twitch, and how long they may stay so."""
_FOOT = 0.005
"""Lids that move less than this from frame to frame are at rest."""
_CLOSING_S, _OPENING_S = 0.09, 0.20
_SQUINT = 0.25
"""How far the lower lid rises with a blink."""
_EDGE_S = 0.4
"""Neither the first nor the last of a motion: half a blink looks like a fault."""
_PAUSE_S, _PAUSE_WEIGHT, _SILENCE_WEIGHT = 0.25, 5.0, 0.65
"""Blinks come often where a phrase begins or ends, and less often to those who are silent."""


@dataclass(frozen=True, kw_only=True)
class Blink:
    """Both lids close and open again. Frames, the end included."""

    onset: int
    """The last frame before the lids move."""
    peak: int
    end: int
    """The first frame in which they are back."""


def find_blinks(motion: Motion, *, min_rise: float = _MIN_RISE, longest_s: float = _LONGEST_S) -> list[Blink]:
    """The blinks of a motion, in order; two that run into each other count as one.

    Winks are none, nor are lids that close by less than `min_rise` or stay closed for more than `longest_s`.
    """
    lids = motion.expression[:, _LIDS].amin(1).detach().cpu().double().numpy()
    fps = float(motion.fps)
    padded = np.concatenate([lids[:1] * 0, lids, lids[:1] * 0])  # What begins or ends closed has a peak too.
    longest = max(1, int(longest_s * fps))
    peaks, facts = find_peaks(padded, plateau_size=(1, longest), prominence=min_rise, wlen=2 * longest + 1)
    blinks: list[Blink] = []
    for peak, rise in zip((peaks - 1).tolist(), facts["prominences"].tolist(), strict=True):
        low = lids[peak] - 0.8 * rise
        onset, end = _foot(lids, peak, -1, low), _foot(lids, peak, 1, low)
        if blinks and onset <= blinks[-1].end and lids[blinks[-1].peak : peak].min() > low:
            first = blinks.pop()
            onset, peak = first.onset, max(first.peak, peak, key=lids.item)
        blinks.append(Blink(onset=onset, peak=peak, end=end))
    return [blink for blink in blinks if blink.end - blink.onset <= longest + 1]


def _foot(lids: Float[np.ndarray, " t"], peak: int, step: int, low: float) -> int:
    """The frame at which the way down from a peak, forwards or back in time, comes to an end below `low`."""
    frame = peak
    while 0 <= frame + step < len(lids):
        falls = lids[frame] - lids[frame + step]
        if lids[frame] <= low and falls < _FOOT:
            break
        frame += step
    return frame


def lid_base(motion: Motion, blinks: list[Blink]) -> Float[Tensor, "t 4"]:
    """The lids (`eyeBlink`, then `eyeSquint`, left and right) as they would be without these blinks.

    Under a blink they go straight from where it begins to where it ends, and never beyond what they were.
    """
    base = motion.expression[:, _LIDS + _SQUINTS].clone()
    last = motion.num_frames - 1
    for first, stop in _spans(blinks):
        open_before, open_after = base[first], base[stop]
        if first == 0:  # The motion begins in a blink.
            open_before = open_after
        if stop == last and first > 0:
            open_after = torch.minimum(open_after, open_before)
        way = torch.linspace(0, 1, stop - first + 1).to(base)[:, None]
        base[first : stop + 1] = torch.minimum(base[first : stop + 1], torch.lerp(open_before, open_after, way))
    return base


def _spans(blinks: list[Blink]) -> list[tuple[int, int]]:
    """From onset to end, blinks that touch as one."""
    spans: list[tuple[int, int]] = []
    for blink in blinks:
        if spans and blink.onset <= spans[-1][1]:
            spans[-1] = (spans[-1][0], blink.end)
        else:
            spans.append((blink.onset, blink.end))
    return spans


def set_blink_rate(motion: Motion, per_minute: float, seed: int, speaking: Bool[Tensor, " t"] | None = None) -> Motion:
    """The motion with so many blinks a minute; 0 removes all, and the lids' twitches too.

    Surplus blinks are taken away, and the lids, the lower ones too, follow their base line instead. Missing ones are
    put in at random, none within `MIN_APART_S` of another, rather where a phrase begins or ends. A motion that has the
    right number comes back as it is. Of a fraction of a blink, chance decides.

    Args:
        per_minute: 0 to 60; a motion without enough room gets as many as there is room for.
        seed: at least 0.
        speaking: for each frame whether somebody speaks, where that is known.

    Raises:
        ValueError: if `per_minute` or `seed` is out of range, or `speaking` is of another length.
    """
    if not 0 <= per_minute <= MAX_PER_MINUTE:
        raise ValueError(f"per_minute must lie in 0 to {MAX_PER_MINUTE}. Got {per_minute}.")
    if seed < 0:
        raise ValueError(f"seed must be at least 0. Got {seed}.")
    if speaking is not None and len(speaking) != motion.num_frames:
        raise ValueError(f"speaking must have {motion.num_frames} frames, as the motion. Got {len(speaking)}.")
    if per_minute == 0:
        return _without(motion, find_blinks(motion, min_rise=_TRACE))
    rng = np.random.default_rng(seed)
    blinks = find_blinks(motion)
    wanted = int(per_minute * motion.num_frames / float(motion.fps) / 60 + rng.random())
    weights = _weights(motion, speaking)
    if len(blinks) > wanted:
        return _without(motion, _surplus(blinks, len(blinks) - wanted, weights, rng))
    return _with(motion, _places(blinks, wanted - len(blinks), weights, float(motion.fps), rng), rng)


def _weights(motion: Motion, speaking: Bool[Tensor, " t"] | None) -> Float[np.ndarray, " t"]:
    """How likely a blink is in each frame."""
    weights = np.ones(motion.num_frames)
    if speaking is None:
        return weights
    heard = speaking.cpu().numpy()
    weights[~heard] = _SILENCE_WEIGHT
    reach = round(_PAUSE_S * float(motion.fps))
    for border in np.flatnonzero(heard[1:] != heard[:-1]) + 1:
        weights[max(0, border - reach) : border + reach] = _PAUSE_WEIGHT
    return weights


def _surplus(blinks: list[Blink], num: int, weights: Float[np.ndarray, " t"], rng: np.random.Generator) -> list[Blink]:
    """The blinks to take away, those at unlikely places sooner."""
    unlikely = np.array([1 / weights[blink.peak] for blink in blinks])
    chosen = rng.choice(len(blinks), size=num, replace=False, p=unlikely / unlikely.sum())
    return [blinks[index] for index in sorted(chosen)]


def _places(
    blinks: list[Blink], num: int, weights: Float[np.ndarray, " t"], fps: float, rng: np.random.Generator
) -> list[int]:
    """Frames at which new blinks have their peaks."""
    weights = weights.copy()
    edge, apart = round(_EDGE_S * fps), int(MIN_APART_S * fps) + 1
    weights[:edge] = 0
    weights[max(0, len(weights) - edge) :] = 0
    for blink in blinks:
        weights[max(0, blink.onset - apart + 1) : blink.end + apart] = 0
    places = []
    for _ in range(num):
        total = weights.sum()
        if total == 0:
            break
        place = int(rng.choice(len(weights), p=weights / total))
        weights[max(0, place - apart + 1) : place + apart] = 0
        places.append(place)
    return sorted(places)


def _without(motion: Motion, blinks: list[Blink]) -> Motion:
    expression = motion.expression.clone()
    expression[:, _LIDS + _SQUINTS] = lid_base(motion, blinks)
    return replace(motion, expression=expression)


def _with(motion: Motion, peaks: list[int], rng: np.random.Generator) -> Motion:
    """Put in blinks of somewhat different depth and speed, asymmetric: lids close in 90 ms and open in 200 ms."""
    frames = np.arange(motion.num_frames)
    closed = np.zeros(motion.num_frames)
    for peak in peaks:
        pace = float(motion.fps) * rng.uniform(0.9, 1.15)
        away = frames - peak
        phase = np.clip(np.where(away < 0, away / (_CLOSING_S * pace), away / (_OPENING_S * pace)), -1, 1)
        closed = np.maximum(closed, rng.uniform(0.9, 1.0) * (0.5 + 0.5 * np.cos(np.pi * phase)))
    blink = torch.from_numpy(closed).to(motion.expression)[:, None]
    expression = motion.expression.clone()
    expression[:, _LIDS] = torch.maximum(expression[:, _LIDS], blink)
    expression[:, _SQUINTS] = (expression[:, _SQUINTS] + _SQUINT * blink).clamp(0, 1)
    return replace(motion, expression=expression)
