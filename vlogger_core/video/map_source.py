"""A renderer's maps as the controls of a video model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from ..datatypes import MapFrames
from ..progress import Progress, silent
from .controls import CONTROL_MAPS, ControlFrames, from_maps, join_frames

_AT_ONCE = 2
"""Frames asked for together: renderers make as many at the same time (see `render.ahead`)."""


@runtime_checkable
class Renderer(Protocol):
    """What `render.maps.ControlMaps` is to this package."""

    size: tuple[int, int]

    @property
    def num_frames(self) -> int: ...

    def frames(self, start: int, stop: int, maps: Sequence[str]) -> MapFrames: ...


class MapSource:
    """Controls rendered when they are asked for.

    Args:
        renderer: such as `ControlMaps`.
        reference: the photo at the renderer's size, `ControlMaps.scene.photo`.
        background: what its `warp_flow` lies over, `ControlMaps.carrier().backdrop`.
    """

    def __init__(
        self, renderer: Renderer, *, reference: Float[Tensor, "3 h w"], background: Float[Tensor, "3 h w"]
    ) -> None:
        self.renderer, self.reference, self.background = renderer, reference, background

    @property
    def num_frames(self) -> int:
        return self.renderer.num_frames

    @property
    def size(self) -> tuple[int, int]:
        return self.renderer.size

    def frames(self, start: int, stop: int, progress: Progress = silent) -> ControlFrames:
        """See `controls.ControlSource`."""
        pieces = []
        for first in range(start, stop, _AT_ONCE):
            progress(first - start, stop - start)
            maps = self.renderer.frames(first, min(stop, first + _AT_ONCE), CONTROL_MAPS)
            pieces.append(from_maps(maps, background=self.background, reference=self.reference))
        progress(stop - start, stop - start)
        return join_frames(pieces)
