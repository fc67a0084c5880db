"""The temporal inpainting mask of an edit, made from the two motions alone (paper section 4.3)."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from ..datatypes import BodyFit, Motion
from ..errors import InputError
from ..names import JOINT_INDEX
from ..progress import Progress, silent
from ..render.ahead import Poll, aside, frames_at_once, in_order
from ..render.raster import DEFAULT_BACKEND
from ..render.scene import check_size
from .mask_change import REFERENCE_SIDE, ChangeFinder, open_changes

WORK_SIDE = 512
"""The shorter side at which frames of larger videos are compared. Smaller ones are compared at their own size: how far
the warp takes hair and clothes along depends on the size a little."""
_FAR = 1e4
"""Pixels: further than any picture is wide."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class EditMaskSettings:
    """How much of a video an edit mask covers."""

    threshold_px: float = 0.02
    """Surface that moves no further than this has not changed. Pixels where the shorter side has `REFERENCE_SIDE`."""
    grow_px: float = 1.5
    """The mask reaches this far around what has changed. The same pixels."""
    feather_px: float = 2.0
    """Beyond that it falls to 0 over this distance. The same pixels."""
    steady_frames: int = 1
    """The mask fades in and out over so many frames, and stays where it would vanish for fewer than twice as many."""

    def __post_init__(self) -> None:
        for name in ("threshold_px", "grow_px", "feather_px", "steady_frames"):
            value = getattr(self, name)
            if not 0 <= value < _FAR:
                raise ValueError(f"EditMaskSettings.{name} must lie in 0 to {_FAR:g}. Got {value}.")

    @property
    def reach_frames(self) -> int:
        """How many frames before and after a mask depends on."""
        return self.steady_frames


class EditMask:
    """The mask of every frame of an edited clip, 0 to 1: 1 on all that changed, 0 where the clip stays as it is.

    Nothing is computed until `frames` or `chunks` is called, and memory does not grow with the clip. A frame whose
    mask depends on its neighbours (`EditMaskSettings.steady_frames`) is the same however it is asked for.

    What counts as changed is told in `mask_change`. Around it the mask is 1 up to `grow_px` and falls linearly over
    `feather_px`, outwards only. In time it falls linearly to 0 over `steady_frames` frames before and after a change,
    and is 1 near what changes both within as many frames before and within as many after, so that it does not flicker.
    """

    def __init__(
        self,
        fit: BodyFit,
        before: Motion,
        after: Motion,
        size: tuple[int, int] | None = None,
        *,
        settings: EditMaskSettings | None = None,
        backend: str = DEFAULT_BACKEND,
        progress: Progress = silent,
    ) -> None:
        """
        Args:
            size: (h, w) of the masks, by default the photo's.
            backend: the rasteriser, one of `raster.BACKENDS`.
            progress: called while the photo is prepared.

        Raises:
            InputError: if the motions differ in length or frame rate; see also `scene.open_scene`.
        """
        _check_alike(before, after)
        photo_size = (fit.image.shape[-2], fit.image.shape[-1])
        self.size: tuple[int, int] = size or photo_size
        check_size(self.size, photo_size)
        self.settings = settings or EditMaskSettings()
        self.edited: Bool[Tensor, " t"] = edited_frames(before, after)
        """Frames of which the motions differ at all."""
        self._work = _work_size(self.size)
        self._scale = min(self._work) / REFERENCE_SIDE
        self._at_once = frames_at_once(self._work, fit.image.device)

        def open_finder(poll: Poll) -> ChangeFinder:
            return open_changes(
                fit,
                before,
                after,
                self._work,
                picture_size=self.size,
                threshold_px=self.settings.threshold_px,
                backend=backend,
                poll=poll,
            )

        self._finder = aside(open_finder, lambda: progress(0, before.num_frames))

    @property
    def num_frames(self) -> int:
        return len(self.edited)

    def frames(self, start: int, stop: int, progress: Progress = silent) -> Float[Tensor, "t h w"]:
        """The masks of the frames `[start, stop)`."""
        if not 0 <= start < stop <= self.num_frames:
            raise ValueError(
                f"start and stop must satisfy 0 <= start < stop <= {self.num_frames}. Got {start}, {stop}."
            )
        return torch.stack(list(self._masks(start, stop, progress)))

    def chunks(self, *, frames_per_chunk: int = 16, progress: Progress = silent) -> Iterator[Float[Tensor, "t h w"]]:
        """All masks in order, some at a time. Says in the log where the edit changes nothing that is seen."""
        if frames_per_chunk < 1:
            raise ValueError(f"frames_per_chunk must be at least 1. Got {frames_per_chunk}.")
        masks = self._masks(0, self.num_frames, progress)
        empty = True
        for start in range(0, self.num_frames, frames_per_chunk):
            count = min(frames_per_chunk, self.num_frames - start)
            chunk = torch.stack([next(masks) for _ in range(count)])
            empty = empty and not chunk.any()
            yield chunk
        if empty:
            _log.warning("%s", self._why_empty())

    def _why_empty(self) -> str:
        if not self.edited.any():
            return "The edit changes nothing: both motions are the same, so the mask is empty and the clip stays as is."
        return (
            "The edit changes nothing that is seen, so the mask is empty and the clip stays as it is: nowhere does the "
            f"body move by more than {self.settings.threshold_px:g} px (of {REFERENCE_SIDE}) where that would show. "
            "Edit more strongly, or lower the threshold."
        )

    def _masks(self, start: int, stop: int, progress: Progress) -> Iterator[Float[Tensor, "h w"]]:
        reach = self.settings.reach_frames
        first, last = max(0, start - reach), min(self.num_frames, stop + reach)

        def poll(row: int) -> None:
            progress(min(max(0, first + row - start - reach), stop - start), stop - start)

        distances = in_order(
            lambda row, check: self._distance(first + row, check), last - first, at_once=self._at_once, poll=poll
        )
        held: deque[tuple[int, Tensor]] = deque()
        for t in range(start, stop):
            while not held or held[-1][0] < min(t + reach, last - 1):
                held.append((held[-1][0] + 1 if held else first, next(distances)))
            while held[0][0] < t - reach:
                held.popleft()
            yield self._mask([(at - t, distance) for at, distance in held])
            progress(t + 1 - start, stop - start)

    def _distance(self, t: int, poll: Poll) -> Float[Tensor, "h w"]:
        """How far each pixel is from the nearest that has changed."""
        device = self._finder.carrier.backdrop.device
        changed = self._finder.changed(t, poll) if self.edited[t] else None
        if changed is None or not changed.any():
            return torch.full(self._work, _FAR, device=device)
        distance = distance_transform_edt(~changed.cpu().numpy())
        return torch.from_numpy(np.asarray(distance, np.float32)).to(device)

    def _mask(self, near: list[tuple[int, Tensor]]) -> Float[Tensor, "h w"]:
        """The mask of a frame from the distances in it and in those around, each with how many frames later that is."""
        grow, feather = (value * self._scale for value in (self.settings.grow_px, self.settings.feather_px))
        # Half a pixel: up to the edge of the pixels that have changed, not their centres.
        grow, feather = grow + 0.5, max(feather, 0.5)
        nowhere = torch.full(self._work, _FAR, device=near[0][1].device)
        now = earlier = later = fading = nowhere
        for late, distance in near:
            if late == 0:
                now = distance
                continue
            earlier, later = (earlier.minimum(distance), later) if late < 0 else (earlier, later.minimum(distance))
            fading = fading.minimum(distance + grow + feather * abs(late) / (self.settings.steady_frames + 1))
        nearest = now.minimum(earlier.maximum(later)).minimum(fading)
        nearest = F.interpolate(nearest[None, None], self.size, mode="bilinear", align_corners=False)[0, 0]
        return (1 - (nearest - grow) / feather).clamp(0, 1)


def edited_frames(before: Motion, after: Motion) -> Bool[Tensor, " t"]:
    """The frames in which two motions of one length differ at all; joints that one does not name rest."""
    differ = (before.expression != after.expression.to(before.expression)).any(-1)
    differ |= (before.translation != after.translation.to(before.translation)).any(-1)
    return differ | (_all_joints(before) != _all_joints(after).to(before.joint_rotvec)).flatten(1).any(-1)


def _all_joints(motion: Motion) -> Float[Tensor, "t 55 3"]:
    joints = motion.joint_rotvec.new_zeros(motion.num_frames, len(JOINT_INDEX), 3)
    joints[:, [JOINT_INDEX[name] for name in motion.joint_names]] = motion.joint_rotvec
    return joints


def _check_alike(before: Motion, after: Motion) -> None:
    if before.num_frames != after.num_frames:
        raise InputError(
            f"The motion before the edit has {before.num_frames} frames, the one after it {after.num_frames}. A mask "
            "compares them frame by frame: make both of one length."
        )
    if before.fps != after.fps:
        raise InputError(
            f"The motion before the edit has {float(before.fps):g} frames per second, the one after it "
            f"{float(after.fps):g}. A mask compares them frame by frame: give both the frame rate of the clip."
        )


def _work_size(size: tuple[int, int]) -> tuple[int, int]:
    scale = min(1.0, WORK_SIDE / min(size))
    return round(size[0] * scale), round(size[1] * scale)
