"""How a video is sampled: the widgets that the sampler, the upscaler and the long video share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from comfy_api.latest import io

from . import sockets

if TYPE_CHECKING:
    from ..vlogger_core.video.sampler import SamplerSettings

_NUM_SEEDS = 1 << 64
_AS_TRAINED = 0
_MODELS_OWN = -1.0
# The values are those of vlogger_core.diffusion.SOLVERS, which is too heavy to import before a node runs.
_SOLVERS = {"DDIM": "ddim", "DPM-Solver++": "dpm++", "DDPM": "ddpm"}
_OVERLAPS = {"0 %": 0.0, "25 %": 0.25, "50 %": 0.5}


def video_model() -> io.Input:
    """The networks."""
    return sockets.VideoModel.Input("video_model", tooltip="From VLOGGER Load Video Model.")


def steps(name: str = "steps", *, of: str = "", default: int = 2) -> io.Int.Input:
    """Diffusion steps. `of` says of what."""
    return io.Int.Input(
        name,
        default=default,
        min=1,
        max=1000,
        tooltip=f"Diffusion steps{of}; time grows in proportion. A base on Stable Diffusion 1.5 needs about 20.",
    )


def seed() -> io.Int.Input:
    """Of the noise."""
    return io.Int.Input(
        "seed",
        default=0,
        min=0,
        max=_NUM_SEEDS - 1,
        control_after_generate=True,
        tooltip=(
            "Same seed, same video on the same kind of device. Counts where the temperature (advanced) is above 0; the "
            "embedded models have 0 of their own."
        ),
    )


def sampling() -> list[io.Input]:
    """Everything else; `settings` reads it."""
    return [
        io.Combo.Input(
            "solver",
            options=list(_SOLVERS),
            default="DDIM",
            tooltip=(
                "How the noise is taken away. DDIM: few steps, the same every time. DPM-Solver++: sharper from few "
                "steps. DDPM: the paper's, fresh noise at every step, wants many."
            ),
        ),
        io.Float.Input(
            "control_guidance",
            default=1.0,
            min=1.0,
            max=10.0,
            step=0.1,
            tooltip="1 is none. More follows the body more closely than the model would by itself, at twice the work.",
        ),
        io.Float.Input(
            "reference_guidance",
            default=1.0,
            min=1.0,
            max=10.0,
            step=0.1,
            tooltip="1 is none. More keeps closer to the person in the photo, at the same price.",
        ),
        io.Combo.Input(
            "overlap",
            options=list(_OVERLAPS),
            default="50 %",
            tooltip=(
                "How much of each clip the next one goes on from. 50 % is smoothest; 25 % takes about two thirds of "
                "the time, 0 % half, with a seam between clips."
            ),
        ),
        io.Boolean.Input(
            "fixed_noise",
            default=True,
            optional=True,
            advanced=True,
            tooltip="The same noise for all frames, which holds still what the body's motion leaves open.",
        ),
        io.Float.Input(
            "temperature",
            default=_MODELS_OWN,
            min=_MODELS_OWN,
            max=1.0,
            step=0.05,
            optional=True,
            advanced=True,
            tooltip=(
                "Of the noise that sampling begins with; -1 is the model's own. 0 keeps nearest to the photo and gives "
                "the same video for every seed, which is right for the embedded models; Stable Diffusion needs 1."
            ),
        ),
        io.Float.Input(
            "colour_hold",
            default=0.0,
            min=0.0,
            max=1.0,
            step=0.05,
            optional=True,
            advanced=True,
            tooltip="How far each clip's colours are drawn back to the photo's, against drift in long videos.",
        ),
        io.Int.Input(
            "clip_frames",
            default=_AS_TRAINED,
            min=_AS_TRAINED,
            max=256,
            optional=True,
            advanced=True,
            tooltip="Frames that are made together; 0 is as the model was trained. Fewer take less memory.",
        ),
    ]


def settings(
    seed: int,
    steps: int,
    solver: str,
    control_guidance: float,
    reference_guidance: float,
    overlap: str,
    fixed_noise: bool = True,
    temperature: float = _MODELS_OWN,
    colour_hold: float = 0.0,
    clip_frames: int = _AS_TRAINED,
) -> SamplerSettings:
    """The values of these widgets for the core."""
    from ..vlogger_core.video.sampler import SamplerSettings

    return SamplerSettings(
        seed=seed,
        steps=steps,
        solver=_SOLVERS[solver],
        control_guidance=control_guidance,
        reference_guidance=reference_guidance,
        overlap=_OVERLAPS[overlap],
        clip_frames=clip_frames or None,
        fixed_noise=fixed_noise,
        temperature=None if temperature < 0 else temperature,
        colour_hold=colour_hold,
    )
