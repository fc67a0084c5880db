"""How far the points of a face can be trusted: its size, how far it is turned, what covers it.

Detectors that carry a face model go on drawing a whole face over hands, masks and sunglasses, and never see a face
turned further than about 60 degrees. So the picture is asked again: whether mouth and eyes look like mouth and eyes
(the gradients that `face_regressor` knows), and whether lips and lids have the colour of the rest of the skin.

The figures come from 37 photos and pictures of faces, each as it is and with eight kinds of covers drawn over it, and
from two drawn characters turned by 0 to 90 degrees.
"""

from __future__ import annotations

import logging
import math
from dataclasses import replace

import cv2
import numpy as np
import torch
from jaxtyping import Float

from ..errors import InputError
from .face_regressor import DESCRIBED, FaceRegressor, apply_inverse, describe, similarity
from .landmarks import NO_FACE, PhotoLandmarks, check_face_width

MAX_YAW_DEG, ROUGH_YAW_DEG = 60.0, 40.0
"""A face turned further is refused; beyond the second figure the fit is told to be rough."""
ROUGH_FACE_PX, GOOD_FACE_PX = 40, 80
"""A face narrower than the first is told to be rough; one as wide as the second loses nothing."""
LOW_CONFIDENCE = 0.4
"""A face in `BodyFit.confidence` below this is a guess."""

_RIGHT_CHEEK, _LEFT_CHEEK, _NOSE_TIP = 234, 454, 4
_NOSE_SHARE = 0.0, 0.33, 0.61, 0.96, 1.33, 1.74, 2.2, 2.5, 2.8
_YAW_OF_SHARE = 0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0
"""How far the nose's tip lies from the middle between the cheeks, in half their distance, at each yaw."""

_MOUTH = (61, 39, 0, 269, 291, 405, 17, 181, 78, 81, 13, 311, 308, 402, 14, 178)
_MOUTH_LIKENESS_DEG, _MOUTH_LIKENESS = (0.0, 30.0, 45.0, 50.0), (0.33, 0.33, 0.15, -1.0)
_FACE_LIKENESS_DEG, _FACE_LIKENESS = (0.0, 20.0, 30.0, 40.0, 55.0), (0.48, 0.48, 0.34, 0.22, 0.0)
"""The least likeness, at each yaw, of a mouth and a face that can be seen: a little less than any of them had."""

_NO_FACE_SHARE = 0.4
"""What has less than this share of that likeness is no face: hands found as faces have, covered faces have not."""

_SKIN = (10, 151, 9, 108, 337, 67, 297, 50, 280, 117, 346, 6, 197, 195, 5, 101, 330, 36, 266)
_LIPS = (0, 37, 267, 17, 84, 314, 61, 291, 40, 270, 91, 321)
_LIDS = (27, 28, 29, 30, 56, 22, 23, 24, 110), (257, 258, 259, 260, 286, 252, 253, 254, 339)
_COLOUR_PX_PER_EYE_DISTANCE = 60
_SKIN_HUE = np.array([0.6, 0.8])
"""Direction of skin colours in the a-b plane of CIE Lab."""
_MIN_CHROMA = 10.0
_LIPS_OFF, _LIDS_OFF, _LID_OFF = -0.4, -0.6, -0.8
"""How far lips, both eyes' lids on average, and one eye's, may lack skin colour, in the chroma of the skin."""

_MOUTH_REGION = (
    *_LIPS, *_MOUTH, 164, 167, 393, 165, 391, 92, 322, 18, 83, 313, 200, 201, 421, 199, 57, 287, 43, 273, 106, 335,
    204, 424, 152, 148, 377, 176, 400, 149, 378, 185, 409, 146, 375, 191, 415, 95, 324, 80, 310, 88, 318, 82, 312, 87,
    317, 12, 11, 15, 16, 38, 268, 72, 302, 73, 303, 74, 304, 85, 315, 86, 316, 175, 171, 396, 140, 369, 208, 428, 32,
    262, 194, 418, 182, 406,
)  # fmt: skip
_EYE_REGION = (
    *_LIDS[0], *_LIDS[1], 33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7,
    263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249, *range(468, 478),
)  # fmt: skip
_COVERED_TRUST = 0.1
_MOUTH_COVERED_TRUST, _EYES_COVERED_TRUST, _UNLIKE_TRUST = 0.22, 0.2, 0.2
"""Confidence of the rest of a face whose mouth or eyes are covered, and of one that does not look like a face."""

_log = logging.getLogger(__name__)


def doubt_face(landmarks: PhotoLandmarks, pixels: np.ndarray, *, detected: bool) -> PhotoLandmarks:
    """The landmarks with less confidence in a face that is small, turned, covered or does not look like one.

    What is doubted is logged as a warning. Faces of which only some of the points are known are judged by size alone.

    Args:
        pixels: the picture as `h w 3` bytes.
        detected: whether the face was found here. Then what cannot be a usable face is refused; one that the user
            has wired in is only doubted.

    Raises:
        InputError: if no face was seen, or what was is too small, or, if detected here, no face at all, upside down,
            or turned further than `MAX_YAW_DEG`.
    """
    left, top, right, bottom = landmarks.face_box
    # A turned face is narrow without being small.
    width = max(right - left, 0.75 * (bottom - top))
    check_face_width(width)
    if width < ROUGH_FACE_PX:
        _log.warning("The face is only %.0f px wide: the fit will be rough.", width)
    trust = np.full(len(landmarks.face), np.interp(width, (0, ROUGH_FACE_PX, GOOD_FACE_PX), (0.0, 0.14, 1.0)))
    if (landmarks.face[:, 2] > 0).sum() > len(landmarks.face) / 2:
        points = landmarks.face[:, :2].double().numpy()
        yaw_deg = head_yaw_deg(points)
        if detected:
            _check_yaw(yaw_deg)
        trust *= yaw_trust(yaw_deg)
        margin = max(right - left, bottom - top)
        x, y = max(0, math.floor(left - margin)), max(0, math.floor(top - margin))
        around = pixels[y : math.ceil(bottom + margin), x : math.ceil(right + margin)]
        trust *= _looks(np.ascontiguousarray(around), points - (x, y), abs(yaw_deg), detected=detected)
    confidence = landmarks.face[:, 2:] * torch.from_numpy(trust).float()[:, None]
    return replace(landmarks, face=torch.cat((landmarks.face[:, :2], confidence), 1))


def head_yaw_deg(points: Float[np.ndarray, "478 2"]) -> float:
    """How far a face is turned in the picture, about its own vertical axis: 0 to 80, positive to its left.

    From where the nose's tip lies between the cheeks; right to 5 degrees up to 60, beyond that only larger than 55.
    """
    across = points[_LEFT_CHEEK] - points[_RIGHT_CHEEK]
    middle = (points[_LEFT_CHEEK] + points[_RIGHT_CHEEK]) / 2
    share = 2 * float((points[_NOSE_TIP] - middle) @ across) / max(1e-6, float(across @ across))
    return math.copysign(float(np.interp(abs(share), _NOSE_SHARE, _YAW_OF_SHARE)), share)


def yaw_trust(yaw_deg: float) -> float:
    """Confidence in the points of a face that is turned so far, with its message."""
    turned = abs(yaw_deg)
    if turned > ROUGH_YAW_DEG:
        _log.warning("The face is turned by about %.0f degrees: the hidden side will be guessed.", turned)
    return float(np.interp(turned, (30.0, MAX_YAW_DEG), (1.0, 0.1)))


def _check_yaw(yaw_deg: float) -> None:
    if abs(yaw_deg) > MAX_YAW_DEG:
        raise InputError(
            f"The face is turned away by about {abs(yaw_deg):.0f} degrees. Use a photo in which it is turned less than "
            f"{MAX_YAW_DEG:.0f}, best under 30."
        )


def _looks(pixels: np.ndarray, points: np.ndarray, yaw_deg: float, *, detected: bool) -> np.ndarray:
    """Confidence of each point, by what the picture around the face shows there."""
    trust = np.ones(len(points))
    face, mouth = _likeness(pixels, points)
    lips, lids = _skin_colours(pixels, points)
    least_mouth = np.interp(yaw_deg, _MOUTH_LIKENESS_DEG, _MOUTH_LIKENESS)
    if mouth < least_mouth or lips < _LIPS_OFF:
        _log.warning("Something seems to cover the mouth: the lower face and its expression will be guessed.")
        trust *= _MOUTH_COVERED_TRUST
        trust[list(_MOUTH_REGION)] *= _COVERED_TRUST
    if sum(lids) / 2 < _LIDS_OFF or min(lids) < _LID_OFF:
        _log.warning("Something seems to cover the eyes, or they are drawn: gaze and lids will be guessed.")
        trust *= _EYES_COVERED_TRUST
        trust[list(_EYE_REGION)] *= _COVERED_TRUST
    least_face = float(np.interp(yaw_deg, _FACE_LIKENESS_DEG, _FACE_LIKENESS))
    if face < least_face:
        if detected and _likeness_turned(pixels, points) > face:
            raise InputError("The face in the portrait seems to be upside down. Turn the photo upright.")
        if detected and face < _NO_FACE_SHARE * least_face:
            raise InputError(NO_FACE)
        _log.warning("What was found hardly looks like a face: it may be covered, drawn or no face at all.")
        trust *= _UNLIKE_TRUST
    return trust


def _likeness(pixels: np.ndarray, points: np.ndarray) -> tuple[float, float]:
    """How much the picture's gradients at the whole face and at the mouth are those of faces, -1 to 1."""
    regressor = FaceRegressor.load()
    to_image = similarity(regressor.mean, points)
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    seen = describe(grey, to_image, apply_inverse(to_image, points))
    mouth = [DESCRIBED.index(point) for point in _MOUTH]
    seen_mouth, known_mouth = (
        features.reshape(-1, len(DESCRIBED), features.size // (2 * len(DESCRIBED)))[:, mouth].ravel()
        for features in (seen, regressor.template)
    )
    return float(np.corrcoef(seen, regressor.template)[0, 1]), float(np.corrcoef(seen_mouth, known_mouth)[0, 1])


def _likeness_turned(pixels: np.ndarray, points: np.ndarray) -> float:
    """How much the picture would look like a face with the points turned by 180 degrees, about where they are."""
    middle, height = (points.min(0) + points.max(0)) / 2, float(np.ptp(points[:, 1]))
    turned = [2 * middle + (0, shift * height) - points for shift in (-0.15, 0.0, 0.15)]
    return max(_likeness(pixels, guess)[0] for guess in turned)


def _skin_colours(pixels: np.ndarray, points: np.ndarray) -> tuple[float, tuple[float, float]]:
    """How much more skin colour the lips, and the lids of each eye, have than the rest of the face, in its chroma."""
    eyes = [points[list(lids)].mean(0) for lids in _LIDS]
    scale = _COLOUR_PX_PER_EYE_DISTANCE / max(1.0, float(np.linalg.norm(eyes[0] - eyes[1])))
    size = max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    lab = cv2.cvtColor(cv2.GaussianBlur(small.astype(np.float32) / 255, (0, 0), 1.0), cv2.COLOR_RGB2LAB)
    where = (points * scale).astype(int).clip(0, (size[0] - 1, size[1] - 1))

    def colour(chosen: tuple[int, ...]) -> np.ndarray:
        x, y = where[list(chosen)].T
        return np.median(lab[y, x, 1:], axis=0)

    skin = colour(_SKIN)
    chroma = max(_MIN_CHROMA, float(np.linalg.norm(skin)))
    lips, right_eye, left_eye = (float((colour(part) - skin) @ _SKIN_HUE) / chroma for part in (_LIPS, *_LIDS))
    return lips, (right_eye, left_eye)
