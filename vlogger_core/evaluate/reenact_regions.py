"""Where face, mouth, body and hands are in a frame, as the tracked body says."""

from __future__ import annotations

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Int
from torch import Tensor

from ..body.face_outlines import FACE_OVAL, LIPS
from ..names import PART_INDEX
from ..render.camera import project
from ..render.posed import PosedFrame

REGIONS = ("face", "mouth", "body", "hands", "full")
GROWN = 0.01
"""How far regions reach beyond what the body says, as a share of the shorter side."""
MIN_HAND = 0.002
"""Hands that cover a smaller share of the picture are not seen."""
_BODY = ("body", "neck", "left_arm", "right_arm")
_HANDS = ("left_hand", "right_hand")
_OUTER_LIPS = LIPS[: len(LIPS) // 2]


def regions_of(frame: PosedFrame) -> dict[str, Bool[Tensor, "h w"]]:
    """Some of `REGIONS`: `hands` is left out where none is seen, any other where it lies outside the picture."""
    scene = frame.scene
    model, (h, w) = scene.fit.model, scene.size
    pixels = project(model.face_landmarks(frame.vertices[None])[0], scene.camera)[0].numpy()
    covered = frame.raster.covered
    parts = torch.where(covered, model.face_parts[frame.raster.face_id.clamp(min=0)].long(), 0)
    found = {
        "face": _polygon(pixels[list(FACE_OVAL)], (h, w)),
        "mouth": _polygon(pixels[list(_OUTER_LIPS)], (h, w)),
        "body": _of_parts(parts, _BODY),
        "hands": _of_parts(parts, _HANDS),
    }
    if found["hands"].float().mean() < MIN_HAND:
        del found["hands"]
    radius = max(1, round(GROWN * min(h, w)))
    grown = {name: _grow(region, radius) for name, region in found.items() if region.any()}
    return {**grown, "full": torch.ones(h, w, dtype=torch.bool)}


def _polygon(corners: np.ndarray, size: tuple[int, int]) -> Bool[Tensor, "h w"]:
    drawn = np.zeros(size, np.uint8)
    # Pixel centres lie at whole numbers in OpenCV.
    cv2.fillPoly(drawn, [np.round(corners - 0.5).astype(np.int32)], 1)
    return torch.from_numpy(drawn) > 0


def _of_parts(parts: Int[Tensor, "h w"], names: tuple[str, ...]) -> Bool[Tensor, "h w"]:
    return torch.isin(parts, torch.tensor([PART_INDEX[name] for name in names]))


def _grow(region: Bool[Tensor, "h w"], radius: int) -> Bool[Tensor, "h w"]:
    return F.max_pool2d(region[None, None].float(), 2 * radius + 1, 1, radius)[0, 0] > 0
