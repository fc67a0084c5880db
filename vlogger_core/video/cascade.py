"""The whole video stage: a fitted photo and a motion become pictures of any size and number, stage by stage.

All stages run at once, a clip of each at a time: an upscaler asks the stage before for as many frames as its next clip
needs. So memory does not depend on the length, and a stopped video goes on from where it stood.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..datatypes import BodyFit, Motion
from ..progress import Progress, silent
from ..render.preview import render_preview
from ..render.raster import DEFAULT_BACKEND
from ..render.scene import check_size
from ..render.stage import open_stage
from ..render.view import cut
from .cascade_plan import CascadePlan, plan_cascade
from .cascade_progress import CascadeProgress
from .controls import ControlSource
from .map_source import MapSource
from .memory import explain_out_of_memory
from .models import VideoModels
from .sampler import Frames, SamplerSettings, SamplerState, VideoChunk, sample_video

Finish = Callable[[VideoChunk], Frames]
"""From the last stage's pictures to those of the video."""


@dataclass(frozen=True, kw_only=True)
class CascadeSettings:
    """How the stages are sampled."""

    base: SamplerSettings = field(default_factory=SamplerSettings)
    upscalers: SamplerSettings = field(default_factory=lambda: SamplerSettings(steps=1))
    """Each draws noise of its own from the seed of `base`; the seed here does not count."""

    def of_stage(self, index: int) -> SamplerSettings:
        """The base is stage 0."""
        if index == 0:
            return self.base
        seed = int(np.random.SeedSequence((self.base.seed, index)).generate_state(1)[0])
        return replace(self.upscalers, seed=seed)


@dataclass(frozen=True, kw_only=True)
class CascadeState:
    """What the next chunk goes on from, of all stages."""

    stages: tuple[SamplerState, ...]
    """The base first."""
    pending: tuple[Float[Tensor, "_ 3 _h _w"], ...]
    """Of each stage but the last, the changes that it has made and the next has not taken yet."""

    @property
    def done(self) -> int:
        """Finished frames of the video."""
        return self.stages[-1].done


@dataclass(frozen=True, kw_only=True)
class CascadeChunk:
    """Some frames of the video, on the CPU."""

    frames: Float[Tensor, "t 3 h w"]
    """0 to 1."""
    start: int
    """Index of the first."""
    state: CascadeState


def sample_cascade(
    models: VideoModels,
    fit: BodyFit,
    motion: Motion,
    size: tuple[int, int],
    settings: CascadeSettings,
    *,
    backend: str = DEFAULT_BACKEND,
    state: CascadeState | None = None,
    progress: Progress = silent,
) -> Iterator[CascadeChunk]:
    """Make a video chunk by chunk, in order. Controls are rendered where the fit is, each network runs where it is.

    The upscalers run that the size needs: the last stage gives at least the asked number of pixels, if there is a model
    for so many. A larger picture is made smaller then (bicubic, antialiased). Where the asked size is beyond the
    largest model, the photo is carried along at the asked size as well, and what the last stage changed is laid over
    it, so that the photo's detail stays. Untrained models give the warp preview.

    Args:
        size: (h, w), of the photo's shape as `scene.check_size` wants it.
        backend: the rasteriser, one of `render.raster.BACKENDS`.
        state: of the last chunk of a video that was stopped, made with the same arguments; None begins. After the
            video's own last chunk nothing comes any more.
        progress: counts frames, of all stages' work together; called with the same count while one is under way. It
            may raise to stop.

    Raises:
        InputError: if the size or the motion cannot be used, see `scene.open_scene`. Raised by this call, or by the
            frame concerned.
    """
    photo_size = (fit.image.shape[-2], fit.image.shape[-1])
    check_size(size, photo_size)
    if state is not None and state.done == motion.num_frames:
        progress(state.done, state.done)
        return iter(())
    models = models.up_to(min(size))
    plan = plan_cascade([network.config for network in models.networks], size)
    view = plan.photo_view(photo_size)
    work = CascadeProgress(progress, motion.num_frames)

    def source(stage_size: tuple[int, int]) -> MapSource:
        return MapSource(open_stage(fit, motion, stage_size, view=view, backend=backend, progress=work.poll))

    def finish(done: int) -> Finish:
        return _finish(plan, fit, motion, done, backend, work)

    return sample_stages(models, plan, settings, source, finish, motion.num_frames, state=state, work=work)


def sample_stages(
    models: VideoModels,
    plan: CascadePlan,
    settings: CascadeSettings,
    source: Callable[[tuple[int, int]], ControlSource],
    finish: Callable[[int], Finish],
    num_frames: int,
    *,
    state: CascadeState | None,
    work: CascadeProgress,
) -> Iterator[CascadeChunk]:
    """Run the stages of a plan on any controls, as `sample_cascade` does.

    Args:
        models: those of the plan.
        source: opens the controls of a stage, of `num_frames` frames of a size (h, w).
        finish: gives, for a video that goes on from a frame, how the pictures of the last stage become the video's.
    """
    chosen = [settings.of_stage(index) for index in range(len(models.networks))]
    done = [0] * len(chosen) if state is None else [stage.done for stage in state.stages]
    reports = [work.stage(c.steps, s, done=d) for c, s, d in zip(chosen, plan.stages, done, strict=True)]
    chunks: Iterator[VideoChunk] | None = None
    handovers: list[_Handover] = []
    for index, network in enumerate(models.networks):
        controls = source(plan.stages[index])
        if chunks is not None:
            handovers.append(_Handover(chunks, state, index - 1))
        chunks = sample_video(
            network,
            controls,
            chosen[index],
            previous=iter(handovers[-1]) if handovers else None,
            state=None if state is None else state.stages[index],
            progress=reports[index],
        )
    assert chunks is not None
    clip_frames = max(c.clip_frames or n.config.clip_frames for c, n in zip(chosen, models.networks, strict=True))
    explained = explain_out_of_memory(plan.size, clip_frames)
    return _cascade_chunks(chunks, handovers, finish(done[-1]), work, explained, num_frames)


def _cascade_chunks(
    chunks: Iterator[VideoChunk],
    handovers: list[_Handover],
    finish: Finish,
    work: CascadeProgress,
    explained: AbstractContextManager[None],
    num_frames: int,
) -> Iterator[CascadeChunk]:
    with explained:
        for chunk in chunks:
            frames = finish(chunk)
            states = [handover.state for handover in handovers]
            state = CascadeState(
                stages=(*(one for one in states if one is not None), chunk.state),
                pending=tuple(handover.pending for handover in handovers),
            )
            if state.done == num_frames:
                work.finish()
            yield CascadeChunk(frames=frames, start=chunk.start, state=state)


class _Handover:
    """What a stage changed, frame by frame to the next stage, which takes what its clip needs."""

    def __init__(self, chunks: Iterator[VideoChunk], state: CascadeState | None, index: int) -> None:
        self._chunks = chunks
        self._none = torch.zeros(0, 3, 0, 0) if state is None else state.pending[index][:0]
        self._waiting: deque[Tensor] = deque([] if state is None else state.pending[index])
        self.state = None if state is None else state.stages[index]
        """Of the last chunk that the stage made."""

    def __iter__(self) -> Iterator[Frames]:
        while True:
            while self._waiting:
                yield self._waiting.popleft()[None]
            chunk = next(self._chunks, None)
            if chunk is None:
                return
            self.state = chunk.state
            self._none = chunk.change[:0]
            self._waiting.extend(chunk.change)

    @property
    def pending(self) -> Frames:
        """What the next stage has not taken yet."""
        return torch.stack(list(self._waiting)) if self._waiting else self._none


def _finish(plan: CascadePlan, fit: BodyFit, motion: Motion, done: int, backend: str, work: CascadeProgress) -> Finish:
    """See `Finish`."""
    last = plan.stages[-1]
    video = plan.video_in(last)
    if min(plan.size) <= round(min(video.width, video.height)):
        return lambda chunk: cut(chunk.frames, video, plan.size).clamp(0, 1)
    previews = render_preview(
        fit, motion.slice(done, motion.num_frames), size=plan.size, backend=backend, progress=work.poll
    )

    def enlarge(chunk: VideoChunk) -> Frames:
        warp = torch.stack([next(previews).cpu() for _ in chunk.frames])
        return (warp + cut(chunk.change, video, plan.size)).clamp(0, 1)

    return enlarge
