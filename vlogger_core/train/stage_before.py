"""What an upscaler is given in training: frames as the stage before it makes them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from ..diffusion import solve
from ..video.controls import ControlFrames
from ..video.network import VideoNetwork, shrink, start_frames
from .video_data import VideoBatch

_MADE = 0.75
"""Of the samples, how many the stage before makes itself, where it is at hand; the others are its truth, degraded, so
that the upscaler also learns to follow a better stage."""


class StageBefore:
    """Frames of 1/`upscale` of a batch's size.

    Made by the stage's own network they have its own faults, which the upscaler must know. The network sees crops
    here, so it goes without the reference, of which a crop says nothing; an upscaler as the stage before is itself
    given degraded truth.

    Args:
        network: the stage before, in evaluation mode; None only degrades the truth.
    """

    def __init__(self, upscale: int, network: VideoNetwork | None = None) -> None:
        self.upscale, self.network = upscale, network

    def __call__(self, batch: VideoBatch, generator: torch.Generator) -> Float[Tensor, "b t 3 hp wp"]:
        """Frames, on the device of the batch; what is drawn at random is drawn on the CPU."""
        rough = degraded(batch, self.upscale, generator)
        if self.network is None:
            return rough
        made = torch.rand(len(rough), generator=generator) < _MADE
        small = VideoBatch(
            target=_shrunk(batch.target, self.upscale), controls=shrink_controls(batch.controls, self.upscale)
        )
        shown = self._sample(self.network, small, generator)
        return torch.where(made.to(shown.device)[:, None, None, None, None], shown, rough)

    @torch.no_grad()
    def _sample(self, network: VideoNetwork, batch: VideoBatch, generator: torch.Generator) -> Tensor:
        upscale = network.config.upscale
        previous = None if upscale == 1 else degraded(batch, upscale, generator)
        return sample_once(network, batch.controls, previous, generator, steps=1, tokens=False)


@torch.no_grad()
def sample_once(
    network: VideoNetwork,
    controls: ControlFrames,
    previous: Float[Tensor, "b t 3 hp wp"] | None,
    generator: torch.Generator,
    *,
    steps: int,
    tokens: bool = True,
) -> Float[Tensor, "b t 3 h w"]:
    """Clips as the sampler makes them in one piece: DDIM, the same noise in all frames.

    Args:
        steps: of the sampler.
        tokens: whether the network sees the reference.
    """
    signal = network.space.encode(start_frames(controls, previous))
    shape = signal.shape
    noise = torch.randn(shape[0], 1, *shape[2:], generator=generator).expand(shape).to(signal.device)
    encoded = network.encode_controls(controls, previous)
    seen = network.encode_reference(controls.reference) if tokens else None

    def draw(step: int) -> Tensor:
        raise AssertionError(f"DDIM draws no noise. Got step {step}.")

    signal = solve(
        network.denoise,
        noise * network.config.temperature,
        network.schedule,
        solver="ddim",
        steps=steps,
        draw=draw,
        cond={"controls": encoded, "tokens": seen},
    )
    return network.space.decode(signal).clamp(0, 1)


def shrink_controls(controls: ControlFrames, factor: int) -> ControlFrames:
    """Controls of a smaller picture. Of what has edges, bodies and parts, every `factor`th pixel is kept, as a small
    rendering has it; pictures are averaged."""
    middle = slice(factor // 2, None, factor)
    return ControlFrames(
        dense=controls.dense[..., middle, middle],
        parts=controls.parts[..., middle, middle],
        matte=controls.matte[..., middle, middle],
        warp=_shrunk(controls.warp, factor),
        warp_valid=_shrunk(controls.warp_valid, factor),
        background=_shrunk(controls.background[:, None], factor)[:, 0],
        reference=_shrunk(controls.reference[:, None], factor)[:, 0],
    )


def _shrunk(frames: Float[Tensor, "b t c _h _w"], factor: int) -> Float[Tensor, "b t c h w"]:
    flat = rearrange(frames, "b t c h w -> (b t) c h w")
    small = shrink(flat, (frames.shape[-2] // factor, frames.shape[-1] // factor))
    return rearrange(small, "(b t) c h w -> b t c h w", b=len(frames))


def degraded(batch: VideoBatch, upscale: int, generator: torch.Generator) -> Float[Tensor, "b t 3 hp wp"]:
    """What a stage before an upscaler might have made: between the truth and the composite, a little soft and noisy."""
    b, device = len(batch.target), batch.target.device

    def drawn(high: float) -> Tensor:
        return (high * torch.rand(b, generator=generator)).to(device)[:, None, None, None, None]

    truth, composite = _shrunk(batch.target, upscale), _shrunk(batch.controls.composite(), upscale)
    made = torch.lerp(truth, composite, drawn(0.7))
    flat = rearrange(made, "b t c h w -> (b t) c h w")
    soft = F.avg_pool2d(F.pad(flat, (1, 1, 1, 1), mode="replicate"), 3, 1)
    made = torch.lerp(made, rearrange(soft, "(b t) c h w -> b t c h w", b=b), drawn(0.8))
    made = made + drawn(0.015) * torch.randn(made.shape, generator=generator).to(device)
    return made.clamp(0, 1)
