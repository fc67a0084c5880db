"""How much memory sampling takes, and what to say where there is not enough."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ..errors import InputError
from .config import VideoConfig

_FLOAT = 4
"""Bytes. Controls and signals are held in single precision, whatever the network computes in."""
_CONTROL_COPIES = 3
"""Those of a clip, of the clip before, and what is being joined or moved of them."""
_SIGNAL_COPIES = 8
"""Noise, the noisy signal, x0, the composite, the known frames, and what the solver and guidance keep."""
_WORKING_COPIES = 6
"""Of a level's features inside a residual block: input, normalised, mixed over time, convolved and its workspace."""
_AUTOENCODER_WIDTH = 512
"""Channels that a latent model's autoencoder holds for each pixel of one frame, all its layers' workspace included."""


def sampling_bytes(
    config: VideoConfig,
    size: tuple[int, int],
    *,
    clip_frames: int | None = None,
    dtype: torch.dtype = torch.float32,
) -> int:
    """About how much memory one clip takes at its peak, without the weights: right to a factor of two.

    Guidance evaluates the network several times, one after the other, and so takes next to no more.

    Args:
        size: (h, w) of the stage, see `cascade_plan.plan_cascade`.
        clip_frames: by default what the model was trained with.
        dtype: that the network computes in.
    """
    frames = clip_frames or config.clip_frames
    pixels = size[0] * size[1]
    width = torch.finfo(dtype).bits // 8
    controls = (8 + len(config.parts)) * frames * pixels * _FLOAT * _CONTROL_COPIES
    positions = frames * pixels // config.patch**2
    signals = config.signal_channels * positions * _FLOAT * _SIGNAL_COPIES
    seen = config.signal_channels + (5 + len(config.parts)) * (config.patch // config.coarse) ** 2
    embedding = 2 * (seen + config.control_width) * positions * width
    network = _network_channels(config) * positions * width
    autoencoder = _AUTOENCODER_WIDTH * pixels * width if config.space == "latent" else 0
    return int(controls + signals + max(embedding, network, autoencoder))


def _network_channels(config: VideoConfig) -> float:
    """Channels that a pass through the U-Net holds for each position of its highest level, at its peak."""
    share = [0.25**level for level in range(len(config.channels))]
    skips = sum((config.layers + 1) * c * s for c, s in zip(config.channels, share, strict=True))
    copied = 2 * skips if config.control_entry == "copy" else skips + config.control_width
    working = max(_WORKING_COPIES * c * s for c, s in zip(config.channels, share, strict=True))
    return copied + working


@contextmanager
def explain_out_of_memory(size: tuple[int, int], clip_frames: int) -> Iterator[None]:
    """Turn an out-of-memory error into one that says what to lower.

    Args:
        size: (h, w) of the video.

    Raises:
        InputError: where memory runs out inside the block.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise InputError(
            f"There is not enough memory for clips of {clip_frames} frames at {size[1]} x {size[0]} px: lower the "
            "number of frames of a clip, or the size of the video."
        ) from error


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory of any device ran out. Only CUDA has a class of its own for it in all versions of PyTorch."""
    if isinstance(error, MemoryError | torch.cuda.OutOfMemoryError):
        return True
    said = str(error).lower()
    return isinstance(error, RuntimeError) and ("out of memory" in said or "can't allocate memory" in said)
