"""What holds for all frames of one clip: one size, one shot."""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from ..errors import InputError
from .landmarks import BODY_POINTS, NUM_FACE_POINTS, NUM_HAND_POINTS, PhotoLandmarks, no_points

CUT_CHANGE = 0.12
"""Mean change of a small grey copy of the picture, 0 to 1, from which a step may be a cut."""
CUT_OVERLAP = 0.3
"""It is one if the face is lost with it, or the faces before and after overlap by less (intersection over union)."""
_COPY_SIDE = 32


def unseen(width: int, height: int, source: str) -> PhotoLandmarks:
    """A frame in which the person is not seen."""
    return PhotoLandmarks(
        width=width,
        height=height,
        face=no_points(NUM_FACE_POINTS),
        body=no_points(len(BODY_POINTS)),
        left_hand=no_points(NUM_HAND_POINTS),
        right_hand=no_points(NUM_HAND_POINTS),
        source=source,
    )


class ShotWatch:
    """Watches for cuts: a track has one camera and one person."""

    def __init__(self) -> None:
        self._copy: Tensor | None = None
        self._box: tuple[float, float, float, float] | None = None
        self._size: tuple[int, int] | None = None

    def check(self, index: int, frame: Float[Tensor, "3 h w"], points: PhotoLandmarks) -> None:
        size = (frame.shape[-2], frame.shape[-1])
        if self._size not in (None, size):
            height, width = self._size
            raise InputError(
                f"All frames must be of one size. Frame {index} is {size[1]} x {size[0]} px, those before it are "
                f"{width} x {height} px."
            )
        if (points.height, points.width) != size:
            raise ValueError(
                f"landmarks must be those of the frames, {size[1]} x {size[0]}. Got {points.width} x {points.height}; "
                "see PhotoLandmarks.resized."
            )
        grey = frame.detach().float().cpu().mean(0, keepdim=True)[None]
        copy = F.interpolate(grey, (_COPY_SIDE, _COPY_SIDE), mode="area")[0, 0]
        box = points.face_box if points.face[:, 2].any() else None
        changed = self._copy is not None and (copy - self._copy).abs().mean() > CUT_CHANGE
        if changed and self._box is not None and (box is None or _overlap(self._box, box) < CUT_OVERLAP):
            raise InputError(
                f"The clip is cut at frame {index}: the picture changes and the face is no longer where it was. A "
                "track follows one person in one shot: split the clip there."
            )
        self._copy, self._size = copy, size
        self._box = box if box is not None else self._box


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> float:
    """Intersection over union."""
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    both = width * height
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both + 1e-9)
