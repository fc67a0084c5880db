"""The clip that a person is learned from: tracked, and cut into what is trained on and what is held out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from operator import length_hint

import numpy as np
from jaxtyping import Float, UInt8
from torch import Tensor

from ..body.detect_clip import clip_landmarks
from ..body.landmarks import PhotoLandmarks
from ..body.protocol import BodyModel
from ..body.track import track_clip
from ..clock import MIN_FPS
from ..data.video_clips import FAR, FIT_SIDE, TrackedClip
from ..data.video_motions import fit_at
from ..datatypes import BodyFit
from ..errors import InputError
from ..progress import Progress, silent
from ..render.scene import resize
from ..video.shots import OneShot

MIN_FRAMES = 20
MAX_FRAMES = 250
"""Frames that are used. Of a longer clip every second is taken, or every third, as far as `MIN_FPS` allows."""
HELD_OUT = 5
"""The last one in so many frames is not trained on."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class PersonClip:
    """Made by `open_person_clip`."""

    tracked: TrackedClip

    @property
    def num_frames(self) -> int:
        return self.tracked.num_frames

    @property
    def first_held_out(self) -> int:
        """From this frame on nothing is trained on."""
        return self.num_frames - self.num_frames // HELD_OUT

    @property
    def reference(self) -> int:
        """The frame that the track's fit shows: what inference begins with."""
        return self.tracked.track.reference_frame

    def references(self, count: int) -> list[int]:
        """The clip's own reference, then others, evenly spread over what is trained on."""
        places = np.linspace(0, self.first_held_out - 1, count + 1).round().astype(int)[1:]
        return [self.reference, *(t for t in places.tolist() if self._seen(t) and t != self.reference)]

    def far_from(self, reference: int) -> list[int]:
        """Frames to train on that lie far from a reference in time, as the paper takes them (section 3.3)."""
        away = np.abs(np.arange(self.first_held_out) - reference)
        least = min(FAR * self.first_held_out, away.max())
        return [t for t in np.flatnonzero(away >= least).tolist() if self._seen(t)]

    def held_out(self) -> list[int]:
        return [t for t in range(self.first_held_out, self.num_frames) if self._seen(t)]

    def start(self, reference: int) -> BodyFit:
        """The body in a frame, with that frame as the photo."""
        return self.tracked.track.fit if reference == self.reference else self.tracked.fit(reference)

    def body(self, t: int) -> BodyFit:
        """The body in a frame; its photo is the track's."""
        return fit_at(self.tracked.track.fit, self.tracked.track.motion, t)

    def _seen(self, t: int) -> bool:
        return not bool(self.tracked.track.missing[t])


def open_person_clip(
    frames: Iterable[Float[Tensor, "3 h w"]],
    fps: Fraction,
    model: BodyModel,
    *,
    landmarks: str = "auto",
    face_index: int = 0,
    watch: Callable[[int, BodyFit], None] | None = None,
    progress: Progress = silent,
) -> PersonClip:
    """Track the person of a clip of one shot.

    Args:
        frames: read once, in order; up to `MAX_FRAMES` are kept, in eight bits and no larger than needed.
        landmarks, face_index: as for `detect_clip.clip_landmarks`.
        watch: as for `track.track_clip`.

    Raises:
        InputError: if the clip is cut, has too few frames or does not show the face in both parts, or as
            `track.track_clip`.
    """
    every = _every(length_hint(frames), fps)
    kept = [_smaller(frame) for frame in islice(OneShot(frames, fps), 0, MAX_FRAMES * every, every)]
    check_length(len(kept))
    if length_hint(frames) > MAX_FRAMES * every:
        _log.warning(
            "The clip is long: its first %.0f s are learned from. Choose the part that shows the person best.",
            MAX_FRAMES * every / fps,
        )
    points: list[PhotoLandmarks] = list(
        clip_landmarks(
            (_float(p) for p in kept), source=landmarks, face_index=face_index, progress=lambda *_: progress(0, 1)
        )
    )
    track = track_clip(_Counted(kept), fps=fps / every, model=model, landmarks=points, watch=watch, progress=progress)
    clip = PersonClip(tracked=TrackedClip(name="person", track=track, pixels=kept, landmarks=points))
    for frames_seen, where in ((clip.far_from(clip.reference), "first four fifths"), (clip.held_out(), "last fifth")):
        if not frames_seen:
            raise InputError(
                f"The face is not seen in the {where} of the clip, away from the first frame that shows it: use a clip "
                "in which it is seen throughout."
            )
    return clip


def check_length(num_frames: int) -> None:
    """
    Raises:
        InputError: if so few frames cannot be split.
    """
    if num_frames < MIN_FRAMES:
        raise InputError(
            f"The clip has {num_frames} frame{'' if num_frames == 1 else 's'}, and its last fifth must be held out: "
            f"use one of at least {MIN_FRAMES} frames, better some seconds of talk."
        )


class _Counted:
    """Frames as the tracker wants them, one at a time."""

    def __init__(self, kept: list[UInt8[Tensor, "3 h w"]]) -> None:
        self._kept = kept

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self):
        return (_float(pixels) for pixels in self._kept)


def _every(count: int, fps: Fraction) -> int:
    most = max(1, int(fps / MIN_FPS))
    return min(most, max(1, -(-count // MAX_FRAMES)))


def _smaller(frame: Float[Tensor, "3 h w"]) -> UInt8[Tensor, "3 h w"]:
    h, w = frame.shape[-2:]
    scale = min(1.0, FIT_SIDE / min(h, w))
    return (resize(frame, (round(h * scale), round(w * scale))).clamp(0, 1) * 255).round().byte()


def _float(pixels: UInt8[Tensor, "3 h w"]) -> Float[Tensor, "3 h w"]:
    return pixels.float() / 255
