"""What the materials do with light: skin, wool, eyes, and hair by Kajiya and Kay's model."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from scipy.spatial import KDTree
from torch import Tensor

from ..datatypes import Camera
from ..render.raster import Raster, interpolate
from .brows import brow_shadow
from .config import CharacterConfig
from .eyes import lid_margins, shade_eye
from .figure import DISTANCE_M, Figure
from .hair import hairline_depth
from .knit import paint_knit, paint_rib
from .lighting import Lights, diffuse, specular
from .noise import NoiseField, smoothstep
from .skin import paint_skin, scatter
from .strands import StrandRaster, Strands, sample
from .surface import COLLAR, EYE_LEFT, EYE_RIGHT, SKIN, SWEATER, Surface

_BOUNCE = (1.0, 0.2, 0.4, 0.5)
"""How much each group of lights gives to what bounces between fibres."""


def shade_surface(
    raster: Raster,
    surface: Surface,
    figure: Figure,
    config: CharacterConfig,
    lights: Lights,
    camera: Camera,
    step: Callable[[], None],
) -> Float[Tensor, "h w 3"]:
    """Linear light of everything but fibres. Calls `step` five times."""
    h, w = raster.depth.shape
    mesh = surface.mesh
    face_id = raster.face_id.reshape(-1)
    material = torch.where(face_id >= 0, surface.material[face_id.clamp(min=0)], -1)
    attributes = torch.cat((mesh.vertices, surface.normals, mesh.rest, surface.reached), 1)
    pixels = interpolate(raster, mesh.faces, attributes).reshape(h * w, -1)
    light = torch.zeros(h * w, 3)
    extra = torch.zeros(h * w, 3)

    at = (material == SKIN).nonzero()[:, 0]
    position, normal, rest, reached = _unpack(pixels[at])
    uv = (mesh.corner_uv[face_id[at]] * raster.bary.reshape(-1, 3)[at, :, None]).sum(1)
    local = rest - figure.rest_eye
    scalp = smoothstep(-0.002, 0.009, hairline_depth(local, NoiseField(config.seed + 21)))
    look = paint_skin(local, uv, scalp, config)
    step()
    albedo = torch.lerp(
        look.albedo, 0.4 * torch.tensor(config.hair).expand_as(look.albedo), (0.5 * brow_shadow(local))[:, None]
    )
    albedo = albedo * _creases(local, figure)[:, None]
    hidden = surface.inside[face_id[at]]
    albedo[hidden] = 0.35 * albedo[hidden] * torch.tensor([1.0, 0.5, 0.45])
    reached = torch.where(hidden[:, None], 0.25 * reached, reached)
    bumped = torch.nn.functional.normalize(normal + look.bump, dim=1)
    irradiance = torch.zeros(h * w, 3)
    irradiance[at] = diffuse(torch.nn.functional.normalize(normal + 0.6 * look.bump, dim=1), reached, lights)
    mask = (material == SKIN).float().reshape(h, w).numpy()
    soft = scatter(irradiance.reshape(h, w, 3).numpy(), mask, camera.f_px / DISTANCE_M)
    light[at] = albedo * torch.from_numpy(soft).reshape(-1, 3)[at]
    step()
    view = torch.nn.functional.normalize(-position, dim=1)
    shine = specular(bumped, view, reached, lights, ((14.0, 0.7), (70.0, 0.3)), reflectance=0.04)
    extra[at] = shine * look.gloss[:, None] * (~hidden)[:, None]
    step()

    at = (material == SWEATER).nonzero()[:, 0]
    position, normal, rest, reached = _unpack(pixels[at])
    albedo, bump = paint_knit(rest - figure.rest_eye, config)
    light[at] = _cloth(position, normal, albedo, bump, reached, lights)
    step()
    at = (material == COLLAR).nonzero()[:, 0]
    position, normal, rest, reached = _unpack(pixels[at])
    along = torch.nn.functional.normalize(
        torch.linalg.cross(torch.tensor([[0.0, 1.0, 0.0]]).expand_as(normal), normal), dim=1
    )
    albedo, bump = paint_rib(rest, along, config)
    light[at] = _cloth(position, normal, albedo, bump, reached, lights)
    step()

    for kind, eye in ((EYE_LEFT, figure.eyes[0]), (EYE_RIGHT, figure.eyes[1])):
        at = (material == kind).nonzero()[:, 0]
        if len(at):
            position, _, _, reached = _unpack(pixels[at])
            light[at] = shade_eye(eye, position, reached.clamp(min=0.5), lights, config, left=kind == EYE_LEFT)
    return (light + extra).reshape(h, w, 3)


def _creases(local: Tensor, figure: Figure) -> Tensor:
    """How much light is left in the line between the lips and at the roots of the lashes, 0 to 1."""
    left = torch.ones(len(local))
    near = ((local[:, 1].abs() < 0.1) & (local[:, 2] > -0.03)).nonzero()[:, 0]
    points = local[near].numpy()
    seam, _ = KDTree(figure.rest_seam.numpy()).query(points)
    shade = 1 - 0.72 * np.exp(-((seam / 0.0014) ** 2))
    for eye in figure.eyes:
        upper, lower = (_dense(line) for line in lid_margins(eye, eye.rest_margin))
        shade *= 1 - 0.85 * np.exp(-((KDTree(upper).query(points)[0] / 0.0022) ** 2))
        shade *= 1 - 0.25 * np.exp(-((KDTree(lower).query(points)[0] / 0.0012) ** 2))
    left[near] = torch.from_numpy(shade.astype(np.float32))
    return left


def _dense(line: Tensor) -> np.ndarray:
    return torch.nn.functional.interpolate(line.T[None], size=120, mode="linear", align_corners=True)[0].T.numpy()


def _unpack(pixels: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    position, normal, rest, reached = pixels.split((3, 3, 3, 4), 1)
    return position, torch.nn.functional.normalize(normal, dim=1), rest, reached


def _cloth(position: Tensor, normal: Tensor, albedo: Tensor, bump: Tensor, reached: Tensor, lights: Lights) -> Tensor:
    """Matte wool with a soft bright edge from its fuzz."""
    bumped = torch.nn.functional.normalize(normal + bump, dim=1)
    lit = diffuse(bumped, reached, lights)
    view = torch.nn.functional.normalize(-position, dim=1)
    fuzz = (1 - (normal * view).sum(1).clamp(0, 1)) ** 3
    return albedo * lit * (1 + 0.9 * fuzz[:, None])


def shade_strands(
    drawn: StrandRaster, strands: Strands, reached: Float[Tensor, "s k 4"], lights: Lights
) -> Float[Tensor, "n 3"]:
    """Kajiya and Kay's fibre with two highlights: one white and shifted to the root, one coloured and to the tip."""
    scale = (reached.shape[1] - 1) / (strands.points.shape[1] - 1)
    rescaled = StrandRaster(pixel=drawn.pixel, strand=drawn.strand, place=drawn.place * scale, depth=drawn.depth)
    share = sample(reached, rescaled)
    position = sample(strands.points, drawn)
    tangent = torch.nn.functional.normalize(sample(strands.tangents(), drawn), dim=1)
    view = torch.nn.functional.normalize(-position, dim=1)
    albedo, gloss = strands.albedo[drawn.strand], strands.gloss[drawn.strand]
    root = 0.72 + 0.28 * (drawn.place / strands.points.shape[1] * 3).clamp(max=1)
    albedo = albedo * root[:, None]
    tv = (tangent * view).sum(1).clamp(-1, 1)
    view_angle = torch.asin(tv)
    total = torch.zeros_like(tangent)
    for direction, colour, group in zip(lights.direction, lights.colour, lights.group, strict=True):
        tl = (tangent @ direction).clamp(-1, 1)
        sine = (1 - tl * tl).sqrt()
        middle = (torch.asin(tl) + view_angle) / 2
        first = torch.exp(-((middle + 0.06) ** 2) / (2 * 0.075**2)) / 0.075
        second = torch.exp(-((middle - 0.09) ** 2) / (2 * 0.15**2)) / 0.15
        through = 0.5 + 0.5 * (view @ direction)
        matte = albedo * (0.55 * sine * (0.35 + 0.65 * through))[:, None]
        bright = 0.0125 * first[:, None] + 0.16 * albedo * second[:, None]
        total += (matte + bright * (gloss * sine)[:, None]) * share[:, group][:, None] * colour
    # What bounces between fibres reaches them all.
    return total + 0.10 * albedo * (share * torch.tensor(_BOUNCE)).sum(1, keepdim=True) + 0.05 * albedo
