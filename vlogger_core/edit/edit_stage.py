"""A clip, its edited motion and its masks at one size, as a video model sees them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..datatypes import BodyFit, Motion
from ..errors import InputError
from ..progress import Progress, silent
from ..render.ahead import Poll, frames_at_once, in_order
from ..render.raster import DEFAULT_BACKEND
from ..render.scene import resize
from ..render.stage import open_stage
from ..render.view import View, cut
from ..video.controls import ControlFrames, one_hot_parts
from .clip_source import ClipSource, MaskSource, TensorMask
from .extended_clip import extended_clip
from .mask import EditMask, EditMaskSettings
from .recarry import Recarrier, open_recarrier, with_shut_lids
from .seam import match_colours

MASK_STEP = 1 / 512
"""Half a step of eight bits: less of a mask is none."""


@dataclass(frozen=True, kw_only=True)
class Edit:
    """A clip and what is to become of it.

    Raises:
        InputError: if body, motions or masks do not belong to the clip.
    """

    clip: ClipSource
    fit: BodyFit
    """The person of the clip, fitted to one of its frames."""
    motion: Motion
    """How the person is to move, frame by frame of the clip."""
    before: Motion | None
    """How the person moves in the clip. With it each frame is carried to its new pose; None carries the fit's photo."""
    masks: MaskSource

    def __post_init__(self) -> None:
        check_length(self.clip, self.before, self.motion)
        count, (h, w) = self.clip.num_frames, self.clip.size
        if self.masks.num_frames != count or tuple(self.masks.size) != (h, w):
            mask_h, mask_w = self.masks.size
            raise InputError(
                f"The mask must have a picture for each of the clip's {count} frames, {w} x {h} px. "
                f"Got {self.masks.num_frames} of {mask_w} x {mask_h} px: make it from this clip's body and motions."
            )
        photo_h, photo_w = self.fit.image.shape[-2:]
        if (photo_h, photo_w) != (h, w):
            raise InputError(
                f"The clip is {w} x {h} px, and the body was fitted to a picture of {photo_w} x {photo_h} px: track "
                "this clip at this size."
            )

    @property
    def size(self) -> tuple[int, int]:
        """(h, w)"""
        return self.clip.size

    @property
    def changes_nothing(self) -> bool:
        """Whether it is plain, before a frame is made, that the clip stays as it is.

        So it is where the masks follow from motions that are the same, or are empty.
        """
        if isinstance(self.masks, EditMask):
            return not bool(self.masks.edited.any())
        return isinstance(self.masks, TensorMask) and not bool((self.masks.planes > MASK_STEP).any())


def check_length(clip: ClipSource, before: Motion | None, after: Motion) -> None:
    """
    Raises:
        InputError: if a motion has another number of frames than the clip.
    """
    for name, what, motion in (
        ("the motion before the edit", "track this clip", before),
        ("the edited motion", "edit the motion that was tracked in this clip, to the same length, or extend", after),
    ):
        if motion is not None and motion.num_frames != clip.num_frames:
            raise InputError(f"The clip has {clip.num_frames} frames, and {name} has {motion.num_frames}: {what}.")


def open_edit(
    clip: ClipSource,
    fit: BodyFit,
    before: Motion | None,
    after: Motion,
    *,
    masks: MaskSource | None = None,
    mask_settings: EditMaskSettings | None = None,
    extend: bool = False,
    backend: str = DEFAULT_BACKEND,
    progress: Progress = silent,
) -> Edit:
    """What is to become of a clip whose person shall move otherwise.

    Args:
        fit: the person of the clip, fitted to one of its frames.
        before: how the person moves in the clip; None where it is not known, which `masks` must make up for.
        after: how the person is to move.
        masks: None makes them of the two motions, with `mask_settings`.
        extend: where `after` is longer, the clip is extended as `extended_clip` does; else it is refused.
        backend: the rasteriser of the masks, one of `raster.BACKENDS`.
        progress: called while the masks are prepared.

    Raises:
        InputError: if body, motions or masks do not belong to the clip; see also `scene.open_scene`.
    """
    if extend and before is not None and before.num_frames == clip.num_frames < after.num_frames:
        clip, before = extended_clip(clip, before, after.num_frames)
    if masks is None:
        if before is None:
            raise ValueError("masks must be given where before is None. Got None of both.")
        check_length(clip, before, after)
        masks = EditMask(fit, before, after, clip.size, settings=mask_settings, backend=backend, progress=progress)
    return Edit(clip=clip, fit=fit, motion=after, before=before, masks=masks)


class EditStage:
    """A `controls.ControlSource` whose pictures are the clip, outside the masks exactly and inside carried along."""

    def __init__(
        self,
        edit: Edit,
        size: tuple[int, int],
        *,
        view: View | None = None,
        backend: str,
        progress: Progress = silent,
    ) -> None:
        """
        Args:
            size: (h, w).
            view: what of the clip is seen, by default all of it.
            backend: the rasteriser, one of `raster.BACKENDS`.

        Raises:
            InputError: see `scene.open_scene`.
        """
        self.edit, self.view = edit, view
        motion = edit.motion if edit.before is None else with_shut_lids(edit.before, edit.motion)
        stage = open_stage(edit.fit, motion, size, view=view, backend=backend, progress=progress)
        self.recarrier: Recarrier = open_recarrier(stage, edit.before)

    @property
    def num_frames(self) -> int:
        return self.edit.motion.num_frames

    @property
    def size(self) -> tuple[int, int]:
        return self.recarrier.stage.size

    def frames(self, start: int, stop: int, progress: Progress = silent) -> ControlFrames:
        """See `controls.ControlSource`."""
        made = self._made(start, stop, progress, with_maps=True)
        stage = self.recarrier.stage
        return ControlFrames(
            **{name: torch.stack([one[name] for one in made])[None] for name in made[0]},
            background=stage.background[None],
            reference=stage.reference[None],
        )

    def pictures(self, start: int, stop: int, progress: Progress = silent) -> Float[Tensor, "t 3 h w"]:
        """Only the pictures: the clip, inside the masks carried along in the colours around them."""
        return torch.stack([one["picture"] for one in self._made(start, stop, progress, with_maps=False)])

    def _made(self, start: int, stop: int, progress: Progress, *, with_maps: bool) -> list[dict[str, Tensor]]:
        count = stop - start
        clip, masks = (
            source.frames(start, stop, lambda *_: progress(0, count)) for source in (self.edit.clip, self.edit.masks)
        )
        device = self.recarrier.stage.background.device

        def make(row: int, poll: Poll) -> dict[str, Tensor]:
            frame = self._seen(clip[row].to(device)).clamp(0, 1)
            mask = self._seen(masks[row][None].to(device))[0]
            return self._frame(start + row, frame, mask * (mask > MASK_STEP), poll, with_maps)

        at_once = frames_at_once(self.size, device)
        made = list(in_order(make, count, at_once=at_once, poll=lambda row: progress(row, count)))
        progress(count, count)
        return made

    def _seen(self, image: Float[Tensor, "c _h _w"]) -> Float[Tensor, "c h w"]:
        return resize(image, self.size) if self.view is None else cut(image, self.view, self.size)

    def _frame(
        self, t: int, frame: Float[Tensor, "3 h w"], mask: Float[Tensor, "h w"], poll: Poll, with_maps: bool
    ) -> dict[str, Tensor]:
        is_new = mask > 0
        out = {"picture": frame}
        recarried = None
        if is_new.any():
            recarried = self.recarrier.carry(t, frame, poll)
            matched = match_colours(recarried.picture, frame, mask).clamp(0, 1)
            out["picture"] = torch.where(is_new, matched, frame)
        if not with_maps:
            return out
        poll()
        stage = self.recarrier.stage
        posed = stage.maps.posed(t)
        maps = stage.maps.of(posed, ("dense", "parts"))
        assert maps.dense is not None
        assert maps.parts is not None
        matte = stage.matte(t) if recarried is None else recarried.matte
        valid = torch.ones_like(mask) if recarried is None else torch.where(is_new, recarried.confidence, 1.0)
        return out | {
            "dense": maps.dense[0],
            "parts": one_hot_parts(maps.parts[0]),
            "warp": out["picture"],
            "warp_valid": valid[None],
            "matte": (matte > MASK_STEP).float()[None],
            "fresh": is_new.float()[None],
        }
