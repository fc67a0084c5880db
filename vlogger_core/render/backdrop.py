"""What is behind the person, and behind parts of them: painted once per video."""

from __future__ import annotations

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from .fill import box_blur, box_max, fill_holes
from .scene import resize

PERSON = 0.02
"""Matte above which a pixel shows the person, at least in part."""
RING = 0.07
"""Share of the shorter side: how deep behind the silhouette structures (lines, edges) are continued."""
RING_SIDE = 384
"""Structures are continued at about this many pixels on the shorter side."""


def fill_backdrop(photo: Float[Tensor, "3 h w"], matte: Float[Tensor, "h w"]) -> Float[Tensor, "3 h w"]:
    """The photo with the person painted over by what surrounds them; untouched where the matte is 0."""
    margin = max(1, round(0.006 * min(matte.shape)))
    hole = box_max((matte > PERSON).float()[None], (margin, margin), (margin, margin))[0]
    return paint_over(photo, hole, 1 - hole)


def paint_over(
    photo: Float[Tensor, "3 h w"], hole: Float[Tensor, "h w"], source: Float[Tensor, "h w"]
) -> Float[Tensor, "3 h w"]:
    """A picture whose hole (1) is painted with what surrounds it; only pixels under `source` lend their colours.

    Near the hole's edge, which motion reveals first, structures are continued (Telea's fast marching inpainting);
    deeper inside, colours are blended smoothly.
    """
    h, w = hole.shape
    scale = min(1.0, RING_SIDE / min(h, w))
    small_size = (max(1, round(h * scale)), max(1, round(w * scale)))
    small_hole = (F.adaptive_max_pool2d(hole[None], small_size) > 0).float()[0]
    lends = 1 - (F.adaptive_max_pool2d(1 - source[None], small_size) > 0).float()[0]
    small = resize(photo, small_size).clamp(0, 1)
    smooth = fill_holes(small, lends)

    depth = max(2, round(RING * min(small_size)))
    core = 1 - box_max(1 - small_hole[None], (depth, depth), (depth, depth))[0]
    guided = torch.where((core > 0) | (lends == 0), smooth, small)
    painted = _inpaint(guided, small_hole * (1 - core))
    # Towards the core the continued structures fade into the smooth colours.
    blend = box_blur(core[None], depth // 2)[0]
    painted = torch.lerp(painted, smooth, (2 * blend).clamp(0, 1))
    return torch.where(hole > 0, resize(painted, (h, w)).clamp(0, 1), photo)


def _inpaint(image: Tensor, hole: Tensor) -> Tensor:
    pixels = np.ascontiguousarray((rearrange(image, "c h w -> h w c") * 255).round().byte().cpu().numpy())
    mask = np.ascontiguousarray((hole > 0).byte().cpu().numpy())
    painted = cv2.inpaint(pixels, mask, 4, cv2.INPAINT_TELEA)
    return rearrange(torch.from_numpy(painted).to(image), "h w c -> c h w") / 255
