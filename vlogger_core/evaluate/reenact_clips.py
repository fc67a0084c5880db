"""A clip's first frame made to move as the clip does, beside the clip (paper, section 4.1 and Table 3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import torch
from jaxtyping import Float
from torch import Tensor

from ..datatypes import BodyFit, Motion
from ..pipeline import video_size
from ..progress import Progress, silent
from ..render.scene import resize
from ..render.stage import Stage, open_stage
from ..video.map_source import MapSource
from ..video.reader import VideoReader
from .reenact_cache import Tracked
from .reenact_regions import REGIONS, regions_of
from .reenact_scores import Distance, Scores
from .table import Figure

STATIC, WARP, OURS = "static first frame", "raw warp", "ours"
SIZE = 256
"""Pixels of the shorter side."""
WARP_DB = {"full": 1.0, "face": 2.0}
"""How much better the raw warp must be than the static frame."""
OURS_DB = {"face": 0.5, "mouth": 0.5, "full": 0.4}
"""How much better the video must be than the raw warp."""
BETTER = 0.0005
"""Of gradient similarity: less is no difference."""
SAME = 1.005
"""Flicker up to so many times the warp's is not above it."""
GRID = "grid"
_AT_ONCE = 8

Frame = Float[Tensor, "3 h w"]
Sample = Callable[[BodyFit, Motion, tuple[int, int], Progress], Iterator[Frame]]
"""Makes a video: fit, motion, size, progress."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """A row of the table and how its video is made."""

    name: str
    sample: Sample


def score_clips(
    clips: Sequence[Tracked],
    rows: Sequence[Made],
    *,
    size: int = SIZE,
    distance: Distance | None = None,
    progress: Progress = silent,
) -> Scores:
    """Compare each row, the static frame and the raw warp with the clips."""
    scores = Scores(distance)
    for i, clip in enumerate(clips):

        def part(done: int, total: int, i: int = i) -> None:
            progress(1000 * i + 1000 * done // max(1, total), 1000 * len(clips))

        score_clip(scores, clip, rows, size=size, progress=part)
    progress(1, 1)
    return scores


@torch.no_grad()
def score_clip(scores: Scores, clip: Tracked, rows: Sequence[Made], *, size: int, progress: Progress = silent) -> None:
    """Compare the videos of one clip, frame by frame; a few frames are in memory at a time."""
    if clip.motion is None:
        raise ValueError(f"clip must be of a video. Got {clip.path}, a photo.")
    start, count = clip.reference_frame, clip.motion.num_frames
    motion = clip.motion.slice(start, count)
    shape = video_size(clip.fit.camera.width, clip.fit.camera.height, size)
    opened = scores.open_clip([STATIC, WARP, *(row.name for row in rows)])
    stage = open_stage(clip.fit, motion, shape, progress=lambda *_: progress(0, count))
    reference = stage.reference
    done = 0
    made = {row.name: row.sample(clip.fit, motion, shape, lambda *_: progress(done, count)) for row in rows}
    truths = islice(VideoReader(clip.path), start, count)
    for t, (truth, warp) in enumerate(zip(truths, warped(stage), strict=True)):
        done = t
        progress(t, count)
        others = {name: next(frames) for name, frames in made.items()}
        # The first frame is the reference itself.
        regions = None if t == 0 else regions_of(stage.maps.posed(t))
        opened.add(resize(truth, shape).clamp(0, 1), {STATIC: reference, WARP: warp, **others}, regions)


def warped(stage: Stage) -> Iterator[Frame]:
    """The raw warp: what a video model starts from."""
    source = MapSource(stage)
    for first in range(0, source.num_frames, _AT_ONCE):
        yield from source.frames(first, min(first + _AT_ONCE, source.num_frames)).composite()[0]


def warp_figures(scores: Scores, on: str) -> list[Figure]:
    """What is asked of the raw warp."""
    return [
        Figure(
            what=f"raw warp over static frame, {region}", on=on, unit="dB",
            reached=scores.gain(WARP, STATIC, "PSNR", region), asked=asked, at_least=True,
            note=_spread(scores, WARP, STATIC, region),
        )
        for region, asked in WARP_DB.items()
    ]  # fmt: skip


def ours_figures(scores: Scores, on: str) -> list[Figure]:
    """What is asked of the video model."""
    figures = [
        Figure(
            what=f"ours over raw warp, {region}", on=on, unit="dB",
            reached=scores.gain(OURS, WARP, "PSNR", region), asked=asked, at_least=True,
            note=_spread(scores, OURS, WARP, region),
        )
        for region, asked in OURS_DB.items()
    ]  # fmt: skip
    for region in REGIONS:
        gain = scores.gain(OURS, WARP, "gradient similarity", region)
        if gain is None and region == "hands":
            continue
        figures.append(
            Figure(
                what=f"gradient similarity over raw warp, {region}", on=on, reached=gain, asked=BETTER, at_least=True
            )
        )
    ours, warp = (scores.mean(row, "flicker", "full") for row in (OURS, WARP))
    ratio = None if ours is None or not warp else ours / warp
    figures.append(Figure(what="flicker over the raw warp's", on=on, reached=ratio, unit="x", asked=SAME))
    return figures


def told_figures(scores: Scores, rows: Iterable[str], metrics: Iterable[str], on: str) -> list[Figure]:
    """Every cell of the table, for the file."""
    cells = ((row, metric, region) for row in rows for metric in metrics for region in REGIONS)
    return [
        Figure(what=f"{metric} {region}, {row}", on=on, reached=value)
        for row, metric, region in cells
        if (value := scores.mean(row, metric, region)) is not None
    ]


def named(clips: Sequence[Tracked]) -> str:
    """What the clips are called in the table."""
    names = [clip.name for clip in clips]
    return "GRID clips" if all(name.lower().startswith(GRID) for name in names) else f"{len(names)} clips"


def _spread(scores: Scores, row: str, over: str, region: str) -> str:
    """Clip by clip, so that one that fails is seen."""
    pairs = zip(scores.each(row, "PSNR", region), scores.each(over, "PSNR", region), strict=True)
    return "clips: " + " ".join(f"{one - other:+.1f}" for one, other in pairs)
