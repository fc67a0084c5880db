"""A video that is made into a run folder, and goes on where it was stopped."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from jaxtyping import Float
from torch import Tensor

from ..datatypes import BodyFit, Motion
from ..progress import Progress, silent
from ..render.raster import DEFAULT_BACKEND
from .cascade import CascadeChunk, CascadeSettings, sample_cascade
from .fingerprint import describe_video
from .models import VideoModels
from .run_folder import RunFolder, open_run


@dataclass(frozen=True, kw_only=True)
class Film:
    """Made by `open_film`."""

    run: RunFolder
    _sample: partial[Iterator[CascadeChunk]] = field(repr=False)

    def chunks(self, progress: Progress = silent) -> Iterator[CascadeChunk]:
        """Make the frames that are missing, and keep them. See `cascade.sample_cascade` and `RunFolder.record`."""
        return self.run.record(self._sample(state=self.run.state(), progress=progress))

    def frames(self) -> Iterator[Float[Tensor, "3 h w"]]:
        """All frames that are finished, from disk; for `writer.write_video` once `chunks` is through."""
        return self.run.frames()


@contextmanager
def open_film(
    folder: str | os.PathLike[str],
    models: VideoModels,
    fit: BodyFit,
    motion: Motion,
    size: tuple[int, int],
    settings: CascadeSettings,
    *,
    backend: str = DEFAULT_BACKEND,
    described: Mapping[str, Any] | None = None,
    progress: Progress = silent,
) -> Iterator[Film]:
    """The video of `cascade.sample_cascade` in a folder, which is held against other runs.

    Args:
        described: `describe_video` of these arguments, where it is at hand: large models take seconds.

    Raises:
        InputError, ToolError: see `run_folder.open_run`.
    """

    def poll(*_: int) -> None:
        progress(0, motion.num_frames)

    if described is None:
        described = describe_video(models, fit, motion, size, settings, backend=backend, progress=poll)
    with open_run(folder, described) as run:
        yield Film(run=run, _sample=partial(sample_cascade, models, fit, motion, size, settings, backend=backend))
