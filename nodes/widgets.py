"""Widgets that several nodes have."""

from __future__ import annotations

from comfy_api.latest import io

# Equal to those in vlogger_core.render.raster, which is too heavy to import before a node runs.
_RASTERISERS = ("torch", "numba", "warp", "pytorch3d")


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
