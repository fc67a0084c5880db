"""The control maps that a video model is steered by, rendered when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ..datatypes import BodyFit, MapFrames, Motion
from ..progress import Progress, silent
from ..threads import one_thread
from .camera import project
from .fill import box_max
from .raster import Raster, interpolate, rasterise
from .scene import SAME_SURFACE_M, open_scene, sample

MAPS: tuple[str, ...] = ("dense", "parts", "warp", "depth")
"""What `ControlMaps` renders; `warp` brings `warp_valid` with it."""
PERSON = 0.5
"""Matte from which a photo's pixel is the person's."""


class ControlMaps:
    """The maps of one fit and one motion at one size; nothing is rendered until `frames` or `chunks` is called.

    Memory: what one call returns, never more. Each frame is rasterised once, every map is an interpolation of it.

    Args:
        size: (h, w), by default the photo's. The view is always the photo's: a size of another aspect ratio is an
            error, but for the up to 4 % that rounding to multiples of 8, 16 or 32 takes, which stretch the view.

    Raises:
        InputError: see `scene.open_scene`.
    """

    def __init__(self, fit: BodyFit, motion: Motion, size: tuple[int, int] | None = None) -> None:
        with one_thread():
            self._scene = open_scene(fit, motion, size)
        self.fit = fit
        self.motion = motion
        self.size: tuple[int, int] = self._scene.size
        template = fit.model.template
        low = template.amin(0)
        self._dense: Float[Tensor, "v 3"] = (template - low) / (template.amax(0) - low)
        # The largest of 3x3: a point on a slope is not hidden by its own neighbour.
        depth = self._scene.raster.depth.clamp(max=1e4)[None]
        self._depth: Float[Tensor, "1 h w"] = box_max(depth, (1, 1), (1, 1))

    @property
    def num_frames(self) -> int:
        return self.motion.num_frames

    def frames(self, start: int, stop: int, maps: Sequence[str] = ("dense", "parts", "warp")) -> MapFrames:
        """The maps of the frames `[start, stop)`.

        `dense` shows where on the template a surface point lies (paper section 3.1), so its colours are those of the
        body, not of the pose. `warp` is the photo's colour of the same surface point (sampled bicubically per pixel,
        where the paper colours vertices), valid where that point is inside the photo, on the person's matte and
        nearest to the camera there. Mouth interior and eyes are treated as any surface.

        Args:
            maps: names from `MAPS`.
        """
        self._check(start, stop, maps)
        rendered: list[dict[str, Tensor]] = []
        for t in range(start, stop):
            with one_thread():
                rendered.append(self._frame(t, maps))
        if not rendered:
            return MapFrames()
        return MapFrames(**{name: torch.stack([frame[name] for frame in rendered]) for name in rendered[0]})

    def chunks(
        self,
        maps: Sequence[str] = ("dense", "parts", "warp"),
        *,
        frames_per_chunk: int = 8,
        progress: Progress = silent,
    ) -> Iterator[MapFrames]:
        """All frames in order, a few at a time. `progress` is called within and after each frame."""
        if frames_per_chunk < 1:
            raise ValueError(f"frames_per_chunk must be at least 1. Got {frames_per_chunk}.")
        self._check(0, self.num_frames, maps)
        for start in range(0, self.num_frames, frames_per_chunk):
            rendered = []
            for t in range(start, min(start + frames_per_chunk, self.num_frames)):
                with one_thread():
                    rendered.append(self._frame(t, maps, progress))
                progress(t + 1, self.num_frames)
            yield MapFrames(**{name: torch.stack([frame[name] for frame in rendered]) for name in rendered[0]})

    def _check(self, start: int, stop: int, maps: Sequence[str]) -> None:
        if not 0 <= start <= stop <= self.num_frames:
            raise ValueError(
                f"start and stop must satisfy 0 <= start <= stop <= {self.num_frames}. Got {start}, {stop}."
            )
        unknown = sorted(set(maps) - set(MAPS))
        if unknown or not maps:
            raise ValueError(f"maps must be some of {', '.join(MAPS)}. Got {', '.join(unknown) or 'none'}.")

    def _frame(self, t: int, maps: Sequence[str], progress: Progress = silent) -> dict[str, Tensor]:
        scene, model = self._scene, self.fit.model
        vertices = scene.pose(self.motion, t, t + 1)[0]
        raster = rasterise(vertices, model.faces, scene.camera)
        # A large frame takes seconds: work is to be stopped within one.
        progress(t, self.num_frames)
        attributes = []
        if "dense" in maps:
            attributes.append(self._dense)
        if "warp" in maps:
            attributes.append(scene.vertices)
        values = interpolate(raster, model.faces, torch.cat(attributes, -1)) if attributes else None
        out: dict[str, Tensor] = {}
        if "dense" in maps and values is not None:
            out["dense"] = values[..., :3].movedim(-1, 0)
        if "warp" in maps and values is not None:
            out["warp"], out["warp_valid"] = self._warp(values[..., -3:], raster)
        if "parts" in maps:
            out["parts"] = part_indices(raster, model.face_parts)
        if "depth" in maps:
            out["depth"] = raster.depth
        return out

    def _warp(
        self, reference: Float[Tensor, "h w 3"], raster: Raster
    ) -> tuple[Float[Tensor, "3 h w"], Bool[Tensor, "h w"]]:
        """Colours of surface points, given by their positions in the reference pose, and which are visible there."""
        scene = self._scene
        h, w = scene.size
        y, x = raster.covered.nonzero(as_tuple=True)
        pixels, depth = project(reference[y, x], scene.camera)
        inside = ((pixels >= 0) & (pixels <= pixels.new_tensor([w, h]))).all(-1)
        nearest = sample(self._depth, pixels, "bilinear")[:, 0]
        on_person = sample(scene.matte[None], pixels, "bilinear")[:, 0] >= PERSON
        keep = inside & on_person & (depth > 0) & (depth <= nearest + SAME_SURFACE_M)
        y, x, pixels = y[keep], x[keep], pixels[keep]
        valid = torch.zeros(h, w, dtype=torch.bool, device=pixels.device)
        valid[y, x] = True
        warp = torch.zeros_like(scene.photo)
        warp[:, y, x] = sample(scene.photo, pixels, "bicubic").clamp(0, 1).T
        return warp, valid


def part_indices(raster: Raster, face_parts: Int[Tensor, " f"]) -> Int[Tensor, "*t h w"]:
    """Index into `names.PARTS` at every pixel, 0 where there is no body."""
    return torch.where(raster.covered, face_parts[raster.face_id.clamp(min=0)], 0)
