"""A knitted sweater with a crew neck, grown as a shell from the body."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from .figure import Figure
from .geometry import Mesh, cut, smooth, subdivide, vertex_normals
from .noise import NoiseField, smoothstep

_SLACK_M = 0.008
"""Least distance between body and cloth."""
_COLLAR_AROUND = 360
_COLLAR_ACROSS = 14
_COLLAR_HALF_HEIGHT_M = 0.0125
_COLLAR_HALF_THICKNESS_M = 0.0042


@dataclass(frozen=True, kw_only=True)
class Clothing:
    """The sweater and the rib band of its neck."""

    sweater: Mesh
    collar: Mesh
    """`rest` holds (arc length, way across the band in -1 to 1, 0)."""
    shadow_caster: Mesh
    """A lighter mesh of the sweater for shadow maps."""


def neckline(rest: Float[Tensor, "v 3"], rest_eye: Float[Tensor, "3"]) -> Float[Tensor, " v"]:
    """About metres below the crew neck, on the rest body: positive where cloth covers."""
    x, y, z = (rest - rest_eye).unbind(1)
    return 5 * x**2 - (y + 0.205 + 0.61 * (z + 0.048))


def dress(figure: Figure, seed: int) -> Clothing:
    """The sweater over a figure. Its folds depend on the seed."""
    body = figure.coarse
    level = neckline(body.rest, figure.rest_eye)
    shell = body.select((level[body.faces] > -0.035).all(1))
    shell = _drape(shell, neckline(shell.rest, figure.rest_eye))
    fine = subdivide(subdivide(shell))
    fine = _fold(fine, figure.rest_eye, seed)
    sweater, border = cut(fine, neckline(fine.rest, figure.rest_eye))
    normals = vertex_normals(fine.vertices, fine.faces)
    nearest = torch.cdist(border, fine.vertices).argmin(1)
    return Clothing(sweater=sweater, collar=_collar(border, normals[nearest]), shadow_caster=_inset(shell))


def _inset(shell: Mesh) -> Mesh:
    """The shell a little further in, so that folds do not lie in its shadow."""
    normals = vertex_normals(shell.vertices, shell.faces)
    return replace(shell, vertices=shell.vertices - 0.007 * normals)


def _drape(shell: Mesh, level: Tensor) -> Mesh:
    """Hang the cloth: tight at the neckline and where it lies on the body, straight where the body curves in."""
    normals = smooth(vertex_normals(shell.vertices, shell.faces), shell.faces, 8)
    normals = torch.nn.functional.normalize(normals, dim=1)
    skin = smooth(shell.vertices, shell.faces, 30)
    # Smoothing removes detail and volume: give the volume back.
    lost = ((shell.vertices - skin) * normals).sum(1, keepdim=True)
    skin = skin + smooth(lost, shell.faces, 20) * normals
    points = skin + _SLACK_M * normals
    for _ in range(14):
        points = smooth(points, shell.faces, 3)
        points = points + normals * (_SLACK_M - ((points - skin) * normals).sum(1, keepdim=True)).clamp(min=0)
    points = smooth(points, shell.faces, 2)
    tight = shell.vertices + 0.005 * vertex_normals(shell.vertices, shell.faces)
    points = torch.lerp(tight, points, smoothstep(-0.005, 0.06, level)[:, None])
    # The pattern ignores what the cloth bridges, too.
    pattern = torch.lerp(shell.rest, smooth(shell.rest, shell.faces, 40), smoothstep(0.03, 0.08, level)[:, None])
    return replace(shell, vertices=points, rest=pattern)


def _fold(mesh: Mesh, rest_eye: Tensor, seed: int) -> Mesh:
    """Soft folds that run from the armpits over the chest and around the sleeves."""
    field = NoiseField(seed + 11, 3)
    local = mesh.rest - rest_eye
    x, y, _ = local.unbind(1)
    side = x.abs()
    slant = torch.stack((0.5 * (side + y), 2.2 * (side - y), local[:, 2] * 0.6), 1)
    slant = slant + 0.02 * field(local, 0.12)
    ridge = field(slant, 0.075, 2)[:, 0]
    ridge = 1.6 * torch.exp(-((ridge / 0.4) ** 2)) - 0.6
    armpit = torch.exp(-((side - 0.15) ** 2 / 0.07**2 + (y + 0.33) ** 2 / 0.12**2))
    sleeve = smoothstep(0.20, 0.27, side)
    waist = smoothstep(-0.36, -0.46, y) * (1 - sleeve)
    collar = smoothstep(0.0, 0.05, neckline(mesh.rest, rest_eye))
    amount = (0.0012 + 0.0042 * armpit + 0.0020 * sleeve + 0.0028 * waist) * collar
    soft = 0.0022 * field(local, 0.09, 2)[:, 1] * collar
    normals = vertex_normals(mesh.vertices, mesh.faces)
    moved = mesh.vertices + normals * (amount * ridge + soft)[:, None]
    return replace(mesh, vertices=moved)


def _collar(border: Tensor, normals: Tensor) -> Mesh:
    """A band of oval section along the neckline."""
    centre = border.mean(0)
    angle = torch.atan2(border[:, 0] - centre[0], border[:, 2] - centre[2]).numpy()
    theta = np.linspace(0, 2 * math.pi, _COLLAR_AROUND, endpoint=False)
    line = _periodic(angle, border.numpy(), theta, harmonics=9)
    outward = _periodic(angle, normals.numpy(), theta, harmonics=5)
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    along = np.roll(line, -1, 0) - np.roll(line, 1, 0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    outward -= (outward * along).sum(1, keepdims=True) * along
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    upward = np.cross(outward, along)
    upward *= np.sign(upward[:, 1:2])
    # The band leans towards the neck.
    lean = math.radians(-8)
    upward, outward = (
        math.cos(lean) * upward + math.sin(lean) * outward,
        math.cos(lean) * outward - math.sin(lean) * upward,
    )
    step = np.linalg.norm(np.roll(line, -1, 0) - line, axis=1)
    arc = np.concatenate(([0], step.cumsum()[:-1]))
    phi = np.linspace(0, 2 * math.pi, _COLLAR_ACROSS, endpoint=False)
    height, thickness = _COLLAR_HALF_HEIGHT_M * np.sin(phi), _COLLAR_HALF_THICKNESS_M * np.cos(phi)
    centre_line = line + 0.006 * upward + 0.002 * outward
    points = centre_line[:, None] + height[:, None] * upward[:, None] + thickness[:, None] * outward[:, None]
    rest = np.zeros_like(points)
    rest[..., 0] = arc[:, None]
    rest[..., 1] = np.sin(phi)
    i, j = np.meshgrid(np.arange(_COLLAR_AROUND), np.arange(_COLLAR_ACROSS), indexing="ij")
    i, j = i.ravel(), j.ravel()
    i2, j2 = (i + 1) % _COLLAR_AROUND, (j + 1) % _COLLAR_ACROSS
    a, b, c, d = (p * _COLLAR_ACROSS + q for p, q in ((i, j), (i2, j), (i2, j2), (i, j2)))
    faces = torch.from_numpy(np.concatenate((np.stack((a, b, c), 1), np.stack((a, c, d), 1))))
    vertices = torch.from_numpy(points.reshape(-1, 3).astype(np.float32))
    flat = vertices[faces]
    facing = torch.linalg.cross(flat[:, 1] - flat[:, 0], flat[:, 2] - flat[:, 0])
    inside = torch.from_numpy(np.repeat(line, _COLLAR_ACROSS, 0).astype(np.float32))[faces[:, 0]]
    if float((facing * (flat.mean(1) - inside)).sum()) < 0:
        faces = faces.flip(1)
    return Mesh(
        vertices=vertices,
        faces=faces.long(),
        rest=torch.from_numpy(rest.reshape(-1, 3).astype(np.float32)),
        corner_uv=torch.zeros(len(faces), 3, 2),
    )


def _periodic(angle: np.ndarray, values: np.ndarray, theta: np.ndarray, *, harmonics: int) -> np.ndarray:
    """A smooth periodic curve through scattered samples: least squares on a Fourier series."""

    def basis(t: np.ndarray) -> np.ndarray:
        k = np.arange(1, harmonics + 1)
        return np.concatenate((np.ones((len(t), 1)), np.cos(t[:, None] * k), np.sin(t[:, None] * k)), 1)

    weights, *_ = np.linalg.lstsq(basis(angle), values, rcond=None)
    return basis(theta) @ weights
