"""What a recording does not tell about a body, designed to go with its sound.

The motion model hears and moves all channels, and most recordings know only some of them. The rest comes from the
generator of the synthetic corpus (`gestures`), driven by the recording's own loudness in place of phones: its peaks are
the beats, and it says when somebody speaks. Nothing that was recorded is changed.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Float
from scipy.ndimage import binary_closing, binary_opening, gaussian_filter1d
from scipy.signal import find_peaks

from ..datatypes import Audio
from ..motion.layout import MOTION_JOINTS
from ..names import ARKIT_EXPRESSIONS
from ..speech.audio import to_speech
from ..speech.mel import SAMPLE_RATE, active_rms
from .gestures import Beat, Style, gestures
from .levels import mean_square
from .training_clock import RATE_HZ, fine_times_s, over_frames

_SPEAKS = 0.2
"""Loudness, relative to the usual of the speech, from which on somebody speaks."""
_NOISE_RATIO = 2.5
"""How far speech stands above the quietest fiftieth of a recording."""
_SYLLABLE_S = 0.22
LONGEST_PAUSE_S, _SHORTEST_SPEECH_S = 0.35, 0.1

_UPPER_FACE = (("eyeLook",), ("eyeBlink", "eyeSquint", "eyeWide"), ("brow",))
"""Gaze, lids and brows: what of a face the speech does not determine, by how the names begin."""
_FLAT = 0.02
"""Range below which channels were not recorded."""
_STILL_RAD, _STILL_M = np.deg2rad(0.1), 1e-4
"""Ranges below which joints and the place were not recorded: a tracker writes what it does not see as constants."""


def complete_motion(
    audio: Audio,
    expression: Float[np.ndarray, "t 52"],
    known_joints: Mapping[str, Float[np.ndarray, "_ 3"]] | None,
    rng: np.random.Generator,
    *,
    known_translation: Float[np.ndarray, "_ 3"] | None = None,
) -> Float[np.ndarray, "t m"]:
    """Return motion at `training_clock.FPS` as `motion.layout` orders it: what was recorded, the rest designed.

    Gaze, lids and brows are designed where all their channels rest throughout the recording, as they do in one of the
    mouth alone; joints that stay within 0.1 degree and a translation within 0.1 mm likewise.

    Args:
        audio: sound of the recording, beginning with its first frame.
        expression: 0 to 1, at `training_clock.FPS`.
        known_joints: rotation vectors (radians) of the joints that were recorded, residuals over the reference pose;
            joints that do not move here are ignored.
        known_translation: metres, over the reference.

    Raises:
        InputError: if the audio cannot be used (`speech.audio.to_speech`).
        ValueError: if the lengths differ.
    """
    num_frames = len(expression)
    known_joints = known_joints or {}
    lengths = {f"known_joints[{name!r}]": len(value) for name, value in known_joints.items()}
    if known_translation is not None:
        lengths["known_translation"] = len(known_translation)
    for name, length in lengths.items():
        if length != num_frames:
            raise ValueError(f"{name} must have the {num_frames} frames of expression. Got {length}.")
    times_s = fine_times_s(num_frames)
    loudness = speech_loudness(to_speech(audio).double().numpy(), times_s)
    designed, joint_rotvec, translation = (
        over_frames(value)
        for value in gestures(loud_beats(loudness, rng), is_speaking(loudness), (), RATE_HZ, Style.draw(rng), rng)
    )
    expression = expression.copy()
    for prefixes in _UPPER_FACE:
        own = [i for i, name in enumerate(ARKIT_EXPRESSIONS) if name.startswith(prefixes)]
        if np.ptp(expression[:, own], axis=0).max() < _FLAT:
            expression[:, own] = designed[:, own]
    for index, name in enumerate(MOTION_JOINTS):
        if name in known_joints and np.ptp(known_joints[name], axis=0).max() >= _STILL_RAD:
            joint_rotvec[:, index] = known_joints[name]
    if known_translation is not None and np.ptp(known_translation, axis=0).max() >= _STILL_M:
        translation = known_translation
    return np.concatenate([expression.clip(0, 1), joint_rotvec.reshape(num_frames, -1), translation], axis=1)


def speech_loudness(speech: Float[np.ndarray, " n"], times_s: Float[np.ndarray, " t"]) -> Float[np.ndarray, " t"]:
    """Root mean square of speech at `SAMPLE_RATE` over 80 ms, less that of the room, 1 as loud as speech usually is.

    Of silence it is 0.
    """
    import torch

    power = power_around(speech, times_s)
    usual = active_rms(torch.from_numpy(speech))
    if usual == 0:
        return np.zeros(len(times_s))
    room = _NOISE_RATIO**2 * np.quantile(power, 0.02)
    return np.sqrt(np.maximum(power - min(room, 0.25 * usual**2), 0)) / usual


def power_around(speech: Float[np.ndarray, " n"], times_s: Float[np.ndarray, " t"]) -> Float[np.ndarray, " t"]:
    """Mean square over the 80 ms around each instant of speech at `SAMPLE_RATE`."""
    first, stop = (np.clip(((times_s + by_s) * SAMPLE_RATE).astype(int), 0, len(speech)) for by_s in (-0.04, 0.04))
    return mean_square(speech, first, stop)


def is_speaking(loudness: Float[np.ndarray, " t"]) -> Bool[np.ndarray, " t"]:
    """Whether speech sounds, by its loudness every 1/96 s: pauses shorter than a word are filled, clicks left out."""
    padded = np.pad(loudness > _SPEAKS, round(RATE_HZ))
    closed = binary_closing(padded, np.ones(round(LONGEST_PAUSE_S * RATE_HZ), dtype=bool))
    opened = binary_opening(closed, np.ones(round(_SHORTEST_SPEECH_S * RATE_HZ), dtype=bool))
    return opened[round(RATE_HZ) : len(padded) - round(RATE_HZ)]


def loud_beats(loudness: Float[np.ndarray, " t"], rng: np.random.Generator) -> list[Beat]:
    """The louder syllables, by loudness every 1/96 s: they stand for stressed vowels."""
    smooth = gaussian_filter1d(loudness, 0.03 * RATE_HZ)
    peaks, _ = find_peaks(smooth, height=0.8, prominence=0.25, distance=max(1, round(_SYLLABLE_S * RATE_HZ)))
    return [
        Beat(time_s=(peak + 0.5) / RATE_HZ, strength=float(min(smooth[peak], 2) * rng.uniform(0.6, 1.3)))
        for peak in peaks
    ]  # fmt: skip
