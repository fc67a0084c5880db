"""A body and its motion become pictures: maps that steer a video model, or the moving photo itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from comfy_api.latest import io
from torch import Tensor

from . import runtime, sockets, widgets

if TYPE_CHECKING:
    from ..vlogger_core.render.maps import ControlMaps

# Equal to the meanings in vlogger_core.render.encode, which is too heavy to import before a node runs.
_MAPS = {
    "dense": "which point of the body each pixel shows: its place on the resting body as colour",
    "parts": "which part of the body: head, lips, eyes, hands, ... in fixed colours",
    "warp": "the photo's colours carried by the body's surface, black where the photo does not show it",
    "warp_flow": "the whole photo carried along, hair, clothes and background included; the mask is its confidence",
    "dense_head": "dense for head and neck alone, with the whole range of colours",
    "parts_champ": "the 24 parts of SMPL in the colours of Champ's semantic maps",
    "depth": "inverse depth, near is white, as MiDaS and Depth Anything give it, for depth ControlNets",
    "depth_champ": "linear depth, near is white, as Champ's depth maps",
    "normal": "surface normals in OpenGL's colours on black, also Champ's: red is right, green is up",
    "normal_bae": "surface normals as ControlNet's normalbae was trained on: red is left, green is up",
    "silhouette": "white where there is a body",
}


def _pictures(controls: ControlMaps, name: str, progress: runtime.Reporter) -> tuple[Tensor, Tensor]:
    """The chosen map of every frame as IMAGE and as MASK, filled a few frames at a time."""
    from ..vlogger_core.render.encode import ENCODINGS, encode

    image = torch.empty(controls.num_frames, *controls.size, 3, device=runtime.result_device())
    mask = torch.empty(controls.num_frames, *controls.size, device=runtime.result_device())
    done = 0
    for frames in controls.chunks(ENCODINGS[name].maps, progress=progress):
        picture, valid = encode(controls, name, frames)
        rows = slice(done, done + len(valid))
        image[rows], mask[rows] = picture.movedim(1, -1), valid
        progress.show(picture[-1])
        done = rows.stop
    return image, mask


class VloggerControlRenderer(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="VloggerControlRenderer",
            display_name="VLOGGER Control Renderer",
            category="VLOGGER/render",
            description=(
                "Renders the moving body as the maps that steer a video model: which point of the body each pixel "
                "shows, which part, the photo's colours carried along, depth, normals, in several conventions."
            ),
            search_aliases=["densepose", "semantic map", "control map", "conditioning video", "warp"],
            inputs=[
                widgets.body(),
                widgets.motion(),
                io.Combo.Input(
                    "map",
                    options=list(_MAPS),
                    default="dense",
                    tooltip="Which map the IMAGE and MASK outputs show; controls offers all.\n\n"
                    + "\n".join(f"{name}: {meaning}" for name, meaning in _MAPS.items()),
                ),
                widgets.short_side(),
                widgets.multiple_of(),
                widgets.rasteriser(),
            ],
            outputs=[
                sockets.Controls.Output("controls", tooltip="All maps, rendered when they are asked for."),
                io.Image.Output("image", tooltip="The chosen map, one picture a frame."),
                io.Mask.Output(
                    "mask",
                    tooltip="Where the map is valid: the body, for warp what the photo shows, for warp_flow how far it "
                    "can be relied on.",
                ),
            ],
        )

    @classmethod
    def execute(
        cls, body, motion, map: str, short_side: int, multiple_of: int, rasteriser: str = "torch"
    ) -> io.NodeOutput:
        from ..vlogger_core.render.maps import ControlMaps

        with runtime.work() as progress:
            size = sockets.render_size(body.camera, short_side, multiple_of)
            controls = ControlMaps(body, motion, size, backend=rasteriser, progress=progress)
            return io.NodeOutput(controls, *_pictures(controls, map, progress))


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
                widgets.body(),
                widgets.motion(),
                widgets.short_side(step=2),
                widgets.rasteriser(),
            ],
            outputs=[
                io.Image.Output("frames", tooltip="One picture a frame; both sides even, as H.264 wants them."),
                io.Float.Output("fps", tooltip="Frames a second of the motion, for Create Video."),
            ],
        )

    @classmethod
    def execute(cls, body, motion, short_side: int, rasteriser: str = "torch") -> io.NodeOutput:
        from ..vlogger_core.render.preview import render_preview

        with runtime.work() as progress:
            size = sockets.render_size(body.camera, short_side)
            frames = render_preview(body, motion, size=size, backend=rasteriser, progress=progress)
            images = sockets.frames_to_comfy(frames, motion.num_frames, on_frame=progress.show)
            return io.NodeOutput(images, float(motion.fps))
