"""One frame of a motion: the body posed and rasterised once. Every map and every drawing of a frame is made of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from ..body.expression import pose_at
from ..datatypes import Motion
from ..errors import InputError
from .raster import NEAR, Raster, blend, rasterise
from .scene import Scene
from .visibility import InPhoto, find_in_photo

SLICE_PIXELS = 1 << 15


@dataclass(frozen=True, kw_only=True)
class PosedFrame:
    """The body in one frame, in the space of the scene's camera. Made by `pose_frame` and `reference_frame`.

    What is asked of the surface is worked out for the covered pixels only, n of them in reading order.
    """

    scene: Scene
    vertices: Float[Tensor, "v 3"]
    joints: Float[Tensor, "55 3"]
    """In the order of `names.SMPLX_JOINTS`."""
    raster: Raster

    @cached_property
    def pixels(self) -> Int[Tensor, " n"]:
        """The covered pixels, as indices into the flat picture."""
        return self.raster.covered.reshape(-1).nonzero()[:, 0]

    @cached_property
    def face_id(self) -> Int[Tensor, " n"]:
        """Which face each of them shows."""
        return self.raster.face_id.reshape(-1).index_select(0, self.pixels)

    @cached_property
    def _corners(self) -> tuple[Tensor, Tensor]:
        corners = self.scene.fit.model.faces.index_select(0, self.face_id)
        return corners, self.raster.bary.reshape(-1, 3).index_select(0, self.pixels)

    def at(self, attributes: Float[Tensor, "v c"]) -> Float[Tensor, "n c"]:
        """Vertex attributes at the covered pixels, perspective-correct."""
        return blend(*self._corners, attributes)

    def most(self, attributes: Float[Tensor, "v c"]) -> Int[Tensor, " n"]:
        """Which vertex attribute is the largest at each covered pixel. Some pixels at a time, for `c` may be large."""
        parts = zip(*(values.split(SLICE_PIXELS) for values in self._corners), strict=True)
        return torch.cat([blend(corners, bary, attributes).argmax(-1) for corners, bary in parts])

    @cached_property
    def in_photo(self) -> InPhoto:
        """Where the photo shows what the covered pixels show."""
        return find_in_photo(self.scene, self.at(self.scene.vertices))

    def picture(self, values: Shaped[Tensor, "n c"]) -> Shaped[Tensor, "c h w"]:
        """Values of the covered pixels as a picture, 0 elsewhere."""
        h, w = self.scene.size
        return values.new_zeros(values.shape[-1], h * w).index_copy_(1, self.pixels, values.T).view(-1, h, w)

    def shows(self, faces: Bool[Tensor, " f"]) -> Bool[Tensor, "h w"]:
        """Where one of the chosen faces is the nearest surface."""
        return self.picture(faces.index_select(0, self.face_id)[:, None])[0]


def pose_frame(scene: Scene, motion: Motion, t: int) -> PosedFrame:
    """Frame `t` of a motion.

    Raises:
        InputError: see `pose_body`.
    """
    vertices, joints = pose_body(scene, motion, t)
    raster = rasterise(vertices, scene.fit.model.faces, scene.camera, backend=scene.backend)
    return PosedFrame(scene=scene, vertices=vertices, joints=joints, raster=raster)


def pose_body(scene: Scene, motion: Motion, t: int) -> tuple[Float[Tensor, "v 3"], Float[Tensor, "55 3"]]:
    """Vertices and joints of frame `t` of a motion, in the space of the scene's camera.

    Raises:
        InputError: if the motion carries the body behind the camera.
    """
    joint_rotvec, translation, expression = pose_at(scene.fit, motion, t, t + 1)
    posed = scene.fit.model.pose(scene.rest, joint_rotvec, translation, expression)
    if posed.joints[0, 0, 2] > -NEAR:
        raise InputError(
            f"The motion carries the body behind the camera in frame {t}. A motion's translation is in metres from "
            "where the person stands in the photo: check its unit, or use a motion that was made for a body of this "
            "size."
        )
    return scene.seen(posed.vertices[0]), scene.seen(posed.joints[0])


def reference_frame(scene: Scene) -> PosedFrame:
    """The body as it is in the photo."""
    return PosedFrame(scene=scene, vertices=scene.vertices, joints=scene.joints, raster=scene.raster)
