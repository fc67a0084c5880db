"""A face that another model makes from the same sound, worn by a motion of ours."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from ..datatypes import Motion
from ..names import ARKIT_EXPRESSIONS
from ..progress import Progress, silent

_EYES = "eye"
_BROWS = "brow"
_FLAT = 0.05
"""Range below which brows do not move."""


@runtime_checkable
class FaceBackend(Protocol):
    """What turns speech into ARKit coefficients."""

    name: str

    def expression(
        self, speech_16k: Float[Tensor, " n"], fps: Fraction, num_frames: int, progress: Progress = silent
    ) -> Float[Tensor, "t 52"]:
        """The coefficients, 0 to 1, of the frames `[i, i + 1) / fps` of mono speech at 16 kHz."""
        ...


def wear_face(motion: Motion, heard: Float[Tensor, "t 52"]) -> Motion:
    """The motion with another face: its mouth, jaw, cheeks and nose, and its brows if they move.

    Lids and gaze stay the motion's own: they go with its head, and speech hardly tells of them.
    """
    brows = [i for i, name in enumerate(ARKIT_EXPRESSIONS) if name.startswith(_BROWS)]
    kept = [i for i, name in enumerate(ARKIT_EXPRESSIONS) if name.startswith(_EYES)]
    if (heard[:, brows].amax(0) - heard[:, brows].amin(0)).max() < _FLAT:
        kept += brows
    expression = heard.to(motion.expression).clone()
    expression[:, kept] = motion.expression[:, kept]
    return replace(motion, expression=expression)
