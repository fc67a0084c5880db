"""The person's matte: everything that moves with the person, hair and clothes included."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..progress import Progress, silent
from .landmarks import CASCADE, PhotoLandmarks, why_no_mediapipe

WORK_SIDE = 1024
"""Pixels of the longer side at which edges are found; the matte is then enlarged along the photo's own edges."""
GRABCUT_SIDE, GRABCUT_ROUNDS = 384, 5
SEED = 0

_HEAD_WINDOW = 3.2
"""Side of the closer look at the head, in faces."""
_MAX_ADDED = 0.25
"""How much GrabCut's closer look may add, in areas of the face's box. Hair and a collar that it finds again are up to
0.2; more is background of their colours. Measured on 16 photos."""
_PASSES = 4
"""The person as a whole, two looks at its edges, and the enlargement."""

_log = logging.getLogger(__name__)


def person_matte(
    image: Float[Tensor, "3 h w"],
    landmarks: PhotoLandmarks,
    silhouette: Float[Tensor, "small_h small_w"] | None = None,
    *,
    progress: Progress = silent,
) -> Float[Tensor, "h w"]:
    """How much of each pixel is the person whose landmarks are given, 0 to 1.

    MediaPipe's selfie segmentation where it is installed; else GrabCut, started from the silhouette of the fitted body
    (or, without one, from the head and shoulders) and logged as a warning. Both are brought to the photo's edges by a
    guided filter (He et al., 2010).

    Args:
        silhouette: 1 where the fitted body covers the photo; of any size, its corners those of the photo.
        progress: called between the passes.
    """
    progress(0, _PASSES)
    height, width = image.shape[-2:]
    pixels = (image.detach().cpu().clamp(0, 1) * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
    scale = min(1.0, WORK_SIDE / max(height, width))
    work = _resize(pixels, round(width * scale), round(height * scale))
    points = landmarks.resized(work.shape[1], work.shape[0])
    body = None if silhouette is None else _resize(silhouette.cpu().numpy(), work.shape[1], work.shape[0])

    if landmarks.source != CASCADE and why_no_mediapipe() is None:
        coarse = _segment(work, points)
    else:
        _log.warning("The person is cut out by GrabCut, since mediapipe is not in use: edges may be rough.")
        coarse = _grabcut(work, points, body, progress)
    progress(1, _PASSES)
    matte = _refine(work, _one_person(coarse, points), progress)
    progress(3, _PASSES)
    if scale < 1:
        matte = _enlarge(pixels, work, matte, progress)
    progress(_PASSES, _PASSES)
    return torch.from_numpy(matte.clip(0, 1).astype(np.float32))


def _resize(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    if picture.shape[:2] == (height, width):
        return picture
    shrinks = width < picture.shape[1]
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def _segment(pixels: np.ndarray, landmarks: PhotoLandmarks) -> np.ndarray:
    """MediaPipe on the whole picture and again, for the hair, on the head alone (it sees 256 x 256 pixels)."""
    from mediapipe.python.solutions.selfie_segmentation import SelfieSegmentation

    with SelfieSegmentation(model_selection=0) as model:

        def mask(picture: np.ndarray) -> np.ndarray:
            result: Any = model.process(np.ascontiguousarray(picture))
            return result.segmentation_mask.copy()

        window = _head_window(pixels, landmarks)
        whole = mask(pixels)
        return whole if window is None else _blend(whole, mask(window.of(pixels)), window)


@dataclass(frozen=True, kw_only=True)
class _Window:
    """A part of a picture: columns `x0` to `x1`, rows `y0` to `y1`."""

    x0: int
    y0: int
    x1: int
    y1: int

    def of(self, picture: np.ndarray) -> np.ndarray:
        return picture[self.y0 : self.y1, self.x0 : self.x1]


def _head_window(pixels: np.ndarray, landmarks: PhotoLandmarks) -> _Window | None:
    """Head, hair and some of what is around them; None where that is nearly all of the picture."""
    height, width = pixels.shape[:2]
    left, top, right, bottom = landmarks.face_box
    side = _HEAD_WINDOW * max(right - left, bottom - top)
    cx, cy = (left + right) / 2, (top + bottom) / 2 - 0.05 * side
    x0, x1 = max(0, round(cx - side / 2)), min(width, round(cx + side / 2))
    y0, y1 = max(0, round(cy - side / 2)), min(height, round(cy + side / 2))
    if x1 - x0 >= 0.85 * width and y1 - y0 >= 0.85 * height:
        return None
    return _Window(x0=x0, y0=y0, x1=x1, y1=y1)


def _blend(whole: np.ndarray, head: np.ndarray, window: _Window) -> np.ndarray:
    """The closer look counts most in the middle of its window and nothing at its border, unless the picture ends
    there."""
    height, width = whole.shape
    y, x = np.mgrid[window.y0 : window.y1, window.x0 : window.x1].astype(np.float32)
    reach = 0.2 * max(window.x1 - window.x0, window.y1 - window.y0)
    inside = np.ones_like(head)
    sides = (
        (x - window.x0, window.x0 == 0),
        (window.x1 - 1 - x, window.x1 == width),
        (y - window.y0, window.y0 == 0),
        (window.y1 - 1 - y, window.y1 == height),
    )
    for distance, at_edge in sides:
        if not at_edge:
            inside = np.minimum(inside, (distance / reach).clip(0, 1))
    mixed = whole.copy()
    part = window.of(mixed)
    part += inside * (head - part)
    return mixed


def _one_person(matte: np.ndarray, landmarks: PhotoLandmarks) -> np.ndarray:
    """Only what hangs together with the face."""
    count, labels = cv2.connectedComponents((matte > 0.35).astype(np.uint8))
    if count <= 2:
        return matte
    height, width = matte.shape
    left, top, right, bottom = (round(v) for v in landmarks.face_box)
    inside = labels[max(0, top) : min(height, bottom), max(0, left) : min(width, right)]
    inside = inside[inside > 0]
    if inside.size == 0:
        return matte
    own = (labels == np.bincount(inside).argmax()).astype(np.uint8)
    near = cv2.dilate(own, np.ones((9, 9), np.uint8))
    return matte * near


def _grabcut(
    pixels: np.ndarray, landmarks: PhotoLandmarks, silhouette: np.ndarray | None, progress: Progress
) -> np.ndarray:
    """GrabCut on the whole picture and again, for the hair, on the head alone: there are fewer colours to confuse.

    A closer look that takes background for the person (`_MAX_ADDED`) does not count.
    """
    height, width = pixels.shape[:2]
    left, top, right, bottom = landmarks.face_box
    if silhouette is None:
        silhouette = _bust(width, height, (left + right) / 2, top, bottom, right - left, bottom - top)
    whole = _cut(pixels, landmarks.face_box, silhouette, progress)
    window = _head_window(pixels, landmarks)
    if window is None:
        return whole
    face = (left - window.x0, top - window.y0, right - window.x0, bottom - window.y0)
    head = _cut(window.of(pixels), face, window.of(silhouette), progress)
    added = ((head > 0.5) & (window.of(whole) <= 0.5)).sum()
    return whole if added > _MAX_ADDED * (right - left) * (bottom - top) else _blend(whole, head, window)


def _cut(
    pixels: np.ndarray, face: tuple[float, float, float, float], silhouette: np.ndarray, progress: Progress
) -> np.ndarray:
    """GrabCut started from the silhouette and an average head of hair around the face's box."""
    full_height, full_width = pixels.shape[:2]
    scale = min(1.0, GRABCUT_SIDE / max(full_height, full_width))
    small = _resize(pixels, round(full_width * scale), round(full_height * scale))
    height, width = small.shape[:2]
    left, top, right, bottom = (v * scale for v in face)
    face_w, face_h = right - left, bottom - top
    cx = (left + right) / 2
    body = (_resize(np.ascontiguousarray(silhouette, dtype=np.float32), width, height) > 0.5).astype(np.uint8)
    unit = max(3, round(0.28 * face_w))

    def grown(mask: np.ndarray, by: int) -> np.ndarray:
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * by + 1, 2 * by + 1))
        padded = cv2.copyMakeBorder(mask, by, by, by, by, cv2.BORDER_REPLICATE)
        return cv2.dilate(padded, kernel)[by:-by, by:-by]

    def shrunk(mask: np.ndarray, by: int) -> np.ndarray:
        return 1 - grown(1 - mask, by)

    trimap = np.full((height, width), cv2.GC_BGD, np.uint8)
    trimap[grown(body, round(1.6 * unit)) > 0] = cv2.GC_PR_BGD
    # Hair: the silhouette of a bald body says little about what is above and beside the face.
    cv2.ellipse(trimap, _ellipse(cx, top + 0.35 * face_h, 1.0 * face_w, 1.15 * face_h), int(cv2.GC_PR_BGD), -1)
    trimap[grown(body, round(0.3 * unit)) > 0] = cv2.GC_PR_FGD
    cv2.ellipse(trimap, _ellipse(cx, top + 0.35 * face_h, 0.66 * face_w, 0.85 * face_h), int(cv2.GC_PR_FGD), -1)
    trimap[shrunk(body, round(0.6 * unit)) > 0] = cv2.GC_FGD
    cv2.ellipse(trimap, _ellipse(cx, top + 0.38 * face_h, 0.5 * face_w, 0.6 * face_h), int(cv2.GC_FGD), -1)
    cv2.setRNGSeed(SEED)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    try:
        bgr = np.ascontiguousarray(small[..., ::-1])
        for i in range(GRABCUT_ROUNDS):
            progress(0, _PASSES)
            mode = cv2.GC_EVAL if i else cv2.GC_INIT_WITH_MASK
            cv2.grabCut(bgr, trimap, (0, 0, width, height), *models, 1, mode)
    except cv2.error as error:
        _log.warning("GrabCut failed (%s): the body's silhouette is used as it is.", error)
        return _resize(body.astype(np.float32), full_width, full_height)
    person = np.isin(trimap, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    person = cv2.morphologyEx(cv2.morphologyEx(person, cv2.MORPH_OPEN, kernel), cv2.MORPH_CLOSE, kernel)
    return cv2.GaussianBlur(_resize(person.astype(np.float32), full_width, full_height), (0, 0), 1.0 / scale)


def _ellipse(cx: float, cy: float, rx: float, ry: float) -> tuple[tuple[float, float], tuple[float, float], float]:
    return (cx, cy), (2 * rx, 2 * ry), 0.0


def _bust(width: int, height: int, cx: float, top: float, bottom: float, face_w: float, face_h: float) -> np.ndarray:
    """Head, neck and shoulders of an average person who faces the camera."""
    body = np.zeros((height, width), np.uint8)
    cv2.ellipse(body, _ellipse(cx, top + 0.4 * face_h, 0.6 * face_w, 0.75 * face_h), 1, -1)
    shoulder = bottom + 0.55 * face_h
    outline = [
        (cx - 0.35 * face_w, bottom - 0.2 * face_h),
        (cx + 0.35 * face_w, bottom - 0.2 * face_h),
        (cx + 0.4 * face_w, bottom + 0.25 * face_h),
        (cx + 1.25 * face_w, shoulder),
        (cx + 1.5 * face_w, bottom + 1.6 * face_h),
        (cx + 1.5 * face_w, height),
        (cx - 1.5 * face_w, height),
        (cx - 1.5 * face_w, bottom + 1.6 * face_h),
        (cx - 1.25 * face_w, shoulder),
        (cx - 0.4 * face_w, bottom + 0.25 * face_h),
    ]
    cv2.fillPoly(body, [np.array(outline, np.int32)], 1)
    return body


def _refine(pixels: np.ndarray, coarse: np.ndarray, progress: Progress) -> np.ndarray:
    """Edges of the picture for edges of the matte, firm inside and outside."""
    diagonal = math.hypot(*coarse.shape)
    guide = pixels.astype(np.float32) / 255
    wide = guided_filter(guide, coarse.astype(np.float32), round(diagonal / 110), 2e-4)
    progress(2, _PASSES)
    fine = guided_filter(guide, wide, max(1, round(diagonal / 400)), 1e-5)
    return _smoothstep(fine, 0.15, 0.85)


def _smoothstep(x: np.ndarray, low: float, high: float) -> np.ndarray:
    t = ((x - low) / (high - low)).clip(0, 1)
    return t * t * (3 - 2 * t)


def _enlarge(pixels: np.ndarray, work: np.ndarray, matte: np.ndarray, progress: Progress) -> np.ndarray:
    """The matte at full size, by the local linear model that ties it to the colours of the smaller picture."""
    coefficients = _guided_coefficients(work.astype(np.float32) / 255, matte, 2, 1e-4)
    slope, offset = coefficients[..., :3] / 255, np.ascontiguousarray(coefficients[..., 3])
    full = _resize(offset, pixels.shape[1], pixels.shape[0])
    for channel in range(3):
        progress(3, _PASSES)
        full += _resize(np.ascontiguousarray(slope[..., channel]), *full.shape[::-1]) * pixels[..., channel]
    return full


def guided_filter(
    guide: Float[np.ndarray, "h w 3"], source: Float[np.ndarray, "h w"], radius: int, eps: float
) -> Float[np.ndarray, "h w"]:
    """He, Sun and Tang, "Guided Image Filtering" (ECCV 2010), for a colour guide: in each window of `2 radius + 1` px
    the result is linear in the guide's colour; `eps` is the colour variance below which it is smoothed."""
    coefficients = _guided_coefficients(guide, source, radius, eps)
    return (coefficients[..., :3] * guide).sum(-1) + coefficients[..., 3]


def _guided_coefficients(guide: np.ndarray, source: np.ndarray, radius: int, eps: float) -> np.ndarray:
    def mean(values: np.ndarray) -> np.ndarray:
        return cv2.blur(values, (2 * radius + 1, 2 * radius + 1), borderType=cv2.BORDER_REFLECT)

    guide, source = guide.astype(np.float64), source.astype(np.float64)
    mean_guide, mean_source = mean(guide), mean(source)
    covariance = mean(guide * source[..., None]) - mean_guide * mean_source[..., None]
    rows = []
    for i in range(3):
        row = [mean(guide[..., i] * guide[..., j]) - mean_guide[..., i] * mean_guide[..., j] for j in range(3)]
        row[i] += eps
        rows.append(np.stack(row, -1))
    # The inverse of each symmetric 3 x 3 matrix by cross products of its rows.
    minors = [np.cross(rows[1], rows[2]), np.cross(rows[2], rows[0]), np.cross(rows[0], rows[1])]
    determinant = (rows[0] * minors[0]).sum(-1)
    slope = sum(minor * covariance[..., i, None] for i, minor in enumerate(minors)) / determinant[..., None]
    offset = mean_source - (slope * mean_guide).sum(-1)
    return mean(np.concatenate((slope, offset[..., None]), -1)).astype(np.float32)
