"""A video that is cut becomes its shots, each of which can be tracked and edited."""

from __future__ import annotations

from comfy_api.latest import io
from torch import Tensor

from . import runtime


class VloggerSplitShots(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="VloggerSplitShots",
            display_name="VLOGGER Split Shots",
            category="VLOGGER/edit",
            description=(
                "Splits the frames of a video where it is cut. What follows runs once for each shot: a track or an "
                "edit is of one shot."
            ),
            search_aliases=["scene detection", "scene change", "detect cuts", "split video", "shot boundary"],
            inputs=[
                io.Image.Input("frames", tooltip="The frames of a video, from Get Video Components."),
                io.Int.Input(
                    "shortest",
                    default=1,
                    min=1,
                    max=100_000,
                    tooltip="Shots of fewer frames are left out.",
                ),
            ],
            outputs=[
                io.Image.Output(
                    "shots", is_output_list=True, tooltip="The frames of each shot, one shot after another."
                ),
                io.Int.Output("first_frame", is_output_list=True, tooltip="Where each begins in the video, from 0."),
                io.Int.Output("num_frames", is_output_list=True, tooltip="How many frames each has."),
            ],
        )

    @classmethod
    def execute(cls, frames: Tensor, shortest: int) -> io.NodeOutput:
        from ..vlogger_core.errors import InputError
        from ..vlogger_core.video.shots import split_shots

        with runtime.work() as progress:
            shots = split_shots(frames[..., :3].movedim(-1, 1), progress=progress)
            long = [(start, stop) for start, stop in shots if stop - start >= shortest]
            if not long:
                most = max((stop - start for start, stop in shots), default=0)
                raise InputError(
                    f"No shot has {shortest} frames: the longest of {len(shots)} has {most}. Lower shortest to that."
                )
            progress.note(f"{len(long)} of {len(shots)} shots, from the frames {', '.join(str(a) for a, _ in long)}")
            return io.NodeOutput(
                [frames[start:stop] for start, stop in long],
                [start for start, _ in long],
                [stop - start for start, stop in long],
            )
