"""Eyeballs: two parts and the irises they share."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..names import PART_INDEX
from .landmarks import LEFT_IRIS, RIGHT_IRIS
from .protocol import BodyModel

IRIS_RADIUS_M = 0.0059
"""Of an adult: 11.7 mm across, which hardly varies between people."""
IRISES = (RIGHT_IRIS, LEFT_IRIS)


def on_iris(centre: Float[Tensor, "f 3"], landmarks: Float[Tensor, "478 3"]) -> Bool[Tensor, " f"]:
    """Which faces of an eyeball, given by their middles, lie on its iris."""
    return torch.cdist(centre, landmarks[list(IRISES)]).amin(1) < IRIS_RADIUS_M


def eyeball(model: BodyModel, side: str) -> Bool[Tensor, " f"]:
    """The faces of the `left` or the `right` eyeball, iris included."""
    x = model.template[model.faces[:, 0], 0]
    on_side = x > 0 if side == "left" else x < 0
    return (model.face_parts == PART_INDEX[f"{side}_eye"]) | (model.face_parts == PART_INDEX["iris"]) & on_side
