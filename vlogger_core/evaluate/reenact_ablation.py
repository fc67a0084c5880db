"""The rows of the paper's Tables 2 and 3 that concern the video model, at the scale of the embedded one.

Every row is a base model of its own, trained equally long on the same data: `video_keypoints`, `video_dense`,
`video_warp` (without the training schedule), `video_full` and `video_head` in a folder of ablations. Overlaps are
settings of the shipped base. Our 2D keypoints are the centres of the parts (see `video.reduced`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from ..datatypes import BodyFit, Motion
from ..progress import Progress, silent
from ..render.stage import open_stage
from ..video.checkpoint import SHIPPED_BASE, load_video_model
from ..video.controls import ControlFrames
from ..video.map_source import MapSource
from ..video.network import VideoNetwork
from ..video.reduced import reduce_controls
from ..video.sampler import SamplerSettings, sample_video
from .reenact_cache import Tracked
from .reenact_clips import Made, score_clips
from .reenact_scores import Scores
from .table import Figure

SIZE = 128
OVERLAPS = (0.0, 0.25, 0.5)
FULL = "+ schedule (full model)"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of the paper's tables."""

    name: str
    checkpoint: str
    """File name without its ending, in the folder of ablations."""
    reduction: str | None = None
    """Of `video.reduced.REDUCTIONS`."""
    paper_db: float | None = None
    """PSNR of the full image in Table 3."""


ROWS = (
    Row(name="2D keypoints only", checkpoint="video_keypoints", reduction="keypoints", paper_db=19.8),
    Row(name="dense only", checkpoint="video_dense", reduction="dense", paper_db=20.1),
    Row(name="+ warp", checkpoint="video_warp", paper_db=20.7),
    Row(name=FULL, checkpoint="video_full", paper_db=21.6),
    Row(name="no body, head only", checkpoint="video_head", reduction="head"),
)
_PAPER_OVERLAP = {0.0: "3.70", 0.25: "3.61", 0.5: "3.58"}
"""Jitter in Table 2."""


@dataclass(frozen=True, kw_only=True)
class ReducedSource:
    """A `video.controls.ControlSource` that leaves something out."""

    source: MapSource
    reduction: str | None

    @property
    def num_frames(self) -> int:
        return self.source.num_frames

    @property
    def size(self) -> tuple[int, int]:
        return self.source.size

    def frames(self, start: int, stop: int, progress: Progress = silent) -> ControlFrames:
        """See `ControlSource`."""
        controls = self.source.frames(start, stop, progress)
        return controls if self.reduction is None else reduce_controls(controls, self.reduction)


def base_video(network: VideoNetwork, settings: SamplerSettings, reduction: str | None = None):
    """A `reenact_clips.Sample` of a base model alone."""

    def sample(
        fit: BodyFit, motion: Motion, size: tuple[int, int], progress: Progress
    ) -> Iterator[Float[Tensor, "3 h w"]]:
        source = ReducedSource(source=MapSource(open_stage(fit, motion, size, progress=progress)), reduction=reduction)
        with torch.no_grad():
            for chunk in sample_video(network, source, settings, progress=progress):
                yield from chunk.frames

    return sample


def ablation_figures(
    clips: Sequence[Tracked], settings: SamplerSettings, folder: Path | None, progress: Progress = silent
) -> tuple[list[Figure], Scores, list[str]]:
    """Measure the rows whose checkpoints are there, and say of the others how to make them.

    Args:
        folder: of the checkpoints; None has none.

    Returns:
        The figures, the scores, and the names of the rows in them.
    """
    made = []
    for row in ROWS:
        path = folder / f"{row.checkpoint}.safetensors" if folder else None
        if path is not None and path.is_file():
            made.append(Made(name=row.name, sample=base_video(load_video_model(path), settings, row.reduction)))
    if SHIPPED_BASE.is_file():
        shipped = load_video_model(SHIPPED_BASE)
        for overlap in OVERLAPS:
            chosen = replace(settings, overlap=overlap)
            made.append(Made(name=_overlap_name(overlap), sample=base_video(shipped, chosen)))
    scores = score_clips(clips, made, size=SIZE, progress=progress) if made else Scores()
    names = [one.name for one in made]
    return [*_row_figures(scores), *_overlap_figures(scores)], scores, names


def _row_figures(scores: Scores) -> list[Figure]:
    figures, before = [], None
    for row in ROWS:
        reached = scores.mean(row.name, "PSNR", "full")
        if reached is None:
            note = f"not measured: there is no {row.checkpoint}.safetensors in --ablations (docs/train_video.md)"
        elif row.paper_db is None:
            note = "the paper has no PSNR of it"
        else:
            note = f"paper {row.paper_db:.1f}"
            if before is not None:
                note += ", better than the row above as in the paper" if reached > before else _UNLIKE
            before = reached
        figures.append(
            Figure(what=f"PSNR full, {row.name}", on="ablation, 128 px", reached=reached, unit="dB", note=note)
        )
    return figures


def _overlap_figures(scores: Scores) -> list[Figure]:
    return [
        Figure(
            what=f"flicker, {_overlap_name(overlap)}", on="ablation, 128 px",
            reached=scores.mean(_overlap_name(overlap), "flicker", "full"),
            note=f"jitter of the face in the paper {_PAPER_OVERLAP[overlap]}",
        )
        for overlap in OVERLAPS
    ]  # fmt: skip


_UNLIKE = (
    ", NOT better than the row above as in the paper: at this scale the composite of the warp is the starting point, "
    "and clips are short and nearly frontal"
)


def _overlap_name(overlap: float) -> str:
    return f"overlap {100 * overlap:.0f} %"
