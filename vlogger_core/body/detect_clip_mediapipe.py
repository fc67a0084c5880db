"""Landmarks of one person through a clip by the `mediapipe` package: detectors that keep what they saw last.

The face is seen in a crop that stands still as long as the face stays well inside it, enlarged to one size: a crop
that moved with the face would resample it differently each time, which shows as trembling.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from mediapipe.python.solutions.face_detection import FaceDetection
from mediapipe.python.solutions.face_mesh import FaceMesh
from mediapipe.python.solutions.hands import Hands
from mediapipe.python.solutions.pose import Pose

from .detect_mediapipe import (
    DETECTION_SIDE,
    FACE_CROP_SIDE,
    MIN_FACE_SCORE,
    POSE_OF_COCO,
    Box,
    assign_hands,
    crop_box,
    doubt_behind,
    face_boxes,
    face_mesh,
    resize_pixels,
    to_landmarks,
)
from .face_doubts import MAX_YAW_DEG, head_yaw_deg
from .landmarks import MIN_FACE_PX, NUM_FACE_POINTS, NUM_HAND_POINTS, PhotoLandmarks, choose_face

BODY_EVERY = 2
"""Frames from one look at the body and the hands to the next; between them their points are interpolated."""
CROP_IN_FACES = 2.0
"""Side of the face's crop in face sizes."""
MIN_MARGIN, SIZE_DRIFT = 0.15, 1.3
"""The crop moves when the face comes nearer to its edge than this share of its side, or grows or shrinks by this."""
MAX_STEP, MAX_GROWTH = 0.6, 1.4
"""A face that lies further from the last one, in face sizes, or differs more in size is another person's."""
SEARCH_EVERY, SEARCH_TILES_EVERY = 3, 15
"""Frames between two looks for a lost face in the whole picture, and in its parts."""
FORGET_AFTER = 25
"""A face lost for as many frames may come back anywhere."""

_FACING_DEG = 40.0, MAX_YAW_DEG
_MIN_WRIST = 0.3


@dataclass(kw_only=True)
class ClipDetector:
    """Looks at the frames of one clip in order. Close it, or use it in a `with` block."""

    face_index: int
    tick: Callable[[], None]
    """Called before each look at a picture; may raise to stop."""
    _open: ExitStack = field(default_factory=ExitStack)
    _last: np.ndarray | None = None
    """The last mesh that was seen."""
    _crop: Box | None = None
    _lost: int = 0
    """Frames since the face was seen."""

    def __enter__(self) -> ClipDetector:
        enter = self._open.enter_context
        self._mesh: Any = enter(FaceMesh(max_num_faces=1, refine_landmarks=True, min_tracking_confidence=0.5))
        self._faces: list[Any] = [
            enter(FaceDetection(model_selection=i, min_detection_confidence=MIN_FACE_SCORE)) for i in (0, 1)
        ]
        self._pose: Any = enter(Pose(model_complexity=1, smooth_landmarks=False))
        self._hands: Any = enter(Hands(max_num_hands=4, min_detection_confidence=0.5, min_tracking_confidence=0.5))
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def face(self, pixels: np.ndarray) -> np.ndarray:
        """The 478 points with confidences, zeros where the person's face is not seen."""
        self.tick()
        if self._last is None:
            mesh = self._first(pixels)
        else:
            mesh = self._follow(pixels) if self._crop is not None else None
            if mesh is None:
                mesh = self._find(pixels)
        if mesh is None:
            self._lost += 1
            return np.zeros((NUM_FACE_POINTS, 3))
        self._lost = 0
        self._last = mesh
        self._keep_inside(mesh)
        points = mesh.copy()
        points[:, 2] = _facing(mesh)
        return points

    def body(self, pixels: np.ndarray, face: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """COCO's 17 points and both hands of the person with that face; zeros where not seen."""
        nothing = np.zeros((len(POSE_OF_COCO), 3)), np.zeros((NUM_HAND_POINTS, 3)), np.zeros((NUM_HAND_POINTS, 3))
        if not face[:, 2].any():
            return nothing
        box = _box(face)
        region = self._body_region(pixels, box)
        crop, left, top = crop_box(pixels, region)
        height, width = crop.shape[:2]
        scale = min(1.0, DETECTION_SIDE / max(height, width))
        small = resize_pixels(crop, round(width * scale), round(height * scale))
        self.tick()
        pose = self._pose.process(small).pose_landmarks
        if pose is None:
            return nothing
        points = np.array([(p.x * width + left, p.y * height + top, p.visibility) for p in pose.landmark])
        if not (box[0] <= points[0, 0] <= box[2] and box[1] <= points[0, 1] <= box[3]):
            return nothing
        body = points[list(POSE_OF_COCO)]
        hands: dict[str, np.ndarray] = {"left": nothing[1], "right": nothing[2]}
        wrists = {side: body[row] for side, row in (("left", 9), ("right", 10)) if _is_in(body[row], pixels)}
        if wrists:
            self.tick()
            found: Any = self._hands.process(small)
            listed: list[tuple[str, np.ndarray]] = []
            shown: list[Any] = list(zip(found.multi_hand_landmarks or (), found.multi_handedness or ()))
            for hand, sides in shown:
                # MediaPipe names hands as in a mirror.
                side = "left" if sides.classification[0].label == "Right" else "right"
                score = sides.classification[0].score
                listed.append(
                    (side, np.array([(p.x * width + left, p.y * height + top, score) for p in hand.landmark]))
                )
            assign_hands(listed, wrists, hands, 0.8 * _size(box))
            for side, row in (("left", 9), ("right", 10)):
                if hands[side][:, 2].any():
                    # The hand model sees the wrist more exactly than the body model does.
                    body[row] = hands[side][0]
        return body, hands["left"], hands["right"]

    def _first(self, pixels: np.ndarray) -> np.ndarray | None:
        """The wanted face, if there is any in this picture."""
        if self._lost % SEARCH_TILES_EVERY == 0:
            scale = min(1.0, DETECTION_SIDE / max(pixels.shape[:2]))
            small = resize_pixels(pixels, round(pixels.shape[1] * scale), round(pixels.shape[0] * scale))
            boxes = [(a / scale, b / scale, c / scale, d / scale) for a, b, c, d in face_boxes(small, self.tick)]
        elif self._lost % SEARCH_EVERY == 0:
            boxes = self._boxes(pixels)
        else:
            return None
        meshes = {box: mesh for box in boxes if (mesh := face_mesh(pixels, box, self.tick)) is not None}
        if not meshes:
            return None
        return meshes[choose_face(list(meshes), self.face_index)]

    def _follow(self, pixels: np.ndarray) -> np.ndarray | None:
        """The face in the crop, if it is the same person's."""
        assert self._crop is not None
        crop, left, top = crop_box(pixels, self._crop)
        side = crop.shape[0]
        found = self._mesh.process(resize_pixels(crop, FACE_CROP_SIDE, FACE_CROP_SIDE)).multi_face_landmarks
        if not found:
            return None
        mesh = np.array([(p.x * side + left, p.y * side + top, p.z * side) for p in found[0].landmark])
        return mesh if self._is_same(_box(mesh)) else None

    def _find(self, pixels: np.ndarray) -> np.ndarray | None:
        """The lost face somewhere in the picture."""
        if self._lost % SEARCH_EVERY:
            return None
        boxes = [box for box in self._boxes(pixels) if self._is_same(box)]
        if not boxes:
            return None
        assert self._last is not None
        cx, cy = _centre(_box(self._last))
        nearest = min(boxes, key=lambda box: math.hypot(_centre(box)[0] - cx, _centre(box)[1] - cy))
        mesh = face_mesh(pixels, nearest, self.tick)
        return mesh if mesh is not None and self._is_same(_box(mesh)) else None

    def _boxes(self, pixels: np.ndarray) -> list[Box]:
        height, width = pixels.shape[:2]
        found = []
        for detector in self._faces:
            self.tick()
            for one in detector.process(pixels).detections or ():
                box = one.location_data.relative_bounding_box
                corners = (box.xmin, box.ymin, box.xmin + box.width, box.ymin + box.height)
                found.append(tuple(v * s for v, s in zip(corners, (width, height) * 2)))
        return found

    def _is_same(self, box: Box) -> bool:
        """Whether a face may be the one that was followed: near where it was, and as large."""
        assert self._last is not None
        last = _box(self._last)
        if box[2] - box[0] < MIN_FACE_PX / 2:
            return False
        if self._lost >= FORGET_AFTER:
            return True
        (ax, ay), (bx, by) = _centre(last), _centre(box)
        reach = MAX_STEP * (1 + self._lost / 4) * _size(last)
        growth = _size(box) / _size(last)
        # A detector's box is smaller than the mesh, so that only gross differences of size tell.
        limit = MAX_GROWTH * (1.6 if self._lost else 1.0)
        return math.hypot(ax - bx, ay - by) < reach and 1 / limit < growth < limit

    def _keep_inside(self, mesh: np.ndarray) -> None:
        """Move the crop if the face leaves it or has changed its size."""
        box = _box(mesh)
        size = _size(box)
        if self._crop is not None:
            left, top, right, bottom = self._crop
            side = right - left
            margin = min(box[0] - left, box[1] - top, right - box[2], bottom - box[3]) / side
            drift = side / (CROP_IN_FACES * size)
            if margin >= MIN_MARGIN and 1 / SIZE_DRIFT < drift < SIZE_DRIFT:
                return
        (cx, cy), half = _centre(box), round(CROP_IN_FACES * size / 2)
        self._crop = (round(cx) - half, round(cy) - half, round(cx) + half, round(cy) + half)

    def _body_region(self, pixels: np.ndarray, face: Box) -> Box:
        """Where the person's body may be, as large as the picture allows."""
        height, width = pixels.shape[:2]
        (cx, cy), side = _centre(face), _size(face)
        return (
            max(0.0, cx - 4 * side),
            max(0.0, cy - 4 * side),
            min(float(width), cx + 4 * side),
            min(float(height), cy + 8 * side),
        )


def detect_clip(
    frames: Iterator[np.ndarray], face_index: int, tick: Callable[[], None], body_every: int = BODY_EVERY
) -> Iterator[PhotoLandmarks]:
    """Landmarks of the frames, `h w 3` bytes each; at most `body_every` frames later than they are read."""
    waiting: list[tuple[np.ndarray, np.ndarray]] = []
    parts: tuple[np.ndarray, ...] | None = None
    with ClipDetector(face_index=face_index, tick=tick) as detector:
        for index, pixels in enumerate(frames):
            face = detector.face(pixels)
            if index % body_every:
                waiting.append((pixels, face))
                continue
            following = detector.body(pixels, face)
            for step, (earlier, earlier_face) in enumerate(waiting, 1):
                assert parts is not None
                share = step / (len(waiting) + 1)
                yield _landmarks(earlier, earlier_face, *(_between(a, b, share) for a, b in zip(parts, following)))
            yield _landmarks(pixels, face, *following)
            waiting, parts = [], following
    for pixels, face in waiting:
        assert parts is not None
        yield _landmarks(pixels, face, *parts)


def _landmarks(pixels: np.ndarray, face: np.ndarray, *parts: np.ndarray) -> PhotoLandmarks:
    face, (body, left_hand, right_hand) = face.copy(), (part.copy() for part in parts)
    for hand in (left_hand, right_hand):
        doubt_behind(face, hand)
    return to_landmarks(pixels, face, body, left_hand, right_hand)


def _between(before: np.ndarray, after: np.ndarray, share: float) -> np.ndarray:
    """Points a share of the way from one look to the next; unseen where one of the two is."""
    points = (1 - share) * before + share * after
    points[(before[:, 2] == 0) | (after[:, 2] == 0)] = 0
    return points


def _facing(mesh: np.ndarray) -> float:
    """Confidence in a face by how far it is turned: 0 beyond `MAX_YAW_DEG`."""
    yaw_deg = abs(head_yaw_deg(mesh[:, :2]))
    return 0.0 if yaw_deg > MAX_YAW_DEG else float(np.interp(yaw_deg, _FACING_DEG, (1.0, 0.3)))


def _is_in(point: np.ndarray, pixels: np.ndarray) -> bool:
    height, width = pixels.shape[:2]
    return bool(point[2] > _MIN_WRIST and 0 <= point[0] <= width and 0 <= point[1] <= height)


def _box(mesh: np.ndarray) -> Box:
    (left, top), (right, bottom) = mesh[:, :2].min(0).tolist(), mesh[:, :2].max(0).tolist()
    return left, top, right, bottom


def _centre(box: Box) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def _size(box: Box) -> float:
    return max(box[2] - box[0], box[3] - box[1])
