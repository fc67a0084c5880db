"""Hair: strands grown from the scalp, combed from a parting, pulled down by their weight, gathered into locks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.spatial import KDTree
from torch import Tensor

from .clothing import Clothing
from .config import CharacterConfig
from .distance import DistanceField, distance_field
from .figure import Figure
from .geometry import vertex_normals
from .noise import NoiseField, smoothstep
from .strands import Strands

_STEP_M = 0.004
_MAX_STEPS = 95
_NODES = 36
_USUAL_COUNT = 26000
MIN_STRANDS = 3000
"""As many as there are wisps, the smaller of two sizes of bunches that strands gather in."""
_LOCKS = 420
_HEAD_CENTRE = (0.0, 0.02, -0.085)
"""From between the eyes, on the rest body."""
_HAIRLINE_DEG = (0, 18, 35, 52, 62, 70, 76, 82, 112, 122, 135, 155, 180)
_HAIRLINE_M = (0.064, 0.066, 0.063, 0.050, 0.030, 0.004, -0.004, 0.020, 0.022, -0.030, -0.060, -0.075, -0.078)
"""Height of the hairline above the eyes, by the angle around the head from the front."""
_GUARD_CENTRE = (0.0, -0.050, -0.012)
_GUARD_RADII = (0.063, 0.118, 0.085)
"""An ellipsoid over the face that hair does not enter."""


@dataclass(frozen=True, kw_only=True)
class _Roots:
    position: Float[Tensor, "s 3"]
    normal: Float[Tensor, "s 3"]
    rest: Float[Tensor, "s 3"]
    """From between the eyes."""
    depth_m: Float[Tensor, " s"]
    """How far inside the hairline."""


def hairline_depth(local_rest: Float[Tensor, "n 3"], field: NoiseField) -> Float[Tensor, " n"]:
    """Metres above the hairline at points of the rest body, seen from between the eyes; negative on the face."""
    x, y, z = (local_rest - torch.tensor([0.0, 0.0, _HEAD_CENTRE[2]])).unbind(1)
    angle = torch.rad2deg(torch.atan2(x.abs(), z))
    limit = torch.from_numpy(np.interp(angle.numpy(), _HAIRLINE_DEG, _HAIRLINE_M).astype(np.float32))
    return y - limit + 0.0035 * field(local_rest, 0.012, 3)[:, 0]


def grow_hair(config: CharacterConfig, figure: Figure, clothing: Clothing, *, count: int = _USUAL_COUNT) -> Strands:
    """All the hair of the head."""
    rng = np.random.default_rng([config.seed, 5])
    roots = _roots(figure, config.seed, count, rng)
    field = _obstacle(figure, clothing)
    points = _grow(config, figure, roots, field, rng)
    points = _gather(points, roots, config, rng)
    # Fewer strands are drawn wider, so that no scalp shows.
    wider = (_USUAL_COUNT / count) ** 0.5
    return Strands(
        points=points,
        albedo=_colours(config, roots, points, rng),
        gloss=torch.from_numpy(rng.uniform(0.6, 1.2, len(points)).astype(np.float32)),
        # Finer hairs grow along the hairline.
        width_m=torch.from_numpy(rng.uniform(0.00016, 0.00028, len(points)).astype(np.float32))
        * wider
        * (0.4 + 0.6 * smoothstep(0.0, 0.010, roots.depth_m)),
    )


def _roots(figure: Figure, seed: int, count: int, rng: np.random.Generator) -> _Roots:
    mesh = figure.skin
    local = mesh.rest - figure.rest_eye
    depth = hairline_depth(local, NoiseField(seed + 21))
    a, b, c = (mesh.vertices[mesh.faces[:, i]] for i in range(3))
    area = torch.linalg.cross(b - a, c - a).norm(dim=1)
    face_depth = depth[mesh.faces].mean(1)
    centre = local[mesh.faces].mean(1)
    # The back of the head is not seen.
    seen = 0.35 + 0.65 * smoothstep(-0.14, -0.06, centre[:, 2])
    weight = area * smoothstep(-0.003, 0.014, face_depth) * (centre[:, 1] > -0.085) * seen
    chosen = rng.choice(len(weight), count, p=(weight.double() / weight.double().sum()).numpy())
    share = rng.dirichlet((1, 1, 1), count).astype(np.float32)
    corners = mesh.faces[torch.from_numpy(chosen)]
    normals = vertex_normals(mesh.vertices, mesh.faces)

    def mix(values: Tensor) -> Tensor:
        return (values[corners] * torch.from_numpy(share)[..., None]).sum(1)

    return _Roots(
        position=mix(mesh.vertices),
        normal=torch.nn.functional.normalize(mix(normals), dim=1),
        rest=mix(local),
        depth_m=mix(depth[:, None])[:, 0].clamp(min=0),
    )


def _obstacle(figure: Figure, clothing: Clothing) -> DistanceField:
    eye = _eye_middle(figure)
    points = torch.cat((figure.skin.vertices, clothing.sweater.vertices))
    normals = torch.cat([vertex_normals(m.vertices, m.faces) for m in (figure.skin, clothing.sweater)])
    low, high = eye + torch.tensor([-0.17, -0.30, -0.28]), eye + torch.tensor([0.17, 0.19, 0.11])
    near = ((points > low - 0.03) & (points < high + 0.03)).all(1)
    return distance_field(points[near], normals[near], low, high)


def _eye_middle(figure: Figure) -> Tensor:
    return (figure.eyes[0].centre + figure.eyes[1].centre) / 2


def _guard(points: Tensor, eye: Tensor) -> tuple[Tensor, Tensor]:
    """Distance (about, metres) to the face's ellipsoid and the direction out of it, sideways."""
    radii = torch.tensor(_GUARD_RADII)
    offset = (points - eye - torch.tensor(_GUARD_CENTRE)) / radii
    norm = offset.norm(dim=1)
    outward = torch.nn.functional.normalize(offset / radii * torch.tensor([1.0, 0.15, 0.3]), dim=1)
    return (norm - 1) * radii.min(), outward


def _grow(
    config: CharacterConfig, figure: Figure, roots: _Roots, field: DistanceField, rng: np.random.Generator
) -> Tensor:
    """Strands as `_NODES` points each, evenly spaced along their length."""
    count = len(roots.position)
    eye = _eye_middle(figure)

    def uniform(low: float, high: float) -> Tensor:
        return torch.from_numpy(rng.uniform(low, high, count).astype(np.float32))

    x, y, z = roots.rest.unbind(1)
    front = smoothstep(-0.10, 0.01, z)
    top = smoothstep(0.02, 0.09, y)
    side = torch.sign(x - config.hair_part_m * smoothstep(-0.13, -0.03, z))
    comb = torch.stack((side * (0.25 + 0.95 * top), -(1 - top) - 0.1, -0.75 * front * top - 0.15), 1)
    comb = comb - (comb * roots.normal).sum(1, keepdim=True) * roots.normal
    comb = torch.nn.functional.normalize(comb, dim=1)
    lift = 0.25 + 0.25 * top
    heading = torch.nn.functional.normalize(comb + lift[:, None] * roots.normal * 0.9, dim=1)

    layer = config.hair_volume_m * (0.12 + 0.88 * uniform(0, 1) ** 0.8)
    # Thin at the hairline, full above.
    layer = layer * (0.25 + 0.75 * smoothstep(0.0, 0.03, roots.depth_m))
    layered = uniform(0, 1) < 0.3
    end = eye[1] + 0.115 - config.hair_length_m + uniform(-0.006, 0.006) + layered * uniform(0.0, 0.07)
    end = end + 0.015 * (1 - front)
    weight = uniform(0.045, 0.075)
    down = torch.tensor([0.0, -1.0, 0.0])

    path = [roots.position]
    alive = torch.ones(count, dtype=torch.bool)
    length = torch.zeros(count, dtype=torch.long)
    for step in range(_MAX_STEPS):
        arc = step * _STEP_M
        here = path[-1]
        inward = smoothstep(0.05, 0.0, here[:, 1] - end)
        distance, away = field(here)
        pull = down * weight[:, None] * (1 + 0.8 * min(arc / 0.1, 1)) - away * (0.05 * inward)[:, None]
        loose = smoothstep(0.004, 0.02, distance - layer)
        pull = pull - away * (0.06 * loose)[:, None]
        heading = torch.nn.functional.normalize(heading + pull, dim=1)
        target = here + heading * _STEP_M
        wanted = layer * min(1.0, (arc + _STEP_M) / 0.045)
        for _ in range(2):
            distance, away = field(target)
            target = target + away * (wanted - distance).clamp(min=0)[:, None]
            inside, outward = _guard(target, eye)
            target = target + outward * (0.002 + 0.5 * layer - inside).clamp(min=0, max=0.006)[:, None]
        moved = torch.nn.functional.normalize(target - here, dim=1)
        heading = moved
        target = here + moved * _STEP_M
        path.append(torch.where(alive[:, None], target, here))
        length = length + alive
        alive = alive & ~((target[:, 1] < end) & (heading[:, 1] < 0))
    trail = torch.stack(path, 1)
    place = torch.linspace(0, 1, _NODES)[None] * length[:, None].float()
    low = place.long().clamp(max=trail.shape[1] - 2)
    share = (place - low)[..., None]
    pick = torch.arange(count)[:, None]
    return torch.lerp(trail[pick, low], trail[pick, low + 1], share)


def _gather(points: Tensor, roots: _Roots, config: CharacterConfig, rng: np.random.Generator) -> Tensor:
    """Locks, waves and stray hairs."""
    count = len(points)
    t = torch.linspace(0, 1, _NODES)[None, :, None]
    arc = torch.cat((torch.zeros(count, 1), (points[:, 1:] - points[:, :-1]).norm(dim=-1).cumsum(1)), 1)[..., None]
    for groups, low, high in ((_LOCKS, 0.2, 0.6), (MIN_STRANDS, 0.3, 0.75)):
        member, leaders = _nearest_leader(points, groups, rng)
        strength = torch.from_numpy(rng.uniform(low, high, groups).astype(np.float32))[member][:, None, None]
        tightness = strength * smoothstep(0.12, 0.95, t)
        target = points[leaders[member]]
        # Only locks whose ends meet: never across the parting.
        close = smoothstep(0.035, 0.015, (target[:, -1] - points[:, -1]).norm(dim=1))[:, None, None]
        points = points + tightness * close * (target - points)
        if groups == _LOCKS:
            phase = torch.from_numpy(rng.uniform(0, 2 * math.pi, (groups, 2)).astype(np.float32))[member]
            cycle = torch.from_numpy(rng.uniform(0.055, 0.085, groups).astype(np.float32))[member]
            swing = torch.sin(2 * math.pi * arc / cycle[:, None, None] + phase[:, None])
            swing = torch.stack((swing[..., 0], torch.zeros_like(swing[..., 0]), swing[..., 1]), -1)
            points = points + config.hair_wave_m * swing * smoothstep(0.04, 0.14, arc)
    field = NoiseField(config.seed + 31, 3)
    own = torch.from_numpy(rng.uniform(0, 3, (count, 1, 3)).astype(np.float32))
    stray = torch.from_numpy((rng.uniform(0, 1, count) < 0.035).astype(np.float32))[:, None, None]
    place = torch.cat((arc, torch.zeros_like(arc), torch.zeros_like(arc)), -1) + own
    frizz = field(place.reshape(-1, 3), 0.03, 2).reshape(count, _NODES, 3)
    return points + frizz * (0.0005 + 0.0035 * stray) * smoothstep(0.0, 0.06, arc)


def _nearest_leader(
    points: Tensor, groups: int, rng: np.random.Generator
) -> tuple[Int[Tensor, " s"], Int[Tensor, " g"]]:
    """Which of some randomly chosen strands runs closest to each strand."""
    leaders = torch.from_numpy(rng.choice(len(points), groups, replace=False))
    key = torch.cat((points[:, 0], points[:, _NODES // 2], points[:, -1] * 0.6), 1).numpy()
    _, member = KDTree(key[leaders.numpy()]).query(key)
    return torch.from_numpy(member), leaders


def _colours(config: CharacterConfig, roots: _Roots, points: Tensor, rng: np.random.Generator) -> Tensor:
    base = torch.tensor(config.hair)
    count = len(points)
    tone = torch.from_numpy(rng.normal(0, 0.16, (count, 1)).astype(np.float32))
    streak = NoiseField(config.seed + 41)(roots.rest, 0.008, 2)
    warm = torch.tensor([0.10, 0.0, -0.10]) * torch.from_numpy(rng.normal(0, 1, (count, 1)).astype(np.float32))
    return (base * torch.exp(tone + 0.22 * streak + warm)).clamp(0, 1)
