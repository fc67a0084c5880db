"""Studio light: soft boxes made of many directions, and how much of each reaches a point past body, cloth and hair."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..datatypes import Camera
from ..progress import Progress, silent
from ..render.raster import rasterise
from .config import CharacterConfig
from .strands import Strands

GROUPS = ("key", "fill", "rim", "dome")
_SCENE_CENTRE = (0.0, -0.05, -1.68)
_SCENE_RADIUS_M = 0.43
_LIGHT_DISTANCE_M = 20.0
_SURFACE_TEXELS = 320
_HAIR_TEXELS = 128
_LAYERS_M = (0.0, 0.007, 0.016, 0.035, 0.08)
"""Depths behind the first hair at which its density is summed (deep opacity maps, Yuksel and Keyser 2008)."""
_STRAND_SHADE_M = 0.00022
"""Width a drawn strand shades, which stands for the finer ones that are not drawn."""


@dataclass(frozen=True, kw_only=True)
class Lights:
    """Distant lights."""

    direction: Float[Tensor, "l 3"]
    """Unit, towards the light."""
    colour: Float[Tensor, "l 3"]
    """Irradiance on a surface that faces the light, linear."""
    group: Int[Tensor, " l"]
    """Index into `GROUPS`."""


def studio(config: CharacterConfig) -> Lights:
    """A key box at the side, a large fill across from it, a rim light behind, and the room."""
    side = math.copysign(1, config.key_azimuth_deg)
    direction, colour, group = [], [], []

    def box(
        index: int, azimuth: float, height: float, size: tuple[float, float], grid: tuple[int, int], rgb: tuple
    ) -> None:
        across = np.linspace(-0.5, 0.5, grid[0]) * size[0]
        upward = np.linspace(-0.5, 0.5, grid[1]) * size[1]
        for a in across:
            for b in upward:
                direction.append(towards(azimuth + a, height + b))
                colour.append([c / (grid[0] * grid[1]) for c in rgb])
                group.append(index)

    box(0, config.key_azimuth_deg, 34, (34, 30), (4, 4), (2.05, 1.88, 1.68))
    box(1, -side * 48, 12, (60, 40), (3, 3), (0.22, 0.25, 0.30))
    box(2, -side * 146, 34, (26, 36), (2, 3), (1.7, 1.62, 1.5))
    box(2, side * 158, 46, (24, 20), (2, 2), (0.9, 0.9, 0.95))
    rings = ((7, 72), (10, 40), (10, 8), (5, -28))
    for number, height in rings:
        for i in range(number):
            direction.append(towards(360 * (i + 0.5 * (number % 4 == 0)) / number, height))
            shade = 0.0195 + 0.012 * math.sin(math.radians(height))
            colour.append([shade * (0.6 + 1.1 * c) for c in config.wall])
            group.append(3)
    return Lights(
        direction=torch.tensor(direction, dtype=torch.float32),
        colour=torch.tensor(colour, dtype=torch.float32),
        group=torch.tensor(group),
    )


def towards(azimuth_deg: float, height_deg: float) -> list[float]:
    """Unit vector; azimuth 0 is the camera's side, positive to +X."""
    azimuth, height = math.radians(azimuth_deg), math.radians(height_deg)
    return [math.sin(azimuth) * math.cos(height), math.sin(height), math.cos(azimuth) * math.cos(height)]


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What casts shadows."""

    vertices: Float[Tensor, "v 3"]
    faces: Int[Tensor, "f 3"]
    hair: Strands


def visibility(
    scene: Scene,
    lights: Lights,
    points: Float[Tensor, "n 3"],
    normals: Float[Tensor, "n 3"],
    *,
    bias_m: float = 0.004,
    progress: Progress = silent,
) -> Float[Tensor, "n 4"]:
    """Share of each light group that reaches the points, 0 to 1.

    Weighted by how much each light of the group would give; evenly where the normal is zero (for strands).
    """
    total = points.new_zeros(len(points), len(GROUPS))
    reached = points.new_zeros(len(points), len(GROUPS))
    hair = scene.hair.points[:, ::2]
    steps = (hair[:, 1:] - hair[:, :-1]).norm(dim=-1)
    shade = torch.cat((steps, steps[:, -1:] * 0.5), 1).reshape(-1)
    hair = hair.reshape(-1, 3)
    offset = points + 0.0015 * normals
    blended = (normals != 0).any(1)
    for index, (direction, colour, group) in enumerate(zip(lights.direction, lights.colour, lights.group, strict=True)):
        frame = _light_frame(direction)
        open_share = _surface_light(scene, frame, offset, bias_m) * _hair_light(hair, shade, frame, offset, blended)
        strength = colour.mean() * ((normals @ direction).clamp(min=0) + 1e-4)
        total[:, group] += strength
        reached[:, group] += strength * open_share
        progress(index + 1, len(lights.group))
    return reached / total.clamp(min=1e-9)


def _light_frame(direction: Tensor) -> Tensor:
    """Rows: right, up, towards the light."""
    up = torch.tensor([0.0, 1.0, 0.0]) if abs(float(direction[1])) < 0.95 else torch.tensor([0.0, 0.0, 1.0])
    right = torch.nn.functional.normalize(torch.linalg.cross(up, direction), dim=0)
    return torch.stack((right, torch.linalg.cross(direction, right), direction))


def _in_frame(points: Tensor, frame: Tensor) -> Tensor:
    return (points - torch.tensor(_SCENE_CENTRE)) @ frame.T


def _surface_light(scene: Scene, frame: Tensor, points: Tensor, bias_m: float) -> Tensor:
    """1 where no surface lies between a point and the light, 0 in shadow, between at edges."""
    size = _SURFACE_TEXELS
    half_diagonal = math.hypot(_SCENE_RADIUS_M, _SCENE_RADIUS_M)
    fov = math.degrees(2 * math.atan(half_diagonal / _LIGHT_DISTANCE_M))
    camera = Camera(fov_deg=fov, width=size, height=size)
    shift = torch.tensor([0.0, 0.0, _LIGHT_DISTANCE_M])
    depth = rasterise(_in_frame(scene.vertices, frame) - shift, scene.faces, camera).depth
    place = _in_frame(points, frame)
    own = _LIGHT_DISTANCE_M - place[:, 2] - bias_m
    x = (place[:, 0] / _SCENE_RADIUS_M * 0.5 + 0.5) * size - 0.5
    y = (0.5 - place[:, 1] / _SCENE_RADIUS_M * 0.5) * size - 0.5
    return _filtered(lambda row, column: (depth[row, column] > own).float(), x, y, size)


def _filtered(look: Callable[[Tensor, Tensor], Tensor], x: Tensor, y: Tensor, size: int) -> Tensor:
    """Look up four neighbouring texels and mix them; beyond the map the border counts."""
    x0, y0 = x.floor(), y.floor()
    fx, fy = x - x0, y - y0
    x0, y0 = x0.long(), y0.long()
    result = torch.zeros_like(x)
    for dy in (0, 1):
        for dx in (0, 1):
            weight = (fx if dx else 1 - fx) * (fy if dy else 1 - fy)
            result += weight * look((y0 + dy).clamp(0, size - 1), (x0 + dx).clamp(0, size - 1))
    return result


def _hair_light(hair: Tensor, shade: Tensor, frame: Tensor, points: Tensor, blended: Tensor) -> Tensor:
    """Transmittance through the hair between a point and the light; read from one texel where not `blended`."""
    size = _HAIR_TEXELS
    texel_area = (2 * _SCENE_RADIUS_M / size) ** 2
    place = _in_frame(hair, frame)
    column = ((place[:, 0] / _SCENE_RADIUS_M * 0.5 + 0.5) * size).long().clamp(0, size - 1)
    row = ((0.5 - place[:, 1] / _SCENE_RADIUS_M * 0.5) * size).long().clamp(0, size - 1)
    texel = row * size + column
    depth = -place[:, 2]
    front = torch.full((size * size,), 10.0).scatter_reduce_(0, texel, depth, "amin")
    behind = depth - front[texel]
    thickness = torch.tensor(_LAYERS_M)
    layer = (torch.bucketize(behind, thickness, right=True) - 1).clamp(0, len(_LAYERS_M) - 1)
    layers = len(_LAYERS_M)
    opacity = torch.zeros(size * size * layers).index_add_(
        0, texel * layers + layer, shade * (_STRAND_SHADE_M / texel_area)
    )
    summed = torch.cat((torch.zeros(size * size, 1), opacity.reshape(-1, layers).cumsum(1)), 1)
    edges = torch.cat((thickness, torch.tensor([0.25])))

    mine = _in_frame(points, frame)
    x = (mine[:, 0] / _SCENE_RADIUS_M * 0.5 + 0.5) * size - 0.5
    y = (0.5 - mine[:, 1] / _SCENE_RADIUS_M * 0.5) * size - 0.5
    own = -mine[:, 2]

    def reader(own: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
        def look(row: Tensor, column: Tensor) -> Tensor:
            index = row * size + column
            depth_in = (own - front[index]).clamp(0, 0.2499)
            k = (torch.bucketize(depth_in, edges, right=True) - 1).clamp(0, layers - 1)
            share = (depth_in - edges[k]) / (edges[k + 1] - edges[k])
            low, high = summed[index, k], summed[index, k + 1]
            return torch.exp(-(low + share * (high - low)))

        return look

    result = torch.empty_like(own)
    result[blended] = _filtered(reader(own[blended]), x[blended], y[blended], size)
    # One texel, picked with the chance that blending would give it: cheaper, and strands hide the noise.
    single = (~blended).nonzero()[:, 0]
    jitter = torch.rand(2, len(single), generator=torch.Generator().manual_seed(0)) - 0.5
    column, row = ((v[single] + j).round().long().clamp(0, size - 1) for v, j in zip((x, y), jitter, strict=True))
    result[single] = reader(own[single])(row, column)
    return result


def diffuse(normals: Float[Tensor, "n 3"], reached: Float[Tensor, "n 4"], lights: Lights) -> Float[Tensor, "n 3"]:
    """Irradiance over pi, per colour: what a white matte surface would show."""
    total = torch.zeros_like(normals)
    for direction, colour, group in zip(lights.direction, lights.colour, lights.group, strict=True):
        total += ((normals @ direction).clamp(min=0) * reached[:, group])[:, None] * colour
    return total


def specular(
    normals: Float[Tensor, "n 3"],
    view: Float[Tensor, "n 3"],
    reached: Float[Tensor, "n 4"],
    lights: Lights,
    exponents: tuple[tuple[float, float], ...],
    *,
    reflectance: float,
) -> Float[Tensor, "n 3"]:
    """Highlights of lobes given as (Blinn-Phong exponent, weight), after Kelemen and Szirmay-Kalos (2001)."""
    total = torch.zeros_like(normals)
    for direction, colour, group in zip(lights.direction, lights.colour, lights.group, strict=True):
        if group == 3:
            continue
        half = view + direction
        square = (half * half).sum(1).clamp(min=1e-4)
        length = square.sqrt()
        cosine = ((normals * half).sum(1) / length).clamp(1e-4, 1)
        lit = (normals @ direction).clamp(min=0) * reached[:, group]
        fresnel = reflectance + (1 - reflectance) * (1 - 0.5 * length).clamp(min=0) ** 5
        log_cosine = cosine.log()
        lobe = sum(weight * (m + 2) / 2 * torch.exp(m * log_cosine) for m, weight in exponents)
        total += (lit * fresnel * lobe / square)[:, None] * colour
    return total
