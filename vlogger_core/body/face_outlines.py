"""Outlines of the face among MediaPipe's landmarks, and what lies inside one, seen from the front.

No mesh has all of these as parts of its own.
"""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor

BROWS = (
    (70, 63, 105, 66, 107, 55, 65, 52, 53, 46),
    (300, 293, 334, 296, 336, 285, 295, 282, 283, 276),
)
"""The subject's right and left brow."""
EYELIDS = (
    33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7,
    263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249,
)  # fmt: skip
"""The rims of the right and then of the left eye, half of them each."""
LIPS = (
    61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146,
    78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95,
)  # fmt: skip
"""The outer and then the inner rim of the lips, half of them each."""
INNER_LIPS = LIPS[len(LIPS) // 2 :]
FACE_OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip


def inside_polygon(points: Float[Tensor, "n 2"], corners: Float[Tensor, "c 2"]) -> Bool[Tensor, " n"]:
    """Whether a ray to the right crosses the outline an odd number of times."""
    start, end = corners, corners.roll(-1, 0)
    spans = (start[:, 1] > points[:, 1:]) != (end[:, 1] > points[:, 1:])
    slope = (end[:, 0] - start[:, 0]) / (end[:, 1] - start[:, 1])
    crossing = start[:, 0] + (points[:, 1:] - start[:, 1]) * slope
    return (spans & (points[:, :1] < crossing)).sum(1) % 2 == 1
