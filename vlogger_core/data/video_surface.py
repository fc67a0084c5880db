"""The painted surface of a random person: one texture for skin and clothes, and what the body's vertices need."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..body.anny_model import AnnyBody
from ..body.eyeballs import eyeball
from ..character.brows import brow_shadow
from ..character.clothing import neckline
from ..character.hair import hairline_depth
from ..character.noise import NoiseField, smoothstep
from ..character.skin import paint_skin
from ..datatypes import Camera
from ..names import PART_INDEX
from ..render.fill import fill_holes
from ..render.raster import interpolate, rasterise
from .video_look import Look

ADULT = 0.67
"""Age of the body on which patterns are defined."""
LOWEST_M = -0.62
"""Nothing further below the eyes is painted: it is in no picture."""
EDGE_M = 0.0015
"""Half the width of the seam between cloth and skin."""
INCISORS_M = 0.008
"""They reach this far to either side of the middle."""
LID_M = 0.0016
"""What of the lids is nearer to the eyeball than this is their edge."""


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where the body's points lie, the same for everybody. Made by `find_places`."""

    local: Float[Tensor, "v 3"]
    """On the adult at rest, metres from between the eyes: where patterns are defined."""
    corner_uv: Float[Tensor, "f 3 2"]
    eyes: tuple[Float[Tensor, "3"], Float[Tensor, "3"]]
    """Middles of the subject's left and right eyeball, in `local`'s frame."""
    eye_radius_m: float
    gaze: tuple[Float[Tensor, "3"], Float[Tensor, "3"]]
    """Where they look at rest, unit."""
    lid_edge: Float[Tensor, " v"]
    """1 on the edges of the lids and the lining behind them."""
    scalp: Int[Tensor, " s"]
    """Vertices that the skull carries."""
    chest: Int[Tensor, " c"]
    """Vertices that the upper trunk carries."""
    upper_teeth: Int[Tensor, " u"]
    lower_teeth: Int[Tensor, " w"]
    bite: tuple[float, float]
    """Heights of the edges of the upper and of the lower incisors, in `local`'s frame."""
    incisors: Int[Tensor, " i"]
    """Of the upper jaw."""
    seam: Int[Tensor, " m"]
    """Where the lips meet before the incisors."""


@lru_cache(maxsize=1)
def find_places(model: AnnyBody) -> Places:
    """Look the places of a body model up."""
    rest = model.rest(model.shape(age=ADULT)).vertices
    balls = [model.faces[eyeball(model, side)].unique() for side in ("left", "right")]
    middle = torch.stack([rest[ball].mean(0) for ball in balls]).mean(0)
    local = rest - middle
    centres, gaze, radius = [], [], 0.0
    for ball in balls:
        points = local[ball]
        system = torch.cat((2 * points, torch.ones(len(points), 1)), 1).double()
        solution = torch.linalg.lstsq(system, points.double().square().sum(1, keepdim=True)).solution[:, 0]
        centre = solution[:3].float()
        radius = float((solution[3] + solution[:3] @ solution[:3]).sqrt())
        irises = model.faces[model.face_parts == PART_INDEX["iris"]].unique()
        own = irises[(local[irises] - centre).norm(dim=1) < 1.5 * radius]
        centres.append(centre)
        gaze.append(torch.nn.functional.normalize(local[own].mean(0) - centre, dim=0))
    corner_uv = torch.zeros(len(model.faces), 3, 2)
    corner_uv[: len(model.face_uv)] = model.uv[model.face_uv]
    lids = model.faces[model.face_parts == PART_INDEX["lids"]].unique()
    away = torch.stack([(local[lids] - centre).norm(dim=1) - radius for centre in centres]).amin(0)
    lid_edge = torch.zeros(len(local))
    lid_edge[lids] = smoothstep(2 * LID_M, LID_M, away)
    teeth, lips, inside = (
        model.faces[model.face_parts == PART_INDEX[name]].unique() for name in ("teeth", "lips", "mouth_cavity")
    )
    upper = local[teeth, 1] > local[teeth, 1].mean()
    front = local[:, 0].abs() < INCISORS_M
    incisors, below = (some[front[some]] for some in (teeth[upper], teeth[~upper]))
    seam = lips[torch.isin(lips, inside) & front[lips]]
    is_skin = torch.zeros(len(local), dtype=torch.bool)
    is_skin[model.faces[(model.face_parts == PART_INDEX["head"]) | (model.face_parts == PART_INDEX["body"])]] = True
    x, y, _ = local.unbind(1)
    return Places(
        local=local,
        corner_uv=corner_uv,
        eyes=(centres[0], centres[1]),
        eye_radius_m=radius,
        gaze=(gaze[0], gaze[1]),
        lid_edge=lid_edge,
        scalp=(is_skin & (y > 0.03)).nonzero()[:, 0],
        chest=(is_skin & (y < -0.19) & (y > -0.36) & (x.abs() < 0.12)).nonzero()[:, 0],
        upper_teeth=teeth[upper],
        lower_teeth=teeth[~upper],
        bite=(float(local[incisors, 1].min()), float(local[below, 1].max())),
        incisors=incisors,
        seam=seam,
    )


@dataclass(frozen=True, kw_only=True)
class Painted:
    """A person's texture and clothes. Made by `paint`."""

    texture: Float[Tensor, "5 s s"]
    """Albedo (linear), gloss of the skin, and where there is cloth."""
    thickness_m: Float[Tensor, " v"]
    """How far the cloth stands off the body."""
    hair_scalp: Float[Tensor, " v"]
    """0 to 1 where hair grows on the head."""
    beard: Float[Tensor, " v"]


def cloth_level(local: Float[Tensor, "n 3"], look: Look) -> Float[Tensor, " n"]:
    """About metres inside the cloth; negative where the skin is bare."""
    x, _, z = local.unbind(1)
    front = smoothstep(-0.09, -0.03, z)
    level = neckline(local, torch.zeros(3))
    if look.garment == "turtleneck":
        level = level + 0.065 * smoothstep(0.10, 0.07, x.abs())
    elif look.garment == "vneck":
        level = level - front * 0.11 * (1 - x.abs() / 0.075).clamp(min=0)
    elif look.garment in ("shirt", "jacket"):
        level = level + 0.03 * smoothstep(0.10, 0.07, x.abs()) - front * 0.075 * (1 - x.abs() / 0.035).clamp(min=0)
    return torch.minimum(level, look.sleeve_m - x.abs())


def paint(model: AnnyBody, look: Look, *, texels: int, backend: str) -> Painted:
    """Paint a person.

    Args:
        texels: side of the texture; the face takes about a third of it.
    """
    places = find_places(model)
    seed = look.character.seed
    local, uv, known = _lay_out(model, places, texels, backend)
    scalp_field = NoiseField(seed + 21)
    level = cloth_level(local, look)
    bare, covered = ((level < EDGE_M).nonzero()[:, 0], (level > -EDGE_M).nonzero()[:, 0])
    albedo, gloss = torch.zeros(len(local), 3), torch.zeros(len(local))
    albedo[bare], gloss[bare] = _skin(local[bare], uv[bare], look, scalp_field)
    cloth = smoothstep(-EDGE_M, EDGE_M, level)
    albedo[covered] = torch.lerp(albedo[covered], _weave(local[covered], level[covered], look), cloth[covered, None])
    texture = torch.zeros(5, texels * texels)
    texture[:, known] = torch.cat((albedo, gloss[:, None], cloth[:, None]), 1).T
    weight = torch.zeros(texels * texels)
    weight[known] = 1.0
    at = places.local
    folds = NoiseField(seed + 11, 1)(at * torch.tensor([1.0, 1.6, 1.0]), 0.07, 2)[:, 0]
    edge = cloth_level(at, look)
    return Painted(
        texture=fill_holes(texture.view(5, texels, texels), weight.view(texels, texels)),
        thickness_m=smoothstep(-0.004, 0.012, edge)
        * (look.cloth_thickness_m + 0.004 * smoothstep(0.02, 0.1, edge) * folds),
        hair_scalp=smoothstep(-0.002, 0.012, hairline_depth(at, scalp_field)) * (at[:, 1] > -0.09),
        beard=beard_region(at),
    )


def _skin(local: Tensor, uv: Tensor, look: Look, scalp_field: NoiseField) -> tuple[Tensor, Tensor]:
    """Albedo and gloss of the skin with brows, stubble and the roots of the hair."""
    scalp = smoothstep(-0.002, 0.009, hairline_depth(local, scalp_field)) * (look.hair_style != "bald")
    skin = paint_skin(local, uv, scalp, look.character)
    hair = torch.tensor(look.character.hair)
    fine = NoiseField(look.character.seed + 81)(local * torch.tensor([1.0, 0.35, 1.0]), 0.0012)[:, 0]
    brows = (0.85 * brow_shadow(local) * (0.9 + 0.25 * fine)).clamp(0, 1)
    albedo = torch.lerp(skin.albedo, (0.3 * hair).expand_as(skin.albedo), brows[:, None])
    stubble = (beard_region(local) * look.beard * (0.6 + 0.5 * fine)).clamp(0, 1)
    return torch.lerp(albedo, 0.35 * hair + 0.15 * albedo, 0.8 * stubble[:, None]), skin.gloss


def beard_region(local: Float[Tensor, "n 3"]) -> Float[Tensor, " n"]:
    """Where beards grow, 0 to 1: jaw, chin, whiskers, over the upper lip."""
    x, y, z = local.unbind(1)
    side = x.abs()
    upper = -0.050 - 0.034 * torch.exp(-((side / 0.028) ** 2)) + 0.045 * smoothstep(0.055, 0.068, side)
    jaw = smoothstep(0.004, -0.006, y - upper) * smoothstep(-0.150, -0.130, y)
    moustache = smoothstep(-0.063, -0.059, y) * smoothstep(-0.046, -0.050, y) * smoothstep(0.036, 0.028, side)
    around = smoothstep(0.020, 0.026, side) * smoothstep(0.040, 0.030, side) * smoothstep(-0.046, -0.054, y)
    return torch.maximum(jaw, torch.maximum(moustache, around * smoothstep(-0.13, -0.10, y))) * smoothstep(
        -0.07, -0.05, z
    )


def _lay_out(model: AnnyBody, places: Places, texels: int, backend: str) -> tuple[Tensor, Tensor, Int[Tensor, " n"]]:
    """Of each used texel its place on the body, its texture coordinate and its index."""
    camera = Camera(fov_deg=90.0, width=texels, height=texels)
    half = texels / 2 / camera.f_px
    flat = torch.stack(
        ((2 * model.uv[:, 0] - 1) * half, (2 * model.uv[:, 1] - 1) * half, -torch.ones(len(model.uv))), 1
    )
    at = torch.zeros(len(model.uv), 3)
    at[model.face_uv] = places.local[model.faces[: len(model.face_uv)]]
    raster = rasterise(flat, model.face_uv, camera, backend=backend)
    values = interpolate(raster, model.face_uv, torch.cat((at, model.uv), 1)).reshape(-1, 5)
    known = (raster.covered.reshape(-1) & (values[:, 1] > LOWEST_M)).nonzero()[:, 0]
    return values[known, :3], values[known, 3:], known


def _weave(local: Tensor, level: Tensor, look: Look) -> Float[Tensor, "n 3"]:
    """Albedo of the clothes."""
    x, y, z = local.unbind(1)
    first, second = torch.tensor(look.cloth), torch.tensor(look.second_cloth)
    seed = look.character.seed
    share = torch.zeros_like(x)
    if look.pattern == "heather":
        share = (0.25 + 0.35 * NoiseField(seed + 12)(local, 0.006, 2)[:, 0]).clamp(0, 1)
    elif look.pattern == "stripes":
        share = smoothstep(-0.15, 0.15, torch.sin(2 * math.pi * y / 0.045))
    elif look.pattern == "pinstripes":
        share = smoothstep(0.8, 0.95, torch.sin(2 * math.pi * x / 0.022))
    elif look.pattern == "plaid":
        share = torch.stack([(torch.sin(2 * math.pi * v / 0.05) > 0.2).float() for v in (x, y)]).mean(0)
    colour = torch.lerp(first, second, share[:, None])
    if look.garment == "jacket":
        inner = smoothstep(0.003, -0.003, x.abs() - 0.008 - 0.33 * (y + 0.33).clamp(min=0)) * (z > -0.06)
        shirt = second if float(second.mean()) > 0.1 else second + 0.5
        colour = torch.lerp(first.expand_as(colour), shirt, inner[:, None])
        lapel = (
            torch.exp(-(((x.abs() - 0.03 - 0.40 * (y + 0.33).clamp(min=0)) / 0.004) ** 2)) * (z > -0.06) * (y > -0.33)
        )
        colour = colour * (1 - 0.55 * lapel[:, None])
    if look.garment == "shirt":
        buttons = torch.exp(-(((x.abs() - 0.012) / 0.0015) ** 2)) * (z > -0.05)
        colour = colour * (1 - 0.35 * buttons[:, None])
    hem = torch.exp(-(((level - 0.018) / 0.0018) ** 2))
    worn = 1 + 0.10 * NoiseField(seed + 13)(local, 0.05, 3)
    return (colour * worn * (1 - 0.3 * hem[:, None])).clamp(0.005, 0.9)
