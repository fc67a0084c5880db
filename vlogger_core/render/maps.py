"""The control maps that a video model is steered by, rendered when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from ..datatypes import BodyFit, MapFrames, Motion
from ..progress import Progress, silent
from ..threads import one_thread
from .ahead import Poll, aside, frames_at_once, in_order
from .carry import INNER_PARTS, Carrier, carry, compose, is_part, open_carrier
from .confidence import confidence
from .joint_parts import joint_weights
from .posed import PosedFrame, pose_body, pose_frame
from .raster import DEFAULT_BACKEND, NEAR
from .scene import open_scene, sample
from .view import View
from .visibility import vertex_normals

MAPS: tuple[str, ...] = (
    "dense", "dense_head", "parts", "joint_parts", "warp", "warp_flow", "depth", "normal", "silhouette",
)  # fmt: skip
"""What `ControlMaps` renders. `warp` brings `warp_valid` with it, `warp_flow` its `warp_flow_confidence`."""
PAPER_MAPS = ("dense", "parts", "warp")
"""What the paper steers its video model by (section 3.1)."""
TRUNK_AND_ARMS = ("background", "body", "left_arm", "right_arm", "left_hand", "right_hand")
"""Every part that is neither on the head nor the neck."""
DEPTH_SAMPLES = 25
"""How many frames of a motion are looked at to find its range of depths."""


class ControlMaps:
    """The maps of one fit and one motion at one size; nothing is rendered until `frames` or `chunks` is called.

    Memory: what one call returns, never more. Each frame is rasterised once, every map is an interpolation of it.

    Args:
        size: (h, w), by default the photo's. A size of another aspect ratio is an error, but for the up to 4 % that
            rounding to multiples of 8, 16 or 32 takes, which stretch the view.
        view: what of the photo is seen, by default all of it.
        backend: the rasteriser, one of `raster.BACKENDS`.
        progress: called while the photo is prepared, which takes seconds at large sizes.

    Raises:
        InputError: see `scene.open_scene`.
    """

    def __init__(
        self,
        fit: BodyFit,
        motion: Motion,
        size: tuple[int, int] | None = None,
        *,
        view: View | None = None,
        backend: str = DEFAULT_BACKEND,
        progress: Progress = silent,
    ) -> None:
        self.scene = aside(
            lambda _: open_scene(fit, motion, size, view=view, backend=backend),
            lambda: progress(0, motion.num_frames),
        )
        self.fit = fit
        self.motion = motion
        self.size: tuple[int, int] = self.scene.size
        self._carrier: Carrier | None = None

    @property
    def num_frames(self) -> int:
        return self.motion.num_frames

    @cached_property
    def depth_range(self) -> tuple[float, float]:
        """Nearest and furthest depth in metres of the body over the whole motion and in the photo, as one frame in
        many shows it: fixed for the clip, so that pictures of depth do not flicker."""
        with one_thread():
            depths = [-self.scene.vertices[:, 2]]
            steps = torch.linspace(0, self.num_frames - 1, min(self.num_frames, DEPTH_SAMPLES)).round().long()
            for t in steps.tolist():
                depths.append(-pose_body(self.scene, self.motion, t)[0][:, 2])
        seen = torch.cat(depths)
        return float(seen.min().clamp(min=NEAR)), float(seen.max())

    def frames(self, start: int, stop: int, maps: Sequence[str] = PAPER_MAPS) -> MapFrames:
        """The maps of the frames `[start, stop)`.

        `dense` shows where on the template a surface point lies (paper section 3.1), so its colours are those of the
        body, not of the pose. `warp` is the photo's colour of the same surface point (sampled bicubically per pixel,
        where the paper colours vertices), valid where that point is inside the photo, on the person's matte and
        nearest to the camera there. `warp_flow` adds what the mesh lacks, see `carry`.

        Args:
            maps: names from `MAPS`.
        """
        self._check(start, stop, maps)
        return _stack(self._render(range(start, stop), maps, silent), stop - start)

    def chunks(
        self,
        maps: Sequence[str] = PAPER_MAPS,
        *,
        frames_per_chunk: int = 1,
        progress: Progress = silent,
    ) -> Iterator[MapFrames]:
        """All frames in order, some at a time. `progress` is called within and after each frame.

        On a CPU some frames are made at once, see `ahead.frames_at_once`.
        """
        if frames_per_chunk < 1:
            raise ValueError(f"frames_per_chunk must be at least 1. Got {frames_per_chunk}.")
        self._check(0, self.num_frames, maps)
        frames = self._render(range(self.num_frames), maps, progress)
        for start in range(0, self.num_frames, frames_per_chunk):
            yield _stack(frames, min(frames_per_chunk, self.num_frames - start))

    def posed(self, t: int) -> PosedFrame:
        """Frame `t` before any map is made of it: vertices, joints and what each pixel shows."""
        self._check(t, t + 1, MAPS)
        with one_thread():
            return pose_frame(self.scene, self.motion, t)

    def of(self, frame: PosedFrame, maps: Sequence[str] = PAPER_MAPS) -> MapFrames:
        """The maps of one frame that `posed` gave."""
        self._check(0, 0, maps)
        with one_thread():
            return MapFrames(**{name: value[None] for name, value in self._maps(frame, maps).items()})

    def carrier(self, poll: Callable[[], None] = lambda: None) -> Carrier:
        """What carries the whole photo along; made once. `poll` is called in the meantime."""
        if self._carrier is None:
            self._carrier = aside(lambda check: open_carrier(self.scene, check), poll)
        return self._carrier

    def _check(self, start: int, stop: int, maps: Sequence[str]) -> None:
        if not 0 <= start <= stop <= self.num_frames:
            raise ValueError(
                f"start and stop must satisfy 0 <= start <= stop <= {self.num_frames}. Got {start}, {stop}."
            )
        unknown = sorted(set(maps) - set(MAPS))
        if unknown or not maps:
            raise ValueError(f"maps must be some of {', '.join(MAPS)}. Got {', '.join(unknown) or 'none'}.")

    def _render(self, frames: range, maps: Sequence[str], progress: Progress) -> Iterator[dict[str, Tensor]]:
        def make(row: int, poll: Poll) -> dict[str, Tensor]:
            # A large frame takes seconds: work is to be stopped within one.
            frame = pose_frame(self.scene, self.motion, frames[row])
            poll()
            made: dict[str, Tensor] = {}
            for name in maps:
                made |= self._maps(frame, (name,), poll)
                poll()
            return made

        def poll(row: int) -> None:
            progress(frames[row], self.num_frames)

        if "warp_flow" in maps and frames:
            self.carrier(lambda: poll(0))
        at_once = frames_at_once(self.size, self.scene.photo.device, len(maps))
        for row, made in enumerate(in_order(make, len(frames), at_once=at_once, poll=poll)):
            progress(frames[row] + 1, self.num_frames)
            yield made

    def _maps(self, frame: PosedFrame, maps: Sequence[str], poll: Poll = lambda: None) -> dict[str, Tensor]:
        model, raster = self.fit.model, frame.raster
        out: dict[str, Tensor] = {}
        if "dense" in maps:
            out["dense"] = frame.picture(frame.at(self._dense))
        if "dense_head" in maps:
            on_head = self._is_head.index_select(0, frame.face_id)[:, None]
            out["dense_head"] = frame.picture(frame.at(self._dense_head) * on_head)
        if "parts" in maps:
            out["parts"] = frame.picture(model.face_parts.index_select(0, frame.face_id)[:, None])[0]
        if "joint_parts" in maps:
            out["joint_parts"] = frame.picture(1 + frame.most(self._joint_weights)[:, None])[0]
        if "warp" in maps:
            out["warp"], out["warp_valid"] = self._warp(frame)
        if "warp_flow" in maps:
            carried = carry(self.carrier(), frame, poll)
            out["warp_flow"] = compose(self.carrier(), carried).masked_fill_(frame.shows(self._is_inner), 0.0)
            poll()
            out["warp_flow_confidence"] = confidence(self.carrier(), carried)
        if "depth" in maps:
            out["depth"] = raster.depth
        if "normal" in maps:
            normals = vertex_normals(frame.vertices, model.faces)
            out["normal"] = frame.picture(F.normalize(frame.at(normals), dim=-1))
        if "silhouette" in maps:
            out["silhouette"] = raster.covered
        return out

    @cached_property
    def _dense(self) -> Float[Tensor, "v 3"]:
        return _within(self.fit.model.template, self.fit.model.template)

    @cached_property
    def _dense_head(self) -> Float[Tensor, "v 3"]:
        model = self.fit.model
        return _within(model.template, model.template[model.faces[self._is_head].unique()])

    @cached_property
    def _is_head(self) -> Bool[Tensor, " f"]:
        return ~is_part(self.fit.model.face_parts, TRUNK_AND_ARMS)

    @cached_property
    def _is_inner(self) -> Bool[Tensor, " f"]:
        return is_part(self.fit.model.face_parts, INNER_PARTS)

    @cached_property
    def _joint_weights(self) -> Float[Tensor, "v 24"]:
        return joint_weights(self.fit.model)

    def _warp(self, frame: PosedFrame) -> tuple[Float[Tensor, "3 h w"], Bool[Tensor, "h w"]]:
        """Colours of the surface points, and which of them the photo shows."""
        scene = self.scene
        seen = frame.in_photo.seen & ~self._is_inner.index_select(0, frame.face_id)
        colours = sample(scene.photo, frame.in_photo.pixels, "bicubic", backend=scene.backend).clamp_(0, 1)
        return frame.picture(colours * seen[:, None]), frame.picture(seen[:, None])[0]


def _stack(frames: Iterator[dict[str, Tensor]], count: int) -> MapFrames:
    """The maps of the next frames, filled in one frame at a time."""
    if count == 1:
        return MapFrames(**{name: value[None] for name, value in next(frames).items()})
    filled: dict[str, Tensor] = {}
    for row, maps in zip(range(count), frames, strict=False):
        with one_thread():
            for name, value in maps.items():
                if row == 0:
                    filled[name] = value.new_empty(count, *value.shape)
                filled[name][row] = value
    return MapFrames(**filled)


def _within(points: Float[Tensor, "v 3"], box: Float[Tensor, "k 3"]) -> Float[Tensor, "v 3"]:
    """0 to 1 over the bounding box of some of the points."""
    low, high = box.amin(0), box.amax(0)
    return (points - low) / (high - low)
