"""A motion on another clock, and of a length that a video model takes."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import torch
from jaxtyping import Float

from ..clock import as_fps, frame_start
from ..datatypes import Audio, Motion
from ..errors import InputError
from . import paths

FRAME_RULES = {"any": 1, "4k+1": 4, "8k+1": 8}
"""How many frames a video model takes: one and so many for each further latent frame (Wan 4, LTX-Video 8)."""
_MICROSECOND = 1_000_000


def resample(
    motion: Motion,
    fps: Fraction | float | None = None,
    *,
    rule: str = "any",
    most_frames: int = 0,
    start_s: float = 0.0,
) -> Motion:
    """The motion from `start_s` on at `fps` frames a second, as many of them as `rule` allows.

    Frame `i` shows the instant in the middle of the time it covers, `(i + 0.5) / fps` after `start_s`, so that it stays
    with the speech. Rotations are interpolated along the arc between two frames. Nothing is added: the time that is
    left after the last whole frame, and what the rule leaves over, is cut off.

    Args:
        fps: None keeps the motion's own.
        rule: one of `FRAME_RULES`.
        most_frames: no more than these; 0 is all.

    Raises:
        InputError: if fewer frames are left than the rule asks for.
    """
    if rule not in FRAME_RULES:
        raise ValueError(f'rule must be one of {", ".join(FRAME_RULES)}. Got "{rule}".')
    if most_frames < 0:
        raise ValueError(f"most_frames must be 0 or more. Got {most_frames}.")
    new_fps = motion.fps if fps is None else as_fps(fps)
    start = _exact(start_s)
    frames = int((Fraction(motion.num_frames) / motion.fps - start) * new_fps)
    if most_frames:
        frames = min(frames, most_frames)
    frames = _allowed(frames, rule, motion, new_fps, start_s)
    middles_s = [start + (index + Fraction(1, 2)) / new_fps for index in range(frames)]
    positions = np.array([float(middle_s * motion.fps - Fraction(1, 2)) for middle_s in middles_s])
    return replace(at_frames(motion, positions), fps=new_fps)


def at_frames(motion: Motion, positions: Float[np.ndarray, " n"]) -> Motion:
    """The motion at these frames, fractions between two included; the ends are held, whole frames stay as they are."""
    frames = torch.from_numpy(positions).to(motion.expression.device)
    return replace(
        motion,
        expression=paths.values_at_frames(motion.expression, frames).clamp(0, 1),
        joint_rotvec=paths.at_frames(motion.joint_rotvec, frames),
        translation=paths.values_at_frames(motion.translation, frames),
    )


def sound_of(audio: Audio, motion: Motion, start_s: float = 0.0) -> Audio:
    """What sounds from `start_s` on while the motion lasts; less, if the audio ends before.

    Raises:
        InputError: if nothing does.
    """
    first = int(_exact(start_s) * audio.sample_rate)
    count = frame_start(motion.num_frames, audio.sample_rate, motion.fps)
    waveform = audio.waveform[:, first : first + count]
    if waveform.shape[-1] == 0:
        raise InputError(f"start_s must lie within the audio, {audio.duration_s:.2f} s. Got {start_s:g} s.")
    return Audio(waveform=waveform.clone(), sample_rate=audio.sample_rate)


def _exact(start_s: float) -> Fraction:
    if start_s < 0:
        raise ValueError(f"start_s must be 0 or more. Got {start_s:g}.")
    return Fraction(start_s).limit_denominator(_MICROSECOND)


def _allowed(frames: int, rule: str, motion: Motion, fps: Fraction, start_s: float) -> int:
    """The most frames that the rule allows."""
    step = FRAME_RULES[rule]
    least = 1 if step == 1 else step + 1
    if frames < least:
        length_s = motion.num_frames / float(motion.fps)
        raise InputError(
            f"The motion is too short: {rule} needs {least} frames at {float(fps):g} fps. Got {max(frames, 0)} of its "
            f"{length_s:.2f} s from {start_s:g} s on: take more speech, lower start_s or raise most_frames."
        )
    return frames - (frames - 1) % step
