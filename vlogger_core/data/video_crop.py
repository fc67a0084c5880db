"""The part of the pictures that a training sees, and how maps become a sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..datatypes import MapFrames
from ..names import PART_INDEX
from .video_sample import Sample

_NEAR_FACE = 0.85
"""How many of the crops are taken around the face, the others anywhere."""
_FACE = ("head", "lips", "lids", "left_eye", "right_eye", "teeth", "mouth_cavity")


@dataclass(frozen=True, kw_only=True)
class Crop:
    """A square of `side` pixels of each picture, the same in all frames of a sample."""

    side: int

    def __call__(
        self,
        rng: np.random.Generator,
        maps: MapFrames,
        target: Float[Tensor, "t 3 h w"],
        *,
        background: Float[Tensor, "3 h w"],
        reference: Float[Tensor, "3 h w"],
        kind: str,
        info: Mapping[str, object],
    ) -> Sample:
        """Join the maps of some frames with their truth, cropped."""
        dense, parts, warp = maps.dense, maps.parts, maps.warp_flow
        valid, matte = maps.warp_flow_confidence, maps.warp_flow_matte
        if dense is None or parts is None or warp is None or valid is None or matte is None:
            raise ValueError("maps must hold dense, parts and warp_flow with its confidence and matte. Got others.")
        top, left = self._corner(rng, parts)
        part = (..., slice(top, top + self.side), slice(left, left + self.side))
        return Sample(
            target=target[part],
            warp=warp[part],
            matte=matte[part],
            valid=valid[part],
            dense=dense[part],
            parts=parts[part],
            background=background[part],
            reference=reference[part],
            kind=kind,
            info=info,
        )

    def _corner(self, rng: np.random.Generator, parts: Tensor) -> tuple[int, int]:
        h, w = parts.shape[-2:]
        room = (h - self.side, w - self.side)
        if min(room) < 0:
            raise ValueError(f"maps must be at least {self.side} pixels on each side. Got {w} x {h}.")
        face = torch.isin(parts, torch.tensor([PART_INDEX[name] for name in _FACE])).any(0)
        if not face.any() or rng.random() > _NEAR_FACE:
            return int(rng.integers(room[0] + 1)), int(rng.integers(room[1] + 1))
        middle = face.nonzero().float().mean(0).numpy() + rng.normal(0, 0.12 * self.side, 2)
        top, left = (int(np.clip(m - self.side / 2, 0, r)) for m, r in zip(middle, room, strict=True))
        return top, left


@dataclass(frozen=True, kw_only=True)
class PairSettings:
    """What all pairs of a corpus share."""

    size: int
    """Pixels of the shorter side of the whole pictures."""
    crop: Crop
    backend: str
    """The rasteriser, one of `render.raster.BACKENDS`."""
    warp: str
    """One of `render.stage.WARPS`."""
