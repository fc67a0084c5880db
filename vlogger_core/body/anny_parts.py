"""Which part of the body each of Anny's faces belongs to."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..names import PART_INDEX
from .eyeballs import on_iris
from .face_outlines import BROWS, inside_polygon
from .landmark_table import LandmarkTable

LABEL_PARTS = {
    "body": "body", "foot.L": "body", "foot.R": "body", "head": "head",
    "hand.L": "left_hand", "hand.R": "right_hand",
    "eye_front.L": "left_eye", "eye_back.L": "left_eye", "eye_front.R": "right_eye", "eye_back.R": "right_eye",
    "eye_cavity.L": "lids", "eye_cavity.R": "lids", "eyelids": "lids",
    "mouth_cavity": "mouth_cavity", "tongue": "tongue", "lips": "lips", "ears": "ears",
}  # fmt: skip
"""Anny's face labels, and the finer masks that `anny_build` adds, to ours."""

ARM_BONES = ("upperarm", "lowerarm", "wrist", "metacarpal", "finger")

BROW_SHARE = 2
"""Of five points of a quad, how many must lie inside the outline."""


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

    The two triangles of each of Anny's quads, which follow each other in `faces`, are of one part: so borders run along
    the rows of the mesh instead of zigzagging across them. A quad that is half inside a finer mask belongs to it. Arms
    and neck are where their bones hold more than half of the skin. The mesh has no brows: they are the quads of the
    head inside the outline of MediaPipe's brow landmarks, seen from the front; irises are round their landmarks.
    """
    # The finer masks have the higher labels.
    quad_labels = labels.unflatten(0, (-1, 2)).amax(1)
    six = faces[: len(labels)].unflatten(0, (-1, 2)).flatten(1).sort(1).values
    first = torch.cat((torch.ones_like(six[:, :1], dtype=torch.bool), six[:, 1:] != six[:, :-1]), 1)
    quads = six[first].unflatten(0, (-1, 4))
    parts = torch.tensor([PART_INDEX[LABEL_PARTS[name]] for name in label_names])[quad_labels]
    held = skinning[quads].mean(1)

    def held_by(prefixes: tuple[str, ...], end: str = "") -> Tensor:
        chosen = [i for i, bone in enumerate(bones) if bone.startswith(prefixes) and bone.endswith(end)]
        return held[:, chosen].sum(1) > 0.5

    is_body, is_head = (parts == PART_INDEX[name] for name in ("body", "head"))
    parts[is_body & held_by(("neck", "head")) | is_head & held_by(("neck",))] = PART_INDEX["neck"]
    for side, s in (("left", "L"), ("right", "R")):
        parts[is_body & held_by(ARM_BONES, s)] = PART_INDEX[f"{side}_arm"]

    if landmarks is not None:
        corners = template[quads]
        centre = corners.mean(1, keepdim=True)
        inner = torch.cat((centre, centre.lerp(corners, 0.6)), 1)
        points = landmarks(template[None])[0]
        is_eye = (parts == PART_INDEX["left_eye"]) | (parts == PART_INDEX["right_eye"])
        parts[is_eye & on_iris(centre[:, 0], points)] = PART_INDEX["iris"]
        front = (parts == PART_INDEX["head"]) & (centre[:, 0, 2] > points[list(BROWS[0]), 2].min() - 0.02)
        for outline in BROWS:
            inside = inside_polygon(inner.flatten(0, 1)[:, :2], points[list(outline), :2]).unflatten(0, (-1, 5))
            parts[front & (inside.sum(1) >= BROW_SHARE)] = PART_INDEX["brows"]
    teeth = torch.full((len(faces) - len(labels),), PART_INDEX["teeth"])
    return torch.cat((parts.repeat_interleave(2), teeth))
