"""Hair and beard of a random person: strands grown on the body at rest, kept as a cloud of points that it carries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from scipy.spatial import KDTree
from torch import Tensor

from ..body.anny_model import AnnyBody
from ..character.noise import NoiseField, smoothstep
from ..render.visibility import vertex_normals
from .video_look import Look
from .video_surface import Painted, find_places

_NODES = 22
_FACE_CENTRE = (0.0, -0.050, -0.012)
_FACE_RADII = (0.060, 0.118, 0.085)
"""An ellipsoid over the face that hair stays out of, from between the eyes."""
_LOCKS = 160
_BEARD_SHARE = 2.0
"""Hairs of a beard for each of the head: they are short, and must hide the skin."""


@dataclass(frozen=True, kw_only=True)
class HairCloud:
    """Points along the strands, on the person's own body at rest."""

    points: Float[Tensor, "n 3"]
    tangents: Float[Tensor, "n 3"]
    albedo: Float[Tensor, "n 3"]
    """Linear, darker in the depth of the hair."""
    head_share: Float[Tensor, " n"]
    """1 where the head carries it, 0 where it lies on the chest and shoulders."""
    strand: Float[Tensor, " n"]
    """A random number 0 to 1 of each strand."""


def grow_cloud(
    model: AnnyBody, rest: Float[Tensor, "v 3"], look: Look, painted: Painted, *, strands: int, finer: int
) -> HairCloud | None:
    """Grow a person's hair and beard; None if they have none.

    Args:
        rest: the person's vertices at rest.
        strands: how many.
        finer: points from one node of a strand to the next.
    """
    rng = np.random.default_rng((look.character.seed, 31))
    places = find_places(model)
    clouds = []
    if look.hair_style not in ("bald", "buzz"):
        points, depth = _hair(model, rest, look, painted, strands, rng)
        eyes = _eye_middle(rest, places.scalp, places.local)
        low = points[..., 1] - eyes[1]
        carried = smoothstep(-0.20, -0.10, low) if look.hair_style == "long" else torch.ones_like(low)
        clouds.append(_cloud(points, depth, carried, look, finer, rng))
    if look.beard == 1.0:
        points, depth = _beard(model, rest, look, painted, int(_BEARD_SHARE * strands), rng)
        clouds.append(_cloud(points, depth, torch.ones(points.shape[:2]), look, finer, rng))
    return join_clouds(clouds)


def join_clouds(clouds: Sequence[HairCloud]) -> HairCloud | None:
    """Several as one; None of none."""
    if not clouds:
        return None
    return HairCloud(**{name: torch.cat([getattr(c, name) for c in clouds]) for name in HairCloud.__dataclass_fields__})


def _eye_middle(rest: Tensor, scalp: Tensor, local: Tensor) -> Tensor:
    """About: where the adult's skull would put it."""
    return rest[scalp].mean(0) - local[scalp].mean(0)


def _roots(
    model: AnnyBody, rest: Tensor, density: Tensor, count: int, rng: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Position, normal, place on the adult, and density of roots drawn on the body's surface."""
    faces, local = model.faces, find_places(model).local
    a, b, c = (rest[faces[:, i]] for i in range(3))
    area = torch.linalg.cross(b - a, c - a).norm(dim=1)
    weight = (area * density[faces].amin(1)).double()
    chosen = torch.from_numpy(rng.choice(len(weight), count, p=(weight / weight.sum()).numpy()))
    share = torch.from_numpy(rng.dirichlet((1, 1, 1), count).astype(np.float32))[..., None]
    corners = faces[chosen]
    normals = vertex_normals(rest, faces)
    return (
        (rest[corners] * share).sum(1),
        F.normalize((normals[corners] * share).sum(1), dim=1),
        (local[corners] * share).sum(1),
        (density[corners] * share[..., 0]).sum(1),
    )


def _hair(
    model: AnnyBody, rest: Tensor, look: Look, painted: Painted, count: int, rng: np.random.Generator
) -> tuple[Float[Tensor, "s k 3"], Float[Tensor, " s"]]:
    """Strands, and how near to the surface of the hair each lies, 0 to 1."""
    places = find_places(model)
    position, normal, local, density = _roots(model, rest, painted.hair_scalp, count, rng)
    eyes = _eye_middle(rest, places.scalp, places.local)
    x, y, z = local.unbind(1)
    top, front = smoothstep(0.02, 0.09, y), smoothstep(-0.10, 0.01, z)
    side = torch.sign(x - look.hair_part_m)
    depth = torch.from_numpy(rng.uniform(0, 1, count).astype(np.float32))
    layer = look.hair_layer_m * (0.1 + 0.9 * depth.sqrt()) * (0.3 + 0.7 * smoothstep(0.0, 0.6, density))
    length = torch.full((count,), look.hair_length_m) * (0.7 + 0.6 * torch.from_numpy(rng.uniform(0, 1, count)).float())
    kind = look.hair_style
    if kind == "long":
        end = eyes[1] - look.hair_length_m + 0.05 * depth.square() * rng.uniform(0, 1)
        length = (position[:, 1] - end).clamp(min=0.04) + 0.09
        comb = torch.stack((side * (0.25 + 0.95 * top), -(1 - top) - 0.1, -0.75 * front * top - 0.15), 1)
        weight, lift = 0.20, 0.35
    elif kind == "tied":
        back = eyes + torch.tensor([0.0, -0.01, -0.19])
        comb = back - position
        length = comb.norm(dim=1)
        layer = 0.25 * layer
        weight, lift = 0.0, 0.0
    else:
        away = (("up", -0.2, 0.3), ("aside", 0.8, -0.3), ("back", 0.1, -0.9), ("forward", 0.1, 0.9))
        _, across, along = away[int(rng.integers(len(away)))]
        comb = torch.stack((side * across * (0.3 + top), -(1 - top), along * top - 0.3 * (1 - top)), 1)
        weight, lift = 0.10, float(rng.uniform(0.05, 0.6))
        length = length * (0.35 + 0.65 * top)
    comb = F.normalize(comb - (comb * normal).sum(1, keepdim=True) * normal, dim=1)
    points = _march(model, rest, position, F.normalize(comb + lift * normal, dim=1), length, layer, eyes, weight, rng)
    if kind == "tied":
        points = _pull(points, eyes + torch.tensor([0.0, -0.01, -0.19]))
    return _gathered(points, look, rng), depth


def _pull(points: Tensor, to: Tensor) -> Tensor:
    """Bring the ends together."""
    share = torch.linspace(0, 1, points.shape[1])[None, :, None] ** 2
    return torch.lerp(points, to + 0.25 * (points - to), share)


def _march(
    model: AnnyBody,
    rest: Tensor,
    position: Tensor,
    heading: Tensor,
    length: Tensor,
    layer: Tensor,
    eyes: Tensor,
    weight: float,
    rng: np.random.Generator,
) -> Float[Tensor, "s k 3"]:
    """Let strands fall: out of the body, around the face, down by their weight."""
    near = (rest[:, 1] > eyes[1] - 0.42).nonzero()[:, 0]
    tree = KDTree(rest[near].numpy())
    normals = vertex_normals(rest, model.faces)[near]
    step = (length / (_NODES - 1))[:, None]
    down = torch.tensor([0.0, -1.0, 0.0]) * weight
    centre, radii = eyes + torch.tensor(_FACE_CENTRE), torch.tensor(_FACE_RADII)
    path, distance, outward = [position], torch.zeros(len(position)), torch.zeros_like(position)
    for i in range(1, _NODES):
        noise = torch.from_numpy(rng.normal(0, 0.03, position.shape).astype(np.float32))
        loose = smoothstep(0.004, 0.02, distance - layer)[:, None]
        heading = F.normalize(heading + down * (step / 0.012) + noise - 0.30 * loose * outward, dim=1)
        target = path[-1] + heading * step
        _, nearest = tree.query(target.numpy())
        outward = normals[torch.from_numpy(nearest)]
        distance = ((target - rest[near][torch.from_numpy(nearest)]) * outward).sum(1)
        wanted = layer * min(1.0, i / 5)
        target = target + outward * (wanted - distance).clamp(min=0, max=0.02)[:, None]
        offset = (target - centre) / radii
        inside = (1 - offset.norm(dim=1)).clamp(min=0) * radii.min()
        aside = F.normalize(offset / radii * torch.tensor([1.0, 0.15, 0.3]), dim=1)
        target = target + aside * inside.clamp(max=0.012)[:, None]
        heading = F.normalize(target - path[-1], dim=1)
        path.append(path[-1] + heading * step)
    return torch.stack(path, 1)


def _gathered(points: Tensor, look: Look, rng: np.random.Generator) -> Tensor:
    """Locks and waves."""
    leaders = rng.choice(len(points), min(_LOCKS, len(points)), replace=False)
    key = torch.cat((points[:, 0], points[:, -1] * 0.6), 1).numpy()
    _, member = KDTree(key[leaders]).query(key)
    target = points[torch.from_numpy(leaders[member])]
    near = smoothstep(0.04, 0.015, (target[:, -1] - points[:, -1]).norm(dim=1))[:, None, None]
    t = torch.linspace(0, 1, points.shape[1])[None, :, None]
    points = torch.lerp(points, target, near * 0.5 * smoothstep(0.1, 1.0, t))
    phase = torch.from_numpy(rng.uniform(0, 6.28, (len(leaders), 1, 3)).astype(np.float32))[torch.from_numpy(member)]
    arc = torch.cat((torch.zeros(len(points), 1), (points[:, 1:] - points[:, :-1]).norm(dim=-1).cumsum(1)), 1)[
        ..., None
    ]
    return points + look.hair_wave_m * torch.sin(arc / 0.011 + phase) * smoothstep(0.03, 0.12, arc)


def _beard(
    model: AnnyBody, rest: Tensor, look: Look, painted: Painted, count: int, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Short strands on chin and jaw."""
    position, normal, _, _ = _roots(model, rest, painted.beard, count, rng)
    depth = torch.from_numpy(rng.uniform(0, 1, count).astype(np.float32))
    length = float(rng.uniform(0.004, 0.016)) * (0.4 + 0.6 * depth)
    wild = torch.from_numpy(rng.normal(0, 0.35, position.shape).astype(np.float32))
    heading = F.normalize(0.5 * normal + torch.tensor([0.0, -1.0, 0.1]) + wild, dim=1)
    t = torch.linspace(0, 1, 5)[None, :, None]
    return position[:, None] + heading[:, None] * length[:, None, None] * t + 0.001 * normal[:, None], depth


def _cloud(
    points: Tensor, depth: Tensor, carried: Tensor, look: Look, finer: int, rng: np.random.Generator
) -> HairCloud:
    strands, nodes, _ = points.shape
    step = points[:, 1:] - points[:, :-1]
    tangents = F.normalize(torch.cat((step, step[:, -1:]), 1), dim=-1, eps=1e-9)
    share = (torch.arange(finer) / finer)[None, None, :, None]
    base = torch.tensor(look.character.hair)
    tone = torch.from_numpy(rng.normal(0, 0.10, (strands, 1)).astype(np.float32))
    streak = NoiseField(look.character.seed + 41)(points[:, 0], 0.008, 2)
    albedo = base * torch.exp(tone + 0.22 * streak) * (0.45 + 0.55 * depth[:, None])
    per_point = (strands, nodes - 1, finer)
    dark = 0.7 + 0.3 * torch.linspace(0, 3, nodes - 1).clamp(max=1)[None, :, None, None]
    return HairCloud(
        points=torch.lerp(points[:, :-1, None], points[:, 1:, None], share).reshape(-1, 3),
        tangents=tangents[:, :-1, None].expand(*per_point, 3).reshape(-1, 3),
        albedo=(albedo[:, None, None] * dark).expand(*per_point, 3).reshape(-1, 3).clamp(0.003, 0.9),
        head_share=carried[:, :-1, None].expand(per_point).reshape(-1),
        strand=torch.from_numpy(rng.uniform(0, 1, strands).astype(np.float32))[:, None, None]
        .expand(per_point)
        .reshape(-1),
    )
