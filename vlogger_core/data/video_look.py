"""What a random person of the video corpus looks like: skin, hair, beard, clothes, eyes and light, from a seed."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from ..character.config import RGB, CharacterConfig
from ..character.lighting import towards

HAIR_STYLES: dict[str, float] = {"bald": 0.07, "buzz": 0.10, "crop": 0.33, "long": 0.40, "tied": 0.10}
"""And how often each is drawn."""
GARMENTS: dict[str, float] = {"crew": 0.35, "vneck": 0.2, "turtleneck": 0.1, "shirt": 0.15, "jacket": 0.2}
PATTERNS: dict[str, float] = {"plain": 0.5, "heather": 0.2, "stripes": 0.12, "pinstripes": 0.08, "plaid": 0.1}
GLASSES_SHARE = 0.2
SLEEVES_M: dict[str, float] = {"none": 0.185, "short": 0.26, "long": 0.425}
"""How far from the body's middle the sleeve ends on the template, whose arms stand off by 45 degrees."""


@dataclass(frozen=True, kw_only=True)
class Light:
    """Light from far away, linear."""

    direction: tuple[float, float, float]
    """Unit, towards the light."""
    colour: RGB


@dataclass(frozen=True, kw_only=True)
class Look:
    """Everything about a person but the body. Drawn by `Look.draw`."""

    character: CharacterConfig
    """Skin, freckles, irises and colour of the hair."""
    hair_style: str
    """One of `HAIR_STYLES`."""
    hair_length_m: float
    """Of a strand; of long hair how far below the eyes it ends."""
    hair_layer_m: float
    """Thickness of the hair over the scalp."""
    hair_part_m: float
    hair_wave_m: float
    beard: float
    """0 none, 0.5 stubble, 1 full."""
    glasses: RGB | None
    """Colour of the rims; None for those who wear none."""
    garment: str
    pattern: str
    sleeve_m: float
    cloth: RGB
    second_cloth: RGB
    """Of the pattern, or of what shows under a jacket."""
    cloth_thickness_m: float
    lights: tuple[Light, ...]
    """The first one casts shadows."""
    sky: RGB
    """Light from above that comes from everywhere."""
    ground: RGB
    exposure: float
    """What the mean brightness of the person's brighter half is brought to, sRGB."""

    @classmethod
    def draw(cls, rng: np.random.Generator, *, female: float) -> Look:
        """A look.

        Args:
            female: 0 to 1; beards and long hair go with it more often than not.
        """
        style = str(rng.choice(list(HAIR_STYLES), p=_odds(_styles(female))))
        lights, sky, ground = _lights(rng)
        garment = str(rng.choice(list(GARMENTS), p=_odds(GARMENTS)))
        sleeve = "long" if garment in ("jacket", "shirt") else str(rng.choice(list(SLEEVES_M), p=(0.1, 0.4, 0.5)))
        return cls(
            character=_character(rng),
            hair_style=style,
            hair_length_m=_hair_length_m(style, rng),
            hair_layer_m=float(rng.uniform(0.008, 0.030)),
            hair_part_m=float(rng.uniform(-0.035, 0.035)),
            hair_wave_m=float(rng.uniform(0, 0.008) * (rng.random() < 0.6)),
            beard=0.0 if rng.random() < 0.45 + 0.9 * female else float(rng.choice([0.35, 0.6, 1.0])),
            glasses=_rims(rng) if rng.random() < GLASSES_SHARE else None,
            garment=garment,
            pattern=str(rng.choice(list(PATTERNS), p=_odds(PATTERNS))),
            sleeve_m=SLEEVES_M[sleeve],
            cloth=_cloth(rng),
            second_cloth=_cloth(rng),
            cloth_thickness_m=float(rng.uniform(0.004, 0.014)),
            lights=lights,
            sky=sky,
            ground=ground,
            exposure=float(rng.uniform(0.42, 0.70)),
        )

    def relit(self, rng: np.random.Generator) -> Look:
        """The same person in another light."""
        lights, sky, ground = _lights(rng)
        return replace(self, lights=lights, sky=sky, ground=ground, exposure=float(rng.uniform(0.42, 0.70)))


def _styles(female: float) -> dict[str, float]:
    longer = 0.25 + 1.5 * female
    odds = {**HAIR_STYLES, "long": HAIR_STYLES["long"] * longer, "tied": HAIR_STYLES["tied"] * longer}
    return {**odds, "bald": odds["bald"] * (1.2 - female), "crop": odds["crop"] * (1.5 - female)}


def _odds(weights: dict[str, float]) -> np.ndarray:
    values = np.array(list(weights.values()))
    return values / values.sum()


def _hair_length_m(style: str, rng: np.random.Generator) -> float:
    spans = {
        "bald": (0.0, 0.0),
        "buzz": (0.004, 0.008),
        "crop": (0.015, 0.055),
        "long": (0.02, 0.30),
        "tied": (0.1, 0.1),
    }
    return float(rng.uniform(*spans[style]))


def _character(rng: np.random.Generator) -> CharacterConfig:
    """The shipped character's palettes, and beside them grey, white and fair hair."""
    drawn = CharacterConfig.from_seed(int(rng.integers(2**32)))
    kind = rng.random()
    if kind < 0.22:
        grey = float(rng.uniform(0.12, 0.5))
        return replace(drawn, hair=(grey, 0.97 * grey, 0.92 * grey))
    if kind < 0.38 and sum(drawn.skin) > 0.7:
        return replace(
            drawn, hair=(float(rng.uniform(0.4, 0.58)), float(rng.uniform(0.26, 0.40)), float(rng.uniform(0.1, 0.2)))
        )
    return drawn


def _rims(rng: np.random.Generator) -> RGB:
    """Black, brown, or bright as metal."""
    rims = ((0.012, 0.012, 0.014), (0.09, 0.035, 0.015), (0.20, 0.19, 0.19), (0.26, 0.17, 0.06))
    red, green, blue = rims[int(rng.choice(4, p=(0.45, 0.25, 0.2, 0.1)))]
    return red, green, blue


def _cloth(rng: np.random.Generator) -> RGB:
    """Mostly muted, some white, some black, some vivid."""
    kind = rng.random()
    if kind < 0.2:
        grey = float(rng.uniform(0.5, 0.8))
        return grey, grey, grey
    if kind < 0.45:
        grey = float(rng.uniform(0.012, 0.05))
        return grey, grey, float(grey * rng.uniform(1, 1.6))
    base = rng.uniform(0.03, 0.5)
    chroma = rng.dirichlet((1.2, 1.2, 1.2)) * 3
    red, green, blue = (float(np.clip(base * (0.4 + 0.6 * c), 0.01, 0.85)) for c in chroma)
    return red, green, blue


def _lights(rng: np.random.Generator) -> tuple[tuple[Light, ...], RGB, RGB]:
    """A main light, one across from it, sometimes one from behind; warm or cold; soft or hard."""
    azimuth = float(rng.uniform(-65, 65))
    warmth = float(rng.normal(0, 0.10))
    contrast = float(rng.uniform(0.25, 1.0))

    def light(azimuth_deg: float, height_deg: float, strength: float, tint: float) -> Light:
        x, y, z = towards(azimuth_deg, height_deg)
        return Light(direction=(x, y, z), colour=(strength * (1 + tint), strength, strength * (1 - tint)))

    lights = [light(azimuth, float(rng.uniform(5, 60)), contrast, warmth)]
    lights.append(light(-azimuth * rng.uniform(0.5, 1.3), float(rng.uniform(-10, 35)), 0.35 * rng.random(), -warmth))
    if rng.random() < 0.45:
        side = math.copysign(float(rng.uniform(120, 165)), rng.normal())
        lights.append(light(side, float(rng.uniform(10, 50)), float(rng.uniform(0.3, 1.2)), float(rng.normal(0, 0.1))))
    around = float(rng.uniform(0.25, 0.6))
    sky = (around * (1 - 0.5 * warmth), around, around * (1 + 0.5 * warmth))
    below = around * float(rng.uniform(0.3, 0.8))
    return tuple(lights), sky, (below * 1.05, below, below * 0.92)
