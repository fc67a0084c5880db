"""Find MediaPipe's face landmarks on Anny: draw many faces, detect, and see which surface lies under each landmark.

    python -m vlogger_core.body.trace_landmarks [OUT.safetensors]

Needs the package `mediapipe` and a minute or two. The result is `assets/body/anny_landmarks.safetensors`.
"""

from __future__ import annotations

import itertools
import logging
import math
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.ndimage import binary_dilation
from scipy.optimize import linear_sum_assignment
from scipy.spatial import KDTree
from torch import Tensor

from ..datatypes import Camera
from ..names import EXPRESSION_INDEX, JOINT_INDEX, PART_INDEX
from ..render.raster import Raster, rasterise
from .anny_landmarks import ASSET
from .anny_model import AnnyBody, load_anny
from .eyeballs import IRIS_RADIUS_M, eyeball
from .face_outlines import EYELIDS, INNER_LIPS
from .landmarks import LEFT_IRIS, RIGHT_IRIS

logger = logging.getLogger(__name__)

SIZE, FOV_DEG, DISTANCE_M = 1024, 22.0, 1.1
LID_CORNERS = (33, 246, 7, 133, 173, 155, 263, 466, 249, 362, 398, 382)
"""Those near the corners, where no eyeball shows beside the rim."""
LOWER_INNER_LIP = (95, 88, 178, 87, 14, 317, 402, 318, 324)
UPPER_INNER_LIP = tuple(i for i in INNER_LIPS if i not in (*LOWER_INNER_LIP, 78, 308))
IRISES = ((RIGHT_IRIS, -1.0), (LEFT_IRIS, 1.0))
"""First of five landmarks (middle, then a ring), and the sign of the side in x."""

LOWER_LIP_DROP_M = 0.012
"""At jawOpen = 1 the lower lip sinks by more than this, the upper one by less."""

SKIN = ("head", "lids", "brows", "ears", "lips", "neck")
RELIABLE_M, USELESS_M = 0.0025, 0.012
"""Scatter between drawings at which a landmark weighs half, and from which on nothing."""

COLOURS = {
    "lips": (0.70, 0.37, 0.35), "left_eye": (0.93, 0.93, 0.93), "right_eye": (0.93, 0.93, 0.93),
    "iris": (0.93, 0.93, 0.93),
    "mouth_cavity": (0.25, 0.07, 0.07), "teeth": (0.9, 0.88, 0.82), "tongue": (0.65, 0.28, 0.28),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """One picture and what lies under each of its pixels."""

    image: Float[Tensor, "h w 3"]
    raster: Raster
    parts: Int[Tensor, "h w"]


def draw(body: AnnyBody, vertices: Float[Tensor, "v 3"], skin: Tensor, light: Tensor) -> Drawing:
    """The body under one lamp, with dark irises, as plain as a detector needs it."""
    camera = Camera(fov_deg=FOV_DEG, width=SIZE, height=SIZE)
    raster = rasterise(vertices, body.faces, camera)
    corners = body.faces[raster.face_id.clamp(min=0)]
    parts = torch.where(raster.covered, body.face_parts[raster.face_id.clamp(min=0)], PART_INDEX["background"])

    triangles = vertices[body.faces]
    normals = torch.linalg.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    smooth = torch.zeros_like(vertices).index_add_(0, body.faces.flatten(), normals.repeat_interleave(3, 0))
    normal = torch.nn.functional.normalize((smooth[corners] * raster.bary[..., None]).sum(-2), dim=-1)
    shade = 0.35 + 0.65 * (normal @ light).clamp(0, 1)

    albedo = skin.expand(SIZE, SIZE, 3).clone()
    for part, colour in COLOURS.items():
        albedo[parts == PART_INDEX[part]] = torch.tensor(colour)
    eyes = body.rest(body.mean_shape()).joints
    point = (body.template[corners] * raster.bary[..., None]).sum(-2)
    on_ball = torch.isin(parts, torch.tensor([PART_INDEX[part] for part in ("left_eye", "right_eye", "iris")]))
    for name in ("eye.L", "eye.R"):
        off_axis = (point - eyes[body.rig.bone(name)])[..., :2].norm(dim=-1)
        for radius, colour in ((IRIS_RADIUS_M, (0.30, 0.22, 0.15)), (0.0022, (0.03, 0.03, 0.03))):
            albedo[on_ball & (off_axis < radius)] = torch.tensor(colour)
    image = torch.where(raster.covered[..., None], albedo * shade[..., None], torch.tensor(0.45))
    return Drawing(image=image, raster=raster, parts=parts)


def surface_points(
    body: AnnyBody, drawing: Drawing, pixels: Float[Tensor, "478 2"], mouth_open: bool
) -> Float[Tensor, "478 3"]:
    """The template point under each landmark; NaN where this drawing does not show it.

    A landmark that misses what it belongs to (an outline that falls beside the head, a lid on the eyeball) goes to the
    nearest pixel of it, if that lies within 1 % of the picture.
    """
    found = torch.full((478, 3), math.nan)
    is_part = {name: (drawing.parts == PART_INDEX[name]).numpy() for name in PART_INDEX}
    skin = np.logical_or.reduce([is_part[name] for name in SKIN])
    eyes = is_part["left_eye"] | is_part["right_eye"] | is_part["iris"]
    inside = is_part["mouth_cavity"] | is_part["teeth"] | is_part["tongue"]
    lid_rim = binary_dilation(eyes, iterations=2) & is_part["lids"]
    lip_rim = binary_dilation(inside, iterations=2) & is_part["lips"]

    rows = np.arange(SIZE)[:, None]
    groups = [(skin, [i for i in range(468) if i not in EYELIDS and i not in INNER_LIPS])]
    groups += [(lid_rim, [i for i in EYELIDS if i not in LID_CORNERS]), (is_part["lids"], LID_CORNERS)]
    if mouth_open:
        middle = float(pixels[[13, 14], 1].mean())
        groups += [(lip_rim & (rows > middle), LOWER_INNER_LIP), (lip_rim & (rows < middle), UPPER_INNER_LIP)]
        groups += [(lip_rim, [78, 308])]
    for allowed, landmarks in groups:
        row, column = np.nonzero(allowed)
        if len(row) == 0:
            continue
        centres = np.stack((column + 0.5, row + 0.5), 1)
        distances, places = KDTree(centres).query(pixels[list(landmarks)].numpy())
        for landmark, distance, place in zip(landmarks, np.atleast_1d(distances), np.atleast_1d(places), strict=True):
            if distance < 0.01 * SIZE:
                at = (row[place], column[place])
                corners = body.faces[drawing.raster.face_id[at]]
                found[landmark] = drawing.raster.bary[at] @ body.template[corners]
    return found


def drawings(body: AnnyBody, generator: torch.Generator) -> itertools.chain:
    """(drawing, mouth_open) of different people from different sides: closed mouths, then open ones."""
    names = list(body.shape_names)
    face = [i for i, n in enumerate(names) if n.startswith(("nose-", "chin-", "cheek-", "head-scale", "mouth-scale"))]
    views = [(0.0, 0.0), (0.0, 0.15), (0.0, -0.15), (0.2, 0.0), (-0.2, 0.0), (0.1, 0.08), (-0.1, -0.08)]

    def one(k: int, mouth_open: bool) -> tuple[Drawing, bool]:
        shape = body.mean_shape()
        shape[names.index("gender")] = k % 3 / 2
        shape[names.index("age")] = 0.67 + 0.25 * float(torch.rand(1, generator=generator))
        shape[names.index("weight")] = 0.35 + 0.35 * float(torch.rand(1, generator=generator))
        shape[face] = 0.35 * (2 * torch.rand(len(face), generator=generator) - 1)
        shape[names.index(("african", "asian", "caucasian")[k % 3])] = float(torch.rand(1, generator=generator))
        rest = body.rest(shape)
        yaw, pitch = views[k % len(views)]
        pose = torch.zeros(1, 55, 3)
        pose[0, JOINT_INDEX["pelvis"]] = torch.tensor((pitch, yaw, 0.0))
        expression = torch.zeros(1, 52)
        expression[0, EXPRESSION_INDEX["jawOpen"]] = 0.45 if mouth_open else 0.0
        head = body.pose(rest, pose, torch.zeros(1, 3), expression)
        centre = head.joints[0, [JOINT_INDEX["left_eye_smplhf"], JOINT_INDEX["right_eye_smplhf"]]].mean(0)
        shift = torch.tensor((0.0, 0.03, -DISTANCE_M)) - centre
        side = 0.5 * (2 * float(torch.rand(1, generator=generator)) - 1)
        light = torch.nn.functional.normalize(torch.tensor((side, 0.45, 1.0)), dim=0)
        skin = torch.tensor((0.80, 0.60, 0.50)) * (0.55 + 0.5 * float(torch.rand(1, generator=generator)))
        return draw(body, head.vertices[0] + shift, skin, light), mouth_open

    return itertools.chain((one(k, False) for k in range(28)), (one(k, True) for k in range(14)))


def mirror_pairs(points: Float[Tensor, "468 3"]) -> Int[Tensor, " 468"]:
    """For each landmark the one on the other side of the face, on the same lip."""
    mirrored = points * torch.tensor((-1.0, 1.0, 1.0))
    distances = torch.cdist(mirrored, points)
    # Closed lips lie on each other: only by name can they be told apart.
    lip = torch.zeros(len(points), dtype=torch.long)
    lip[list(UPPER_INNER_LIP)], lip[list(LOWER_INNER_LIP)] = 1, 2
    _, partner = linear_sum_assignment((distances + (lip[:, None] != lip)).numpy())
    pairs = torch.from_numpy(partner)
    if not torch.equal(pairs[pairs], torch.arange(len(points))):
        logger.warning("%d landmarks have no clear mirror image.", int((pairs[pairs] != torch.arange(468)).sum()))
    return pairs


def goes_with_jaw(body: AnnyBody) -> Bool[Tensor, " f"]:
    """Faces that jawOpen carries down with the chin: the lower lip's, not the upper's."""
    expression = torch.zeros(2, 52)
    expression[1, EXPRESSION_INDEX["jawOpen"]] = 1.0
    still, opened = body.pose(
        body.rest(body.mean_shape()), torch.zeros(2, 55, 3), torch.zeros(2, 3), expression
    ).vertices
    return (still - opened)[body.faces][..., 1].mean(1) > LOWER_LIP_DROP_M


def attach(points: Float[Tensor, "n 3"], vertices: Tensor, faces: Int[Tensor, "f 3"]) -> tuple[Tensor, Tensor]:
    """The nearest point of the surface: vertex numbers and barycentric weights, both `[n 3]`."""
    triangles = vertices[faces]
    a, ab, ac = triangles[:, 0], triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]
    gram = torch.stack(((ab * ab).sum(1), (ab * ac).sum(1), (ac * ac).sum(1)), 1)
    determinant = (gram[:, 0] * gram[:, 2] - gram[:, 1] ** 2).clamp(min=1e-18)
    out_faces, out_weights = [], []
    for point in points:
        offset = point - a
        d1, d2 = (offset * ab).sum(1), (offset * ac).sum(1)
        u = (gram[:, 2] * d1 - gram[:, 1] * d2) / determinant
        v = (gram[:, 0] * d2 - gram[:, 1] * d1) / determinant
        inside = (u >= 0) & (v >= 0) & (u + v <= 1)
        candidates = [torch.stack((1 - u - v, u, v), 1).masked_fill(~inside[:, None], math.inf)]
        for i, j in ((0, 1), (1, 2), (2, 0)):
            edge = triangles[:, j] - triangles[:, i]
            t = (((point - triangles[:, i]) * edge).sum(1) / (edge * edge).sum(1).clamp(min=1e-18)).clamp(0, 1)
            weights = torch.zeros(len(faces), 3)
            weights[:, i], weights[:, j] = 1 - t, t
            candidates.append(weights)
        weights = torch.stack(candidates)
        gaps = ((weights[..., None] * triangles).sum(-2) - point).norm(dim=-1).nan_to_num(nan=math.inf)
        kind, face = divmod(int(gaps.argmin()), len(faces))
        out_faces.append(faces[face])
        out_weights.append(weights[kind, face])
    return torch.stack(out_faces), torch.stack(out_weights)


def trace(body: AnnyBody) -> dict[str, Tensor]:
    """The table: `vertices` in base-mesh numbers, `barycentric`, `weight`."""
    from mediapipe.python.solutions.face_mesh import FaceMesh

    seen = []
    with FaceMesh(static_image_mode=True, refine_landmarks=True) as detector:
        for drawing, mouth_open in drawings(body, torch.Generator().manual_seed(0)):
            image = (drawing.image * 255).round().to(torch.uint8).numpy()
            faces = detector.process(image).multi_face_landmarks  # pyright: ignore[reportAttributeAccessIssue]
            if not faces:
                logger.warning("No face found in a drawing.")
                continue
            pixels = torch.tensor([[point.x * SIZE, point.y * SIZE] for point in faces[0].landmark])
            points = surface_points(body, drawing, pixels, mouth_open)
            # An open mouth moves the lips and the chin's outline under the landmarks: only its inner lips count.
            keep = torch.zeros(478, dtype=torch.bool)
            keep[list(INNER_LIPS)] = True
            points[keep != mouth_open] = math.nan
            seen.append(points)
    stack = torch.stack(seen)[:, :468]
    logger.info("%d drawings with a face.", len(seen))

    count = stack.isfinite().all(-1).sum(0)
    middle = stack.nanmedian(0).values
    scatter = (stack - middle).norm(dim=-1).nanmedian(0).values.nan_to_num(nan=math.inf)
    middle = middle.nan_to_num(nan=10.0)
    pairs = mirror_pairs(middle)
    both = (middle + middle[pairs] * torch.tensor((-1.0, 1.0, 1.0))) / 2
    asymmetry = (both - middle).norm(dim=-1)
    weight = 1 / (1 + ((scatter + asymmetry) / RELIABLE_M) ** 2)
    weight[(scatter + asymmetry > USELESS_M) | (count < 6)] = 0

    vertices, barycentric = torch.zeros(478, 3, dtype=torch.long), torch.zeros(478, 3)
    allowed = {name: (body.face_parts == PART_INDEX[name]) for name in PART_INDEX}
    skin = torch.stack([allowed[name] for name in SKIN]).any(0)
    on_jaw = goes_with_jaw(body)
    for landmarks, faces in (
        ([i for i in range(468) if i not in EYELIDS and i not in INNER_LIPS], body.faces[skin]),
        (list(EYELIDS), body.faces[allowed["lids"]]),
        ([78, 308], body.faces[allowed["lips"]]),
        (list(UPPER_INNER_LIP), body.faces[allowed["lips"] & ~on_jaw]),
        (list(LOWER_INNER_LIP), body.faces[allowed["lips"] & on_jaw]),
    ):
        vertices[landmarks], barycentric[landmarks] = attach(both[landmarks], body.template, faces)
    rest = body.rest(body.mean_shape())
    for first, sign in IRISES:
        name, side = ("eye.L", "left") if sign > 0 else ("eye.R", "right")
        ball = body.faces[eyeball(body, side)]
        eye = rest.joints[body.rig.bone(name)]
        # MediaPipe's ring as the viewer sees it: right, top, left, bottom.
        ring = torch.tensor([[0, 0], [1, 0], [0, 1], [-1, 0], [0, -1]]) * IRIS_RADIUS_M
        depth = (body.template[ball].flatten(0, 1) - eye).norm(dim=-1).max()
        points = eye + torch.cat((ring, (depth**2 - (ring**2).sum(1, keepdim=True)).sqrt()), 1)
        rows = slice(first, first + 5)
        vertices[rows], barycentric[rows] = attach(points, body.template, ball)
    weight = torch.cat((weight, torch.ones(10)))
    return {
        "vertices": body.base_vertices[vertices].int(),
        "barycentric": barycentric,
        "weight": weight,
    }


def main() -> None:
    from safetensors.torch import save_file

    logging.basicConfig(level=logging.INFO)
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else ASSET
    table = trace(load_anny())
    logger.info("%d of 478 landmarks are usable.", int((table["weight"] > 0).sum()))
    out.parent.mkdir(parents=True, exist_ok=True)
    save_file({key: value.contiguous() for key, value in table.items()}, out)


if __name__ == "__main__":
    main()
