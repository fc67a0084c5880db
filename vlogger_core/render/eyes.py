"""Eyes that turn and close: eyeballs move rigidly, closing lids take the skin around the eye.

A photo shows only part of an eyeball, and next to nothing of a lid: lashes, iris and crease are what lies where a
closing lid comes from. So each eye has two painted pictures, made once: the eyeball continued under the lids, and the
face with the eye gone.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ..body.eyeballs import eyeball
from ..names import PART_INDEX
from .camera import project
from .carry import Carried
from .fill import box_blur, box_max, fill_holes
from .posed import PosedFrame, reference_frame
from .scene import Scene, sample, smoothstep

EYES = ("left", "right")
MIN_PIXELS = 6
"""An eye of which the photo shows less is left as it is."""
CLOSING = (0.12, 0.5)
"""Share of the eye's opening that must be gone before its lids begin to be, and are, painted."""
SHUT = (0.6, 0.85)
"""The same for the line of lashes and what is left of the opening; until then the photo's own lashes stay."""
LASH_STRENGTH = 0.8
OUTSIDE = -1e6
"""A position in no picture."""
BOX_MARGIN = 4
"""Around an eye, in heights of its opening: its pictures are painted that far."""


@dataclass(frozen=True, kw_only=True)
class Eye:
    """One eye of a scene."""

    is_ball: Bool[Tensor, " f"]
    vertices: Int[Tensor, " k"]
    """Of the eyeball."""
    opening_px: int
    """How many pixels of the eyeball the photo shows."""
    corner: tuple[int, int]
    """Row and column of the photo at which its pictures begin: they hold the eye and what surrounds it."""
    ball: Float[Tensor, "c h w"]
    """The warped layer with the eyeball continued beyond what the photo shows of it."""
    shut: Float[Tensor, "c h w"]
    """The warped layer with the eye painted over by skin."""
    region: Float[Tensor, "h w"]
    """Where it was painted over, soft."""
    lash: Float[Tensor, "3"]
    """Colour of the lash line."""


@dataclass(frozen=True, kw_only=True)
class Eyes:
    """The eyes of a scene. Made by `open_eyes`."""

    eyes: tuple[Eye, ...]
    is_rim: Bool[Tensor, " f"]
    """The edges of the lids."""


def open_eyes(scene: Scene, layer: Float[Tensor, "c h w"]) -> Eyes:
    """Prepare the painted pictures. `layer` is what will be warped: colour in the first three channels."""
    model, reference = scene.fit.model, reference_frame(scene)
    brows = reference.shows(model.face_parts == PART_INDEX["brows"])
    eyes = []
    for side in EYES:
        is_ball = eyeball(model, side)
        seen = reference.shows(is_ball)
        if seen.sum() >= MIN_PIXELS:
            eyes.append(_open_eye(layer, is_ball, model.faces[is_ball].unique(), seen, brows))
    return Eyes(eyes=tuple(eyes), is_rim=model.face_parts == PART_INDEX["lids"])


def _open_eye(
    layer: Tensor, is_ball: Tensor, vertices: Tensor, seen: Bool[Tensor, "h w"], brows: Bool[Tensor, "h w"]
) -> Eye:
    height = int(seen.any(1).sum())
    y, x = seen.nonzero(as_tuple=True)
    margin = BOX_MARGIN * height
    # On the grid of the image pyramid that closes holes, so that the box's is a part of the whole picture's.
    grid = 1 << margin.bit_length()
    top, left = (max(int(v.min()) - margin, 0) // grid * grid for v in (y, x))
    bottom, right = (-(-(int(v.max()) + margin) // grid) * grid for v in (y, x))
    box = (..., slice(top, bottom), slice(left, right))
    layer, seen, brows = layer[box], seen[box], brows[box]
    region = _eye_region(seen, height, brows)
    dark = layer[:3, region > 0.5]
    return Eye(
        is_ball=is_ball,
        vertices=vertices,
        opening_px=len(y),
        corner=(top, left),
        ball=torch.where(seen, layer, fill_holes(layer, seen.float())),
        shut=torch.lerp(layer, fill_holes(layer, _skin(layer, region, height)), region),
        region=region,
        lash=dark[:, dark.mean(0) <= dark.mean(0).quantile(0.1)].mean(1),
    )


def _eye_region(seen: Bool[Tensor, "h w"], height: int, brows: Bool[Tensor, "h w"]) -> Float[Tensor, "h w"]:
    """The visible eyeball and what surrounds it up to crease and lashes; 1 inside, soft at its edge."""
    above, below = max(1, round(0.7 * height)), max(1, round(0.75 * height))
    aside = max(1, round(0.3 * height))
    # Each pixel looks up as far as the region reaches below the eye.
    grown = box_max(seen[None].float(), (below, above), (aside, aside))
    grown = grown * (1 - box_max(brows[None].float(), (1, 1), (1, 1)))
    soft = max(1, round(0.15 * height))
    return box_blur(box_blur(grown, soft), soft)[0]


def _skin(layer: Tensor, region: Tensor, height: int) -> Float[Tensor, "h w"]:
    """1 where a pixel may lend its colour to a lid: skin near the eye, neither brow nor shadow."""
    luma = layer[:3].mean(0)
    reach = max(1, height)
    ring = (box_max(region[None], (reach, reach), (reach, reach))[0] > 0) & (region == 0)
    if not ring.any():
        return (region == 0).float()
    bright = luma[ring].quantile(0.6)
    return smoothstep((luma / bright - 0.7) / 0.2) * ring


def paint_eyes(eyes: Eyes, carried: Carried) -> Float[Tensor, "m 4"]:
    """The body layer of a frame with the eyeballs turned and the lids closed. What has not moved stays the photo's."""
    frame = carried.surface.frame
    out = carried.body.clone()
    slot = torch.full((frame.raster.face_id.numel(),), -1, device=out.device)
    slot[carried.body_at.pixels] = torch.arange(len(out), device=out.device)
    slot = slot.reshape(frame.scene.size)
    rims = frame.shows(eyes.is_rim)
    for eye in eyes.eyes:
        balls = frame.shows(eye.is_ball)
        box = _box(eye, frame)
        if box is None:
            continue
        top, left = box[0].start, box[1].start
        rim = box_blur(rims[box][None].float(), 1)[0]
        open_share = box_blur(balls[box][None].float(), 1)[0]
        own = eye.is_ball[frame.face_id].nonzero()[:, 0]
        at = frame.pixels[own]
        y, x = at // frame.scene.size[1] - top, at % frame.scene.size[1] - left
        here = slot[box]
        patch = out[here].movedim(-1, 0) * (here >= 0)
        # Nothing of the eye is to be seen where the layer is not.
        source = torch.where(here >= 0, carried.body_at.source[here].movedim(-1, 0), OUTSIDE)
        corner = source.new_tensor(eye.corner).flip(0)
        ball = sample(eye.ball, frame.in_photo.pixels[own] - corner, "bicubic").T
        patch[:, y, x] = torch.lerp(patch[:, y, x], ball, open_share[y, x])

        gone = 1 - len(own) / eye.opening_px
        closing, shut = (float(smoothstep(torch.tensor((gone - a) / (b - a)))) for a, b in (CLOSING, SHUT))
        if closing > 0:
            _close(eye, patch, source - corner[:, None, None], rim + open_share, closing, shut)
        out[here[here >= 0]] = patch[:, here >= 0].T
    return out


def _close(
    eye: Eye, patch: Float[Tensor, "4 h w"], source: Float[Tensor, "2 h w"], rim: Tensor, closing: float, shut: float
) -> None:
    """Paint the lids over a patch.

    Args:
        source: positions in the eye's pictures.
        rim: where the lids' edges or the eyeball are.
        closing, shut: how far, 0 to 1.
    """
    h, w = eye.region.shape
    column, row = source.long()
    reach = eye.region[row.clamp(0, h - 1), column.clamp(0, w - 1)]
    y, x = (reach > 0).nonzero(as_tuple=True)
    if not len(y):
        return
    lid = sample(eye.shut, source[:, y, x].T, "bilinear").T
    line = shut * LASH_STRENGTH * _lash_line(y, x, rim[y, x] * reach[y, x])
    lid[:3] = torch.lerp(lid[:3], eye.lash[:, None].expand(-1, len(x)), line)
    weight = closing * (1 - (1 - shut) * rim[y, x].clamp(max=1))
    patch[:, y, x] = torch.lerp(patch[:, y, x], lid, weight)


def _box(eye: Eye, frame: PosedFrame) -> tuple[slice, slice] | None:
    """The rows and columns of a frame that the eye and what its lids paint lie in; None outside the picture."""
    h, w = frame.scene.size
    at, _ = project(frame.vertices[eye.vertices], frame.scene.camera)
    margin = max(eye.region.shape) // 2
    left, top = (max(int(v), 0) for v in at.amin(0) - margin)
    right, bottom = (min(int(v), side) for v, side in zip(at.amax(0) + margin, (w, h), strict=True))
    return (slice(top, bottom), slice(left, right)) if right > left and bottom > top else None


def _lash_line(y: Tensor, x: Tensor, weight: Tensor) -> Float[Tensor, " n"]:
    """How much a pixel lies on the smooth curve through the edge of a shut lid, 0 to 1.

    The mesh's edge is coarse; a parabola through it, in the eye's own axes, is what lashes look like from afar.
    """
    total = weight.sum()
    if total < 3:
        return torch.zeros_like(weight)
    points = torch.stack((x, y), -1).to(weight)
    centred = points - (weight[:, None] * points).sum(0) / total
    _, axes = torch.linalg.eigh((weight[:, None] * centred).T @ centred / total)
    axis = axes[:, 1] * torch.where(axes[0, 1] < 0, -1.0, 1.0)
    along = centred @ axis
    across = centred @ torch.stack((-axis[1], axis[0]))
    spread = ((weight * along.square()).sum() / total).sqrt().clamp(min=1.0)
    u = along / spread
    basis = torch.stack((torch.ones_like(u), u, u * u), -1)
    normal = (weight[:, None] * basis).T @ basis + 1e-3 * torch.eye(3, device=u.device)
    curve = basis @ torch.linalg.solve(normal, (weight[:, None] * basis).T @ across)
    width = (0.16 * spread).clamp(min=0.6)
    taper = 1 - smoothstep((u.abs() - 1.2) / 0.8)
    return torch.exp(-((across - curve) / width).square()) * taper
