"""Everything that moves beside the mouth: lids, gaze, brows, head, torso, shoulders, arms and hands.

Speech drives beats (nods, brow raises, shoulder and arm accents on stressed vowels) and the amount of sway; the rest
is drawn at random. Angles are in degrees in here. Signs are SMPL-X's: +X tips the face down, +Y turns it to the
subject's left, +Z tilts it to the subject's right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from ..body.gaze import GAZE_DEG
from ..motion.layout import MOTION_JOINTS
from ..names import EXPRESSION_INDEX
from .hands import arm_gestures
from .shapes import level_changes, pulses, smooth, sway

NECK_SHARE, HEAD_SHARE = 0.4, 0.6
"""Of a turn of the head."""
_BLINKS_PER_S_SPEAKING, _BLINKS_PER_S_SILENT = 19 / 60, 13 / 60
_LID_PER_DEG = 0.0095
"""How far the lid sinks, and how far it opens, as the eye looks down and up."""


@dataclass(frozen=True, kw_only=True)
class Beat:
    """A stressed vowel."""

    time_s: float
    strength: float
    """0 to about 2; 1 is usual."""


@dataclass(frozen=True, kw_only=True)
class Style:
    """How lively a speaker is; every factor is 1 for the usual speaker."""

    articulation: float
    smile: float
    head: float
    torso: float
    arms: float
    brows: float
    gaze_away: float
    """Fraction of fixations beside the camera."""

    @staticmethod
    def draw(rng: np.random.Generator) -> Style:
        def factor(spread: float) -> float:
            return float(np.exp(rng.normal(0, spread)).clip(0.6, 1.6))

        return Style(
            articulation=float(np.exp(rng.normal(0, 0.12)).clip(0.75, 1.3)),
            smile=float(rng.choice([0.0, rng.uniform(0.05, 0.30)], p=[0.4, 0.6])),
            head=factor(0.3),
            torso=factor(0.3),
            arms=factor(0.3),
            brows=factor(0.35),
            gaze_away=float(rng.uniform(0.15, 0.45)),
        )


def gestures(
    beats: Sequence[Beat],
    speaking: Bool[np.ndarray, " t"],
    questions_s: Sequence[float],
    rate_hz: float,
    style: Style,
    rng: np.random.Generator,
) -> tuple[Float[np.ndarray, "t 52"], Float[np.ndarray, "t j 3"], Float[np.ndarray, "t 3"]]:
    """Return expression coefficients (the mouth at 0), joint rotation vectors (radians) and translation (metres).

    Args:
        beats: stressed vowels in order.
        speaking: whether speech sounds, at `rate_hz`; pauses shorter than a word count as speech.
        questions_s: when questions end.
    """
    num = len(speaking)
    times_s = np.arange(num) / rate_hz
    activity = smooth(speaking.astype(float), rate_hz, 0.5)
    phrase_starts = times_s[1:][~speaking[:-1] & speaking[1:]]

    def chosen(probability: float, low: float, high: float) -> list[tuple[float, float]]:
        return [(b.time_s, b.strength * rng.uniform(low, high)) for b in beats if rng.random() < probability]

    posture = [level_changes(phrase_starts, times_s, rate_hz, rng) for _ in range(3)]
    amount = 0.45 + 0.55 * activity
    nod = pulses(chosen(0.75, 1.2, 4.2), times_s, 0.14, 0.30)
    nod -= nod.mean()
    turn = pulses(chosen(0.2, -3.0, 3.0), times_s, 0.2, 0.4)
    tilt = pulses([(time_s, rng.choice([-1, 1]) * rng.uniform(2, 5)) for time_s in questions_s], times_s, 0.45, 0.8)
    head = style.head * np.stack(
        [
            amount * 1.9 * sway(num, rate_hz, 0.5, rng) + 1.2 * posture[0] + nod,
            amount * 2.6 * sway(num, rate_hz, 0.6, rng) + 2.4 * posture[1] + turn,
            amount * 1.5 * sway(num, rate_hz, 0.6, rng) + 1.4 * posture[2] + tilt,
        ],
        axis=1,
    )  # fmt: skip
    torso = style.torso * np.stack(
        [
            amount * 1.1 * sway(num, rate_hz, 0.9, rng) + pulses(chosen(0.35, 0.3, 1.2), times_s, 0.22, 0.45),
            amount * 1.4 * sway(num, rate_hz, 1.0, rng) + 0.5 * posture[1],
            amount * 1.1 * sway(num, rate_hz, 1.0, rng) + 0.4 * posture[2],
        ],
        axis=1,
    )
    breath = _breath(phrase_starts, times_s, rng)
    torso[:, 0] -= 0.5 * breath

    joints = {name: np.zeros((num, 3)) for name in MOTION_JOINTS}
    for name in ("spine1", "spine2", "spine3"):
        joints[name] += torso / 3
    joints["neck"] += NECK_SHARE * head
    joints["head"] += HEAD_SHARE * head
    shrug = style.arms * pulses(chosen(0.3, 1.0, 3.0), times_s, 0.18, 0.40)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        own = 0.7 * sway(num, rate_hz, 0.9, rng)
        joints[f"{side}_collar"][:, 2] = sign * (1.1 * breath + rng.uniform(0.5, 1.2) * shrug + own)
        joints[f"{side}_collar"][:, 1] = -sign * 0.5 * own
    accents = [(beat.time_s, beat.strength) for beat in beats]
    joints |= arm_gestures(accents, phrase_starts, times_s, rate_hz, amount, style.arms, rng)
    translation = 1e-3 * style.torso * np.stack(
        [2.5 * sway(num, rate_hz, 1.4, rng), 0.8 * breath + 0.6 * sway(num, rate_hz, 1.2, rng),
         2.0 * sway(num, rate_hz, 1.4, rng)], axis=1,
    )  # fmt: skip

    expression = np.zeros((num, len(EXPRESSION_INDEX)))
    _eyes(expression, head + torso, speaking, phrase_starts, rate_hz, style, rng)
    _brows(expression, chosen(0.45, 0.10, 0.45), questions_s, times_s, rate_hz, style, rng)
    drift = sway(num, rate_hz, 1.5, rng)
    expression[:, EXPRESSION_INDEX["jawLeft"]] = 0.03 * np.clip(drift, 0, None)
    expression[:, EXPRESSION_INDEX["jawRight"]] = 0.03 * np.clip(-drift, 0, None)
    return expression, np.deg2rad(np.stack([joints[name] for name in MOTION_JOINTS], axis=1)), translation


def _breath(
    phrase_starts: Float[np.ndarray, " p"], times_s: Float[np.ndarray, " t"], rng: np.random.Generator
) -> Float[np.ndarray, " t"]:
    """-1 to 1 breathing cycle, with a deeper breath before phrases."""
    phase = np.cumsum(np.full(len(times_s), 1 / len(times_s)))
    frequency_hz = rng.uniform(0.2, 0.32)
    slow = np.sin(2 * np.pi * (frequency_hz * times_s + rng.random()) + 0.6 * np.sin(2 * np.pi * phase))
    deep = pulses([(t - 0.1, rng.uniform(0.4, 1.0)) for t in phrase_starts if t > 0.3], times_s, 0.4, 1.2)
    return 0.6 * slow + deep


def _blink_times(
    speaking: Bool[np.ndarray, " t"], phrase_starts: Float[np.ndarray, " p"], rate_hz: float, rng: np.random.Generator
) -> list[float]:
    """Blink onsets: random at the speaking or the silent rate, sometimes just before a phrase begins anew."""
    rate = np.where(speaking, _BLINKS_PER_S_SPEAKING, _BLINKS_PER_S_SILENT) / rate_hz
    wanted = list(np.flatnonzero(rng.random(len(speaking)) < rate) / rate_hz)
    wanted += [t - rng.uniform(0.0, 0.25) for t in phrase_starts if t > 1.0 and rng.random() < 0.25]
    kept: list[float] = []
    for time_s in sorted(wanted):
        if not kept or time_s - kept[-1] > 0.7:
            kept.append(float(time_s))
    return kept


def _eyes(
    expression: Float[np.ndarray, "t 52"],
    head_deg: Float[np.ndarray, "t 3"],
    speaking: Bool[np.ndarray, " t"],
    phrase_starts: Float[np.ndarray, " p"],
    rate_hz: float,
    style: Style,
    rng: np.random.Generator,
) -> None:
    """Blinks, saccades between fixations, the eyes' counter-rotation to the head, lids that follow the gaze."""
    num = len(speaking)
    times_s = np.arange(num) / rate_hz
    pitch, yaw = np.zeros(num), np.zeros(num)
    time_s = 0.0
    while time_s < times_s[-1]:
        stay_s = rng.gamma(2.0, 0.6) + 0.25
        if rng.random() < style.gaze_away:
            target = rng.normal(0, (4.0, 8.0))
            stay_s = min(stay_s, 1.5)
        else:
            target = rng.normal(0, (0.6, 0.8))
        here = times_s >= time_s
        pitch[here], yaw[here] = target
        time_s += stay_s
    pitch, yaw = smooth(pitch, rate_hz, 0.045), smooth(yaw, rate_hz, 0.045)
    follow = 0.9
    pitch = np.clip(pitch - follow * head_deg[:, 0], -GAZE_DEG["Up"], GAZE_DEG["Down"])
    yaw = np.clip(yaw - follow * head_deg[:, 1], -GAZE_DEG["Out"], GAZE_DEG["Out"])

    def put(name: str, value: Float[np.ndarray, " t"]) -> None:
        expression[:, EXPRESSION_INDEX[name]] += np.clip(value, 0, None)

    for side in ("Left", "Right"):
        outward = yaw if side == "Left" else -yaw
        for way, angle in (("Out", outward), ("In", -outward), ("Down", pitch), ("Up", -pitch)):
            put(f"eyeLook{way}{side}", angle / GAZE_DEG[way])

    onsets = _blink_times(speaking, phrase_starts, rate_hz, rng)
    blink = np.clip(pulses([(t + 0.08, rng.uniform(0.85, 1.05)) for t in onsets], times_s, 0.09, 0.20), 0, 1)
    lid = 0.03 + _LID_PER_DEG * np.clip(pitch, 0, None)
    for side in ("Left", "Right"):
        put(f"eyeBlink{side}", np.maximum(blink, lid))
        put(f"eyeWide{side}", _LID_PER_DEG * np.clip(-pitch, 0, None))
        put(f"eyeSquint{side}", 0.25 * style.smile + 0.25 * blink)


def _brows(
    expression: Float[np.ndarray, "t 52"],
    accents: Sequence[tuple[float, float]],
    questions_s: Sequence[float],
    times_s: Float[np.ndarray, " t"],
    rate_hz: float,
    style: Style,
    rng: np.random.Generator,
) -> None:
    """Raises on accents and questions over a slow level that is sometimes a frown."""
    raised = pulses(accents, times_s, 0.16, 0.35)
    asked = pulses([(t - 0.2, rng.uniform(0.2, 0.5)) for t in questions_s], times_s, 0.4, 0.6)
    level = 0.05 * sway(len(times_s), rate_hz, 1.5, rng) + rng.normal(0, 0.04)
    up = style.brows * (raised + asked + np.clip(level, 0, None))
    down = style.brows * np.clip(-level, 0, None) * (1 - np.clip(2 * raised, 0, 1))
    lift = rng.uniform(0.5, 1.0)
    expression[:, EXPRESSION_INDEX["browInnerUp"]] += np.clip(up, 0, 0.9)
    for side in ("Left", "Right"):
        expression[:, EXPRESSION_INDEX[f"browOuterUp{side}"]] += np.clip(lift * up, 0, 0.9)
        expression[:, EXPRESSION_INDEX[f"browDown{side}"]] += np.clip(down, 0, 0.6)
        expression[:, EXPRESSION_INDEX[f"eyeWide{side}"]] += np.clip(0.25 * up, 0, 0.4)
