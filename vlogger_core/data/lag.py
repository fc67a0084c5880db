"""How well two curves follow each other, and by how much one comes later."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

MOST_LAG = 6


def correlation(a: Float[np.ndarray, " t"], b: Float[np.ndarray, " t"]) -> float:
    """Pearson's r; NaN where one of them is constant."""
    a, b = a - a.mean(), b - b.mean()
    power = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / power) if power > 1e-12 * len(a) else float("nan")


def lagged_correlations(
    motion: Float[np.ndarray, " t"], truth: Float[np.ndarray, " t"], most: int = MOST_LAG
) -> Float[np.ndarray, " lags"]:
    """`correlation` with the motion `-most` to `most` frames later than the truth."""
    n = len(truth)
    return np.array(
        [
            correlation(motion[max(0, lag) : n + min(0, lag)], truth[max(0, -lag) : n - max(0, lag)])
            for lag in range(-most, most + 1)
        ]
    )


def best_lag(
    motion: Float[np.ndarray, " t"], truth: Float[np.ndarray, " t"], most: int = MOST_LAG
) -> tuple[int, float]:
    """Frames by which the motion comes after the truth, at the highest correlation, and that correlation.

    Curves of which one is constant have 0.
    """
    found = np.nan_to_num(lagged_correlations(motion, truth, most))
    best = int(np.argmax(found))
    return (best - most, float(found[best])) if found.any() else (0, 0.0)
