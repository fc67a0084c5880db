"""The face as coloured lines: what CrucibleAI's ControlNetMediaPipeFace was trained on.

MediaPipe's contours, each feature in a colour of its own, and a square on each iris. The colours are those of the
finished picture; its makers write them in the order blue, green, red and turn the picture round at the end.
"""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..body.face_outlines import EYELIDS, FACE_OVAL, LIPS
from ..body.landmarks import LEFT_IRIS, RIGHT_IRIS
from ..body.protocol import BodyModel
from .keypoints import PosePoints, known_face_points

Colour = tuple[int, int, int]
Edges = tuple[tuple[int, int], ...]

LINE_WIDTH = 2
IRIS_HALF_WIDTH = 2
MIN_FACE_PX = 64
"""A face that is narrower or lower is not drawn."""
MIN_SEEN = 0.75
"""Share of the contours' points that has to be seen: about what a head shows that is turned by 75 degrees, where
MediaPipe finds a face no more."""


def _ring(points: tuple[int, ...]) -> Edges:
    return tuple(zip(points, (*points[1:], points[0])))


def _line(*points: int) -> Edges:
    return tuple(itertools.pairwise(points))


_LID, _LIP = len(EYELIDS) // 2, len(LIPS) // 2
CONTOURS: tuple[tuple[Edges, Colour], ...] = (
    (_ring(FACE_OVAL), (10, 200, 10)),
    (_ring(EYELIDS[_LID:]), (10, 200, 180)),
    (_line(276, 283, 282, 295, 285) + _line(300, 293, 334, 296, 336), (10, 220, 180)),
    (_ring(EYELIDS[:_LID]), (180, 200, 10)),
    (_line(46, 53, 52, 65, 55) + _line(70, 63, 105, 66, 107), (180, 220, 10)),
    (_ring(LIPS[:_LIP]) + _ring(LIPS[_LIP:]), (10, 180, 10)),
)
"""Outline, left eye, left brow, right eye, right brow and lips, in the order they are drawn."""
CONTOUR_POINTS = sorted({i for edges, _ in CONTOURS for edge in edges for i in edge})
IRISES: tuple[tuple[int, Colour], ...] = ((RIGHT_IRIS, (250, 200, 10)), (LEFT_IRIS, (10, 200, 250)))


def draw_face(points: PosePoints) -> Float[Tensor, "3 h w"]:
    """The face of one frame, RGB on black; black where it is too small or turned away.

    MediaPipe knows the whole face or none of it: points that are hidden by a turn of the head or by a hand are drawn
    like the others. Only what lies outside the picture, or is missing in the body model, is left out.
    """
    h, w = points.landmarks.height, points.landmarks.width
    canvas = np.zeros((h, w, 3), np.uint8)
    if _is_face(points):
        pixels = points.face.floor().long().tolist()
        inside = [known and 0 <= x < w and 0 <= y < h for known, (x, y) in zip(points.face_known.tolist(), pixels)]
        for edges, colour in CONTOURS:
            for start, end in edges:
                if inside[start] and inside[end]:
                    cv2.line(canvas, pixels[start], pixels[end], colour, LINE_WIDTH)
        for iris, colour in IRISES:
            if inside[iris]:
                x, y = pixels[iris]
                left, top = max(x - IRIS_HALF_WIDTH, 0), max(y - IRIS_HALF_WIDTH, 0)
                canvas[top : y + IRIS_HALF_WIDTH, left : x + IRIS_HALF_WIDTH] = colour
    return torch.from_numpy(canvas).permute(2, 0, 1).float() / 255


def has_contours(model: BodyModel) -> bool:
    """Whether a body model has enough of MediaPipe's points for this drawing."""
    return bool(known_face_points(model)[CONTOUR_POINTS].float().mean() >= MIN_SEEN)


def _is_face(points: PosePoints) -> bool:
    known = [i for i in CONTOUR_POINTS if points.face_known[i]]
    if len(known) < MIN_SEEN * len(CONTOUR_POINTS):
        return False
    face = points.face[known]
    across = face.amax(0) - face.amin(0)
    return bool(across.min() >= MIN_FACE_PX) and float(points.landmarks.face[known, 2].mean()) >= MIN_SEEN
