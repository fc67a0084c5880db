"""Video models small enough for tests, and controls for them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from vlogger_core.names import PARTS
from vlogger_core.progress import Progress
from vlogger_core.video.config import VideoConfig
from vlogger_core.video.controls import ControlFrames
from vlogger_core.video.network import VideoNetwork
from vlogger_core.video.sd15 import StableDiffusion, build_autoencoder, build_unet

TINY_UNET = {
    "sample_size": 8,
    "block_out_channels": [8, 16],
    "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
    "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"],
    "layers_per_block": 1,
    "norm_num_groups": 4,
    "cross_attention_dim": 12,
    "attention_head_dim": 2,
}
TINY_AUTOENCODER = {
    "block_out_channels": [4, 8],
    "down_block_types": ["DownEncoderBlock2D"] * 2,
    "up_block_types": ["UpDecoderBlock2D"] * 2,
    "layers_per_block": 1,
    "latent_channels": 4,
    "norm_num_groups": 2,
    "scaling_factor": 0.18215,
}


def tiny_config(**changes: object) -> VideoConfig:
    config = VideoConfig(
        size=16,
        patch=4,
        channels=(8, 16),
        attention=(False, True),
        heads=2,
        groups=4,
        token_width=12,
        token_grid=2,
        control_width=8,
        clip_frames=4,
        diffusion_steps=20,
    )
    return replace(config, **changes)


def tiny_upscaler_config(**changes: object) -> VideoConfig:
    return tiny_config(size=32, upscale=2, patch=8, coarse=4, control_entry="input", **changes)


def tiny_network(config: VideoConfig | None = None, *, trained: bool = True, seed: int = 0) -> VideoNetwork:
    """In evaluation mode; `trained` gives the layers that begin as 0 random weights."""
    torch.manual_seed(seed)
    network = VideoNetwork(config or tiny_config())
    if trained:
        wake(network)
    return network.eval().requires_grad_(False)


def wake(network: torch.nn.Module, only: str = "") -> None:
    """Give parameters that are all 0 small random values."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if only in name and not parameter.any():
                parameter.copy_(0.1 * torch.randn(parameter.shape, generator=generator))


def tiny_sd15(seed: int = 0) -> StableDiffusion:
    torch.manual_seed(seed)
    unet, autoencoder = build_unet(TINY_UNET), build_autoencoder(TINY_AUTOENCODER)
    return StableDiffusion(
        unet=unet.eval().requires_grad_(False),
        autoencoder=autoencoder.eval().requires_grad_(False),
        prediction="epsilon",
    )


def tiny_controls(num_frames: int = 3, size: int = 16, batch: int = 1, seed: int = 0) -> ControlFrames:
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=generator)

    frames = (batch, num_frames)
    parts = torch.randint(len(PARTS), (*frames, size, size), generator=generator)
    return ControlFrames(
        dense=draw(*frames, 3, size, size),
        parts=torch.nn.functional.one_hot(parts, len(PARTS)).movedim(-1, 2).float(),
        warp=draw(*frames, 3, size, size),
        warp_valid=draw(*frames, 1, size, size),
        background=draw(batch, 3, size, size),
        matte=(draw(*frames, 1, size, size) > 0.5).float(),
        reference=draw(batch, 3, size, size),
    )


@dataclass
class TinySource:
    """Controls that are all at hand, and what was asked of them."""

    controls: ControlFrames

    def __post_init__(self) -> None:
        self.asked: list[tuple[int, int]] = []

    @property
    def num_frames(self) -> int:
        return self.controls.num_frames

    @property
    def size(self) -> tuple[int, int]:
        return self.controls.size

    def frames(self, start: int, stop: int, progress: Progress) -> ControlFrames:
        self.asked.append((start, stop))
        progress(0, stop - start)
        return self.controls.slice(start, stop)
