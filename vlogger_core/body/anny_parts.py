"""Which part of the body each of Anny's faces belongs to."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..names import PART_INDEX
from .anny_landmarks import LandmarkTable

LABEL_PARTS = {
    "body": "body", "foot.L": "body", "foot.R": "body", "head": "head",
    "hand.L": "left_hand", "hand.R": "right_hand",
    "eye_front.L": "left_eye", "eye_back.L": "left_eye", "eye_front.R": "right_eye", "eye_back.R": "right_eye",
    "eye_cavity.L": "lids", "eye_cavity.R": "lids", "eyelids": "lids",
    "mouth_cavity": "mouth_cavity", "tongue": "tongue", "lips": "lips", "ears": "ears",
}  # fmt: skip
"""Anny's face labels, and the finer masks that `anny_build` adds, to ours."""

ARM_BONES = ("upperarm", "lowerarm", "wrist", "metacarpal", "finger")

BROWS = (
    (70, 63, 105, 66, 107, 55, 65, 52, 53, 46),
    (300, 293, 334, 296, 336, 285, 295, 282, 283, 276),
)
"""MediaPipe's outlines of the subject's right and left brow."""


def face_parts(
    labels: Int[Tensor, " b"],
    label_names: list[str],
    faces: Int[Tensor, "f 3"],
    skinning: Float[Tensor, "v k"],
    bones: list[str],
    template: Float[Tensor, "v 3"],
    landmarks: LandmarkTable | None,
) -> Int[Tensor, " f"]:
    """Index into `names.PARTS` of every face; those beyond `labels` are teeth.

    Arms and neck are where their bones hold more than half of the skin. The mesh has no brows: they are the faces of
    the head inside the outline of MediaPipe's brow landmarks, seen from the front.
    """
    parts = torch.tensor([PART_INDEX[LABEL_PARTS[name]] for name in label_names])[labels]
    parts = torch.cat((parts, torch.full((len(faces) - len(labels),), PART_INDEX["teeth"])))

    held = skinning[faces].mean(1)

    def held_by(prefixes: tuple[str, ...], end: str = "") -> Tensor:
        chosen = [i for i, bone in enumerate(bones) if bone.startswith(prefixes) and bone.endswith(end)]
        return held[:, chosen].sum(1) > 0.5

    is_body, is_head = (parts == PART_INDEX[name] for name in ("body", "head"))
    parts[is_body & held_by(("neck", "head")) | is_head & held_by(("neck",))] = PART_INDEX["neck"]
    for side, s in (("left", "L"), ("right", "R")):
        parts[is_body & held_by(ARM_BONES, s)] = PART_INDEX[f"{side}_arm"]

    if landmarks is not None:
        centre = template[faces].mean(1)
        points = landmarks(template[None])[0]
        front = (parts == PART_INDEX["head"]) & (centre[:, 2] > points[list(BROWS[0]), 2].min() - 0.02)
        for outline in BROWS:
            parts[front & inside_polygon(centre[:, :2], points[list(outline), :2])] = PART_INDEX["brows"]
    return parts


def inside_polygon(points: Float[Tensor, "n 2"], corners: Float[Tensor, "c 2"]) -> Tensor:
    """Whether a ray to the right crosses the outline an odd number of times."""
    start, end = corners, corners.roll(-1, 0)
    spans = (start[:, 1] > points[:, 1:]) != (end[:, 1] > points[:, 1:])
    slope = (end[:, 0] - start[:, 0]) / (end[:, 1] - start[:, 1])
    crossing = start[:, 0] + (points[:, 1:] - start[:, 1]) * slope
    return (spans & (points[:, :1] < crossing)).sum(1) % 2 == 1
