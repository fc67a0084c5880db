"""A renderer's maps as the controls of a video model."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from ..datatypes import MapFrames
from ..progress import Progress, silent
from .controls import ControlFrames, from_maps


@runtime_checkable
class Renderer(Protocol):
    """What `render.stage.Stage` is to this package."""

    @property
    def size(self) -> tuple[int, int]: ...

    @property
    def num_frames(self) -> int: ...

    @property
    def background(self) -> Float[Tensor, "3 h w"]: ...

    @property
    def reference(self) -> Float[Tensor, "3 h w"]: ...

    def frames(self, start: int, stop: int, progress: Progress) -> MapFrames: ...


class MapSource:
    """Controls rendered when they are asked for; a `controls.ControlSource`."""

    def __init__(self, renderer: Renderer) -> None:
        self.renderer = renderer

    @property
    def num_frames(self) -> int:
        return self.renderer.num_frames

    @property
    def size(self) -> tuple[int, int]:
        return self.renderer.size

    def frames(self, start: int, stop: int, progress: Progress = silent) -> ControlFrames:
        """See `controls.ControlSource`."""
        maps = self.renderer.frames(start, stop, progress)
        return from_maps(maps, background=self.renderer.background, reference=self.renderer.reference)
