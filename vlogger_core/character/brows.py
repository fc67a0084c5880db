"""Brows and lashes, hair by hair."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from scipy.spatial import KDTree
from torch import Tensor

from .config import CharacterConfig
from .eyes import lid_margins
from .figure import Eye, Figure
from .geometry import vertex_normals
from .noise import smoothstep
from .strands import Strands

_NODES = 7
_BROW_X = (0.0115, 0.020, 0.031, 0.043, 0.054, 0.0600)
_BROW_Y = (0.0190, 0.0212, 0.0234, 0.0250, 0.0230, 0.0195)
"""Middle line of a brow from between the eyes, metres, on the rest body."""
_BROW_HALF_HEIGHT = (0.0022, 0.0036, 0.0036, 0.0029, 0.0018, 0.0008)
_BROW_COUNT = 850
_UPPER_COUNT, _LOWER_COUNT = 130, 46


def grow_brows(config: CharacterConfig, figure: Figure) -> Strands:
    """Both brows."""
    rng = np.random.default_rng([config.seed, 6])
    surface = _FrontSurface(figure)
    lines = []
    for sign in (1.0, -1.0):
        x = _BROW_X[0] + (_BROW_X[-1] - _BROW_X[0]) * rng.beta(1.25, 1.05, _BROW_COUNT)
        offset = rng.uniform(-1, 1, _BROW_COUNT)
        progress = (x - _BROW_X[0]) / (_BROW_X[-1] - _BROW_X[0])
        y = np.interp(x, _BROW_X, _BROW_Y) + offset * np.interp(x, _BROW_X, _BROW_HALF_HEIGHT)
        # Inner hairs stand up, outer ones lie outwards; upper ones lean down, lower ones up.
        rise = np.radians(np.interp(progress, [0, 0.15, 0.5, 1], [72, 48, 18, -22]) - 14 * offset * progress**0.5)
        rise += rng.normal(0, 0.12, _BROW_COUNT)
        length = rng.uniform(0.0050, 0.0085, _BROW_COUNT) * np.interp(progress, [0, 0.3, 1], [0.8, 1.0, 0.7])
        bend = np.radians(np.interp(progress, [0, 1], [-35, -22]))
        t = np.linspace(0, 1, _NODES)
        heading = rise[:, None] + bend[:, None] * t
        step = length[:, None] / (_NODES - 1)
        px = x[:, None] + np.concatenate((np.zeros((_BROW_COUNT, 1)), (np.cos(heading) * step)[:, :-1].cumsum(1)), 1)
        py = y[:, None] + np.concatenate((np.zeros((_BROW_COUNT, 1)), (np.sin(heading) * step)[:, :-1].cumsum(1)), 1)
        lift = 0.0003 + 0.0010 * np.sin(np.pi * np.clip(t, 0, 0.8))[None] * rng.uniform(0.5, 1.2, (_BROW_COUNT, 1))
        lines.append(surface(np.stack((sign * px, py), -1), lift))
    points = torch.cat(lines)
    return _fibres(points, torch.tensor(config.hair) * 0.22, 0.00011, 0.3, rng)


def grow_lashes(config: CharacterConfig, figure: Figure) -> Strands:
    """Upper and lower lashes of both eyes."""
    rng = np.random.default_rng([config.seed, 7])
    points = []
    for eye in figure.eyes:
        upper, lower = lid_margins(eye, eye.margin)
        points.append(_lash_row(eye, upper, _UPPER_COUNT, 0.0066, 1, rng))
        points.append(_lash_row(eye, lower, _LOWER_COUNT, 0.0030, -1, rng))
    return _fibres(torch.cat(points), torch.tensor(config.hair) * 0.15 + 0.006, 0.00016, 0.2, rng)


def _lash_row(eye: Eye, margin: Tensor, count: int, length_m: float, sign: int, rng: np.random.Generator) -> Tensor:
    outer = torch.from_numpy(rng.uniform(0.10, 0.97, count).astype(np.float32))
    place = outer if eye.centre[0] > 0 else 1 - outer
    index = place * (len(margin) - 1)
    low = index.long().clamp(max=len(margin) - 2)
    root = torch.lerp(margin[low], margin[low + 1], (index - low)[:, None])
    outward = torch.nn.functional.normalize(root - eye.centre, dim=1)
    root = root + 0.0006 * outward
    forward = torch.nn.functional.normalize(outward + torch.tensor([0.0, 0.0, 0.7]), dim=1)
    side = torch.tensor([1.0 if eye.centre[0] > 0 else -1.0, 0.0, 0.0])
    fan = (outer - 0.35)[:, None] * 1.1 * side
    noise = torch.from_numpy(rng.normal(0, 0.10, (count, 3)).astype(np.float32))
    start = torch.nn.functional.normalize(forward + 0.35 * fan + noise, dim=1)
    rise = sign * torch.tensor([0.0, 1.0, 0.0]) + 0.7 * fan
    length = length_m * torch.from_numpy(rng.uniform(0.65, 1.05, count).astype(np.float32)) * (0.45 + 0.6 * outer)
    path, heading = [root], start
    for _ in range(_NODES - 1):
        path.append(path[-1] + heading * (length / (_NODES - 1))[:, None])
        heading = torch.nn.functional.normalize(heading + 0.30 * rise, dim=1)
    return torch.stack(path, 1)


def _fibres(points: Tensor, colour: Tensor, width_m: float, gloss: float, rng: np.random.Generator) -> Strands:
    count = len(points)
    tone = torch.from_numpy(np.exp(rng.normal(0, 0.15, (count, 1))).astype(np.float32))
    return Strands(
        points=points,
        albedo=colour * tone,
        gloss=torch.full((count,), gloss),
        width_m=width_m * torch.from_numpy(rng.uniform(0.7, 1.2, count).astype(np.float32)),
    )


class _FrontSurface:
    """The front of the face as a height over the rest body's x and y."""

    def __init__(self, figure: Figure) -> None:
        mesh = figure.skin
        local = mesh.rest - figure.rest_eye
        rest_normals = vertex_normals(mesh.rest, mesh.faces)
        front = (rest_normals[:, 2] > 0.05) & (local[:, 2] > -0.05) & (local[:, 1].abs() < 0.08)
        lining = torch.zeros(len(local), dtype=torch.bool)
        lining[mesh.faces[figure.inside].reshape(-1)] = True
        front &= ~lining
        self._tree = KDTree(local[front, :2].numpy())
        self._vertices = mesh.vertices[front].numpy()
        self._normals = vertex_normals(mesh.vertices, mesh.faces)[front].numpy()

    def __call__(self, xy: np.ndarray, lift_m: np.ndarray) -> Float[Tensor, "s k 3"]:
        distance, index = self._tree.query(xy, k=4)
        weight = 1 / (distance + 1e-5) ** 2
        weight = (weight / weight.sum(-1, keepdims=True))[..., None]
        point = (self._vertices[index] * weight).sum(-2)
        normal = (self._normals[index] * weight).sum(-2)
        normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
        return torch.from_numpy((point + normal * lift_m[..., None]).astype(np.float32))


def brow_shadow(local: Float[Tensor, "n 3"]) -> Float[Tensor, " n"]:
    """How densely brow roots stand at points of the rest body, 0 to 1."""
    x, y, z = local.unbind(1)
    side = x.abs().numpy()
    line = torch.from_numpy(np.interp(side, _BROW_X, _BROW_Y).astype(np.float32))
    half = torch.from_numpy(np.interp(side, _BROW_X, _BROW_HALF_HEIGHT).astype(np.float32))
    within = smoothstep(1.25, 0.35, (y - line).abs() / half)
    ends = smoothstep(0.009, 0.016, x.abs()) * smoothstep(0.062, 0.054, x.abs())
    return within * ends * (z > -0.05)
