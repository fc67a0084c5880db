"""Motion as one vector a frame: 52 expressions, the moving joints' rotation vectors, translation."""

from fractions import Fraction

import torch
from jaxtyping import Float
from torch import Tensor

from ..datatypes import Motion
from ..names import ARKIT_EXPRESSIONS, SMPLX_JOINTS

_FINGERS = ("index", "middle", "pinky", "ring", "thumb")
FINGER_JOINTS: tuple[str, ...] = tuple(name for name in SMPLX_JOINTS if name.split("_")[-1][:-1] in _FINGERS)
MOTION_JOINTS: tuple[str, ...] = (
    "spine1", "spine2", "spine3", "neck", "head",
    "left_collar", "right_collar", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow",
    "left_wrist", "right_wrist", *FINGER_JOINTS,
)  # fmt: skip
"""The joints that speech moves."""

NUM_EXPRESSIONS = len(ARKIT_EXPRESSIONS)


def motion_dim(joint_names: tuple[str, ...]) -> int:
    """Length of the vector: expressions, three numbers a joint, translation."""
    return NUM_EXPRESSIONS + 3 * len(joint_names) + 3


def motion_to_vector(motion: Motion) -> Float[Tensor, "t d"]:
    """Join the parts of a motion, frame by frame."""
    return torch.cat([motion.expression, motion.joint_rotvec.flatten(1), motion.translation], dim=1)


def vector_to_motion(vector: Float[Tensor, "t d"], joint_names: tuple[str, ...], fps: Fraction) -> Motion:
    """Inverse of `motion_to_vector`; expressions must already lie in 0 to 1."""
    joints_end = NUM_EXPRESSIONS + 3 * len(joint_names)
    return Motion(
        fps=fps,
        expression=vector[:, :NUM_EXPRESSIONS],
        joint_names=joint_names,
        joint_rotvec=vector[:, NUM_EXPRESSIONS:joints_end].unflatten(1, (len(joint_names), 3)),
        translation=vector[:, joints_end:],
    )
