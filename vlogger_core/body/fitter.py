"""The body, camera and expression behind a photo.

SMPLify-X's idea (Pavlakos et al., CVPR 2019) with our own priors: minimise the robust reprojection error of the
landmarks plus what bodies, faces and cameras are likely to be, in stages from the head outwards.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from ..datatypes import BodyFit, Camera
from ..errors import InputError
from ..image import check_portrait
from ..names import SMPLX_JOINTS
from ..progress import Progress, silent
from ..render.raster import rasterise
from ..threads import one_thread
from .fit_energy import FitEnergy, FitState, arm_joints
from .fit_joints3d import Joints3d
from .fit_outline import Outline, outline_vertices
from .fit_solver import minimise, search
from .fit_start import arm_guesses, start
from .fit_targets import FACE_EVIDENCE, FitBody
from .landmarks import PhotoLandmarks, gather_landmarks
from .matte import person_matte
from .protocol import BodyModel


@dataclass(frozen=True, kw_only=True)
class FitSteps:
    """How many evaluations of the energy each stage takes, about."""

    head: int = 25
    """Head, trunk and camera of the average body."""
    trunk: int = 80
    """Shape, expression and field of view with them."""
    arms: int = 45
    """Many ways to hold the arms, at once."""
    all: int = 100
    """Everything together, and no part of the body outside the person's matte."""

    @property
    def total(self) -> int:
        return self.head + self.trunk + self.arms + self.all


MAX_ROLL_DEG = 50.0
EARLY_RHO = 3.0
"""How much farther off face points are believed until the face lies where they say."""
DETECTION_STEPS, MATTE_STEPS = 30, 30
"""What the landmarks and the matte count, in evaluations, where they are made here."""
SILHOUETTE_SIDE = 512
"""Pixels of the longer side of the body's silhouette that the matte starts from."""
_TRUNK = (
    *("pelvis", "spine1", "spine2", "spine3", "neck", "head"),
    *("left_collar", "right_collar", "left_eye_smplhf", "right_eye_smplhf"),
)
_ARMS = tuple(SMPLX_JOINTS[joint] for side in ("left", "right") for joint in arm_joints(side))

_EVERYTHING = ("head", "fov_deg", "joint_rotvec", "shape", "expression")

_log = logging.getLogger(__name__)


def fit_photo(
    image: Float[Tensor, "3 h w"],
    *,
    model: BodyModel,
    landmarks: PhotoLandmarks | None = None,
    mask: Float[Tensor, "mask_h mask_w"] | None = None,
    fov_deg: float | None = None,
    joints3d: Joints3d | None = None,
    steps: FitSteps | None = None,
    progress: Progress = silent,
) -> BodyFit:
    """Find body, pose, expression and camera of the person in a photo. The same input gives the same fit.

    The work is done on the CPU, whatever device the model is on; the fit's tensors come back on the CPU.

    Args:
        image: sRGB, 0 to 1.
        landmarks: of the person; detected if not given.
        mask: the person's matte, 0 to 1, as large as the image; made if not given.
        fov_deg: the diagonal field of view where it is known (`image.exif_fov_deg`); else it is estimated.
        joints3d: joints that another method has placed in space; the bones between them give the fit its depth.
        steps: fewer make a rougher fit.
        progress: called before each evaluation and each pass over the picture; what it raises ends the fit.

    Raises:
        InputError: if the portrait cannot be used, shows no face, or lies on its side.
    """
    image = check_portrait(image)
    steps = steps or FitSteps()
    detection, matte = DETECTION_STEPS * (landmarks is None), MATTE_STEPS * (mask is None)
    total = detection + steps.total + matte
    height, width = image.shape[-2:]
    if mask is not None and mask.shape != (height, width):
        raise ValueError(f"mask must be as large as the image, {height} x {width}. Got {tuple(mask.shape)}.")
    # ComfyUI calls nodes in inference mode, whose tensors no gradient can pass.
    with torch.inference_mode(False), torch.enable_grad(), one_thread():
        image = image.detach().cpu().float().clone()
        if landmarks is None:
            landmarks = gather_landmarks(image, progress=_share(progress, 0, detection, total))
        if (landmarks.width, landmarks.height) != (width, height):
            raise ValueError(
                f"landmarks must be those of the image, {width} x {height}. "
                f"Got {landmarks.width} x {landmarks.height}; see PhotoLandmarks.resized."
            )
        if abs(landmarks.roll_deg) > MAX_ROLL_DEG:
            raise InputError(
                f"The head in the portrait is tilted by {abs(landmarks.roll_deg):.0f} degrees. Turn the photo upright: "
                f"up to {MAX_ROLL_DEG:.0f} degrees are understood."
            )
        body = model.to("cpu")
        energy = FitEnergy.build(body, landmarks, fov_deg, joints3d)
        first = steps.total - steps.all
        state = _fit_parts(energy, steps, _share(progress, detection, first, total))
        if mask is None:
            silhouette = _silhouette(body, energy, state)
            mask = person_matte(
                image, landmarks, silhouette, progress=_share(progress, detection + first, matte, total)
            )
        mask = mask.detach().cpu().float().clone()
        energy = _with_outline(energy, body, mask)
        state = _fit_all(energy, state, steps.all, _share(progress, total - steps.all, steps.all, total))
        with torch.no_grad():
            posed = energy.pose(state)
        confidence = _confidence(energy, state)
        camera = Camera(fov_deg=float(state.fov_deg), width=width, height=height)
    return BodyFit(
        model=body,
        shape=state.shape,
        joint_rotvec=state.joint_rotvec[0],
        translation=posed.joints[0, 0].detach(),
        expression=state.expression[0],
        camera=camera,
        image=image,
        mask=mask,
        confidence=confidence,
    )


def _share(progress: Progress, before: int, length: int, whole: int) -> Progress:
    """Progress of a part that begins after `before` of `whole` and counts `length` of it."""
    return lambda done, total: progress(before + length * done // total, whole)


class _Tick:
    """Counts evaluations, of which there may be a few more than planned."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def __call__(self) -> None:
        self._progress(min(self._done, self._total - 1), self._total)
        self._done += 1

    def finish(self) -> None:
        self._progress(self._total, self._total)


def _fit_parts(energy: FitEnergy, steps: FitSteps, progress: Progress) -> FitState:
    """Head and camera, then the trunk, then the arms."""
    tick = _Tick(progress, steps.head + steps.trunk + steps.arms)
    state = start(energy.body, energy.targets, energy.width, energy.height, energy.fov_prior_deg, energy.shape_mean)
    rest = energy.body.model.rest(state.shape)
    # At first a wide open mouth lies as far off as a wrong point would.
    face = energy.targets.face
    early = replace(energy, targets=replace(energy.targets, face=replace(face, rho=EARLY_RHO * face.rho)))
    state = minimise(
        energy,
        lambda s: early.trunk(s, rest),
        state,
        ("head", "joint_rotvec"),
        evaluations=steps.head,
        joints=_TRUNK,
        tick=tick,
    )
    state = minimise(energy, early.trunk, state, _EVERYTHING, evaluations=steps.trunk, joints=_TRUNK, tick=tick)
    state = _hold_arms(energy, state, steps.arms, tick)
    tick.finish()
    return state


def _fit_all(energy: FitEnergy, state: FitState, steps: int, progress: Progress) -> FitState:
    tick = _Tick(progress, steps)
    state = minimise(energy, energy.total, state, _EVERYTHING, evaluations=steps, joints=_TRUNK + _ARMS, tick=tick)
    tick.finish()
    return state


def _with_outline(energy: FitEnergy, model: BodyModel, mask: Float[Tensor, "h w"]) -> FitEnergy:
    """The energy that also keeps the body inside the person."""
    outline = Outline.build(mask)
    if outline is None:
        return energy
    return replace(energy, body=FitBody.build(model, outline_vertices(model)), outline=outline)


def _hold_arms(energy: FitEnergy, state: FitState, steps: int, tick: Callable[[], None]) -> FitState:
    """Try many ways to hold the arms at once and keep the likeliest of each side."""
    targets = replace(energy.targets, body=replace(energy.targets.body, rho=3 * energy.targets.body.rho))
    arms = replace(energy, body=energy.body.without_face(), targets=targets)
    rest = arms.body.model.rest(state.shape)
    guesses = search(lambda s: arms.arms(s, rest), arm_guesses(state), steps=steps, joints=_ARMS, tick=tick)
    with torch.no_grad():
        best = arms.arms(guesses, rest).argmin(0)
    pose = state.joint_rotvec.clone()
    for i, side in enumerate(("left", "right")):
        joints = arm_joints(side)
        pose[0, joints] = guesses.joint_rotvec[best[i], joints]
    return replace(state, joint_rotvec=pose)


def _silhouette(model: BodyModel, energy: FitEnergy, state: FitState) -> Float[Tensor, "h w"]:
    """Where the body covers the photo, on a small copy of it."""
    scale = min(1.0, SILHOUETTE_SIDE / max(energy.width, energy.height))
    small = Camera(
        fov_deg=float(state.fov_deg),
        width=max(1, round(energy.width * scale)),
        height=max(1, round(energy.height * scale)),
    )
    with torch.no_grad():
        pelvis = energy.pose(state).joints[:, 0]
        posed = model.pose(model.rest(state.shape), state.joint_rotvec, pelvis, state.expression)
    return rasterise(posed.vertices[0], model.faces, small).covered.float()


def _confidence(energy: FitEnergy, state: FitState) -> dict[str, float]:
    """How much the photo told about each part: its points' confidence, less where the fit misses them."""
    targets, body = energy.targets, energy.body
    limb_px = 0.03 * math.hypot(energy.width, energy.height)
    with torch.no_grad():
        posed = energy.pose(state)
        parts = {
            "face": (targets.face, body.face(posed), FACE_EVIDENCE, 0.12 * targets.eye_distance),
            "torso": (targets.body.only(("left_shoulder", "right_shoulder")), body.body(posed), 2.0, limb_px),
            "left_hand": (targets.left_hand, body.hand(posed, "left"), 21.0, limb_px),
            "right_hand": (targets.right_hand, body.hand(posed, "right"), 21.0, limb_px),
        }
        return {
            name: group.confidence(energy.pixels(points, state.fov_deg)[0], full, tolerance)
            for name, (group, points, full, tolerance) in parts.items()
        }
