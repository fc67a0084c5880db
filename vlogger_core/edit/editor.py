"""Every edit of a motion under its name."""

from __future__ import annotations

import logging
import math

import torch

from ..datatypes import Motion
from ..errors import InputError
from .operations import hold, mirror, offset, retime, scale, set_values, smooth
from .presets import PRESETS, apply_preset
from .timing import Scope
from .transplant import transplant

OPERATIONS = ("set", "scale", "offset", "hold", "smooth", "retime", "mirror", "replace")
EDITS = (*PRESETS, *OPERATIONS)
"""What `edit_motion` does."""


_log = logging.getLogger(__name__)


def edit_motion(
    motion: Motion,
    edit: str,
    scope: Scope,
    *,
    amount: float = 1.0,
    turn_deg: tuple[float, float, float] = (0.0, 0.0, 0.0),
    about: str = "photo",
    other: Motion | None = None,
    other_start_s: float = 0.0,
    length: str = "longest",
) -> Motion:
    """The motion with one edit.

    Args:
        edit: of `EDITS`.
        amount: how far a preset, `mirror` and `replace` go, 0 to 1; the value of `set` (0 to 1) and `offset` (-1 to 1);
            the factor of `scale`; the seconds of `smooth`; the speed of `retime`. `hold` has none.
        turn_deg: of `set` and `offset`.
        about: of `scale`.
        other: what `replace` takes the regions from, beginning at `other_start_s`, with the `length` of
            `transplant.LENGTHS`.

    Raises:
        InputError: if a number is out of range, the range of time is empty or leaves the motion, or `other` is missing.
    """
    numbers = (amount, *turn_deg, scope.start_s, scope.fade_s, other_start_s)
    if not all(math.isfinite(number) for number in numbers) or scope.fade_s < 0:
        raise InputError(f"Amount, turn and times must be finite, and the fade 0 s or longer. Got {numbers}.")
    edited = _edited(motion, edit, scope, amount, turn_deg, about, other, other_start_s, length)
    if _same(edited, motion):
        _log.warning('"%s" changes nothing of %s in this motion.', edit, ", ".join(scope.regions))
    return edited


def _edited(
    motion: Motion,
    edit: str,
    scope: Scope,
    amount: float,
    turn_deg: tuple[float, float, float],
    about: str,
    other: Motion | None,
    other_start_s: float,
    length: str,
) -> Motion:
    if edit in PRESETS:
        return apply_preset(motion, edit, scope, amount)
    if edit == "set":
        return set_values(motion, scope, amount, turn_deg)
    if edit == "scale":
        return scale(motion, scope, amount, about)
    if edit == "offset":
        return offset(motion, scope, amount, turn_deg)
    if edit == "hold":
        return hold(motion, scope)
    if edit == "smooth":
        return smooth(motion, scope, amount)
    if edit == "retime":
        return retime(motion, scope, amount)
    if edit == "mirror":
        return mirror(motion, scope, amount)
    if edit != "replace":
        raise ValueError(f"edit must be one of {', '.join(EDITS)}. Got {edit}.")
    if other is None:
        raise InputError(
            "There is nothing to replace with: connect the other motion whose regions are wanted, that of a new speech "
            "for example."
        )
    return transplant(motion, other, scope, length=length, other_start_s=other_start_s, amount=amount)


def _same(one: Motion, two: Motion) -> bool:
    """Whether two motions move alike, to the bit; joints that rest do not count."""
    if one.num_frames != two.num_frames:
        return False
    joints = {name: one.joint_rotvec[:, index] for index, name in enumerate(one.joint_names)}
    for index, name in enumerate(two.joint_names):
        joints[name] = joints.get(name, 0) - two.joint_rotvec[:, index]
    alike = torch.equal(one.expression, two.expression) and torch.equal(one.translation, two.translation)
    return alike and not any(bool(difference.any()) for difference in joints.values())
