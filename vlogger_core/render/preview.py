"""The warp preview: the photo itself, carried by the body, as finished frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from ..datatypes import BodyFit, Motion
from ..progress import Progress, silent
from ..threads import one_thread
from .backdrop import fill_backdrop
from .eyes import Eyes, open_eyes, paint_eyes
from .flow import extend_flow, hold_border, pixel_grid, surface_flow
from .mouth import Mouth, draw_mouth, inner_pixels, open_mouth
from .raster import rasterise
from .scene import Scene, open_scene, sample, vertex_visibility


def render_preview(
    fit: BodyFit, motion: Motion, *, size: tuple[int, int] | None = None, progress: Progress = silent
) -> Iterator[Float[Tensor, "3 h w"]]:
    """The photo talking: every frame of a motion at `size` (h, w), by default the photo's own size.

    Each frame is the photo seen through a backward flow: the body's surface, continued smoothly to hair, clothes and
    border. Matte and colour are carried by the same flow over a background that is filled once. The mouth's inside is
    drawn from the body's mesh and closing lids are painted skin. A motion that changes nothing gives the photo back.

    Frames are made one at a time as they are asked for, so memory does not grow with the motion.

    Args:
        progress: called after each frame and, since large frames and their preparation take seconds, with the same
            count between the steps of each.

    Raises:
        InputError: see `open_scene` and `Scene.pose`. Raised by this call, or by the frame concerned.
    """
    with one_thread():
        scene = open_scene(fit, motion, size)
        parts = _prepare(scene, lambda: progress(0, motion.num_frames))
    return _frames(scene, motion, *parts, progress)


def _prepare(scene: Scene, poll: Callable[[], None]) -> tuple[Tensor, Tensor, Tensor, Eyes, Mouth]:
    poll()
    mouth = open_mouth(scene)
    poll()
    visibility = vertex_visibility(scene)
    poll()
    backdrop = fill_backdrop(scene.photo, scene.matte)
    poll()
    # Premultiplied by the matte: exactly what the backdrop lacks to be the photo.
    layer = torch.cat((scene.photo - (1 - scene.matte) * backdrop, scene.matte[None]))
    return visibility, backdrop, layer, open_eyes(scene, layer), mouth


def _frames(
    scene: Scene,
    motion: Motion,
    visibility: Tensor,
    backdrop: Tensor,
    layer: Tensor,
    eyes: Eyes,
    mouth: Mouth,
    progress: Progress,
) -> Iterator[Tensor]:
    grid = pixel_grid(scene.size, layer.device)
    for t in range(motion.num_frames):
        with one_thread():
            vertices = scene.pose(motion, t, t + 1)[0]
            raster = rasterise(vertices, scene.fit.model.faces, scene.camera)
            progress(t, motion.num_frames)
            inner = inner_pixels(raster, mouth.is_inner)
            flow, weight = surface_flow(scene, raster, visibility)
            rigid = grid + flow
            source = grid + hold_border(extend_flow(flow, weight * ~inner, inner), scene.matte)
            progress(t, motion.num_frames)
            carried = sample(layer, source.movedim(0, -1), "bicubic").movedim(-1, 0)
            progress(t, motion.num_frames)
            carried = paint_eyes(eyes, carried, source, rigid, raster)
            frame = (carried[:3] + (1 - carried[3:].clamp(0, 1)) * backdrop).clamp(0, 1)
            progress(t, motion.num_frames)
            frame = draw_mouth(mouth, frame, vertices, raster, visibility)
        yield frame
        progress(t + 1, motion.num_frames)
