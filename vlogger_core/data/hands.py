"""Arms and hands of the designed motion: beats on stressed vowels, follow-through, rest.

Everything is a small residual over the photo's pose, so that it suits arms that hang and arms that are bent: an elbow
that flexes, an upper arm that goes with it, a wrist that lags behind, fingers that open on the beat. Angles are in
degrees in here; signs are SMPL-X's (a left elbow flexes by -Y, a left finger curls by -Z, the right side mirrored).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from .shapes import level_changes, pulses, sway

_CURL = {"index": 0.8, "middle": 1.0, "ring": 1.05, "pinky": 1.1}
_PHALANX = (1.0, 1.2, 0.7)
_SPREAD = {"index": 1.0, "middle": 0.2, "ring": -0.3, "pinky": -0.8}
_THUMB = np.array([0.0, 0.7, -0.5])
_MIRROR = np.array([1.0, -1.0, -1.0])
"""Rotation vectors of the left side become those of the right."""


def arm_gestures(
    beats: Sequence[tuple[float, float]],
    phrase_starts: Float[np.ndarray, " p"],
    times_s: Float[np.ndarray, " t"],
    rate_hz: float,
    amount: Float[np.ndarray, " t"],
    liveliness: float,
    rng: np.random.Generator,
) -> dict[str, Float[np.ndarray, "t 3"]]:
    """Return rotation vectors, in degrees, of shoulders, elbows, wrists and fingers.

    Args:
        beats: stressed vowels, `(time, strength)`; about half of them are gestured.
        phrase_starts: where the hands may settle anew.
        amount: how much all sways, 0 to 1.
        liveliness: factor of this speaker; 1 is usual.
    """
    gestured = [(time_s, strength) for time_s, strength in beats if rng.random() < 0.5]
    leading, joints = rng.integers(2), {}
    for side in range(2):
        share = liveliness * (rng.uniform(0.8, 1.2) if side == leading else rng.uniform(0.15, 0.9))
        own = [
            (time_s + rng.normal(0, 0.02), share * strength * rng.uniform(0.5, 1.3)) for time_s, strength in gestured
        ]
        arm = _left_arm(own, phrase_starts, times_s, rate_hz, amount, rng)
        prefix, mirror = ("left", 1.0) if side == 0 else ("right", _MIRROR)
        joints |= {f"{prefix}_{name}": mirror * rotvec for name, rotvec in arm.items()}
    return joints


def _left_arm(
    beats: Sequence[tuple[float, float]],
    phrase_starts: Float[np.ndarray, " p"],
    times_s: Float[np.ndarray, " t"],
    rate_hz: float,
    amount: Float[np.ndarray, " t"],
    rng: np.random.Generator,
) -> dict[str, Float[np.ndarray, "t 3"]]:
    """The beat starts at the elbow and runs out to the fingers, each joint a little later than the one before."""
    num = len(times_s)

    def beat(lag_s: float, rise_s: float, fall_s: float) -> Float[np.ndarray, " t"]:
        return pulses([(time_s + lag_s, strength) for time_s, strength in beats], times_s, rise_s, fall_s)

    def slow(size: float, time_constant_s: float) -> Float[np.ndarray, " t"]:
        return size * amount * sway(num, rate_hz, time_constant_s, rng)

    def posture(size: float) -> Float[np.ndarray, " t"]:
        return size * level_changes(phrase_starts, times_s, rate_hz, rng)

    lift = beat(0.0, 0.22, 0.45)
    zero = np.zeros(num)
    joints = {
        "shoulder": _stack(
            slow(0.8, 1.2),
            -np.clip(2.0 * lift + slow(0.8, 1.2) + posture(0.7), -3, 9),
            np.clip(slow(0.9, 1.2) + 0.5 * lift, -4, 4),
        ),
        "elbow": _stack(
            slow(1.5, 1.0) + 1.5 * lift,
            -np.clip(6.0 * lift + slow(1.4, 1.0) + posture(1.5), -3, 24),
            zero,
        ),
        "wrist": _stack(
            slow(1.0, 0.8),
            slow(1.2, 0.8),
            np.clip(
                4.0 * beat(0.06, 0.20, 0.40) - 2.5 * beat(0.16, 0.20, 0.45) + slow(1.5, 0.8) + posture(1.0), -12, 16
            ),
        ),
    }
    curl = np.clip(posture(3.0) + slow(1.5, 0.9) - 6.0 * beat(0.08, 0.18, 0.50), -18, 18)
    spread = np.clip(slow(0.8, 0.9) + 2.0 * beat(0.08, 0.18, 0.50), -4, 9)
    for finger, factor in _CURL.items():
        bend = factor * (curl + slow(0.8, 0.6))
        for i, phalanx in enumerate(_PHALANX, start=1):
            aside = -_SPREAD[finger] * spread if i == 1 else zero
            joints[f"{finger}{i}"] = _stack(zero, aside, -phalanx * bend)
    for i, phalanx in enumerate(_PHALANX, start=1):
        joints[f"thumb{i}"] = 0.6 * phalanx * (curl + slow(0.6, 0.8))[:, None] * _THUMB
    return joints


def _stack(x: Float[np.ndarray, " t"], y: Float[np.ndarray, " t"], z: Float[np.ndarray, " t"]) -> np.ndarray:
    return np.stack([x, y, z], axis=1)
