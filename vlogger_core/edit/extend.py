"""A motion made longer than it was recorded."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import roma
import torch
from jaxtyping import Float

from ..datatypes import Motion
from ..motion import paths
from ..motion.blinks import find_blinks, lid_base, set_blink_rate
from ..motion.resample import at_frames
from ..names import ARKIT_EXPRESSIONS
from .blend import CLOSE, JAW
from .operations import smooth
from .timing import Scope

_TURN_S = 0.8
"""How long time takes to turn back."""
_SETTLE_S = 0.8
"""Within what time the speed at which the motion ended dies away."""
_SOFTEN_S = 0.4
"""What is quicker is taken away from all that is not the face's."""


def extended(motion: Motion, frames: int) -> Motion:
    """The first so many frames of a motion; beyond its end it runs backwards, then forwards again, and so on.

    Positions and speeds do not jump: time turns along a cosine (`ping_pong`), and at the end of what was recorded,
    where it stands still at once, the speed of all but the eyes dies away on top. What follows is softened a little.
    Blinks, which close faster than they open, are not played backwards but put in anew, as often as the motion has
    them.
    """
    known = motion.num_frames
    if frames <= known:
        return motion.slice(0, frames)
    whole = _settling(at_frames(motion, ping_pong(known, frames, motion.fps)), known)
    body = Scope(regions=("body", "brows"), start_s=float(known / motion.fps), fade_s=_SETTLE_S)
    whole = smooth(whole, body, _SOFTEN_S)
    return _with_own_blinks(whole, known, min(60.0, len(find_blinks(motion)) * 60 * float(motion.fps) / known))


def ping_pong(known: int, frames: int, fps: Fraction) -> Float[np.ndarray, " n"]:
    """Which of the `known` frames each of so many shows: all in order, then back and forth between the first and last.

    Time turns within `_TURN_S`; the first turn begins in its middle, at the last known frame.
    """
    last = known - 1
    positions = np.arange(frames, dtype=np.float64)
    if last == 0:
        return np.zeros(frames)
    turn = min(_TURN_S * float(fps), float(last))
    reach = turn / math.pi
    straight = last - 2 * reach
    way = straight + turn
    back = np.abs((positions[known:] - last + way) % (2 * way) - way)
    near, far = (reach * (1 - np.cos(np.pi * np.minimum(left, turn / 2) / turn)) for left in (back, way - back))
    between = (back - turn / 2).clip(0, straight)
    positions[known:] = last - near - between - (reach - far)
    return positions.clip(0, last)


def _settling(motion: Motion, known: int) -> Motion:
    """The motion with the speed that it has at the last known frame dying away in what follows."""
    if known < 2:
        return motion
    over = _SETTLE_S * float(motion.fps)
    ahead = np.arange(1, motion.num_frames - known + 1).clip(max=over)
    drift = torch.from_numpy(ahead * (1 - ahead / over) ** 2)[:, None]
    tail = slice(known, None)
    expression, translation = motion.expression.clone(), motion.translation.clone()
    for values in (expression, translation):
        values[tail] += (drift * (values[known - 1] - values[known - 2]).double()).to(values)
    path = paths.to_path(motion.joint_rotvec)
    step = paths.to_rotvec(roma.quat_product(roma.quat_conjugation(path[known - 2]), path[known - 1])[None], path)
    turned = roma.quat_product(path[tail], roma.rotvec_to_unitquat(drift[..., None] * step))
    expression.clamp_(0, 1)
    expression[:, CLOSE] = torch.minimum(expression[:, CLOSE], expression[:, JAW])
    eyes = torch.tensor([name.startswith("eye") for name in ARKIT_EXPRESSIONS], device=expression.device)
    return replace(
        motion,
        expression=torch.where(eyes, motion.expression, expression),
        joint_rotvec=torch.cat((motion.joint_rotvec[:known], paths.to_rotvec(turned, motion.joint_rotvec))),
        translation=translation,
    )


def _with_own_blinks(motion: Motion, known: int, per_minute: float) -> Motion:
    """The motion whose blinks after the known frames are new ones."""
    lids = [i for i, name in enumerate(ARKIT_EXPRESSIONS) if name.startswith("eyeBlink")]
    lids += [i for i, name in enumerate(ARKIT_EXPRESSIONS) if name.startswith("eyeSquint")]
    expression = motion.expression.clone()
    later = [blink for blink in find_blinks(motion) if blink.onset >= known - 1]
    expression[known:, lids] = lid_base(motion, later)[known:]
    tail = replace(motion, expression=expression).slice(known, motion.num_frames)
    expression[known:] = set_blink_rate(tail, per_minute, seed=0).expression
    return replace(motion, expression=expression)
