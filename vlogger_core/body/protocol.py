"""What every body model offers, whatever its own parameters are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class RestBody:
    """A body of one shape before it is posed."""

    vertices: Float[Tensor, "v 3"]
    """Rest pose, metres, Y up, facing +Z, pelvis at the origin."""
    joints: Float[Tensor, "k 3"]
    """Heads of the model's own bones."""


@dataclass(frozen=True, kw_only=True)
class PosedBody:
    """Bodies in the world frame of `datatypes`."""

    vertices: Float[Tensor, "t v 3"]
    joints: Float[Tensor, "t 55 3"]
    """In the order of `names.SMPLX_JOINTS`."""


@runtime_checkable
class BodyModel(Protocol):
    """Shape, pose and expression to a mesh. Both methods are differentiable and keep no state."""

    @property
    def name(self) -> str: ...

    @property
    def shape_names(self) -> tuple[str, ...]:
        """One name for each entry of the shape code."""
        ...

    @property
    def faces(self) -> Int[Tensor, "f 3"]:
        """Counter-clockwise seen from outside."""
        ...

    @property
    def face_parts(self) -> Int[Tensor, " f"]:
        """Index into `names.PARTS`."""
        ...

    @property
    def template(self) -> Float[Tensor, "v 3"]:
        """Vertices of the mean shape at rest: the coordinates that the dense map shows."""
        ...

    def mean_shape(self) -> Float[Tensor, " d"]:
        """The shape code of an average adult."""
        ...

    def rest(self, shape: Float[Tensor, " d"]) -> RestBody:
        """The unposed body of a shape. Done once per person, then posed for every frame."""
        ...

    def pose(
        self,
        rest: RestBody,
        joint_rotvec: Float[Tensor, "t 55 3"],
        translation: Float[Tensor, "t 3"],
        expression: Float[Tensor, "t 52"],
    ) -> PosedBody:
        """Pose a body. Rotations are local, in SMPL-X frames whose rest is the T-pose; row 0 is the global one."""
        ...

    @property
    def face_landmark_weight(self) -> Float[Tensor, "478"]:
        """How far each of `face_landmarks` can be trusted, 0 to 1; 0 where the model has no point for it."""
        ...

    def face_landmarks(self, vertices: Float[Tensor, "t v 3"]) -> Float[Tensor, "t 478 3"]:
        """The surface points of MediaPipe's 478 face landmarks (468 to 477 are the irises); NaN-free."""
        ...

    def to(self, device: object) -> BodyModel:
        """The same model with its tensors on another device."""
        ...
