"""How far the photo, carried along by a moving body, can be relied on."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from .carry import Carried, Carrier, carried_matte
from .fill import box_blur

REACH = 0.12
"""Share of the shorter side over which the confidence of a continued flow falls to 0."""
GRAZING = 0.5
"""Confidence in what the photo shows only at a grazing angle."""


def confidence(carrier: Carrier, carried: Carried) -> Float[Tensor, "h w"]:
    """How far a composed frame can be relied on, 0 to 1.

    Where the frame shows the body's surface: 1 if the photo shows that point, down to `GRAZING` if only at a grazing
    angle, 0 if it does not and in the mouth. Where it shows what only follows the body: 1 at the silhouette, falling
    to 0 within `REACH`. Where it shows the backdrop: 1 where that is the photo, 0 where it was painted.
    """
    surface, grid = carried.surface, carrier.grid
    frame, scene = surface.frame, carrier.scene
    seen = grid.gather((surface.weight > 0).float()[:, None], frame.pixels)
    radius = max(1, round(REACH * min(grid.shape)))
    near = (2 * box_blur(seen, radius)).clamp(max=1)
    person = grid.grow(near).flatten()
    shown = frame.in_photo.seen & ~carrier.is_inner.index_select(0, frame.face_id)
    person.index_copy_(0, frame.pixels, shown * surface.weight.clamp(min=GRAZING))
    person, certain = person.reshape(scene.size), 1 - carrier.painted
    return torch.lerp(certain, person, carried_matte(carrier, carried)).clamp(0, 1)
