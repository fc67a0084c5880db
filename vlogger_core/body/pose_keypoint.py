"""Landmarks from and to what other ComfyUI nodes exchange: POSE_KEYPOINT and FACE_LANDMARKS.

POSE_KEYPOINT is OpenPose's JSON: a list of frames `{canvas_width, canvas_height, people: [{pose_keypoints_2d,
face_keypoints_2d, hand_left_keypoints_2d, hand_right_keypoints_2d}]}`, each part flat x, y, confidence. Its dialects:
coordinates in pixels (DWPose, core's SDPose) or 0 to 1 (controlnet_aux's OpenPose); missing parts as None, as an
empty list, as zeros or left out; missing points as zeros or at -1; real scores or only 0 and 1; 18 or 25 body points;
the names of the two hands exchanged. Core adds `foot_keypoints_2d`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import InputError
from .landmarks import (
    BODY_POINTS,
    LEFT_IRIS,
    NUM_FACE_POINTS,
    NUM_HAND_POINTS,
    RIGHT_IRIS,
    PhotoLandmarks,
    choose_face,
    no_points,
)
from .people import (
    FACE_68_TO_MEDIAPIPE,
    JAW_TRUST,
    NUM_JAW,
    OPENPOSE_18,
    OPENPOSE_25,
    PersonParts,
    choose_person,
    coco_body,
    largest_first,
)

_MAX_SHARE = 2.0
"""A person in pixels is never within two pixels of the corner; one in shares of the canvas never leaves it so far."""
_NUM_FOOT_POINTS = 6

_log = logging.getLogger(__name__)


def from_pose_keypoint(frames: Any, width: int, height: int, *, frame: int = 0, person: int = 0) -> PhotoLandmarks:
    """One person's landmarks from POSE_KEYPOINT; see `people_of_pose_keypoint` and `people.choose_person`."""
    return choose_person(people_of_pose_keypoint(frames, width, height, frame=frame), person)


def num_frames(frames: Any) -> int:
    """How many frames POSE_KEYPOINT holds.

    Raises:
        InputError: if it is no POSE_KEYPOINT.
    """
    return len(_frames(frames))


def people_of_pose_keypoint(frames: Any, width: int, height: int, *, frame: int = 0) -> list[PhotoLandmarks]:
    """Everybody in one frame of POSE_KEYPOINT in any of its dialects, from the largest to the smallest.

    In pixels of a `width` x `height` picture. Hands are given to the arm whose wrist is nearest, whatever they are
    called. Empty where the frame shows nobody. A face of another size than OpenPose's is left out with a warning.

    Args:
        frames: the socket's list, or one frame of it.

    Raises:
        InputError: if there is no such frame, or a body or hand does not have the size that OpenPose gives it.
    """
    all_frames = _frames(frames)
    if not 0 <= frame < len(all_frames):
        raise InputError(f"Frame {frame} was asked for, but the wired-in keypoints hold {len(all_frames)}.")
    chosen = all_frames[frame]
    people = [_read_person(person, chosen, width, height) for person in chosen.get("people") or ()]
    return largest_first(people, width, height, "POSE_KEYPOINT")


def to_pose_keypoint(landmarks: PhotoLandmarks, *, min_confidence: float = 0.3) -> list[dict[str, Any]]:
    """One frame of POSE_KEYPOINT as every reader takes it: pixels, confidence 0 or 1, zeros where unseen.

    Of the face the points are seen that are not much less sure than the surest one: a small face is a face too. Its
    69th and 70th points are the right and left iris. Feet are never known, but core's drawing of the socket
    wants their array too.
    """

    def flat(points: Tensor) -> list[float]:
        seen = points[:, 2:] >= min_confidence
        return (
            torch.where(seen, torch.cat((points[:, :2], torch.ones_like(seen, dtype=points.dtype)), 1), 0.0)
            .flatten()
            .tolist()
        )

    body = {name: landmarks.point(name) for name in BODY_POINTS}
    shoulders = torch.stack((body["left_shoulder"], body["right_shoulder"]))
    body["neck"] = torch.cat((shoulders[:, :2].mean(0), shoulders[:, 2:].amin(0)))
    face = landmarks.face[[*FACE_68_TO_MEDIAPIPE, RIGHT_IRIS, LEFT_IRIS]].clone()
    face[:, 2] /= landmarks.face[:, 2].max().clamp(min=1e-6)
    face[:NUM_JAW, 2] = (face[:NUM_JAW, 2] / JAW_TRUST).clamp(max=1) * (face[:NUM_JAW, 2] > 0)
    person = {
        "pose_keypoints_2d": flat(torch.stack([body[name] for name in OPENPOSE_18])),
        "foot_keypoints_2d": flat(no_points(_NUM_FOOT_POINTS)),
        "face_keypoints_2d": flat(face),
        "hand_left_keypoints_2d": flat(landmarks.left_hand),
        "hand_right_keypoints_2d": flat(landmarks.right_hand),
    }
    return [{"canvas_width": landmarks.width, "canvas_height": landmarks.height, "people": [person]}]


def num_face_frames(detection: Any) -> int:
    """How many frames FACE_LANDMARKS holds.

    Raises:
        InputError: if it is no FACE_LANDMARKS.
    """
    frames = detection.get("frames") if isinstance(detection, Mapping) else None
    size = detection.get("image_size") if isinstance(detection, Mapping) else None
    if frames is None or size is None:
        raise InputError("The wired-in FACE_LANDMARKS lack `frames` or `image_size`. Wire Detect Face Landmarks in.")
    return len(frames)


def from_face_landmarks(
    detection: Any, width: int, height: int, *, frame: int = 0, face_index: int = 0
) -> PhotoLandmarks:
    """The 478 face points from FACE_LANDMARKS, what ComfyUI's Detect Face Landmarks (MediaPipe) node gives.

    Raises:
        InputError: if it holds no such frame or face, or is no FACE_LANDMARKS.
    """
    count = num_face_frames(detection)
    if not 0 <= frame < count:
        raise InputError(f"Frame {frame} was asked for, but the wired-in FACE_LANDMARKS hold {count}.")
    frames, size = detection["frames"], detection["image_size"]
    scale = torch.tensor([width / size[1], height / size[0]])
    faces = []
    for face in frames[frame]:
        points = torch.as_tensor(face["landmarks_xy"], dtype=torch.float32)
        if points.shape != (NUM_FACE_POINTS, 2):
            raise InputError(
                f"FACE_LANDMARKS must hold {NUM_FACE_POINTS} x 2 points a face. Got {tuple(points.shape)}."
            )
        confidence = torch.ones(NUM_FACE_POINTS, 1) * min(1.0, max(0.0, float(face.get("score", 1.0))))
        faces.append(torch.cat((points * scale, confidence), 1))
    boxes: list[tuple[float, float, float, float]] = []
    for points in faces:
        (left, top), (right, bottom) = points[:, :2].amin(0).tolist(), points[:, :2].amax(0).tolist()
        boxes.append((left, top, right, bottom))
    face = faces[boxes.index(choose_face(boxes, face_index))]
    return PhotoLandmarks(
        width=width,
        height=height,
        face=face,
        body=no_points(len(BODY_POINTS)),
        left_hand=no_points(NUM_HAND_POINTS),
        right_hand=no_points(NUM_HAND_POINTS),
        source="FACE_LANDMARKS",
    )


def _frames(frames: Any) -> Sequence[Mapping[str, Any]]:
    if isinstance(frames, Mapping):
        frames = [frames]
    if not isinstance(frames, Sequence) or not all(isinstance(one, Mapping) for one in frames):
        raise InputError("POSE_KEYPOINT must be a list of frames with `people`. Wire a pose detector's keypoints in.")
    return frames


def _read_person(person: Any, frame: Mapping[str, Any], width: int, height: int) -> PersonParts:
    if not isinstance(person, Mapping):
        raise InputError(f"Each of POSE_KEYPOINT's people must be a dict of keypoints. Got {type(person).__name__}.")
    raw = {
        "body": _points(person.get("pose_keypoints_2d"), "pose_keypoints_2d", (18, 25)),
        "face": _face(person.get("face_keypoints_2d")),
        "left_hand": _points(person.get("hand_left_keypoints_2d"), "hand_left_keypoints_2d", (NUM_HAND_POINTS,)),
        "right_hand": _points(person.get("hand_right_keypoints_2d"), "hand_right_keypoints_2d", (NUM_HAND_POINTS,)),
    }
    raw["body"] = coco_body(raw["body"], OPENPOSE_18 if len(raw["body"]) == 18 else OPENPOSE_25)
    seen = PersonParts(**raw).seen
    in_shares = len(seen) > 0 and seen.abs().max() <= _MAX_SHARE
    canvas = (1.0, 1.0) if in_shares else (frame.get("canvas_width") or width, frame.get("canvas_height") or height)
    scale = torch.tensor([width / canvas[0], height / canvas[1], 1.0])
    return PersonParts(**{name: part * scale for name, part in raw.items()})


def _face(values: Any) -> Float[Tensor, "n 3"]:
    try:
        return _points(values, "face_keypoints_2d", (68, 70))
    except InputError as error:
        _log.warning("%s The face is looked for without it.", error)
        return no_points(68)


def _points(values: Any, name: str, counts: tuple[int, ...]) -> Float[Tensor, "n 3"]:
    if values is None or len(values) == 0:
        return no_points(counts[0])
    try:
        points = torch.tensor([0.0 if v is None else float(v) for v in _flatten(values)])
    except (TypeError, ValueError) as error:
        raise InputError(f"POSE_KEYPOINT's {name} must hold numbers ({error}).") from error
    if len(points) % 3 or len(points) // 3 not in counts:
        wanted = " or ".join(f"{count} x 3" for count in counts)
        raise InputError(f"POSE_KEYPOINT's {name} must hold {wanted} numbers. Got {len(points)}.")
    points = points.reshape(-1, 3)
    usable = (
        torch.isfinite(points).all(1) & (points[:, 2] > 0) & (points[:, :2] != 0).any(1) & (points[:, :2] != -1).all(1)
    )
    points = torch.where(usable[:, None], points, 0.0)
    points[:, 2].clamp_(max=1)
    return points


def _flatten(values: Any) -> list[Any]:
    return [v for value in values for v in (_flatten(value) if isinstance(value, (list, tuple)) else [value])]
