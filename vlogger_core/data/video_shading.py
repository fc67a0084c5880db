"""A random person as a picture: surface, eyes, mouth, clothes and hair under their lights, for any pose."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from ..body.anny_model import AnnyBody, AnnyRest
from ..character.noise import smoothstep
from ..datatypes import Camera
from ..names import PART_INDEX
from ..render.camera import project
from ..render.mouth import WARMTH
from ..render.raster import blend, rasterise
from ..render.visibility import vertex_normals
from .video_hair import HairCloud
from .video_look import Light, Look
from .video_surface import Painted, Places, find_places

_IRIS_M = 0.0060
_SHADOW_TEXELS, _SHADOW_M, _SHADOW_FAR_M = 192, 0.48, 20.0
_BIAS_M = 0.010
_CLOSING = 1.8
"""Hair on this part of a neighbourhood, as its reciprocal, hides what is behind it."""
_TEETH_M = (0.0, 0.0085, 0.0150, 0.0225, 0.0290)
"""Gaps between the teeth, metres from the middle."""
_FLESH = {"mouth_cavity": (0.11, 0.016, 0.014), "tongue": (0.42, 0.12, 0.11)}
_AMBIENT, _HALF_LIT_M = 0.08, 0.012
"""Light in a mouth that is almost closed, and the opening at which half of what could come in does. Teeth that are as
bright as in the open are what gives drawn mouths away: in talk they are mostly dark."""
_TEETH, _GUMS = (0.72, 0.62, 0.47), (0.38, 0.11, 0.10)
_EYE_WHITE = (0.46, 0.42, 0.385)


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody who does not exist."""

    model: AnnyBody
    rest: AnnyRest
    look: Look
    painted: Painted
    hair: HairCloud | None
    """With the glasses."""
    teeth_drop_m: tuple[float, float]
    """How much lower the upper and the lower teeth stand than the mesh has them, which shows the wrong ones."""
    mouth_light: float = 1.0
    """Of the light that comes through between the lips."""
    exposure: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A person without a background: what is seen of them, and how much they cover."""

    light: Float[Tensor, "3 h w"]
    """Premultiplied, linear."""
    cover: Float[Tensor, "h w"]


def expose(light: Float[Tensor, "3 *pixels"], exposure: float) -> Float[Tensor, "3 *pixels"]:
    """Linear light to sRGB 0 to 1, with a soft shoulder."""
    light = light * exposure
    light = (light * (1 + light / 6) / (1 + 0.45 * light)).clamp(0, 1)
    return torch.where(light <= 0.0031308, light * 12.92, 1.055 * light.clamp(min=1e-6) ** (1 / 2.4) - 0.055)


def draw_person(
    person: Person, vertices: Float[Tensor, "v 3"], camera: Camera, *, supersampling: int, backend: str
) -> Drawn:
    """Draw a posed body at the camera's size.

    Args:
        vertices: the posed body, without clothes.
        supersampling: sub-pixels along each side of a pixel.
    """
    model, look, places = person.model, person.look, find_places(person.model)
    fine = camera.resized(camera.width * supersampling, camera.height * supersampling)
    vertices = _teeth_lowered(person, vertices, places)
    naked = vertex_normals(vertices, model.faces)
    dressed = vertices + naked * person.painted.thickness_m[:, None]
    normals = vertex_normals(dressed, model.faces)
    raster = rasterise(dressed, model.faces, fine, backend=backend)
    pixels = raster.covered.reshape(-1).nonzero()[:, 0]
    face_id = raster.face_id.reshape(-1)[pixels]
    corners, bary = model.faces[face_id], raster.bary.reshape(-1, 3)[pixels]
    table = torch.cat((normals, dressed, places.local, places.lid_edge[:, None]), 1)
    normal, position, local, edge = blend(corners, bary, table).split((3, 3, 3, 1), 1)
    normal = F.normalize(normal, dim=1)
    view = F.normalize(-position, dim=1)

    uv = (places.corner_uv[face_id] * bary[..., None]).sum(1)
    grid = torch.stack((2 * uv[:, 0] - 1, 1 - 2 * uv[:, 1]), 1)[None, :, None]
    painted = F.grid_sample(person.painted.texture[None], grid, mode="bilinear", align_corners=False)[0, :, :, 0].T
    albedo, gloss, cloth = painted[:, :3], painted[:, 3], painted[:, 4]
    albedo = albedo * (1 - 0.75 * edge)
    part = model.face_parts[face_id]
    gloss = torch.where(cloth > 0.5, 0.05, gloss)
    albedo, gloss, dim = _mouth(person, part, local, position, albedo, gloss, dressed)
    albedo, gloss = _eyes(part, local, albedo, gloss, places, look)

    hair = _carried(person, vertices, places)
    shadow = _open_to_light(look.lights[0], dressed, model, hair, position, normal, backend)
    light = _lit(look, albedo, gloss, normal, view, shadow) * dim
    h, w = fine.height, fine.width
    picture, cover = torch.zeros(h * w, 3), torch.zeros(h * w)
    picture[pixels], cover[pixels] = light, 1.0
    if hair is not None:
        _splat(hair, look, fine, raster.depth.reshape(-1), picture, cover)
    return _averaged(picture, cover, (h, w), supersampling)


def _teeth_lowered(person: Person, vertices: Tensor, places: Places) -> Tensor:
    moved = vertices.clone()
    for teeth, drop_m in zip((places.upper_teeth, places.lower_teeth), person.teeth_drop_m, strict=True):
        moved[teeth] -= drop_m * _turn(person.rest.vertices[teeth], vertices[teeth])[:, 1]
    return moved


def _turn(before: Float[Tensor, "n 3"], after: Float[Tensor, "n 3"]) -> Float[Tensor, "3 3"]:
    """The rotation that brings points nearest to others (Kabsch)."""
    u, _, vh = torch.linalg.svd((after - after.mean(0)).T @ (before - before.mean(0)))
    return u @ torch.diag(torch.tensor([1.0, 1.0, float(torch.det(u @ vh).sign())])) @ vh


def _mouth(
    person: Person, part: Tensor, local: Tensor, position: Tensor, albedo: Tensor, gloss: Tensor, vertices: Tensor
) -> tuple[Tensor, Tensor, Float[Tensor, "n 3"]]:
    """Teeth with gaps and gums, tongue, and how the light falls off: behind the lips, and the less they are open. What
    does come in was reflected by red flesh."""
    model, places = person.model, find_places(person.model)
    lips = vertices[model.faces[model.face_parts == PART_INDEX["lips"]].unique()]
    front = -lips[:, 2].amax()
    opening_m = float(vertices[places.seam, 1].max() - vertices[places.seam, 1].min())
    entering = person.mouth_light * (_AMBIENT + (1 - _AMBIENT) * opening_m / (opening_m + _HALF_LIT_M))
    albedo, gloss, dim = albedo.clone(), gloss.clone(), torch.ones(len(part), 3)
    for name, colour in (*_FLESH.items(), ("teeth", _TEETH)):
        at = (part == PART_INDEX[name]).nonzero()[:, 0]
        if not len(at):
            continue
        albedo[at] = torch.tensor(colour)
        gloss[at] = 0.8 if name != "mouth_cavity" else 0.2
        if name == "teeth":
            x, y = local[at, 0].abs(), local[at, 1]
            gap = (x[:, None] - torch.tensor(_TEETH_M)).abs().amin(1)
            albedo[at] *= (1 - 0.25 * torch.exp(-((gap / 0.0006) ** 2)))[:, None]
            upper, lower = places.bite
            root = torch.where(y > (upper + lower) / 2, y - upper, lower - y)
            gums = smoothstep(0.0085, 0.0100, root)
            albedo[at] = torch.lerp(albedo[at], torch.tensor(_GUMS).expand(len(at), 3), gums[:, None])
        behind = (-position[at, 2] - front).clamp(min=0)
        light = entering * (0.14 + 0.86 * torch.exp(-behind / 0.022))
        dim[at] = torch.stack([light**exponent for exponent in WARMTH], 1)
    return albedo, gloss, dim


def _eyes(
    part: Tensor, local: Tensor, albedo: Tensor, gloss: Tensor, places: Places, look: Look
) -> tuple[Tensor, Tensor]:
    albedo, gloss = albedo.clone(), gloss.clone()
    names = [PART_INDEX[name] for name in ("left_eye", "right_eye", "iris")]
    at = torch.isin(part, torch.tensor(names)).nonzero()[:, 0]
    if not len(at):
        return albedo, gloss
    right = local[at, 0] < 0
    centre = torch.where(right[:, None], places.eyes[1], places.eyes[0])
    gaze = torch.where(right[:, None], places.gaze[1], places.gaze[0])
    ball = F.normalize(local[at] - centre, dim=1)
    radius = torch.acos((ball * gaze).sum(1).clamp(-1, 1)) / math.asin(_IRIS_M / places.eye_radius_m)
    iris = torch.tensor(look.character.iris) * (1.25 - 0.95 * smoothstep(0.75, 1.02, radius))[:, None]
    iris = iris * (0.03 + 0.97 * smoothstep(0.38, 0.46, radius))[:, None]
    white = torch.tensor(_EYE_WHITE) * (1 - 0.25 * smoothstep(1.6, 3.0, radius))[:, None]
    albedo[at] = torch.lerp(white, iris, smoothstep(1.06, 0.95, radius)[:, None])
    gloss[at] = 4.0
    return albedo, gloss


@dataclass(frozen=True, kw_only=True)
class _PosedHair:
    points: Tensor
    tangents: Tensor
    cloud: HairCloud


def _carried(person: Person, vertices: Tensor, places: Places) -> _PosedHair | None:
    """The hair where the head and the chest carry it."""
    if person.hair is None:
        return None
    rest, hair = person.rest.vertices, person.hair
    turns, moved = [], []
    for index in (places.scalp, places.chest):
        before, after = rest[index], vertices[index]
        turn = _turn(before, after)
        turns.append(turn)
        moved.append((hair.points - before.mean(0)) @ turn.T + after.mean(0))
    share = hair.head_share[:, None]
    tangents = torch.lerp(hair.tangents @ turns[1].T, hair.tangents @ turns[0].T, share)
    return _PosedHair(points=torch.lerp(moved[1], moved[0], share), tangents=F.normalize(tangents, dim=1), cloud=hair)


def _light_frame(light: Light) -> Tensor:
    """Rows: right, up, towards the light."""
    towards = torch.tensor(light.direction)
    right = F.normalize(torch.linalg.cross(torch.tensor([0.0, 1.0, 0.0]), towards), dim=0)
    return torch.stack((right, torch.linalg.cross(towards, right), towards))


def _open_to_light(
    light: Light,
    vertices: Tensor,
    model: AnnyBody,
    hair: _PosedHair | None,
    points: Tensor,
    normals: Tensor,
    backend: str,
) -> Float[Tensor, " n"]:
    """How much of the main light reaches points, 0 to 1: a shadow map, blurred."""
    size, reach = _SHADOW_TEXELS, _SHADOW_M
    middle = vertices[model.faces[model.face_parts == PART_INDEX["lips"]].unique()].mean(0)
    middle = middle - torch.tensor([0.0, 0.12, 0.06])
    frame = _light_frame(light)
    fov = math.degrees(2 * math.atan(math.hypot(reach, reach) / _SHADOW_FAR_M))
    camera = Camera(fov_deg=fov, width=size, height=size)
    shift = torch.tensor([0.0, 0.0, _SHADOW_FAR_M])
    depth = rasterise((vertices - middle) @ frame.T - shift, model.faces, camera, backend=backend).depth.reshape(-1)

    def texel(at: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = (at[:, 0] / reach * 0.5 + 0.5) * size - 0.5
        y = (0.5 - at[:, 1] / reach * 0.5) * size - 0.5
        return x, y, _SHADOW_FAR_M - at[:, 2]

    if hair is not None:
        x, y, far = texel((hair.points[::2] - middle) @ frame.T)
        index = y.round().long().clamp(0, size - 1) * size + x.round().long().clamp(0, size - 1)
        depth = depth.scatter_reduce(0, index, far + 0.006, "amin")
    x, y, far = texel((points + 0.004 * normals - middle) @ frame.T)
    total = torch.zeros_like(x)
    for dy in (-1.2, 0.0, 1.2):
        for dx in (-1.2, 0.0, 1.2):
            index = (y + dy).round().long().clamp(0, size - 1) * size + (x + dx).round().long().clamp(0, size - 1)
            total += torch.sigmoid((depth[index] - far + _BIAS_M) / 0.003)
    return total / 9


def _lit(look: Look, albedo: Tensor, gloss: Tensor, normal: Tensor, view: Tensor, shadow: Tensor) -> Tensor:
    """Diffuse light that wraps a little and reddens as it does, a highlight, light from everywhere."""
    up = (0.5 + 0.5 * normal[:, 1])[:, None]
    total = albedo * torch.lerp(torch.tensor(look.ground), torch.tensor(look.sky), up)
    for i, light in enumerate(look.lights):
        towards, colour = torch.tensor(light.direction), torch.tensor(light.colour)
        cosine = normal @ towards
        reached = shadow if i == 0 else torch.ones_like(shadow)
        wrap = torch.tensor([0.22, 0.10, 0.06])
        diffuse = ((cosine[:, None] + wrap) / (1 + wrap)).clamp(min=0)
        total = total + albedo * diffuse * colour * reached[:, None]
        half = F.normalize(view + towards, dim=1)
        shine = (normal * half).sum(1).clamp(min=0)
        lobe = 0.10 * shine**14 + 0.10 * shine**70
        # Wet eyes mirror the light itself.
        lobe = torch.where(gloss > 2, 0.6 * smoothstep(0.985, 0.995, shine), lobe)
        total = total + (lobe * gloss * reached * (cosine > 0))[:, None] * colour
    return total


def _splat(hair: _PosedHair, look: Look, camera: Camera, blocked: Tensor, picture: Tensor, cover: Tensor) -> None:
    """Lay the hair over a picture: its nearest point at each pixel, shaded as a fibre (Kajiya and Kay)."""
    at, depth = project(hair.points, camera)
    x, y = at.floor().long().unbind(1)
    near = ((x >= 0) & (x < camera.width) & (y >= 0) & (y < camera.height) & (depth > 0.05)).nonzero()[:, 0]
    index = y[near] * camera.width + x[near]
    # A strand is two sub-pixels wide, so that locks close.
    near, index = near.repeat(2), torch.cat((index, (index + 1).clamp(max=len(blocked) - 1)))
    front = depth[near] < blocked[index] + 0.004
    near, index = near[front], index[front]
    packed = (depth[near].contiguous().view(torch.int32).long() << 32) | near
    far = torch.iinfo(torch.int64).max
    buffer = torch.full((camera.width * camera.height,), far).scatter_reduce_(0, index, packed, "amin")
    pixel = (buffer != far).nonzero()[:, 0]
    shown = buffer[pixel] & 0xFFFFFFFF
    tangent, albedo = hair.tangents[shown], hair.cloud.albedo[shown]
    view = F.normalize(-hair.points[shown], dim=1)
    total = albedo * (torch.tensor(look.sky) + torch.tensor(look.ground)) * 0.45
    gloss = (0.5 + hair.cloud.strand[shown])[:, None]
    across = torch.asin((tangent * view).sum(1).clamp(-1, 1))
    for light in look.lights:
        towards, colour = torch.tensor(light.direction), torch.tensor(light.colour)
        along = (tangent @ towards).clamp(-1, 1)
        sine = (1 - along.square()).sqrt()
        middle = (torch.asin(along) + across) / 2
        matte = albedo * (0.5 * sine * (0.6 + 0.4 * (view @ towards)))[:, None]
        bright = 0.02 * torch.exp(-((middle + 0.06) ** 2) / 0.011)[:, None]
        bright = bright + 0.35 * albedo * torch.exp(-((middle - 0.09) ** 2) / 0.045)[:, None]
        total = total + (matte + bright * gloss * sine[:, None]) * colour
    # Spread over the neighbours, so that locks close and no strand stands out as a row of dots.
    layer = torch.zeros(camera.width * camera.height, 4)
    layer[pixel] = torch.cat((total, torch.ones(len(pixel), 1)), 1)
    wide = F.avg_pool2d(layer.T.reshape(1, 4, camera.height, camera.width), 3, 1, 1)[0].flatten(1).T
    own, share = wide[:, :3] / wide[:, 3:].clamp(min=1e-6), (_CLOSING * wide[:, 3]).clamp(max=1)
    picture.lerp_(own, share[:, None])
    torch.maximum(cover, share, out=cover)


def _averaged(picture: Tensor, cover: Tensor, size: tuple[int, int], supersampling: int) -> Drawn:
    light = picture.clamp(max=4.0).T.reshape(3, *size)
    whole = torch.cat((light, cover.reshape(1, *size)))
    if supersampling > 1:
        whole = F.avg_pool2d(whole[None], supersampling)[0]
    return Drawn(light=whole[:3], cover=whole[3])


def with_exposure(person: Person, drawn: Drawn, wanted: float) -> Person:
    """The person exposed so that the brighter half of what `drawn` shows of them has the brightness `wanted`, sRGB.

    As cameras do it: a dark jacket must not wash out the face.
    """
    shown = drawn.light[:, drawn.cover > 0.9]
    if shown.shape[1] < 16:
        return person
    luma = shown.mean(0)
    shown = shown[:, luma >= luma.median()]
    exposure = 1.0
    for _ in range(6):
        exposure *= (wanted / float(expose(shown, exposure).mean())) ** 1.6
    return replace(person, exposure=min(max(exposure, 0.2), 6.0))
