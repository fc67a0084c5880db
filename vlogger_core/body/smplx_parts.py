"""Which part of the body each of SMPL-X's faces belongs to."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ..names import PART_INDEX, SMPLX_JOINTS
from .eyeballs import on_iris
from .face_outlines import BROWS, EYELIDS, LIPS, inside_polygon
from .landmark_table import LandmarkTable

EYES = (EYELIDS[:16], EYELIDS[16:])
OUTER_LIPS = LIPS[:20]
LID_REACH = 1.5
"""Lids reach this far from the middle of an eye, in units of its opening's outline."""
LIP_DEPTH_M = 0.008
"""Lips reach so far behind the hindmost point of their outline, which is a corner of the mouth."""


def _part_of_joint() -> list[str]:
    parts = []
    for joint in SMPLX_JOINTS:
        side, _, rest = joint.partition("_")
        if joint in ("head", "jaw", "neck"):
            parts.append("neck" if joint == "neck" else "head")
        elif rest in ("shoulder", "elbow"):
            parts.append(f"{side}_arm")
        elif rest == "eye_smplhf":
            parts.append(f"{side}_eye")
        elif rest == "wrist" or rest.rstrip("123") in ("index", "middle", "pinky", "ring", "thumb"):
            parts.append(f"{side}_hand")
        else:
            parts.append("body")
    return parts


def face_parts(
    faces: Int[Tensor, "f 3"],
    weights: Float[Tensor, "v 55"],
    template: Float[Tensor, "v 3"],
    landmarks: LandmarkTable,
) -> Int[Tensor, " f"]:
    """Index into `names.PARTS` of every face: that of the joints that hold most of it.

    On the head, lips, lids and brows are inside the outlines of their landmarks, seen from the front; irises are
    round theirs. What skin the lips cut off from the rest is the inside of the mouth.
    """
    part = torch.tensor([PART_INDEX[name] for name in _part_of_joint()])
    held = torch.zeros(len(faces), len(PART_INDEX)).index_add(1, part, weights[faces].mean(1))
    parts = held.argmax(1)

    centre = template[faces].mean(1)
    points = landmarks(template[None])[0]
    corners = template[faces]
    normal = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    is_eye = (parts == PART_INDEX["left_eye"]) | (parts == PART_INDEX["right_eye"])
    parts[is_eye & on_iris(centre, points)] = PART_INDEX["iris"]
    head = parts == PART_INDEX["head"]
    in_face = head & (centre[:, 2] > points[list(OUTER_LIPS), 2].min() - 0.05)
    front = in_face & (normal[:, 2] > 0)

    def within(outline: tuple[int, ...], reach: float = 1.0) -> Tensor:
        corners = points[list(outline), :2]
        middle = corners.mean(0)
        return inside_polygon(centre[:, :2], middle + reach * (corners - middle))

    for outline in BROWS:
        parts[front & within(outline)] = PART_INDEX["brows"]
    for outline in EYES:
        parts[in_face & within(outline, LID_REACH)] = PART_INDEX["lids"]
    deep = centre[:, 2] < points[list(OUTER_LIPS), 2].min() - LIP_DEPTH_M
    lips = in_face & within(OUTER_LIPS) & ~deep
    parts[lips] = PART_INDEX["lips"]
    parts[(parts == PART_INDEX["head"]) & _cut_off(faces, lips)] = PART_INDEX["mouth_cavity"]
    return parts


def _cut_off(faces: Int[Tensor, "f 3"], border: Bool[Tensor, " f"]) -> Bool[Tensor, " f"]:
    """Which faces hang together with the most others no longer once the border's are taken out."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    edges = faces[~border][:, [0, 1, 0, 2]].reshape(-1, 2).numpy()
    if len(edges) == 0:
        return torch.zeros_like(border)
    size = int(faces.max()) + 1
    graph = coo_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(size, size))
    group = torch.from_numpy(connected_components(graph, directed=False)[1]).long()[faces[:, 0]]
    largest = torch.bincount(group[~border]).argmax()
    return ~border & (group != largest)
