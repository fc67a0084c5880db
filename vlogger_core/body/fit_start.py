"""Where a fit begins: the head from the face points alone, and guesses of how the arms are held."""

from __future__ import annotations

import math

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import InputError
from ..names import EXPRESSION_INDEX, JOINT_INDEX
from ..rotation import rotmat_to_rotvec, rotvec_to_rotmat
from .fit_energy import HEAD, FitState
from .fit_priors import PosePrior
from .fit_targets import FitBody, FitTargets

_TO_CV = np.diag([1.0, -1.0, -1.0])
"""Our camera looks along -Z with Y up, OpenCV's along +Z with Y down."""
_MIN_POINTS = 6

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
    known = targets.face.weight > 0.05 * targets.face.weight.max()
    if int(known.sum()) < _MIN_POINTS or targets.face.weight.max() <= 0:
        raise InputError(
            "Too few face points are known to place the head. Use a photo that shows the whole face, or another "
            "landmark source."
        )
    points = (body.face(posed)[0] - posed.joints[0, HEAD])[known].double().numpy() @ _TO_CV
    pixels = targets.face.xy[known].double().numpy()
    f_px = math.hypot(width, height) / 2 / math.tan(math.radians(fov_deg) / 2)
    intrinsics = np.array([[f_px, 0, width / 2], [0, f_px, height / 2], [0, 0, 1]])
    eye_m = 0.06
    depth = f_px * eye_m / targets.eye_distance
    centre = pixels.mean(0)
    guess_t = np.array([(centre[0] - width / 2) / f_px * depth, (centre[1] - height / 2) / f_px * depth, depth])
    found, rotvec, translation = cv2.solvePnP(
        points,
        pixels,
        intrinsics,
        None,
        np.zeros(3),
        guess_t.copy(),
        useExtrinsicGuess=True,
        flags=cv2.SOLVEPNP_ITERATIVE,
    )
    rotation, head = cv2.Rodrigues(rotvec)[0], translation.ravel()
    turned = math.degrees(float(np.linalg.norm(rotvec)))
    if not found or head[2] <= 0 or turned > 80 or not np.isfinite(head).all():
        rotation, head = np.eye(3), guess_t
    rotation = torch.from_numpy(_TO_CV @ rotation @ _TO_CV).float()
    half = rotmat_to_rotvec(rotation) / 2
    joint_rotvec[0, JOINT_INDEX["neck"]] = half
    joint_rotvec[0, HEAD] = half
    return FitState(
        head=torch.from_numpy(_TO_CV @ head).float()[None],
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
