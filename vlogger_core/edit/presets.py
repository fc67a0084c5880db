"""Edits that are asked for by name: those of the paper's Fig. 6, and three more."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

import torch

from ..body.expression import MOUTH
from ..datatypes import Motion
from ..errors import InputError
from ..motion.blinks import set_blink_rate
from ..motion.gaze_control import LID_FOLLOW, keep_gaze, look_at_camera
from ..names import EXPRESSION_INDEX
from .blend import CLOSE, JAW, lay_over
from .operations import scale, smooth
from .regions import Selection, select
from .timing import Scope, frame_range, weights

_MOOD = ("mouthSmile", "mouthFrown", "mouthDimple")
"""What of the mouth says how somebody feels; the rest says words."""
_MOOD_PERIOD_S = 2.0
_REST_QUANTILE, _REST_MARGIN, _MOST_REST = 0.25, 0.05, 0.35
"""Lids at rest: the quantile of their level, how far they may sink beyond it, and the level at which eyes are no
longer open."""
_CALM, _CALM_PERIOD_S = 0.35, 0.5
_LIVELIER = {"head": 1.4, "torso": 1.3, "arms": 1.3, "hands": 1.3, "brows": 1.7, "cheeks": 1.4, "mouth_and_jaw": 1.2}
"""How much further each region moves."""

_log = logging.getLogger(__name__)


def close_mouth(motion: Motion, selection: Selection) -> Motion:
    """Lips that touch and a jaw that rests; smile and frown go on slowly, without the words in them."""
    everywhere = Scope()
    slow = smooth(motion, everywhere, _MOOD_PERIOD_S).expression
    after = motion.expression.clone()
    for name, index in EXPRESSION_INDEX.items():
        if name.startswith(_MOOD):
            after[:, index] = slow[:, index]
        elif name.startswith(("mouth", "jaw", "cheekPuff")) or name in MOUTH:
            after[:, index] = 0
    if not selection.expressions[JAW]:
        after[:, CLOSE] = motion.expression[:, JAW]
    joints = motion.joint_rotvec.clone()
    joints[:, select(["jaw"]).joint_mask(motion.joint_names)] = 0
    return replace(motion, expression=after, joint_rotvec=joints)


def close_eyes(motion: Motion, selection: Selection) -> Motion:
    """Lids that are closed and relaxed; under them the eyes go on."""
    after = motion.expression.clone()
    after[:, _both("eyeBlink")] = 1
    after[:, _both("eyeSquint") + _both("eyeWide")] = 0
    return replace(motion, expression=after)


def keep_eyes_open(motion: Motion, selection: Selection) -> Motion:
    """No blinks, and no lids that sink below the level at which they usually rest; the gaze goes on, and the lids still
    follow it down."""
    lids, squints = _both("eyeBlink"), _both("eyeSquint")
    awake = set_blink_rate(motion, 0.0, seed=0).expression.clone()
    follow = LID_FOLLOW * motion.expression[:, _both("eyeLookDown")]
    # How far the lids are closed, of what the gaze leaves them to close.
    level = ((motion.expression[:, lids] - follow) / (1 - follow)).clamp(0, 1)
    rest = level.quantile(_REST_QUANTILE, dim=0)
    if (rest > _MOST_REST).any():
        _log.warning("The eyes are closed most of the time: they are opened as far as lids usually are.")
    limit = (rest + _REST_MARGIN).clamp(max=_MOST_REST)
    awake[:, lids] = torch.minimum(awake[:, lids], limit + follow * (1 - limit))
    opened = ((motion.expression[:, lids] - awake[:, lids]) / (1 - limit)).clamp(0, 1)
    open_squint = motion.expression[:, squints].quantile(_REST_QUANTILE, dim=0)
    relaxed = torch.lerp(motion.expression[:, squints], open_squint.expand_as(opened), opened)
    awake[:, squints] = torch.minimum(awake[:, squints], relaxed)
    return replace(motion, expression=awake)


def camera_gaze(motion: Motion, selection: Selection) -> Motion:
    """Eyes that stay on the camera while the head moves, as `motion.gaze_control.look_at_camera` turns them."""
    return look_at_camera(motion)


def calm_hands(motion: Motion, selection: Selection) -> Motion:
    """Arms and hands that move a third as far about where they usually are, and more slowly."""
    scope = Scope(regions=("arms", "hands"))
    return smooth(scale(motion, scope, _CALM, about="mean"), scope, _CALM_PERIOD_S)


def more_expressive(motion: Motion, selection: Selection, amount: float = 1.0) -> Motion:
    """Larger movement of all but the lids about its mean, and eyes that stay on what they looked at."""
    livelier = motion
    for region, factor in _LIVELIER.items():
        about = "photo" if region == "mouth_and_jaw" else "mean"
        livelier = scale(livelier, Scope(regions=(region,)), 1 + amount * (factor - 1), about)
    return keep_gaze(livelier, motion)


Preset = Callable[[Motion, Selection], Motion]

PRESETS: dict[str, tuple[Preset, tuple[str, ...]]] = {
    "close mouth": (close_mouth, ("mouth_and_jaw",)),
    "close eyes": (close_eyes, ("lids",)),
    "keep eyes open": (keep_eyes_open, ("lids",)),
    "look at camera": (camera_gaze, ("eyes",)),
    "calm hands": (calm_hands, ("arms", "hands")),
    "more expressive": (more_expressive, ("all",)),
}
"""Each preset and the regions that it changes."""

MOST_EXPRESSIVE = 2.0


def apply_preset(motion: Motion, name: str, scope: Scope, amount: float = 1.0) -> Motion:
    """The motion as a preset wants it within the scope, of whose regions it changes its own.

    Args:
        name: of `PRESETS`.
        amount: 0 changes nothing, 1 all the way; up to 2 for "more expressive".

    Raises:
        InputError: if the preset changes nothing in these regions, or `amount` is out of range.
    """
    if name not in PRESETS:
        raise ValueError(f"name must be one of {', '.join(PRESETS)}. Got {name}.")
    most = MOST_EXPRESSIVE if name == "more expressive" else 1.0
    if not 0 <= amount <= most:
        raise InputError(f'The amount of "{name}" must lie in 0 (nothing) to {most:g}. Got {amount:g}.')
    preset, regions = PRESETS[name]
    selection = select(regions) & scope.selection
    if not selection:
        raise InputError(
            f'"{name}" changes {", ".join(regions)}, and none of that is in {", ".join(scope.regions)}: '
            'choose "all" as the region.'
        )
    frame_range(scope, motion)
    if name == "more expressive":
        return lay_over(motion, more_expressive(motion, selection, amount), selection, weights(scope, motion))
    return lay_over(motion, preset(motion, selection), selection, amount * weights(scope, motion))


def _both(name: str) -> list[int]:
    return [EXPRESSION_INDEX[f"{name}{side}"] for side in ("Left", "Right")]
