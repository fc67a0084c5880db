"""A picture that shows how well a body fits its photo."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..datatypes import BodyFit
from ..names import PART_INDEX
from ..render.camera import project
from ..render.raster import rasterise
from ..render.scene import resize
from .face_doubts import LOW_CONFIDENCE
from .face_outlines import FACE_OVAL
from .landmarks import PhotoLandmarks

MIN_SIDE, MAX_SIDE = 768, 1024
"""Pixels of the overlay's longer side: enough to judge a fit by, and drawn in about a second."""
MESH_SHARE = 0.55
_FINE, _DOUBTFUL, _OUTLINE = (255, 255, 255), (255, 90, 70), (0, 0, 0)
_SHOWN = ("face", "torso", "left_hand", "right_hand")


def draw_overlay(fit: BodyFit, landmarks: PhotoLandmarks | None = None) -> Float[Tensor, "3 h w"]:
    """The body over the photo, shaded; the body's face outline and joints, and green the landmarks if given.

    The darker a landmark, the less sure it is. The confidence of each part is written below, in red where it is low.
    As large as the photo, but `MIN_SIDE` to `MAX_SIDE` pixels on the longer side.
    """
    model = fit.model.to("cpu")
    longer = max(fit.camera.width, fit.camera.height)
    scale = min(max(longer, MIN_SIDE), MAX_SIDE) / longer
    width, height = max(1, round(fit.camera.width * scale)), max(1, round(fit.camera.height * scale))
    camera = fit.camera.resized(width, height)
    photo = resize(fit.image, (height, width))
    with torch.no_grad():
        posed = model.pose(model.rest(fit.shape), fit.joint_rotvec[None], fit.translation[None], fit.expression[None])
        raster = rasterise(posed.vertices[0], model.faces, camera)
        corners = posed.vertices[0][model.faces]
        normal = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        normal = torch.nn.functional.normalize(normal, dim=-1)
        light = torch.nn.functional.normalize(torch.tensor([0.3, 0.5, 0.8]), dim=0)
        shade = 0.35 + 0.65 * (normal @ light).clamp(min=0)
        tint = torch.full((len(shade), 3), 0.8)
        for part, colour in (("lips", (0.95, 0.4, 0.4)), ("brows", (0.5, 0.4, 0.3)), ("teeth", (1.0, 1.0, 1.0))):
            tint[model.face_parts == PART_INDEX[part]] = torch.tensor(colour)
        for part in ("left_eye", "right_eye", "iris"):
            tint[model.face_parts == PART_INDEX[part]] = torch.tensor([0.6, 0.8, 1.0])
        mesh = (shade[:, None] * tint)[raster.face_id.clamp(min=0)].permute(2, 0, 1)
        share = MESH_SHARE * raster.covered.float()
        picture = (1 - share) * photo + share * mesh
        points = project(model.face_landmarks(posed.vertices)[0], camera)[0].numpy()
        joints = project(posed.joints[0], camera)[0].numpy()
    canvas = np.ascontiguousarray((picture.clamp(0, 1) * 255).byte().permute(1, 2, 0).numpy())
    unit = max(1, round(max(canvas.shape[:2]) / 512))
    oval = points[list(FACE_OVAL)]
    cv2.polylines(canvas, [np.round(oval).astype(np.int32)], True, (255, 160, 0), unit, cv2.LINE_AA)
    for x, y in joints[12:].tolist():
        _dot(canvas, x, y, 2 * unit, (255, 160, 0))
    if landmarks is not None:
        landmarks = landmarks.resized(width, height)
        for x, y, c in torch.cat((landmarks.body, landmarks.left_hand, landmarks.right_hand)).tolist():
            if c > 0:
                _dot(canvas, x, y, 2 * unit, (0, round(80 + 175 * min(c, 1)), 0))
        for x, y, c in landmarks.face.tolist():
            if c > 0:
                _dot(canvas, x, y, max(1, unit // 2), (0, round(80 + 175 * min(c, 1)), 0))
    _write(canvas, fit, unit)
    return torch.from_numpy(canvas).permute(2, 0, 1).float() / 255


def _write(canvas: np.ndarray, fit: BodyFit, unit: int) -> None:
    """The confidence of each part, line by line in the lower left corner."""
    lines = [(name.replace("_", " "), fit.confidence[name]) for name in _SHOWN if name in fit.confidence]
    for i, (name, confidence) in enumerate(reversed(lines)):
        corner = (5 * unit, canvas.shape[0] - (6 + 13 * i) * unit)
        colour = _DOUBTFUL if confidence < LOW_CONFIDENCE else _FINE
        for thick, tone in ((3 * unit, _OUTLINE), (unit, colour)):
            text = f"{name} {confidence:.2f}"
            cv2.putText(canvas, text, corner, cv2.FONT_HERSHEY_SIMPLEX, 0.4 * unit, tone, thick, cv2.LINE_AA)


def _dot(canvas: np.ndarray, x: float, y: float, radius: int, colour: tuple[int, int, int]) -> None:
    if abs(x) < 1e5 and abs(y) < 1e5:
        cv2.circle(canvas, (round(x), round(y)), radius, colour, -1, cv2.LINE_AA)
