"""A body does not stand out beyond the person in the photo, though clothes and hair may stand out beyond the body."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from ..names import EXPRESSION_INDEX, JOINT_INDEX, PART_INDEX
from .protocol import BodyModel

SIGMA, RHO, TOLERANCE = 0.006, 0.05, 0.003
"""Noise of the matte's edge, where the robust error levels off, and how far out costs nothing: shares of the
diagonal."""
EVIDENCE = 600.0
"""How many independent points the vertices are worth together, of which few stand out."""
MAX_VERTICES = 400
REACH_M = 0.16
"""How far from the shoulder arms are looked at: farther on, joints say where they are, and mattes lose hands."""
_SIDE = 256
"""Pixels of the longer side of the distance map."""


def outline_vertices(model: BodyModel) -> Int[Tensor, " m"]:
    """Vertices of trunk, neck and shoulders, evenly spread over the mesh's order."""

    def of_parts(*names: str) -> Int[Tensor, " n"]:
        parts = torch.tensor([PART_INDEX[name] for name in names])
        return model.faces[torch.isin(model.face_parts, parts)].unique()

    zeros = model.template.new_zeros
    posed = model.pose(model.rest(model.mean_shape()), zeros(1, 55, 3), zeros(1, 3), zeros(1, len(EXPRESSION_INDEX)))
    shoulders = posed.joints[0, [JOINT_INDEX["left_shoulder"], JOINT_INDEX["right_shoulder"]]]
    arms = of_parts("left_arm", "right_arm")
    near = torch.cdist(posed.vertices[0, arms], shoulders).amin(1) < REACH_M
    vertices = torch.cat((of_parts("body", "neck"), arms[near])).unique()
    return vertices[:: max(1, math.ceil(len(vertices) / MAX_VERTICES))].contiguous()


@dataclass(frozen=True, kw_only=True)
class Outline:
    """How far each place of the picture lies outside the person."""

    distance: Float[Tensor, "1 1 h w"]
    """Shares of the diagonal, 0 inside."""
    width: int
    height: int

    @staticmethod
    def build(mask: Float[Tensor, "h w"]) -> Outline | None:
        """None where the person fills the picture, or there is none in it."""
        height, width = mask.shape
        scale = min(1.0, _SIDE / max(height, width))
        small = cv2.resize(
            mask.numpy(), (max(1, round(width * scale)), max(1, round(height * scale))), interpolation=cv2.INTER_AREA
        )
        outside = (small < 0.5).astype(np.uint8)
        if not outside.any() or outside.all():
            return None
        distance = cv2.distanceTransform(outside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) / math.hypot(*small.shape)
        beyond = np.maximum(distance - TOLERANCE, 0)
        return Outline(distance=torch.from_numpy(beyond)[None, None], width=width, height=height)

    def cost(self, pixels: Float[Tensor, "t n 2"]) -> Float[Tensor, " t"]:
        """Geman-McClure on the distance; places beyond the picture cost nothing."""
        grid = pixels / pixels.new_tensor((self.width, self.height)) * 2 - 1
        inside = (grid.abs() <= 1).all(-1)
        maps = self.distance.expand(len(grid), -1, -1, -1)
        distance = F.grid_sample(maps, grid[:, None], padding_mode="border", align_corners=False)[:, 0, 0]
        squared = torch.where(inside, distance, 0.0).square()
        return EVIDENCE * (squared / (1 + squared / RHO**2)).mean(1) / (2 * SIGMA**2)
