"""Landmarks from and to what other ComfyUI nodes exchange: POSE_KEYPOINT and FACE_LANDMARKS.

POSE_KEYPOINT is OpenPose's JSON: a list of frames `{canvas_width, canvas_height, people: [{pose_keypoints_2d,
face_keypoints_2d, hand_left_keypoints_2d, hand_right_keypoints_2d}]}`, each part flat x, y, confidence. Its dialects:
coordinates in pixels (DWPose, core's SDPose) or 0 to 1 (controlnet_aux's OpenPose); missing parts as None, as an
empty list, as zeros or left out; real scores or only 0 and 1; the names of the two hands exchanged.
"""

from __future__ import annotations

import logging
import math
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

OPENPOSE_18: tuple[str, ...] = (
    "nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
    "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle",
    "right_eye", "left_eye", "right_ear", "left_ear",
)  # fmt: skip
OPENPOSE_25: tuple[str, ...] = (
    *OPENPOSE_18[:8], "middle_hip", *OPENPOSE_18[8:],
    "left_big_toe", "left_small_toe", "left_heel", "right_big_toe", "right_small_toe", "right_heel",
)  # fmt: skip

FACE_68_TO_MEDIAPIPE: tuple[int, ...] = (
    127, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 356,
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300,
    168, 197, 195, 4, 98, 97, 2, 326, 327,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181,
    78, 81, 13, 311, 308, 402, 14, 178,
)  # fmt: skip
"""For each of the 68 points of Multi-PIE (the first 68 of OpenPose's 70) the MediaPipe point nearest to it."""
_NUM_JAW = 17
_JAW_TRUST = 0.5
"""The jaw line of the 68 is the outline in the picture, which slides over the face when the head turns."""

MAX_HEAD_OFFSET = 0.5
"""How far outside a face's box, in its widths and heights, the middle of that person's head may lie."""
_NUM_HEAD_POINTS = BODY_POINTS.index("left_shoulder")
"""The nose, eyes and ears come first."""

_log = logging.getLogger(__name__)


def from_pose_keypoint(frames: Any, width: int, height: int, *, frame: int = 0, person: int = 0) -> PhotoLandmarks:
    """One person's landmarks from POSE_KEYPOINT; see `people_of_pose_keypoint` and `choose_person`."""
    return choose_person(people_of_pose_keypoint(frames, width, height, frame=frame), person)


def people_of_pose_keypoint(frames: Any, width: int, height: int, *, frame: int = 0) -> list[PhotoLandmarks]:
    """Everybody in POSE_KEYPOINT in any of its dialects, from the largest to the smallest; one person at least.

    In pixels of a `width` x `height` picture. Hands are given to the arm whose wrist is nearest, whatever they are
    called.

    Args:
        frames: the socket's list, or one frame of it.

    Raises:
        InputError: if there is no such frame or nobody in it, or a part does not have the size that OpenPose gives it.
    """
    chosen = _frame(frames, frame)
    people = [_read_person(person, chosen, width, height) for person in chosen.get("people") or ()]
    people = [parts for parts in people if any(part[:, 2].any() for part in parts.values())]
    if not people:
        raise InputError(
            "The wired-in keypoints (POSE_KEYPOINT) show no person. Check the pose detector's preview, or leave it out."
        )
    people.sort(key=lambda parts: -_area(torch.cat(list(parts.values()))))
    return [_to_landmarks(parts, width, height) for parts in people]


def choose_person(people: list[PhotoLandmarks], person: int) -> PhotoLandmarks:
    """The wanted one of the people, from the largest (0) to the smallest, with its messages.

    Raises:
        InputError: if there are fewer.
    """
    if not 0 <= person < len(people):
        raise InputError(
            f"Person {person} was asked for, but the wired-in keypoints show {len(people)}. "
            f"Choose 0 to {len(people) - 1} (0 is the largest)."
        )
    if len(people) > 1:
        _log.warning(
            "The wired-in keypoints show %d people: person %d is used (0 is the largest).", len(people), person
        )
    return people[person]


def person_of_face(people: list[PhotoLandmarks], face_box: tuple[float, float, float, float]) -> PhotoLandmarks:
    """The one of the people whose head lies in, or nearest to, a face's box (left, top, right, bottom).

    Raises:
        InputError: if no head lies within `MAX_HEAD_OFFSET` of the box.
    """
    left, top, right, bottom = face_box
    middle, half = torch.tensor([left + right, top + bottom]) / 2, torch.tensor([right - left, bottom - top]) / 2
    offsets: list[tuple[float, int]] = []
    for i, person in enumerate(people):
        head = torch.cat((person.face, person.body[:_NUM_HEAD_POINTS]))
        head = head[head[:, 2] > 0, :2]
        if len(head):
            offsets.append((((head.mean(0) - middle).abs() / half).max().item(), i))
    offset, nearest = min(offsets, default=(math.inf, 0))
    if offset > 1 + 2 * MAX_HEAD_OFFSET:
        raise InputError(
            f"None of the {len(people)} people in the wired-in keypoints (POSE_KEYPOINT) has the chosen face, which "
            f"spans x {left:.0f} to {right:.0f} and y {top:.0f} to {bottom:.0f}. Choose another face index, make the "
            "keypoints from the same photo, or leave them out."
        )
    if len(people) > 1:
        _log.warning(
            "The wired-in keypoints show %d people: person %d (0 is the largest) has the chosen face.",
            len(people),
            nearest,
        )
    return people[nearest]


def to_pose_keypoint(landmarks: PhotoLandmarks, *, min_confidence: float = 0.3) -> list[dict[str, Any]]:
    """One frame of POSE_KEYPOINT as every reader takes it: pixels, confidence 0 or 1, zeros where unseen.

    The 70th and 69th face points are the left and right iris.
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
    face[:_NUM_JAW, 2] = (face[:_NUM_JAW, 2] / _JAW_TRUST).clamp(max=1) * (face[:_NUM_JAW, 2] > 0)
    person = {
        "pose_keypoints_2d": flat(torch.stack([body[name] for name in OPENPOSE_18])),
        "face_keypoints_2d": flat(face),
        "hand_left_keypoints_2d": flat(landmarks.left_hand),
        "hand_right_keypoints_2d": flat(landmarks.right_hand),
    }
    return [{"canvas_width": landmarks.width, "canvas_height": landmarks.height, "people": [person]}]


def from_face_landmarks(
    detection: Any, width: int, height: int, *, frame: int = 0, face_index: int = 0
) -> PhotoLandmarks:
    """The 478 face points from FACE_LANDMARKS, what ComfyUI's Detect Face Landmarks (MediaPipe) node gives.

    Raises:
        InputError: if it holds no such frame or face, or is no FACE_LANDMARKS.
    """
    frames = detection.get("frames") if isinstance(detection, Mapping) else None
    size = detection.get("image_size") if isinstance(detection, Mapping) else None
    if frames is None or size is None:
        raise InputError("The wired-in FACE_LANDMARKS lack `frames` or `image_size`. Wire Detect Face Landmarks in.")
    if not 0 <= frame < len(frames):
        raise InputError(f"Frame {frame} was asked for, but the wired-in FACE_LANDMARKS hold {len(frames)}.")
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


def _frame(frames: Any, frame: int) -> Mapping[str, Any]:
    if isinstance(frames, Mapping):
        frames = [frames]
    if not isinstance(frames, Sequence) or not all(isinstance(one, Mapping) for one in frames):
        raise InputError("POSE_KEYPOINT must be a list of frames with `people`. Wire a pose detector's keypoints in.")
    if not 0 <= frame < len(frames):
        raise InputError(f"Frame {frame} was asked for, but the wired-in keypoints hold {len(frames)}.")
    return frames[frame]


def _read_person(
    person: Mapping[str, Any], frame: Mapping[str, Any], width: int, height: int
) -> dict[str, Float[Tensor, "n 3"]]:
    """Parts in pixels of the picture; unseen points are zeros."""
    raw = {
        "body": _points(person.get("pose_keypoints_2d"), "pose_keypoints_2d", (18, 25)),
        "face": _points(person.get("face_keypoints_2d"), "face_keypoints_2d", (68, 70)),
        "hand_left": _points(person.get("hand_left_keypoints_2d"), "hand_left_keypoints_2d", (21,)),
        "hand_right": _points(person.get("hand_right_keypoints_2d"), "hand_right_keypoints_2d", (21,)),
    }
    seen = torch.cat([part[part[:, 2] > 0, :2] for part in raw.values()])
    # A person in pixels is never smaller than two pixels; one in shares of the canvas never leaves it so far.
    in_shares = len(seen) > 0 and seen.abs().max() <= 2.0
    canvas = (1.0, 1.0) if in_shares else (frame.get("canvas_width") or width, frame.get("canvas_height") or height)
    scale = torch.tensor([width / canvas[0], height / canvas[1], 1.0])
    parts = {name: part * scale for name, part in raw.items()}
    names = OPENPOSE_18 if len(parts["body"]) == 18 else OPENPOSE_25
    order = [names.index(name) for name in BODY_POINTS]
    parts["body"] = parts["body"][order]
    return parts


def _to_landmarks(parts: dict[str, Float[Tensor, "n 3"]], width: int, height: int) -> PhotoLandmarks:
    left_hand, right_hand = _hands_by_wrist(parts["body"], parts["hand_left"], parts["hand_right"])
    return PhotoLandmarks(
        width=width,
        height=height,
        face=_face_478(parts["face"]),
        body=parts["body"],
        left_hand=left_hand,
        right_hand=right_hand,
        source="POSE_KEYPOINT",
    )


def _points(values: Any, name: str, counts: tuple[int, ...]) -> Float[Tensor, "n 3"]:
    if values is None or len(values) == 0:
        return no_points(counts[0])
    points = torch.as_tensor([0.0 if v is None else v for v in _flatten(values)], dtype=torch.float32)
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


def _area(points: Float[Tensor, "n 3"]) -> float:
    seen = points[points[:, 2] > 0, :2]
    return math.prod((seen.amax(0) - seen.amin(0) + 1).tolist())


def _face_478(face: Float[Tensor, "n 3"]) -> Float[Tensor, "478 3"]:
    points = no_points(NUM_FACE_POINTS)
    points[list(FACE_68_TO_MEDIAPIPE)] = face[:68]
    points[list(FACE_68_TO_MEDIAPIPE[:_NUM_JAW]), 2] *= _JAW_TRUST
    if len(face) == 70:
        for pupil in face[68:]:
            # Which pupil comes first differs: it belongs to the eye it lies in.
            eyes = {RIGHT_IRIS: face[36:42], LEFT_IRIS: face[42:48]}
            near = {
                iris: (eye[:, :2].mean(0) - pupil[:2]).norm().item() for iris, eye in eyes.items() if eye[:, 2].all()
            }
            if near and pupil[2] > 0:
                points[min(near, key=lambda iris: near[iris])] = pupil
    return points


def _hands_by_wrist(
    body: Float[Tensor, "17 3"], left: Float[Tensor, "21 3"], right: Float[Tensor, "21 3"]
) -> tuple[Float[Tensor, "21 3"], Float[Tensor, "21 3"]]:
    """The hands as (left, right), exchanged if that brings them nearer to the wrists (or, unseen, the elbows)."""
    for joint in ("wrist", "elbow"):
        arms = [body[BODY_POINTS.index(f"{side}_{joint}")] for side in ("left", "right")]
        named, exchanged = _distances(arms, (left, right)), _distances(arms, (right, left))
        if named and len(named) == len(exchanged):
            return (right, left) if sum(exchanged) < sum(named) else (left, right)
    return left, right


def _distances(arms: list[Tensor], hands: tuple[Tensor, Tensor]) -> list[float]:
    """Pixels between each arm and its hand where both are seen."""
    return [
        (arm[:2] - hand[hand[:, 2] > 0][0, :2]).norm().item()
        for arm, hand in zip(arms, hands)
        if arm[2] > 0 and hand[:, 2].any()
    ]
