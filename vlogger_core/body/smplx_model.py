"""SMPL-X as a `BodyModel`, from the file that a user has: the formulas of Pavlakos et al., CVPR 2019, section 3.1.

The file is under its makers' licence and never part of this project; the arithmetic here is our own. A test compares it
with the `smplx` package.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..names import ARKIT_EXPRESSIONS, EXPRESSION_INDEX, JOINT_INDEX
from ..rotation import rotvec_to_rotmat
from .gaze import gaze_rotvec
from .landmark_table import LandmarkTable
from .protocol import PosedBody, RestBody
from .skinning import JointTree, skin_vertices
from .smplx_expression import ArkitMap
from .smplx_file import NUM_JOINTS, PARENTS, SmplxArrays
from .smplx_landmarks import known_landmarks
from .smplx_parts import face_parts

NUM_BETAS = 16
"""Identity coefficients by default: what one photo can tell."""
BETA_RANGE = 3.0
"""Standard deviations to which identity coefficients are sensible."""

_TREE = JointTree.build(PARENTS)
_JAW, _EYES_END = JOINT_INDEX["jaw"], JOINT_INDEX["right_eye_smplhf"] + 1
_LOOKS = {name: EXPRESSION_INDEX[name] for name in ARKIT_EXPRESSIONS if name.startswith("eyeLook")}


@dataclass(kw_only=True, eq=False, repr=False)
class SmplxBody:
    """SMPL-X with hands and face.

    Shape code: the first identity coefficients of the file, in standard deviations (`shape_range`).

    Expression: the 52 ARKit channels become the file's expression coefficients and a turn of the jaw, which comes on
    top of the jaw joint's own (`smplx_expression`). `eyeLook*` turns the eyeballs in addition to the eye joints, and
    the lids follow. SMPL-X has neither teeth nor a tongue.
    """

    name = "smplx"

    faces: Int[Tensor, "f 3"]
    face_parts: Int[Tensor, " f"]
    vertices: Float[Tensor, "3 v"]
    """Of the mean shape, in the file's own place; rows are coordinates, which skins faster than columns."""
    joints: Float[Tensor, "55 3"]
    shape_vertices: Float[Tensor, "d v3"]
    shape_joints: Float[Tensor, "d 165"]
    blend_vertices: Float[Tensor, "k v3"]
    """What the 486 entries of the pose's rotation matrices and then the expression coefficients add."""
    expression_joints: Float[Tensor, "e 165"]
    skinning: Float[Tensor, "v 55"]
    landmarks: LandmarkTable
    arkit: ArkitMap

    @staticmethod
    def build(arrays: SmplxArrays, num_betas: int = NUM_BETAS) -> SmplxBody:
        """The body without an expression map and with no more face landmarks than the file has."""
        available = arrays.shape_dirs.shape[2]
        if not 1 <= num_betas <= available:
            raise ValueError(f"num_betas must lie in 1 to {available}. Got {num_betas}.")
        shape_dirs = arrays.shape_dirs[..., :num_betas]

        def rows(dirs: Float[Tensor, "v 3 k"]) -> Float[Tensor, "k v3"]:
            return dirs.permute(2, 1, 0).flatten(1).contiguous()

        def of_joints(dirs: Float[Tensor, "v 3 k"]) -> Float[Tensor, "k 165"]:
            return torch.einsum("jv,vck->kjc", arrays.joint_regressor, dirs).flatten(1).contiguous()

        landmarks = known_landmarks(arrays)
        return SmplxBody(
            faces=arrays.faces,
            face_parts=face_parts(arrays.faces, arrays.weights, arrays.v_template, landmarks),
            vertices=arrays.v_template.mT.contiguous(),
            joints=arrays.joint_regressor @ arrays.v_template,
            shape_vertices=rows(shape_dirs),
            shape_joints=of_joints(shape_dirs),
            blend_vertices=torch.cat((rows(arrays.pose_dirs), rows(arrays.expression_dirs))),
            expression_joints=of_joints(arrays.expression_dirs),
            skinning=arrays.weights,
            landmarks=landmarks,
            arkit=ArkitMap.none(arrays.expression_dirs.shape[2]),
        )

    @property
    def shape_names(self) -> tuple[str, ...]:
        return tuple(f"beta{i}" for i in range(len(self.shape_vertices)))

    @property
    def shape_range(self) -> Float[Tensor, "d 2"]:
        """Lowest and highest sensible value of each shape parameter."""
        return self.joints.new_tensor([-BETA_RANGE, BETA_RANGE]).repeat(len(self.shape_vertices), 1)

    @property
    def template(self) -> Float[Tensor, "v 3"]:
        return (self.vertices - self.joints[0, :, None]).mT

    def mean_shape(self) -> Float[Tensor, " d"]:
        return self.joints.new_zeros(len(self.shape_vertices))

    def rest(self, shape: Float[Tensor, " d"]) -> RestBody:
        if shape.shape != (len(self.shape_vertices),):
            raise ValueError(f"shape must have {len(self.shape_vertices)} entries. Got {tuple(shape.shape)}.")
        vertices = self.vertices + (shape @ self.shape_vertices).unflatten(0, (3, -1))
        joints = self.joints + (shape @ self.shape_joints).unflatten(0, (-1, 3))
        return RestBody(vertices=(vertices - joints[0, :, None]).mT, joints=joints - joints[0])

    def pose(
        self,
        rest: RestBody,
        joint_rotvec: Float[Tensor, "t 55 3"],
        translation: Float[Tensor, "t 3"],
        expression: Float[Tensor, "t 52"],
    ) -> PosedBody:
        coefficients, jaw = self.arkit(expression)
        gaze = gaze_rotvec({name: expression[:, i] for name, i in _LOOKS.items()})
        own = rotvec_to_rotmat(joint_rotvec)
        face = own[:, _JAW:_EYES_END] @ rotvec_to_rotmat(torch.cat((jaw[:, None], gaze), 1))
        return self._pose(rest, torch.cat((own[:, :_JAW], face, own[:, _EYES_END:]), 1), translation, coefficients)

    def pose_native(
        self,
        rest: RestBody,
        joint_rotvec: Float[Tensor, "t 55 3"],
        translation: Float[Tensor, "t 3"],
        coefficients: Float[Tensor, "t e"],
    ) -> PosedBody:
        """As `pose`, by the file's own expression coefficients, in standard deviations."""
        return self._pose(rest, rotvec_to_rotmat(joint_rotvec), translation, coefficients)

    def _pose(
        self,
        rest: RestBody,
        local: Float[Tensor, "t 55 3 3"],
        translation: Float[Tensor, "t 3"],
        coefficients: Float[Tensor, "t e"],
    ) -> PosedBody:
        if rest.joints.shape[0] != NUM_JOINTS or rest.vertices.shape[0] != self.vertices.shape[1]:
            raise ValueError(
                f"rest must come from this SmplxBody.rest, with {NUM_JOINTS} joints and {self.vertices.shape[1]} "
                f"vertices. Got {rest.joints.shape[0]} and {rest.vertices.shape[0]}."
            )
        turns = (local[:, 1:] - torch.eye(3, device=local.device)).flatten(1)
        offsets = torch.cat((turns, coefficients), 1) @ self.blend_vertices
        vertices = (rest.vertices.mT + offsets.unflatten(1, (3, -1))).mT
        joints = rest.joints + (coefficients @ self.expression_joints).unflatten(1, (-1, 3))
        parents = [max(parent, 0) for parent in PARENTS]
        rotations, heads = _TREE.forward(local, joints - joints[:, parents], translation)
        shift = heads - (rotations @ joints[..., None])[..., 0]
        return PosedBody(vertices=skin_vertices(vertices, self.skinning, rotations, shift), joints=heads)

    @property
    def face_landmark_weight(self) -> Float[Tensor, "478"]:
        return self.landmarks.weight

    def face_landmarks(self, vertices: Float[Tensor, "t v 3"]) -> Float[Tensor, "t 478 3"]:
        """The surface points of MediaPipe's 478 face landmarks.

        Those of weight above 0 are the file's own 51, its jaw line seen from the front and the middles of the irises;
        the others are only roughly placed.
        """
        return self.landmarks(vertices)

    def with_vertices(self, index: Int[Tensor, " n"]) -> SmplxBody:
        """The same body reduced to some vertices and the faces between them, for a faster fit.

        Face landmarks stay if all their vertices do.
        """
        kept = torch.unique(index)
        place = torch.full((len(self.skinning),), -1, device=kept.device)
        place[kept] = torch.arange(len(kept), device=kept.device)
        whole = (place[self.faces] >= 0).all(1)

        def reduced(rows: Float[Tensor, "k v3"]) -> Float[Tensor, "k n3"]:
            return rows.unflatten(1, (3, -1))[:, :, kept].flatten(1).contiguous()

        return replace(
            self,
            faces=place[self.faces[whole]],
            face_parts=self.face_parts[whole],
            vertices=self.vertices[:, kept].contiguous(),
            shape_vertices=reduced(self.shape_vertices),
            blend_vertices=reduced(self.blend_vertices),
            skinning=self.skinning[kept],
            landmarks=self.landmarks.renumbered(place),
        )

    def to(self, device: Any) -> SmplxBody:
        return replace(self, **{key: value.to(device) for key, value in vars(self).items()})
