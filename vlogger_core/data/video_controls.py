"""The controls of a training pair, made as at inference: the photo carried by the body, and what the body says."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from ..datatypes import BodyFit, MapFrames, Motion
from ..render.carry import Carried, carry, compose
from ..render.confidence import confidence
from ..render.eyes import paint_eyes
from ..render.maps import ControlMaps
from ..render.mouth import draw_mouth
from ..render.preview import Previewer, open_previewer

WARPS = ("preview", "flow")
"""What `warp_flow` shows: the picture of the warp preview, whose lids are closed and whose mouth is drawn; or what
`ControlMaps` gives, which is black inside the mouth."""
MAPS = ("dense", "parts", "warp_flow")
"""What is rendered; `warp_flow` brings `warp_flow_confidence` with it."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A fitted photo under a motion at one size; a `video.map_source.Renderer`. Made by `open_stage`."""

    maps: ControlMaps
    previewer: Previewer
    warp: str
    """One of `WARPS`."""

    @property
    def size(self) -> tuple[int, int]:
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

    def frames(self, start: int, stop: int, maps: Sequence[str] = MAPS) -> MapFrames:
        """`MAPS` of the frames `[start, stop)`."""
        made = [self._frame(t) for t in range(start, stop)]
        names = ("dense", "parts", "warp_flow", "warp_flow_confidence")
        return MapFrames(**{name: torch.cat([getattr(one, name) for one in made]) for name in names})

    def moved(self, motion: Motion) -> Stage:
        """The same photo under another motion; nothing of the photo is prepared again."""
        maps = copy(self.maps)
        maps.motion = motion
        return replace(self, maps=maps)

    def matte(self, t: int) -> Float[Tensor, "h w"]:
        """How much of each pixel of frame `t` shows the person."""
        carried = carry(self.previewer.carrier, self.maps.posed(t))
        clear = torch.ones_like(self.background[0]).flatten()
        for layer, seen in ((carried.body, carried.body_at), (carried.limbs, carried.limbs_at)):
            if layer is not None and seen is not None:
                left = clear.index_select(0, seen.pixels) * (1 - layer[:, 3].clamp(0, 1))
                clear.index_copy_(0, seen.pixels, left)
        return (1 - clear).reshape(self.size)

    def _frame(self, t: int) -> MapFrames:
        posed = self.maps.posed(t)
        if self.warp == "flow":
            return self.maps.of(posed, MAPS)
        carried = carry(self.previewer.carrier, posed)
        return replace(
            self.maps.of(posed, ("dense", "parts")),
            warp_flow=self._picture(carried)[None],
            warp_flow_confidence=confidence(self.previewer.carrier, carried)[None],
        )

    def _picture(self, carried: Carried) -> Float[Tensor, "3 h w"]:
        carrier = self.previewer.carrier
        painted = replace(carried, body=paint_eyes(self.previewer.eyes, carried))
        composed = compose(carrier, painted)
        return draw_mouth(self.previewer.mouth, composed, carried.surface.frame, carrier.visibility)


def open_stage(fit: BodyFit, motion: Motion, size: tuple[int, int], *, backend: str, warp: str = WARPS[0]) -> Stage:
    """Prepare a photo for `Stage.frames`.

    Raises:
        InputError: see `scene.open_scene`.
    """
    if warp not in WARPS:
        raise ValueError(f"warp must be one of {', '.join(WARPS)}. Got {warp!r}.")
    maps = ControlMaps(fit, motion, size, backend=backend)
    return Stage(maps=maps, previewer=open_previewer(maps.carrier()), warp=warp)
