"""What a character looks like, drawn from a seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RGB = tuple[float, float, float]
"""Linear light, 0 to 1."""

_FACE_CHANGES = (
    "cheek-bones-incr", "cheek-volume-incr", "chin-width-incr", "chin-height-incr", "chin-prominent-incr",
    "eye-height2-incr", "eye-trans-up", "eye-corner2-up", "eye-eyefold-up", "ear-scale-incr",
    "mouth-scale-horiz-incr", "mouth-angles-up", "mouth-cupidsbow-incr", "mouth-lowerlip-volume-incr",
    "nose-scale-horiz-incr", "nose-point-up", "nose-width2-incr", "nose-curve-convex", "nose-trans-up",
    "head-scale-horiz-incr", "forehead-trans-forward", "eyebrows-angle-up",
)  # fmt: skip
_TASTE = {
    "eye-scale-incr": 0.3, "eye-height2-incr": 0.2,
    "nose-scale-horiz-incr": -0.35, "nose-point-width-incr": -0.25, "nose-scale-depth-incr": 0.15,
    "mouth-lowerlip-volume-incr": -0.25, "mouth-upperlip-volume-incr": -0.35, "mouth-upperlip-height-incr": -0.3,
    "mouth-angles-up": 0.2, "mouth-scale-horiz-incr": 0.2,
    "measure-shoulder-dist-incr": -0.5, "torso-scale-horiz-incr": -0.1,
}  # fmt: skip
"""What every character shares: open eyes, a friendly mouth, shoulders that fit the picture."""

_SKINS: tuple[RGB, ...] = (
    (0.53, 0.335, 0.25),
    (0.47, 0.28, 0.195),
    (0.36, 0.20, 0.13),
    (0.22, 0.115, 0.07),
    (0.11, 0.058, 0.038),
)
_HAIRS: tuple[RGB, ...] = (
    (0.30, 0.16, 0.075),
    (0.13, 0.062, 0.03),
    (0.078, 0.039, 0.021),
    (0.022, 0.015, 0.012),
    (0.34, 0.12, 0.045),
)
_IRISES: tuple[RGB, ...] = ((0.11, 0.05, 0.022), (0.20, 0.12, 0.05), (0.13, 0.17, 0.10), (0.10, 0.155, 0.21))
_CLOTHES: tuple[RGB, ...] = (
    (0.05, 0.16, 0.17),
    (0.50, 0.20, 0.08),
    (0.45, 0.36, 0.24),
    (0.05, 0.08, 0.17),
    (0.32, 0.05, 0.06),
    (0.13, 0.19, 0.10),
)
_WALLS: tuple[RGB, ...] = ((0.26, 0.30, 0.31), (0.36, 0.31, 0.26), (0.22, 0.26, 0.34), (0.33, 0.34, 0.33))


@dataclass(frozen=True, kw_only=True)
class CharacterConfig:
    """One character. Everything that is random about it comes from `seed`."""

    seed: int
    shape: dict[str, float]
    """Parameters of `AnnyBody`'s shape code; age 0.67 is a young adult, gender 1 is female."""
    expression: dict[str, float]
    """ARKit coefficients of the resting face."""
    body_yaw_deg: float
    """Turn of the shoulders; the head turns back to the camera."""
    head_yaw_deg: float
    head_roll_deg: float
    skin: RGB
    """Albedo of the cheek under make-up-free skin."""
    freckles: float
    """0 to 1."""
    iris: RGB
    hair: RGB
    """Albedo of a strand."""
    hair_length_m: float
    hair_wave_m: float
    """Amplitude of the waves."""
    hair_part_m: float
    """Where the hair parts, from the middle to the subject's left."""
    hair_volume_m: float
    """Thickness of the hair over the scalp."""
    clothes: RGB
    wall: RGB
    key_azimuth_deg: float
    """Where the main light stands: 0 at the camera, positive to the subject's left (the right of the picture)."""

    @classmethod
    def from_seed(cls, seed: int) -> CharacterConfig:
        """The character of a seed, 0 to 2**32 - 1."""
        if not 0 <= seed < 2**32:
            raise ValueError(f"seed must lie between 0 and 2**32 - 1. Got {seed}.")
        rng = np.random.default_rng([seed, 1])
        shape = {name: float(rng.normal(0, 0.18)) for name in _FACE_CHANGES}
        for name, value in _TASTE.items():
            shape[name] = shape.get(name, 0.0) + value
        tone = float(rng.uniform(0, len(_SKINS) - 1))
        dark = tone / (len(_SKINS) - 1)
        # Dark skin mostly comes with dark hair and eyes.
        hairs, irises = (_HAIRS[1:4], _IRISES[:2]) if dark > 0.45 else (_HAIRS, _IRISES)
        shape |= {
            "gender": float(rng.uniform(0.9, 1.0)),
            "age": float(rng.uniform(0.66, 0.70)),
            "muscle": float(rng.uniform(0.4, 0.55)),
            "weight": float(rng.uniform(0.38, 0.52)),
            "height": float(rng.uniform(0.4, 0.6)),
            "proportions": float(rng.uniform(0.7, 1.0)),
            "caucasian": max(0.0, 1 - 1.6 * dark),
            "african": max(0.0, 1.8 * dark - 0.8),
            "asian": max(0.0, 1 - 2.5 * abs(dark - 0.4)),
        }
        smile = float(rng.uniform(0.34, 0.46))
        side = float(rng.choice([-1.0, 1.0]))
        return cls(
            seed=seed,
            shape=shape,
            expression={
                "mouthSmileLeft": smile + float(rng.normal(0, 0.015)),
                "mouthSmileRight": smile + float(rng.normal(0, 0.015)),
                "cheekSquintLeft": 0.1, "cheekSquintRight": 0.1,
                "eyeSquintLeft": 0.05, "eyeSquintRight": 0.05,
                "browInnerUp": 0.15,
            },
            body_yaw_deg=side * float(rng.uniform(4, 9)),
            head_yaw_deg=-side * float(rng.uniform(0, 3)),
            head_roll_deg=float(rng.normal(0, 1.5)),
            skin=_between(_SKINS, tone),
            freckles=float(rng.uniform(0, 1)),
            iris=irises[rng.integers(len(irises))],
            hair=hairs[rng.integers(len(hairs))],
            hair_length_m=float(rng.uniform(0.225, 0.255)),
            hair_wave_m=float(rng.uniform(0.001, 0.006)),
            hair_part_m=side * float(rng.uniform(0.012, 0.028)),
            hair_volume_m=float(rng.uniform(0.014, 0.020)),
            clothes=_CLOTHES[rng.integers(len(_CLOTHES))],
            wall=_WALLS[rng.integers(len(_WALLS))],
            key_azimuth_deg=-side * float(rng.uniform(32, 45)),
        )  # fmt: skip


def _between(palette: tuple[RGB, ...], place: float) -> RGB:
    """A colour between two neighbours of a palette."""
    low = min(int(place), len(palette) - 2)
    share = place - low
    red, green, blue = (float((1 - share) * a + share * b) for a, b in zip(palette[low], palette[low + 1], strict=True))
    return red, green, blue
