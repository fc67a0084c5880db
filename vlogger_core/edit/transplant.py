"""Regions of one motion on another: the mouth of a new speech on the head and body of a tracked clip."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float

from ..datatypes import Motion
from ..errors import InputError
from ..motion.resample import at_frames
from .blend import CLOSE, JAW, lay_over, with_joints
from .extend import extended
from .presets import close_mouth
from .regions import Selection, select
from .timing import Scope, frame_range, rise, weights

LENGTHS = ("longest", "clip", "other")
"""How long the result is: as the longer of the two, as the clip, or as far as the other motion reaches."""

_REST_S = 0.35
"""How long what was replaced takes to come to rest, or to set in."""
_SMALLEST_JAW = 0.02
"""A jaw that is open less far tells nothing of how far the lips close it."""


def transplant(
    motion: Motion,
    other: Motion,
    scope: Scope,
    *,
    length: str = "longest",
    other_start_s: float = 0.0,
    amount: float = 1.0,
) -> Motion:
    """The motion with regions of another, at the other's own amplitude and on the motion's clock.

    Both are taken at the same time, whatever the frame rate of the other. Joints that it lacks rest at the photo's
    pose. Where it has ended, mouth and jaw come to rest, closed, and other regions go back to the motion's own, within
    `_REST_S`. Where it reaches beyond the motion, this goes on as `extend.extended` says.

    Args:
        length: one of `LENGTHS`; a result shorter than one of the two lacks what that has later.
        other_start_s: when the other motion begins, in seconds of this one, which it replaces from there on.
        amount: 0 leaves the motion as it is, 1 replaces it.

    Raises:
        InputError: if one of the two has no frames, the range leaves the result, or a number is out of range.
    """
    if length not in LENGTHS:
        raise ValueError(f"length must be one of {', '.join(LENGTHS)}. Got {length}.")
    if not 0 <= amount <= 1:
        raise InputError(f"The amount of a replacement must lie in 0 (nothing) to 1 (all). Got {amount:g}.")
    if not 0 <= other_start_s < math.inf:
        raise InputError(f"The other motion must begin at 0 s or later. Got {other_start_s:g} s.")
    frame_range(Scope(), motion)
    if other.num_frames == 0:
        raise InputError("The other motion has no frames: track or sample one that has one at least.")
    fps = float(motion.fps)
    start = other_start_s * fps
    stop = math.ceil(start + float(other.num_frames / other.fps * motion.fps) - 1e-6)
    wanted = stop if scope.end_s is None else min(stop, math.ceil(scope.end_s * fps - 1e-6))
    frames = {"longest": max(motion.num_frames, wanted), "clip": motion.num_frames, "other": stop}[length]

    selection = scope.selection
    base = with_joints(extended(motion, frames), tuple(name for name in other.joint_names if name in selection.joints))
    times = np.arange(frames)
    over = _REST_S * fps
    heard = np.where(times < start, rise(times + 0.5 - (start - over), over), 1.0) * (times < stop)
    heard += (times >= stop) * rise(stop + over - times - 0.5, over)
    speechless = lay_over(
        base,
        close_mouth(base, selection),
        selection & select(["mouth_and_jaw"]),
        torch.from_numpy((times >= stop).astype(np.float32)),
    )
    placed = _placed(other, base, (times - start) * float(other.fps / motion.fps), selection)
    after = lay_over(speechless, placed, selection, torch.from_numpy(heard))
    return lay_over(base, after, selection, amount * weights(scope, base))


def _placed(other: Motion, base: Motion, positions: Float[np.ndarray, " t"], selection: Selection) -> Motion:
    """The other motion at these of its frames, with the joints of `base`."""
    frames = at_frames(other.to(base.expression.device), positions.clip(0, other.num_frames - 1))
    expression = frames.expression.clone()
    if not selection.expressions[JAW]:  # The lips close another jaw as far as they close their own.
        sealed = expression[:, CLOSE] / expression[:, JAW].clamp(min=_SMALLEST_JAW)
        expression[:, CLOSE] = base.expression[:, JAW] * sealed.clamp(0, 1)
    joints = torch.zeros_like(base.joint_rotvec)
    for index, name in enumerate(base.joint_names):
        if name in other.joint_names:
            joints[:, index] = frames.joint_rotvec[:, other.joint_names.index(name)]
    return replace(base, expression=expression.to(base.expression), joint_rotvec=joints, translation=frames.translation)
