"""Rotations between their representations, differentiable everywhere (roma), float32."""

import roma
from jaxtyping import Float
from torch import Tensor


def rotvec_to_rotmat(rotvec: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3 3"]:
    """Axis-angle in radians to rotation matrices acting on column vectors."""
    return roma.rotvec_to_rotmat(rotvec)


def rotmat_to_rotvec(rotmat: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3"]:
    """Rotation matrices to axis-angle in radians, angle in 0 to pi."""
    return roma.rotmat_to_rotvec(rotmat)


def compose_rotvec(first: Float[Tensor, "*batch 3"], then: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
    """`exp(first) @ exp(then)`: `then` turns about the axes of the frame that `first` has already turned."""
    return rotmat_to_rotvec(rotvec_to_rotmat(first) @ rotvec_to_rotmat(then))
