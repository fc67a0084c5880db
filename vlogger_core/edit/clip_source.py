"""Where the frames of a clip that is edited come from, some at a time, so that its length does not matter."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from ..errors import InputError
from ..progress import Progress, counted, silent
from ..video.reader import VideoReader

_MOST_CURSORS = 8
"""Readers of one file that are open at once: more than a cascade has stages."""
_KEPT_FRAMES = 64
"""More than lie between the stages of a cascade."""


@runtime_checkable
class ClipSource(Protocol):
    """The pictures of a clip, RGB, 0 to 1. May be asked for any frames in any order, best forwards."""

    @property
    def num_frames(self) -> int: ...

    @property
    def size(self) -> tuple[int, int]:
        """(h, w)"""
        ...

    def frames(self, start: int, stop: int, progress: Progress) -> Float[Tensor, "t 3 h w"]:
        """The frames `[start, stop)`.

        Args:
            progress: called at least once a second; it may raise to stop the work.
        """
        ...


@runtime_checkable
class MaskSource(Protocol):
    """Where each frame of a clip is made anew: 1 there, 0 where it stays, between them at soft edges.

    `edit.mask.EditMask` is one.
    """

    @property
    def num_frames(self) -> int: ...

    @property
    def size(self) -> tuple[int, int]:
        """(h, w)"""
        ...

    def frames(self, start: int, stop: int, progress: Progress) -> Float[Tensor, "t h w"]:
        """Of the frames `[start, stop)`; `progress` as for `ClipSource`."""
        ...


@dataclass(frozen=True)
class TensorClip:
    """A clip that is in memory."""

    pictures: Float[Tensor, "t 3 h w"]

    @property
    def num_frames(self) -> int:
        return len(self.pictures)

    @property
    def size(self) -> tuple[int, int]:
        return self.pictures.shape[-2], self.pictures.shape[-1]

    def frames(self, start: int, stop: int, progress: Progress = silent) -> Float[Tensor, "t 3 h w"]:
        """See `ClipSource`."""
        progress(0, stop - start)
        return self.pictures[start:stop].float().cpu()


@dataclass(frozen=True)
class TensorMask:
    """Masks that are in memory."""

    planes: Float[Tensor, "t h w"]

    @property
    def num_frames(self) -> int:
        return len(self.planes)

    @property
    def size(self) -> tuple[int, int]:
        return self.planes.shape[-2], self.planes.shape[-1]

    def frames(self, start: int, stop: int, progress: Progress = silent) -> Float[Tensor, "t h w"]:
        """See `MaskSource`."""
        progress(0, stop - start)
        return self.planes[start:stop].float().cpu()


class KeptMasks:
    """Masks in eight bits, of which those that were asked for last are not made again for every stage."""

    def __init__(self, masks: MaskSource) -> None:
        self.num_frames, self.size = masks.num_frames, masks.size
        self.are_empty = True
        """As far as they were asked for."""
        self._masks = masks
        self._kept: dict[int, UInt8[Tensor, "h w"]] = {}

    def frames(self, start: int, stop: int, progress: Progress = silent) -> Float[Tensor, "t h w"]:
        """See `MaskSource`."""
        missing = [t for t in range(start, stop) if t not in self._kept]
        if missing:
            first, last = missing[0], missing[-1] + 1
            made = self._masks.frames(first, last, progress)
            planes = (made * 255).round().byte().cpu()
            self.are_empty = self.are_empty and not planes.any()
            self._kept |= zip(range(first, last), planes, strict=True)
        found = torch.stack([self._kept[t] for t in range(start, stop)]).float() / 255
        for t in sorted(self._kept)[:-_KEPT_FRAMES]:
            del self._kept[t]
        return found


class FileClip:
    """A clip in a file. Stages that read it at different places have a reader each, so that none begins anew."""

    def __init__(self, path: str | os.PathLike[str], *, progress: Progress = silent) -> None:
        """
        Args:
            progress: called while the frames are counted, for which the file is read once: no header tells how many
                there are.

        Raises:
            InputError: see `VideoReader`.
        """
        self.reader = VideoReader(path)
        self.num_frames = 0
        hint = max(1, self.reader.__length_hint__())
        for frame in self.reader:
            self.size = frame.shape[-2], frame.shape[-1]
            self.num_frames += 1
            progress(min(self.num_frames, hint), hint)
        self._cursors: list[_Cursor] = []

    def frames(self, start: int, stop: int, progress: Progress = silent) -> Float[Tensor, "t 3 h w"]:
        """See `ClipSource`.

        Raises:
            InputError: if the file cannot be decoded, or ends early.
        """
        behind = [cursor for cursor in self._cursors if cursor.at <= start]
        cursor = max(behind, key=lambda one: one.at, default=None)
        if cursor is None:
            cursor = _Cursor(frames=iter(self.reader))
        else:
            self._cursors.remove(cursor)
        # The longest unused one is closed first.
        self._cursors = [*self._cursors, cursor][-_MOST_CURSORS:]
        count = stop - cursor.at
        found = list(islice(counted(islice(cursor.frames, count), count, progress), start - cursor.at, None))
        cursor.at = stop
        if len(found) < stop - start:
            raise InputError(
                f"{self.reader.path} ends at frame {start + len(found)}, and frame {stop - 1} was asked for: it is "
                "damaged, or shorter than the motion. Convert it, and track the result."
            )
        return torch.stack(found)


@dataclass
class _Cursor:
    """A reader that stands at a frame."""

    frames: Iterator[Tensor]
    at: int = 0
