"""What a video model is steered by, frame by frame, and where it comes from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..datatypes import MapFrames
from ..names import PARTS
from ..progress import Progress

PERSON_STEP = 1 / 512
"""Half a step of eight bits: less of the person is not seen."""


@dataclass(frozen=True, kw_only=True)
class ControlFrames:
    """The controls of some clips (paper section 3.1), and the photos that they move. All values are 0 to 1."""

    dense: Float[Tensor, "b t 3 h w"]
    """Template vertex position over the template's bounding box; 0 where there is no body."""
    parts: Float[Tensor, "b t p h w"]
    """`names.PARTS`, one-hot; averages of it where it was scaled down."""
    warp: Float[Tensor, "b t 3 h w"]
    """The whole photo carried along, hair and clothes included: `MapFrames.warp_flow`, or a picture in its stead."""
    warp_valid: Float[Tensor, "b t 1 h w"]
    """How far `warp` can be relied on: `MapFrames.warp_flow_confidence`."""
    background: Float[Tensor, "b 3 h w"]
    """What is behind the person, painted where the photo does not show it."""
    matte: Float[Tensor, "b t 1 h w"]
    """1 where `warp` shows the person, hair and clothes included, even if only a little; 0 elsewhere."""
    reference: Float[Tensor, "b 3 h w"]
    """The photo."""
    picture: Float[Tensor, "b t 3 h w"] | None = None
    """Of a video that is edited, what its model starts from in place of warp over background."""
    fresh: Float[Tensor, "b t 1 h w"] | None = None
    """Of a video that is edited, 1 where it is made anew and 0 where `picture` stays as it is."""

    def __post_init__(self) -> None:
        b, t, _, h, w = self.dense.shape
        if (self.picture is None) != (self.fresh is None):
            raise ValueError("ControlFrames must hold picture and fresh, or neither. Got one of them.")
        for name, shape in {
            "parts": (b, t, self.parts.shape[2], h, w),
            "warp": (b, t, 3, h, w),
            "warp_valid": (b, t, 1, h, w),
            "background": (b, 3, h, w),
            "matte": (b, t, 1, h, w),
            "reference": (b, 3, h, w),
            "picture": (b, t, 3, h, w),
            "fresh": (b, t, 1, h, w),
        }.items():
            if getattr(self, name) is not None and tuple(getattr(self, name).shape) != shape:
                raise ValueError(
                    f"ControlFrames.{name} must have the shape {shape}, as dense has it. "
                    f"Got {tuple(getattr(self, name).shape)}."
                )

    @property
    def num_frames(self) -> int:
        return self.dense.shape[1]

    @property
    def size(self) -> tuple[int, int]:
        """(h, w)"""
        return self.dense.shape[-2], self.dense.shape[-1]

    def composite(self) -> Float[Tensor, "b t 3 h w"]:
        """The person, carried along, over the background, or `picture`: what a video model starts from."""
        if self.picture is not None:
            return self.picture
        return torch.lerp(self.background[:, None], self.warp, self.matte)

    def slice(self, start: int, stop: int) -> ControlFrames:
        """The frames `[start, stop)`."""
        return replace(self, **{name: value[:, start:stop] for name, value in self._held(_PER_FRAME).items()})

    def to(self, *args, **kwargs) -> ControlFrames:
        """As `Tensor.to`."""
        held = self._held([field.name for field in fields(self)])
        return replace(self, **{name: value.to(*args, **kwargs) for name, value in held.items()})

    def _held(self, names: Iterable[str]) -> dict[str, Tensor]:
        """Those of the named tensors that there are."""
        return {name: value for name in names if (value := getattr(self, name)) is not None}


_PER_FRAME = ("dense", "parts", "warp", "warp_valid", "matte", "picture", "fresh")


def from_maps(
    maps: MapFrames, *, background: Float[Tensor, "3 h w"], reference: Float[Tensor, "3 h w"]
) -> ControlFrames:
    """Controls of one clip (b = 1) from its rendered `dense`, `parts` and `warp_flow` with its confidence.

    `warp_flow` lies over the background already, so the matte is 1 wherever the two differ or, if the maps hold
    `warp_flow_matte`, the person merely has the background's colour.

    Args:
        background: what `warp_flow` lies over.
    """
    dense, parts, warp, valid = maps.dense, maps.parts, maps.warp_flow, maps.warp_flow_confidence
    if dense is None or parts is None or warp is None or valid is None:
        raise ValueError("maps must hold dense, parts and warp_flow. Got others.")
    person = (warp - background).abs().amax(1)
    if maps.warp_flow_matte is not None:
        person = torch.maximum(person, maps.warp_flow_matte)
    return ControlFrames(
        dense=dense[None],
        parts=one_hot_parts(parts)[None],
        warp=warp[None],
        warp_valid=valid[None, :, None],
        background=background[None],
        matte=(person > PERSON_STEP).float()[None, :, None],
        reference=reference[None],
    )


def join_frames(pieces: Sequence[ControlFrames]) -> ControlFrames:
    """The frames of all the pieces, one after the other, on the background and with the reference of the first."""
    names = pieces[0]._held(_PER_FRAME)
    joined = {name: torch.cat([getattr(piece, name) for piece in pieces], dim=1) for name in names}
    return replace(pieces[0], **joined)


def one_hot_parts(parts: Int[Tensor, "*batch h w"]) -> Float[Tensor, "*batch p h w"]:
    """Indices into `names.PARTS` as one plane for each."""
    planes = torch.arange(len(PARTS), device=parts.device, dtype=torch.uint8)[:, None, None]
    return (parts.byte()[..., None, :, :] == planes).float()


@runtime_checkable
class ControlSource(Protocol):
    """Controls of a video of any length, made when they are asked for."""

    @property
    def num_frames(self) -> int: ...

    @property
    def size(self) -> tuple[int, int]:
        """(h, w)"""
        ...

    def frames(self, start: int, stop: int, progress: Progress) -> ControlFrames:
        """The frames `[start, stop)` of the one clip (b = 1).

        Args:
            progress: called at least once a second, as `progress(done, stop - start)`; it may raise to stop the work.
        """
        ...
