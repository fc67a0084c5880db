"""Controls with less in them: what the paper's ablations leave out, for training such models and for measuring them.

Shapes and layout stay, so that all variants are the same network.
"""

from __future__ import annotations

import colorsys
import math
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from ..names import PARTS
from .controls import ControlFrames

REDUCTIONS = ("keypoints", "dense", "head")
"""`keypoints`: one disc for each part of the body, at its centre, in the manner of 2D skeletons, and nothing else.
`dense`: the rendered body without the photo that it carries; the video begins with the painted background. `head`:
everything, but of the head only."""
DISC = 0.03
"""Radius of a disc as a share of the shorter side."""
HEAD_PARTS = tuple(
    name for name in PARTS if name not in ("background", "body", "left_arm", "right_arm", "left_hand", "right_hand")
)


def reduce_controls(controls: ControlFrames, reduction: str) -> ControlFrames:
    """Leave out what one of `REDUCTIONS` says."""
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction must be one of {', '.join(REDUCTIONS)}. Got {reduction!r}.")
    if reduction == "head":
        return _only_head(controls)
    bare = replace(
        controls,
        warp=controls.background[:, None].expand_as(controls.warp),
        warp_valid=torch.zeros_like(controls.warp_valid),
        matte=torch.zeros_like(controls.matte),
    )
    if reduction == "dense":
        return bare
    return replace(bare, dense=part_discs(controls.parts), parts=torch.zeros_like(controls.parts))


def part_discs(parts: Float[Tensor, "b t p h w"]) -> Float[Tensor, "b t 3 h w"]:
    """A disc at the centre of each part that is seen, each part in a colour of its own, on black."""
    h, w = parts.shape[-2:]
    y = torch.arange(h, device=parts.device, dtype=parts.dtype) + 0.5
    x = torch.arange(w, device=parts.device, dtype=parts.dtype) + 0.5
    area = parts.sum((-2, -1))
    # Where a share of a pixel is seen there is a centre too.
    centre_x = (parts.sum(-2) * x).sum(-1) / area.clamp(min=1e-6)
    centre_y = (parts.sum(-1) * y).sum(-1) / area.clamp(min=1e-6)
    radius = max(1.0, DISC * min(h, w))
    drawn = parts.new_zeros(*parts.shape[:2], 3, h, w)
    for part in range(1, len(PARTS)):
        hue = parts.new_tensor(colorsys.hsv_to_rgb((part - 1) / (len(PARTS) - 1), 1, 1))
        far = torch.sqrt(
            (y[:, None] - centre_y[..., part, None, None]).square()
            + (x[None, :] - centre_x[..., part, None, None]).square()
        )
        disc = ((radius - far).clamp(0, 1) * (area[..., part, None, None] > math.ulp(1.0)))[:, :, None]
        drawn = torch.maximum(drawn, disc * hue[:, None, None])
    return drawn


def _only_head(controls: ControlFrames) -> ControlFrames:
    names = [PARTS.index(name) for name in HEAD_PARTS]
    head = controls.parts[:, :, names].sum(2, keepdim=True).clamp(0, 1)
    parts = controls.parts * head
    background = PARTS.index("background")
    parts[:, :, background] = (1 - parts.sum(2) + parts[:, :, background]).clamp(0, 1)
    return replace(
        controls,
        dense=controls.dense * head,
        parts=parts,
        warp=torch.lerp(controls.background[:, None], controls.warp, head),
        warp_valid=controls.warp_valid * head,
        matte=controls.matte * (head > 0),
    )
