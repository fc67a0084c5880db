"""Videos of any length, written to disk as they are made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import folder_paths
from comfy_api.latest import InputImpl, io, ui

from . import runtime, sockets, video_widgets, widgets

if TYPE_CHECKING:
    from ..vlogger_core.video.film import Film


class VloggerLongVideo(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="VloggerLongVideo",
            display_name="VLOGGER Long Video",
            category="VLOGGER/video",
            description=(
                "Temporal sampler and upscaler in one, for long videos: finished clips go to disk at once, memory does "
                "not grow, and what was cancelled goes on from the last finished clip when it is run again."
            ),
            search_aliases=["stream video", "resume", "long form", "temporal controlnet sampler", "render to disk"],
            inputs=[
                video_widgets.video_model(),
                widgets.body(),
                widgets.motion(),
                io.Audio.Input("audio", optional=True, tooltip="The sound of the video, as it is."),
                widgets.short_side(
                    "As many stages of the video model run as it takes; beyond the last the photo's detail is kept.",
                    step=2,
                ),
                video_widgets.seed(),
                video_widgets.steps(of=" of the base"),
                video_widgets.steps("upscaler_steps", default=1, of=" of each stage of super-resolution"),
                *video_widgets.sampling(),
                io.String.Input(
                    "filename_prefix",
                    default="video/VLOGGER_long",
                    tooltip=(
                        "Folder in the output folder and beginning of the name. Finished clips wait in a folder beside "
                        "the video, named after everything that was chosen: the same choice again goes on there."
                    ),
                ),
                widgets.rasteriser(),
            ],
            outputs=[io.Video.Output("video", tooltip="The finished file, H.264 with the sound.")],
            is_output_node=True,
        )

    @classmethod
    def execute(
        cls,
        video_model,
        body,
        motion,
        short_side: int,
        upscaler_steps: int,
        filename_prefix: str,
        audio: dict | None = None,
        rasteriser: str = "torch",
        **sampling: Any,
    ) -> io.NodeOutput:
        from ..vlogger_core.progress import counted
        from ..vlogger_core.video.cascade import CascadeSettings
        from ..vlogger_core.video.writer import write_video

        base = video_widgets.settings(**sampling)
        settings = CascadeSettings(base=base, upscalers=replace(base, steps=upscaler_steps))
        size = sockets.render_size(body.camera, short_side)
        sound = None if audio is None else sockets.audio_from_comfy(audio)
        with runtime.work() as progress, runtime.memory_advice("Lower short_side or clip_frames (advanced)."):
            models = video_model.to_device(size, base.clip_frames, progress.note)
            what = {"models": models, "fit": body, "motion": motion, "size": size, "settings": settings}
            with _open_run(filename_prefix, {**what, "backend": rasteriser}, progress) as (film, file):
                path = Path(folder_paths.get_output_directory(), file["subfolder"], file["filename"])
                for chunk in film.chunks(progress):
                    progress.show(chunk.frames[-1])
                write_video(path, counted(film.frames(), motion.num_frames, progress), motion.fps, sound)
        return io.NodeOutput(InputImpl.VideoFromFile(str(path)), ui=ui.PreviewVideo([file]))


@contextmanager
def _open_run(prefix: str, video: dict[str, Any], progress: runtime.Reporter) -> Iterator[tuple[Film, ui.SavedResult]]:
    """The run of exactly this video, begun or not, and what its file will be called."""
    from ..vlogger_core.video.film import open_film
    from ..vlogger_core.video.fingerprint import describe_video, fingerprint

    output = folder_paths.get_output_directory()
    folder, name, counter, subfolder, _ = folder_paths.get_save_image_path(prefix, output)
    described = describe_video(**video, progress=progress)
    run = Path(folder, f"{name}_run_{fingerprint(described)}")
    with open_film(run, **video, described=described, progress=progress) as film:
        if 0 < film.run.done < film.run.num_frames:
            progress.note(f"Goes on from frame {film.run.done} of {film.run.num_frames}.")
        yield film, ui.SavedResult(f"{name}_{counter:05}_.mp4", subfolder, io.FolderType.output)
