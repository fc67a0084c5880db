"""What a training of a video model is watched by: the same unseen samples, sampled as at inference."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from ..video.network import VideoNetwork, start_frames
from ..video.reduced import reduce_controls
from .stage_before import StageBefore, sample_once
from .video_data import ExampleStream, VideoBatch, collate
from .video_figures import figures

_SHOWN = 8
_ERROR_GAIN = 3.0


class Validation:
    """Samples of people that the training never sees."""

    def __init__(
        self,
        stream: ExampleStream,
        *,
        examples: int,
        batch: int,
        sampler_steps: int,
        before: StageBefore | None = None,
        controls: str | None = None,
    ) -> None:
        batch = min(batch, examples)
        self.batches = [collate(stream.next(batch)) for _ in range(max(1, examples // batch))]
        self.sampler_steps, self.controls = sampler_steps, controls
        self.before = before

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
        before = self.before or StageBefore(network.config.upscale)
        previous = before(batch, generator) if network.config.upscale > 1 else None
        controls = batch.controls if self.controls is None else reduce_controls(batch.controls, self.controls)
        ours = sample_once(network, controls, previous, generator, steps=self.sampler_steps)
        return start_frames(controls, previous).clamp(0, 1).cpu(), ours.cpu()


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
