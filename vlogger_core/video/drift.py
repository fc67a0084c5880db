"""What keeps a long video in the colours of its photo."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

MIN_SPREAD = 1e-3


def hold_colours(
    frames: Float[Tensor, "t 3 h w"], target: Float[Tensor, "t 3 h w"], strength: float
) -> Float[Tensor, "t 3 h w"]:
    """Frames whose mean and spread of each channel are moved towards those of `target`, more from frame to frame.

    The first frame hardly changes and the last by `strength`, so that a clip goes on from the one before without a
    seam, and the next goes on from what is held.

    Args:
        target: the reference carried along to the same poses, so that poses make no difference.
        strength: 0 leaves the frames as they are, 1 gives the last one the target's statistics.
    """
    if strength == 0:
        return frames
    mean, spread = _statistics(frames)
    wanted_mean, wanted_spread = _statistics(target)
    held = (frames - mean) * (wanted_spread / spread) + wanted_mean
    count = len(frames)
    share = strength * torch.arange(1, count + 1, device=frames.device, dtype=frames.dtype) / count
    return torch.lerp(frames, held, share[:, None, None, None])


def _statistics(frames: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each channel over all frames."""
    spread, mean = torch.std_mean(frames, dim=(0, 2, 3), keepdim=True)
    return mean, spread.clamp(min=MIN_SPREAD)
