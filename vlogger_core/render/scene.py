"""What stays the same for a whole video: the fitted person, seen at the asked size."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from ..body.protocol import RestBody
from ..datatypes import BodyFit, Camera, Motion
from ..errors import InputError
from .camera import window
from .fill import box_max
from .raster import DEFAULT_BACKEND, Raster, rasterise
from .view import View, cut

MIN_SIDE, MAX_SIDE = 16, 8192
MAX_STRETCH = 0.04
"""How far the aspect ratio of a size may differ from the photo's: rounding to a multiple of 8, 16 or 32."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A fit at one picture size. Made by `open_scene`."""

    fit: BodyFit
    size: tuple[int, int]
    """(h, w)"""
    view: View
    """What of the photo it shows."""
    camera: Camera
    """Of that size."""
    rest: RestBody
    vertices: Float[Tensor, "v 3"]
    """The reference pose, as the scene's camera sees it."""
    joints: Float[Tensor, "55 3"]
    """Its joints, in the same space."""
    raster: Raster
    """The reference pose."""
    photo: Float[Tensor, "3 h w"]
    matte: Float[Tensor, "h w"]
    backend: str
    """The rasteriser, one of `raster.BACKENDS`."""

    @cached_property
    def level_depth(self) -> Float[Tensor, "h w"]:
        """Of the reference pose, the largest of 3 x 3: a point on a slope is not hidden by its own neighbour."""
        return box_max(self.raster.depth.clamp(max=1e4)[None], (1, 1), (1, 1))[0]

    def seen(self, points: Float[Tensor, "*n 3"]) -> Float[Tensor, "*n 3"]:
        """World points in the space of the scene's camera."""
        return _seen(points, self.fit, self.view, self.size)[0]


def open_scene(
    fit: BodyFit,
    motion: Motion,
    size: tuple[int, int] | None = None,
    *,
    view: View | None = None,
    backend: str = DEFAULT_BACKEND,
) -> Scene:
    """Prepare a fit and a motion for rendering at `size` (h, w), by default the photo's own.

    A size whose aspect ratio differs from the photo's by up to 4 % (rounding to multiples of 8, 16, 32) is filled by
    stretching the view that little; the photo, its matte and every map stay aligned.

    Args:
        view: what of the photo is seen, by default all of it. Beyond the photo its border is continued.
        backend: the rasteriser, one of `raster.BACKENDS`.

    Raises:
        InputError: if the aspect ratio differs by more, the size is outside 16 to 8192, the motion has no frames or
            moves joints that the body lacks, or the rasteriser cannot be used (see `raster.rasterise`).
    """
    photo_size = (fit.image.shape[-2], fit.image.shape[-1])
    size = size or photo_size
    if view is None:
        check_size(size, photo_size)
    if motion.num_frames == 0:
        raise InputError("The motion has no frames. Make one from at least one frame of speech.")
    num_joints = fit.joint_rotvec.shape[0]
    if num_joints != 55 or fit.expression.shape != motion.expression.shape[1:]:
        raise InputError(
            "The motion does not belong to this body: it moves the 55 SMPL-X joints and 52 ARKit expressions, the "
            f"body has {num_joints} joints and {fit.expression.shape[0]} expressions. Fit the body again."
        )
    rest = fit.model.rest(fit.shape)
    posed = fit.model.pose(rest, fit.joint_rotvec[None], fit.translation[None], fit.expression[None])
    photo, matte = fit.image, fit.mask[None]
    photo, matte = (resize(x, size) if view is None else cut(x, view, size) for x in (photo, matte))
    view = view or View.whole(photo_size)
    vertices, camera = _seen(posed.vertices[0], fit, view, size)
    joints, _ = _seen(posed.joints[0], fit, view, size)
    return Scene(
        fit=fit,
        size=size,
        view=view,
        camera=camera,
        rest=rest,
        vertices=vertices,
        joints=joints,
        raster=rasterise(vertices, fit.model.faces, camera, backend=backend),
        photo=channels_together(photo.clamp(0, 1)),
        matte=matte[0].clamp(0, 1),
        backend=backend,
    )


def check_size(size: tuple[int, int], photo_size: tuple[int, int]) -> None:
    """Refuse a size (h, w) at which a photo cannot be shown.

    Raises:
        InputError: if its shape differs from the photo's by more than `MAX_STRETCH`, or it is outside 16 to 8192.
    """
    (h, w), (photo_h, photo_w) = size, photo_size
    if not all(MIN_SIDE <= side <= MAX_SIDE for side in size):
        raise InputError(f"The picture must be {MIN_SIDE} to {MAX_SIDE} pixels on each side. Got {w} x {h}.")
    if not keeps_shape(size, photo_size):
        fitting = round(h * photo_w / photo_h)
        raise InputError(
            f"The size {w} x {h} has another shape than the photo ({photo_w} x {photo_h}). Ask for {fitting} x {h}, "
            "or crop the photo to the shape you want before the body is fitted."
        )


def keeps_shape(size: tuple[int, int], photo_size: tuple[int, int]) -> bool:
    """Whether a picture of `size` (h, w) shows a photo of `photo_size` stretched by `MAX_STRETCH` at most."""
    (h, w), (photo_h, photo_w) = size, photo_size
    stretch = (w / h) / (photo_w / photo_h)
    return max(stretch, 1 / stretch) <= 1 + MAX_STRETCH


def _seen(
    points: Float[Tensor, "*n 3"], fit: BodyFit, view: View, size: tuple[int, int]
) -> tuple[Float[Tensor, "*n 3"], Camera]:
    return window(points, fit.camera, left=view.left, top=view.top, width=view.width, height=view.height, size=size)


def resize(image: Float[Tensor, "c _ _"], size: tuple[int, int]) -> Float[Tensor, "c h w"]:
    """Bicubic, antialiased when smaller; unchanged at the same size."""
    if tuple(image.shape[-2:]) == size:
        return image
    return F.interpolate(image[None], size, mode="bicubic", align_corners=False, antialias=True)[0]


def sample(
    image: Float[Tensor, "c h w"], pixels: Float[Tensor, "*n 2"], mode: str, *, backend: str = DEFAULT_BACKEND
) -> Float[Tensor, "*n c"]:
    """The image at pixel positions (centres +0.5), its border continued outwards.

    Args:
        mode: bilinear or bicubic.
        backend: with `numba` bicubic sampling takes half the time, if the image went through `channels_together`.
    """
    if backend == "numba" and mode == "bicubic" and image.device.type == "cpu":
        from .resample_numba import sample_bicubic

        out = sample_bicubic(image, pixels.reshape(-1, 2))
    else:
        h, w = image.shape[-2:]
        grid = pixels * pixels.new_tensor([2 / w, 2 / h]) - 1
        grid = grid.reshape(1, -1, 1, 2)
        out = F.grid_sample(image[None], grid, mode=mode, padding_mode="border", align_corners=False)
        out = rearrange(out, "1 c n 1 -> n c")
    return out.reshape(*pixels.shape[:-1], image.shape[0])


def channels_together(image: Float[Tensor, "c h w"]) -> Float[Tensor, "c h w"]:
    """The same picture with each pixel's channels side by side in memory."""
    return image.movedim(0, -1).contiguous().movedim(-1, 0)


def smoothstep(x: Tensor) -> Tensor:
    """0 below 0, 1 above 1, smooth between."""
    x = x.clamp(0, 1)
    return x * x * (3 - 2 * x)
