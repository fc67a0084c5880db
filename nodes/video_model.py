"""Which networks turn a moving body into a video."""

from __future__ import annotations

from comfy_api.latest import io

from . import managed, runtime, sockets

_UPSCALER = "Super-resolution that follows"


class VloggerVideoModel(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="VloggerVideoModel",
            display_name="VLOGGER Load Video Model",
            category="VLOGGER/video",
            description=(
                "Loads the temporal diffusion model that turns a moving body into a video, and the super-resolution "
                "stages that follow it: the embedded set that comes with VLOGGER (128, 256, 512 px), or files from "
                "models/vlogger/video."
            ),
            search_aliases=["video checkpoint", "temporal controlnet", "video weights", "upscaler", "sd 1.5 video"],
            inputs=[
                io.Combo.Input(
                    "base",
                    options=runtime.VIDEOS.choices(),
                    default=runtime.VIDEOS.shipped,
                    tooltip=(
                        "embedded: trained by the VLOGGER project, 128 px, runs anywhere. Other names are files in "
                        "models/vlogger/video that python -m vlogger_core train video made."
                    ),
                ),
                io.Combo.Input(
                    "upscaler",
                    options=[runtime.VIDEOS.shipped, runtime.NO_FILE, *runtime.VIDEOS.choices()[1:]],
                    default=runtime.VIDEOS.shipped,
                    tooltip=(
                        f"{_UPSCALER} the base. embedded: two stages, 128 to 256 to 512 px. none: the base alone. "
                        "Other names are files in models/vlogger/video, one stage each."
                    ),
                ),
                io.Combo.Input(
                    "next_upscaler",
                    options=[runtime.NO_FILE, *runtime.VIDEOS.choices()[1:]],
                    default=runtime.NO_FILE,
                    optional=True,
                    advanced=True,
                    tooltip=f"{_UPSCALER} the one above: another stage, from models/vlogger/video.",
                ),
                io.Combo.Input(
                    "sd15",
                    options=runtime.sd15_choices(),
                    default=runtime.NO_FILE,
                    optional=True,
                    advanced=True,
                    tooltip=(
                        "Stable Diffusion 1.5 under a base that was trained on it: the same model as in the training, "
                        "a .safetensors file in models/checkpoints or a folder in models/diffusers."
                    ),
                ),
            ],
            outputs=[
                sockets.VideoModel.Output(
                    "video_model", tooltip="For VLOGGER Temporal ControlNet Sampler, Upscaler and Long Video."
                )
            ],
        )

    @classmethod
    def validate_inputs(cls, base: str, upscaler: str, next_upscaler: str = runtime.NO_FILE) -> bool | str:
        problems = [runtime.VIDEOS.problem(name) for name in _files(base, upscaler, next_upscaler)]
        return next(filter(None, problems), True)

    @classmethod
    def fingerprint_inputs(
        cls, base: str, upscaler: str, next_upscaler: str = runtime.NO_FILE, sd15: str = runtime.NO_FILE
    ) -> tuple[float, ...]:
        return tuple(runtime.VIDEOS.changed_s(name) for name in _files(base, upscaler, next_upscaler))

    @classmethod
    def execute(
        cls, base: str, upscaler: str, next_upscaler: str = runtime.NO_FILE, sd15: str = runtime.NO_FILE
    ) -> io.NodeOutput:
        from ..vlogger_core.errors import InputError
        from ..vlogger_core.video.checkpoint import SHIPPED_UPSCALERS
        from ..vlogger_core.video.models import load_video_models

        with runtime.work():
            paths = []
            for name in _files(upscaler, next_upscaler):
                paths += SHIPPED_UPSCALERS if name == runtime.VIDEOS.shipped else [runtime.VIDEOS.path(name)]
            networks = load_video_models(runtime.VIDEOS.path(base), paths, sd15=runtime.sd15_path(sd15))
            if sd15 != runtime.NO_FILE and networks.base.config.space == "pixel":
                raise InputError(f"The base {base} was not trained on Stable Diffusion: set sd15 to {runtime.NO_FILE}.")
            return io.NodeOutput(managed.video_model(networks))


def _files(*names: str) -> list[str]:
    """The choices that are not none."""
    return [name for name in names if name != runtime.NO_FILE]
