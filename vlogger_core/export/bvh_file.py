"""Reads BVH files (Biovision), whatever their skeleton is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import roma
import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import InputError

MAX_JOINTS, MAX_FRAMES = 1000, 1_000_000
_POSITIONS = ("Xposition", "Yposition", "Zposition")
_ROTATIONS = {"Xrotation": "X", "Yrotation": "Y", "Zrotation": "Z"}


@dataclass(frozen=True, kw_only=True)
class Bvh:
    """A skeleton and how it moves, in the file's own units and axes."""

    names: tuple[str, ...]
    """Root first, parents before their children."""
    parents: tuple[int, ...]
    """-1 for a root."""
    offsets: Float[Tensor, "j 3"]
    """From the parent, at rest."""
    rotmat: Float[Tensor, "t j 3 3"]
    """Each joint's turn against its parent; at rest all are parallel."""
    root: Float[Tensor, "t 3"]
    """Where joint 0 is; its offset where the file has no positions for it."""
    frame_time_s: float


@dataclass
class _Joint:
    name: str
    parent: int
    offset: list[float]
    channels: list[str]


def read_bvh(path: Path) -> Bvh:
    """Read a file.

    Raises:
        InputError: if there is no such file, or it is no BVH file, with the line where it stops to be one.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"There is no BVH file at {path}: choose an existing .bvh file.")
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error}).") from error
    return parse_bvh(text, path.name)


def parse_bvh(text: str, name: str) -> Bvh:
    """As `read_bvh`, from the content of a file called `name`."""
    lines = _Lines(text, name)
    if lines.next() != ["HIERARCHY"]:
        raise lines.wrong("a BVH file begins with HIERARCHY")
    joints: list[_Joint] = []
    words = lines.next()
    while words and words[0] == "ROOT":
        _read_joint(lines, words, -1, joints)
        words = lines.next()
    if words != ["MOTION"] or not joints:
        raise lines.wrong("ROOT with a name, or MOTION, was expected")
    frames, frame_time_s = _frames(lines), _frame_time(lines)
    values = lines.numbers(frames, sum(len(joint.channels) for joint in joints))
    offsets = torch.tensor([joint.offset for joint in joints], dtype=torch.float64)
    rotmat = torch.eye(3, dtype=torch.float64).repeat(frames, len(joints), 1, 1)
    root = offsets[0].repeat(frames, 1)
    start = 0
    for place, joint in enumerate(joints):
        own = values[:, start : start + len(joint.channels)]
        start += len(joint.channels)
        turns = [(i, _ROTATIONS[channel]) for i, channel in enumerate(joint.channels) if channel in _ROTATIONS]
        for i, axis in turns:
            rotmat[:, place] = rotmat[:, place] @ roma.euler_to_rotmat(axis, own[:, i : i + 1], degrees=True)
        if place == 0:
            for i, channel in enumerate(joint.channels):
                if channel in _POSITIONS:
                    root[:, _POSITIONS.index(channel)] = own[:, i]
    return Bvh(
        names=tuple(joint.name for joint in joints),
        parents=tuple(joint.parent for joint in joints),
        offsets=offsets.float(),
        rotmat=rotmat.float(),
        root=root.float(),
        frame_time_s=frame_time_s,
    )


class _Lines:
    """The lines of a file that are not empty, as words."""

    def __init__(self, text: str, name: str) -> None:
        self._lines: Iterator[tuple[int, str]] = iter(
            (number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()
        )
        self._name, self._number = name, 0

    def next(self) -> list[str]:
        """The next line; empty at the end."""
        self._number, line = next(self._lines, (self._number + 1, ""))
        return line.split()

    def numbers(self, rows: int, columns: int) -> Float[Tensor, "t c"]:
        """The next rows of so many numbers."""
        table = np.empty((rows, columns))
        for row in range(rows):
            words = self.next()
            if not words:
                raise self.wrong(f"{rows} frames were announced, the file ends after {row}")
            if len(words) != columns:
                raise self.wrong(f"a frame of {columns} numbers was expected. Got {len(words)}")
            table[row] = self.floats(words)
        return torch.from_numpy(table)

    def floats(self, words: list[str]) -> list[float]:
        try:
            values = [float(word) for word in words]
        except ValueError:
            raise self.wrong("numbers were expected") from None
        if not np.isfinite(values).all():
            raise self.wrong("finite numbers were expected")
        return values

    def wrong(self, what: str) -> InputError:
        return InputError(f"{self._name} is not a BVH file that can be read: line {self._number}: {what}.")


def _read_joint(lines: _Lines, words: list[str], parent: int, joints: list[_Joint]) -> None:
    """A joint and all below it, from the line after the one with its name."""
    stack = [parent]
    while True:
        if words[:1] in (["ROOT"], ["JOINT"]) and len(words) >= 2:
            if len(joints) == MAX_JOINTS:
                raise lines.wrong(f"more than {MAX_JOINTS} joints")
            joints.append(_opened(lines, " ".join(words[1:]), stack[-1]))
            stack.append(len(joints) - 1)
        elif words[:2] == ["End", "Site"]:
            if lines.next() != ["{"] or lines.next()[:1] != ["OFFSET"] or lines.next() != ["}"]:
                raise lines.wrong("an End Site holds one OFFSET")
        elif words == ["}"]:
            stack.pop()
            if len(stack) == 1:
                return
        else:
            raise lines.wrong("JOINT with a name, End Site or a closing brace was expected")
        words = lines.next()


def _opened(lines: _Lines, name: str, parent: int) -> _Joint:
    if lines.next() != ["{"]:
        raise lines.wrong("an opening brace was expected")
    words = lines.next()
    if words[:1] != ["OFFSET"] or len(words) != 4:
        raise lines.wrong("OFFSET with three numbers was expected")
    offset = lines.floats(words[1:])
    words = lines.next()
    known = {*_POSITIONS, *_ROTATIONS}
    if (
        words[:1] != ["CHANNELS"]
        or len(words) < 2
        or words[1] != str(len(words) - 2)
        or not known.issuperset(words[2:])
    ):
        raise lines.wrong(f"CHANNELS with their number and names was expected, such as {', '.join(_ROTATIONS)}")
    return _Joint(name=name, parent=parent, offset=offset, channels=words[2:])


def _frames(lines: _Lines) -> int:
    words = lines.next()
    if words[:1] != ["Frames:"] or len(words) != 2 or not words[1].isdecimal():
        raise lines.wrong("Frames: with their number was expected")
    frames = int(words[1])
    if not 1 <= frames <= MAX_FRAMES:
        raise lines.wrong(f"1 to {MAX_FRAMES} frames were expected")
    return frames


def _frame_time(lines: _Lines) -> float:
    words = lines.next()
    if words[:2] != ["Frame", "Time:"] or len(words) != 3:
        raise lines.wrong("Frame Time: with seconds was expected")
    (frame_time_s,) = lines.floats(words[2:])
    if frame_time_s <= 0:
        raise lines.wrong("the frame time must be positive")
    return frame_time_s
