"""People as whole-body keypoints show them, whatever format these came in.

OpenPose's 18 body points, the 68 face points of Multi-PIE and two hands of 21 become `PhotoLandmarks`; and of several
people the one that is meant is chosen.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import InputError
from .landmarks import BODY_POINTS, LEFT_IRIS, NUM_FACE_POINTS, RIGHT_IRIS, PhotoLandmarks, no_points

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
NUM_JAW = 17
JAW_TRUST = 0.5
"""The jaw line of the 68 is the outline in the picture, which slides over the face when the head turns."""

MAX_HEAD_OFFSET = 0.5
"""How far outside a face's box, in its widths and heights, the middle of that person's head may lie."""
_NUM_HEAD_POINTS = BODY_POINTS.index("left_shoulder")
"""The nose, eyes and ears come first."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class PersonParts:
    """The points of one person in pixels, each with its confidence; zeros where unseen."""

    body: Float[Tensor, "17 3"]
    """In the order of `BODY_POINTS`."""
    face: Float[Tensor, "n 3"]
    """Multi-PIE's 68, and the two pupils in any order if there are 70."""
    left_hand: Float[Tensor, "21 3"]
    """By its name, which may be wrong."""
    right_hand: Float[Tensor, "21 3"]

    @property
    def seen(self) -> Float[Tensor, "n 2"]:
        """Where all points lie that were seen."""
        points = torch.cat((self.body, self.face, self.left_hand, self.right_hand))
        return points[points[:, 2] > 0, :2]

    def to_landmarks(self, width: int, height: int, source: str) -> PhotoLandmarks:
        """The points with MediaPipe's face, each hand at the arm whose wrist is nearest, whatever it is called."""
        left_hand, right_hand = _hands_by_wrist(self.body, self.left_hand, self.right_hand)
        return PhotoLandmarks(
            width=width,
            height=height,
            face=_face_478(self.face),
            body=self.body,
            left_hand=left_hand,
            right_hand=right_hand,
            source=source,
        )


def coco_body(points: Float[Tensor, "n 3"], names: tuple[str, ...]) -> Float[Tensor, "17 3"]:
    """OpenPose's body points, whose names are given, in COCO's order."""
    return points[[names.index(name) for name in BODY_POINTS]]


def largest_first(people: list[PersonParts], width: int, height: int, source: str) -> list[PhotoLandmarks]:
    """Those of the people who are seen at all, from the largest to the smallest."""
    seen = [person for person in people if len(person.seen)]
    seen.sort(key=lambda person: -math.prod((person.seen.amax(0) - person.seen.amin(0) + 1).tolist()))
    return [person.to_landmarks(width, height, source) for person in seen]


def choose_person(people: list[PhotoLandmarks], person: int) -> PhotoLandmarks:
    """The wanted one of the people, from the largest (0) to the smallest, with its messages.

    Raises:
        InputError: if there are fewer.
    """
    if not people:
        raise InputError("The wired-in keypoints show no person. Check the pose detector's preview, or leave them out.")
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
    """The one of the people whose head lies in, or nearest to, a face's box, with a message; see `nearest_head`."""
    nearest = nearest_head(people, face_box)
    if len(people) > 1:
        _log.warning(
            "The wired-in keypoints show %d people: person %d (counted from 0) has the chosen face.",
            len(people),
            nearest,
        )
    return people[nearest]


def nearest_head(people: list[PhotoLandmarks], face_box: tuple[float, float, float, float]) -> int:
    """Which of the people has the head that lies in, or nearest to, a face's box (left, top, right, bottom).

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
        sources = ", ".join(dict.fromkeys(person.source for person in people))
        raise InputError(
            f"None of the {len(people)} people in the wired-in keypoints ({sources}) has the chosen face, which spans "
            f"x {left:.0f} to {right:.0f} and y {top:.0f} to {bottom:.0f}. Choose another face index, make the "
            "keypoints from the same photo, or leave them out."
        )
    return nearest


def _face_478(face: Float[Tensor, "n 3"]) -> Float[Tensor, "478 3"]:
    points = no_points(NUM_FACE_POINTS)
    points[list(FACE_68_TO_MEDIAPIPE)] = face[:68]
    points[list(FACE_68_TO_MEDIAPIPE[:NUM_JAW]), 2] *= JAW_TRUST
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
