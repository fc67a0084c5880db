"""Mouth motion from phones by dominance coarticulation.

    z(t) = sum_s D_s(t) T_s / sum_s D_s(t),    D_s(t) = alpha_s exp(-theta |t - segment s|)

after Cohen and Massaro, "Modeling coarticulation in synthetic visual speech" (1993). `T_s` is the viseme's target,
`alpha_s` how much it insists, `theta` the rate at which its influence decays (slower for lip rounding, which is
anticipated). Where we differ: closures (p, b, m) and lip-teeth contact (f, v) are forced afterwards, because a blend
of neighbours would leave the lips apart.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from ..names import EXPRESSION_INDEX
from .phones import Segment

CHANNELS = (
    "jawOpen", "mouthPucker", "mouthFunnel", "stretch", "smile", "lowerDown", "upperUp",
    "tongueOut", "shrugLower", "jawForward",
)  # fmt: skip
_ROUNDING = np.array([channel in ("mouthPucker", "mouthFunnel") for channel in CHANNELS])

#  insistence, then targets in the order of CHANNELS
_TARGETS: dict[str, tuple[float, tuple[float, ...]]] = {
    "rest": (0.9, (0.01, 0.00, 0.00, 0.00, 0.00, 0.00, 0.00, 0.00, 0.00, 0.00)),
    "closure": (0.9, (0.07, 0.08, 0.02, 0.00, 0.00, 0.00, 0.00, 0.00, 0.05, 0.00)),
    "lip_teeth": (0.9, (0.07, 0.00, 0.08, 0.05, 0.03, 0.00, 0.20, 0.00, 0.05, 0.00)),
    "tongue_teeth": (0.8, (0.14, 0.00, 0.03, 0.06, 0.03, 0.18, 0.10, 0.25, 0.00, 0.00)),
    "alveolar": (0.5, (0.11, 0.00, 0.03, 0.08, 0.04, 0.16, 0.08, 0.00, 0.00, 0.00)),
    "lateral": (0.5, (0.17, 0.00, 0.03, 0.05, 0.03, 0.16, 0.08, 0.05, 0.00, 0.00)),
    "velar": (0.35, (0.17, 0.00, 0.04, 0.04, 0.03, 0.12, 0.06, 0.00, 0.00, 0.00)),
    "palatal": (0.5, (0.11, 0.00, 0.02, 0.18, 0.20, 0.14, 0.08, 0.00, 0.00, 0.00)),
    "hiss": (0.8, (0.05, 0.00, 0.04, 0.22, 0.12, 0.22, 0.12, 0.00, 0.00, 0.05)),
    "hush": (1.0, (0.07, 0.25, 0.50, 0.00, 0.00, 0.20, 0.20, 0.00, 0.00, 0.12)),
    "rhotic": (0.7, (0.10, 0.20, 0.28, 0.00, 0.00, 0.12, 0.10, 0.00, 0.00, 0.00)),
    "glide_w": (1.2, (0.07, 0.75, 0.15, 0.00, 0.00, 0.02, 0.02, 0.00, 0.00, 0.00)),
    "open_a": (0.9, (0.50, 0.00, 0.06, 0.08, 0.05, 0.25, 0.14, 0.00, 0.00, 0.00)),
    "mid_a": (0.8, (0.36, 0.00, 0.08, 0.05, 0.04, 0.20, 0.12, 0.00, 0.00, 0.00)),
    "schwa": (0.4, (0.22, 0.02, 0.06, 0.04, 0.03, 0.15, 0.08, 0.00, 0.00, 0.00)),
    "mid_e": (0.9, (0.29, 0.00, 0.02, 0.18, 0.16, 0.22, 0.14, 0.00, 0.00, 0.00)),
    "close_i": (1.0, (0.11, 0.00, 0.00, 0.26, 0.32, 0.20, 0.12, 0.00, 0.00, 0.00)),
    "near_i": (0.8, (0.16, 0.00, 0.02, 0.18, 0.20, 0.18, 0.10, 0.00, 0.00, 0.00)),
    "mid_o": (1.0, (0.32, 0.30, 0.32, 0.00, 0.00, 0.12, 0.06, 0.00, 0.00, 0.00)),
    "mid_o_flat": (0.8, (0.26, 0.05, 0.08, 0.06, 0.04, 0.14, 0.08, 0.00, 0.00, 0.00)),
    "close_u": (1.1, (0.11, 0.65, 0.20, 0.00, 0.00, 0.04, 0.02, 0.00, 0.00, 0.00)),
    "near_u": (0.9, (0.18, 0.42, 0.22, 0.00, 0.00, 0.10, 0.04, 0.00, 0.00, 0.00)),
    "front_round": (1.1, (0.14, 0.50, 0.28, 0.00, 0.00, 0.10, 0.06, 0.00, 0.00, 0.00)),
}  # fmt: skip
_THETA, _THETA_ROUNDING = 1 / 0.040, 1 / 0.065
_RAMP_S = 0.045
_SHORTEST_CLOSURE_S = 0.055
_SHORTEST_PAUSE_S = 0.06
_OPENS_S, _LINGERS_S = 0.10, 0.14


def mouth_motion(
    segments: Sequence[Segment],
    loudness: Float[np.ndarray, " t"],
    times_s: Float[np.ndarray, " t"],
    *,
    articulation: float = 1.0,
    smile: float = 0.0,
) -> Float[np.ndarray, "t 52"]:
    """Return the ARKit mouth coefficients of an utterance at the given times.

    Args:
        segments: mouth shapes; before the first and after the last the mouth rests.
        loudness: relative to the utterance's usual level (1 is usual); opens the jaw further.
        times_s: increasing.
        articulation: how far this speaker opens the mouth, about 0.7 to 1.3.
        smile: this speaker's usual smile, 0 to about 0.3.
    """
    shapes = _blend(segments, times_s)
    gain = articulation * np.clip(0.8 + 0.2 * loudness, 0.6, 1.35)
    stress = _bumps([(s.start_s, s.end_s, 0.04) for s in segments if s.stress > 0.7], times_s)
    shapes[:, 0] *= gain * (1 + 0.15 * stress)
    shapes[:, 1:7] *= articulation**0.5

    closed = _bumps([(*_closure_span(s), _RAMP_S) for s in segments if s.viseme == "closure"], times_s)
    contact = _bumps([(s.start_s, s.end_s, _RAMP_S) for s in segments if s.viseme == "lip_teeth"], times_s)
    rest = shapes[:, 0] < 0.03
    jaw = shapes[:, 0] * (1 - 0.55 * closed) * (1 - 0.4 * contact)
    parted = 1 - np.maximum(closed, 0.6 * contact)

    out = np.zeros((len(times_s), len(EXPRESSION_INDEX)))

    def put(name: str, value: Float[np.ndarray, " t"]) -> None:
        for full in (name,) if name in EXPRESSION_INDEX else (f"{name}Left", f"{name}Right"):
            out[:, EXPRESSION_INDEX[full]] = value

    put("jawOpen", jaw)
    put("mouthClose", np.maximum(closed, 0.35 * contact) * jaw + 0.01 * rest)
    put("mouthPress", 0.55 * closed)
    put("mouthRollLower", 0.30 * closed + 0.60 * contact)
    put("mouthRollUpper", 0.25 * closed)
    put("mouthUpperUp", shapes[:, 6] * (1 - closed))
    put("mouthLowerDown", shapes[:, 5] * parted)
    put("mouthPucker", shapes[:, 1] * (1 - 0.3 * contact))
    put("mouthFunnel", shapes[:, 2] * (1 - closed))
    put("mouthStretch", shapes[:, 3] * (1 - 0.5 * closed))
    put("mouthSmile", shapes[:, 4] + smile * (1 - 0.7 * np.clip(shapes[:, 1] * 1.5, 0, 1)))
    put("mouthDimple", 0.35 * shapes[:, 4] + 0.25 * smile + 0.1 * closed)
    put("tongueOut", shapes[:, 7] * 0.5)
    put("mouthShrugLower", shapes[:, 8] + 0.15 * contact)
    put("mouthShrugUpper", 0.12 * closed)
    put("jawForward", shapes[:, 9])
    put("cheekSquint", 0.4 * smile + 0.15 * shapes[:, 4])
    put("noseSneer", 0.15 * shapes[:, 6] * (1 - closed))
    return out


def _closure_span(segment: Segment) -> tuple[float, float]:
    """The time the lips are held together: at least as long as a frame shows."""
    middle = (segment.start_s + segment.end_s) / 2
    half = max(segment.end_s - segment.start_s, _SHORTEST_CLOSURE_S) / 2
    return middle - half, middle + half


def _blend(segments: Sequence[Segment], times_s: Float[np.ndarray, " t"]) -> Float[np.ndarray, "t c"]:
    """The dominance blend, with rest before and after."""
    if not segments:
        return np.zeros((len(times_s), len(CHANNELS)))
    padded = _with_rests(segments)
    start = np.array([s.start_s for s in padded])
    end = np.array([s.end_s for s in padded])
    hold = 0.3 * np.minimum(end - start, 0.3)
    pause = np.array([s.viseme == "rest" for s in padded])
    low, high = start + np.where(pause, 0.04, hold), end - np.where(pause, 0.04, hold)
    low, high = np.minimum(low, (start + end) / 2), np.maximum(high, (start + end) / 2)
    distance = np.maximum(np.maximum(low - times_s[:, None], times_s[:, None] - high), 0)

    insistence = np.array([_TARGETS[s.viseme][0] for s in padded]) * (1 + 0.3 * np.array([s.stress for s in padded]))
    insistence = insistence * np.where(pause, np.clip((end - start) / 0.15, 0.2, 1), 1)
    targets = np.array([_TARGETS[s.viseme][1] for s in padded])
    blended = np.empty((len(times_s), len(CHANNELS)))
    for theta, columns in ((_THETA, ~_ROUNDING), (_THETA_ROUNDING, _ROUNDING)):
        dominance = insistence * np.exp(-theta * distance) + 1e-9 * insistence
        blended[:, columns] = dominance @ targets[:, columns] / dominance.sum(1, keepdims=True)
    return blended


def _with_rests(segments: Sequence[Segment]) -> list[Segment]:
    """Put rest before, after and into the gaps; the mouth begins to open a little before speech and lingers after."""
    ends = (segments[0].start_s, segments[-1].end_s)
    filled = [Segment(viseme="rest", start_s=ends[0] - 1e3, end_s=ends[0] - _OPENS_S), segments[0]]
    for segment in segments[1:]:
        gap_s = segment.start_s - filled[-1].end_s
        if gap_s > _SHORTEST_PAUSE_S:
            share = min(1.0, gap_s / 0.6)
            start_s, end_s = filled[-1].end_s + share * _LINGERS_S, segment.start_s - share * _OPENS_S
            filled.append(Segment(viseme="rest", start_s=start_s, end_s=end_s))
        filled.append(segment)
    return [*filled, Segment(viseme="rest", start_s=ends[1] + _LINGERS_S, end_s=ends[1] + 1e3)]


def _bumps(spans: Sequence[tuple[float, float, float]], times_s: Float[np.ndarray, " t"]) -> Float[np.ndarray, " t"]:
    """Maximum over spans `(start, end, ramp)` of plateaus of height 1 with smooth ramps outside the span."""
    height = np.zeros(len(times_s))
    for start_s, end_s, ramp_s in spans:
        first, last = np.searchsorted(times_s, (start_s - ramp_s, end_s + ramp_s))
        t = times_s[first:last]
        outside = np.clip(np.maximum(start_s - t, t - end_s) / ramp_s, 0, 1)
        height[first:last] = np.maximum(height[first:last], 0.5 + 0.5 * np.cos(np.pi * outside))
    return height
