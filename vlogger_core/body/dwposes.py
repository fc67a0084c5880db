"""Landmarks from DWPose's own arrays: the DWPOSES socket, and whole sequences in an npz file.

DWPOSES, as kijai's ComfyUI-SCAIL-Pose makes it, is `{poses: [frame], swap_hands}`; a frame is `{bodies: {candidate,
subset}, hands, faces, body_score, hand_score, face_score}`, coordinates as shares of the picture. What differs between
its makers: `candidate` as people x points or both in one axis; 18 body points, or feet after them; unseen points by
`subset` -1, by a low score, or at -1; hands as left and right, as right and left (`swap_hands`), all left ones before
all right ones, or only those that were seen; scores named in the singular or plural, above 1, or replaced by indices.
"""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import InputError
from .landmarks import BODY_POINTS, NUM_HAND_POINTS, PhotoLandmarks, no_points
from .people import OPENPOSE_18, PersonParts, coco_body, largest_first

MIN_SCORE = 0.3
"""Below it DWPose itself calls a point unseen."""
MAX_SHARE = 10.0
"""How many picture sizes from the corner a point may lie before it cannot be a share of the picture."""
_MAX_REAL_SCORE = 2.0
"""DWPose's scores reach 1.2; larger values are the indices that some makers put in their place."""
_NUM_FACE = (68, 70)
_ARRAYS = {
    "body": ("t", 18, 2),
    "body_score": ("t", 18),
    "hands": ("t", 2, NUM_HAND_POINTS, 2),
    "hands_score": ("t", 2, NUM_HAND_POINTS),
    "face": ("t", 68, 2),
    "face_score": ("t", 68),
}


def num_frames(dwposes: Any) -> int:
    """How many frames DWPOSES holds.

    Raises:
        InputError: if it is no DWPOSES.
    """
    return len(_frames(dwposes))


def people_of_dwposes(dwposes: Any, width: int, height: int, *, frame: int = 0) -> list[PhotoLandmarks]:
    """Everybody in one frame of DWPOSES, from the largest to the smallest, in pixels of a `width` x `height` picture.

    Empty where the frame shows nobody.

    Raises:
        InputError: if it is no DWPOSES, holds no such frame, or its arrays do not fit each other.
    """
    frames = _frames(dwposes)
    if not 0 <= frame < len(frames):
        raise InputError(f"Frame {frame} was asked for, but the wired-in DWPOSES hold {len(frames)}.")
    swapped = bool(dwposes.get("swap_hands", False)) if isinstance(dwposes, Mapping) else False
    scale = torch.tensor([width, height, 1.0])
    people = _people(frames[frame], scale, swapped)
    return largest_first(people, width, height, "DWPOSES")


def read_pose_npz(path: str | os.PathLike[str]) -> list[PhotoLandmarks]:
    """The person of a keypoint sequence, frame by frame, in the pixels of its canvas.

    The file holds plain arrays: `body [t 18 2]` (OpenPose's 18), `hands [t 2 21 2]` (left, right), `face [t 68 2]`, all
    as shares of the canvas, with `body_score`, `hands_score` and `face_score`, and `canvas`, which begins with height
    and width in pixels (EchoMimicV2's `draw_pose_params`). Points whose score is below `MIN_SCORE` are unseen.

    Raises:
        InputError: if there is no such file, it is damaged or not plain, or an array is missing or of another shape.
    """
    name = os.fspath(path)
    arrays = _read_arrays(name)
    frames = len(arrays["body"])
    for array, shape in _ARRAYS.items():
        wanted = (frames, *shape[1:])
        if arrays[array].shape != wanted:
            raise InputError(
                f"The array {array} in {name} must have the shape {list(shape)} with the same t as body, here "
                f"{list(wanted)}. Got {list(arrays[array].shape)}."
            )
    canvas = arrays["canvas"].ravel()
    if len(canvas) < 2 or not (canvas[:2] >= 1).all() or not np.isfinite(canvas[:2]).all():
        raise InputError(f"The array canvas in {name} must begin with height and width in pixels. Got {canvas[:6]}.")
    height, width = (round(float(side)) for side in canvas[:2])
    scale = torch.tensor([width, height, 1.0])
    body = _points(arrays["body"], arrays["body_score"]) * scale
    hands = _points(arrays["hands"], arrays["hands_score"]) * scale
    face = _points(arrays["face"], arrays["face_score"]) * scale
    people = [
        PersonParts(body=coco_body(body[t], OPENPOSE_18), face=face[t], left_hand=hands[t, 0], right_hand=hands[t, 1])
        for t in range(frames)
    ]
    return [person.to_landmarks(width, height, "keypoint sequence") for person in people]


def _read_arrays(name: str) -> dict[str, np.ndarray]:
    if not os.path.isfile(name):
        raise InputError(f"There is no keypoint sequence at {name}. Give the path of an npz file.")
    try:
        with open(name, "rb") as raw:
            file = np.load(raw, allow_pickle=False)
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise InputError(f"{name} is a single array, not an npz file with body, hands, face and canvas.")
            missing = [array for array in (*_ARRAYS, "canvas") if array not in file.files]
            if missing:
                found = ", ".join(file.files) or "nothing"
                raise InputError(f"The keypoint sequence {name} lacks {', '.join(missing)}. Got {found}.")
            return {array: np.asarray(file[array], dtype=np.float32) for array in (*_ARRAYS, "canvas")}
    except InputError:
        raise
    except (ValueError, TypeError, OSError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(
            f"The keypoint sequence {name} cannot be read: {error}. It must be an npz file of plain number arrays."
        ) from error


def _frames(dwposes: Any) -> Sequence[Any]:
    frames = dwposes.get("poses") if isinstance(dwposes, Mapping) else dwposes
    if frames is None and isinstance(dwposes, Mapping) and "bodies" in dwposes:
        frames = [dwposes]
    if not isinstance(frames, Sequence) or isinstance(frames, (str, bytes)):
        raise InputError(
            "DWPOSES must be {poses: [{bodies, hands, faces}]}. Wire Pose Detection VitPose to DWPose or Convert "
            "OpenPose Keypoints to DWPose in."
        )
    return frames


def _people(pose: Any, scale: Tensor, swapped: bool) -> list[PersonParts]:
    """The people of a frame; a frame in which nothing was found may hold anything else."""
    bodies = pose.get("bodies") if isinstance(pose, Mapping) else None
    if not isinstance(bodies, Mapping):
        return []
    candidate, subset = _array(bodies.get("candidate"), "candidate"), _array(bodies.get("subset"), "subset")
    if candidate.size == 0:
        return []
    count = len(candidate) if candidate.ndim == 3 else max(1, len(subset)) if subset.ndim == 2 else 1
    per_person = candidate.size // max(1, count * candidate.shape[-1])
    if candidate.ndim not in (2, 3) or candidate.shape[-1] < 2 or per_person < 18 or len(candidate) % count:
        raise InputError(
            "The bodies' candidate in DWPOSES must hold at least 18 x 2 points for each person. "
            f"Got {list(candidate.shape)} for {count} people."
        )
    body = candidate.reshape(count, per_person, -1)[:, :18, :2]
    score = _score(_first(pose, "body_score", "bodies_score") or _first(bodies, "score"), count, 18, "body_score")
    if subset.ndim == 2 and len(subset) == count and subset.shape[1] >= 18:
        score = np.where(subset[:, :18] < 0, 0.0, score)
    hands = _parts(pose, "hands", ("hand_score", "hands_score"), (NUM_HAND_POINTS,)) * scale
    faces = _parts(pose, "faces", ("face_score", "faces_score"), _NUM_FACE) * scale
    found = [coco_body(points, OPENPOSE_18) for points in _points(body, score) * scale]
    seen_hands, seen_faces = [hand for hand in hands if hand[:, 2].any()], [face for face in faces if face[:, 2].any()]
    if count == 1 and len(hands) == 2:
        pairs = {(0, "right" if swapped else "left"): hands[0], (0, "left" if swapped else "right"): hands[1]}
    else:
        pairs = _hands_to_wrists(seen_hands, found)
    own_faces = dict(enumerate(faces)) if len(faces) == count else _faces_to_heads(seen_faces, found)
    return [
        PersonParts(
            body=points,
            face=own_faces.get(i, no_points(68)),
            left_hand=pairs.get((i, "left"), no_points(NUM_HAND_POINTS)),
            right_hand=pairs.get((i, "right"), no_points(NUM_HAND_POINTS)),
        )
        for i, points in enumerate(found)
    ]


def _first(pose: Mapping[str, Any], *names: str) -> list[Any] | None:
    """The first of the entries that is there, in a list."""
    return next(([pose[name]] for name in names if pose.get(name) is not None), None)


def _array(values: Any, name: str) -> np.ndarray:
    try:
        return np.asarray([] if values is None else values, dtype=np.float32)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"{name} in DWPOSES must be numbers. Got {type(values).__name__} ({error}).") from error


def _score(values: list[Any] | None, count: int, points: int, name: str) -> np.ndarray:
    """Scores, one for each point; 1 where there are none."""
    score = np.ones((count, points)) if values is None else _array(values[0], name)
    if score.ndim != 2 or len(score) != count or score.shape[1] < points:
        raise InputError(f"{name} in DWPOSES must have the shape {[count, points]}. Got {list(score.shape)}.")
    score = score[:, :points]
    return np.where(score < 0, 0.0, 1.0) if score.size and score.max() > _MAX_REAL_SCORE else score


def _parts(pose: Mapping[str, Any], name: str, scores: tuple[str, ...], counts: tuple[int, ...]) -> Tensor:
    """The faces or the hands of everybody, in shares of the picture."""
    xy = _array(pose.get(name), name)
    if xy.size == 0:
        return torch.zeros(0, counts[0], 3)
    if xy.ndim != 3 or xy.shape[1] not in counts or xy.shape[2] < 2:
        wanted = " or ".join(str(count) for count in counts)
        raise InputError(f"{name} in DWPOSES must hold {wanted} points each. Got the shape {list(xy.shape)}.")
    return _points(xy[..., :2], _score(_first(pose, *scores), len(xy), xy.shape[1], scores[0]))


def _points(xy: np.ndarray, score: np.ndarray) -> Float[Tensor, "... 3"]:
    """Points in shares with their confidence; zeros where unseen."""
    points = torch.from_numpy(np.concatenate((xy, score[..., None]), -1).astype(np.float32))
    where = points[..., :2]
    # Unseen points lie at -1, or where retargeting has carried that.
    unseen = (where < 0).all(-1) | (where == 0).all(-1) | (points[..., 2] < MIN_SCORE) | ~points.isfinite().all(-1)
    points = torch.where(unseen[..., None], 0.0, points)
    farthest = points[..., :2].abs().max() if points.numel() else torch.tensor(0.0)
    if farthest > MAX_SHARE:
        raise InputError(
            f"The keypoints must be shares of the picture, 0 to 1. Got {farthest:.0f}: divide pixels by the picture's "
            "width and height."
        )
    return torch.cat((points[..., :2], points[..., 2:].clamp(max=1)), -1)


def _hands_to_wrists(hands: list[Tensor], bodies: list[Tensor]) -> dict[tuple[int, str], Tensor]:
    """Each hand to the nearest wrist that is seen and has none yet, nearest pairs first."""
    pairs = [
        ((hand[hand[:, 2] > 0][0, :2] - wrist[:2]).norm().item(), k, (i, side))
        for k, hand in enumerate(hands)
        for i, body in enumerate(bodies)
        for side in ("left", "right")
        if (wrist := body[BODY_POINTS.index(f"{side}_wrist")])[2] > 0
    ]
    given: dict[tuple[int, str], int] = {}
    for _, k, arm in sorted(pairs):
        if k not in given.values() and arm not in given:
            given[arm] = k
    return {arm: hands[k] for arm, k in given.items()}


def _faces_to_heads(faces: list[Tensor], bodies: list[Tensor]) -> dict[int, Tensor]:
    """Each face to the nearest nose that is seen and has none yet, nearest pairs first."""
    nose = BODY_POINTS.index("nose")
    pairs = [
        ((face[face[:, 2] > 0, :2].mean(0) - body[nose, :2]).norm().item(), k, i)
        for k, face in enumerate(faces)
        for i, body in enumerate(bodies)
        if body[nose, 2] > 0
    ]
    given: dict[int, int] = {}
    for _, k, i in sorted(pairs):
        if k not in given.values() and i not in given:
            given[i] = k
    return {i: faces[k] for i, k in given.items()}
