"""Parts of the face that no mesh has as parts of its own: inside an outline of landmarks, seen from the front."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor

BROWS = (
    (70, 63, 105, 66, 107, 55, 65, 52, 53, 46),
    (300, 293, 334, 296, 336, 285, 295, 282, 283, 276),
)
"""MediaPipe's outlines of the subject's right and left brow."""


def inside_polygon(points: Float[Tensor, "n 2"], corners: Float[Tensor, "c 2"]) -> Bool[Tensor, " n"]:
    """Whether a ray to the right crosses the outline an odd number of times."""
    start, end = corners, corners.roll(-1, 0)
    spans = (start[:, 1] > points[:, 1:]) != (end[:, 1] > points[:, 1:])
    slope = (end[:, 0] - start[:, 0]) / (end[:, 1] - start[:, 1])
    crossing = start[:, 0] + (points[:, 1:] - start[:, 1]) * slope
    return (spans & (points[:, :1] < crossing)).sum(1) % 2 == 1
