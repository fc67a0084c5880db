"""How smoothly a person moves: what the differences between consecutive frames cost.

Noise is smoothed away; blinks, which last three or four frames, and lips that close for two are not.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..names import ARKIT_EXPRESSIONS, SMPLX_JOINTS

TUNED_FPS = 25.0
"""Frame rate to which the figures below belong; at others they follow the time between frames."""


@dataclass(frozen=True, kw_only=True)
class Smoothness:
    """How much a parameter changes from one frame to the next (`step`) and how much that changes (`bend`)."""

    step: float
    bend: float


_EXPRESSION_SMOOTHNESS = {
    "eyeBlink": Smoothness(step=3.0, bend=1.2),
    "eyeSquint": Smoothness(step=0.15, bend=0.08),
    "eyeWide": Smoothness(step=0.2, bend=0.1),
    "jaw": Smoothness(step=0.3, bend=0.15),
    "mouthClose": Smoothness(step=1.0, bend=0.5),
    "mouth": Smoothness(step=0.3, bend=0.12),
    "brow": Smoothness(step=0.15, bend=0.05),
    "cheek": Smoothness(step=0.15, bend=0.06),
    "nose": Smoothness(step=0.15, bend=0.06),
    "tongue": Smoothness(step=0.1, bend=0.1),
    "eyeLook": Smoothness(step=0.4, bend=0.25),
}
"""Of expression channels by how their names begin. Lids and eyes jump; lips and jaw turn within two frames."""
_GAZE_SMOOTHNESS = Smoothness(step=0.12, bend=0.06)
_HEAD_SMOOTHNESS = Smoothness(step=0.02, bend=0.0005)
"""Where the head joint is, metres."""
_PELVIS_SMOOTHNESS = Smoothness(step=0.005, bend=0.0005)
"""Where the pelvis is, metres."""
_JOINT_SMOOTHNESS_DEG = {
    ("pelvis", "spine1", "spine2", "spine3"): Smoothness(step=0.4, bend=0.06),
    ("neck", "head"): Smoothness(step=2.0, bend=0.12),
    ("left_collar", "right_collar"): Smoothness(step=1.0, bend=0.3),
    ("left_shoulder", "right_shoulder", "left_elbow", "right_elbow"): Smoothness(step=6.0, bend=1.5),
    ("left_wrist", "right_wrist"): Smoothness(step=8.0, bend=2.5),
}
_FINGER_SMOOTHNESS_DEG = Smoothness(step=8.0, bend=3.0)


@dataclass(frozen=True, kw_only=True)
class Sigmas:
    """(step, bend) of each field of `Poses`, at a frame rate."""

    head: tuple[Tensor, Tensor]
    pelvis: tuple[Tensor, Tensor]
    joints: tuple[Tensor, Tensor]
    expression: tuple[Tensor, Tensor]
    gaze: tuple[Tensor, Tensor]

    def of_joints(self, joints: list[int]) -> tuple[Tensor, Tensor]:
        return self.joints[0][joints], self.joints[1][joints]

    @staticmethod
    def at(fps: float) -> Sigmas:
        # A random walk spreads with the square root of time, an integrated one with its power of 3/2.
        step, bend = (TUNED_FPS / fps) ** 0.5, (TUNED_FPS / fps) ** 1.5

        def one(smoothness: Smoothness) -> tuple[Tensor, Tensor]:
            return torch.tensor(smoothness.step * step), torch.tensor(smoothness.bend * bend)

        joints = [_of_joint(name) for name in SMPLX_JOINTS]
        channels = [_of_channel(name) for name in ARKIT_EXPRESSIONS]
        return Sigmas(
            head=one(_HEAD_SMOOTHNESS),
            pelvis=one(_PELVIS_SMOOTHNESS),
            joints=(
                torch.tensor([[each.step * step] for each in joints]).deg2rad(),
                torch.tensor([[each.bend * bend] for each in joints]).deg2rad(),
            ),
            expression=(
                torch.tensor([each.step * step for each in channels]),
                torch.tensor([each.bend * bend for each in channels]),
            ),
            gaze=one(_GAZE_SMOOTHNESS),
        )


def _of_joint(name: str) -> Smoothness:
    named = [smoothness for joints, smoothness in _JOINT_SMOOTHNESS_DEG.items() if name in joints]
    return named[0] if named else _FINGER_SMOOTHNESS_DEG


def _of_channel(name: str) -> Smoothness:
    return next(smoothness for start, smoothness in _EXPRESSION_SMOOTHNESS.items() if name.startswith(start))


def roughness(path: Float[Tensor, "t *d"], sigma: tuple[Tensor, Tensor], *, sudden: bool = False) -> Float[Tensor, ""]:
    """Energy of first and second differences. What may start suddenly pays for it linearly (pseudo-Huber)."""
    step = path.diff(dim=0)
    bend = (step.diff(dim=0) / sigma[1]).square()
    return (step / sigma[0]).square().sum() / 2 + (
        (4 * ((1 + bend / 4).sqrt() - 1)).sum() if sudden else bend.sum() / 2
    )
