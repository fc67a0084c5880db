"""A clip whose person moves otherwise: made anew inside a mask, left as it is outside (paper section 4.3).

The temporal sampler runs with known pixels. Its stages see the clip itself outside the mask, at every step as noisy as
what they make (Lugmayr et al., "RePaint", 2022, section 4.1), and begin inside it with each frame carried from the pose
that it shows to the pose that it shall show (`recarry`). What the last stage changed of that is laid over the same
picture at the clip's own size, with its colours settled at the mask's edge.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from math import ceil

import torch
from jaxtyping import Float
from torch import Tensor

from ..progress import Progress, silent
from ..render.raster import DEFAULT_BACKEND
from ..render.view import View, cut
from ..video.cascade import CascadeChunk, CascadeSettings, CascadeState, sample_stages
from ..video.cascade_plan import CascadePlan, plan_cascade
from ..video.cascade_progress import CascadeProgress
from ..video.models import VideoModels
from ..video.sampler import SamplerState, VideoChunk
from .clip_source import KeptMasks
from .edit_stage import MASK_STEP, Edit, EditStage
from .seam import put_in, settle_change

PREVIEW_FRAMES = 8
"""Frames that are made together without a model."""
ENOUGH = 0.85
"""Share of the clip's shorter side that the last stage must have: it tells only what is to change of frames that have
the clip's own detail."""
UNTOUCHED = "The edit changes nothing that is seen: the mask is empty, and the clip comes back untouched."

_log = logging.getLogger(__name__)


def inpaint_video(
    edit: Edit,
    models: VideoModels | None = None,
    settings: CascadeSettings | None = None,
    *,
    backend: str = DEFAULT_BACKEND,
    state: CascadeState | None = None,
    progress: Progress = silent,
) -> Iterator[CascadeChunk]:
    """Make the edited clip chunk by chunk, in order, at the clip's own size; where a mask is 0 exactly the clip.

    Says in the log where that is all of it.

    Args:
        models: None carries the frames only, which is an instant preview.
        settings: None are those of `CascadeSettings`.
        backend: the rasteriser, one of `render.raster.BACKENDS`.
        state: of the last chunk of a video that was stopped, made with the same arguments; None begins.
        progress: counts frames, of all stages' work together; called with the same count while one is under way. It
            may raise to stop.

    Raises:
        InputError: see `scene.open_scene`. Raised by this call, or by the frame concerned.
    """
    num_frames = edit.motion.num_frames
    if state is not None and state.done == num_frames:
        progress(num_frames, num_frames)
        return iter(())
    masks = KeptMasks(edit.masks)
    # Where nothing is to be made, no model need look.
    models = None if edit.changes_nothing else models
    chunks = _chunks(replace(edit, masks=masks), models, settings or CascadeSettings(), backend, state, progress)
    return chunks if state is not None else _telling(chunks, masks)


def stages_for(models: VideoModels, size: tuple[int, int]) -> VideoModels:
    """Without the upscalers that editing a clip of `size` (h, w) does not need."""
    return models.up_to(ceil(ENOUGH * min(size)))


def _telling(chunks: Iterator[CascadeChunk], masks: KeptMasks) -> Iterator[CascadeChunk]:
    """All chunks of a video, and whether anything was made."""
    yield from chunks
    if masks.are_empty:
        _log.warning(UNTOUCHED)


def _chunks(
    edit: Edit,
    models: VideoModels | None,
    settings: CascadeSettings,
    backend: str,
    state: CascadeState | None,
    progress: Progress,
) -> Iterator[CascadeChunk]:
    num_frames = edit.motion.num_frames
    if models is None:
        return _preview(edit, 0 if state is None else state.done, backend, progress)
    models = stages_for(models, edit.size)
    plan = plan_cascade([network.config for network in models.networks], edit.size)
    work = CascadeProgress(progress, num_frames)
    view = plan.photo_view(edit.size)
    open_at = partial(EditStage, edit, backend=backend, progress=work.poll)
    return sample_stages(
        models,
        plan,
        settings,
        partial(open_at, view=view),
        lambda done: _finish(edit, plan, open_at(edit.size), work.poll),
        num_frames,
        state=state,
        work=work,
    )


@torch.no_grad()
def _preview(edit: Edit, done: int, backend: str, progress: Progress) -> Iterator[CascadeChunk]:
    """The carried frames alone."""
    total = edit.motion.num_frames
    stage = EditStage(edit, edit.size, backend=backend, progress=lambda *_: progress(done, total))
    for start in range(done, total, PREVIEW_FRAMES):
        stop = min(total, start + PREVIEW_FRAMES)

        def report(made: int, _: int, start: int = start) -> None:
            progress(min(start + made, total - 1), total)

        pictures = stage.pictures(start, stop, report).cpu()
        frames = _put_in(edit, pictures, start, lambda *_, made=stop - start, report=report: report(made, made))
        if stop == total:
            progress(total, total)
        yield CascadeChunk(frames=frames, start=start, state=_without_stages(stop))


def _without_stages(done: int) -> CascadeState:
    """Of a video that needs nothing to go on from."""
    return CascadeState(stages=(SamplerState(done=done, known=torch.zeros(0, 3, 1, 1), previous=None),), pending=())


def _finish(
    edit: Edit, plan: CascadePlan, stage: EditStage, poll: Callable[[], None]
) -> Callable[[VideoChunk], Float[Tensor, "t 3 h w"]]:
    """The clip's own size: what the last stage changed, over the carried frames."""
    video: View = plan.video_in(plan.stages[-1])

    def progress(*_: int) -> None:
        poll()

    @torch.no_grad()
    def finish(chunk: VideoChunk) -> Float[Tensor, "t 3 h w"]:
        stop = chunk.start + len(chunk.frames)
        pictures = stage.pictures(chunk.start, stop, progress).cpu()
        changes = cut(chunk.change, video, plan.size)
        masks = edit.masks.frames(chunk.start, stop, progress)
        settled = [settle_change(change, mask) for change, mask in zip(changes, masks, strict=True)]
        return _put_in(edit, pictures + torch.stack(settled), chunk.start, progress)

    return finish


def _put_in(edit: Edit, new: Float[Tensor, "t 3 h w"], start: int, progress: Progress) -> Float[Tensor, "t 3 h w"]:
    stop = start + len(new)
    clip, masks = (source.frames(start, stop, progress).cpu() for source in (edit.clip, edit.masks))
    return put_in(new, clip, masks * (masks > MASK_STEP))
