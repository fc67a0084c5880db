"""Frames from video files, one at a time."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import av.error
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..clock import MAX_FPS, MIN_FPS, as_fps
from ..errors import InputError

_log = logging.getLogger(__name__)
_LATE = 0.75
"""Frames from the place on the clock that is theirs, from which a video's rate counts as variable."""


class VideoReader:
    """The first picture track of a file. Each iteration reads it from the start; one frame is in memory at a time.

    Frames are `[3 h w]`, sRGB, 0 to 1, upright, with square pixels.
    """

    fps: Fraction
    sound_delay_s: float
    """How much later than the first frame the sound begins, as the file has it; 0 without sound."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """
        Raises:
            InputError: if there is no such file, it is no video, or its frame rate cannot be used.
        """
        self.path = Path(path)
        if not self.path.is_file():
            raise InputError(f"There is no video file {self.path}.")
        try:
            with av.open(str(self.path)) as container:
                if not container.streams.video:
                    raise InputError(f"{self.path} holds no video: choose an MP4, MOV, MKV, WebM or MPEG file.")
                stream = container.streams.video[0]
                rate = stream.average_rate or stream.guessed_rate
                if rate is None or not MIN_FPS <= rate <= MAX_FPS:
                    raise InputError(
                        f"{self.path} has {'no' if rate is None else float(rate)} frames per second. Wanted are "
                        f"{MIN_FPS} to {MAX_FPS}: convert the video."
                    )
                self.fps = as_fps(rate)
                self._num_frames = stream.frames or _frames_of(stream, container, self.fps)
                sound = container.streams.audio[0] if container.streams.audio else None
                self.sound_delay_s = 0.0 if sound is None else float(_start(sound) - _start(stream))
        except (av.error.FFmpegError, OSError) as error:
            raise self._unreadable(error) from error

    def __length_hint__(self) -> int:
        return self._num_frames

    def __iter__(self) -> Iterator[Float[Tensor, "3 h w"]]:
        """
        Raises:
            InputError: if the file cannot be decoded or holds no frame.
        """
        count, damaged, steady = 0, 0, True
        try:
            with av.open(str(self.path)) as container:
                stream = container.streams.video[0]
                stream.thread_type = "AUTO"
                start = _start(stream)
                for packet in container.demux(stream):
                    try:
                        frames = packet.decode()
                    except av.error.InvalidDataError:
                        damaged += 1
                        continue
                    for frame in frames:
                        if steady and not damaged and frame.time is not None:
                            steady = self._on_time(frame.time - float(start), count)
                        count += 1
                        yield _to_tensor(frame, stream.sample_aspect_ratio)
        except (av.error.FFmpegError, OSError) as error:
            raise self._unreadable(error) from error
        if count == 0:
            raise InputError(f"{self.path} holds no frame that can be read: choose another video.")
        if damaged:
            _log.warning("%s is damaged: %d packets could not be decoded and are left out.", self.path, damaged)

    def _on_time(self, time_s: float, index: int) -> bool:
        if abs(time_s * self.fps - index) <= _LATE:
            return True
        _log.warning(
            "%s has a variable frame rate: it is read as %.3g frames per second, and sound may drift. Convert it with: "
            "ffmpeg -i in.mp4 -fps_mode cfr out.mp4",
            self.path,
            float(self.fps),
        )
        return False

    def _unreadable(self, error: Exception) -> InputError:
        reason = getattr(error, "strerror", None) or type(error).__name__
        return InputError(f"Cannot read {self.path} as video ({reason}): choose an MP4, MOV, MKV, WebM or MPEG file.")


def _start(stream) -> Fraction:
    """Seconds."""
    if stream.start_time is None or stream.time_base is None:
        return Fraction(0)
    return stream.start_time * stream.time_base


def _frames_of(stream, container, fps: Fraction) -> int:
    """Guessed from the duration."""
    if stream.duration and stream.time_base:
        return round(stream.duration * stream.time_base * fps)
    return round(Fraction(container.duration or 0, av.time_base) * fps)


def _to_tensor(frame: av.VideoFrame, aspect: Fraction | None) -> Float[Tensor, "3 h w"]:
    if aspect and aspect != 1:
        frame = frame.reformat(width=round(frame.width * aspect), height=frame.height)
    pixels = frame.to_ndarray(format="rgb24")
    # Phones store the picture as the sensor saw it, with the turn beside it.
    turns = round(getattr(frame, "rotation", 0) / 90) % 4
    pixels = np.ascontiguousarray(np.rot90(pixels, turns))
    return torch.from_numpy(pixels).permute(2, 0, 1).float() / 255
