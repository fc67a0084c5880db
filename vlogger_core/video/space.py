"""What is diffused in the place of pictures: their pixels, or the latents of an autoencoder."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor


@runtime_checkable
class SignalSpace(Protocol):
    """Pictures of 0 to 1 to signals of about unit size, and back."""

    def encode(self, frames: Float[Tensor, "b t 3 h w"]) -> Float[Tensor, "b t c hs ws"]: ...

    def decode(self, signal: Float[Tensor, "b t c hs ws"]) -> Float[Tensor, "b t 3 h w"]:
        """Values may leave 0 to 1."""
        ...

    def spread(self, mask: Float[Tensor, "b t 1 h w"]) -> Float[Tensor, "b t c hs ws"]:
        """Which values of a signal belong to the pixels of a mask of 0 and 1, at least in part."""
        ...


class PixelSpace:
    """The pixels themselves, -1 to 1, every square of `patch` pixels as the channels of one position."""

    def __init__(self, patch: int) -> None:
        self.patch = patch

    def encode(self, frames: Float[Tensor, "b t 3 h w"]) -> Float[Tensor, "b t c hs ws"]:
        return F.pixel_unshuffle(frames, self.patch) * 2 - 1

    def decode(self, signal: Float[Tensor, "b t c hs ws"]) -> Float[Tensor, "b t 3 h w"]:
        return (F.pixel_shuffle(signal, self.patch) + 1) / 2

    def spread(self, mask: Float[Tensor, "b t 1 h w"]) -> Float[Tensor, "b t c hs ws"]:
        """Pixel by pixel."""
        return F.pixel_unshuffle(mask.expand(-1, -1, 3, -1, -1), self.patch)


class LatentSpace:
    """The latents of diffusers' `AutoencoderKL`, scaled as its configuration says; frame by frame, to save memory."""

    def __init__(self, autoencoder: Any) -> None:
        self.autoencoder = autoencoder

    @torch.no_grad()
    def encode(self, frames: Float[Tensor, "b t 3 h w"]) -> Float[Tensor, "b t c hs ws"]:
        """The mean of the posterior."""
        pictures = rearrange(frames.to(self.autoencoder.dtype) * 2 - 1, "b t c h w -> (b t) 1 c h w")
        means = [self.autoencoder.encode(picture).latent_dist.mode() for picture in pictures]
        signal = torch.cat(means) * self.autoencoder.config.scaling_factor
        return rearrange(signal.to(frames.dtype), "(b t) c h w -> b t c h w", b=len(frames))

    @torch.no_grad()
    def decode(self, signal: Float[Tensor, "b t c hs ws"]) -> Float[Tensor, "b t 3 h w"]:
        scaled = signal.to(self.autoencoder.dtype) / self.autoencoder.config.scaling_factor
        latents = rearrange(scaled, "b t c h w -> (b t) 1 c h w")
        pictures = torch.cat([self.autoencoder.decode(latent).sample for latent in latents])
        return rearrange((pictures.to(signal.dtype) + 1) / 2, "(b t) c h w -> b t c h w", b=len(signal))

    def spread(self, mask: Float[Tensor, "b t 1 h w"]) -> Float[Tensor, "b t c hs ws"]:
        """Latent by latent: one that shows any of the mask belongs to it."""
        config = self.autoencoder.config
        patch = 2 ** (len(config.block_out_channels) - 1)
        pooled = F.max_pool2d(mask.flatten(0, 1), patch).unflatten(0, mask.shape[:2])
        return pooled.expand(-1, -1, config.latent_channels, -1, -1)
