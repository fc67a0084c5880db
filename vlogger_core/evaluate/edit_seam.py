"""What an edit leaves alone, and what its edge looks like."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from ..edit.edit_stage import MASK_STEP
from .image_metrics import gradient, luma


@dataclass(frozen=True, kw_only=True)
class Seam:
    """Sums over the frames of one or several clips."""

    outside_px: int = 0
    """Pixels outside the mask."""
    changed_px: int = 0
    """Those of them that are not the clip's, in eight bits."""
    made_energy: float = 0.0
    """Squared gradient of brightness along the mask's border."""
    clip_energy: float = 0.0
    """The same pixels of the clip."""

    @staticmethod
    def of(made: Float[Tensor, "3 h w"], clip: Float[Tensor, "3 h w"], mask: Float[Tensor, "h w"]) -> Seam:
        """One frame that was made, beside the clip's own."""
        outside = mask <= MASK_STEP
        changed = (_eight_bits(made) != _eight_bits(clip)).any(0) & outside
        border = mask_border(mask)
        made_energy, clip_energy = (gradient(luma(frame)).square()[border].sum().item() for frame in (made, clip))
        return Seam(
            outside_px=int(outside.sum()),
            changed_px=int(changed.sum()),
            made_energy=made_energy,
            clip_energy=clip_energy,
        )

    def __add__(self, other: Seam) -> Seam:
        return Seam(
            outside_px=self.outside_px + other.outside_px,
            changed_px=self.changed_px + other.changed_px,
            made_energy=self.made_energy + other.made_energy,
            clip_energy=self.clip_energy + other.clip_energy,
        )

    @property
    def energy_ratio(self) -> float | None:
        """Above 1 an edge shows that the clip has not, below 1 the clip's detail is lost; None without a border."""
        return self.made_energy / self.clip_energy if self.clip_energy else None


def mask_border(mask: Float[Tensor, "h w"]) -> Bool[Tensor, "h w"]:
    """The soft edge of a mask and a pixel on both sides of it."""
    planes = torch.stack((mask > MASK_STEP, mask < 1 - MASK_STEP)).float()[None]
    within, beyond = F.max_pool2d(planes, 3, stride=1, padding=1)[0] > 0
    return within & beyond


def _eight_bits(frame: Float[Tensor, "3 h w"]) -> Tensor:
    return (frame * 255).round().to(torch.uint8)
