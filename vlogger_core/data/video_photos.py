"""Training pairs of photos warped there and back: whatever the warps lose on the way, the truth is the photo itself."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..body.expression import MOUTH
from ..datatypes import BodyFit, MapFrames, Motion
from ..names import EXPRESSION_INDEX
from ..render.scene import resize
from ..render.stage import Stage, open_stage
from .video_crop import PairSettings
from .video_fit_noise import off_fit, off_motion
from .video_motions import fit_at, join_motions, motion_between, stillness
from .video_sample import Sample

ZOOMS = (1.0, 1.4, 2.0)
"""How much larger than its crop a photo is rendered."""
FINER = 2.0
"""A photo is carried away at a size this much larger, as far as it has it: a reference is as sharp as a photo."""
_KEPT = (*MOUTH, *(f"eyeLook{way}{side}" for way in ("In", "Out", "Up", "Down") for side in ("Left", "Right")))
"""What a motion can take back: all else that it adds to a photo's expression stays there."""


@dataclass
class PhotoPairs:
    """Pairs of some fitted photos. Photos that were looked at once stay prepared."""

    fits: list[tuple[str, BodyFit]]
    settings: PairSettings
    _stages: dict[tuple[int, float], Stage] = field(default_factory=dict)
    _zooms: dict[int, float] = field(default_factory=dict)

    def sample(self, away: Motion, small: Motion | None, rng: np.random.Generator) -> Sample:
        """A photo that was carried away, and the way back.

        Args:
            away: one frame, what the reference shows.
            small: what the targets show, close to the photo; None for the photo itself.
        """
        index = int(rng.integers(len(self.fits)))
        zoom = self._zooms.setdefault(index, self._zoom(index, rng))
        size, stage = self._size(index, zoom), self._stage(index, zoom)
        name, fit = self.fits[index]
        away_stage = stage.moved(replace(away, expression=_takes_back(away.expression)))
        away_maps = away_stage.frames(0, 1)
        there = replace(
            fit_at(fit, away_stage.maps.motion, 0),
            camera=fit.camera.resized(size[1], size[0]),
            image=resize(_picture(away_maps)[0], size).clamp(0, 1),
            mask=resize(_matte(away_maps), size)[0].clamp(0, 1),
        )
        if small is None:
            targets, back = stage.reference[None], motion_between(there, fit)
        else:
            targets = _picture(stage.moved(small).frames(0, small.num_frames))
            back = join_motions([motion_between(there, fit_at(fit, small, t)) for t in range(small.num_frames)])
        found = off_fit(there, rng)
        back_stage = open_stage(
            found, off_motion(back, rng), size, backend=self.settings.backend, warp=self.settings.warp
        )
        return self.settings.crop(
            rng,
            back_stage.frames(0, back.num_frames),
            torch.stack([resize(one, size).clamp(0, 1) for one in targets]),
            background=back_stage.background,
            reference=back_stage.reference,
            kind="frames" if small is None else "clip",
            info={"source": "photo", "photo": name},
        )

    def backdrops(self) -> list[Float[Tensor, "3 h w"]]:
        """What is behind the people of the photos, painted over where they stand."""
        return [self._stage(index, 1.0).background for index in range(len(self.fits))]

    def _stage(self, index: int, zoom: float) -> Stage:
        if (index, zoom) not in self._stages:
            h, w = self._size(index, zoom)
            own = min(self.fits[index][1].image.shape[-2:])
            finer = max(1.0, min(FINER, own / min(h, w)))
            size = (round(finer * h), round(finer * w))
            self._stages[index, zoom] = open_stage(
                self.fits[index][1], stillness(), size, backend=self.settings.backend
            )
        return self._stages[index, zoom]

    def _zoom(self, index: int, rng: np.random.Generator) -> float:
        """One that asks for no more pixels than a photo has."""
        own = min(self.fits[index][1].image.shape[-2:])
        return float(rng.choice([zoom for zoom in ZOOMS if zoom == 1.0 or zoom * self.settings.size <= own]))

    def _size(self, index: int, zoom: float) -> tuple[int, int]:
        """(h, w) of a photo's pictures before they are cropped."""
        h, w = self.fits[index][1].image.shape[-2:]
        scale = zoom * self.settings.size / min(h, w)
        return round(h * scale), round(w * scale)


def _picture(maps: MapFrames) -> Float[Tensor, "t 3 h w"]:
    """The preview."""
    assert maps.warp_flow is not None
    return maps.warp_flow


def _matte(maps: MapFrames) -> Float[Tensor, "t h w"]:
    """How much of it shows the person."""
    assert maps.warp_flow_matte is not None
    return maps.warp_flow_matte


def _takes_back(expression: Float[Tensor, "t 52"]) -> Float[Tensor, "t 52"]:
    kept = torch.zeros(52)
    kept[[EXPRESSION_INDEX[name] for name in _KEPT]] = 1.0
    return expression * kept
