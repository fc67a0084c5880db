"""Where the eyes look while the head moves.

Directions are unit vectors in the frame of the world as the photo shows it: +Z leads to the camera, +X to the
subject's left, +Y up. The photo's own gaze is taken to meet the camera, since a motion is laid over it.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from ..body.gaze import GAZE_DEG, gaze_rotvec
from ..datatypes import Motion
from ..names import ARKIT_EXPRESSIONS, EXPRESSION_INDEX
from ..rotation import rotvec_to_rotmat
from .smoothing import median

HEAD_CHAIN = ("pelvis", "spine1", "spine2", "spine3", "neck", "head")
"""The joints that carry the eyes, from the root."""

LID_FOLLOW = 0.19
"""How far the lid sinks per `eyeLookDown`, and how far it opens per `eyeLookUp`."""

_LEAP_FRAMES = 9
"""Gaze that stays for fewer than half of these is taken for noise; odd."""
_FIXATION_DEG, _FIXATION_SHARE = 0.8, 0.15
"""Of the gaze's wandering this share is kept when it is held, up to this angle: eyes that stand still look dead."""


def head_rotation(motion: Motion) -> Float[Tensor, "t 3 3"]:
    """How far the head is turned from the photo's pose: the residuals from the pelvis to the head, one after another.

    The joints' frames are taken to be parallel in the photo, which they nearly are in people who sit or stand.
    """
    total = torch.eye(3, dtype=motion.joint_rotvec.dtype, device=motion.joint_rotvec.device)
    total = total.expand(motion.num_frames, 3, 3)
    for name in HEAD_CHAIN:
        if name in motion.joint_names:
            total = total @ rotvec_to_rotmat(motion.joint_rotvec[:, motion.joint_names.index(name)])
    return total


def gaze_directions(motion: Motion) -> Float[Tensor, "t 2 3"]:
    """Where the left and the right eye look, the head's rotation included."""
    looks = {name: motion.expression[:, EXPRESSION_INDEX[name]] for name in _LOOKS}
    eyes = rotvec_to_rotmat(gaze_rotvec(looks))[..., 2]
    return torch.einsum("tij,tej->tei", head_rotation(motion), eyes)


def keep_gaze(motion: Motion, before: Motion) -> Motion:
    """The motion with the eyes on what they looked at in `before`, whose head moved differently.

    Frames in which the head is as it was are not touched.
    """
    moved = (head_rotation(motion) != head_rotation(before)).flatten(1).any(1)
    if not moved.any():
        return motion
    turned = _look(motion, gaze_directions(before))
    return replace(turned, expression=torch.where(moved[:, None], turned.expression, motion.expression))


def look_at_camera(motion: Motion) -> Motion:
    """The motion with the eyes on the camera, as far as they turn (`body.gaze.GAZE_DEG`); the lids follow.

    Of the gaze's own wandering a trace below 1 degree remains. The camera is taken to be far away compared with how
    far the head sways.
    """
    own = gaze_directions(motion).mean(1)
    sideways, upwards = (torch.atan2(own[:, i], own[:, 2]) for i in (0, 1))
    limit = math.radians(_FIXATION_DEG)
    x, y = (limit * torch.tanh(_FIXATION_SHARE * angle / limit) for angle in (sideways, upwards))
    camera = torch.stack((x, y, torch.ones_like(x)), -1)
    return _look(motion, (camera / camera.norm(dim=-1, keepdim=True))[:, None].expand(-1, 2, -1))


def steady_gaze(motion: Motion) -> Motion:
    """The motion with the eyes held still between their leaps, whatever the head does under them.

    A running median of where they look, the head's rotation included: what is left of it as the head turns is the
    vestibulo-ocular reflex, and leaps stay as sudden as they were. The lids follow.
    """
    own = gaze_directions(motion).mean(1)
    angles = torch.stack((torch.atan2(own[:, 0], own[:, 2]), torch.asin(own[:, 1].clamp(-1, 1))), -1)
    yaw, pitch = median(angles, _LEAP_FRAMES).unbind(-1)
    steady = torch.stack((yaw.sin() * pitch.cos(), pitch.sin(), yaw.cos() * pitch.cos()), -1)
    return _look(motion, steady[:, None].expand(-1, 2, -1))


_LOOKS = tuple(name for name in ARKIT_EXPRESSIONS if name.startswith("eyeLook"))


def _look(motion: Motion, directions: Float[Tensor, "t 2 3"]) -> Motion:
    """Turn the eyes to these directions, as far as they go, and the lids with them."""
    x, y, z = torch.einsum("tij,tei->tej", head_rotation(motion), directions).unbind(-1)
    off_axis = torch.hypot(x, y).clamp(min=1e-9)
    angle = torch.atan2(off_axis, z)
    expression = motion.expression.clone()
    for eye, (side, outward) in enumerate((("Left", 1.0), ("Right", -1.0))):
        yaw, pitch = (torch.rad2deg(angle * value / off_axis)[:, eye] for value in (outward * x, -y))
        for way, degrees in (("Out", yaw), ("In", -yaw), ("Down", pitch), ("Up", -pitch)):
            channel = EXPRESSION_INDEX[f"eyeLook{way}{side}"]
            expression[:, channel] = (degrees / GAZE_DEG[way]).clamp(0, 1)
        _follow(expression, motion.expression, side)
    return replace(motion, expression=expression)


def _follow(expression: Float[Tensor, "t 52"], before: Float[Tensor, "t 52"], side: str) -> None:
    """Move one eye's lids in place as far as its gaze went up or down; those that are closed in a blink stay so."""
    down, up = (EXPRESSION_INDEX[f"eyeLook{way}{side}"] for way in ("Down", "Up"))
    blink, wide = (EXPRESSION_INDEX[f"{name}{side}"] for name in ("eyeBlink", "eyeWide"))
    opened = (1 - before[:, blink]) / (1 - LID_FOLLOW * before[:, down])
    sunk = LID_FOLLOW * (expression[:, down] - before[:, down])
    expression[:, blink] = (before[:, blink] + sunk * opened).clamp(0, 1)
    raised = LID_FOLLOW * (expression[:, up] - before[:, up])
    expression[:, wide] = (before[:, wide] + raised).clamp(0, 1)
