"""Super-resolution of a video that is at hand: the upscalers of a cascade go on from its frames."""

from __future__ import annotations

from collections.abc import Iterator

from jaxtyping import Float
from torch import Tensor

from ..datatypes import BodyFit, Motion
from ..errors import InputError
from ..progress import Progress, silent
from ..render.raster import DEFAULT_BACKEND
from ..render.scene import check_size
from ..render.stage import open_stage
from ..render.view import cut
from .cascade import CascadeSettings
from .cascade_plan import CascadePlan, plan_cascade
from .cascade_progress import CascadeProgress
from .controls import ControlSource
from .map_source import MapSource
from .models import VideoModels
from .network import VideoNetwork
from .sampler import Frames, VideoChunk, changes_of, sample_video

_AT_ONCE = 8
"""Frames whose controls are rendered together to see what the stage before changed."""


def upscale_video(
    models: VideoModels,
    frames: Float[Tensor, "t 3 _h _w"],
    fit: BodyFit,
    motion: Motion,
    size: tuple[int, int],
    settings: CascadeSettings,
    *,
    backend: str = DEFAULT_BACKEND,
    progress: Progress = silent,
) -> Iterator[Frames]:
    """Make a video larger, piece by piece, in order. Controls are rendered where the fit is, each network runs where it
    is.

    Args:
        models: those after the one that made `frames` run, as far as `size` needs them.
        frames: of the whole video, 0 to 1, as large as a stage of `models` makes them.
        size: (h, w), of the photo's shape as `scene.check_size` wants it.
        backend: the rasteriser, one of `render.raster.BACKENDS`.
        progress: counts frames, of all stages' work together; called with the same count while one is under way. It
            may raise to stop.

    Raises:
        InputError: if the frames are not as many as the motion has or no stage makes such, or the size or the motion
            cannot be used. Raised by this call, or by the frame concerned.
    """
    photo_size = (fit.image.shape[-2], fit.image.shape[-1])
    if len(frames) != motion.num_frames:
        raise InputError(
            f"frames must be as many as the motion has, {motion.num_frames}. Got {len(frames)}: connect the motion "
            "that they were made with."
        )
    check_size((frames.shape[-2], frames.shape[-1]), photo_size)
    check_size(size, photo_size)
    before = frames.shape[-2], frames.shape[-1]
    first, networks = _stages(models, min(before), min(size))
    configs = [network.config for network in networks]
    plan, plan_before = plan_cascade(configs, size), plan_cascade(configs[: first + 1], before)
    work = CascadeProgress(progress, motion.num_frames)

    def source(of: CascadePlan, index: int) -> MapSource:
        view = of.photo_view(photo_size)
        return MapSource(open_stage(fit, motion, of.stages[index], view=view, backend=backend, progress=work.poll))

    changed = _changes(frames, source(plan_before, first), plan_before, work.stage(1, plan_before.stages[first]))
    back = plan.frame.scaled(before[1] / size[1], before[0] / size[0])
    changes = (cut(change, back, plan.stages[first]) for change in changed)
    chunks = None
    for index in range(first + 1, len(networks)):
        if chunks is not None:
            changes = changes_of(chunks)
        chosen = settings.of_stage(index)
        part = work.stage(chosen.steps, plan.stages[index])
        chunks = sample_video(networks[index], source(plan, index), chosen, previous=changes, progress=part)
    assert chunks is not None
    return _pieces(chunks, plan, work)


def _pieces(chunks: Iterator[VideoChunk], plan: CascadePlan, work: CascadeProgress) -> Iterator[Frames]:
    """The pictures of the last stage as those of the video."""
    video = plan.video_in(plan.stages[-1])
    for chunk in chunks:
        yield cut(chunk.frames, video, plan.size).clamp(0, 1)
    work.finish()


def _stages(models: VideoModels, side: int, wanted: int) -> tuple[int, tuple[VideoNetwork, ...]]:
    """Which stage made frames with this shorter side, and all networks up to the one that the wanted side needs.

    Raises:
        InputError: if none made them, or none makes them so large.
    """
    sizes = [network.config.size for network in models.networks]
    if side not in sizes[:-1]:
        made = " or ".join(str(size) for size in sizes[:-1])
        goes_on = f"goes on from frames of {made} px on the shorter side" if made else "has no upscaler"
        raise InputError(
            f"The video model {goes_on}. Got frames of {side} px: connect what its own sampler or a former stage made, "
            "and load the upscalers that follow."
        )
    if not side < wanted <= sizes[-1]:
        raise InputError(
            f"The video model makes frames of {side} px larger, up to {sizes[-1]} px on the shorter side. Got {wanted} "
            "px: ask for a size between them, and for more let an upscale model follow."
        )
    return sizes.index(side), models.up_to(wanted).networks


def _changes(frames: Tensor, source: ControlSource, plan: CascadePlan, progress: Progress) -> Iterator[Frames]:
    """What frames have more than the composite of their controls, in their own size.

    The composite is rendered and cut as it was for them: where nothing was changed, nothing is.
    """
    video = plan.video_in(source.size)
    for start in range(0, len(frames), _AT_ONCE):
        stop = min(len(frames), start + _AT_ONCE)
        controls = source.frames(start, stop, lambda done, _, start=start: progress(start + done, len(frames)))
        yield frames[start:stop].float().cpu() - cut(controls.composite()[0].cpu(), video, plan.size).clamp(0, 1)
    progress(len(frames), len(frames))
