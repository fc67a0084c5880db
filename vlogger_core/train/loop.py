"""The loop that every training runs: steps, what is told of them, and what is kept."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from .curves import Curves

log = logging.getLogger(__name__)


@runtime_checkable
class Trainer(Protocol):
    """What is trained."""

    step: int
    """Updates so far."""
    sums: dict[str, float]
    """Of the loss terms since they were told last; part of the state, so that a resumed log is the same."""

    def train_step(self) -> dict[str, float]:
        """One update; returns the loss terms."""
        ...


@dataclass(frozen=True, kw_only=True)
class TrainingLog:
    """Where figures of a step go: the log, `log.jsonl` and curves."""

    path: Path
    curves: Curves | None = None

    def tell(self, step: int, line: Mapping[str, float]) -> None:
        log.info("step %d  %s", step, "  ".join(f"{name} {value:g}" for name, value in line.items()))
        with self.path.open("a") as file:
            file.write(json.dumps({"step": step, **line}) + "\n")
        if self.curves:
            for name, value in line.items():
                self.curves.add_scalar(name, value, step)

    def forget_after(self, step: int) -> None:
        """Drop the lines that a run wrote after the state it now goes on from."""
        if self.path.is_file():
            lines = [line for line in self.path.read_text().splitlines() if json.loads(line)["step"] <= step]
            self.path.write_text("".join(f"{line}\n" for line in lines))


def run_steps(
    trainer: Trainer,
    last: int,
    *,
    tell: Callable[[int, Mapping[str, float]], None],
    keep: Callable[[], None],
    log_every: int,
    save_every: int,
) -> None:
    """Train up to the step `last`.

    Args:
        tell: gets the mean loss terms, seconds a step and hours left, every `log_every` steps.
        keep: is called every `save_every` steps and after the last one.
    """
    started, first = time.monotonic(), trainer.step
    while trainer.step < last:
        for name, value in trainer.train_step().items():
            trainer.sums[name] = trainer.sums.get(name, 0.0) + value
        step = trainer.step
        if step % log_every == 0:
            seconds = (time.monotonic() - started) / (step - first)
            means = {name: round(value / log_every, 6) for name, value in trainer.sums.items()}
            left = round(seconds * (last - step) / 3600, 2)
            tell(step, {**means, "seconds_per_step": round(seconds, 3), "hours_left": left})
            trainer.sums = {}
        if step % save_every == 0 or step == last:
            keep()
