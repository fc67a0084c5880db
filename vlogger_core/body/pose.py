"""Poses worth a name, as SMPL-X joint rotations."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from ..names import JOINT_INDEX, SMPLX_JOINTS

RELAXED_LEFT = {
    "collar": (0.0, 0.0, -0.06),
    "shoulder": (0.08, -0.12, -1.28),
    "elbow": (0.0, -0.28, 0.0),
    "wrist": (0.0, 0.0, -0.05),
    **{f"{finger}1": (0.0, 0.0, -0.22) for finger in ("index", "middle", "ring", "pinky")},
    **{f"{finger}2": (0.0, 0.0, -0.38) for finger in ("index", "middle", "ring", "pinky")},
    **{f"{finger}3": (0.0, 0.0, -0.25) for finger in ("index", "middle", "ring", "pinky")},
    "thumb1": (0.0, 0.15, -0.1),
}
"""Rotation vectors in radians of the left side; the right side is the mirror image."""


def resting_pose() -> Float[Tensor, "55 3"]:
    """Standing at ease: arms beside the body, elbows and fingers a little bent, palms towards the thighs."""
    pose = torch.zeros(len(SMPLX_JOINTS), 3)
    for joint, rotvec in RELAXED_LEFT.items():
        pose[JOINT_INDEX[f"left_{joint}"]] = torch.tensor(rotvec)
    return mirror_pose(pose, only_from_left=True)


def mirror_pose(pose: Float[Tensor, "*batch 55 3"], *, only_from_left: bool = False) -> Float[Tensor, "*batch 55 3"]:
    """The pose seen in a mirror, left and right exchanged.

    Args:
        only_from_left: copy the left side's mirror image to the right and leave the rest alone.
    """
    partner = [
        JOINT_INDEX[name.replace("left_", "right_") if name.startswith("left_") else name.replace("right_", "left_")]
        for name in SMPLX_JOINTS
    ]
    mirrored = pose[..., partner, :] * pose.new_tensor((1.0, -1.0, -1.0))
    if not only_from_left:
        return mirrored
    is_right = torch.tensor([name.startswith("right_") for name in SMPLX_JOINTS], device=pose.device)
    return torch.where(is_right[:, None], mirrored, pose)
