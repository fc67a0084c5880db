"""What a decoded video frame looks like to a viewer: sRGB values, square pixels, upright."""

from __future__ import annotations

import struct
from fractions import Fraction

import av
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

HDR_CURVES = {16: "PQ", 18: "HLG"}
"""Transfer characteristics of ITU-T H.273 that are not made for the screens that sRGB is made for."""


def frame_pixels(frame: av.VideoFrame, aspect: Fraction | None) -> Float[Tensor, "3 h w"]:
    """Values 0 to 1, all the steps that the file has: 256 of 8 bits, 1024 of 10.

    Args:
        aspect: width of a pixel over its height.
    """
    if aspect and aspect != 1:
        frame = frame.reformat(width=round(frame.width * aspect), height=frame.height)
    is_deep = max(component.bits for component in frame.format.components) > 8
    pixels = frame.to_ndarray(format="rgb48le" if is_deep else "rgb24")
    most = 65535 if is_deep else 255
    if is_deep:
        pixels = pixels.astype(np.float32)
    upright = np.ascontiguousarray(_upright(pixels, frame))
    return torch.from_numpy(upright).permute(2, 0, 1).float() / most


def hdr_curve(frame: av.VideoFrame) -> str | None:
    """The name of a frame's transfer curve if that is one of high dynamic range."""
    return HDR_CURVES.get(int(frame.color_trc))


def _upright(pixels: np.ndarray, frame: av.VideoFrame) -> np.ndarray:
    """The picture turned and mirrored as the file asks for: phones store it as the sensor saw it.

    The display matrix of ISO 14496-12 maps x to `a x + c y` and y to `b x + d y`; a, b and c, d are the first two
    entries of its first two rows. Only the nearest of the eight right-angled ways is followed.
    """
    found = frame.side_data.get("DISPLAYMATRIX")
    if found is None:
        return pixels
    a, b, _, c, d, *_ = struct.unpack("<9i", bytes(found)[:36])
    if abs(b) + abs(c) > abs(a) + abs(d):
        pixels = pixels.swapaxes(0, 1)
        mirror_x, mirror_y = c < 0, b < 0
    else:
        mirror_x, mirror_y = a < 0, d < 0
    return pixels[:: -1 if mirror_y else 1, :: -1 if mirror_x else 1]
