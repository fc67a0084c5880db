"""Training pairs of photos warped there and back: whatever the warps lose on the way, the truth is the photo itself."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..body.expression import MOUTH
from ..datatypes import BodyFit, Motion
from ..names import EXPRESSION_INDEX
from .video_controls import Stage, open_stage
from .video_crop import PairSettings
from .video_fit_noise import jitter_colours, off_fit, off_motion
from .video_motions import fit_at, join_motions, motion_between, stillness
from .video_sample import Sample

ZOOMS = (1.0, 1.4, 2.0)
"""How much larger than its crop a photo is rendered."""
_KEPT = (*MOUTH, *(f"eyeLook{way}{side}" for way in ("In", "Out", "Up", "Down") for side in ("Left", "Right")))
"""What a motion can take back: all else that it adds to a photo's expression stays there."""


@dataclass
class PhotoPairs:
    """Pairs of some fitted photos. Photos that were looked at once stay prepared."""

    fits: list[tuple[str, BodyFit]]
    settings: PairSettings
    _stages: dict[tuple[int, float], Stage] = field(default_factory=dict)

    def sample(self, away: Motion, small: Motion | None, rng: np.random.Generator) -> Sample:
        """A photo that was carried away, and the way back.

        Args:
            away: one frame, what the reference shows.
            small: what the targets show, close to the photo; None for the photo itself.
        """
        index = int(rng.integers(len(self.fits)))
        stage = self._stage(index, float(rng.choice(ZOOMS)))
        name, fit = self.fits[index][0], stage.maps.fit
        away_stage = stage.moved(replace(away, expression=_takes_back(away.expression)))
        there = replace(
            fit_at(fit, away_stage.maps.motion, 0),
            image=jitter_colours(_pictures(away_stage)[0], rng),
            mask=away_stage.matte(0),
        )
        if small is None:
            targets, back = stage.reference[None], motion_between(there, fit)
        else:
            targets = _pictures(stage.moved(small))
            back = join_motions([motion_between(there, fit_at(fit, small, t)) for t in range(small.num_frames)])
        found = off_fit(there, rng)
        back_stage = open_stage(
            found, off_motion(back, rng), stage.size, backend=self.settings.backend, warp=self.settings.warp
        )
        return self.settings.crop(
            rng,
            back_stage.frames(0, back.num_frames),
            targets,
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
            fit = self.fits[index][1]
            h, w = fit.image.shape[-2:]
            scale = zoom * self.settings.size / min(h, w)
            size = (round(h * scale), round(w * scale))
            camera = fit.camera.resized(size[1], size[0])
            stage = open_stage(fit, stillness(), size, backend=self.settings.backend)
            scene = stage.maps.scene
            stage.maps.fit = replace(fit, camera=camera, image=scene.photo, mask=scene.matte)
            self._stages[index, zoom] = stage
        return self._stages[index, zoom]


def _pictures(stage: Stage) -> Float[Tensor, "t 3 h w"]:
    """The preview of each frame."""
    pictures = stage.frames(0, stage.num_frames).warp_flow
    assert pictures is not None
    return pictures


def _takes_back(expression: Float[Tensor, "t 52"]) -> Float[Tensor, "t 52"]:
    kept = torch.zeros(52)
    kept[[EXPRESSION_INDEX[name] for name in _KEPT]] = 1.0
    return expression * kept
