"""Landmarks of one person through a clip from what other nodes have found in its frames."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import reduce
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import InputError
from .clip_frames import unseen
from .dwposes import num_frames as num_dwpose_frames
from .dwposes import people_of_dwposes
from .landmarks import PhotoLandmarks, merge_landmarks
from .people import choose_person
from .pose_keypoint import from_face_landmarks, num_face_frames, people_of_pose_keypoint
from .pose_keypoint import num_frames as num_pose_frames

MAX_STEP = 1.0
"""A person whose middle lies further from where it was last, in its sizes, is another one."""

Box = tuple[float, float, float, float]


class PersonFollower:
    """Finds the same person in one frame after the other."""

    def __init__(self, index: int) -> None:
        self._index = index
        self._last: Box | None = None

    def choose(self, people: list[PhotoLandmarks], with_face: bool) -> PhotoLandmarks | None:
        """The person among the people of the next frame.

        The first frame with people, or with faces if those are wanted, decides which: the index counts from the
        largest there.

        Raises:
            InputError: if that frame shows fewer.
        """
        usable = [one for one in people if not with_face or one.face[:, 2].any()]
        if not usable:
            return None
        if self._last is None:
            chosen = choose_person(usable, self._index)
        else:
            distance, chosen = min(
                ((_distance(self._last, _box(one)), one) for one in usable), key=lambda pair: pair[0]
            )
            if distance > MAX_STEP:
                return None
        self._last = _box(chosen)
        return chosen


def keypoint_clip(
    *, pose_keypoint: Any = None, dwposes: Any = None, width: int = 0, height: int = 0, person: int = 0
) -> list[PhotoLandmarks]:
    """One person in keypoints of many frames that come without their pictures; unseen where the person is not there.

    Args:
        width: pixels of the pictures that they were made from; 0 takes POSE_KEYPOINT's canvas.
        height: likewise.
        person: which one of the first frame with a face, from the largest (0) to the smallest.

    Raises:
        InputError: if not one of the two is given, the size is unknown, or they hold no such person.
    """
    if (pose_keypoint is None) == (dwposes is None):
        raise InputError("Wire either pose_keypoint or dwposes in, not both and not neither.")
    width, height = (width, height) if width and height else _canvas(pose_keypoint)
    if pose_keypoint is not None:
        people = [
            people_of_pose_keypoint(pose_keypoint, width, height, frame=i)
            for i in range(num_pose_frames(pose_keypoint))
        ]
    else:
        people = [people_of_dwposes(dwposes, width, height, frame=i) for i in range(num_dwpose_frames(dwposes))]
    follower = PersonFollower(person)
    frames = [follower.choose(each, with_face=True) for each in people]
    return [frame if frame is not None else unseen(width, height, "keypoints") for frame in frames]


def _canvas(pose_keypoint: Any) -> tuple[int, int]:
    if pose_keypoint is not None and num_pose_frames(pose_keypoint):
        first = pose_keypoint[0] if not isinstance(pose_keypoint, Mapping) else pose_keypoint
        width, height = (round(float(first.get(name) or 0)) for name in ("canvas_width", "canvas_height"))
        # Some makers give coordinates in shares and a canvas of 1 x 1.
        if min(width, height) > 1:
            return width, height
    raise InputError(
        "The keypoints do not tell the size of their pictures. Set width and height to that of the video they were "
        "made from."
    )


def wired_landmarks(
    frames: Iterable[Float[Tensor, "3 h w"]],
    *,
    pose_keypoint: Any,
    face_landmarks: Any,
    face_index: int,
    detect: Callable[[Iterable[Tensor]], Iterator[PhotoLandmarks]],
    can_see_bodies: bool,
) -> Iterator[PhotoLandmarks]:
    """Landmarks of a clip whose frames have POSE_KEYPOINT, FACE_LANDMARKS or both; see `detect_clip.clip_landmarks`.

    Args:
        detect: finds what the wired-in data lack: the face, or the body where it can see that.

    Raises:
        InputError: if they are of fewer frames than the clip.
    """
    missing = _Missing(pose_keypoint, face_landmarks)
    if not (missing.faces or (missing.bodies and can_see_bodies)):
        for index, frame in enumerate(frames):
            yield missing.wired(index, frame, face_index)
        return
    held: list[Tensor] = []

    def hold() -> Iterator[Tensor]:
        for frame in frames:
            held.append(frame)
            yield frame

    for index, found in enumerate(detect(hold())):
        wired = missing.wired(index, held.pop(0), face_index)
        yield _completed(wired, found)


class _Missing:
    """The wired-in data of a clip and what they lack."""

    def __init__(self, pose_keypoint: Any, face_landmarks: Any) -> None:
        self._pose, self._face = pose_keypoint, face_landmarks
        self._poses: PersonFollower | None = None
        self._faces: PersonFollower | None = None
        self._pose_frames = num_pose_frames(pose_keypoint) if pose_keypoint is not None else 0
        self._face_frames = num_face_frames(face_landmarks) if face_landmarks is not None else 0
        self._has_faces = face_landmarks is not None or any(
            one.face[:, 2].any()
            for frame in range(self._pose_frames)
            for one in people_of_pose_keypoint(pose_keypoint, 1, 1, frame=frame)
        )

    @property
    def faces(self) -> bool:
        return not self._has_faces

    @property
    def bodies(self) -> bool:
        return self._pose is None

    def wired(self, index: int, frame: Tensor, face_index: int) -> PhotoLandmarks:
        """The person's landmarks in a frame, as far as they are wired in."""
        height, width = frame.shape[-2:]
        self._poses = self._poses or PersonFollower(face_index)
        self._faces = self._faces or PersonFollower(face_index)
        found: list[PhotoLandmarks] = []
        if self._face is not None:
            self._check("FACE_LANDMARKS", index, self._face_frames)
            face = self._faces.choose(_faces(self._face, width, height, index), with_face=True)
            found += [] if face is None else [face]
        if self._pose is not None:
            self._check("POSE_KEYPOINT", index, self._pose_frames)
            people = people_of_pose_keypoint(self._pose, width, height, frame=index)
            person = _nearest(people, found[0]) if found else self._poses.choose(people, with_face=self._has_faces)
            found += [] if person is None else [person]
        return reduce(merge_landmarks, found) if found else unseen(width, height, "wired-in keypoints")

    @staticmethod
    def _check(name: str, index: int, num_frames: int) -> None:
        if index >= num_frames:
            raise InputError(
                f"The wired-in {name} hold {num_frames} frames, the clip more. Make them from the same frames."
            )


def _faces(detection: Any, width: int, height: int, frame: int) -> list[PhotoLandmarks]:
    """Every face of a frame of FACE_LANDMARKS, from the largest to the smallest."""
    alone = [{**detection, "frames": [[face]]} for face in detection["frames"][frame]]
    faces = [from_face_landmarks(one, width, height) for one in alone]
    return sorted(faces, key=lambda face: -_size(_box(face)))


def _nearest(people: list[PhotoLandmarks], face: PhotoLandmarks) -> PhotoLandmarks | None:
    """The person whose head is where the face is."""
    box = _box(face)
    heads = [(distance, i) for i, one in enumerate(people) if (distance := _head_distance(one, box)) < MAX_STEP]
    return people[min(heads)[1]] if heads else None


def _head_distance(person: PhotoLandmarks, box: Box) -> float:
    points = torch.cat((person.face, person.body[:5]))
    seen = points[points[:, 2] > 0, :2]
    if len(seen) == 0:
        return float("inf")
    x, y = seen.mean(0).tolist()
    return _distance(box, (x, y, x, y))


def _completed(wired: PhotoLandmarks, found: PhotoLandmarks) -> PhotoLandmarks:
    """What is wired in, and what it lacks from the detection, if that sees the same person."""
    if not found.face[:, 2].any():
        return wired
    if wired.face[:, 2].any() and _distance(_box(found), wired.face_box) > MAX_STEP / 2:
        return wired
    if not wired.face[:, 2].any() and _head_distance(wired, _box(found)) > MAX_STEP:
        return found
    return merge_landmarks(wired, found)


def _box(person: PhotoLandmarks) -> Box:
    """Of the face, else of everything that is seen."""
    if person.face[:, 2].any():
        return person.face_box
    points = torch.cat((person.body, person.left_hand, person.right_hand))
    seen = points[points[:, 2] > 0, :2]
    (left, top), (right, bottom) = seen.amin(0).tolist(), seen.amax(0).tolist()
    return left, top, right, bottom


def _size(box: Box) -> float:
    return max(box[2] - box[0], box[3] - box[1], 1e-6)


def _distance(a: Box, b: Box) -> float:
    """Between the middles, in sizes of the first."""
    return max(abs(a[0] + a[2] - b[0] - b[2]), abs(a[1] + a[3] - b[1] - b[3])) / 2 / _size(a)
