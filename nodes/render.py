"""A body and its motion become pictures: maps that steer a video model, or the moving photo itself."""

from __future__ import annotations

from comfy_api.latest import io

from . import runtime, sockets

_SHORT_SIDE_TIP = (
    "Pixels of the shorter side, 64 or more; the longer one follows from the photo. 0 keeps the photo's size."
)


class VloggerControlRenderer(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="VloggerControlRenderer",
            display_name="VLOGGER Control Renderer",
            category="VLOGGER/render",
            description=(
                "Renders the moving body as the maps that steer a video model: dense (which point of the body each "
                "pixel shows), parts (which part of it), warp (the photo's colours carried along)."
            ),
            search_aliases=["densepose", "semantic map", "control map", "conditioning video", "warp"],
            inputs=[
                sockets.Body.Input("body", tooltip="From VLOGGER Body Fitter."),
                sockets.Motion.Input("motion", tooltip="From VLOGGER Motion Diffusion Sampler."),
                io.Combo.Input(
                    "map",
                    options=["dense", "parts", "warp"],
                    default="dense",
                    tooltip="Which map the IMAGE and MASK outputs show. The controls output offers all of them.",
                ),
                io.Int.Input("short_side", default=512, min=0, max=4096, step=8, tooltip=_SHORT_SIDE_TIP),
                io.Int.Input(
                    "multiple_of",
                    default=8,
                    min=2,
                    max=32,
                    step=2,
                    advanced=True,
                    tooltip="Both sides are rounded to a multiple of this, as the video model needs it: 8, 16 or 32.",
                ),
            ],
            outputs=[
                sockets.Controls.Output("controls", tooltip="All maps, rendered when they are asked for."),
                io.Image.Output("image", tooltip="The chosen map, one picture a frame."),
                io.Mask.Output("mask", tooltip="Where the map is valid: the body, or for warp what the photo shows."),
            ],
        )

    @classmethod
    def execute(cls, body, motion, map: str, short_side: int, multiple_of: int) -> io.NodeOutput:
        from ..vlogger_core.render.maps import ControlMaps

        with runtime.work() as progress:
            size = sockets.render_size(body.camera, short_side, multiple_of)
            controls = ControlMaps(body, motion, size)
            image, mask = sockets.map_to_comfy(controls, map, progress)
            return io.NodeOutput(controls, image, mask)


class VloggerWarpPreview(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="VloggerWarpPreview",
            display_name="VLOGGER Warp Preview",
            category="VLOGGER/render",
            description=(
                "The photo itself, carried by the moving body, with the mouth's inside drawn: an instant preview of a "
                "motion, without a video model."
            ),
            search_aliases=["talking photo", "animate portrait", "preview motion", "talking avatar"],
            inputs=[
                sockets.Body.Input("body", tooltip="From VLOGGER Body Fitter."),
                sockets.Motion.Input("motion", tooltip="From VLOGGER Motion Diffusion Sampler."),
                io.Int.Input("short_side", default=512, min=0, max=4096, step=2, tooltip=_SHORT_SIDE_TIP),
            ],
            outputs=[
                io.Image.Output("frames", tooltip="One picture a frame; both sides even, as H.264 wants them."),
                io.Float.Output("fps", tooltip="Frames a second of the motion, for Create Video."),
            ],
        )

    @classmethod
    def execute(cls, body, motion, short_side: int) -> io.NodeOutput:
        from ..vlogger_core.render.preview import render_preview

        with runtime.work() as progress:
            size = sockets.render_size(body.camera, short_side)
            frames = render_preview(body, motion, size=size, progress=progress)
            images = sockets.frames_to_comfy(frames, motion.num_frames, on_frame=progress.show)
            return io.NodeOutput(images, float(motion.fps))
