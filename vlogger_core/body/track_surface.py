"""The points of the body's surface that the reference frame's picture is followed by."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..datatypes import Camera
from ..names import PART_INDEX
from ..render.raster import rasterise
from .protocol import BodyModel, PosedBody

REGIONS: Mapping[str, tuple[str, ...]] = {"head": ("head", "ears"), "trunk": ("body", "neck")}
"""Parts whose picture hardly changes while they move. Lids and lips open, hands turn."""
EVIDENCE = 60.0
"""How many independent points each region is worth, if it shows `ENOUGH` points."""
ENOUGH = 20
SIGMA, RHO = 0.001, 0.008
"""Noise of a followed point, and where the robust error levels off, as shares of the image diagonal."""


@dataclass(frozen=True, kw_only=True)
class Surface:
    """Points on the surface of a body, with the weight of each in the energy."""

    chosen: Int[Tensor, " m"]
    """Which of the followed points they are."""
    corners: Int[Tensor, "m 3"]
    """Vertices of the face that each lies on."""
    bary: Float[Tensor, "m 3"]
    weight: Float[Tensor, " m"]
    sigma: float
    """Pixels."""
    rho: float
    """Pixels."""

    def __len__(self) -> int:
        return len(self.chosen)

    def points(self, posed: PosedBody) -> Float[Tensor, "t m 3"]:
        """Where they are in space."""
        return (posed.vertices[:, self.corners] * self.bary[..., None]).sum(-2)

    def renumbered(self, kept: Int[Tensor, " n"]) -> Surface:
        """The same on a body reduced to the vertices `kept`, in order."""
        return Surface(**{**vars(self), "corners": torch.searchsorted(kept, self.corners)})


def find_surface(model: BodyModel, posed: PosedBody, camera: Camera, followed: Float[Tensor, "n 3"]) -> Surface | None:
    """What of the body lies under the points of the reference frame; None where they tell nothing.

    Args:
        posed: the whole body in the reference frame.
    """
    raster = rasterise(posed.vertices[0], model.faces, camera)
    column = followed[:, 0].long().clamp(0, camera.width - 1)
    row = followed[:, 1].long().clamp(0, camera.height - 1)
    face = raster.face_id[row, column]
    parts = torch.where(face >= 0, model.face_parts[face.clamp(min=0)].long(), -1)
    weight = torch.zeros(len(followed))
    for names in REGIONS.values():
        own = torch.isin(parts, torch.tensor([PART_INDEX[name] for name in names]))
        weight[own] = EVIDENCE / max(ENOUGH, int(own.sum()))
    chosen = weight.nonzero()[:, 0]
    if not len(chosen):
        return None
    diagonal = math.hypot(camera.width, camera.height)
    return Surface(
        chosen=chosen,
        corners=model.faces[face[chosen]].long(),
        bary=raster.bary[row[chosen], column[chosen]],
        weight=weight[chosen],
        sigma=SIGMA * diagonal,
        rho=RHO * diagonal,
    )
