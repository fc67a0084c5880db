"""Where a photo shows the face, the joints and the fingers of one person.

`detect_landmarks` finds them with what is installed; `pose_keypoint` reads those that another tool has found.
"""

from __future__ import annotations

import importlib.util
import logging
import math
import sys
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import InputError
from ..image import check_portrait
from ..progress import Progress, silent

BODY_POINTS: tuple[str, ...] = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear",
    "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
    "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
)  # fmt: skip
"""COCO's 17, in its order. Sides are the subject's."""

NUM_FACE_POINTS, NUM_HAND_POINTS = 478, 21
RIGHT_IRIS, LEFT_IRIS = 468, 473
"""Iris centres among the face points; each is followed by four points of its rim."""
RIGHT_EYE_CORNERS, LEFT_EYE_CORNERS = (33, 133), (263, 362)
"""Outer and inner corner."""
MIN_FACE_PX = 24
"""A narrower face is refused."""

SOURCES = ("auto", "mediapipe", "cascade")
CASCADE = "frontal-face cascade"
"""`PhotoLandmarks.source` of what the cascade found."""
NO_FACE = (
    "No face was found in the portrait. Use a sharp photo of a person that shows the whole face, upright, not turned "
    "more than 60 degrees, without a hand or mask over it."
)
MEDIAPIPE_PYTHONS = (3, 10), (3, 12)
"""The Python versions, first and last, that mediapipe 0.10.21 exists for and this project runs on."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class PhotoLandmarks:
    """Points of one person: x and y in pixels (pixel centres at +0.5, y downwards) and confidence, 0 to 1.

    Confidence 0 means that the point was not seen; its position then says nothing.
    """

    width: int
    height: int
    face: Float[Tensor, "478 3"]
    """In MediaPipe's order; 468 to 472 are the right iris, 473 to 477 the left."""
    body: Float[Tensor, "17 3"]
    """In the order of `BODY_POINTS`."""
    left_hand: Float[Tensor, "21 3"]
    """Wrist, then four points of each finger from the thumb to the little finger, base to tip."""
    right_hand: Float[Tensor, "21 3"]
    source: str
    """What found them, for messages and previews."""
    followed: Float[Tensor, "n 3"] = field(default_factory=lambda: torch.zeros(0, 3))
    """Points of a clip's reference frame, where this one shows them; `follow.Follower` finds them."""

    def __post_init__(self) -> None:
        for name in ("face", "body", "left_hand", "right_hand"):
            if not torch.isfinite(getattr(self, name)).all():
                raise ValueError(f"PhotoLandmarks.{name} must be finite. Got NaN or infinity.")

    def point(self, name: str) -> Float[Tensor, "3"]:
        """A body point by its name."""
        return self.body[BODY_POINTS.index(name)]

    @property
    def face_box(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom of the face points that were seen.

        Raises:
            InputError: if none was seen.
        """
        seen = self.face[self.face[:, 2] > 0, :2]
        if len(seen) == 0:
            raise InputError(NO_FACE)
        (left, top), (right, bottom) = seen.amin(0).tolist(), seen.amax(0).tolist()
        return left, top, right, bottom

    @property
    def eye_distance(self) -> float:
        """Pixels between the centres of the eyes (each the middle of its two corners)."""
        corners = self.face[list(RIGHT_EYE_CORNERS + LEFT_EYE_CORNERS), :2]
        return (corners[:2].mean(0) - corners[2:].mean(0)).norm().item()

    @property
    def roll_deg(self) -> float:
        """How far the line through the eyes is turned in the picture: 0 upright, positive clockwise, -180 to 180."""
        corners = self.face[list(RIGHT_EYE_CORNERS + LEFT_EYE_CORNERS), :2]
        across = corners[2:].mean(0) - corners[:2].mean(0)
        return math.degrees(math.atan2(across[1].item(), across[0].item()))

    def resized(self, width: int, height: int) -> PhotoLandmarks:
        """The same points on another pixel grid."""
        scale = torch.tensor([width / self.width, height / self.height, 1.0])
        scaled = {name: getattr(self, name) * scale for name in ("face", "body", "left_hand", "right_hand")}
        return replace(self, width=width, height=height, **scaled)


def no_points(count: int) -> Float[Tensor, "n 3"]:
    """Points that were not seen."""
    return torch.zeros(count, 3)


def merge_landmarks(first: PhotoLandmarks, second: PhotoLandmarks) -> PhotoLandmarks:
    """All points of `first`, and the groups (face, body, each hand) that it lacks from `second`."""
    if (first.width, first.height) != (second.width, second.height):
        second = second.resized(first.width, first.height)
    filled = {
        name: getattr(second, name)
        for name in ("face", "body", "left_hand", "right_hand")
        if getattr(first, name)[:, 2].sum() == 0 and getattr(second, name)[:, 2].sum() > 0
    }
    if not filled:
        return first
    return replace(first, source=f"{first.source} + {second.source} ({', '.join(filled)})", **filled)


def detect_landmarks(
    image: Float[Tensor, "3 h w"], *, source: str = "auto", face_index: int = 0, progress: Progress = silent
) -> PhotoLandmarks:
    """Find one person's landmarks in a photo with what is installed; `source` of the result names the tool.

    Args:
        image: sRGB, 0 to 1.
        source: `mediapipe`; `cascade` for the frontal-face cascade, which assumes an upright frontal head and finds
            no body; or `auto` for the first of these that is there.
        face_index: which face, from the largest (0) to the smallest.
        progress: called before each look at the picture.

    Raises:
        InputError: if there is no such face, it is too small or turned away, or the portrait or tool cannot be used.
    """
    from .face_doubts import doubt_face

    if source not in SOURCES:
        raise ValueError(f"source must be one of {', '.join(SOURCES)}. Got {source!r}.")
    pixels = _to_bytes(check_portrait(image))
    progress(0, 1)
    missing = why_no_mediapipe() if source != "cascade" else None
    if source == "mediapipe" and missing:
        raise InputError(f"{missing} {how_to_get_mediapipe()}")
    if source == "cascade" or missing:
        from .detect_cascade import detect

        if missing:
            _log.warning(
                "%s The frontal-face cascade stands in for it: it assumes a frontal, upright face and sees neither "
                "expression, arms nor hands. For a better fit wire POSE_KEYPOINT or FACE_LANDMARKS in. %s",
                missing,
                how_to_get_mediapipe(),
            )
    else:
        from .detect_mediapipe import detect
    found = doubt_face(detect(pixels, face_index, progress), pixels, detected=True)
    _warn_without_body(found)
    return found


def gather_landmarks(
    image: Float[Tensor, "3 h w"],
    *,
    pose_keypoint: Any = None,
    dwposes: Any = None,
    mhr_pose_data: Any = None,
    face_landmarks: Any = None,
    source: str = "auto",
    face_index: int = 0,
    progress: Progress = silent,
) -> PhotoLandmarks:
    """The landmarks that are wired in, completed by detection where they lack the face or the body.

    The face is chosen first, in FACE_LANDMARKS, else POSE_KEYPOINT, else DWPOSES, else the portrait; then in each the
    body whose head lies in it, which counts in the order of the arguments.

    Args:
        pose_keypoint: POSE_KEYPOINT in any dialect; face, body and hands.
        dwposes: kijai's DWPOSES; face, body and hands.
        mhr_pose_data: core's MHR_POSE_DATA; body and hands (`mhr.person_of_mhr` gives what it knows besides).
        face_landmarks: core's FACE_LANDMARKS; its 478 points go before the 68 of the others.
        source: as for `detect_landmarks`; with `cascade` no body is looked for.
        face_index: which face, from the largest (0) to the smallest; in keypoints, which person with a face.
        progress: called before each look at the picture.

    Raises:
        InputError: if the wired-in data or the portrait cannot be used, or the data show several frames, nobody, or
            not the chosen person.
    """
    from .face_doubts import doubt_face
    from .people import choose_person, person_of_face
    from .pose_keypoint import from_face_landmarks, num_face_frames

    if source not in SOURCES:
        raise ValueError(f"source must be one of {', '.join(SOURCES)}. Got {source!r}.")
    image = check_portrait(image)
    progress(0, 1)
    height, width = image.shape[-2:]
    wired = _wired_people(width, height, pose_keypoint, dwposes, mhr_pose_data)
    with_face = next((seen for people in wired if (seen := [one for one in people if one.face[:, 2].any()])), [])
    chosen = None
    if face_landmarks is not None:
        _check_one_frame("FACE_LANDMARKS", num_face_frames(face_landmarks))
        face = from_face_landmarks(face_landmarks, width, height, face_index=face_index)
        face = doubt_face(face, _to_bytes(image), detected=False)
    elif with_face:
        chosen = choose_person(with_face, face_index)
        face = doubt_face(chosen, _to_bytes(image), detected=False)
    else:
        if pose_keypoint is not None or dwposes is not None:
            _log.warning("The wired-in keypoints show no face: it is looked for in the portrait.")
        face = detect_landmarks(image, source=source, face_index=face_index, progress=progress)
    bodies = [
        face
        if any(one is chosen for one in people)
        else replace(person_of_face(people, face.face_box), face=no_points(NUM_FACE_POINTS))
        for people in wired
    ]
    whole = reduce(merge_landmarks, [*bodies, face])
    if not whole.body[:, 2].any() and (wired or face_landmarks is not None):
        if source != "cascade" and why_no_mediapipe() is None:
            from .detect_mediapipe import detect_body

            whole = merge_landmarks(whole, detect_body(_to_bytes(image), whole.face_box, progress))
        _warn_without_body(whole)
    _log.info("Landmarks by %s.", whole.source)
    return whole


def _wired_people(
    width: int, height: int, pose_keypoint: Any, dwposes: Any, mhr_pose_data: Any
) -> list[list[PhotoLandmarks]]:
    """The people in each of the wired-in kinds of keypoints, one at least."""
    from . import dwposes as dwpose
    from . import mhr
    from . import pose_keypoint as openpose

    wired: list[tuple[str, list[PhotoLandmarks]]] = []
    if pose_keypoint is not None:
        _check_one_frame("POSE_KEYPOINT", openpose.num_frames(pose_keypoint))
        wired.append(("POSE_KEYPOINT", openpose.people_of_pose_keypoint(pose_keypoint, width, height)))
    if dwposes is not None:
        _check_one_frame("DWPOSES", dwpose.num_frames(dwposes))
        wired.append(("DWPOSES", dwpose.people_of_dwposes(dwposes, width, height)))
    if mhr_pose_data is not None:
        _check_one_frame("MHR_POSE_DATA", mhr.num_frames(mhr_pose_data))
        people = [person.landmarks for person in mhr.people_of_mhr(mhr_pose_data, width, height)]
        wired.append(("MHR_POSE_DATA", people))
    for name, people in wired:
        if not people:
            raise InputError(
                f"The wired-in keypoints ({name}) show no person. Check the pose detector's preview, or leave them out."
            )
    return [people for _, people in wired]


def _check_one_frame(name: str, num_frames: int) -> None:
    if num_frames != 1:
        raise InputError(
            f"The wired-in {name} hold {num_frames} frames, but the portrait is one photo. Make them from that photo "
            "alone."
        )


def check_face_width(width_px: float) -> None:
    """Nothing, for a face that is wide enough.

    Raises:
        InputError: if it is narrower than `MIN_FACE_PX`.
    """
    if width_px < MIN_FACE_PX:
        raise InputError(
            f"The face is too small: {width_px:.0f} px wide. It needs {MIN_FACE_PX} px at least, 100 px or more "
            "for a good result. Use a larger photo or crop it closer."
        )


def _to_bytes(image: Float[Tensor, "3 h w"]) -> np.ndarray:
    """`h w 3` bytes."""
    return (image.detach().cpu().clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()


def _warn_without_body(landmarks: PhotoLandmarks) -> None:
    if not landmarks.body[:, 2].any():
        _log.warning("No point of the body is known: shoulders and arms will be guessed.")


def choose_face(boxes: list[tuple[float, float, float, float]], face_index: int) -> tuple[float, float, float, float]:
    """The wanted one of the face boxes (left, top, right, bottom), counted from the largest, with its messages.

    Raises:
        InputError: if there is none, or fewer than wanted, or it is narrower than `MIN_FACE_PX`.
    """
    if not boxes:
        raise InputError(NO_FACE)
    boxes = sorted(boxes, key=lambda box: -(box[2] - box[0]) * (box[3] - box[1]))
    if not 0 <= face_index < len(boxes):
        raise InputError(
            f"Face {face_index} was asked for, but the portrait shows {len(boxes)} "
            f"face{'s' if len(boxes) > 1 else ''}. Choose 0 to {len(boxes) - 1} (0 is the largest)."
        )
    if len(boxes) > 1:
        _log.warning(
            "The portrait shows %d faces: face %d is used (0 is the largest). Choose another with the face index.",
            len(boxes),
            face_index,
        )
    box = boxes[face_index]
    check_face_width(box[2] - box[0])
    return box


def how_to_get_mediapipe(python: tuple[int, int] = sys.version_info[:2]) -> str:
    """A sentence that tells the user of this version of Python what to do where mediapipe cannot be used."""
    first, last = MEDIAPIPE_PYTHONS
    if not first <= python <= last:
        return (
            f"mediapipe 0.10.21 exists only for Python {first[0]}.{first[1]} to {last[0]}.{last[1]}, and this is "
            f"Python {python[0]}.{python[1]}: wire ComfyUI's Detect Face Landmarks (MediaPipe) node into "
            "face_landmarks instead."
        )
    return (
        "Install it with: pip install --no-deps mediapipe==0.10.21; "
        'pip install "protobuf>=4.25.3,<5" absl-py attrs flatbuffers sounddevice matplotlib'
    )


def why_no_mediapipe() -> str | None:
    """A sentence about what is wrong with the mediapipe package, or None if it can be used."""
    if importlib.util.find_spec("mediapipe") is None:
        return "The package mediapipe is not installed."
    try:
        import mediapipe
    except (ImportError, AttributeError, TypeError, ValueError, RuntimeError, OSError) as error:
        # ValueError: "numpy.dtype size changed", from a compiled part made for another numpy.
        return f"The package mediapipe is installed but cannot be imported ({error})."
    if not hasattr(mediapipe, "solutions"):
        return f"The package mediapipe {mediapipe.__version__} has no mp.solutions any more; 0.10.21 is needed."
    return None
