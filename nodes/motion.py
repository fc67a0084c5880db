"""Speech to motion: the diffusion model M."""

from __future__ import annotations

from comfy_api.latest import io

from . import runtime, sockets

_NUM_SEEDS = 1 << 64
_BLINKS_FREE = -1
# Equal to those in vlogger_core.motion.controls, which is too heavy to import before a node runs.
_GAZES = ("free", "camera")
_MAX_AMOUNT = 2.0


def _amount(name: str, meaning: str, *, advanced: bool = False) -> io.Float.Input:
    """How much of a region's motion is shown."""
    return io.Float.Input(
        name,
        default=1.0,
        min=0.0,
        max=_MAX_AMOUNT,
        step=0.05,
        optional=True,
        advanced=advanced,
        tooltip=f"{meaning} 1 is as sampled, 2 twice as far.",
    )


class VloggerMotionModel(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="VloggerMotionModel",
            display_name="VLOGGER Motion Model",
            category="VLOGGER/motion",
            description=(
                "Loads the network that turns speech into motion of face, head, torso and hands: the embedded weights "
                "that come with VLOGGER, or a file from models/vlogger/motion."
            ),
            search_aliases=["load motion weights", "motion checkpoint", "speech to motion", "LAM Audio2Expression"],
            inputs=[
                io.Combo.Input(
                    "weights",
                    options=runtime.MOTIONS.choices(),
                    default=runtime.MOTIONS.shipped,
                    tooltip=(
                        "embedded: trained by the VLOGGER project on synthetic speech, runs anywhere. Other names are "
                        "files in models/vlogger/motion: your own weights (.safetensors), or LAM-Audio2Expression "
                        "(.onnx), which makes the face while the embedded weights move the body."
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
                "Samples how face, head, torso and hands move while these words are spoken, and how much of it is "
                "shown. Another seed gives another performance of the same speech."
            ),
            search_aliases=["audio to motion", "lip sync", "talking head", "gesture", "ddim", "gaze", "blink", "idle"],
            inputs=[
                sockets.Speech.Input("speech", tooltip="From VLOGGER Audio Encoder."),
                sockets.MotionModel.Input("motion_model", tooltip="From VLOGGER Motion Model."),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=0,
                    max=_NUM_SEEDS - 1,
                    control_after_generate=True,
                    tooltip="Same seed, same motion.",
                ),
                io.Int.Input(
                    "steps",
                    default=20,
                    min=1,
                    max=1000,
                    tooltip="Diffusion steps; time grows in proportion. With 10 the embedded model blinks too rarely.",
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
                io.Int.Input(
                    "variations",
                    default=1,
                    min=1,
                    max=16,
                    optional=True,
                    tooltip=(
                        "How many motions, for the seeds seed, seed + 1 and so on. The nodes that follow run once for "
                        "each, in this order."
                    ),
                ),
                _amount("face", "Lips, jaw, cheeks, nose and brows. 0 keeps the photo's face; the eyes go on."),
                _amount("head", "Neck and head. 0 keeps them as in the photo, and the eyes on what they look at."),
                _amount("torso", "Chest, collarbones and sway. 0 keeps them as in the photo."),
                _amount("hands", "Shoulders, arms, wrists and fingers. 0 keeps them as in the photo."),
                _amount(
                    "energy",
                    "Liveliness: head, torso, hands and brows together, not the lips. Multiplies the amounts above.",
                ),
                io.Combo.Input(
                    "gaze",
                    options=list(_GAZES),
                    default=_GAZES[0],
                    optional=True,
                    tooltip=(
                        "free: the eyes wander, as people's do. camera: they stay on the camera while the head moves, "
                        "if the person in the photo looks into it."
                    ),
                ),
                _amount(
                    "idle",
                    "How much head, torso, hands and brows move while nobody speaks. 0 is still.",
                    advanced=True,
                ),
                io.Int.Input(
                    "blinks_per_minute",
                    default=_BLINKS_FREE,
                    min=_BLINKS_FREE,
                    max=60,
                    optional=True,
                    advanced=True,
                    tooltip="-1 leaves the blinks as sampled, 0 removes all, 15 to 20 is usual for who speaks.",
                ),
            ],
            outputs=[
                sockets.Motion.Output(
                    "motion",
                    is_output_list=True,
                    tooltip="Expression and joint rotations for every frame; one motion for each variation.",
                )
            ],
        )

    @classmethod
    def execute(
        cls,
        speech,
        motion_model,
        seed: int,
        steps: int,
        guidance: float,
        variations: int = 1,
        face: float = 1.0,
        head: float = 1.0,
        torso: float = 1.0,
        hands: float = 1.0,
        energy: float = 1.0,
        gaze: str = _GAZES[0],
        idle: float = 1.0,
        blinks_per_minute: int = _BLINKS_FREE,
    ) -> io.NodeOutput:
        from ..vlogger_core.motion.controls import MotionControls, apply_controls
        from ..vlogger_core.motion.sampler import sample_variations

        blinks = None if blinks_per_minute == _BLINKS_FREE else float(blinks_per_minute)
        controls = MotionControls(
            face=face,
            head=head,
            torso=torso,
            hands=hands,
            energy=energy,
            idle=idle,
            gaze=gaze,
            blinks_per_minute=blinks,
        )
        seeds = [(seed + number) % _NUM_SEEDS for number in range(variations)]
        with runtime.work() as progress:
            motions = sample_variations(
                motion_model, speech, seeds=seeds, steps=steps, guidance=guidance, progress=progress
            )
            each = zip(motions, seeds, strict=True)
            return io.NodeOutput([apply_controls(motion, controls, speech, own_seed) for motion, own_seed in each])
