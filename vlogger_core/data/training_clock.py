"""The clock of the motion that is trained on, and the finer one on which it is designed."""

from fractions import Fraction

import numpy as np
from jaxtyping import Float

FPS = Fraction(24)
SUBFRAMES = 4
"""Instants in each frame at which motion is designed."""
RATE_HZ = float(FPS * SUBFRAMES)


def fine_times_s(num_frames: int) -> Float[np.ndarray, " k"]:
    """The instants of so many frames at which motion is designed."""
    return (np.arange(num_frames * SUBFRAMES) + 0.5) / RATE_HZ


def over_frames(fine: Float[np.ndarray, "k *d"]) -> Float[np.ndarray, "t *d"]:
    """Mean of what was designed over the time of each frame."""
    return fine.reshape(-1, SUBFRAMES, *fine.shape[1:]).mean(1)
