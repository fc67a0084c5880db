"""The video models that are measured, as functions that make videos."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from ..datatypes import BodyFit, Motion
from ..progress import Progress
from ..video.cascade import CascadeSettings, sample_cascade
from ..video.checkpoint import SHIPPED_BASE, SHIPPED_UPSCALERS
from ..video.models import VideoModels, load_video_models


@dataclass(frozen=True, kw_only=True)
class Cascade:
    """A video stage with its settings."""

    models: VideoModels
    settings: CascadeSettings = field(default_factory=CascadeSettings)

    @staticmethod
    def load(folder: Path | None, settings: CascadeSettings | None = None) -> Cascade:
        """The shipped models, or those of the same names in a folder: video_128, video_256 and video_512.

        Raises:
            InputError: if one is missing or cannot be used.
        """
        base, upscalers = SHIPPED_BASE, SHIPPED_UPSCALERS
        if folder is not None:
            base, upscalers = folder / base.name, tuple(folder / path.name for path in upscalers)
        return Cascade(models=load_video_models(base, upscalers), settings=settings or CascadeSettings())

    def sample(
        self, fit: BodyFit, motion: Motion, size: tuple[int, int], progress: Progress
    ) -> Iterator[Float[Tensor, "3 h w"]]:
        """A video frame by frame."""
        chunks = sample_cascade(self.models, fit, motion, size, self.settings, progress=progress)
        with torch.no_grad():
            for chunk in chunks:
                yield from chunk.frames

    @property
    def told(self) -> str:
        """Steps and guidance, for notes."""
        base, upscalers = self.settings.base, self.settings.upscalers
        return (
            f"{base.steps} + {upscalers.steps} steps, guidance {base.control_guidance:g} of controls and "
            f"{base.reference_guidance:g} of the reference"
        )
