"""The layers that a video model adds to an image diffusion model: controls, the reference, and time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from .config import VideoConfig
from .controls import ControlFrames

Layer = TypeVar("Layer", bound=nn.Module)


def zeroed(layer: Layer) -> Layer:
    """The layer with all its parameters 0."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer


class ControlEmbedding(nn.Module):
    """Controls as features at the resolution of the diffused signal, `patch` pixels apart.

    The composite of warp and background comes as a signal, pixel by pixel; validity, matte, dense positions and parts
    are averaged over `coarse` pixels squared; an upscaler also sees the frames of the stage before.
    """

    def __init__(self, config: VideoConfig) -> None:
        super().__init__()
        self.patch, self.coarse, self.upscale = config.patch, config.coarse, config.upscale
        width = config.control_width
        seen = config.signal_channels + (5 + len(config.parts)) * (self.patch // self.coarse) ** 2
        if config.upscale > 1:
            seen += 3 * (self.patch // self.upscale) ** 2
        is_copy = config.control_entry == "copy"
        out = nn.Conv2d(width, config.channels[0] if is_copy else width, 3, padding=1)
        self.layers = nn.Sequential(
            nn.Conv2d(seen, width, 1),
            nn.SiLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.SiLU(),
            zeroed(out) if is_copy else out,
        )

    def forward(
        self,
        start: Float[Tensor, "b t c hs ws"],
        controls: ControlFrames,
        previous: Float[Tensor, "b t 3 hp wp"] | None,
    ) -> Float[Tensor, "n e hs ws"]:
        """Features of `n = b t` frames. `start` is `network.start_frames` as a signal."""
        seen = [start]
        for maps in (controls.warp_valid, controls.matte, controls.dense, controls.parts):
            small = F.avg_pool2d(maps.flatten(0, 1), self.coarse) if self.coarse > 1 else maps.flatten(0, 1)
            seen.append(F.pixel_unshuffle(small, self.patch // self.coarse))
        if previous is not None:
            seen.append(F.pixel_unshuffle(previous * 2 - 1, self.patch // self.upscale))
        return self.layers(torch.cat([x if x.ndim == 4 else x.flatten(0, 1) for x in seen], 1))


class ReferenceEncoder(nn.Module):
    """The photo as tokens for cross-attention, each of a square of it: never a channel in line with the output."""

    _TOKEN_PX = 16

    def __init__(self, config: VideoConfig) -> None:
        super().__init__()
        self.grid, width = config.token_grid, config.token_width
        narrow = min(width, 128)
        self.layers = nn.Sequential(
            nn.Conv2d(3 * 4**2, narrow, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(narrow, narrow, 3, stride=2, padding=1),
            nn.SiLU(),
            nn.Conv2d(narrow, width, 3, stride=2, padding=1),
        )
        self.position = nn.Parameter(0.02 * torch.randn(self.grid**2, width))
        self.norm = nn.LayerNorm(width)
        self.null = nn.Parameter(0.02 * torch.randn(self.grid**2, width))
        """What stands for no reference."""

    def forward(self, reference: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b k d"]:
        """Tokens of the photo, whatever its size."""
        side = self.grid * self._TOKEN_PX
        photo = F.interpolate(reference.float(), (side, side), mode="bilinear", align_corners=False, antialias=True)
        photo = F.pixel_unshuffle(photo * 2 - 1, 4).to(self.null.dtype)
        tokens = rearrange(self.layers(photo), "b d y x -> b (y x) d")
        return self.norm(tokens + self.position)


class TemporalGroupNorm(nn.GroupNorm):
    """A GroupNorm before which the frames of a clip are mixed by a 1-D convolution over time, which begins as none.

    The paper places it "after the first layer of each downsampling block and before the second GroupNorm" (section
    3.2). The normalisation keeps its names, so that an image model's weights fit.
    """

    def __init__(self, norm: nn.GroupNorm, kernel: int) -> None:
        super().__init__(norm.num_groups, norm.num_channels, norm.eps, device=norm.weight.device)
        self.load_state_dict(norm.state_dict(), assign=True)
        channels = norm.num_channels
        self.temporal = zeroed(nn.Conv1d(channels, channels, kernel, padding=kernel // 2, device=norm.weight.device))
        self.num_frames = 1
        """How many of the frames that come as one batch belong to a clip."""

    def forward(self, input: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """Mix, then normalise."""
        height = input.shape[-2]
        # A convolution of k x 1 over (time, place): in channels-last memory nothing is moved for it.
        clips = rearrange(input, "(b t) c h w -> b c t (h w)", t=self.num_frames)
        kernel = self.temporal.weight[..., None]
        clips, kernel = (x.contiguous(memory_format=torch.channels_last) for x in (clips, kernel))
        mixed = F.conv2d(clips, kernel, self.temporal.bias, padding=(kernel.shape[2] // 2, 0))
        return super().forward(input + rearrange(mixed, "b c t (h w) -> (b t) c h w", h=height))


def add_time(down_blocks: Iterable[Any], kernel: int) -> None:
    """Give the first residual block of each of diffusers' down blocks a convolution over time."""
    for block in down_blocks:
        resnet = block.resnets[0]
        resnet.norm2 = TemporalGroupNorm(resnet.norm2, kernel)
