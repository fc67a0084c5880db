"""Landmarks by the `mediapipe` package (0.10.21, the legacy solutions whose models lie in the wheel)."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import cv2
import mediapipe as mp
import numpy as np
import torch
from mediapipe.python.solutions.face_detection import FaceDetection
from mediapipe.python.solutions.face_mesh import FaceMesh
from mediapipe.python.solutions.hands import Hands
from mediapipe.python.solutions.pose import Pose

from ..progress import Progress, silent
from .landmarks import NUM_FACE_POINTS, NUM_HAND_POINTS, PhotoLandmarks, choose_face, no_points

MIN_FACE_SCORE = 0.5
DETECTION_SIDE = 1280
"""Pixels of the longer side of the copy that faces, bodies and hands are looked for in."""
FACE_CROP_SIDE = 512

POSE_OF_COCO = (0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28)
"""MediaPipe's pose points that are COCO's 17."""
_COVERED_FACE_CONFIDENCE = 0.15
_HAND_SCORE = 0.5

_log = logging.getLogger(__name__)

Box = tuple[float, float, float, float]
Tick = Callable[[], None]
"""Called before each look at a picture."""

_STAGES = 4
"""Faces, face meshes, body, hands."""


def detect(pixels: np.ndarray, face_index: int, progress: Progress = silent) -> PhotoLandmarks:
    """Landmarks of one person in a `h w 3` picture of bytes; see `landmarks.detect_landmarks`."""
    height, width = pixels.shape[:2]
    scale = min(1.0, DETECTION_SIDE / max(height, width))
    small = resize_pixels(pixels, round(width * scale), round(height * scale))
    found = face_boxes(small, partial(progress, 0, _STAGES))
    boxes = [(a / scale, b / scale, c / scale, d / scale) for a, b, c, d in found]
    # A hand or a pattern may look like a face from afar; it has no features.
    tick = partial(progress, 1, _STAGES)
    meshes = {box: mesh for box in boxes if (mesh := face_mesh(pixels, box, tick)) is not None}
    box = choose_face(list(meshes), face_index)
    face = np.concatenate((meshes[box][:, :2], np.ones((NUM_FACE_POINTS, 1))), 1)
    body, left_hand, right_hand = _body_and_hands(pixels, box, progress, alone=len(meshes) == 1)
    for hand in (left_hand, right_hand):
        if (share := doubt_behind(face, hand)) > 0.05:
            _log.warning("A hand covers %.0f %% of the face: what is behind it will be guessed.", 100 * share)
    return to_landmarks(pixels, face, body, left_hand, right_hand)


def detect_body(pixels: np.ndarray, face_box: Box, progress: Progress = silent) -> PhotoLandmarks:
    """Body and hands of the person whose face is in the box, as far as they are seen; no face points."""
    body, left_hand, right_hand = _body_and_hands(pixels, face_box, progress, alone=False)
    return to_landmarks(pixels, np.zeros((NUM_FACE_POINTS, 3)), body, left_hand, right_hand)


def _body_and_hands(
    pixels: np.ndarray, face: Box, progress: Progress, *, alone: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    body = _body(pixels, face, partial(progress, 2, _STAGES), alone=alone)
    left_hand, right_hand = _hands(pixels, face, body, partial(progress, 3, _STAGES))
    for wrist, hand in ((9, left_hand), (10, right_hand)):
        if hand[:, 2].any():
            # The hand model sees the wrist more exactly than the body model does.
            body[wrist] = hand[0]
    progress(_STAGES, _STAGES)
    return body, left_hand, right_hand


def to_landmarks(
    pixels: np.ndarray, face: np.ndarray, body: np.ndarray, left_hand: np.ndarray, right_hand: np.ndarray
) -> PhotoLandmarks:
    """The points as tensors, those beyond the picture's edges unseen."""
    height, width = pixels.shape[:2]
    for points in (face, body, left_hand, right_hand):
        inside = (points[:, 0] >= 0) & (points[:, 0] <= width) & (points[:, 1] >= 0) & (points[:, 1] <= height)
        points[~inside, 2] = 0
    return PhotoLandmarks(
        width=width,
        height=height,
        face=torch.from_numpy(face).float(),
        body=torch.from_numpy(body).float(),
        left_hand=torch.from_numpy(left_hand).float(),
        right_hand=torch.from_numpy(right_hand).float(),
        source=f"mediapipe {mp.__version__}",
    )


def resize_pixels(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    if pixels.shape[:2] == (height, width):
        return pixels
    shrinks = width < pixels.shape[1]
    return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)


def crop_box(pixels: np.ndarray, box: Box) -> tuple[np.ndarray, int, int]:
    """The part of the picture in a box, edges repeated beyond it, and the crop's left and top."""
    left, top, right, bottom = (math.floor(v) for v in box)
    height, width = pixels.shape[:2]
    beyond = (max(0, -top), max(0, bottom - height), max(0, -left), max(0, right - width))
    inner = pixels[max(0, top) : max(0, bottom), max(0, left) : max(0, right)]
    return cv2.copyMakeBorder(inner, *beyond, borderType=cv2.BORDER_REPLICATE), left, top


def face_boxes(pixels: np.ndarray, tick: Tick) -> list[Box]:
    """Faces in the picture; where none is seen, in its overlapping quarters and ninths (small faces)."""
    height, width = pixels.shape[:2]
    for tiles, share in ((1, 1.0), (2, 0.62), (3, 0.44)):
        found: list[tuple[float, Box]] = []
        tile_w, tile_h = math.ceil(width * share), math.ceil(height * share)
        for row in range(tiles):
            for column in range(tiles):
                left = column * (width - tile_w) // max(1, tiles - 1)
                top = row * (height - tile_h) // max(1, tiles - 1)
                for score, box in _faces_in(pixels[top : top + tile_h, left : left + tile_w], tick):
                    found.append((score, (box[0] + left, box[1] + top, box[2] + left, box[3] + top)))
        kept: list[Box] = []
        for _, box in sorted(found, key=lambda item: -item[0]):
            if all(_overlap(box, other) < 0.3 for other in kept):
                kept.append(box)
        if kept:
            return kept
    return []


def _faces_in(pixels: np.ndarray, tick: Tick) -> list[tuple[float, Box]]:
    height, width = pixels.shape[:2]
    pixels = np.ascontiguousarray(pixels)
    found = []
    for close_or_far in (0, 1):
        tick()
        with FaceDetection(model_selection=close_or_far, min_detection_confidence=MIN_FACE_SCORE) as detector:
            result: Any = detector.process(pixels)
            for detection in result.detections or ():
                box = detection.location_data.relative_bounding_box
                corners = (box.xmin, box.ymin, box.xmin + box.width, box.ymin + box.height)
                found.append((detection.score[0], tuple(v * s for v, s in zip(corners, (width, height) * 2))))
    return found


def _overlap(a: Box, b: Box) -> float:
    """Intersection over the smaller area."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    area = min((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1]))
    return max(0.0, width) * max(0.0, height) / area


def face_mesh(pixels: np.ndarray, box: Box, tick: Tick) -> np.ndarray | None:
    """The 478 points (x, y and depth in pixels), from a crop around the face brought to one size."""
    cx, cy = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    for reach in (1.0, 1.5, 0.75):
        tick()
        half = reach * max(box[2] - box[0], box[3] - box[1])
        crop, left, top = crop_box(pixels, (cx - half, cy - half, cx + half, cy + half))
        side = crop.shape[0]
        with FaceMesh(
            static_image_mode=True, max_num_faces=1, refine_landmarks=True, min_detection_confidence=0.5
        ) as mesh:
            result: Any = mesh.process(resize_pixels(crop, FACE_CROP_SIDE, FACE_CROP_SIDE))
        if result.multi_face_landmarks:
            face = result.multi_face_landmarks[0].landmark
            return np.array([(p.x * side + left, p.y * side + top, p.z * side) for p in face])
    return None


def _body(pixels: np.ndarray, face: Box, tick: Tick, *, alone: bool) -> np.ndarray:
    """COCO's 17 points of the person whose face is in the box; zeros if that body is not seen."""
    height, width = (float(v) for v in pixels.shape[:2])
    side = max(face[2] - face[0], face[3] - face[1])
    cx, cy = (face[0] + face[2]) / 2, (face[1] + face[3]) / 2
    whole = (0.0, 0.0, float(width), float(height))
    crops = [
        (
            max(0.0, cx - reach * side),
            max(0.0, cy - 2 * side),
            min(width, cx + reach * side),
            min(height, cy + 8 * side),
        )
        for reach in (4, 2.5)
    ]
    for region in [whole, *crops] if alone else crops:
        tick()
        crop, left, top = crop_box(pixels, region)
        h, w = crop.shape[:2]
        scale = min(1.0, DETECTION_SIDE / max(h, w))
        with Pose(static_image_mode=True, model_complexity=1) as pose:
            result: Any = pose.process(resize_pixels(crop, round(w * scale), round(h * scale)))
        if result.pose_landmarks is None:
            continue
        points = np.array([(p.x * w + left, p.y * h + top, p.visibility) for p in result.pose_landmarks.landmark])
        nose = points[0]
        if face[0] <= nose[0] <= face[2] and face[1] <= nose[1] <= face[3]:
            return points[list(POSE_OF_COCO)]
    return np.zeros((len(POSE_OF_COCO), 3))


def _hands(pixels: np.ndarray, face: Box, body: np.ndarray, tick: Tick) -> tuple[np.ndarray, np.ndarray]:
    """21 points of the person's left and right hand, each unseen if no hand lies at its wrist."""
    height, width = pixels.shape[:2]
    side = max(face[2] - face[0], face[3] - face[1])
    hands = {"left": no_points(NUM_HAND_POINTS).numpy(), "right": no_points(NUM_HAND_POINTS).numpy()}
    arms = {"left": body[[5, 7, 9]], "right": body[[6, 8, 10]]}
    seen = {name: arm[2] for name, arm in arms.items() if arm[2, 2] > 0.3}
    if not seen:
        return hands["left"], hands["right"]
    tick()
    found = _hands_in(pixels, (0.0, 0.0, float(width), float(height)), 4)
    assign_hands(found, seen, hands, 1.0 * side)
    for name, wrist in seen.items():
        forearm = arms[name][2, :2] - arms[name][1, :2]
        reach = min(float(np.linalg.norm(forearm)) / 3, 0.5 * side)
        centre = wrist[:2] + forearm / (np.linalg.norm(forearm) + 1e-6) * reach
        if hands[name][:, 2].any() or not (0 < centre[0] < width and 0 < centre[1] < height):
            continue
        tick()
        (cx, cy), half = centre, 1.1 * side
        region = (cx - half, cy - half, cx + half, cy + half)
        assign_hands(_hands_in(pixels, region, 2), {name: wrist}, hands, 0.6 * side)
    return hands["left"], hands["right"]


def _hands_in(pixels: np.ndarray, region: Box, count: int) -> list[tuple[str, np.ndarray]]:
    crop, left, top = crop_box(pixels, region)
    h, w = crop.shape[:2]
    scale = min(1.0, DETECTION_SIDE / max(h, w))
    with Hands(static_image_mode=True, max_num_hands=count, min_detection_confidence=_HAND_SCORE) as detector:
        result: Any = detector.process(resize_pixels(crop, round(w * scale), round(h * scale)))
    if result.multi_hand_landmarks is None:
        return []
    found = []
    for hand, sides in zip(result.multi_hand_landmarks, result.multi_handedness):
        # MediaPipe names hands as in a mirror.
        side = "left" if sides.classification[0].label == "Right" else "right"
        score = sides.classification[0].score
        found.append((side, np.array([(p.x * w + left, p.y * h + top, score) for p in hand.landmark])))
    return found


def assign_hands(
    found: list[tuple[str, np.ndarray]], wrists: dict[str, np.ndarray], hands: dict[str, np.ndarray], limit_px: float
) -> None:
    """Give each hand to the nearest wrist that has none yet; what the hand looks like (left, right) breaks ties."""
    pairs = []
    for i, (looks, points) in enumerate(found):
        for side, wrist in wrists.items():
            distance = float(np.linalg.norm(points[0, :2] - wrist[:2]))
            if distance < limit_px and not hands[side][:, 2].any():
                pairs.append((distance + (0.5 * limit_px if looks != side else 0), i, side))
    taken: set[int] = set()
    for _, i, side in sorted(pairs):
        if i not in taken and not hands[side][:, 2].any():
            hands[side][:] = found[i][1]
            taken.add(i)


def doubt_behind(face: np.ndarray, hand: np.ndarray) -> float:
    """Lower the confidence of face points that lie behind a hand: there the mesh is a guess. Returns their share."""
    if not hand[:, 2].any():
        return 0.0
    hull = cv2.convexHull(hand[:, :2].astype(np.float32))
    covered = [cv2.pointPolygonTest(hull, (float(x), float(y)), False) >= 0 for x, y in face[:, :2]]
    face[covered, 2] = np.minimum(face[covered, 2], _COVERED_FACE_CONFIDENCE)
    return float(np.mean(covered))
