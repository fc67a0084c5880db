"""How knitted wool looks: rows of stitches, ribs at the neck, a little fuzz."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from .config import CharacterConfig
from .noise import NoiseField

_STITCH_M = 0.0042
_ROW_M = 0.0034
_RIB_M = 0.0052
_TORSO_Z_M, _TORSO_RADIUS_M = -0.11, 0.115
_SHOULDER_M, _SLEEVE_RADIUS_M = (0.172, -0.255, -0.11), 0.05
_ARM = (0.67, -0.742)
"""Direction of the left arm on the rest body, x and y."""


def paint_knit(
    local: Float[Tensor, "n 3"], config: CharacterConfig
) -> tuple[Float[Tensor, "n 3"], Float[Tensor, "n 3"]]:
    """Albedo and bump (added to the unit normal) of the sweater at points of the rest body from between the eyes."""
    field = NoiseField(config.seed + 81, 3)
    around, along, seam = _unroll(local)
    wobble = 0.0006 * field(local, 0.012, 2)
    x, y = around + wobble[:, 0], along + wobble[:, 1]
    column = x / _STITCH_M * math.pi
    # Stockinette: each stitch is a V, so rows rise towards the middle of every column.
    row = (y / _ROW_M + torch.cos(2 * column) * 0.18) * 2 * math.pi
    groove = torch.cos(column) ** 2
    height = (0.55 + 0.45 * torch.cos(row)) * (0.25 + 0.75 * (1 - groove**3))
    fibre = field(local, 0.0011, 2)
    bump = torch.stack((0.16 * torch.sin(2 * column), 0.20 * torch.sin(row), torch.zeros_like(x)), 1) + 0.07 * fibre
    melange = field(local, 0.0028, 3)[:, :1]
    sewn = torch.exp(-((seam / 0.0022) ** 2))
    bump = bump + 0.5 * (sewn * torch.sign(seam) * torch.sign(local[:, 0]))[:, None] * torch.tensor([0.75, 0.66, 0.0])
    shade = (0.62 + 0.38 * height) * (1 - 0.35 * sewn)
    albedo = torch.tensor(config.clothes) * shade[:, None] * torch.exp(0.10 * melange + 0.05 * fibre[:, :1])
    return albedo, bump


def _unroll(local: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Ways around and along the knitted tubes (torso and sleeves) and the distance beyond the shoulder seam, metres."""
    x, y, z = local.unbind(1)
    side = x.abs()
    torso_around = torch.atan2(x, z - _TORSO_Z_M) * _TORSO_RADIUS_M
    outward = torch.tensor(_ARM)
    from_shoulder = torch.stack((side - _SHOULDER_M[0], y - _SHOULDER_M[1]), 1)
    sleeve_along = from_shoulder @ outward
    across = from_shoulder[:, 0] * outward[1] - from_shoulder[:, 1] * outward[0]
    sleeve_around = torch.atan2(across, z - _SHOULDER_M[2]) * _SLEEVE_RADIUS_M
    seam = from_shoulder[:, 0] + 0.25 * from_shoulder[:, 1]
    on_sleeve = seam > 0
    return torch.where(on_sleeve, sleeve_around, torso_around), torch.where(on_sleeve, sleeve_along, y), seam


def paint_rib(
    rest: Float[Tensor, "n 3"], along: Float[Tensor, "n 3"], config: CharacterConfig
) -> tuple[Tensor, Tensor]:
    """The same for the neck band; `rest` holds (arc length, way across, 0), `along` the band's unit direction."""
    phase = rest[:, 0] / _RIB_M * 2 * math.pi
    height = 0.5 + 0.5 * torch.cos(phase)
    fibre = NoiseField(config.seed + 82, 3)(rest * torch.tensor([1.0, 0.012, 1.0]), 0.0012, 2)
    bump = 0.40 * torch.sin(phase)[:, None] * along + 0.08 * fibre
    albedo = torch.tensor(config.clothes) * (0.45 + 0.55 * height[:, None]) * torch.exp(0.08 * fibre[:, :1])
    return albedo, bump
