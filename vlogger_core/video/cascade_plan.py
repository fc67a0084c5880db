"""At which sizes the stages of a cascade work, so that a video of any size comes out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from ..render.view import View
from .config import VideoConfig


@dataclass(frozen=True, kw_only=True)
class CascadePlan:
    """The pictures of the stages show a little more than the video: as much as the networks' strides take.

    All show exactly the same, each at its own size: 128 x 160, 256 x 320 and 512 x 640 for a video of 512 x 630, whose
    outermost 5 columns on both sides are rendered (with the photo's border continued), sampled and cut off.
    """

    size: tuple[int, int]
    """(h, w) of the video."""
    frame: View
    """What the stages show, in pixels of the video."""
    stages: tuple[tuple[int, int], ...]
    """(h, w) of each, the base first."""

    def video_in(self, stage: tuple[int, int]) -> View:
        """Where the video lies in a picture of a stage."""
        return self.frame.seen_from_inside(stage, self.size)

    def photo_view(self, photo_size: tuple[int, int]) -> View | None:
        """What of a photo of `photo_size` (h, w) the stages show; None is the whole photo."""
        if self.frame == View.whole(self.size):
            return None
        return self.frame.scaled(photo_size[1] / self.size[1], photo_size[0] / self.size[0])


def plan_cascade(configs: Sequence[VideoConfig], size: tuple[int, int]) -> CascadePlan:
    """Sizes for a video of `size` (h, w). The last stage has `VideoConfig.size` pixels on the video's shorter side.

    Args:
        configs: of all stages that are to run, the base first.
    """
    last = configs[-1].size
    step = math.lcm(*(stride(config) * last // config.size for config in configs))
    scale = Fraction(last, min(size))
    inner = [side * scale for side in size]
    outer = [math.ceil(side / step) * step for side in inner]
    corner = [(o - i) // 2 for o, i in zip(outer, inner, strict=True)]
    (top, left), (height, width) = ([float(x / scale) for x in pair] for pair in (corner, outer))
    stages = tuple((outer[0] * config.size // last, outer[1] * config.size // last) for config in configs)
    return CascadePlan(size=size, frame=View(left=-left, top=-top, width=width, height=height), stages=stages)


def stride(config: VideoConfig) -> int:
    """Pixels that one position of the U-Net's lowest level covers: sides are multiples of it."""
    return config.patch * 2 ** (len(config.channels) - 1)
