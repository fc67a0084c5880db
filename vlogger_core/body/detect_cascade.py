"""Landmarks without MediaPipe: the frontal-face cascade that OpenCV's authors made and scikit-image ships, then our own
`face_regressor`. Frontal, upright faces only; no body, no hands."""

from __future__ import annotations

import cv2
import numpy as np
import torch

from ..progress import Progress, silent
from .face_regressor import FaceRegressor
from .landmarks import BODY_POINTS, CASCADE, NUM_HAND_POINTS, PhotoLandmarks, choose_face, no_points

EYES_ABOVE_CENTRE, WIDTH_IN_EYE_DISTANCES = 0.29, 2.8
"""Where the eyes lie in the cascade's box: eye distances above its centre, and its width in eye distances. Measured
against MediaPipe on 36 photos."""
SIDES_PX = (320, 640)
"""Longer sides of the copies that faces are looked for in, until one is found."""
WORK_SIDE = 1280
"""Longer side of the copy in which the points are found."""
MIN_BOX_PX, LOOKS_LIKE_A_FACE = 24, 0.45
CONFIDENCE = 0.6


def detect(pixels: np.ndarray, face_index: int, progress: Progress = silent) -> PhotoLandmarks:
    """Face points of one person in a `h w 3` picture of bytes; see `landmarks.detect_landmarks`."""
    height, width = pixels.shape[:2]
    shrink = min(1.0, WORK_SIDE / max(height, width))
    if shrink < 1:
        small = round(width * shrink), round(height * shrink)
        pixels = cv2.resize(pixels, small, interpolation=cv2.INTER_AREA)
    scale = np.array([width / pixels.shape[1], height / pixels.shape[0]])
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    regressor = FaceRegressor.load()
    faces: list[tuple[float, np.ndarray]] = []
    for i, side in enumerate(SIDES_PX):
        progress(i, len(SIDES_PX))
        for cx, cy, box_width in _boxes(pixels, side):
            progress(i, len(SIDES_PX))
            distance = box_width / WIDTH_IN_EYE_DISTANCES
            guess = np.array([cx, cy - EYES_ABOVE_CENTRE * distance]) + distance * regressor.mean
            points, likeness = regressor(grey, guess)
            if likeness > LOOKS_LIKE_A_FACE:
                faces.append((likeness, points * scale))
        if faces:
            break
    kept: list[np.ndarray] = []
    for _, points in sorted(faces, key=lambda face: -face[0]):
        if all(np.linalg.norm(points.mean(0) - other.mean(0)) > np.ptp(other[:, 0]) / 2 for other in kept):
            kept.append(points)
    boxes: list[tuple[float, float, float, float]] = []
    for points in kept:
        (left, top), (right, bottom) = points.min(0).tolist(), points.max(0).tolist()
        boxes.append((left, top, right, bottom))
    chosen = kept[boxes.index(choose_face(boxes, face_index))]
    face = np.concatenate((chosen, np.full((len(chosen), 1), CONFIDENCE)), 1)
    progress(len(SIDES_PX), len(SIDES_PX))
    outside = (face[:, :2] < 0).any(1) | (face[:, 0] > width) | (face[:, 1] > height)
    face[outside, 2] = 0
    return PhotoLandmarks(
        width=width,
        height=height,
        face=torch.from_numpy(face).float(),
        body=no_points(len(BODY_POINTS)),
        left_hand=no_points(NUM_HAND_POINTS),
        right_hand=no_points(NUM_HAND_POINTS),
        source=CASCADE,
    )


def _boxes(pixels: np.ndarray, side: int) -> list[tuple[float, float, float]]:
    """Centre and width of what may be faces."""
    from skimage.data import lbp_frontal_face_cascade_filename
    from skimage.feature import Cascade

    scale = min(1.0, side / max(pixels.shape[:2]))
    size = round(pixels.shape[1] * scale), round(pixels.shape[0] * scale)
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    found = Cascade(lbp_frontal_face_cascade_filename()).detect_multi_scale(
        small, scale_factor=1.1, step_ratio=1, min_size=(MIN_BOX_PX, MIN_BOX_PX), max_size=size[::-1]
    )
    return [
        ((one["c"] + one["width"] / 2) / scale, (one["r"] + one["height"] / 2) / scale, one["width"] / scale)
        for one in found
    ]
