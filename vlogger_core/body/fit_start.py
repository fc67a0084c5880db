"""Where a fit begins: the head from the face points alone, and guesses of how the arms are held."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from ..datatypes import Camera
from ..errors import InputError
from ..names import EXPRESSION_INDEX, JOINT_INDEX
from ..render.camera import unproject
from ..rotation import rotmat_to_rotvec, rotvec_to_rotmat
from .fit_energy import HEAD, FitState
from .fit_priors import PosePrior
from .fit_targets import FitBody, FitTargets
from .head_pose import known_points, solve_head

EYES_M = 0.06
"""Between the eyes: how far away a head is guessed to be follows from it."""
MAX_TURN_DEG = 80.0
"""A head that is found to be turned further is not believed."""

_ARM_GUESSES_DEG = ((-78, 0, -10), (-72, 0, -75), (-68, 45, -85), (-55, 60, -110), (-60, -25, -100))
"""How the left arm may be held: shoulder about z after its twist about x, and the elbow about y."""
_PALM_GUESSES_DEG = (-60.0, 0.0, 60.0)
"""Twists of the forearm."""


def start(
    body: FitBody, targets: FitTargets, width: int, height: int, fov_deg: float, shape: Float[Tensor, " d"]
) -> FitState:
    """The average person, whose head lies where the face points say (perspective-n-point).

    Raises:
        InputError: if too few face points are known to place a head.
    """
    joint_rotvec = PosePrior.build().mean.clone()[None]
    expression = torch.zeros(1, len(EXPRESSION_INDEX))
    posed = body.model.pose(body.model.rest(shape), torch.zeros_like(joint_rotvec), torch.zeros(1, 3), expression)
    known = known_points(targets.face) if targets.face.weight.max() > 0 else None
    if known is None:
        raise InputError(
            "Too few face points are known to place the head. Use a photo that shows the whole face, or another "
            "landmark source."
        )
    camera = Camera(fov_deg=fov_deg, width=width, height=height)
    points, pixels = (body.face(posed)[0] - posed.joints[0, HEAD])[known], targets.face.xy[known]
    depth = torch.tensor(camera.f_px * EYES_M / targets.eye_distance)
    head, rotation = unproject(pixels.mean(0), depth, camera), torch.eye(3)
    placed = solve_head(points, pixels, camera, head, rotation)
    if placed is not None and placed[0][2] < 0 and rotmat_to_rotvec(placed[1]).norm() <= math.radians(MAX_TURN_DEG):
        head, rotation = placed
    half = rotmat_to_rotvec(rotation) / 2
    joint_rotvec[0, JOINT_INDEX["neck"]] = half
    joint_rotvec[0, HEAD] = half
    return FitState(
        head=head[None],
        fov_deg=torch.tensor(float(fov_deg)),
        joint_rotvec=joint_rotvec,
        shape=shape.clone(),
        expression=expression,
    )


def arm_guesses(state: FitState) -> FitState:
    """The one pose of `state` with its arms held in many ways: hanging, reaching forwards, folded, palms up or down."""
    poses = []
    for shoulder_z, shoulder_x, elbow_y in _ARM_GUESSES_DEG:
        for palm in _PALM_GUESSES_DEG:
            shoulder = _turn(2, shoulder_z) @ _turn(0, shoulder_x)
            elbow = _turn(1, elbow_y) @ _turn(0, palm)
            pose = state.joint_rotvec[0].clone()
            for side, mirror in (("left", (1.0, 1.0, 1.0)), ("right", (1.0, -1.0, -1.0))):
                for joint, rotation in (("shoulder", shoulder), ("elbow", elbow)):
                    pose[JOINT_INDEX[f"{side}_{joint}"]] = rotmat_to_rotvec(rotation) * torch.tensor(mirror)
            poses.append(pose)
    joint_rotvec = torch.stack(poses)
    count = len(joint_rotvec)
    return FitState(
        head=state.head.expand(count, -1),
        fov_deg=state.fov_deg,
        joint_rotvec=joint_rotvec,
        shape=state.shape,
        expression=state.expression.expand(count, -1),
    )


def _turn(axis: int, degrees: float) -> Float[Tensor, "3 3"]:
    rotvec = torch.zeros(3)
    rotvec[axis] = math.radians(degrees)
    return rotvec_to_rotmat(rotvec)
