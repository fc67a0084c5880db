"""Landmarks and joints in space from core's MHR_POSE_DATA, what ComfyUI's own SAM 3D Body nodes give.

`{frames: [[person]], image_size: (height, width), faces, ...}`; a person holds `pred_keypoints_2d [70 2]` in pixels,
`pred_keypoints_3d [70 3]` and `pred_cam_t [3]` in metres and `focal_length` in pixels. Their camera looks along +Z with
Y down and its axis through the picture's middle: `pred_keypoints_2d = focal * (x, y) / z + size / 2` of keypoints_3d
plus cam_t (facebookresearch/sam-3d-body, `camera_head.py` and `mhr_head.py`). Ours looks along -Z with Y up.

The order of the 70 keypoints is that of `metadata/mhr70.py` there; each finger goes from its tip to its base.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import InputError
from .fit_joints3d import Joints3d
from .landmarks import BODY_POINTS, NUM_FACE_POINTS, PhotoLandmarks, no_points
from .people import nearest_head

_FINGERS = ("thumb", "index", "middle", "ring", "pinky")


def _hand(side: str) -> tuple[str, ...]:
    """A hand's keypoints in MHR's order; numbers count from the palm, as in COCO-WholeBody: 4 is the tip."""
    return (*(f"{side}_{finger}{i}" for finger in _FINGERS for i in (4, 3, 2, 1)), f"{side}_wrist")


MHR_70: tuple[str, ...] = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear",
    "left_shoulder", "right_shoulder", "left_elbow", "right_elbow",
    "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
    "left_big_toe", "left_small_toe", "left_heel", "right_big_toe", "right_small_toe", "right_heel",
    *_hand("right"), *_hand("left"),
    "left_olecranon", "right_olecranon", "left_cubital_fossa", "right_cubital_fossa",
    "left_acromion", "right_acromion", "neck",
)  # fmt: skip
_INDEX = {name: i for i, name in enumerate(MHR_70)}
_HAND_21 = ("wrist", *(f"{finger}{i}" for finger in _FINGERS for i in (1, 2, 3, 4)))
_JOINTS = (
    "neck",
    *(f"{side}_{joint}" for side in ("left", "right") for joint in ("shoulder", "elbow", "wrist", "hip")),
    *(f"{side}_{finger}{i}" for side in ("left", "right") for finger in _FINGERS for i in (1, 2, 3)),
)
"""Those that are SMPL-X joints too. The head is not among them: no keypoint lies where the skull meets the neck."""

BODY_CONFIDENCE, HAND_CONFIDENCE, UNSEEN_CONFIDENCE = 0.8, 0.6, 0.3
"""SAM 3D Body gives no scores and guesses what is hidden; the last is for joints in space beyond the picture."""
_DEFAULT_FOCAL_TOLERANCE = 1e-3
_MAX_STRETCH = 1.02


@dataclass(frozen=True, kw_only=True)
class MhrPerson:
    """One person of MHR_POSE_DATA."""

    landmarks: PhotoLandmarks
    """Body and hands; no face, which is better found in the photo."""
    joints3d: Joints3d
    fov_deg: float | None
    """The diagonal field of view that was given to SAM 3D Body; None where it took its default, which says nothing."""


def num_frames(mhr_pose_data: Any) -> int:
    """How many frames MHR_POSE_DATA holds.

    Raises:
        InputError: if it is no MHR_POSE_DATA.
    """
    return len(_frames(mhr_pose_data))


def people_of_mhr(mhr_pose_data: Any, width: int, height: int, *, frame: int = 0) -> list[MhrPerson]:
    """Everybody in one frame of MHR_POSE_DATA, in its order, in pixels of a `width` x `height` picture.

    Raises:
        InputError: if it is no MHR_POSE_DATA, holds no such frame, lacks what is needed, or was made from a picture of
            another shape.
    """
    frames = _frames(mhr_pose_data)
    if not 0 <= frame < len(frames):
        raise InputError(f"Frame {frame} was asked for, but the wired-in MHR_POSE_DATA hold {len(frames)}.")
    size = _array(mhr_pose_data, "image_size", (2,))
    if not (size >= 1).all():
        raise InputError(f"image_size in MHR_POSE_DATA must be height and width in pixels. Got {size.tolist()}.")
    own_height, own_width = size.tolist()
    stretch = (width / own_width) / (height / own_height)
    if not 1 / _MAX_STRETCH < stretch < _MAX_STRETCH:
        raise InputError(
            f"The wired-in MHR_POSE_DATA were made from a picture of {own_width:.0f} x {own_height:.0f} px, but the "
            f"portrait has {width} x {height}. Make them from the same photo."
        )
    return [_person(person, own_width, own_height, width, height) for person in frames[frame]]


def space_of_mhr(mhr_pose_data: Any, landmarks: PhotoLandmarks) -> tuple[Joints3d | None, float | None]:
    """What `fit_photo` takes besides the landmarks, `joints3d` and `fov_deg`, of the person who has that face.

    None for both where no MHR_POSE_DATA is given.

    Raises:
        InputError: see `people_of_mhr` and `people.nearest_head`.
    """
    if mhr_pose_data is None:
        return None, None
    people = people_of_mhr(mhr_pose_data, landmarks.width, landmarks.height)
    person = people[nearest_head([one.landmarks for one in people], landmarks.face_box)]
    return person.joints3d, person.fov_deg


def _frames(mhr_pose_data: Any) -> Sequence[Sequence[Any]]:
    frames = mhr_pose_data.get("frames") if isinstance(mhr_pose_data, Mapping) else None
    if not isinstance(frames, Sequence) or not all(isinstance(frame, Sequence) for frame in frames):
        raise InputError(
            "MHR_POSE_DATA must be {frames: [[person]], image_size}. Wire ComfyUI's Predict SAM3D Body node in."
        )
    return frames


def _person(person: Any, own_width: float, own_height: float, width: int, height: int) -> MhrPerson:
    if not isinstance(person, Mapping):
        raise InputError(f"Each person in MHR_POSE_DATA must be a dict. Got {type(person).__name__}.")
    scale = torch.tensor([width / own_width, height / own_height])
    flat = _array(person, "pred_keypoints_2d", (len(MHR_70), 2)) * scale
    space = _array(person, "pred_keypoints_3d", (len(MHR_70), 3)) * torch.tensor([1.0, -1.0, -1.0])
    focal_px = _array(person, "focal_length", (1,)).item()
    if focal_px <= 0:
        raise InputError(f"focal_length in MHR_POSE_DATA must be positive. Got {focal_px:g}.")
    inside = ((flat >= 0) & (flat <= torch.tensor([width, height]))).all(1)

    def points(names: tuple[str, ...], confidence: float) -> Float[Tensor, "n 3"]:
        rows = [_INDEX[name] for name in names]
        return torch.cat((flat[rows], inside[rows, None] * confidence), 1)

    landmarks = PhotoLandmarks(
        width=width,
        height=height,
        face=no_points(NUM_FACE_POINTS),
        body=points(BODY_POINTS, BODY_CONFIDENCE),
        left_hand=points(tuple(f"left_{name}" for name in _HAND_21), HAND_CONFIDENCE),
        right_hand=points(tuple(f"right_{name}" for name in _HAND_21), HAND_CONFIDENCE),
        source="MHR_POSE_DATA",
    )
    rows = [_INDEX[name] for name in _JOINTS]
    hips = space[[_INDEX["left_hip"], _INDEX["right_hip"]]].mean(0, keepdim=True)
    sure = torch.where(inside, 1.0, UNSEEN_CONFIDENCE)
    hip_sure = sure[[_INDEX["left_hip"], _INDEX["right_hip"]]].amin()[None]
    diagonal = math.hypot(own_width, own_height)
    default = abs(focal_px / diagonal - 1) < _DEFAULT_FOCAL_TOLERANCE
    return MhrPerson(
        landmarks=landmarks,
        joints3d=Joints3d(
            names=(*_JOINTS, "pelvis"),
            positions=torch.cat((space[rows], hips)),
            confidence=torch.cat((sure[rows], hip_sure)),
        ),
        fov_deg=None if default else math.degrees(2 * math.atan(diagonal / 2 / focal_px)),
    )


def _array(source: Mapping[str, Any], name: str, shape: tuple[int, ...]) -> Tensor:
    """A finite array of the wanted shape; single numbers may come with or without axes."""
    values = source.get(name)
    if values is None:
        raise InputError(f"The wired-in MHR_POSE_DATA lack {name}. Wire ComfyUI's Predict SAM3D Body node in.")
    try:
        array = torch.from_numpy(np.array(values, dtype=np.float32))
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"{name} in MHR_POSE_DATA must be numbers ({error}).") from error
    if array.numel() == 1 and shape == (1,):
        array = array.reshape(1)
    if array.shape != shape:
        raise InputError(f"{name} in MHR_POSE_DATA must have the shape {list(shape)}. Got {list(array.shape)}.")
    if not array.isfinite().all():
        raise InputError(f"{name} in MHR_POSE_DATA must be finite. Got NaN or infinity.")
    return array
