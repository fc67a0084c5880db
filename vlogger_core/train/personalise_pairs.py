"""Training pairs of one clip: some frames as references, and for each of them others, far in time, that it becomes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..data.video_motions import join_motions, motion_between
from ..data.video_sample import Sample
from ..datatypes import MapFrames
from ..errors import InputError
from ..names import PART_INDEX
from ..progress import Progress, silent
from ..render.ahead import aside
from ..render.raster import DEFAULT_BACKEND
from ..render.scene import resize
from ..render.stage import Stage, open_stage
from ..render.view import View
from ..render.view import cut as cut_view
from ..video.cascade_plan import CascadePlan
from .personalise_clip import PersonClip
from .video_data import VideoBatch, collate, cut, mirror
from .video_loss import FACE

REFERENCES = 5
"""Beside the clip's own."""
RUN = 8
"""Consecutive frames that are kept together."""
HELD_OUT_FRAMES = 24
_HELD_BYTES = 640 * 2**20
"""What the pairs of a stage may take."""
_PIXEL_BYTES = 26
_NEAR_FACE = 0.85
_AROUND = 0.2
"""How far windows stray from the face, in their sides."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """Consecutive frames of the clip and what they are made from, in half precision."""

    reference: int
    first: int
    sample: Sample
    change: Float[Tensor, "t 3 hp wp"] | None = None
    """Of an upscaler: what the stage before changed in them."""

    @property
    def num_frames(self) -> int:
        return len(self.sample.target)

    def batch(self) -> VideoBatch:
        """The whole pictures, as a batch of one."""
        return collate([_whole(self.sample)])


@dataclass(frozen=True, kw_only=True)
class Span:
    """Frames `[first, stop)` of a clip that a reference is to become."""

    reference: int
    first: int
    stop: int


def training_spans(clip: PersonClip, most: int) -> list[Span]:
    """What is trained on: half of it begins with the clip's own reference, as a video does.

    Args:
        most: frames in all.
    """
    own, *others = clip.references(REFERENCES)
    spans = _spread(_runs(own, clip.far_from(own)), most // 2)
    for reference in others:
        spans += _spread(_runs(reference, clip.far_from(reference)), most // 2 // len(others))
    return spans


def held_out_spans(clip: PersonClip) -> list[Span]:
    """What is judged by: frames of the held-out part, begun with the clip's own reference."""
    return _spread(_runs(clip.reference, clip.held_out()), HELD_OUT_FRAMES)


def most_frames(size: tuple[int, int]) -> int:
    """How many frames of (h, w) may be held."""
    return max(2 * RUN, min(128, _HELD_BYTES // (_PIXEL_BYTES * size[0] * size[1])))


def make_runs(
    clip: PersonClip,
    spans: Sequence[Span],
    plan: CascadePlan,
    index: int,
    *,
    backend: str = DEFAULT_BACKEND,
    progress: Progress = silent,
) -> list[Run]:
    """Render the controls of some spans at the size of a stage; a run for each, in their order.

    Args:
        spans: those of one reference together, since it takes seconds to prepare.
    """
    total, done, made = sum(span.stop - span.first for span in spans), 0, []
    size = plan.stages[index]

    def part(row: int, _: int) -> None:
        progress(done + row, total)

    for reference, group in groupby(spans, key=lambda span: span.reference):
        fit, opened = aside(lambda _, t=reference: clip.start(t), lambda: part(0, 0)), None
        view = plan.photo_view((fit.image.shape[-2], fit.image.shape[-1]))
        for span in group:
            times = range(span.first, span.stop)
            motion = join_motions([motion_between(fit, clip.body(t)) for t in times])
            if opened is None:
                opened = open_stage(fit, motion, size, view=view, backend=backend, progress=lambda *_: part(0, 0))
            stage = opened.moved(motion)
            targets = torch.stack([_seen(clip.tracked.frame(t), view, size) for t in times])
            sample = _sample(stage, stage.frames(0, len(times), part), targets)
            made.append(Run(reference=reference, first=span.first, sample=sample))
            done += len(times)
    progress(total, total)
    return made


def _seen(frame: Float[Tensor, "3 _ _"], view: View | None, size: tuple[int, int]) -> Float[Tensor, "3 h w"]:
    """A frame as a stage shows it."""
    return (resize(frame, size) if view is None else cut_view(frame, view, size)).clamp(0, 1)


def _sample(stage: Stage, maps: MapFrames, targets: Float[Tensor, "t 3 h w"]) -> Sample:
    """In half precision."""
    dense, parts, warp = maps.dense, maps.parts, maps.warp_flow
    valid, matte = maps.warp_flow_confidence, maps.warp_flow_matte
    assert dense is not None
    assert parts is not None
    assert warp is not None
    assert valid is not None
    assert matte is not None
    whole = Sample(
        target=targets,
        warp=warp,
        matte=matte,
        valid=valid,
        dense=dense,
        parts=parts.short(),
        background=stage.background,
        reference=stage.reference,
        kind="clip",
    )
    return _mapped(whole, Tensor.half, _PICTURES)


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A batch of training: windows of pictures, with the whole photos that they come from."""

    batch: VideoBatch
    references: Float[Tensor, "b 3 h w"]
    change: Float[Tensor, "b t 3 hp wp"] | None


class Pairs:
    """Windows of runs, drawn by seed and step alone: mostly around the face, mirrored by chance."""

    def __init__(
        self, runs: Sequence[Run], *, own_reference: int, window: int, step: int, frames: int, mirrored: float
    ) -> None:
        """
        Args:
            own_reference: of the clip; half of what is drawn begins with it.
            window: pixels of a side, at most.
            step: pixels that windows lie apart at least: those of the stage before must lie on its own.
            frames: consecutive ones, that are drawn together.
            mirrored: share of what is drawn.

        Raises:
            InputError: if the face is never seen in so many consecutive frames.
        """
        self.window, self.step, self.frames, self.mirrored = window, step, frames, mirrored
        long = [run for run in runs if run.num_frames >= frames]
        if not long:
            raise InputError(
                f"The clip never shows the face in {frames} consecutive frames: use one in which it is seen throughout."
            )
        self._own = [run for run in long if run.reference == own_reference]
        self._others = [run for run in long if run.reference != own_reference]

    def draw(self, count: int, rng: np.random.Generator) -> Drawn:
        """Some short clips."""
        picked = [self._one(rng) for _ in range(count)]
        samples, references, changes = zip(*picked, strict=True)
        return Drawn(
            batch=collate(samples),
            references=torch.stack(references),
            change=None if changes[0] is None else torch.stack(changes),
        )

    def _one(self, rng: np.random.Generator) -> tuple[Sample, Tensor, Tensor | None]:
        some = self._own if not self._others or (self._own and rng.random() < 0.5) else self._others
        run = some[int(rng.integers(len(some)))]
        first = int(rng.integers(run.num_frames - self.frames + 1))
        sample = cut(run.sample, first, first + self.frames)
        rows, columns = self._window(sample.parts, rng)
        reference = run.sample.reference.float()
        sample = _whole(_mapped(sample, lambda pictures: pictures[..., rows, columns]))
        change = None
        if run.change is not None:
            small = [slice(side.start // self.step, side.stop // self.step) for side in (rows, columns)]
            change = run.change[first : first + self.frames, :, small[0], small[1]].float()
        if rng.random() < self.mirrored:
            sample, reference = mirror(sample), reference.flip(-1)
            change = None if change is None else change.flip(-1)
        return sample, reference, change

    def _window(self, parts: Tensor, rng: np.random.Generator) -> tuple[slice, slice]:
        h, w = parts.shape[-2:]
        sides = min(self.window, h), min(self.window, w)
        room = h - sides[0], w - sides[1]
        face = torch.isin(parts, torch.tensor([PART_INDEX[name] for name in FACE], dtype=parts.dtype)).any(0)
        if not face.any() or rng.random() > _NEAR_FACE:
            corner = [int(rng.integers(r + 1)) for r in room]
        else:
            middle = face.nonzero().float().mean(0).numpy() + rng.normal(0, _AROUND * self.window, 2)
            corner = [int(np.clip(m - s / 2, 0, r)) for m, s, r in zip(middle, sides, room, strict=True)]
        top, left = (c // self.step * self.step for c in corner)
        return slice(top, top + sides[0]), slice(left, left + sides[1])


def _runs(reference: int, frames: Sequence[int]) -> list[Span]:
    """Consecutive frames together, at most `RUN` of them."""
    spans: list[Span] = []
    for t in frames:
        last = spans[-1] if spans else None
        if last is not None and t == last.stop and last.stop - last.first < RUN:
            spans[-1] = replace(last, stop=t + 1)
        else:
            spans.append(Span(reference=reference, first=t, stop=t + 1))
    return spans


def _spread(spans: Sequence[Span], most: int) -> list[Span]:
    """Some of them, evenly, with `most` frames in all; one at least, if there is one."""
    if not spans:
        return []
    kept = max(1, min(len(spans), most // max(span.stop - span.first for span in spans)))
    return [spans[i] for i in np.linspace(0, len(spans) - 1, kept).round().astype(int)]


_PICTURES = ("target", "warp", "matte", "valid", "dense", "background", "reference")


def _mapped(
    sample: Sample, function: Callable[[Tensor], Tensor], names: Sequence[str] = (*_PICTURES, "parts")
) -> Sample:
    return replace(sample, **{name: function(getattr(sample, name)) for name in names})


def _whole(sample: Sample) -> Sample:
    return _mapped(sample, Tensor.float, _PICTURES)
