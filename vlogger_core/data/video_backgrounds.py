"""What stands behind rendered people: rooms, walls, gradients, and the painted backdrops of portraits."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..character.background import paint_background
from ..character.config import CharacterConfig
from ..character.film import encode_srgb


def draw_background(
    rng: np.random.Generator, size: int, backdrops: list[Float[Tensor, "3 h w"]]
) -> Float[Tensor, "3 h w"]:
    """A background, sRGB 0 to 1.

    Args:
        backdrops: pictures without people that may be taken, square.
    """
    kind = rng.random()
    if backdrops and kind < 0.35:
        picture = backdrops[int(rng.integers(len(backdrops)))].permute(1, 2, 0).numpy()
        picture = _piece(picture, rng, size)
    elif kind < (0.45 if backdrops else 0.2):
        config = CharacterConfig.from_seed(int(rng.integers(2**32)))
        picture = encode_srgb(paint_background(config, size, size) * float(rng.uniform(0.6, 1.8)))
    else:
        picture = _abstract(rng, size)
    gain = rng.uniform(0.75, 1.15, 3) * rng.uniform(0.7, 1.15)
    picture = np.clip(picture * gain, 0, 1) + rng.normal(0, 0.006, picture.shape)
    return torch.from_numpy(np.clip(picture, 0, 1).astype(np.float32)).permute(2, 0, 1).contiguous()


def _piece(picture: np.ndarray, rng: np.random.Generator, size: int) -> np.ndarray:
    side = min(picture.shape[:2])
    part = int(side * rng.uniform(0.6, 1.0))
    top, left = (int(rng.integers(length - part + 1)) for length in picture.shape[:2])
    piece = cv2.resize(picture[top : top + part, left : left + part], (size, size), interpolation=cv2.INTER_AREA)
    return piece[:, ::-1] if rng.random() < 0.5 else piece


def _abstract(rng: np.random.Generator, size: int) -> np.ndarray:
    """A gradient with shapes, lines and textures, in focus or not."""
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size
    ends = rng.uniform(0.05, 0.9, (2, 1)) + rng.normal(0, 0.12, (2, 3))
    angle = rng.uniform(0, 2 * np.pi)
    share = np.clip(0.5 + (x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle), 0, 1)[..., None]
    canvas = ((1 - share) * ends[0] + share * ends[1]).astype(np.float32)
    for _ in range(int(rng.integers(0, 14))):
        colour = tuple(float(c) for c in np.clip(rng.uniform(0, 1) + rng.normal(0, 0.15, 3), 0, 1))
        at = rng.uniform(-0.1, 1.1, (2, 2)) * size
        first, second = (tuple(int(v) for v in point) for point in at)
        kind = rng.integers(3)
        if kind == 0:
            cv2.rectangle(canvas, first, second, colour, -1 if rng.random() < 0.7 else 2, cv2.LINE_AA)
        elif kind == 1:
            cv2.circle(canvas, first, int(rng.uniform(0.02, 0.25) * size), colour, -1, cv2.LINE_AA)
        else:
            cv2.line(canvas, first, second, colour, int(rng.uniform(1, 0.06 * size)) + 1, cv2.LINE_AA)
    if rng.random() < 0.4:
        coarse = rng.normal(0, 1, (int(rng.integers(4, 40)),) * 2 + (1,)).astype(np.float32)
        texture = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)[..., None]
        canvas = canvas * (1 + 0.15 * rng.random() * texture)
    blur = float(rng.choice([0.3, 0.01 * size, 0.03 * size, 0.06 * size]))
    return np.clip(cv2.GaussianBlur(canvas, (0, 0), blur), 0, 1)
