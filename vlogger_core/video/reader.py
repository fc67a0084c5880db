"""Frames from video files, one at a time."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import av.error
from av.container import InputContainer
from av.stream import Stream
from av.video.stream import VideoStream
from jaxtyping import Float
from torch import Tensor

from ..clock import MAX_FPS, MIN_FPS, as_fps
from ..errors import InputError
from .frame_clock import FrameClock, usual_rate
from .frame_pixels import frame_pixels, hdr_curve

_log = logging.getLogger(__name__)
_LOOKED_AT = 300
"""Frames whose time stamps tell the usual frame rate."""
_REORDERED = 32
"""The most that a frame may come before others that are shown earlier."""


class VideoReader:
    """The first picture track of a file. Each iteration reads it from the start; one frame is in memory at a time.

    Frames are `[3 h w]`, sRGB, 0 to 1, upright, with square pixels, in all the bits that the file has. They come at a
    constant rate: where the file's own is variable they are repeated or left out by their time stamps, so that picture
    and sound stay together, and the log says so.
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
                if rate is not None:
                    rate = usual_rate(_first_times(container, stream), rate)
                if rate is None or not MIN_FPS <= rate <= MAX_FPS:
                    raise InputError(
                        f"{self.path} has {'no' if rate is None else f'{float(rate):.3g}'} frames per second. Wanted "
                        f"are {MIN_FPS} to {MAX_FPS}: convert the video."
                    )
                self.fps = as_fps(rate)
                self._num_frames = _frames_of(stream, container, self.fps, rate)
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
        damage = _Damage()
        try:
            with av.open(str(self.path)) as container:
                stream = container.streams.video[0]
                stream.thread_type = "AUTO"
                clock, held, first = FrameClock(self.fps), None, None
                for frame in _decoded(container, stream, damage):
                    time = _time(frame)
                    if held is None:
                        first = time
                        self._tell_of_hdr(frame)
                    else:
                        was_even = clock.is_even
                        count = clock.repeats(None if time is None or first is None else time - first)
                        if was_even and not clock.is_even and not damage.packets:
                            self._tell_of_rate()
                        for _ in range(count):
                            yield held
                    held = frame_pixels(frame, stream.sample_aspect_ratio)
        except (av.error.FFmpegError, OSError) as error:
            raise self._unreadable(error) from error
        if held is None:
            raise InputError(f"{self.path} holds no frame that can be read: choose another video.")
        yield held
        if damage.packets:
            _log.warning("%s is damaged: %d packets could not be decoded and are left out.", self.path, damage.packets)

    def _tell_of_rate(self) -> None:
        _log.warning(
            "%s has a variable frame rate: by their time stamps its frames are repeated or left out to give a constant "
            "%.5g frames per second, at which picture and sound stay together.",
            self.path,
            float(self.fps),
        )

    def _tell_of_hdr(self, frame: av.VideoFrame) -> None:
        if curve := hdr_curve(frame):
            _log.warning(
                "%s is an HDR video (%s), which is not converted: it looks pale or dark. Export it as SDR, or switch "
                "HDR off in the camera.",
                self.path,
                curve,
            )

    def _unreadable(self, error: Exception) -> InputError:
        reason = getattr(error, "strerror", None) or type(error).__name__
        return InputError(f"Cannot read {self.path} as video ({reason}): choose an MP4, MOV, MKV, WebM or MPEG file.")


class _Damage:
    """How many packets could not be decoded."""

    packets = 0


def _decoded(container: InputContainer, stream: VideoStream, damage: _Damage) -> Iterator[av.VideoFrame]:
    for packet in container.demux(stream):
        try:
            yield from packet.decode()
        except av.error.InvalidDataError:
            damage.packets += 1


def _start(stream: Stream) -> Fraction:
    """Seconds."""
    if stream.start_time is None or stream.time_base is None:
        return Fraction(0)
    return stream.start_time * stream.time_base


def _time(timed: av.VideoFrame | av.Packet) -> Fraction | None:
    """Seconds; None where the file does not say."""
    if timed.pts is None or timed.time_base is None:
        return None
    return timed.pts * timed.time_base


def _first_times(container: InputContainer, stream: VideoStream) -> list[Fraction]:
    """When the first frames are shown, as far as the file says; none if it does not say it of all."""
    packets = [packet for packet in islice(container.demux(stream), _LOOKED_AT) if packet.size]
    times = sorted(time for packet in packets if (time := _time(packet)) is not None)
    if len(times) < len(packets):
        return []
    # The last of them may still wait for frames in between.
    return times[: -_REORDERED if len(times) == _LOOKED_AT else None]


def _frames_of(stream: VideoStream, container: InputContainer, fps: Fraction, rate: Fraction) -> int:
    """How many frames there will be: as the file says, or guessed from its duration."""
    if stream.frames and rate == stream.average_rate:
        return stream.frames
    if stream.duration and stream.time_base:
        return round(stream.duration * stream.time_base * fps)
    return round(Fraction(container.duration or 0, av.time_base) * fps)
