"""How an edited motion is laid over the one before: where, how strongly, and with lips and eyes that agree."""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from ..body.expression import GAZE
from ..datatypes import Motion
from ..motion import paths
from ..names import EXPRESSION_INDEX
from .regions import Selection

JAW, CLOSE = EXPRESSION_INDEX["jawOpen"], EXPRESSION_INDEX["mouthClose"]


def with_joints(motion: Motion, names: tuple[str, ...]) -> Motion:
    """The motion with these joints too; those that it lacked rest at the reference pose."""
    added = tuple(name for name in names if name not in motion.joint_names)
    still = motion.joint_rotvec.new_zeros(motion.num_frames, len(added), 3)
    return replace(
        motion,
        joint_names=motion.joint_names + added,
        joint_rotvec=torch.cat((motion.joint_rotvec, still), 1) if added else motion.joint_rotvec,
    )


def lay_over(before: Motion, after: Motion, selection: Selection, weights: Float[Tensor, " t"]) -> Motion:
    """`before` where the weight is 0, `after` where it is 1, and in between what lies between them.

    What is not selected stays `before`, to the bit. mouthClose, which cancels jawOpen, never exceeds it, and where
    only the jaw is edited the lips stay as far closed as they were. Of opposite ways in which an eye looks the
    difference remains.

    Raises:
        ValueError: if the two motions differ in length or joints.
    """
    if before.num_frames != after.num_frames or before.joint_names != after.joint_names:
        raise ValueError(
            f"after must have the {before.num_frames} frames and the joints of before. "
            f"Got {after.num_frames} frames and {', '.join(after.joint_names)}."
        )
    weights = weights.to(before.expression)
    full = _agreeing(before.expression, after.expression, selection)
    mixed = torch.lerp(before.expression, full, weights[:, None]).clamp(0, 1)
    for weight, exact in ((0, before.expression), (1, full)):
        mixed = torch.where(weights[:, None] == weight, exact, mixed)
    chosen = selection.expressions.to(before.expression.device)
    joints, translation = before.joint_rotvec, before.translation
    moved = selection.joint_mask(before.joint_names).to(joints.device)
    if moved.any():
        joints = joints.clone()
        joints[:, moved] = paths.blend(joints[:, moved], after.joint_rotvec[:, moved], weights.to(joints))
    if selection.translation:
        mixed_place = torch.lerp(translation, after.translation, weights.to(translation)[:, None])
        translation = torch.where(weights[:, None] == 0, translation, mixed_place)
    return replace(
        before,
        expression=torch.where(chosen, _one_way(mixed, weights), before.expression),
        joint_rotvec=joints,
        translation=translation,
    )


def _agreeing(
    before: Float[Tensor, "t 52"], after: Float[Tensor, "t 52"], selection: Selection
) -> Float[Tensor, "t 52"]:
    """`after` with mouthClose as the jaw allows it that will be there."""
    after = after.clone()
    if selection.follows_jaw:
        opened = torch.where(before[:, JAW] > 0, after[:, JAW] / before[:, JAW].clamp(min=1e-9), 0)
        after[:, CLOSE] = before[:, CLOSE] * opened
    jaw = after if selection.expressions[JAW] else before
    after[:, CLOSE] = torch.minimum(after[:, CLOSE], jaw[:, JAW])
    return after


def _one_way(expression: Float[Tensor, "t 52"], weights: Float[Tensor, " t"]) -> Float[Tensor, "t 52"]:
    """Frames that are edited look one way at a time."""
    edited = expression.clone()
    for one, other in GAZE:
        pair = [EXPRESSION_INDEX[one], EXPRESSION_INDEX[other]]
        edited[:, pair] -= expression[:, pair].amin(1, keepdim=True)
    return torch.where(weights[:, None] == 0, expression, edited)
