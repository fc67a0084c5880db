"""An edited motion becomes an edited video: what moves otherwise is made anew, all else stays as it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import folder_paths
import torch
from comfy_api.latest import InputImpl, io, ui

from . import runtime, sockets, video_widgets, widgets

if TYPE_CHECKING:
    from ..vlogger_core.datatypes import Audio, Motion
    from ..vlogger_core.edit.clip_source import ClipSource
    from ..vlogger_core.video.cascade import CascadeSettings
    from ..vlogger_core.video.film import Film
    from ..vlogger_core.video.models import VideoModels

_MODEL, _CARRY = "video model", "carry only"
_RATE = 1.005
"""Frame rates that differ less are the same: one and the other is rounded."""
_ADVICE = "Lower clip_frames (advanced), or make the clip smaller."
# Equal to those of vlogger_core.edit.mask.EditMaskSettings, which is too heavy to import before a node runs.
_GROW_PX, _FEATHER_PX = 1.5, 2.0


def _edit_inputs() -> list[io.Input]:
    """Who moves, and how."""
    return [
        sockets.Body.Input("body", tooltip="From VLOGGER Body Tracker, which tracked this clip."),
        sockets.Motion.Input("motion", tooltip="How the person is to move: the tracked motion, edited."),
    ]


def _sampling_inputs() -> list[io.Input]:
    """How the inside of the mask is made."""
    return [
        io.Combo.Input(
            "inside",
            options=[_MODEL, _CARRY],
            default=_MODEL,
            tooltip=(
                "What is made anew. video model: each frame carried to its edited pose, and what the model makes of "
                "it. carry only: the carried frame itself, an instant preview without a model."
            ),
        ),
        video_widgets.seed(),
        video_widgets.steps(of=" of the base"),
        video_widgets.steps("upscaler_steps", default=1, of=" of each stage of super-resolution"),
        *video_widgets.sampling(),
    ]


def _optional_model() -> io.Input:
    return sockets.VideoModel.Input(
        "video_model", optional=True, tooltip=f"From VLOGGER Load Video Model; not needed where inside is {_CARRY}."
    )


def _settings(upscaler_steps: int, sampling: dict[str, Any]) -> CascadeSettings:
    from ..vlogger_core.video.cascade import CascadeSettings

    base = video_widgets.settings(**sampling)
    return CascadeSettings(base=base, upscalers=replace(base, steps=upscaler_steps))


def _networks(
    inside: str, video_model: Any, size: tuple[int, int], settings: CascadeSettings, progress: runtime.Reporter
) -> VideoModels | None:
    """The networks where ComfyUI computes; None where none are to be used.

    Raises:
        InputError: if they are to be used, and there are none.
    """
    from ..vlogger_core.errors import InputError

    if inside == _CARRY:
        return None
    if video_model is None:
        raise InputError(
            f"video_model is missing: connect VLOGGER Load Video Model, or set inside to {_CARRY} for a preview "
            "without a model."
        )
    return video_model.to_device(size, settings.base.clip_frames, progress.note)


def _planes(mask: torch.Tensor, num_frames: int) -> torch.Tensor:
    """A MASK as `[t h w]`; one plane holds for all frames."""
    planes = (mask[None] if mask.ndim == 2 else mask).detach().float().clamp(0, 1)
    return planes.expand(num_frames, -1, -1) if len(planes) == 1 else planes


class VloggerInpaintEditor(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="VloggerInpaintEditor",
            display_name="VLOGGER Inpaint Editor",
            category="VLOGGER/edit",
            description=(
                "Makes a clip's person move as the edited motion does: inside the mask the frames are made anew, "
                "outside they stay exactly as they are."
            ),
            search_aliases=["edit video", "video inpainting", "close mouth", "keep eyes open", "dub video", "retouch"],
            inputs=[
                io.Image.Input("frames", tooltip="All frames of the clip, as VLOGGER Body Tracker had them."),
                io.Mask.Input(
                    "mask",
                    tooltip="White is made anew, black stays, grey is a soft edge: from VLOGGER Edit Mask, or painted. "
                    "One for each frame, or one for all.",
                ),
                *_edit_inputs(),
                *_sampling_inputs(),
                sockets.Motion.Input(
                    "motion_before",
                    optional=True,
                    tooltip="The tracked motion, before it was edited: each frame is carried from there. Without it "
                    "the mask shows the tracker's reference frame carried along, which fits less well.",
                ),
                _optional_model(),
                widgets.rasteriser(),
            ],
            outputs=[
                io.Image.Output("frames", tooltip="The edited clip, as large as it was."),
                io.Float.Output("fps", tooltip="Frames a second of the motion, for Create Video."),
            ],
        )

    @classmethod
    def execute(
        cls,
        frames,
        mask,
        body,
        motion,
        inside: str,
        upscaler_steps: int,
        motion_before=None,
        video_model=None,
        rasteriser: str = "torch",
        **sampling: Any,
    ) -> io.NodeOutput:
        from ..vlogger_core.edit.clip_source import TensorClip, TensorMask
        from ..vlogger_core.edit.edit_stage import open_edit
        from ..vlogger_core.edit.inpaint import UNTOUCHED, inpaint_video

        settings = _settings(upscaler_steps, sampling)
        with runtime.work() as progress, runtime.memory_advice(_ADVICE):
            clip = TensorClip(frames[..., :3].detach().movedim(-1, 1))
            masks = TensorMask(_planes(mask, clip.num_frames))
            edit = open_edit(clip, body, motion_before, motion, masks=masks)
            if edit.changes_nothing:
                progress.note(UNTOUCHED)
                return io.NodeOutput(frames, float(motion.fps))
            models = _networks(inside, video_model, edit.size, settings, progress)
            chunks = inpaint_video(edit, models, settings, backend=rasteriser, progress=progress)
            made = (frame for chunk in chunks for frame in chunk.frames)
            images = sockets.frames_to_comfy(made, clip.num_frames, on_frame=progress.show)
            return io.NodeOutput(images, float(motion.fps))


class VloggerEditVideo(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="VloggerEditVideo",
            display_name="VLOGGER Edit Video (long)",
            category="VLOGGER/edit",
            description=(
                "Edit mask and inpaint editor in one, for long videos: finished frames go to disk at once, memory does "
                "not grow, and what was cancelled goes on where it stood when it is run again."
            ),
            search_aliases=["edit long video", "stream video", "resume", "dub video", "video inpainting"],
            inputs=[
                io.Video.Input("video", tooltip="The clip that VLOGGER Body Tracker had the frames of."),
                *_edit_inputs(),
                sockets.Motion.Input("motion_before", tooltip="The tracked motion, before it was edited."),
                *_sampling_inputs(),
                io.String.Input(
                    "filename_prefix",
                    default="video/VLOGGER_edit",
                    tooltip=(
                        "Folder in the output folder and beginning of the name. Finished frames wait in a folder "
                        "beside the video, named after everything that was chosen: the same choice goes on there."
                    ),
                ),
                _optional_model(),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="White is made anew: one for all frames, or one for each. Without it the mask follows "
                    "from the two motions, as VLOGGER Edit Mask makes it.",
                ),
                io.Audio.Input("audio", optional=True, tooltip="The new sound; without it the video keeps its own."),
                _pixels("mask_grow", _GROW_PX, "How far the mask reaches around what has changed"),
                _pixels("mask_feather", _FEATHER_PX, "Over how much more it falls to nothing"),
                io.Boolean.Input(
                    "extend",
                    default=False,
                    optional=True,
                    advanced=True,
                    tooltip="Where the motion is longer than the video, such as that of a longer speech, the video "
                    "then runs back and forth beneath it. Else it is refused.",
                ),
                widgets.rasteriser(),
            ],
            outputs=[io.Video.Output("video", tooltip="The finished file, H.264 with the sound.")],
            is_output_node=True,
        )

    @classmethod
    def execute(
        cls,
        video,
        body,
        motion,
        motion_before,
        inside: str,
        upscaler_steps: int,
        filename_prefix: str,
        video_model=None,
        mask=None,
        audio: dict | None = None,
        mask_grow: float = _GROW_PX,
        mask_feather: float = _FEATHER_PX,
        extend: bool = False,
        rasteriser: str = "torch",
        **sampling: Any,
    ) -> io.NodeOutput:
        from ..vlogger_core.edit.clip_source import TensorMask
        from ..vlogger_core.edit.edit_stage import open_edit
        from ..vlogger_core.edit.inpaint import UNTOUCHED
        from ..vlogger_core.edit.mask import EditMaskSettings
        from ..vlogger_core.progress import counted
        from ..vlogger_core.video.writer import write_video

        settings = _settings(upscaler_steps, sampling)
        with runtime.work() as progress, runtime.memory_advice(_ADVICE):
            clip, sound = _clip(video, motion, progress)
            sound = sound if audio is None else sockets.audio_from_comfy(audio)
            edit = open_edit(
                clip, body, motion_before, motion,
                masks=None if mask is None else TensorMask(_planes(mask, motion.num_frames)),
                mask_settings=EditMaskSettings(grow_px=mask_grow, feather_px=mask_feather),
                extend=extend, backend=rasteriser, progress=progress,
            )  # fmt: skip
            if edit.changes_nothing and audio is None:
                progress.note(UNTOUCHED)
                return io.NodeOutput(video)
            models = _networks(inside, video_model, edit.size, settings, progress)
            what = {"edit": edit, "models": models, "settings": settings, "backend": rasteriser}
            with _open_run(filename_prefix, what, progress) as (film, file):
                path = Path(folder_paths.get_output_directory(), file["subfolder"], file["filename"])
                for chunk in film.chunks(progress):
                    progress.show(chunk.frames[-1])
                write_video(path, counted(film.frames(), motion.num_frames, progress), motion.fps, sound)
        return io.NodeOutput(InputImpl.VideoFromFile(str(path)), ui=ui.PreviewVideo([file]))


def _pixels(name: str, default: float, what: str) -> io.Float.Input:
    return io.Float.Input(
        name,
        default=default,
        min=0.0,
        max=200.0,
        step=0.5,
        optional=True,
        advanced=True,
        tooltip=f"{what}, in pixels of a video of 512 on the shorter side. Only where no mask is connected.",
    )


def _clip(video: Any, motion: Motion, progress: runtime.Reporter) -> tuple[ClipSource, Audio | None]:
    """The frames of a VIDEO, from its file where it is all of one, and its sound.

    Raises:
        InputError: if its frame rate is not the motion's.
    """
    from ..vlogger_core.edit.clip_sound import clip_sound
    from ..vlogger_core.edit.clip_source import FileClip, TensorClip

    source = video.get_stream_source()
    if isinstance(source, str) and not any(_trimmed(video)):
        clip = FileClip(source, progress=progress)
        _check_rate(clip.reader.fps, motion)
        return clip, clip_sound(source, progress=progress)
    components = video.get_components()
    _check_rate(components.frame_rate, motion)
    sound = None if components.audio is None else sockets.audio_from_comfy(components.audio)
    return TensorClip(components.images[..., :3].movedim(-1, 1)), sound


def _check_rate(fps: Fraction, motion: Motion) -> None:
    from ..vlogger_core.errors import InputError

    if not 1 / _RATE < fps / motion.fps < _RATE:
        raise InputError(
            f"The video has {float(fps):g} frames a second, and the motion {float(motion.fps):g}: its sound would not "
            "fit. Give VLOGGER Body Tracker the fps of the video, from Get Video Components."
        )


def _trimmed(video: Any) -> tuple[float, float]:
    """Start and duration in seconds that a video was cut to; 0 where it is whole. Older ComfyUIs cannot cut."""
    window = getattr(video, "get_active_trim_window", None)
    return (0.0, 0.0) if window is None else window()


@contextmanager
def _open_run(prefix: str, what: dict[str, Any], progress: runtime.Reporter) -> Iterator[tuple[Film, ui.SavedResult]]:
    """The run of exactly this edit, begun or not, and what its file will be called."""
    from ..vlogger_core.edit.inpaint_film import describe_edit, open_edit_film
    from ..vlogger_core.video.fingerprint import fingerprint

    folder, name, counter, subfolder, _ = folder_paths.get_save_image_path(prefix, folder_paths.get_output_directory())
    described = describe_edit(**what, progress=progress)
    run = Path(folder, f"{name}_run_{fingerprint(described)}")
    with open_edit_film(run, **what, described=described, progress=progress) as film:
        if 0 < film.run.done < film.run.num_frames:
            progress.note(f"Goes on from frame {film.run.done} of {film.run.num_frames}.")
        yield film, ui.SavedResult(f"{name}_{counter:05}_.mp4", subfolder, io.FolderType.output)
