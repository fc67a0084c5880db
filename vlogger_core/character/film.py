"""From linear light to a photograph: glow, vignette, tone curve, grain."""

from __future__ import annotations

import cv2
import numpy as np


def develop(light: np.ndarray, seed: int, *, exposure: float = 1.0) -> np.ndarray:
    """Linear light [h w 3] to sRGB 0 to 1."""
    h, w = light.shape[:2]
    light = light * exposure
    bright = np.clip(light - 0.9, 0, 4)
    light = light + 0.06 * cv2.GaussianBlur(bright, (0, 0), h / 160) + 0.03 * cv2.GaussianBlur(bright, (0, 0), h / 40)
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    away = np.hypot((x - w / 2) / (w / 2), (y - h / 2) / (h / 2))
    light = light * (1 - 0.16 * np.clip(away / 1.41, 0, 1) ** 2.5)[..., None]
    shown = encode_srgb(_tone(light))
    rng = np.random.default_rng([seed, 9])
    grain = cv2.GaussianBlur(rng.normal(0, 1, (h, w, 1)).astype(np.float32), (0, 0), 0.6)[..., None]
    shown = shown + 0.010 * grain * (1 - 0.6 * shown.mean(-1, keepdims=True))
    return np.clip(shown, 0, 1).astype(np.float32)


def _tone(light: np.ndarray) -> np.ndarray:
    """A film curve: soft shoulder, slight toe; 0.18 stays about 0.18, 1 comes to about 0.75."""
    a, b, c, d, e = 2.2, 0.06, 1.9, 0.85, 0.16
    light = np.maximum(light, 0)
    return light * (a * light + b) / (light * (c * light + d) + e) * 0.98


def encode_srgb(linear: np.ndarray) -> np.ndarray:
    """Linear light 0 to 1 to sRGB 0 to 1."""
    linear = np.clip(linear, 0, 1)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
