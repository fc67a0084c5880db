"""What a fit is off by: training pairs are seen through fits as good as those that users have."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..body.fit_priors import shape_sigma
from ..datatypes import BodyFit, Motion
from ..names import JOINT_INDEX, SMPLX_JOINTS
from ..render.fill import box_blur, box_max
from ..rotation import compose_rotvec

SHAPE_SHARE = 0.10
"""Of the shape prior's spread."""
HEAD_DEG, TRUNK_DEG, ARM_DEG, FINGER_DEG = 0.8, 1.0, 1.5, 5.0
EXPRESSION = 0.025
PLACE_M, DEPTH_SHARE = 0.0012, 0.004
"""Across the view; along it, of the distance."""
FRAME_SHARE = 0.15
"""Of all these, how much a frame of a motion is off by itself, at most. A tracker that follows points of the picture
leaves 32 to 35 dB between warp and truth on faces of 128 px pictures; so do pairs that are off by 0 to this much, while
half of `HEAD_DEG` and the rest leaves 21 dB, and a model that sees no better blurs what was sharp."""
MOUTH_SHARE = 0.6
"""The same of the expression, which is found from landmarks and not from the picture."""


def off_fit(fit: BodyFit, rng: np.random.Generator) -> BodyFit:
    """The fit that an estimator would have found instead: its shape, pose, expression, place and matte are off."""
    sigma = shape_sigma(fit.model.shape_names)
    off = torch.from_numpy(rng.normal(0, 1, len(sigma))).float() * sigma * SHAPE_SHARE
    depth = float(-fit.translation[2])
    place = rng.normal(0, 1, 3) * (PLACE_M, PLACE_M, DEPTH_SHARE * depth)
    expression = fit.expression + torch.from_numpy(rng.normal(0, EXPRESSION, 52)).float()
    found = replace(
        fit,
        shape=fit.shape + off,
        joint_rotvec=compose_rotvec(fit.joint_rotvec, _turns(rng)),
        expression=expression.clamp(0, 1),
        mask=_off_matte(fit.mask, rng),
    )
    # Whatever else is wrong, an estimator sees where the face is.
    shift = _face(fit) - _face(found) + torch.from_numpy(place).float()
    return replace(found, translation=found.translation + shift)


def _face(fit: BodyFit) -> Float[Tensor, "3"]:
    """Middle of the face's landmarks in the world."""
    rest = fit.model.rest(fit.shape)
    posed = fit.model.pose(rest, fit.joint_rotvec[None], fit.translation[None], fit.expression[None])
    return fit.model.face_landmarks(posed.vertices)[0].mean(0)


def off_motion(motion: Motion, rng: np.random.Generator) -> Motion:
    """A motion that is off a little, by the same in all its frames."""
    share = float(rng.uniform(0, FRAME_SHARE))
    turns = share * _turns(rng)[[JOINT_INDEX[name] for name in motion.joint_names]]
    expression = motion.expression + MOUTH_SHARE * torch.from_numpy(rng.normal(0, EXPRESSION, 52)).float()
    return replace(
        motion,
        joint_rotvec=motion.joint_rotvec + turns,
        translation=motion.translation + share * PLACE_M * torch.from_numpy(rng.normal(0, 1, 3)).float(),
        expression=expression.clamp(0, 1),
    )


def _turns(rng: np.random.Generator) -> Float[Tensor, "55 3"]:
    spread = torch.zeros(len(SMPLX_JOINTS))
    for name, i in JOINT_INDEX.items():
        if name in ("head", "neck"):
            spread[i] = HEAD_DEG
        elif name.startswith(("spine", "pelvis")) or name.endswith("collar"):
            spread[i] = TRUNK_DEG / 2
        elif name.endswith(("shoulder", "elbow", "wrist")):
            spread[i] = ARM_DEG
        elif name[-1].isdigit():
            spread[i] = FINGER_DEG
    return torch.from_numpy(rng.normal(0, 1, (len(SMPLX_JOINTS), 3))).float() * spread[:, None].deg2rad()


def _off_matte(mask: Float[Tensor, "h w"], rng: np.random.Generator) -> Float[Tensor, "h w"]:
    """A matte that is a little too wide, too narrow or too soft."""
    kind, one = rng.random(), (1, 1)
    if kind < 0.2:
        return box_max(mask[None], one, one)[0]
    if kind < 0.4:
        return 1 - box_max(1 - mask[None], one, one)[0]
    return box_blur(mask[None], 1)[0] if kind < 0.7 else mask
