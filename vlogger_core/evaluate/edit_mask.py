"""An edit mask against the truth: the same body and photo, rendered with the motion before and after the edit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..datatypes import BodyFit, Motion
from ..edit.mask import EditMask
from ..edit.presets import apply_preset
from ..edit.timing import Scope
from ..progress import Progress, silent
from ..render.preview import render_preview
from ..render.raster import DEFAULT_BACKEND
from .reenact_cache import Tracked
from .table import Figure

EDITS = ("close mouth", "close eyes", "keep eyes open")
"""Presets whose masks are measured."""

VISIBLE = 2 / 255
"""A pixel has changed if a channel differs by more."""
COVERED = 0.999
"""A mask covers a pixel where it is at least this."""
COVERAGE = 0.99
"""Share of the changed pixels that a mask is to cover."""
AREA_RATIO = 2.5
"""How much larger than they it may be."""


@dataclass(frozen=True, kw_only=True)
class MaskScore:
    """Sums over the frames of one or several clips."""

    changed_px: float = 0.0
    """Pixels that truly changed."""
    covered_px: float = 0.0
    """Those of them that the mask fully covers."""
    mask_px: float = 0.0
    """The mask's area; a pixel that is half in it counts half."""

    def __add__(self, other: MaskScore) -> MaskScore:
        return MaskScore(
            changed_px=self.changed_px + other.changed_px,
            covered_px=self.covered_px + other.covered_px,
            mask_px=self.mask_px + other.mask_px,
        )

    @property
    def coverage(self) -> float:
        """1 where nothing changed."""
        return self.covered_px / self.changed_px if self.changed_px else 1.0

    @property
    def area_ratio(self) -> float:
        """The mask's area over that of the change; 1 where both are empty, infinity where only the change is."""
        if self.changed_px:
            return self.mask_px / self.changed_px
        return float("inf") if self.mask_px else 1.0


def rendered_change(
    fit: BodyFit,
    before: Motion,
    after: Motion,
    size: tuple[int, int],
    *,
    backend: str = DEFAULT_BACKEND,
    progress: Progress = silent,
) -> Iterator[Bool[Tensor, "h w"]]:
    """Which pixels of each frame an edit truly changes, from the warp preview of both motions at `size` (h, w).

    Raises:
        InputError: see `preview.render_preview`.
    """
    frames = render_preview(fit, before, size=size, backend=backend, progress=progress)
    edited = render_preview(fit, after, size=size, backend=backend)
    for one, other in zip(frames, edited, strict=True):
        yield (other - one).abs().amax(0) > VISIBLE


def score_mask(changed: Iterable[Bool[Tensor, "h w"]], masks: Iterable[Float[Tensor, "h w"]]) -> MaskScore:
    """Compare the masks of a clip with what truly changed, frame by frame.

    Raises:
        ValueError: if there are more of one than of the other.
    """
    score = MaskScore()
    for truth, mask in zip(changed, masks, strict=True):
        score += MaskScore(
            changed_px=float(truth.sum()),
            covered_px=float((truth & (mask >= COVERED)).sum()),
            mask_px=float(mask.sum()),
        )
    return score


@torch.no_grad()
def score_edits(
    clips: Sequence[Tracked],
    edits: Sequence[str] = EDITS,
    *,
    backend: str = DEFAULT_BACKEND,
    progress: Progress = silent,
) -> dict[str, list[MaskScore]]:
    """The masks of some presets on each clip, at the clip's own size; a few frames are in memory at a time."""
    scores: dict[str, list[MaskScore]] = {edit: [] for edit in edits}
    done, parts = 0, len(clips) * len(edits)
    for clip in clips:
        if clip.motion is None:
            raise ValueError(f"clips must be of videos. Got {clip.path}, a photo.")
        for edit in edits:

            def part(t: int, count: int, done: int = done) -> None:
                progress(1000 * done + 1000 * t // max(1, count), 1000 * parts)

            scores[edit].append(_score_edit(clip.fit, clip.motion, edit, backend, part))
            done += 1
    progress(1, 1)
    return scores


def _score_edit(fit: BodyFit, before: Motion, edit: str, backend: str, progress: Progress) -> MaskScore:
    after, size = apply_preset(before, edit, Scope()), (fit.image.shape[-2], fit.image.shape[-1])
    masks = EditMask(fit, before, after, size, backend=backend, progress=lambda *_: progress(0, 1))
    changed = rendered_change(fit, before, after, size, backend=backend, progress=progress)
    return score_mask(changed, (mask for chunk in masks.chunks() for mask in chunk))


def mask_figures(scores: dict[str, list[MaskScore]], on: str) -> list[Figure]:
    """What is asked of the mask of each edit, over all clips.

    Args:
        scores: see `score_edits`.
        on: what the clips are called.
    """
    figures = []
    for edit, each in scores.items():
        total = sum(each, MaskScore())
        figures += [
            Figure(
                what=f"mask of {edit}: share of the changed pixels", on=on, reached=total.coverage, asked=COVERAGE,
                at_least=True, note="clips: " + " ".join(f"{one.coverage:.3f}" for one in each),
            ),
            Figure(
                what=f"mask of {edit}: its area over theirs", on=on, reached=total.area_ratio, asked=AREA_RATIO,
                unit="x", note="clips: " + " ".join(f"{one.area_ratio:.1f}" for one in each),
            ),
        ]  # fmt: skip
    return figures
