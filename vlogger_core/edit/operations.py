"""The single edits of a motion, each limited to regions, to a range of time and to a curve.

What they do not reach stays as it was, to the bit. Expressions stay within 0 to 1.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..datatypes import Motion
from ..errors import InputError
from ..motion import paths
from ..motion.controls import MOST_DEG, region_of, scaled_turn
from ..motion.resample import at_frames
from ..names import ARKIT_EXPRESSIONS, EXPRESSION_INDEX
from ..rotation import compose_rotvec
from .blend import CLOSE, JAW, lay_over, with_joints
from .timing import Scope, curve_values, frame_range, is_whole, stretched, warped, weights

ABOUT = ("photo", "mean")
"""What `scale` moves away from or towards: the photo's pose and a face at rest, or the range's own mean."""

MIN_SPEED, MAX_SPEED = 0.1, 10.0

_TURNED = {
    "jaw": {"jaw": 1.0},
    "head": {"neck": 0.5, "head": 0.5},
    "torso": {"spine1": 1 / 3, "spine2": 1 / 3, "spine3": 1 / 3},
    "left_arm": {"left_shoulder": 1.0},
    "right_arm": {"right_shoulder": 1.0},
    "left_hand": {"left_wrist": 1.0},
    "right_hand": {"right_wrist": 1.0},
}
"""Which joints a region is turned by, and the share of each."""
_MOST_EYES_DEG = 25.0
_REFLECT = (1.0, -1.0, -1.0)
"""What becomes of a rotation vector in a mirror that stands upright before the body."""
_HALVED_PERIODS = 2 * math.pi / math.sqrt(2 * math.log(2))
"""A Gaussian mean of deviation 1 halves swings of this period."""


def set_values(
    motion: Motion, scope: Scope, value: float = 0.0, turn_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)
) -> Motion:
    """Every expression at `value`, every joint at the photo's pose, turned by `turn_deg` as `offset` turns it.

    The body stands where it stands in the photo.
    """
    if not 0 <= value <= 1:
        raise InputError(f"An expression is set to 0 (none) to 1 (full). Got {value:g}.")
    turns = _turns(scope, turn_deg)
    motion = with_joints(motion, tuple(turns))
    joints = torch.zeros_like(motion.joint_rotvec)
    for name, rotvec in turns.items():
        joints[:, motion.joint_names.index(name)] = rotvec.to(joints)
    after = replace(
        motion,
        expression=torch.full_like(motion.expression, value),
        joint_rotvec=joints,
        translation=torch.zeros_like(motion.translation),
    )
    return _within(motion, after, scope)


def offset(
    motion: Motion, scope: Scope, value: float = 0.0, turn_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)
) -> Motion:
    """Every expression higher by `value`, -1 to 1, and the regions turned, their own motion on top.

    Args:
        turn_deg: pitch, yaw and roll, about the axes that lead to the subject's left, upwards and towards the viewer
            while the body stands upright: a positive pitch nods, a positive yaw turns to the subject's left, a positive
            roll leans to its right. Neck and head share a turn of the head, the spine one of the torso; arms turn in
            the shoulder, hands in the wrist, the right ones as the left ones' mirror image.
    """
    if not -1 <= value <= 1:
        raise InputError(f"Expressions are raised by -1 to 1. Got {value:g}.")
    turns = _turns(scope, turn_deg)
    motion = with_joints(motion, tuple(turns))
    joints = motion.joint_rotvec.clone()
    for name, rotvec in turns.items():
        index = motion.joint_names.index(name)
        joints[:, index] = compose_rotvec(rotvec.to(joints).expand(len(joints), -1), joints[:, index])
    after = replace(motion, expression=(motion.expression + value).clamp(0, 1), joint_rotvec=joints)
    return _within(motion, after, scope)


def scale(motion: Motion, scope: Scope, factor: float, about: str = "photo") -> Motion:
    """Movement of `factor` times the size, 0 to 4, times unchanged.

    Rotations go ever less beyond what bodies bear (`motion.controls.MOST_DEG`). mouthClose goes with the jaw, so that
    closed lips stay closed.

    Args:
        about: one of `ABOUT`: what stays as it is.
    """
    if about not in ABOUT:
        raise ValueError(f'about must be "photo" or "mean". Got "{about}".')
    if not 0 <= factor <= 4:
        raise InputError(f"Movement is scaled by 0 (still) to 4. Got {factor:g}.")
    first, stop = frame_range(scope, motion)
    frames = torch.zeros(motion.num_frames, dtype=torch.bool)
    frames[first:stop] = about == "mean"
    middle = paths.mean_rotation(motion.joint_rotvec, frames) if frames.any() else 0 * motion.joint_rotvec[:1]
    away = compose_rotvec(-middle.expand_as(motion.joint_rotvec), motion.joint_rotvec)
    most_deg = [MOST_DEG.get(region_of(name) or "", _MOST_EYES_DEG) for name in motion.joint_names]
    scaled = [scaled_turn(away[:, j], factor, most) for j, most in enumerate(most_deg)]
    joints = compose_rotvec(middle.expand_as(away), torch.stack(scaled, 1)) if scaled else motion.joint_rotvec
    after = replace(
        motion,
        expression=_scaled_face(motion.expression, factor, frames),
        joint_rotvec=joints,
        translation=_scaled(motion.translation, factor, frames),
    )
    return _within(motion, after, scope)


def hold(motion: Motion, scope: Scope) -> Motion:
    """The pose of the range's first frame, kept."""
    first, _ = frame_range(scope, motion)
    still = np.full(motion.num_frames, float(first))
    return _within(motion, at_frames(motion, still), scope)


def smooth(motion: Motion, scope: Scope, period_s: float) -> Motion:
    """Without what is quicker: swings that last `period_s` seconds, 0 to 10, are halved, shorter ones nearly gone.

    Nothing is delayed.
    """
    if not 0 <= period_s <= 10:
        raise InputError(f"Movement is smoothed over 0 to 10 s. Got {period_s:g} s.")
    frame_range(scope, motion)
    sigma = period_s / _HALVED_PERIODS * float(motion.fps)
    if sigma == 0:
        return motion
    after = replace(
        motion,
        expression=paths.smooth_values(motion.expression, sigma).clamp(0, 1),
        joint_rotvec=paths.smooth_rotations(motion.joint_rotvec, sigma),
        translation=paths.smooth_values(motion.translation, sigma),
    )
    return _within(motion, after, scope)


def retime(motion: Motion, scope: Scope, speed: float) -> Motion:
    """The motion at `speed` times its pace, 0.1 to 10; with a curve, at its own where that is 0.

    If the whole motion is retimed, all regions from its first to its last frame, it gets shorter or longer. If not, it
    keeps its length and everything outside the range stays where it is: see `timing.warped`.
    """
    if not MIN_SPEED <= speed <= MAX_SPEED:
        raise InputError(f"Motion runs at {MIN_SPEED:g} to {MAX_SPEED:g} times its speed. Got {speed:g}.")
    frame_range(scope, motion)
    pace = 1 + (speed - 1) * curve_values(scope, motion)
    if is_whole(scope, motion):
        return at_frames(motion, stretched(motion, pace))
    after = at_frames(motion, warped(scope, motion, pace))
    return _within(motion, after, replace(scope, fade_s=0.0, curve=None))


def mirror(motion: Motion, scope: Scope, amount: float = 1.0) -> Motion:
    """What is left becomes right: each selected region does what its mirror image did, or the share `amount` of it.

    The left arm alone takes over from the right one, which goes on as it was. Exact for a body that stands
    symmetrically in the photo, since a motion is laid over its pose.
    """
    if not 0 <= amount <= 1:
        raise InputError(f"The amount of a mirror image must lie in 0 (nothing) to 1 (all). Got {amount:g}.")
    names = tuple(_other_side(name) for name in motion.joint_names)
    motion = with_joints(motion, names)
    joints = [motion.joint_names.index(_other_side(name)) for name in motion.joint_names]
    channels = [EXPRESSION_INDEX[_other_side(name)] for name in ARKIT_EXPRESSIONS]
    reflect = motion.joint_rotvec.new_tensor(_REFLECT)
    after = replace(
        motion,
        expression=motion.expression[:, channels],
        joint_rotvec=motion.joint_rotvec[:, joints] * reflect,
        translation=motion.translation * -reflect,
    )
    return lay_over(motion, after, scope.selection, amount * weights(scope, motion))


def _within(before: Motion, after: Motion, scope: Scope) -> Motion:
    return lay_over(before, after, scope.selection, weights(scope, before))


def _turns(scope: Scope, turn_deg: tuple[float, float, float]) -> dict[str, Float[Tensor, "3"]]:
    """The rotation of each joint that turns."""
    turn = torch.deg2rad(torch.tensor(turn_deg, dtype=torch.float64))
    if not turn.any():
        return {}
    joints = scope.selection.joints
    turns = {name: share * turn for shares in _TURNED.values() for name, share in shares.items() if name in joints}
    if not turns:
        raise InputError(
            f"{', '.join(scope.regions)} cannot be turned: choose of {', '.join(_TURNED)}, or leave pitch, yaw and "
            "roll at 0."
        )
    reflect = torch.tensor(_REFLECT, dtype=torch.float64)
    return {name: rotvec * reflect if name.startswith("right_") else rotvec for name, rotvec in turns.items()}


def _scaled(values: Float[Tensor, "t d"], factor: float, frames: Tensor) -> Float[Tensor, "t d"]:
    """Scaled about 0, or about the mean of these frames where there are any."""
    middle = values[frames.to(values.device)].mean(0) if frames.any() else 0.0
    return middle + factor * (values - middle)


def _scaled_face(expression: Float[Tensor, "t 52"], factor: float, frames: Tensor) -> Float[Tensor, "t 52"]:
    scaled = _scaled(expression, factor, frames).clamp(0, 1)
    opened = torch.where(expression[:, JAW] > 0, scaled[:, JAW] / expression[:, JAW].clamp(min=1e-9), factor)
    scaled[:, CLOSE] = (expression[:, CLOSE] * opened).clamp(0, 1)
    return scaled


def _other_side(name: str) -> str:
    for here, there in (("Left", "Right"), ("Right", "Left")):
        if name.endswith(here):
            return name.removesuffix(here) + there
    for here, there in (("left_", "right_"), ("right_", "left_")):
        if name.startswith(here):
            return there + name.removeprefix(here)
    return name
