"""Glasses of a random person: rims, bridge and temples as a cloud of points that the head carries."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from ..body.anny_model import AnnyBody
from ..body.eyeballs import eyeball
from .video_hair import HairCloud
from .video_look import Look

BEFORE_EYE_M = (0.021, 0.026)
"""From the middle of an eyeball to its lens."""
HALF_WIDTH_M, HALF_HEIGHT_M = (0.023, 0.028), (0.015, 0.023)
ROUNDNESS = (2.0, 5.0)
"""Exponent of the rim's superellipse: 2 is an ellipse, more is squarer."""
TEMPLE_M = 0.105
_STEP_M = 0.0004
_DROOP_M = 0.003
"""Lenses stand lower than eyes."""


def put_on_glasses(model: AnnyBody, rest: Float[Tensor, "v 3"], look: Look) -> HairCloud | None:
    """The glasses of a person, on their own body at rest; None if they wear none."""
    if look.glasses is None:
        return None
    rng = np.random.default_rng((look.character.seed, 47))
    left, right = (rest[model.faces[eyeball(model, side)].unique()].mean(0) for side in ("left", "right"))
    width, height = float(rng.uniform(*HALF_WIDTH_M)), float(rng.uniform(*HALF_HEIGHT_M))
    roundness = float(rng.uniform(*ROUNDNESS))
    forward = torch.tensor([0.0, -_DROOP_M, float(rng.uniform(*BEFORE_EYE_M))])
    angle = torch.linspace(0, 2 * torch.pi, 4000)
    x, y = (torch.sign(v) * v.abs() ** (2 / roundness) for v in (angle.cos(), angle.sin()))
    rim = _evenly(torch.stack((width * x, height * y, -0.10 * width * x.square()), 1), 420)
    lines = [rim + eye + forward for eye in (left, right)]
    inner = [eye + forward + torch.tensor([-s * width, 0.25 * height, 0.0]) for eye, s in ((left, 1), (right, -1))]
    arch = torch.sin(torch.linspace(0, torch.pi, 60))[:, None] * torch.tensor([0.0, 0.002, 0.001])
    lines.append(_line(inner[0], inner[1], 60) + arch)
    near = (rest[:, 1] - left[1]).abs() < 0.012
    for eye, side in ((left, 1.0), (right, -1.0)):
        begin = eye + forward + torch.tensor([side * width, 0.45 * height, -0.10 * width])
        behind = near & (side * rest[:, 0] > 0) & (rest[:, 2] < eye[2] - 0.02) & (rest[:, 2] > eye[2] - 0.06)
        out = (side * rest[behind, 0]).max() + 0.002
        end = torch.stack((side * torch.maximum(out, side * begin[0]), begin[1] + 0.004, begin[2] - TEMPLE_M))
        lines.append(_line(begin, end, 260))
    return _tubes(lines, look.glasses, float(rng.uniform(0.0008, 0.0030)), rng)


def _evenly(line: Float[Tensor, "_ 3"], count: int) -> Float[Tensor, "n 3"]:
    """Points of a line at equal distances."""
    travelled = torch.cat((torch.zeros(1), line.diff(dim=0).norm(dim=1).cumsum(0)))
    wanted = torch.linspace(0, float(travelled[-1]), count)
    return line[torch.searchsorted(travelled, wanted).clamp(max=len(line) - 1)]


def _line(start: Float[Tensor, "3"], end: Float[Tensor, "3"], count: int) -> Float[Tensor, "n 3"]:
    return torch.lerp(start, end, torch.linspace(0, 1, count)[:, None])


def _tubes(
    lines: list[Float[Tensor, "_ 3"]], colour: tuple[float, float, float], thickness_m: float, rng: np.random.Generator
) -> HairCloud:
    """Lines as bands of points, wide upwards and aside."""
    points = torch.cat(lines)
    tangents = torch.cat([torch.gradient(line, dim=0)[0] for line in lines])
    tangents = F.normalize(tangents, dim=1, eps=1e-9)
    across = F.normalize(torch.linalg.cross(tangents, torch.tensor([0.0, 0.0, 1.0]).expand_as(tangents)), dim=1)
    # Temples run along z: they are as high as rims are wide.
    across = torch.where(tangents[:, 2:].abs() > 0.9, torch.tensor([0.0, 1.0, 0.0]), across)
    offsets = torch.arange(0.0, thickness_m + _STEP_M, _STEP_M) - thickness_m / 2
    band = (points[:, None] + across[:, None] * offsets[None, :, None]).reshape(-1, 3)
    shade = torch.from_numpy(rng.uniform(0.8, 1.2, (len(band), 1)).astype(np.float32))
    return HairCloud(
        points=band,
        tangents=tangents.repeat_interleave(len(offsets), 0),
        albedo=(torch.tensor(colour) * shade).clamp(0.003, 0.9),
        head_share=torch.ones(len(band)),
        strand=torch.full((len(band),), 0.5),
    )
