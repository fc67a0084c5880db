"""Gaussian noise with a memory.

White noise treats all frequencies of a signal alike, but slow motion has its power at the low ones: they stand above
the noise until the very last steps of it, where few of a sampler's steps lie, and what is left at the end is fast
noise, seen as trembling. Noise with a spectrum like the signal's hides all frequencies at the same pace. Related: Ge et
al., "Preserve your own correlation" (2023).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

_TAIL = 8.0
"""Time constants after which a response has died away."""


def noise_response(time_constant: Float[Tensor, " d"]) -> Float[Tensor, "k d"]:
    """Impulse response of two equal poles for each channel, of unit energy, the newest frame first.

    Args:
        time_constant: frames; 0 is white noise.
    """
    taps = max(1, 1 + int(_TAIL * float(time_constant.max())))
    ages = torch.arange(taps, dtype=torch.float64)[:, None]
    decay = torch.exp(-1 / time_constant.double().clamp(min=1e-3))
    response = (ages + 1) * decay**ages
    return (response / response.square().sum(0).sqrt()).float()


def draw_noise(
    response: Float[Tensor, "k d"], num_windows: int, num_frames: int, generator: torch.Generator
) -> Float[Tensor, "b t d"]:
    """Windows out of endless noise, of unit variance in every channel."""
    taps, width = response.shape
    white = torch.randn(num_windows, num_frames + taps - 1, width, generator=generator, device=generator.device)
    return colour(response, white)


def colour(response: Float[Tensor, "k d"], white: Float[Tensor, "b n d"]) -> Float[Tensor, "b t d"]:
    """Filter white noise along time; the first frame out is the first that has `k - 1` frames before it."""
    taps = len(response)
    if taps == 1:
        return white
    size = white.shape[1]
    length = 2 ** (size + taps - 2).bit_length()
    spectrum = torch.fft.rfft(white, length, dim=1) * torch.fft.rfft(response, length, dim=0)
    return torch.fft.irfft(spectrum, length, dim=1)[:, taps - 1 : size]


class NoiseStream:
    """Endless noise frame by frame, one sequence for each generator; a frame depends on its generator only."""

    def __init__(self, response: Float[Tensor, "k d"], generators: Sequence[torch.Generator]) -> None:
        self._response = response.to(generators[0].device)
        self._generators = generators
        self._white = self._draw(len(response) - 1)

    def next(self, num_frames: int) -> Float[Tensor, "b t d"]:
        """The next frames."""
        taps = len(self._response)
        frames = []
        for _ in range(num_frames):
            self._white = torch.cat(
                [self._white[:, -(taps - 1) :] if taps > 1 else self._white[:, :0], self._draw(1)], 1
            )
            frames.append((self._white * self._response.flip(0)).sum(1, keepdim=True))
        return torch.cat(frames, dim=1) if frames else self._draw(0)

    def _draw(self, num_frames: int) -> Float[Tensor, "b t d"]:
        width = self._response.shape[1]
        drawn = [
            torch.stack([torch.randn(width, generator=g, device=g.device) for g in self._generators])
            for _ in range(num_frames)
        ]
        empty = torch.empty(len(self._generators), 0, width, device=self._generators[0].device)
        return torch.stack(drawn, dim=1) if drawn else empty
