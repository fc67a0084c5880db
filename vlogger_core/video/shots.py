"""Where a clip is cut: a shot is what one camera saw without a break."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from fractions import Fraction
from operator import length_hint

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from ..errors import InputError
from ..progress import Progress, silent
from ..render.fill import box_max

COPY_SIDE = 32
"""Pixels of the small copies that are compared."""
CELL_CHANGE = 0.02
"""A pixel of a copy that differs by more, from all that are next to it, shows something else."""
CUT_CHANGE = 0.15
"""Share of such pixels from which a step may be a cut. A talking person changes less than 0.01 of them."""
CUT_PEAK = 2.5
"""It is one if it is so many times as large as the steps around it, but for one: a cut may be near another."""
AROUND = 4
"""Frames on each side that are compared."""
BACK = 0.5
"""The picture is back if it differs from that before by at most this share of the step."""
GAIN = (0.2, 5.0)
"""How much darker and brighter another exposure may be."""

Frame = Float[Tensor, "3 h w"]


def find_cuts(frames: Iterable[Frame], *, progress: Progress = silent) -> Iterator[int]:
    """The first frames of all shots but the first, as they are found, a few frames late.

    A cut changes most of the picture at one step, by far more than the steps around it. What does so too and is none:
    a flash, or a hand before the lens, if the picture is back within `AROUND` frames; exposure or colour balance that
    leaps and stays. What is not found: a jump cut within the same view, which changes the picture no more than a
    movement does, and a dissolve. A shot of fewer than `AROUND` frames between two of one view counts as a flash.

    Args:
        frames: sRGB, 0 to 1; where the size changes there is a cut.
        progress: called as `progress(done, total)` for each frame; the total is a guess.
    """
    total = length_hint(frames)
    watch = _CutWatch()
    for index, frame in enumerate(frames):
        progress(index, max(total, index + 1))
        yield from watch.add(frame)
    yield from watch.finish()


class OneShot:
    """The same frames, some late, as long as they are of one shot: no frame from beyond a cut is handed on."""

    def __init__(self, frames: Iterable[Frame], fps: Fraction, *, name: str | os.PathLike[str] = "The clip") -> None:
        """
        Args:
            name: how to speak of the clip, such as its path.
        """
        self._frames, self._fps, self._name = frames, fps, name

    def __length_hint__(self) -> int:
        return length_hint(self._frames)

    def __iter__(self) -> Iterator[Frame]:
        """
        Raises:
            InputError: at the first cut, with the frame's number and time.
        """
        watch, held = _CutWatch(), deque()
        for frame in self._frames:
            held.append(frame)
            self._refuse(watch.add(frame))
            while len(held) > watch.waiting:
                yield held.popleft()
        self._refuse(watch.finish())
        yield from held

    def _refuse(self, cuts: Iterable[int]) -> None:
        for cut in cuts:
            raise InputError(
                f"{self._name} is cut at frame {cut} ({float(cut / self._fps):.2f} s): what comes then is another "
                "shot. One shot is wanted: cut the clip there, or split it into its shots and take them one by one."
            )


def split_shots(frames: Iterable[Frame], *, progress: Progress = silent) -> list[tuple[int, int]]:
    """First frame and the one after the last of every shot, in order; none of a clip without frames."""
    count = 0

    def counted() -> Iterator[Frame]:
        nonlocal count
        for frame in frames:
            count += 1
            yield frame

    starts = [0, *find_cuts(counted(), progress=progress)]
    return list(zip(starts, [*starts[1:], count], strict=True)) if count else []


class _CutWatch:
    """Decides on each frame once those after it are known."""

    def __init__(self) -> None:
        self._size: tuple[int, ...] | None = None
        self._copies: dict[int, Tensor] = {}
        self._steps: dict[int, float] = {}
        """How much each frame differs from the one before."""
        self._count = self._decided = 0

    @property
    def waiting(self) -> int:
        """How many of the latest frames are not decided on."""
        return self._count - self._decided

    def add(self, frame: Frame) -> Iterator[int]:
        """The cuts that another frame brings to light."""
        index, size = self._count, tuple(frame.shape)
        if self._size not in (None, size):
            yield from self.finish()
            yield index
        self._size = size
        self._count += 1
        self._copies[index] = F.interpolate(frame.detach().float().cpu()[None], (COPY_SIDE, COPY_SIDE), mode="area")[0]
        if index - 1 in self._copies:
            self._steps[index] = _change(self._copies[index - 1], self._copies[index])
        yield from self._decide(self._count - AROUND)
        for known in (self._copies, self._steps):
            known.pop(index - 2 * AROUND, None)

    def finish(self) -> Iterator[int]:
        """The cuts among the frames that are left: no more will follow."""
        yield from self._decide(self._count)
        self._copies.clear()
        self._steps.clear()

    def _decide(self, stop: int) -> Iterator[int]:
        while self._decided < stop:
            self._decided += 1
            if self._is_cut(self._decided - 1):
                yield self._decided - 1

    def _is_cut(self, index: int) -> bool:
        step = self._steps.get(index, 0.0)
        if step < CUT_CHANGE:
            return False
        near = range(index - AROUND, index + AROUND + 1)
        others = sorted(self._steps[i] for i in near if i in self._steps and i != index)
        if len(others) > 1 and step < CUT_PEAK * others[-2]:
            return False
        before = [self._copies[i] for i in range(index - AROUND, index) if i in self._copies]
        after = [self._copies[i] for i in range(index, index + AROUND) if i in self._copies]
        return all(_change(one, other) > BACK * step for one in before for other in after)


def _change(one: Float[Tensor, "3 h w"], other: Float[Tensor, "3 h w"]) -> float:
    """Share of the picture that differs by more than exposure, colour balance and a step of a pixel can explain."""
    return max(_unexplained(one, other), _unexplained(other, one))


def _unexplained(one: Float[Tensor, "3 h w"], other: Float[Tensor, "3 h w"]) -> float:
    """The same where `other` is explained as a gain and an offset of each channel of `one`."""
    means = [picture.mean((1, 2), keepdim=True) for picture in (one, other)]
    a, b = one - means[0], other - means[1]
    gain = (a * b).sum((1, 2), keepdim=True) / a.square().sum((1, 2), keepdim=True).clamp(min=1e-6)
    lit = gain.clamp(*GAIN) * a
    beyond = (b - box_max(lit, (1, 1), (1, 1))).maximum(-box_max(-lit, (1, 1), (1, 1)) - b)
    return float((beyond.amax(0) > CELL_CHANGE).float().mean())
