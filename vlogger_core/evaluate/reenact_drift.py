"""Whether a long video keeps the colours and the sharpness that it began with."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from ..data.training_clock import FPS
from ..datatypes import Motion
from ..errors import InputError
from ..names import ARKIT_EXPRESSIONS, EXPRESSION_INDEX
from ..pipeline import video_size
from ..progress import Progress, silent
from .image_metrics import gradient, luma
from .process_memory import NOW, memory_mb
from .reenact_cache import FitCache
from .reenact_clips import Sample
from .table import Figure

PORTRAIT = "p04"
FRAMES = 3000
PERIOD = 100
"""Frames after which the motion repeats: so many are compared at both ends."""
SIZE = 256
MOST_PERCENT = 3.0
GROWTH_MB = 64.0
_SWAYS_DEG = {"head": (6.0, 9.0, 3.0), "neck": (3.0, 5.0, 2.0), "spine3": (1.5, 2.0, 1.0)}
"""About x, y and z."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """What some frames look like on average."""

    colour: Float[Tensor, "3"]
    gradient_energy: float

    def change_percent(self, later: Look) -> tuple[float, float]:
        """How far colour (the channel that changed most) and gradient energy have gone."""
        colour = ((later.colour - self.colour).abs() / self.colour.clamp(min=1e-3)).max().item()
        energy = abs(later.gradient_energy - self.gradient_energy) / max(self.gradient_energy, 1e-9)
        return 100 * colour, 100 * energy


class Looks:
    """Sums over frames."""

    def __init__(self) -> None:
        self._colour, self._energy, self._count = torch.zeros(3), 0.0, 0

    def add(self, frame: Float[Tensor, "3 h w"]) -> None:
        self._colour += frame.mean((1, 2))
        self._energy += gradient(luma(frame)).square().mean().item()
        self._count += 1

    def mean(self) -> Look:
        return Look(colour=self._colour / self._count, gradient_energy=self._energy / self._count)


def recurring_motion(num_frames: int, fps: Fraction = FPS, period: int = PERIOD) -> Motion:
    """A talking, nodding, blinking person who does exactly the same every `period` frames."""
    phase = 2 * math.pi * (torch.arange(num_frames) % period) / period
    expression = torch.zeros(num_frames, len(ARKIT_EXPRESSIONS))
    expression[:, EXPRESSION_INDEX["jawOpen"]] = 0.25 * (torch.sin(8 * phase) * torch.sin(phase)).clamp(min=0)
    expression[:, EXPRESSION_INDEX["mouthFunnel"]] = 0.2 * torch.sin(5 * phase).clamp(min=0)
    for name in ("eyeBlinkLeft", "eyeBlinkRight"):
        expression[:, EXPRESSION_INDEX[name]] = (1 - (phase - math.pi).abs() / 0.19).clamp(0, 1)
    turns = [
        torch.stack([amount * torch.sin((i + 1) * phase) for i, amount in enumerate(amounts)], -1)
        for amounts in _SWAYS_DEG.values()
    ]
    return Motion(
        fps=fps,
        expression=expression,
        joint_names=tuple(_SWAYS_DEG),
        joint_rotvec=torch.stack(turns, 1).deg2rad(),
        translation=torch.zeros(num_frames, 3),
    )


def drift_figures(
    portraits: list[Path], sample: Sample, cache: FitCache, *, num_frames: int = FRAMES, progress: Progress = silent
) -> list[Figure]:
    """Sample a long video and compare its last `PERIOD` frames with its first.

    Raises:
        InputError: if `num_frames` is no multiple of `PERIOD`, or too small.
    """
    if num_frames % PERIOD or num_frames < 2 * PERIOD:
        raise InputError(f"--frames must be a multiple of {PERIOD}, at least {2 * PERIOD}. Got {num_frames}.")
    path = next((path for path in portraits if path.stem.startswith(PORTRAIT)), portraits[0])
    fit = cache.photo(path, lambda *_: progress(0, num_frames))
    size = video_size(fit.camera.width, fit.camera.height, SIZE)
    first, last = Looks(), Looks()
    settled: float | None = None
    frames = sample(fit, recurring_motion(num_frames), size, lambda *_: progress(done, num_frames))
    done = 0
    for t, frame in enumerate(frames):
        done = t
        progress(t, num_frames)
        if t < PERIOD:
            first.add(frame)
        if t >= num_frames - PERIOD:
            last.add(frame)
        if t == PERIOD:
            settled = memory_mb(NOW)
    progress(1, 1)
    now = memory_mb(NOW)
    colour, energy = first.mean().change_percent(last.mean())
    on = f"{path.stem[:3]}, {num_frames} frames"
    note = f"the last {PERIOD} frames beside the first, the same poses, {size[1]} x {size[0]} px"
    return [
        Figure(what="change of mean colour", on=on, reached=colour, unit="%", asked=MOST_PERCENT, note=note),
        Figure(what="change of gradient energy", on=on, reached=energy, unit="%", asked=MOST_PERCENT),
        Figure(
            what="growth of memory", on=on, reached=None if now is None or settled is None else now - settled,
            unit="MB", asked=GROWTH_MB, note=f"after frame {PERIOD}",
        ),
    ]  # fmt: skip
