"""A motion on the clock, and of the length, of the video model that shall follow it."""

from __future__ import annotations

from comfy_api.latest import io

from . import runtime, sockets

# Equal to those in vlogger_core.motion.resample, which is too heavy to import before a node runs.
_RULES = ("any", "4k+1", "8k+1")
_SAME_FPS = 0.0


class VloggerResampleMotion(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="VloggerResampleMotion",
            display_name="VLOGGER Resample Motion",
            category="VLOGGER/motion",
            description=(
                "Brings a motion to the frame rate and the number of frames that a video model wants, so that every "
                "picture made of it is the model's own: Wan takes 16 a second and 4k+1 of them."
            ),
            search_aliases=["frame rate", "fps", "4k+1", "trim motion", "cut motion", "wan length", "retime"],
            inputs=[
                sockets.Motion.Input("motion", tooltip="From any node that gives a motion."),
                io.Float.Input(
                    "fps",
                    default=16.0,
                    min=_SAME_FPS,
                    max=120.0,
                    step=0.001,
                    tooltip="Frames a second, 8 or more: 16 for Wan 2.1 and Wan 2.2 14B, 24 for Wan 2.2 5B, 25 or 30 "
                    "for others. 0 keeps the motion's own. The motion is neither faster nor slower for it.",
                ),
                io.Combo.Input(
                    "frames",
                    options=list(_RULES),
                    default="4k+1",
                    tooltip="How many frames the video model takes.\n\n4k+1: Wan and most others, 5, 9, ... 77, 81\n"
                    "8k+1: LTX-Video, 9, 17, ... 97, 121\nany: all. What is left over at the end is cut off.",
                ),
                io.Int.Input(
                    "most_frames",
                    default=81,
                    min=0,
                    max=1_000_000,
                    tooltip="No more frames than these: 81 or 77 is what Wan makes at once. 0 takes all.",
                ),
                io.Float.Input(
                    "start_s",
                    default=0.0,
                    min=0.0,
                    max=86_400.0,
                    step=0.0001,
                    tooltip="Where in the motion to begin, in seconds: what went before is cut off.",
                ),
                io.Audio.Input(
                    "audio",
                    optional=True,
                    tooltip="The speech that the motion was made of, to be cut to the same time.",
                ),
            ],
            outputs=[
                sockets.Motion.Output("motion", tooltip="The motion on the new clock."),
                io.Int.Output("length", tooltip="How many frames it has, for the video model's length."),
                io.Float.Output("fps", tooltip="Frames a second, for Create Video."),
                io.Audio.Output("audio", tooltip="What sounds meanwhile, for Create Video; nothing without audio."),
            ],
        )

    @classmethod
    def validate_inputs(cls, fps: float | None = None) -> bool | str:
        if fps is not None and _SAME_FPS < fps < 8:
            return "fps must be 8 or more, or 0 for the motion's own."
        return True

    @classmethod
    def execute(
        cls, motion, fps: float, frames: str, most_frames: int, start_s: float, audio: dict | None = None
    ) -> io.NodeOutput:
        from ..vlogger_core.motion.resample import resample, sound_of

        with runtime.work():
            new = resample(motion, fps or None, rule=frames, most_frames=most_frames, start_s=start_s)
            sound = sound_of(sockets.audio_from_comfy(audio), new, start_s) if audio is not None else None
            sent = sockets.audio_to_comfy(sound) if sound is not None else None
            return io.NodeOutput(new, new.num_frames, float(new.fps), sent)
