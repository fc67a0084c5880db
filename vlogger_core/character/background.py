"""A room out of focus: a panelled wall in soft light, a shelf, a lamp, leaves."""

from __future__ import annotations

import cv2
import numpy as np

from .config import CharacterConfig


def paint_background(config: CharacterConfig, height: int, width: int) -> np.ndarray:
    """The blurred room, [h w 3], linear light."""
    rng = np.random.default_rng([config.seed, 8])
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    x, y = x / height, y / height
    aspect = width / height
    light_x = aspect * (0.25 if config.key_azimuth_deg < 0 else 0.75)
    glow = np.exp(-((x - light_x) ** 2 / 0.55**2 + (y - 0.30) ** 2 / 0.60**2))
    wall = np.array(config.wall, np.float32) * (0.30 + 0.62 * glow[..., None])

    # Vertical panels.
    spacing = 0.135
    phase = (x / spacing + rng.uniform()) % 1
    groove = np.exp(-((phase - 0.5) ** 2) / 0.045**2)
    edge = np.exp(-((phase - 0.60) ** 2) / 0.05**2)
    wall = wall * (1 - 0.40 * groove[..., None]) * (1 + 0.14 * edge[..., None])

    shelf_side = 1 if config.key_azimuth_deg < 0 else 0
    canvas = np.ascontiguousarray(wall)
    _shelf(canvas, rng, shelf_side, aspect)
    _lamp(canvas, rng, shelf_side, aspect)
    blur = height / 1024 * 15
    canvas = _lens_blur(canvas, blur)
    return canvas.astype(np.float32)


def _shelf(canvas: np.ndarray, rng: np.random.Generator, side: int, aspect: float) -> None:
    """Two boards with books at one edge of the picture."""
    h, w = canvas.shape[:2]
    wood = np.array([0.21, 0.115, 0.055], np.float32)
    left, right = (int(w * 0.80), w) if side else (0, int(w * 0.20))
    for top in (0.335, 0.62):
        y0 = int(h * top)
        place = left + rng.uniform(0, 0.02) * h
        while place < right - 0.012 * h:
            thick = rng.uniform(0.014, 0.032) * h
            tall = rng.uniform(0.10, 0.175) * h
            if rng.uniform() < 0.14:
                place += rng.uniform(0.02, 0.05) * h
                continue
            hue = np.array(
                [
                    [0.32, 0.10, 0.06],
                    [0.07, 0.14, 0.20],
                    [0.42, 0.33, 0.20],
                    [0.10, 0.16, 0.10],
                    [0.45, 0.42, 0.38],
                    [0.30, 0.17, 0.05],
                ]
            )[rng.integers(6)]
            a, b = int(place), int(min(place + thick, right))
            shade = rng.uniform(0.3, 0.6)
            canvas[max(0, int(y0 - tall)) : y0, a:b] = hue * shade
            place += thick + 0.002 * h
        canvas[y0 : y0 + int(0.018 * h), left:right] = wood * 0.9
        canvas[y0 + int(0.018 * h) : y0 + int(0.05 * h), left:right] *= 0.55


def _lamp(canvas: np.ndarray, rng: np.random.Generator, side: int, aspect: float) -> None:
    """A warm lamp and a string of small lights across from the shelf."""
    h, w = canvas.shape[:2]
    y, x = np.mgrid[0:h, 0:w].astype(np.float32) / h
    cx = aspect * (0.10 if side else 0.90) + rng.uniform(-0.02, 0.02)
    cy = rng.uniform(0.44, 0.50)
    glow = np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / 0.16**2)
    canvas += glow[..., None] * np.array([0.30, 0.17, 0.07], np.float32)
    shade = (np.abs(x - cx) < 0.045 + 0.35 * (y - cy + 0.03)) & (np.abs(y - cy) < 0.05)
    canvas[shade] = np.array([1.9, 1.25, 0.65], np.float32)
    foot = (np.abs(x - cx) < 0.006) & (y > cy + 0.05)
    canvas[foot] = np.array([0.05, 0.035, 0.025], np.float32)
    for _ in range(9):
        bx = aspect * (rng.uniform(0.0, 0.32) if side else rng.uniform(0.68, 1.0))
        by = rng.uniform(0.06, 0.30)
        colour = np.array([1.0, 0.62, 0.28], np.float32) * rng.uniform(1.5, 5)
        cv2.circle(
            canvas,
            (int(bx * h), int(by * h)),
            max(1, int(0.0035 * h)),
            tuple(float(c) for c in colour),
            -1,
            cv2.LINE_AA,
        )


def _lens_blur(picture: np.ndarray, radius: float) -> np.ndarray:
    """Blur by a disc, as an open lens does."""
    half = int(np.ceil(radius))
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    disc = np.clip(radius + 0.5 - np.hypot(x, y), 0, 1).astype(np.float32)
    return cv2.filter2D(picture, -1, disc / disc.sum(), borderType=cv2.BORDER_REFLECT)
