"""POSE_KEYPOINT as the pictures that pose-driven video models and ControlNets were trained on.

OpenPose's skeleton as ControlNet draws it, which DWPose took over: 17 limbs as filled ellipses in dimmed hues, the
joints as discs in full hues, hands as thin rainbow lines with blue discs, face points as white discs. Coordinates and
angles are cut off to whole pixels and degrees, as the published drawers do, so the pictures are the same to the pixel.
Conventions: ControlNet's annotator and IDEA-Research's DWPose (`draw_bodypose` and its like), comfyui_controlnet_aux
(`xinsr_stick_scaling`), UniAnimate (`draw_body_and_foot`), Wan2.2-Animate (`draw_aapose_new`).
"""

from __future__ import annotations

import colorsys
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..body.people import OPENPOSE_18

Colour = tuple[int, int, int]

BODY_LIMBS = (
    ("neck", "right_shoulder"), ("neck", "left_shoulder"),
    ("right_shoulder", "right_elbow"), ("right_elbow", "right_wrist"),
    ("left_shoulder", "left_elbow"), ("left_elbow", "left_wrist"),
    ("neck", "right_hip"), ("right_hip", "right_knee"), ("right_knee", "right_ankle"),
    ("neck", "left_hip"), ("left_hip", "left_knee"), ("left_knee", "left_ankle"),
)  # fmt: skip
HEAD_LIMBS = (
    ("neck", "nose"), ("nose", "right_eye"), ("right_eye", "right_ear"), ("nose", "left_eye"), ("left_eye", "left_ear"),
)  # fmt: skip
TOE_LIMBS = (("left_ankle", "left_toes"), ("right_ankle", "right_toes"))
"""Of the models that draw feet: the toes are the middle of the big and the small one."""


def _hues(count: int, whole: Callable[[float], int]) -> tuple[Colour, ...]:
    """The hues around the colour circle, from red, as a drawer brings them to whole numbers."""
    circle = (colorsys.hsv_to_rgb(i / count, 1, 1) for i in range(count))
    return tuple((whole(255 * r), whole(255 * g), whole(255 * b)) for r, g, b in circle)


HUES = _hues(18, round)
"""Of the 18 joints, and of the limbs in the order above."""
LIMB_SHADE = 0.6
"""Brightness of the limbs."""
FINGERS = tuple((0 if i == 0 else 4 * f + i, 4 * f + i + 1) for f in range(5) for i in range(4))
"""The lines of a hand."""
FINGER_HUES = _hues(20, int)
HAND_COLOUR: Colour = (0, 0, 255)
FACE_COLOUR: Colour = (255, 255, 255)

SHOWN: dict[str, frozenset[str]] = {
    "full": frozenset({"body", "head", "hands", "face"}),
    "body": frozenset({"body", "head"}),
    "body and hands": frozenset({"body", "head", "hands"}),
    "body and face": frozenset({"body", "head", "face"}),
    "head": frozenset({"head", "face"}),
    "face": frozenset({"face"}),
    "hands": frozenset({"hands"}),
}
"""What may be drawn. ControlNet's preprocessors call them openpose_full, openpose, _hand, _face and _faceonly."""

_HEAD_JOINTS = frozenset({"nose", "right_eye", "left_eye", "right_ear", "left_ear"})
_NUM_FACE = 68


@dataclass(frozen=True, kw_only=True)
class PoseStyle:
    """How thick a drawing is, in pixels for a picture of (h, w)."""

    limb: Callable[[int, int], int]
    """Half the width of a limb in its middle."""
    joint: Callable[[int, int], int] = lambda h, w: 4
    """Radius."""
    finger: Callable[[int, int], int] = lambda h, w: 2
    """Width of a line."""
    knuckle: Callable[[int, int], int] = lambda h, w: 4
    """Radius."""
    face: int = 3
    """Radius; 0 draws no face."""
    toe_limbs: tuple[Colour, Colour] | None = None
    """Colours of the left and the right toes' limb; None draws no feet."""
    toes: tuple[Colour, Colour] | None = None
    """Colours of their discs."""
    limb_shade: float = LIMB_SHADE


def _wan(h: int, w: int) -> int:
    return max(min(h, w) // 200 - 1, 1)


def _xinsir(h: int, w: int) -> int:
    longer = max(h, w)
    return 4 * (1 if longer < 500 else min(2 + longer // 1000, 7))


STYLES: dict[str, PoseStyle] = {
    "DWPose": PoseStyle(limb=lambda h, w: 4),
    "DWPose, thick": PoseStyle(limb=_xinsir),
    "UniAnimate": PoseStyle(
        limb=lambda h, w: 4,
        face=0,
        toe_limbs=((255, 0, 85), (170, 255, 255)),
        toes=((170, 255, 255), (255, 255, 0)),
    ),
    "Wan-Animate": PoseStyle(
        limb=_wan,
        joint=_wan,
        finger=lambda h, w: max(_wan(h, w) // 2, 1),
        knuckle=lambda h, w: max(_wan(h, w) // 2, 1),
        face=0,
        toe_limbs=((255, 0, 85), (200, 200, 0)),
        toes=((200, 200, 0), (100, 100, 0)),
    ),
}
"""`DWPose` for ControlNet and VACE; `DWPose, thick` for xinsir's SDXL ControlNet, whose limbs grow with the picture;
`UniAnimate` and `Wan-Animate` draw toes and no face points."""


def draw_pose(frame: Mapping[str, Any], style: PoseStyle, show: str = "full") -> Float[Tensor, "3 h w"]:
    """One frame of POSE_KEYPOINT with full arrays in pixels, as `pose_keypoint.to_pose_keypoint` writes it.

    Points with the confidence 0 are left out, and with them the limbs that end there. The two pupils of the 70 face
    points are not drawn: DWPose knows 68.

    Args:
        show: a key of `SHOWN`.

    Returns:
        RGB on black, of the frame's canvas size.
    """
    if show not in SHOWN:
        raise ValueError(f"show must be one of {', '.join(SHOWN)}. Got {show!r}.")
    canvas = np.zeros((frame["canvas_height"], frame["canvas_width"], 3), np.uint8)
    for person in frame["people"]:
        _draw_body(canvas, person, style, SHOWN[show])
        if "hands" in SHOWN[show]:
            for side in ("left", "right"):
                _draw_hand(canvas, _points(person[f"hand_{side}_keypoints_2d"]), style)
        if "face" in SHOWN[show] and style.face:
            for point in _points(person["face_keypoints_2d"])[:_NUM_FACE]:
                if point is not None and min(point) > 0:
                    cv2.circle(canvas, point, style.face, FACE_COLOUR, -1)
    return torch.from_numpy(canvas).permute(2, 0, 1).float() / 255


def _draw_body(canvas: np.ndarray, person: Mapping[str, Any], style: PoseStyle, show: frozenset[str]) -> None:
    places = dict(zip(OPENPOSE_18, _pairs(person["pose_keypoints_2d"])))
    parts = ("body",) * len(BODY_LIMBS) + ("head",) * len(HEAD_LIMBS)
    drawn = [(limb, hue) for limb, hue, part in zip((*BODY_LIMBS, *HEAD_LIMBS), HUES, parts) if part in show]
    discs = list(zip(OPENPOSE_18, HUES))
    if style.toes and style.toe_limbs and "body" in show:
        places.update(_toes(person))
        drawn += zip(TOE_LIMBS, style.toe_limbs)
        discs += zip((toes for _, toes in TOE_LIMBS), style.toes)
    size = canvas.shape[0], canvas.shape[1]
    half_width, radius = style.limb(*size), style.joint(*size)
    for (start, end), colour in drawn:
        one, other = places[start], places[end]
        if one is None or other is None:
            continue
        middle = int((one[0] + other[0]) / 2), int((one[1] + other[1]) / 2)
        angle = int(math.degrees(math.atan2(one[1] - other[1], one[0] - other[0])))
        outline = cv2.ellipse2Poly(middle, (int(math.dist(one, other) / 2), half_width), angle, 0, 360, 1)
        cv2.fillConvexPoly(canvas, np.asarray(outline), [int(style.limb_shade * value) for value in colour])
    for name, colour in discs:
        place = places[name]
        wanted = "head" if name in _HEAD_JOINTS else "body"
        if place is not None and (wanted in show or (name == "neck" and "head" in show)):
            cv2.circle(canvas, (int(place[0]), int(place[1])), radius, colour, -1)


def _toes(person: Mapping[str, Any]) -> dict[str, tuple[float, float] | None]:
    """The middle of the big and the small toe of each foot where both are seen."""
    feet = _pairs(person["foot_keypoints_2d"])
    found: dict[str, tuple[float, float] | None] = {}
    for side, (big, small) in {"left": feet[0:2], "right": feet[3:5]}.items():
        found[f"{side}_toes"] = ((big[0] + small[0]) / 2, (big[1] + small[1]) / 2) if big and small else None
    return found


def _draw_hand(canvas: np.ndarray, points: list[tuple[int, int] | None], style: PoseStyle) -> None:
    size = canvas.shape[0], canvas.shape[1]
    # The published drawers skip the first row and column, where their unseen points lie.
    points = [point if point is not None and min(point) > 0 else None for point in points]
    for (start, end), hue in zip(FINGERS, FINGER_HUES):
        one, other = points[start], points[end]
        if one is not None and other is not None:
            cv2.line(canvas, one, other, hue, style.finger(*size))
    for point in points:
        if point is not None:
            cv2.circle(canvas, point, style.knuckle(*size), HAND_COLOUR, -1)


def _pairs(flat: list[float]) -> list[tuple[float, float] | None]:
    """x and y of each point; None where it is unseen."""
    return [(x, y) if c > 0 else None for x, y, c in zip(flat[::3], flat[1::3], flat[2::3])]


def _points(flat: list[float]) -> list[tuple[int, int] | None]:
    """The pixel that holds each point; None where it is unseen."""
    return [None if pair is None else (int(pair[0]), int(pair[1])) for pair in _pairs(flat)]
