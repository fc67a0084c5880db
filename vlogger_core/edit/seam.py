"""Where something new is put into a frame, colours are to meet those of the frame without a step.

The difference at the border is continued inwards as a membrane: the smooth surface through it, the solution of
Laplace's equation that Poisson blending (Perez et al., "Poisson image editing", 2003) and mean-value cloning (Farbman
et al., "Coordinates for instant image cloning", 2009) come to. It is computed on coarse cells, whose means hardly
know the video's noise, so that it is as steady as the video.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from ..render.coarse import CoarseGrid
from ..render.fill import box_blur, box_max, fill_holes
from ..render.scene import smoothstep

RING = 0.025
"""Share of the shorter side: how deep around a mask colours are compared."""
SAME_COLOUR = 0.12
"""Differences beyond count less and less: there an edge is displaced, which is no matter of colour."""
SOFT = 0.5
"""A mask's edge up to here shows what stays as much as what is new."""


def match_colours(
    new: Float[Tensor, "3 h w"], frame: Float[Tensor, "3 h w"], mask: Float[Tensor, "h w"]
) -> Float[Tensor, "3 h w"]:
    """`new` with the colours that `frame` has around the mask.

    Args:
        new: also told outside the mask, where it is compared.
        mask: above 0 where `new` is to be used.
    """
    outside = (mask <= 0).float()
    return new + _membrane(frame - new, _near(1 - outside) * outside)


def settle_change(change: Float[Tensor, "3 h w"], mask: Float[Tensor, "h w"]) -> Float[Tensor, "3 h w"]:
    """What a model changed inside a mask, without what it changed of the colours at the mask's edge.

    Args:
        change: 0 where the mask is.
    """
    inside = (mask > 0).float()
    edge = _near(1 - inside) * inside * (1 - smoothstep((mask - SOFT) / (1 - SOFT)))
    if not edge.any():
        edge = _near(1 - inside) * inside
    return change - inside * _membrane(change, edge)


def put_in(
    new: Float[Tensor, "*t 3 h w"], frame: Float[Tensor, "*t 3 h w"], mask: Float[Tensor, "*t h w"]
) -> Float[Tensor, "*t 3 h w"]:
    """`new` over `frame`, which stays exactly as it is where the mask is 0."""
    share = mask.unsqueeze(-3)
    return torch.where(share > 0, torch.lerp(frame, new.clamp(0, 1), share), frame)


def _near(area: Float[Tensor, "h w"]) -> Float[Tensor, "h w"]:
    """1 in an area of 1 and close to it, falling to 0 around."""
    reach = max(1, round(RING * min(area.shape)))
    return box_blur(box_max(area[None], (reach, reach), (reach, reach)), max(1, reach // 2))[0]


def _membrane(difference: Float[Tensor, "3 h w"], known: Float[Tensor, "h w"]) -> Float[Tensor, "3 h w"]:
    """A smooth surface through the differences of small pictures where they are known, 0 where none is."""
    grid = CoarseGrid(size=(known.shape[-2], known.shape[-1]))
    weight = grid.pool(known[None])[0]
    means = grid.pool(difference * known) / weight.clamp(min=1e-6)
    trust = torch.exp(-means.square().sum(0) / SAME_COLOUR**2)
    return grid.grow(fill_holes(means, weight.clamp(max=1) * trust))
