"""Eyes: a drawn iris under a clear bulging cornea, white with small veins, wet, shaded by the lids."""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from .config import CharacterConfig
from .figure import Eye
from .geometry import Mesh
from .lighting import Lights, diffuse, towards
from .noise import NoiseField, smoothstep

_IRIS_M = 0.0061
_PUPIL_SHARE = 0.40
_RINGS, _SECTORS = 40, 64


def eyeball(eye: Eye) -> Mesh:
    """The ball as triangles, just inside the sockets' surface."""
    polar = np.linspace(0, math.pi, _RINGS + 1)
    around = np.linspace(0, 2 * math.pi, _SECTORS, endpoint=False)
    a, b = np.meshgrid(polar, around, indexing="ij")
    unit = np.stack((np.sin(a) * np.cos(b), np.sin(a) * np.sin(b), np.cos(a)), -1).reshape(-1, 3)
    i, j = (g.ravel() for g in np.meshgrid(np.arange(_RINGS), np.arange(_SECTORS), indexing="ij"))
    k = (j + 1) % _SECTORS
    p, q, r, s = i * _SECTORS + j, (i + 1) * _SECTORS + j, (i + 1) * _SECTORS + k, i * _SECTORS + k
    faces = torch.from_numpy(np.concatenate((np.stack((p, q, r), 1), np.stack((p, r, s), 1)))).long()
    vertices = eye.centre + eye.radius * torch.from_numpy(unit.astype(np.float32))
    return Mesh(vertices=vertices, faces=faces, rest=vertices.clone(), corner_uv=torch.zeros(len(faces), 3, 2))


def shade_eye(
    eye: Eye,
    points: Float[Tensor, "n 3"],
    reached: Float[Tensor, "n 4"],
    lights: Lights,
    config: CharacterConfig,
    *,
    left: bool,
) -> Float[Tensor, "n 3"]:
    """Light that leaves an eye towards the camera, linear. The eye looks into the camera."""
    gaze = torch.nn.functional.normalize(-eye.centre, dim=0)
    right = torch.nn.functional.normalize(torch.linalg.cross(torch.tensor([0.0, 1.0, 0.0]), gaze), dim=0)
    up = torch.linalg.cross(gaze, right)
    ball = torch.nn.functional.normalize(points - eye.centre, dim=1)
    across, upward, ahead = ball @ right, ball @ up, ball @ gaze
    angle = torch.atan2(upward, across)
    limbus = math.asin(_IRIS_M / eye.radius)
    radius = torch.acos(ahead.clamp(-1, 1)) / limbus
    in_iris = smoothstep(1.04, 0.93, radius)

    iris = _iris(radius, angle, config, left)
    white = _white(ball, radius, across, config, left)
    upper, lower = _lids(eye, points)
    shade = (0.30 + 0.70 * smoothstep(0.0, 0.0038, upper)) * (0.62 + 0.38 * smoothstep(0.0, 0.0016, lower))

    # The iris is a dish: it catches the light on the side away from it.
    view = torch.nn.functional.normalize(-points, dim=1)
    dish = torch.nn.functional.normalize(1.3 * gaze - 0.55 * (ball - ahead[:, None] * gaze) / math.sin(limbus), dim=1)
    soft = torch.nn.functional.normalize(ball + 0.45 * view, dim=1)
    lit_white = diffuse(soft, reached, lights)
    lit_white = 0.75 * lit_white + 0.25 * lit_white.mean(1, keepdim=True)
    lit_iris = diffuse(dish, 0.35 + 0.65 * reached, lights)
    body = torch.lerp(white * lit_white, iris * lit_iris * 0.9, in_iris[:, None]) * shade[:, None]

    # The cornea bulges, so over the iris the normal leans outwards more.
    lean = 1 + 0.55 * smoothstep(1.15, 0.7, radius)
    surface = torch.nn.functional.normalize(
        ahead[:, None] * gaze + (lean[:, None] * (ball - ahead[:, None] * gaze)), dim=1
    )
    mirrored = 2 * (surface * view).sum(1, keepdim=True) * surface - view
    fresnel = 0.028 + 0.97 * (1 - (surface * view).sum(1).clamp(0, 1)) ** 5
    shine = _reflected(mirrored, config) * fresnel[:, None] * smoothstep(0.0002, 0.0022, upper)[:, None]
    wet = torch.exp(-((lower - 0.0005) ** 2) / 0.00032**2) * 0.10
    return body + shine + wet[:, None] * lit_white


def _iris(radius: Tensor, angle: Tensor, config: CharacterConfig, left: bool) -> Tensor:
    colour = torch.tensor(config.iris)
    ring = torch.stack((torch.cos(angle), torch.sin(angle), radius * 0.35), 1)
    fibres = NoiseField(config.seed + 61 + left)(ring, 0.085, 3)[:, 0]
    coarse = NoiseField(config.seed + 63 + left)(ring, 0.35, 2)[:, 0]
    brightness = torch.exp(0.42 * fibres + 0.20 * coarse)
    collarette = torch.exp(-((radius - 0.56) ** 2) / 0.10**2)
    amber = torch.tensor([0.22, 0.11, 0.035])
    result = torch.lerp(colour.expand(len(radius), 3), amber.expand(len(radius), 3), (0.3 * collarette)[:, None])
    result = result * brightness[:, None]
    result = result * (0.22 + 0.78 * smoothstep(1.02, 0.80, radius))[:, None]
    return result * (0.02 + 0.98 * smoothstep(_PUPIL_SHARE - 0.03, _PUPIL_SHARE + 0.05, radius))[:, None]


def _white(ball: Tensor, radius: Tensor, across: Tensor, config: CharacterConfig, left: bool) -> Tensor:
    base = torch.tensor([0.56, 0.51, 0.475])
    field = NoiseField(config.seed + 71 + left, 2)
    bent = ball * torch.tensor([1.0, 2.6, 1.0]) + 0.05 * field(ball, 0.15, 2)[:, :1]
    veins = (1 - field(bent, 0.11, 2)[:, 1].abs() * 5).clamp(min=0) * smoothstep(1.1, 2.2, radius)
    corner = smoothstep(0.35, 0.85, across.abs())
    red = torch.tensor([0.10, 0.50, 0.45])
    absorb = red * (0.35 * veins + 0.45 * corner)[:, None]
    return base * torch.exp(-absorb)


def _lids(eye: Eye, points: Tensor) -> tuple[Tensor, Tensor]:
    """Distance in metres to the upper and to the lower lid's margin."""
    upper, lower = lid_margins(eye, eye.margin)
    dense = [
        torch.nn.functional.interpolate(m.T[None], size=160, mode="linear", align_corners=True)[0].T
        for m in (upper, lower)
    ]
    # The margin stands a little before the ball, so compare as the camera sees it.
    flat = points[:, :2] / -points[:, 2:] * -eye.centre[2]
    result = []
    for line in dense:
        line = line[:, :2] / -line[:, 2:] * -eye.centre[2]
        result.append(torch.cdist(flat, line).amin(1))
    return result[0], result[1]


def lid_margins(eye: Eye, values: Float[Tensor, "n 3"]) -> tuple[Float[Tensor, "a 3"], Float[Tensor, "b 3"]]:
    """Points given for the eye's margin, split into the upper and the lower lid's, both from -X to +X."""
    loop = eye.margin
    start = int(loop[:, 0].argmin())
    loop, values = torch.cat((loop[start:], loop[:start])), torch.cat((values[start:], values[:start]))
    end = int(loop[:, 0].argmax())
    first, second = loop[: end + 1], torch.cat((loop[end:], loop[:1])).flip(0)
    upwards = first[:, 1].mean() > second[:, 1].mean()
    first, second = values[: end + 1], torch.cat((values[end:], values[:1])).flip(0)
    return (first, second) if upwards else (second, first)


def _reflected(direction: Tensor, config: CharacterConfig) -> Tensor:
    """The studio as a mirror shows it: the key box, a fainter fill, a dim room."""
    result = torch.full_like(direction, 0.15) * (0.7 + 0.5 * direction[:, 1:2])
    side = math.copysign(1, config.key_azimuth_deg)
    boxes = (
        (config.key_azimuth_deg, 34.0, 0.23, 0.26, (36.0, 34.0, 31.0)),
        (-side * 48.0, 12.0, 0.40, 0.30, (1.8, 2.0, 2.3)),
    )
    for azimuth, height, half_width, half_height, colour in boxes:
        axis = torch.tensor(towards(azimuth, height))
        right = torch.nn.functional.normalize(torch.linalg.cross(torch.tensor([0.0, 1.0, 0.0]), axis), dim=0)
        up = torch.linalg.cross(axis, right)
        depth = (direction @ axis).clamp(min=1e-3)
        x, y = (direction @ right) / depth, (direction @ up) / depth
        inside = smoothstep(half_width + 0.03, half_width - 0.03, x.abs())
        inside = inside * smoothstep(half_height + 0.03, half_height - 0.03, y.abs()) * (direction @ axis > 0)
        result = result + inside[:, None] * torch.tensor(colour)
    return result
