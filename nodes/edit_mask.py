"""Which pixels of a video an edit of its motion changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from comfy_api.latest import io
from torch import Tensor

from . import runtime, sockets, widgets

if TYPE_CHECKING:
    from ..vlogger_core.edit.mask import EditMask

# Equal to those of vlogger_core.edit.mask.EditMaskSettings, which is too heavy to import before a node runs.
_THRESHOLD_PX, _GROW_PX, _FEATHER_PX, _STEADY_FRAMES = 0.02, 1.5, 2.0, 1


def _pixels(name: str, default: float, step: float, most: float, tooltip: str) -> io.Float.Input:
    return io.Float.Input(
        name,
        default=default,
        min=0.0,
        max=most,
        step=step,
        tooltip=f"{tooltip} In pixels of a video whose shorter side has 512; other sizes scale it.",
    )


def _side(name: str) -> io.Int.Input:
    return io.Int.Input(
        name,
        default=0,
        min=0,
        max=8192,
        optional=True,
        tooltip="Of the mask in pixels, in the shape of the tracked video. 0, and no image, takes that video's own.",
    )


class VloggerEditMask(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="VloggerEditMask",
            display_name="VLOGGER Edit Mask",
            category="VLOGGER/edit",
            description=(
                "The mask of what an edited motion changes in a video, frame by frame: the body's surface that is seen "
                "elsewhere before or after, with the hair and the clothes that follow it."
            ),
            search_aliases=["inpainting mask", "motion mask", "difference mask", "temporal mask", "edit video"],
            inputs=[
                widgets.body(),
                sockets.Motion.Input("motion_before", tooltip="The motion of the video, from VLOGGER Body Tracker."),
                sockets.Motion.Input("motion", tooltip="The same motion edited, from VLOGGER Motion Editor."),
                _pixels("threshold", _THRESHOLD_PX, 0.01, 64.0, "What moves no further than this has not changed."),
                _pixels("grow", _GROW_PX, 0.5, 256.0, "How far the mask reaches around what has changed."),
                _pixels("feather", _FEATHER_PX, 0.5, 256.0, "Over how much more, outwards, it falls to nothing."),
                io.Int.Input(
                    "steadiness",
                    default=_STEADY_FRAMES,
                    min=0,
                    max=32,
                    tooltip="Over how many frames the mask fades in before a change and out after it; it stays where "
                    "it would vanish for fewer than twice as many. 0 masks each frame by itself.",
                ),
                _side("width"),
                _side("height"),
                io.Image.Input("image", optional=True, tooltip="Its width and height are taken, such as the video's."),
                widgets.rasteriser(),
            ],
            outputs=[
                io.Mask.Output(
                    "mask",
                    tooltip="One mask a frame: 1 where the video is to be made anew, 0 where it stays. Paint on it or "
                    "combine it with other masks before VLOGGER Inpaint Editor.",
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        body,
        motion_before,
        motion,
        threshold: float,
        grow: float,
        feather: float,
        steadiness: int,
        width: int = 0,
        height: int = 0,
        image: Tensor | None = None,
        rasteriser: str = "torch",
    ) -> io.NodeOutput:
        from ..vlogger_core.edit.mask import EditMask, EditMaskSettings

        settings = EditMaskSettings(threshold_px=threshold, grow_px=grow, feather_px=feather, steady_frames=steadiness)
        with runtime.work() as progress:
            size = _size(width, height, image)
            masks = EditMask(
                body, motion_before, motion, size, settings=settings, backend=rasteriser, progress=progress
            )
            return io.NodeOutput(_all(masks, progress))


def _size(width: int, height: int, image: Tensor | None) -> tuple[int, int] | None:
    """Height and width that were asked for; None for the photo's.

    Raises:
        InputError: if one side is missing, or both an image and a size are given.
    """
    from ..vlogger_core.errors import InputError

    if image is not None:
        if width or height:
            raise InputError("width and height must be 0 where an image is connected, since it gives the size.")
        return image.shape[1], image.shape[2]
    if not width and not height:
        return None
    if not width or not height:
        raise InputError(f"width and height must both be given, or both be 0. Got {width} x {height}.")
    return height, width


def _all(masks: EditMask, progress: runtime.Reporter) -> Tensor:
    """The masks of all frames as MASK, filled a few frames at a time."""
    filled = torch.empty(masks.num_frames, *masks.size, device=runtime.result_device())
    done = 0
    for chunk in masks.chunks(progress=progress):
        filled[done : done + len(chunk)] = chunk
        done += len(chunk)
        progress.show(chunk[-1].expand(3, -1, -1))
    return filled
