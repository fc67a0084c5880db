"""Figures asked for beside figures reached, as a table and as a file."""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from ..errors import InputError

_CPU_INFO = Path("/proc/cpuinfo")
_HEADER: tuple[str, ...] = ("what", "on", "asked", "reached", "")


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One line of an evaluation."""

    what: str
    on: str
    """The data it was measured on."""
    reached: float | None
    """None if it could not be measured, which misses whatever was asked."""
    unit: str = ""
    asked: float | None = None
    """None for what is only told."""
    at_least: bool = False
    """Whether more is better. Else `asked` is the most that is allowed."""
    up_to: float | None = None
    """The most that is allowed where `asked` is the least: both are wrong, too little and too much."""
    note: str = ""

    @property
    def met(self) -> bool:
        if self.asked is None:
            return True
        if self.reached is None or math.isnan(self.reached):
            return False
        if self.up_to is not None:
            return self.asked <= self.reached <= self.up_to
        return self.reached >= self.asked if self.at_least else self.reached <= self.asked


def format_table(figures: Sequence[Figure]) -> str:
    """Aligned columns; what misses its figure is marked."""
    rows = [_HEADER]
    for figure in figures:
        asked = _asked(figure)
        reached = "-" if figure.reached is None else f"{_number(figure.reached)} {figure.unit}".rstrip()
        verdict = "" if figure.asked is None else "met" if figure.met else "MISSED"
        rows.append((figure.what, figure.on, asked, reached, f"{verdict}  {figure.note}".strip()))
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEADER))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def _asked(figure: Figure) -> str:
    if figure.asked is None:
        return ""
    if figure.up_to is not None:
        return f"{_number(figure.asked)} to {_number(figure.up_to)} {figure.unit}".rstrip()
    sign = ">=" if figure.at_least else "<="
    return f"{sign} {_number(figure.asked)} {figure.unit}".rstrip()


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def write_json(figures: Iterable[Figure], path: Path) -> None:
    """The figures as a file, which appears whole or not at all.

    Raises:
        InputError: if it cannot be written.
    """
    rows = [{**asdict(figure), "met": figure.met} for figure in figures]
    content = {"figures": rows, "met": all(row["met"] for row in rows), "hardware": hardware()}
    partial = path.with_name(f".{path.name}-{uuid.uuid4().hex}")
    try:
        partial.write_text(json.dumps(content, indent=1) + "\n")
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise InputError(
            f"Cannot write {path} ({error.strerror or error}). Choose a place you may write to."
        ) from error


def exit_code(figures: Iterable[Figure]) -> int:
    """0 if all figures are met, else 1."""
    return 0 if all(figure.met for figure in figures) else 1


def hardware() -> str:
    """The machine that times were taken on, in one line."""
    name = platform.processor() or platform.machine()
    if _CPU_INFO.is_file():
        models = [
            line.partition(":")[2] for line in _CPU_INFO.read_text().splitlines() if line.startswith("model name")
        ]
        name = models[0].strip() if models else name
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return f"{name}, {os.cpu_count()} cores{load}, {platform.system()}, torch {torch.__version__}"


def chosen_parts(only: str | None, parts: Sequence[str]) -> tuple[str, ...]:
    """The parts of an evaluation that `--only` names, in the usual order; None names all.

    Raises:
        InputError: if there is no such part.
    """
    if only is None:
        return tuple(parts)
    wanted = [part.strip() for part in only.split(",")]
    unknown = [part for part in wanted if part not in parts]
    if unknown:
        raise InputError(f"--only takes {', '.join(parts)}, with commas between. Got {', '.join(unknown)!r}.")
    return tuple(part for part in parts if part in wanted)


def check_ranges(args: argparse.Namespace, limits: Mapping[str, tuple[float, float]]) -> None:
    """
    Args:
        limits: the smallest and the largest value of options, by the names that `args` has for them.

    Raises:
        InputError: if an option is out of its range.
    """
    for name, (smallest, largest) in limits.items():
        value = getattr(args, name)
        if not smallest <= value <= largest:
            raise InputError(f"--{name.replace('_', '-')} must lie in {smallest:g} to {largest:g}. Got {value}.")
