"""A body and its motion become a video: temporal diffusion, and the super-resolution that follows it."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from . import runtime, sockets, video_widgets, widgets

_FRAMES = "One picture a frame, for Create Video or the next stage."
_FPS = "Frames a second of the motion, for Create Video."


class VloggerTemporalSampler(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="VloggerTemporalSampler",
            display_name="VLOGGER Temporal ControlNet Sampler",
            category="VLOGGER/video",
            description=(
                "Samples the video of the person in the photo, moving as the body does, clip by clip: each clip goes "
                "on from the last frames of the one before, so a video may be of any length."
            ),
            search_aliases=["video diffusion", "talking head", "temporal outpainting", "controlnet", "animate photo"],
            inputs=[
                video_widgets.video_model(),
                widgets.body(),
                widgets.motion(),
                video_widgets.seed(),
                video_widgets.steps(),
                *video_widgets.sampling(),
                widgets.rasteriser(),
            ],
            outputs=[
                io.Image.Output(
                    "frames", tooltip=f"{_FRAMES} As large as the base was trained: 128 px for the embedded one."
                ),
                io.Float.Output("fps", tooltip=_FPS),
            ],
        )

    @classmethod
    def execute(cls, video_model, body, motion, rasteriser: str = "torch", **sampling: Any) -> io.NodeOutput:
        from ..vlogger_core.pipeline import video_size
        from ..vlogger_core.video.cascade import CascadeSettings, sample_cascade
        from ..vlogger_core.video.models import VideoModels

        settings = video_widgets.settings(**sampling)
        only_base = VideoModels(base=video_model.networks.base)
        size = video_size(body.camera.width, body.camera.height, only_base.base.config.size)
        with runtime.work() as progress, runtime.memory_advice("Lower clip_frames (advanced)."):
            video_model.to_device(size, settings.clip_frames, progress.note)
            cascade = CascadeSettings(base=settings)
            chunks = sample_cascade(only_base, body, motion, size, cascade, backend=rasteriser, progress=progress)
            frames = (frame for chunk in chunks for frame in chunk.frames)
            images = sockets.frames_to_comfy(frames, motion.num_frames, on_frame=progress.show)
            return io.NodeOutput(images, float(motion.fps))


class VloggerUpscaler(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="VloggerUpscaler",
            display_name="VLOGGER Super-Resolution Upscaler",
            category="VLOGGER/video",
            description=(
                "Makes the sampler's video larger, 128 to 256 to 512 px for the embedded models: each stage is a "
                "temporal diffusion model that brings the photo's own detail back."
            ),
            search_aliases=["upscale video", "super resolution", "cascade", "enlarge", "sharpen face"],
            inputs=[
                video_widgets.video_model(),
                io.Image.Input("frames", tooltip="From VLOGGER Temporal ControlNet Sampler, or from another Upscaler."),
                widgets.body(),
                widgets.motion(),
                widgets.short_side("At most what the last stage makes: 512 with the embedded models.", step=2),
                video_widgets.seed(),
                video_widgets.steps(default=1),
                *video_widgets.sampling(),
                widgets.rasteriser(),
            ],
            outputs=[
                io.Image.Output("frames", tooltip=f"{_FRAMES} Beyond it, ComfyUI's Upscale Image (using Model)."),
                io.Float.Output("fps", tooltip=_FPS),
            ],
        )

    @classmethod
    def execute(
        cls, video_model, frames, body, motion, short_side: int, rasteriser: str = "torch", **sampling: Any
    ) -> io.NodeOutput:
        from ..vlogger_core.video.cascade import CascadeSettings
        from ..vlogger_core.video.upscale import upscale_video

        chosen = video_widgets.settings(**sampling)
        settings = CascadeSettings(base=chosen, upscalers=chosen)
        size = sockets.render_size(body.camera, short_side)
        before = frames[..., :3].detach().movedim(-1, 1)
        with runtime.work() as progress, runtime.memory_advice("Lower short_side or clip_frames (advanced)."):
            above = min(before.shape[-2:])
            models = video_model.to_device(size, chosen.clip_frames, progress.note, above=above)
            pieces = upscale_video(models, before, body, motion, size, settings, backend=rasteriser, progress=progress)
            larger = (frame for piece in pieces for frame in piece)
            images = sockets.frames_to_comfy(larger, motion.num_frames, on_frame=progress.show)
            return io.NodeOutput(images, float(motion.fps))
