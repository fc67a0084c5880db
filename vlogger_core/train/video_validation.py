"""What a training of a video model is watched by: the same unseen samples, sampled as at inference."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from ..diffusion import solve
from ..video.network import VideoNetwork, start_frames
from ..video.reduced import reduce_controls
from .video_data import ExampleStream, VideoBatch, collate
from .video_figures import figures
from .video_trainer import degraded

_SHOWN = 8
_ERROR_GAIN = 3.0


class Validation:
    """Samples of people that the training never sees."""

    def __init__(
        self, stream: ExampleStream, *, examples: int, batch: int, sampler_steps: int, controls: str | None = None
    ) -> None:
        batch = min(batch, examples)
        self.batches = [collate(stream.next(batch)) for _ in range(max(1, examples // batch))]
        self.sampler_steps, self.controls = sampler_steps, controls

    @torch.no_grad()
    def __call__(self, network: VideoNetwork, device: torch.device) -> tuple[dict[str, float], Float[Tensor, "3 h w"]]:
        """Figures of the network and of the raw composite, and a picture: reference, composite, ours, truth, error."""
        sums: dict[str, list[float]] = {}
        rows: list[Tensor] = []
        for number, batch in enumerate(self.batches):
            raw, ours = self._sample(network, batch.to(device), torch.Generator().manual_seed(number))
            for name, shown in (("raw", raw), ("ours", ours)):
                for what, value in figures(shown, batch.target, batch.controls).items():
                    sums.setdefault(f"{name}_{what}", []).append(value)
            rows += [_row(batch, raw, ours, i) for i in range(len(ours))]
        told = {name: round(float(np.mean(values)), 4) for name, values in sums.items()}
        return told, torch.cat(rows[:_SHOWN], 1)

    def _sample(self, network: VideoNetwork, batch: VideoBatch, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        previous = None
        if network.config.upscale > 1:
            previous = degraded(batch.to(torch.device("cpu")), network.config.upscale, generator).to(
                batch.target.device
            )
        controls = batch.controls if self.controls is None else reduce_controls(batch.controls, self.controls)
        start = start_frames(controls, previous)
        shape = network.space.encode(start).shape
        noise = torch.randn(shape[0], 1, *shape[2:], generator=generator).expand(shape).to(start.device)

        def draw(step: int) -> Tensor:
            raise AssertionError(f"DDIM draws no noise. Got step {step}.")

        signal = solve(
            lambda x, t: network(x, t, controls=controls, reference=controls.reference, previous=previous),
            noise * network.config.temperature,
            network.schedule,
            solver="ddim",
            steps=self.sampler_steps,
            draw=draw,
        )
        return start.clamp(0, 1).cpu(), network.space.decode(signal).clamp(0, 1).cpu()


def save_picture(picture: Float[Tensor, "3 h w"], path: Path) -> None:
    """Write a PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = (rearrange(picture, "c h w -> h w c").clamp(0, 1) * 255).round().byte().numpy()
    Image.fromarray(pixels).save(path)


def _row(batch: VideoBatch, raw: Tensor, ours: Tensor, i: int) -> Float[Tensor, "3 h w"]:
    """The last frame of a sample."""
    target = batch.target[i, -1]
    error = (ours[i, -1] - target).abs() * _ERROR_GAIN
    return torch.cat([batch.controls.reference[i], raw[i, -1], ours[i, -1], target, error.clamp(max=1)], 2)
