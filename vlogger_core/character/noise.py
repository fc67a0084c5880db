"""Smooth noise in space, the same for the same seed on every machine."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

LATTICE = 64
"""Cells of the random lattice along each axis; the noise repeats after that many features."""


class NoiseField:
    """Value noise of `channels` independent channels, about -1 to 1 with zero mean.

    One table of random numbers, read with smooth interpolation; octaves read it at finer scales.
    """

    def __init__(self, seed: int, channels: int = 1) -> None:
        table = np.random.default_rng(seed).uniform(-1, 1, (LATTICE**3, channels)).astype(np.float32)
        self._table = torch.from_numpy(table)

    def __call__(self, points: Float[Tensor, "n 3"], feature_m: float, octaves: int = 1) -> Float[Tensor, "n c"]:
        """Noise at points in metres.

        Args:
            feature_m: size of the largest feature in metres.
            octaves: each further one has half the size and half the strength.
        """
        total = points.new_zeros(len(points), self._table.shape[1])
        strength, norm = 1.0, 0.0
        scaled = points / feature_m
        for _ in range(octaves):
            total += strength * self._octave(scaled)
            norm += strength * strength
            strength *= 0.5
            scaled = scaled * 2.03 + 17.3
        return total * (1.7 / norm**0.5)

    def _octave(self, scaled: Tensor) -> Tensor:
        base = scaled.floor()
        part = scaled - base
        part = part * part * (3 - 2 * part)
        low = base.long() % LATTICE
        high = (low + 1) % LATTICE
        result = scaled.new_zeros(len(scaled), self._table.shape[1])
        for corner in range(8):
            bits = [(corner >> axis) & 1 for axis in range(3)]
            index = scaled.new_zeros(len(scaled), dtype=torch.long)
            weight = scaled.new_ones(len(scaled))
            for axis, bit in enumerate(bits):
                index = index * LATTICE + (high if bit else low)[:, axis]
                weight = weight * (part[:, axis] if bit else 1 - part[:, axis])
            result += weight[:, None] * self._table[index]
        return result


def smoothstep(low: float, high: float, x: Tensor) -> Tensor:
    """0 below `low`, 1 above `high`, smooth between; `low > high` turns it round."""
    t = ((x - low) / (high - low)).clamp(0, 1)
    return t * t * (3 - 2 * t)
