"""Widgets that several nodes have."""

from __future__ import annotations

from comfy_api.latest import io

from . import sockets

# Equal to those in vlogger_core.render.raster, which is too heavy to import before a node runs.
_RASTERISERS = ("torch", "numba", "warp", "pytorch3d")


def body() -> io.Input:
    """Whose motion is rendered."""
    return sockets.Body.Input("body", tooltip="From VLOGGER Body Fitter or VLOGGER Body Tracker.")


def motion() -> io.Input:
    """How that body moves."""
    return sockets.Motion.Input(
        "motion",
        tooltip="From VLOGGER Motion Diffusion Sampler, Load Motion, Body Tracker or Keypoints to Motion.",
    )


def landmarks() -> io.Combo.Input:
    """What finds the person."""
    return io.Combo.Input(
        "landmarks",
        options=["auto", "mediapipe", "cascade"],
        default="auto",
        tooltip=(
            "What finds face and joints where none are wired in. auto: mediapipe if it is installed, else the cascade, "
            "with a warning. cascade: OpenCV's LBP face cascade, as scikit-image ships it, and VLOGGER's own face "
            "regressor: a frontal upright face, hardly any expression, no arms."
        ),
    )


def person(name: str, *, where: str, counted: str = "largest face") -> io.Int.Input:
    """Which of several people."""
    return io.Int.Input(
        name,
        default=0,
        min=0,
        max=31,
        tooltip=f"Which person, if {where} several: 0 is the {counted}, 1 the next.",
    )


def fov_deg() -> io.Float.Input:
    """The camera's field of view; 0 where it is not known."""
    return io.Float.Input(
        "fov_deg",
        default=0.0,
        min=0.0,
        max=120.0,
        step=0.5,
        advanced=True,
        tooltip=(
            "Diagonal field of view of the camera in degrees, if you know it: about 75 for a phone's main camera, 28 "
            "for a portrait lens. 0 lets the fit estimate it."
        ),
    )


def clip_fps() -> io.Float.Input:
    """The frame rate of a video; `clock.as_fps` reads it."""
    return io.Float.Input(
        "fps",
        default=25.0,
        min=8.0,
        max=120.0,
        step=0.001,
        tooltip="Frames a second of the video, from Get Video Components; 23.976, 29.97 and 59.94 are taken exactly.",
    )


def short_side(advice: str = "", *, default: int = 512, step: int = 8, advanced: bool = False) -> io.Int.Input:
    """The size of a picture; `sockets.render_size` reads it. `advice` is added to its tooltip."""
    return io.Int.Input(
        "short_side",
        default=default,
        min=0,
        max=4096,
        step=step,
        advanced=advanced,
        tooltip="Pixels of the shorter side, 64 or more; the longer one follows from the photo. 0 keeps the photo's "
        f"size. {advice}".rstrip(),
    )


def multiple_of() -> io.Int.Input:
    """What both sides of a picture are rounded to; `sockets.render_size` reads it."""
    return io.Int.Input(
        "multiple_of",
        default=8,
        min=2,
        max=32,
        step=2,
        advanced=True,
        tooltip="Both sides are rounded to a multiple of this, as the video model needs it: 8, 16 or 32.",
    )


def rasteriser() -> io.Combo.Input:
    """What draws the body."""
    return io.Combo.Input(
        "rasteriser",
        options=list(_RASTERISERS),
        default=_RASTERISERS[0],
        optional=True,
        advanced=True,
        tooltip="What finds the body's surface in each pixel. All give the same pictures: torch is always there, numba "
        "is several times as fast on the CPU, warp is faster too, pytorch3d very slow. All but torch are Python "
        "packages that you install yourself.",
    )
