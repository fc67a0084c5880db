"""Where the frames of a clip show the face, the joints and the fingers of one person, one frame after the other."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import InputError
from ..progress import Progress, silent
from .clip_frames import ShotWatch, unseen
from .landmarks import CASCADE, SOURCES, PhotoLandmarks, how_to_get_mediapipe, why_no_mediapipe

_log = logging.getLogger(__name__)


def clip_landmarks(
    frames: Iterable[Float[Tensor, "3 h w"]],
    *,
    source: str = "auto",
    face_index: int = 0,
    pose_keypoint: Any = None,
    face_landmarks: Any = None,
    progress: Progress = silent,
) -> Iterator[PhotoLandmarks]:
    """Landmarks of one person in every frame, as the frames come; a few frames are held at most.

    Frames in which the person is not seen get points of confidence 0.

    Args:
        frames: sRGB, 0 to 1, all of one size.
        source: `mediapipe`, `cascade` or `auto`, as for `landmarks.detect_landmarks`.
        face_index: which face of the first frame that shows one, from the largest (0) to the smallest.
        pose_keypoint: POSE_KEYPOINT with as many frames as the clip; taken instead of the detection where it shows
            the person.
        face_landmarks: core's FACE_LANDMARKS with as many frames; their face goes before that of POSE_KEYPOINT.
        progress: called before each look at a frame.

    Raises:
        InputError: if the wired-in data or the tool cannot be used, or the first frame with faces lacks the chosen one.
    """
    if source not in SOURCES:
        raise ValueError(f"source must be one of {', '.join(SOURCES)}. Got {source!r}.")
    if pose_keypoint is not None or face_landmarks is not None:
        from .detect_clip_wired import wired_landmarks

        can_detect = source != "cascade" and why_no_mediapipe() is None
        return wired_landmarks(
            frames,
            pose_keypoint=pose_keypoint,
            face_landmarks=face_landmarks,
            face_index=face_index,
            detect=partial(_detected, source=source, face_index=face_index, tick=partial(progress, 0, 1)),
            can_see_bodies=can_detect,
        )
    return _detected(frames, source, face_index, partial(progress, 0, 1))


def with_landmarks(
    frames: Iterable[Float[Tensor, "3 h w"]],
    landmarks: Iterable[PhotoLandmarks] | None = None,
    *,
    progress: Progress = silent,
) -> Iterator[tuple[Float[Tensor, "3 h w"], PhotoLandmarks]]:
    """Each frame with its landmarks, those of the largest face if none are given.

    Raises:
        InputError: if the clip is cut, its frames are of several sizes, or there are more of one than of the other.
    """
    held: deque[Tensor] = deque()

    def hold() -> Iterator[Tensor]:
        for frame in frames:
            held.append(frame)
            yield frame

    shots = ShotWatch()
    index = 0
    if landmarks is None:
        for points in clip_landmarks(hold(), progress=progress):
            frame = held.popleft()
            shots.check(index, frame, points)
            yield frame, points
            index += 1
        return
    pairs = iter(landmarks)
    for frame in frames:
        points = next(pairs, None)
        if points is None:
            raise InputError(f"The landmarks hold {index} frames, the clip more. Make them from the same frames.")
        shots.check(index, frame, points)
        yield frame, points
        index += 1
    if next(pairs, None) is not None:
        raise InputError(
            f"The landmarks hold more frames than the clip, which has {index}. Make them from the same frames."
        )


def _detected(
    frames: Iterable[Tensor], source: str, face_index: int, tick: Callable[[], None]
) -> Iterator[PhotoLandmarks]:
    missing = why_no_mediapipe() if source != "cascade" else None
    if source == "mediapipe" and missing:
        raise InputError(f"{missing} {how_to_get_mediapipe()}")
    pixels = (_to_bytes(frame) for frame in frames)
    if source == "cascade" or missing:
        if missing:
            _log.warning(
                "%s The frontal-face cascade stands in for it: it assumes a frontal, upright face and sees neither "
                "expression, arms nor hands. For a better track wire POSE_KEYPOINT or FACE_LANDMARKS in. %s",
                missing,
                how_to_get_mediapipe(),
            )
        return _by_cascade(pixels, face_index, tick)
    from .detect_clip_mediapipe import detect_clip

    return detect_clip(pixels, face_index, tick)


def _by_cascade(pixels: Iterable[np.ndarray], face_index: int, tick: Callable[[], None]) -> Iterator[PhotoLandmarks]:
    from .detect_cascade import detect

    for frame in pixels:
        try:
            yield detect(frame, face_index, lambda done, total: tick())
        except InputError as error:
            _log.info("%s", error)
            yield unseen(frame.shape[1], frame.shape[0], CASCADE)


def _to_bytes(frame: Float[Tensor, "3 h w"]) -> np.ndarray:
    pixels = (frame.detach().cpu().clamp(0, 1) * 255).round().to(torch.uint8)
    return pixels.permute(1, 2, 0).contiguous().numpy()
