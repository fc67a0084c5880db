"""How loud a sound is over many spans of it, in one pass."""

import numpy as np
from jaxtyping import Float, Int


def mean_square(
    sound: Float[np.ndarray, " n"], first: Int[np.ndarray, " k"], stop: Int[np.ndarray, " k"]
) -> Float[np.ndarray, " k"]:
    """Mean square of the samples `[first, stop)` of each span; 0 for an empty one."""
    total = np.concatenate([[0.0], np.cumsum(np.square(sound, dtype=np.float64))])
    return np.maximum(total[stop] - total[first], 0) / np.maximum(stop - first, 1)
