"""How well bodies are fitted to photos: face points that the fit did not see, joints and fingers that it did."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from ..body.fit_targets import FitBody
from ..body.fitter import fit_photo
from ..body.landmarks import PhotoLandmarks, detect_landmarks
from ..body.protocol import BodyModel
from ..body.vertex_points import fingertips
from ..datatypes import BodyFit
from ..errors import InputError
from ..image import exif_fov_deg, load_image
from ..names import JOINT_INDEX
from ..progress import Progress, silent
from ..render.camera import project
from .samples import is_painting, shows_nobody
from .table import Figure

HELD_OUT_EVERY = 3
"""Every third face point is kept from the fit."""
ARM_JOINTS = tuple(f"{side}_{joint}" for side in ("left", "right") for joint in ("shoulder", "elbow", "wrist"))
VISIBLE = 0.5
"""Confidence from which a detected joint counts as visible."""
FLAGGED = 0.5
"""Confidence of the face below which a fit says of itself that it should not be trusted."""


@dataclass(frozen=True, kw_only=True)
class PhotoErrors:
    """What one photo tells."""

    name: str
    face: Float[Tensor, " f"]
    """Of the held-out points, as shares of the eye distance."""
    joints: dict[str, float]
    """Of the visible shoulders, elbows and wrists, as shares of the diagonal."""
    hands: dict[str, Float[Tensor, "21"]]
    """Of the points of each detected hand, as shares of the diagonal."""


def photo_figures(portraits: Sequence[Path], model: BodyModel, progress: Progress = silent) -> list[Figure]:
    """Fit every portrait, once each, and compare."""
    counted: list[PhotoErrors] = []
    told: list[Figure] = []
    for i, path in enumerate(portraits):

        def part(done: int, total: int, i: int = i) -> None:
            progress(100 * i + 100 * done // max(1, total), 100 * len(portraits))

        part(0, 1)
        if shows_nobody(path):
            told.append(_refusal(path, model, part))
            continue
        try:
            errors = photo_errors(path, model, part)
        except InputError as error:
            asked = None if is_painting(path) else 3.5
            told.append(
                Figure(
                    what="held-out face points", on=path.stem, reached=None, asked=asked, note=_first_sentence(error)
                )
            )
            continue
        told += _told(errors, " (painting)" if is_painting(path) else "")
        if not is_painting(path):
            counted.append(errors)
    progress(1, 1)
    return told + _counted(counted)


def photo_errors(path: Path, model: BodyModel, progress: Progress = silent) -> PhotoErrors:
    """Fit one photo to two thirds of its face points and to all others.

    Raises:
        InputError: as `detect_landmarks` and `fit_photo` do.
    """
    image = load_image(path)
    landmarks = detect_landmarks(image)
    fit = fit_photo(
        image,
        model=model,
        landmarks=hold_out(landmarks),
        fov_deg=exif_fov_deg(path),
        progress=progress,
    )
    return compare(fit, landmarks, path.stem)


def hold_out(landmarks: PhotoLandmarks) -> PhotoLandmarks:
    """The same landmarks with every third face point unseen."""
    face = landmarks.face.clone()
    face[::HELD_OUT_EVERY, 2] = 0
    return replace(landmarks, face=face)


def compare(fit: BodyFit, landmarks: PhotoLandmarks, name: str) -> PhotoErrors:
    """Where the fit's points lie against those of the photo."""
    model, diagonal = fit.model, math.hypot(landmarks.width, landmarks.height)
    posed = model.pose(model.rest(fit.shape), fit.joint_rotvec[None], fit.translation[None], fit.expression[None])
    face = project(model.face_landmarks(posed.vertices)[0], fit.camera)[0]
    known = (landmarks.face[:, 2] > 0) & (model.face_landmark_weight > 0)
    held_out = known & (torch.arange(len(known)) % HELD_OUT_EVERY == 0)
    joints = {}
    for joint in ARM_JOINTS:
        x, y, confidence = landmarks.point(joint).tolist()
        if confidence >= VISIBLE and 0 <= x < landmarks.width and 0 <= y < landmarks.height:
            pixel = project(posed.joints[0, JOINT_INDEX[joint]], fit.camera)[0]
            joints[joint] = math.dist(pixel.tolist(), (x, y)) / diagonal
    body = FitBody(model=model, tips=fingertips(model))
    hands = {}
    for side in ("left", "right"):
        hand = getattr(landmarks, f"{side}_hand")
        if (hand[:, 2] > 0).any():
            pixels = project(body.hand(posed, side)[0], fit.camera)[0]
            hands[side] = (pixels - hand[:, :2]).norm(dim=1) / diagonal
    error = (face - landmarks.face[:, :2]).norm(dim=1)[held_out] / landmarks.eye_distance
    return PhotoErrors(name=name, face=error, joints=joints, hands=hands)


def _refusal(path: Path, model: BodyModel, progress: Progress) -> Figure:
    """1 if a picture of nobody is refused or its fit says that it is not to be trusted."""
    try:
        image = load_image(path)
        fit = fit_photo(image, model=model, progress=progress)
    except InputError as error:
        refused, note = 1.0, f"refused: {_first_sentence(error)}"
    else:
        refused, note = float(fit.confidence["face"] < FLAGGED), f"face confidence {fit.confidence['face']:.2f}"
    return Figure(what="refused or flagged", on=path.stem, reached=refused, asked=1.0, at_least=True, note=note)


def _first_sentence(error: InputError) -> str:
    return str(error).partition(". ")[0].rstrip(".")


def _told(errors: PhotoErrors, kind: str) -> list[Figure]:
    on = errors.name + kind
    figures = [
        Figure(what="face points, median", on=on, reached=100 * errors.face.median().item(), unit="%"),
        Figure(what="face points, p95", on=on, reached=100 * errors.face.quantile(0.95).item(), unit="%"),
    ]
    if errors.joints:
        worst = max(errors.joints, key=lambda joint: errors.joints[joint])
        figures.append(
            Figure(what="arm joints, worst", on=on, reached=100 * errors.joints[worst], unit="%", note=worst)
        )
    for side, hand in errors.hands.items():
        note = f"median {100 * hand.median():.2g}, worst {100 * hand.max():.2g}"
        figures.append(Figure(what=f"{side} hand, mean", on=on, reached=100 * hand.mean().item(), unit="%", note=note))
    return figures


def _counted(photos: Sequence[PhotoErrors]) -> list[Figure]:
    """The worst of all photos. Photos without visible arms or hands miss nothing."""

    def worst(what: str, asked: float | None, unit: str, values: list[tuple[float, str]]) -> Figure:
        value, name = max(values, default=(math.nan, "none is seen"))
        asked = asked if values or what.startswith("held-out") else None
        return Figure(what=what, on="photos, worst", reached=100 * value, unit=unit, asked=asked, note=name)

    joints = [(error, f"{p.name}, {joint}") for p in photos for joint, error in p.joints.items()]
    hands = [(hand, f"{p.name}, {side}") for p in photos for side, hand in p.hands.items()]
    eye, diagonal = "% of eye distance", "% of diagonal"
    return [
        worst("held-out face points, median", 3.5, eye, [(p.face.median().item(), p.name) for p in photos]),
        worst("held-out face points, p95", 9.0, eye, [(p.face.quantile(0.95).item(), p.name) for p in photos]),
        worst("visible shoulders, elbows, wrists", 2.0, diagonal, joints),
        worst("finger joints, mean of a hand", 2.5, diagonal, [(h.mean().item(), name) for h, name in hands]),
        worst("finger joints, p95 of a hand", 2.5, diagonal, [(h.quantile(0.95).item(), name) for h, name in hands]),
        worst("finger joints, worst point", None, diagonal, [(h.max().item(), name) for h, name in hands]),
    ]
