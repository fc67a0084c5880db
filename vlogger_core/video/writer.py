"""Stream frames and sound into an mp4."""

import logging
import os
import tempfile
import uuid
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import av.error
import av.video.reformatter
import numpy as np
import torch
from av.audio.resampler import AudioResampler
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from ..clock import frame_start
from ..datatypes import Audio
from ..errors import InputError

_log = logging.getLogger(__name__)
AUDIO_RATE = 48000
"""Hz; every player takes it."""


def write_video(
    path: str | os.PathLike[str],
    frames: Iterable[Float[Tensor, "3 h w"]],
    fps: Fraction,
    audio: Audio | None = None,
    *,
    crf: int = 18,
) -> Path:
    """Write H.264 (yuv420p, BT.709) and AAC, one frame in memory at a time.

    An odd last row or column is repeated once, because 4:2:0 pictures have even sizes. The file appears under its
    name only when it is whole: an error or a cancelled run leaves nothing behind.

    Raises:
        InputError: if the file cannot be written or there is no frame.
    """
    path = Path(path)
    check_writable(path)
    # A name of its own, so that two runs into one file do not meet.
    partial = path.with_name(f".{path.stem}-{uuid.uuid4().hex}{path.suffix}")
    try:
        with av.open(str(partial), "w", format="mp4", options={"movflags": "+faststart"}) as container:
            _write_streams(container, frames, fps, audio, crf)
        _replace(partial, path)
    except av.error.FFmpegError as error:
        raise InputError(f"Cannot write {path} ({error.strerror}). Is the disk full?") from error
    finally:
        partial.unlink(missing_ok=True)
    return path


def check_writable(path: str | os.PathLike[str]) -> None:
    """Find out before the long work whether its result can be written.

    Raises:
        InputError: if it cannot, or if the name does not end in .mp4.
    """
    path = Path(path)
    if path.suffix.lower() != ".mp4":
        raise InputError(f"The output must be an .mp4 file. Got {path}: add .mp4 to its name.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError("it is a folder")
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        raise _cannot_write(path, error) from error


def _replace(partial: Path, path: Path) -> None:
    try:
        os.replace(partial, path)
    except OSError as error:
        raise _cannot_write(path, error) from error


def _cannot_write(path: Path, error: OSError) -> InputError:
    return InputError(f"Cannot write {path} ({error.strerror or error}). Choose a place that you may write to.")


def _write_streams(container, frames: Iterable[Tensor], fps: Fraction, audio: Audio | None, crf: int) -> None:
    """Picture and sound side by side: each frame is followed by the sound that it covers."""
    audio = None if audio is None else _as_stereo(audio)
    sound = None if audio is None else _add_sound(container, audio)
    video = None
    for index, frame in enumerate(frames):
        picture = _to_even_rgb(frame)
        if video is None:
            height, width = picture.shape[:2]
            video = _add_video(container, height, width, fps, crf)
        packed = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(
            format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG"
        )
        packed.pts = index
        packed.time_base = 1 / fps
        container.mux(video.encode(packed))
        if sound is not None and audio is not None:
            container.mux(_encode_sound(sound, audio, index, fps))
    if video is None:
        raise InputError("There is no frame to write: the motion is empty.")
    container.mux(video.encode())
    if sound is not None:
        container.mux(_drain_sound(sound))


def _add_video(container, height: int, width: int, fps: Fraction, crf: int):
    stream = container.add_stream("libx264", rate=fps, options={"crf": str(crf), "preset": "medium"})
    stream.height, stream.width = height, width
    stream.pix_fmt = "yuv420p"
    # Players that find no colour matrix in the file guess one from the height, and half of them guess wrong.
    stream.codec_context.colorspace = av.video.reformatter.Colorspace.ITU709
    stream.codec_context.color_range = av.video.reformatter.ColorRange.MPEG
    return stream


def _as_stereo(audio: Audio) -> Audio:
    """One or two channels as they are; more are mixed to one, since speech may sit in any of them."""
    if audio.waveform.shape[0] <= 2:
        return audio
    _log.info("The sound's %d channels are mixed to one for the video.", audio.waveform.shape[0])
    return Audio(waveform=audio.waveform.mean(0, keepdim=True), sample_rate=audio.sample_rate)


def _add_sound(container, audio: Audio):
    """The AAC stream and the resampler that feeds it."""
    layout = "mono" if audio.waveform.shape[0] == 1 else "stereo"
    stream = container.add_stream("aac", rate=AUDIO_RATE, layout=layout)
    return stream, AudioResampler(format="fltp", layout=layout, rate=AUDIO_RATE)


def _encode_sound(sound, audio: Audio, index: int, fps: Fraction) -> list:
    """Packets of the samples that belong to one video frame."""
    stream, resampler = sound
    start, stop = (frame_start(i, audio.sample_rate, fps) for i in (index, index + 1))
    samples = audio.waveform[:, start:stop].detach().float().clamp(-1, 1).cpu().numpy()
    if samples.shape[1] == 0:
        return []
    block = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=stream.layout.name)
    block.sample_rate = audio.sample_rate
    block.pts = start
    block.time_base = Fraction(1, audio.sample_rate)
    return [packet for resampled in resampler.resample(block) for packet in stream.encode(resampled)]


def _drain_sound(sound) -> list:
    """What the resampler and the encoder still hold."""
    stream, resampler = sound
    packets = [packet for resampled in resampler.resample(None) for packet in stream.encode(resampled)]
    return packets + stream.encode()


def _to_even_rgb(frame: Float[Tensor, "3 h w"]) -> np.ndarray:
    """8-bit `h w 3` with even sides."""
    pixels = rearrange(frame.detach().clamp(0, 1).mul(255).round().to(torch.uint8).cpu(), "c h w -> h w c").numpy()
    height, width = pixels.shape[:2]
    return np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
