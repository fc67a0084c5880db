"""Arms and hands as a layer of their own, with what they hide painted behind them.

Carried by one flow with the torso, a raised arm drags shirt and background along and leaves a copy of itself behind.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor

from ..body.matte import guided_filter
from .backdrop import paint_over
from .fill import box_blur, box_max, fill_holes
from .posed import PosedFrame
from .scene import smoothstep

LIMB_PARTS = ("left_arm", "right_arm", "left_hand", "right_hand")
FAINT = 0.05
"""A pixel that shows less of the arms is none of theirs."""
SURE = 0.7
"""A pixel that shows at least this much of the arms is explained by their colour alone."""
EDGE_VARIANCE = 1e-4
"""Variance of colour from which it is an edge."""
STRIP_PIXELS = 1 << 18
MIN_SHARE = 0.002
"""Arms that cover less of the photo stay with the body."""


@dataclass(frozen=True, kw_only=True)
class Limbs:
    """The photo taken apart: `picture[:3] + (1 - picture[3]) * behind` is the photo. Made by `open_limbs`."""

    picture: Float[Tensor, "5 h w"]
    """Premultiplied colour of the arms, with sleeves and what the hands hold; how much of a pixel may be theirs; how
    much of it surely is."""
    behind: Float[Tensor, "3 h w"]
    """The photo without arms."""
    matte: Float[Tensor, "h w"]
    """The person's in that."""


def shows_limbs(reference: PosedFrame, is_limb: Bool[Tensor, " f"]) -> bool:
    """Whether the photo shows enough of the arms to part them from it."""
    return int(is_limb[reference.face_id].sum()) >= MIN_SHARE * reference.raster.face_id.numel()


def open_limbs(
    reference: PosedFrame,
    is_limb: Bool[Tensor, " f"],
    hidden: Bool[Tensor, "h w"],
    backdrop: Float[Tensor, "3 h w"],
    poll: Callable[[], None] = lambda: None,
) -> Limbs:
    """Part the arms from the photo.

    Args:
        hidden: where something nearer than the arms hides them.
        poll: called between the steps.
    """
    scene = reference.scene
    side = min(scene.size)
    shown = reference.shows(is_limb)
    covered = scene.raster.covered.float()
    # Beyond the mesh a pixel belongs to the nearer of arm and body.
    share = fill_holes(shown[None].float(), covered)[0]
    poll()
    reach = max(1, round(0.008 * side))
    around = box_blur(box_max(shown[None].float(), (reach, reach), (reach, reach)), max(1, reach // 2))[0]
    there = scene.matte * ~hidden
    may_be = smoothstep((around - 0.1) / 0.6).maximum(smoothstep((share - 0.5) / 0.3)) * there
    poll()
    along = _along_edges(scene.photo, share, max(2, round(0.015 * side)), poll)
    sure = smoothstep((along - 0.4) / 0.4) * may_be

    may_be = may_be * (may_be > FAINT)
    hole = (may_be > 0).float()
    person = fill_holes(scene.matte[None], 1 - hole)[0]
    poll()
    matte = smoothstep((person - 0.35) / 0.3).maximum(covered * ~shown)
    matte = torch.lerp(scene.matte, matte, hole)
    painted = paint_over(scene.photo, hole, (1 - hole) * (scene.matte > 0.95))
    poll()
    painted = torch.lerp(backdrop, painted, matte)
    colour = (scene.photo - (1 - may_be) * painted).clamp(min=0).minimum(may_be)
    # What the two colours cannot explain stays behind.
    behind = torch.where(may_be < SURE, (scene.photo - colour) / (1 - may_be).clamp(min=0.01), painted)
    colour = torch.where(may_be < SURE, colour, scene.photo - (1 - may_be) * painted)
    return Limbs(picture=torch.cat((colour, torch.stack((may_be, sure)))), behind=behind, matte=matte)


def _along_edges(
    photo: Float[Tensor, "3 h w"], share: Float[Tensor, "h w"], radius: int, poll: Callable[[], None]
) -> Float[Tensor, "h w"]:
    """A soft mask moved onto the edges that the photo shows near its own.

    In strips, since the whole of a large picture takes seconds: a pixel depends on what is within twice the radius.
    """
    guide, mask = rearrange(photo, "c h w -> h w c").cpu().numpy(), share.cpu().numpy()
    rows, reach = max(1, STRIP_PIXELS // mask.shape[1]), 2 * radius
    strips = []
    for top in range(0, len(mask), rows):
        first = max(top - reach, 0)
        around = slice(first, top + rows + reach)
        strips.append(guided_filter(guide[around], mask[around], radius, EDGE_VARIANCE)[top - first :][:rows])
        poll()
    return torch.from_numpy(np.concatenate(strips)).to(share).clamp(0, 1)
