"""A clip made longer than it was filmed, for a motion that goes on after its end, such as that of a longer speech."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..datatypes import Motion
from ..motion.resample import at_frames
from ..progress import Progress, silent
from .clip_source import ClipSource
from .extend import ping_pong


@dataclass(frozen=True, kw_only=True)
class ExtendedClip:
    """A `ClipSource` of frames of another, in an order of its own. Made by `extended_clip`."""

    clip: ClipSource
    shown: Int[Tensor, " t"]
    """Which of the clip's frames each frame is."""

    @property
    def num_frames(self) -> int:
        return len(self.shown)

    @property
    def size(self) -> tuple[int, int]:
        """(h, w)"""
        return self.clip.size

    def frames(self, start: int, stop: int, progress: Progress = silent) -> Float[Tensor, "t 3 h w"]:
        """See `ClipSource`."""
        shown = self.shown[start:stop]
        first, last = int(shown.min()), int(shown.max())
        return self.clip.frames(first, last + 1, progress)[shown - first]


def extended_clip(clip: ClipSource, motion: Motion, frames: int) -> tuple[ExtendedClip, Motion]:
    """The clip and its motion with so many frames: beyond the end both run back and forth.

    The frames are those that `extend.extended` passes by. How the person is to move between them is told by the edited
    motion, to which each frame is carried.

    Args:
        motion: of the clip, as long as it is.
        frames: more than the clip has.
    """
    known = clip.num_frames
    if motion.num_frames != known or frames <= known:
        raise ValueError(
            f"motion must be as long as the clip, and frames more. Got {known} frames of a clip, "
            f"{motion.num_frames} of a motion, and {frames}."
        )
    shown = np.rint(ping_pong(known, frames, motion.fps))
    return ExtendedClip(clip=clip, shown=torch.from_numpy(shown).long()), at_frames(motion, shown)
