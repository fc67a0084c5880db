"""Small video files as phones, cameras and screen recorders write them."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

MILLISECOND = Fraction(1, 1000)


def corners(height: int = 48, width: int = 64) -> np.ndarray:
    """Black with a red top left, a green top right and a blue bottom left corner, 8-bit `h w 3`."""
    picture = np.zeros((height, width, 3), np.uint8)
    for channel, rows, columns in ((0, slice(0, 16), slice(0, 16)), (1, slice(0, 16), slice(-16, None)),
                                   (2, slice(-16, None), slice(0, 16))):  # fmt: skip
        picture[rows, columns, channel] = 255
    return picture


def write_timed(path: Path, pictures: Iterable[np.ndarray], times_ms: Iterable[int], rate: int = 24) -> Path:
    """8-bit `h w 3` pictures, each at its time, losslessly."""
    with av.open(str(path), "w") as container:
        stream = None
        for picture, time_ms in zip(pictures, times_ms, strict=True):
            if stream is None:
                stream = container.add_stream("libx264", rate=rate, options={"crf": "1"})
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt = "yuv444p"
                stream.codec_context.time_base = MILLISECOND
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = time_ms, MILLISECOND
            container.mux(stream.encode(frame))
        assert stream is not None
        container.mux(stream.encode())
    return path


def set_matrix(path: Path, a: int, b: int, c: int, d: int) -> Path:
    """Write a display matrix (ISO 14496-12: x becomes a x + c y, y becomes b x + d y) into an mp4's first track."""
    content = bytearray(path.read_bytes())
    start = content.index(b"tkhd") + 4
    # Version and flags, five times and numbers, eight reserved bytes, layer, group, volume, reserved.
    start += 4 + (32 if content[start] == 1 else 20) + 16
    matrix = (a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
    content[start : start + 36] = struct.pack(">9i", *matrix)
    path.write_bytes(content)
    return path
