"""Where a head is, from the points of its face alone (perspective-n-point)."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..datatypes import Camera
from .fit_targets import PointGroup

MIN_POINTS = 6
_TO_CV = np.diag([1.0, -1.0, -1.0])
"""Our camera looks along -Z with Y up, OpenCV's along +Z with Y down."""


def known_points(face: PointGroup) -> Tensor | None:
    """Which of the 478 face points are trusted; None if they are too few to place a head."""
    known = face.weight > 0.05 * face.weight.max()
    return known if int(known.sum()) >= MIN_POINTS else None


def solve_head(
    points: Float[Tensor, "n 3"],
    pixels: Float[Tensor, "n 2"],
    camera: Camera,
    head: Float[Tensor, "3"],
    rotation: Float[Tensor, "3 3"],
) -> tuple[Float[Tensor, "3"], Float[Tensor, "3 3"]] | None:
    """Place and world rotation under which a rigid face lies on its pixels; None if none is found.

    Args:
        points: of the face, from the head joint, unrotated; metres.
        head: a guess of where that joint is, world.
        rotation: a guess of how it is turned.
    """
    intrinsics = np.array([[camera.f_px, 0, camera.width / 2], [0, camera.f_px, camera.height / 2], [0, 0, 1]])
    found, rotvec, placed = cv2.solvePnP(
        points.double().numpy() @ _TO_CV,
        pixels.double().numpy(),
        intrinsics,
        None,
        cv2.Rodrigues(_TO_CV @ rotation.double().numpy() @ _TO_CV)[0],
        _TO_CV @ head.double().numpy(),
        useExtrinsicGuess=True,
        flags=cv2.SOLVEPNP_ITERATIVE,
    )
    if not found or not np.isfinite(placed).all():
        return None
    turned = _TO_CV @ cv2.Rodrigues(rotvec)[0] @ _TO_CV
    return torch.from_numpy(_TO_CV @ placed.ravel()).float(), torch.from_numpy(turned).float()
