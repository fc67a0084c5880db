"""The portrait: figure, hair and clothes drawn, lit, laid over the room and developed."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..body.anny_model import AnnyBody, load_anny
from ..progress import Progress, silent
from ..render.raster import rasterise
from .background import paint_background
from .brows import grow_brows, grow_lashes
from .clothing import dress
from .config import CharacterConfig
from .figure import build_figure, camera_for
from .film import develop
from .hair import MIN_STRANDS, grow_hair
from .lighting import studio
from .shading import shade_strands, shade_surface
from .strands import draw_strands, stroke
from .surface import light_surface, shadow_scene

ASPECT = 13 / 16
"""Width over height of a portrait."""
_STEPS = 12
"""Steps of the work besides the lights."""
_STROKE_LIGHT = 1.1
"""Irradiance on brows and lashes, which lie in the key light."""
_LASH_BIAS_M = 0.006
"""Lashes root inside the lid's rim: they are drawn this far through the skin."""


def render_character(
    seed: int,
    *,
    height: int = 1024,
    supersampling: int = 2,
    num_strands: int = 26000,
    model: AnnyBody | None = None,
    progress: Progress = silent,
) -> Float[Tensor, "3 h w"]:
    """Draw the character of a seed, sRGB 0 to 1. The same arguments give the same picture.

    Takes about a minute at the usual size.

    Args:
        height: pixels, at least 64; the width is `ASPECT` times that, to the next even number.
        supersampling: sub-pixels along each side of a pixel.
        num_strands: hairs on the head, at least `MIN_STRANDS`.
        model: the body, if it is already loaded.
    """
    if height < 64:
        raise ValueError(f"height must be at least 64. Got {height}.")
    if num_strands < MIN_STRANDS:
        raise ValueError(f"num_strands must be at least {MIN_STRANDS}. Got {num_strands}.")
    config = CharacterConfig.from_seed(seed)
    lights = studio(config)
    count, total = 0, len(lights.group) + _STEPS

    def step(done: int = 1) -> None:
        nonlocal count
        count += done
        progress(count, total)

    model = model or load_anny(progress)
    width = round(height * ASPECT / 2) * 2
    camera = camera_for(height * supersampling, width * supersampling)
    figure = build_figure(config, model)
    step()
    clothing = dress(figure, seed)
    step()
    hair = grow_hair(config, figure, clothing, count=num_strands)
    step()
    scene = shadow_scene(figure, clothing, hair)
    surface, hair_reached = light_surface(figure, clothing, scene, lights, camera, lambda _done, _total: step())
    raster = rasterise(surface.mesh.vertices, surface.mesh.faces, camera)
    step()
    light = shade_surface(raster, surface, figure, config, lights, camera, step)
    cover = raster.covered.float()
    for strands, bias_m in ((grow_brows(config, figure), 0.0), (grow_lashes(config, figure), _LASH_BIAS_M)):
        coverage, albedo = stroke(strands, camera, raster.depth + bias_m)
        light = torch.lerp(light, albedo * _STROKE_LIGHT, coverage[..., None])
    step()
    drawn = draw_strands(hair, camera, raster.depth, lambda _done, _total: progress(count, total))
    step()
    light.view(-1, 3)[drawn.pixel] = shade_strands(drawn, hair, hair_reached, lights)
    cover.view(-1)[drawn.pixel] = 1.0
    step()
    room = paint_background(config, height, width)
    picture = _over(light.numpy(), cover.numpy(), room, supersampling)
    return torch.from_numpy(develop(picture, seed)).permute(2, 0, 1).contiguous()


def _over(light: np.ndarray, cover: np.ndarray, room: np.ndarray, supersampling: int) -> np.ndarray:
    """Average sub-pixels and lay the person over the room."""
    h, w = room.shape[:2]
    if supersampling > 1:
        light = np.minimum(light, 6.0) * cover[..., None]
        light = cv2.resize(light, (w, h), interpolation=cv2.INTER_AREA)
        cover = cv2.resize(cover, (w, h), interpolation=cv2.INTER_AREA)
    return light + (1 - cover[..., None]) * room
