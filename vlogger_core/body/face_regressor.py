"""Where a frontal face has its 478 points, by a cascade of linear regressions on image gradients.

The supervised descent method (Xiong and De la Torre, CVPR 2013): from the mean face, each stage looks at the gradients
around the present points and moves them by what ridge regression has learned, within a linear space of face shapes.
`detect_cascade_train` learns the weights that the repository ships.

Canonical frame: the unit is the eye distance, the origin lies between the eyes, x to the right, y downwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float

from .landmarks import LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS

ASSET = Path(__file__).resolve().parents[2] / "assets/body/frontal_face.safetensors"

CROP_LOW, CROP_HIGH, CROP_SCALE = (-1.7, -1.4), (1.7, 2.2), 30.0
"""The window that is looked at, in the canonical frame, and its pixels for each unit."""
NUM_ORIENTATIONS = 8
BLURS_PX = (3, 9)
DESCRIBED = (
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380, 468, 473,
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300, 168, 197, 195, 4, 98, 97, 2, 326, 327,
    61, 39, 0, 269, 291, 405, 17, 181, 78, 81, 13, 311, 308, 402, 14, 178,
    10, 109, 338, 54, 284, 127, 356, 234, 454, 132, 361, 172, 397, 150, 379, 152, 205, 425,
)  # fmt: skip
"""The face points whose surroundings are looked at."""


@dataclass(frozen=True, kw_only=True)
class FaceRegressor:
    """The learned weights."""

    mean: Float[np.ndarray, "478 2"]
    basis: Float[np.ndarray, "k 956"]
    """Orthonormal: ways in which a face differs from the mean, the four similarities first."""
    weights: Float[np.ndarray, "s d1 k"]
    """For each stage; the last row is the constant."""
    template: Float[np.ndarray, " d"]
    """Mean description of a face at its true points."""

    @staticmethod
    def load(path: Path = ASSET) -> FaceRegressor:
        from safetensors.numpy import load_file

        return FaceRegressor(**{name: array.astype(np.float64) for name, array in load_file(path).items()})

    def __call__(
        self, grey: Float[np.ndarray, "h w"], points: Float[np.ndarray, "478 2"]
    ) -> tuple[Float[np.ndarray, "478 2"], float]:
        """Improve a first guess of the points (pixels), and say how much the result looks like a face (-1 to 1)."""
        for weights in self.weights:
            to_image = similarity(self.mean, points)
            canonical = apply_inverse(to_image, points)
            features = describe(grey, to_image, canonical)
            canonical = canonical + ((features @ weights[:-1] + weights[-1]) @ self.basis).reshape(-1, 2)
            points = apply(to_image, self.constrained(canonical))
        to_image = similarity(self.mean, points)
        features = describe(grey, to_image, apply_inverse(to_image, points))
        return points, float(np.corrcoef(features, self.template)[0, 1])

    def constrained(self, points: Float[np.ndarray, "478 2"]) -> Float[np.ndarray, "478 2"]:
        """The nearest shape that the basis can make."""
        offset = (points - self.mean).reshape(-1)
        return self.mean + (self.basis.T @ (self.basis @ offset)).reshape(-1, 2)


def eye_frame(points: Float[np.ndarray, "478 2"]) -> tuple[Float[np.ndarray, "2"], float, float]:
    """Midpoint of the eyes, their distance and the angle of the line through them (radians)."""
    right, left = (points[list(corners)].mean(0) for corners in (RIGHT_EYE_CORNERS, LEFT_EYE_CORNERS))
    across = left - right
    return (right + left) / 2, float(np.hypot(*across)), float(np.arctan2(across[1], across[0]))


def similarity(source: Float[np.ndarray, "n 2"], target: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "2 3"]:
    """The rotation, scale and shift that bring `source` nearest to `target` (least squares)."""
    source_mean, target_mean = source.mean(0), target.mean(0)
    s, t = source - source_mean, target - target_mean
    norm = (s**2).sum()
    a = (s * t).sum() / norm
    b = (s[:, 0] * t[:, 1] - s[:, 1] * t[:, 0]).sum() / norm
    linear = np.array([[a, -b], [b, a]])
    return np.concatenate((linear, (target_mean - linear @ source_mean)[:, None]), 1)


def apply(transform: Float[np.ndarray, "2 3"], points: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2"]:
    return points @ transform[:, :2].T + transform[:, 2]


def apply_inverse(transform: Float[np.ndarray, "2 3"], points: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2"]:
    return (points - transform[:, 2]) @ np.linalg.inv(transform[:, :2]).T


def describe(
    grey: Float[np.ndarray, "h w"], to_image: Float[np.ndarray, "2 3"], canonical: Float[np.ndarray, "478 2"]
) -> Float[np.ndarray, " d"]:
    """Gradient orientations around the described points, seen in the canonical frame."""
    low, high = np.array(CROP_LOW), np.array(CROP_HIGH)
    width, height = np.round((high - low) * CROP_SCALE).astype(int)
    # Crop pixel centre (i + 0.5) -> canonical -> image pixel index (x - 0.5).
    linear = to_image[:, :2] / CROP_SCALE
    shift = to_image[:, :2] @ (low + 0.5 / CROP_SCALE) + to_image[:, 2] - 0.5
    shrink = np.sqrt(abs(np.linalg.det(linear)))
    smooth = cv2.GaussianBlur(grey, (0, 0), 0.5 * shrink) if shrink > 1.2 else grey
    crop = cv2.warpAffine(
        smooth,
        np.concatenate((linear, shift[:, None]), 1),
        (int(width), int(height)),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    dx, dy = cv2.Sobel(crop, cv2.CV_32F, 1, 0), cv2.Sobel(crop, cv2.CV_32F, 0, 1)
    length, angle = np.hypot(dx, dy), np.arctan2(dy, dx) / (2 * np.pi) * NUM_ORIENTATIONS
    bins = []
    for k in range(NUM_ORIENTATIONS):
        distance = np.abs((angle - k + NUM_ORIENTATIONS / 2) % NUM_ORIENTATIONS - NUM_ORIENTATIONS / 2)
        bins.append(length * np.maximum(0, 1 - distance))
    stack = np.stack(bins, -1)
    where = ((canonical[list(DESCRIBED)] - low) * CROP_SCALE - 0.5).astype(np.float32)
    described = []
    for blur in BLURS_PX:
        soft = cv2.GaussianBlur(stack, (0, 0), blur / 2)
        at = cv2.remap(soft, where[:, None, 0], where[:, None, 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[
            :, 0
        ]
        described.append(at / (np.linalg.norm(at, axis=1, keepdims=True) + 0.02 * blur * soft.mean() + 1e-6))
    return np.concatenate(described).reshape(-1).astype(np.float64)
