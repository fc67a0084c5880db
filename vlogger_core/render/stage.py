"""A fitted photo under a motion at one size, as a video model sees it in training and at inference."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Float
from torch import Tensor

from ..datatypes import BodyFit, MapFrames, Motion
from ..progress import Progress, silent
from .ahead import Poll, aside, frames_at_once, in_order
from .carry import carried_matte, carry
from .confidence import confidence
from .maps import ControlMaps
from .preview import Previewer, open_previewer
from .raster import DEFAULT_BACKEND
from .view import View

WARPS = ("preview", "flow")
"""What `warp_flow` shows: the picture of the warp preview, whose lids are closed and whose mouth is drawn; or what
`ControlMaps` gives, which is black inside the mouth."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Made by `open_stage`."""

    maps: ControlMaps
    previewer: Previewer
    warp: str
    """One of `WARPS`."""

    @property
    def size(self) -> tuple[int, int]:
        """(h, w)"""
        return self.maps.size

    @property
    def num_frames(self) -> int:
        return self.maps.num_frames

    @property
    def background(self) -> Float[Tensor, "3 h w"]:
        """What `warp_flow` lies over."""
        return self.previewer.carrier.backdrop

    @property
    def reference(self) -> Float[Tensor, "3 h w"]:
        """The photo."""
        return self.maps.scene.photo

    def frames(self, start: int, stop: int, progress: Progress = silent) -> MapFrames:
        """`dense`, `parts`, `warp_flow`, its confidence and its matte of the frames `[start, stop)`.

        On a CPU some frames are made at once, see `ahead.frames_at_once`.

        Args:
            progress: called as `progress(done, stop - start)`.
        """
        if not 0 <= start < stop <= self.num_frames:
            raise ValueError(
                f"start and stop must satisfy 0 <= start < stop <= {self.num_frames}. Got {start}, {stop}."
            )
        count = stop - start
        made = in_order(
            lambda row, poll: self._frame(start + row, poll),
            count,
            at_once=frames_at_once(self.size, self.background.device),
            poll=lambda row: progress(row, count),
        )
        joined = _joined(list(made))
        progress(count, count)
        return joined

    def moved(self, motion: Motion) -> Stage:
        """The same photo under another motion; nothing of the photo is prepared again."""
        maps = copy(self.maps)
        maps.motion = motion
        return replace(self, maps=maps)

    def matte(self, t: int) -> Float[Tensor, "h w"]:
        """How much of each pixel of frame `t` shows the person."""
        carrier = self.previewer.carrier
        return carried_matte(carrier, carry(carrier, self.maps.posed(t)))

    def _frame(self, t: int, poll: Poll) -> MapFrames:
        posed = self.maps.posed(t)
        poll()
        maps = self.maps.of(posed, ("dense", "parts"))
        poll()
        carrier = self.previewer.carrier
        carried = carry(carrier, posed, poll)
        matte = carried_matte(carrier, carried)[None]
        poll()
        if self.warp == "flow":
            flow = self.maps.of(posed, ("warp_flow",))
            return replace(
                maps, warp_flow=flow.warp_flow, warp_flow_confidence=flow.warp_flow_confidence, warp_flow_matte=matte
            )
        return replace(
            maps,
            warp_flow=self.previewer.finish(carried, poll)[None],
            warp_flow_confidence=confidence(carrier, carried)[None],
            warp_flow_matte=matte,
        )


def open_stage(
    fit: BodyFit,
    motion: Motion,
    size: tuple[int, int],
    *,
    view: View | None = None,
    backend: str = DEFAULT_BACKEND,
    warp: str = WARPS[0],
    progress: Progress = silent,
) -> Stage:
    """Prepare a photo for `Stage.frames`.

    Args:
        size: (h, w).
        view: what of the photo is seen, by default all of it.
        backend: the rasteriser, one of `raster.BACKENDS`.
        warp: one of `WARPS`.
        progress: called in the meantime, which takes seconds at large sizes.

    Raises:
        InputError: see `scene.open_scene`.
    """
    if warp not in WARPS:
        raise ValueError(f"warp must be one of {', '.join(WARPS)}. Got {warp!r}.")

    def poll() -> None:
        progress(0, motion.num_frames)

    maps = ControlMaps(fit, motion, size, view=view, backend=backend, progress=progress)
    carrier = maps.carrier(poll)
    return Stage(maps=maps, previewer=aside(lambda check: open_previewer(carrier, check), poll), warp=warp)


def _joined(frames: list[MapFrames]) -> MapFrames:
    """One after the other."""
    names = [field.name for field in fields(MapFrames) if getattr(frames[0], field.name) is not None]
    return MapFrames(**{name: torch.cat([getattr(one, name) for one in frames]) for name in names})
