"""Bicubic sampling as a loop that numba compiles: twice as fast as torch's on a picture whose channels lie together."""

from __future__ import annotations

from typing import no_type_check

import numba
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from .compiled import compiled

_SHARPNESS = np.float32(-0.75)
"""Of the cubic kernel (Keys, "Cubic convolution interpolation for digital image processing", 1981), as torch's."""
_BEYOND = np.float32(4)
"""Pixels outside the picture from which only its border is seen."""


def sample_bicubic(image: Float[Tensor, "c h w"], pixels: Float[Tensor, "n 2"]) -> Float[Tensor, "n c"]:
    """`scene.sample` of tensors on the CPU."""
    out = np.empty((len(pixels), len(image)), dtype=np.float32)
    _sample(image.movedim(0, -1).numpy(), np.ascontiguousarray(pixels.numpy()), out)
    return torch.from_numpy(out)


@numba.njit(error_model="numpy")
@no_type_check
def _weights(t):
    """Of the four nearest samples, the second of which is `t` (0 to 1) before the position."""
    a, one, two = _SHARPNESS, np.float32(1), np.float32(2)
    left, right, far = one + t, one - t, two - t
    return (
        a * (((left - np.float32(5)) * left + np.float32(8)) * left - np.float32(4)),
        ((a + two) * t - (a + np.float32(3))) * t * t + one,
        ((a + two) * right - (a + np.float32(3))) * right * right + one,
        a * (((far - np.float32(5)) * far + np.float32(8)) * far - np.float32(4)),
    )


@numba.njit(error_model="numpy")
@no_type_check
def _taps(position, count):
    """The four samples nearest to a position, and how far beyond the second it is."""
    at = position - np.float32(0.5)
    if not at > -_BEYOND:  # Not a number, too.
        at = -_BEYOND
    at = min(at, np.float32(count) + _BEYOND)
    before = np.floor(at)
    first, last = np.int64(before), count - 1
    # Unsigned, or every access would first look whether an index counts from the end.
    return (
        at - before,
        np.uint64(min(max(first - 1, 0), last)),
        np.uint64(min(max(first, 0), last)),
        np.uint64(min(max(first + 1, 0), last)),
        np.uint64(min(max(first + 2, 0), last)),
    )


@compiled
@no_type_check
def _sample(image, pixels, out):
    h, w, channels = image.shape
    for n in range(len(pixels)):
        x, x0, x1, x2, x3 = _taps(pixels[n, 0], w)
        y, y0, y1, y2, y3 = _taps(pixels[n, 1], h)
        a, b, c, d = _weights(x)
        e, f, g, i = _weights(y)
        for k in range(channels):
            out[n, k] = (
                e * (a * image[y0, x0, k] + b * image[y0, x1, k] + c * image[y0, x2, k] + d * image[y0, x3, k])
                + f * (a * image[y1, x0, k] + b * image[y1, x1, k] + c * image[y1, x2, k] + d * image[y1, x3, k])
                + g * (a * image[y2, x0, k] + b * image[y2, x1, k] + c * image[y2, x2, k] + d * image[y2, x3, k])
                + i * (a * image[y3, x0, k] + b * image[y3, x1, k] + c * image[y3, x2, k] + d * image[y3, x3, k])
            )
