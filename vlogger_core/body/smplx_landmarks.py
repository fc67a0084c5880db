"""Where face landmarks lie on SMPL-X: the file's own, and MediaPipe's others by the likeness of two faces."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ..names import JOINT_INDEX
from .eyeballs import IRISES
from .landmark_table import LandmarkTable
from .people import FACE_68_TO_MEDIAPIPE
from .smplx_file import NUM_CONTOUR, NUM_STATIC, SmplxArrays

NUM_LANDMARKS = 478
CONTOUR_WEIGHT = 0.5
"""The jaw line is where the frontal view ends, which slides over the skin when the head turns."""
_CANDIDATES = 24
"""Faces near a point, by their centres, among which the nearest is looked for."""


def known_landmarks(arrays: SmplxArrays) -> LandmarkTable:
    """The file's 51 or 68 landmarks and the middles of the irises among MediaPipe's 478; the others weigh 0.

    An iris is the foremost vertex of those that belong to the eye's joint.
    """
    vertices = torch.zeros(NUM_LANDMARKS, 3, dtype=torch.long)
    barycentric = torch.tensor([1.0, 0.0, 0.0]).repeat(NUM_LANDMARKS, 1)
    weight = torch.zeros(NUM_LANDMARKS)
    order = FACE_68_TO_MEDIAPIPE[NUM_CONTOUR:] + FACE_68_TO_MEDIAPIPE[:NUM_CONTOUR]
    known = list(order[: len(arrays.landmark_faces)])
    vertices[known] = arrays.faces[arrays.landmark_faces]
    barycentric[known] = arrays.landmark_barycentric
    weight[known] = 1.0
    weight[known[NUM_STATIC:]] = CONTOUR_WEIGHT
    for side, landmark in zip(("right", "left"), IRISES):
        held = arrays.weights[:, JOINT_INDEX[f"{side}_eye_smplhf"]] > 0.5
        if held.any():
            vertices[landmark] = torch.where(held, arrays.v_template[:, 2], -torch.inf).argmax()
            weight[landmark] = 1.0
    return LandmarkTable(vertices=vertices, barycentric=barycentric, weight=weight)


def complete_landmarks(
    known: LandmarkTable, arrays: SmplxArrays, reference: Float[Tensor, "478 3"]
) -> tuple[LandmarkTable, Float[Tensor, "3 3"]]:
    """The table with all 478 in place: where a smooth deformation of another face puts them.

    Args:
        reference: the landmarks of a face of which all are known.

    Returns:
        The table, its weights unchanged, and the rotation and scale that bring displacements of the reference onto
        this face (`move @ turn.mT`).
    """
    trusted = known.weight > 0
    there = known(arrays.v_template[None])[0]
    rotation, scale, shift = similarity(reference[trusted], there[trusted], known.weight[trusted])
    aligned = scale * reference @ rotation.mT + shift
    guess = _warp(aligned, aligned[trusted], there[trusted])
    skin = _face_skin(arrays)
    corners, barycentric = nearest_on_surface(guess, arrays.v_template, arrays.faces[skin])
    corners[trusted], barycentric[trusted] = known.vertices[trusted], known.barycentric[trusted]
    return LandmarkTable(vertices=corners, barycentric=barycentric, weight=known.weight), scale * rotation


def similarity(
    source: Float[Tensor, "n 3"], target: Float[Tensor, "n 3"], weight: Float[Tensor, " n"]
) -> tuple[Float[Tensor, "3 3"], Float[Tensor, ""], Float[Tensor, "3"]]:
    """Rotation, scale and shift that bring points nearest to others (Umeyama, PAMI 1991)."""
    share = (weight / weight.sum())[:, None].double()
    source, target = source.double(), target.double()
    middle, to_middle = (share * source).sum(0), (share * target).sum(0)
    a, b = source - middle, target - to_middle
    u, values, vh = torch.linalg.svd(b.mT @ (share * a))
    sign = torch.ones_like(values)
    sign[2] = torch.linalg.det(u @ vh).sign()
    rotation = (u * sign) @ vh
    scale = (values * sign).sum() / (share * a.square()).sum()
    return rotation.float(), scale.float(), (to_middle - scale * rotation @ middle).float()


def nearest_on_surface(
    points: Float[Tensor, "n 3"], vertices: Float[Tensor, "v 3"], faces: Int[Tensor, "f 3"]
) -> tuple[Int[Tensor, "n 3"], Float[Tensor, "n 3"]]:
    """For each point the corners and the weights of the place on a mesh that is about the nearest."""
    from scipy.spatial import KDTree

    corners = vertices[faces]
    count = min(_CANDIDATES, len(faces))
    near = np.asarray(KDTree(corners.mean(1).numpy()).query(points.numpy(), k=count)[1], dtype=np.int64)
    near = torch.from_numpy(near.reshape(len(points), count))
    triangle = corners[near].double()
    origin, edges = triangle[..., 0, :], triangle[..., 1:, :] - triangle[..., :1, :]
    gram = edges @ edges.mT + 1e-15 * torch.eye(2)
    inner = torch.linalg.solve(gram, edges @ (points[:, None].double() - origin)[..., None])[..., 0]
    barycentric = torch.cat((1 - inner.sum(-1, keepdim=True), inner), -1).clamp(min=0)
    barycentric = barycentric / barycentric.sum(-1, keepdim=True)
    distance = ((barycentric[..., None] * triangle).sum(-2) - points[:, None]).norm(dim=-1)
    best = distance.argmin(1)
    rows = torch.arange(len(points))
    return faces[near[rows, best]], barycentric[rows, best].float()


def _warp(
    points: Float[Tensor, "n 3"], source: Float[Tensor, "m 3"], target: Float[Tensor, "m 3"]
) -> Float[Tensor, "n 3"]:
    """Thin-plate splines: the smoothest deformation that takes `source` to `target`, applied to `points`."""
    from scipy.interpolate import RBFInterpolator

    spread = float((source - source.mean(0)).norm(dim=1).mean())
    spline = RBFInterpolator(source.numpy() / spread, (target - source).numpy(), smoothing=1e-4)
    return points + torch.from_numpy(spline(points.numpy() / spread)).float()


def _face_skin(arrays: SmplxArrays) -> Bool[Tensor, " f"]:
    """Faces of the head that look forwards, without the eyeballs; all faces if there are none."""
    head = arrays.weights[:, [JOINT_INDEX["head"], JOINT_INDEX["jaw"]]].sum(1)
    held = (head > 0.5)[arrays.faces].all(1)
    corners = arrays.v_template[arrays.faces]
    normal = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    skin = held & (normal[:, 2] > -0.3 * normal.norm(dim=1))
    return skin if skin.any() else torch.ones_like(skin)
