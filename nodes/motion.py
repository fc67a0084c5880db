"""Speech to motion: the diffusion model M."""

from __future__ import annotations

from comfy_api.latest import io

from . import runtime, sockets


class VloggerMotionModel(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="VloggerMotionModel",
            display_name="VLOGGER Motion Model",
            category="VLOGGER/motion",
            description=(
                "Loads the network that turns speech into motion of face, head and shoulders: the embedded weights "
                "that come with VLOGGER, or your own from models/vlogger/motion."
            ),
            search_aliases=["load motion weights", "motion checkpoint", "speech to motion"],
            inputs=[
                io.Combo.Input(
                    "weights",
                    options=runtime.MOTIONS.choices(),
                    default=runtime.MOTIONS.shipped,
                    tooltip=(
                        "embedded: trained by the VLOGGER project on synthetic speech, runs anywhere. Other names are "
                        "files in models/vlogger/motion: your own weights."
                    ),
                ),
            ],
            outputs=[sockets.MotionModel.Output("motion_model")],
        )

    @classmethod
    def validate_inputs(cls, weights: str) -> bool | str:
        return runtime.MOTIONS.problem(weights) or True

    @classmethod
    def fingerprint_inputs(cls, weights: str) -> float:
        return runtime.MOTIONS.changed_s(weights)

    @classmethod
    def execute(cls, weights: str) -> io.NodeOutput:
        from ..vlogger_core.motion.checkpoint import load_motion_model

        with runtime.work():
            return io.NodeOutput(load_motion_model(runtime.MOTIONS.path(weights)).to(runtime.device()))


class VloggerMotionSampler(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="VloggerMotionSampler",
            display_name="VLOGGER Motion Diffusion Sampler",
            category="VLOGGER/motion",
            description=(
                "Samples how face, head and shoulders move while these words are spoken. Another seed gives another "
                "performance of the same speech."
            ),
            search_aliases=["audio to motion", "lip sync", "talking head", "gesture", "ddim"],
            inputs=[
                sockets.Speech.Input("speech", tooltip="From VLOGGER Audio Encoder."),
                sockets.MotionModel.Input("motion_model", tooltip="From VLOGGER Motion Model."),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=0,
                    max=0xFFFFFFFFFFFFFFFF,
                    control_after_generate=True,
                    tooltip="Same seed, same motion.",
                ),
                io.Int.Input(
                    "steps",
                    default=10,
                    min=1,
                    max=1000,
                    tooltip="Diffusion steps. 10 is enough for the embedded model; more costs time in proportion.",
                ),
                io.Float.Input(
                    "guidance",
                    default=1.1,
                    min=0.0,
                    max=10.0,
                    step=0.05,
                    tooltip=(
                        "Classifier-free guidance: 1 follows the model, above 1 the speech is followed more strongly, "
                        "0 ignores it."
                    ),
                ),
            ],
            outputs=[sockets.Motion.Output("motion", tooltip="Expression and joint rotations for every frame.")],
        )

    @classmethod
    def execute(cls, speech, motion_model, seed: int, steps: int, guidance: float) -> io.NodeOutput:
        from ..vlogger_core.motion.sampler import sample_motion

        with runtime.work() as progress:
            motion = sample_motion(motion_model, speech, seed=seed, steps=steps, guidance=guidance, progress=progress)
            return io.NodeOutput(motion)
