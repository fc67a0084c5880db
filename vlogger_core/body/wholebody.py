"""The 133 keypoints of COCO-WholeBody on any body model (Jin et al., "Whole-Body Human Pose Estimation in the Wild",
ECCV 2020).

Order, counted from 0: 17 of the body (0 to 16), 6 of the feet (17 to 22), 68 of the face (23 to 90), 21 of the left
hand (91 to 111), 21 of the right hand (112 to 132). Sides are the subject's. Tools that put a neck after the 17 shift
all that follows by one.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..names import JOINT_INDEX
from .landmarks import BODY_POINTS
from .people import FACE_68_TO_MEDIAPIPE
from .protocol import BodyModel, PosedBody
from .vertex_points import FINGERS, VERTEX_POINTS, VertexPoints, hand_points

FOOT_POINTS: tuple[str, ...] = tuple(
    f"{side}_{point}" for side in ("left", "right") for point in ("big_toe", "small_toe", "heel")
)
_FINGERS = ("thumb", "forefinger", "middle_finger", "ring_finger", "pinky_finger")

WHOLEBODY_133: tuple[str, ...] = (
    *BODY_POINTS,
    *FOOT_POINTS,
    *(f"face-{i}" for i in range(68)),
    *(
        name
        for side in ("left", "right")
        for name in (f"{side}_hand_root", *(f"{side}_{finger}{i}" for finger in _FINGERS for i in (1, 2, 3, 4)))
    ),
)
"""The published names."""

NOSE_TIP = 30
EYES = {"right": (36, 37, 38, 39, 40, 41), "left": (42, 43, 44, 45, 46, 47)}
"""Among the 68."""
_EARS = ("left_ear", "right_ear")
_LIMBS = BODY_POINTS[BODY_POINTS.index("left_shoulder") :]


def face_68(model: BodyModel, vertices: Float[Tensor, "t v 3"]) -> Float[Tensor, "t 68 3"]:
    """Multi-PIE's 68 face points: jaw line, brows, nose, eyes, mouth, each from the subject's right to left."""
    return model.face_landmarks(vertices)[:, list(FACE_68_TO_MEDIAPIPE)]


def face_68_weight(model: BodyModel) -> Float[Tensor, "68"]:
    """How far each of `face_68` can be trusted, 0 to 1; 0 where the model has no such point."""
    return model.face_landmark_weight[list(FACE_68_TO_MEDIAPIPE)]


@dataclass(frozen=True, kw_only=True)
class WholeBody:
    """Where `WHOLEBODY_133` lie on one body model."""

    model: BodyModel
    vertices: VertexPoints
    weight: Float[Tensor, "133"]
    """0 where the model has no such point, else how far the point can be trusted, up to 1."""

    @staticmethod
    def build(model: BodyModel) -> WholeBody:
        vertices = VertexPoints.build(model)
        face = face_68_weight(model)
        found = dict(zip(VERTEX_POINTS, vertices.found.to(face)))
        one = torch.ones_like(face[0])
        hands = [
            torch.stack((one, *(w for finger in FINGERS for w in (one, one, one, found[f"{side}_{finger}_tip"]))))
            for side in ("left", "right")
        ]
        head = [face[NOSE_TIP], *(face[list(EYES[side])].amin() for side in ("left", "right"))]
        body = torch.stack((*head, *(found[ear] for ear in _EARS), *(one for _ in _LIMBS)))
        feet = torch.stack([found[point] for point in FOOT_POINTS])
        return WholeBody(model=model, vertices=vertices, weight=torch.cat((body, feet, face, *hands)))

    def points(self, posed: PosedBody) -> Float[Tensor, "t 133 3"]:
        """World frame; differentiable. Points of weight 0 lie somewhere on the body.

        The eyes are the middle of their lids, so they do not follow the gaze. Shoulders, hips and the like are the
        centres of the joints, fingertips lie on their pads.
        """
        face = face_68(self.model, posed.vertices)
        eyes = [face[:, list(EYES[side])].mean(1, keepdim=True) for side in ("left", "right")]
        ears = posed.vertices[:, self.vertices.of(*_EARS)]
        limbs = posed.joints[:, [JOINT_INDEX[name] for name in _LIMBS]]
        feet = posed.vertices[:, self.vertices.of(*FOOT_POINTS)]
        hands = [hand_points(posed, side, tips) for side, tips in zip(("left", "right"), self.vertices.tips)]
        return torch.cat((face[:, [NOSE_TIP]], *eyes, ears, limbs, feet, face, *hands), 1)
