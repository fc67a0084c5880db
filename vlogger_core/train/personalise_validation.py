"""What a personalisation is watched by: frames that it never sees, sampled as a video is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from ..progress import Progress, silent
from ..video.cascade import CascadeSettings
from ..video.controls import ControlFrames
from ..video.network import VideoNetwork
from ..video.sampler import sample_video
from .personalise_pairs import Run
from .video_figures import figures


@dataclass(frozen=True, kw_only=True)
class HeldControls:
    """Controls that are all at hand; a `controls.ControlSource`."""

    controls: ControlFrames

    @property
    def num_frames(self) -> int:
        return self.controls.num_frames

    @property
    def size(self) -> tuple[int, int]:
        return self.controls.size

    def frames(self, start: int, stop: int, progress: Progress) -> ControlFrames:
        """See `controls.ControlSource`."""
        progress(0, stop - start)
        return self.controls.slice(start, stop)


def changes(
    network: VideoNetwork, run: Run, *, steps: int | None = None, progress: Progress = silent
) -> tuple[Float[Tensor, "t 3 h w"], Float[Tensor, "t 3 h w"]]:
    """The frames of a run as a video has them, and what they have more than their composite.

    Args:
        steps: of the sampler; None is its default.
        progress: called before every part of the network, without a count.
    """
    defaults = CascadeSettings()
    settings = defaults.base if network.config.upscale == 1 else defaults.upscalers
    chunks = sample_video(
        network,
        HeldControls(controls=run.batch().controls),
        replace(settings, steps=steps or settings.steps),
        previous=None if run.change is None else _once(run.change.float()),
        progress=lambda *_: progress(0, 1),
    )
    made = list(chunks)
    return torch.cat([chunk.frames for chunk in made]), torch.cat([chunk.change for chunk in made])


def judge(
    network: VideoNetwork, runs: Sequence[Run], *, progress: Progress = silent
) -> tuple[dict[str, float], Float[Tensor, "3 h w"]]:
    """Figures over all runs, and a picture of a frame of the last: composite, ours, truth."""
    shown, targets, controls = [], [], []
    for run in runs:
        frames, _ = changes(network, run, progress=progress)
        batch = run.batch()
        shown.append(frames)
        targets.append(batch.target[0])
        controls.append(batch.controls)
    told: dict[str, list[float]] = {}
    for made, target, steered in zip(shown, targets, controls, strict=True):
        for name, value in figures(made[None], target[None], steered).items():
            told.setdefault(name, []).append(value)
    middle = len(targets[-1]) // 2
    row = torch.cat([controls[-1].composite()[0, middle].clamp(0, 1), shown[-1][middle], targets[-1][middle]], 2)
    return {name: sum(values) / len(values) for name, values in told.items()}, row


def _once(change: Tensor) -> Iterator[Tensor]:
    yield change
