"""How fast a training goes, and how its weights are averaged."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor


@runtime_checkable
class Pace(Protocol):
    """The settings of a training that its learning rate depends on."""

    @property
    def steps(self) -> int: ...
    @property
    def learning_rate(self) -> float: ...
    @property
    def warmup(self) -> int: ...
    @property
    def cooldown(self) -> float: ...


def learning_rate(pace: Pace, step: int) -> float:
    """Rises over `warmup`, stays, and falls to a fiftieth over the last `cooldown` of the steps, so that a training can
    be made longer or shorter while it stays."""
    warm = min(1.0, (step + 1) / pace.warmup)
    left = (1 - step / max(1, pace.steps)) / pace.cooldown
    return pace.learning_rate * warm * (0.02 + 0.98 * min(1.0, max(0.0, left)))


@torch.no_grad()
def average(pairs: Iterable[tuple[Tensor, Tensor]], step: int, decay: float) -> None:
    """Move running averages towards the weights after `step` updates, faster in the first steps.

    Args:
        pairs: each average with its weight.
    """
    decay = min(decay, (1 + step) / (10 + step))
    for mean, value in pairs:
        mean.lerp_(value, 1 - decay)
