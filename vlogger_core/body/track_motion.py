"""Solved poses become a motion over the reference frame."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..datatypes import BodyFit, Motion
from ..names import JOINT_INDEX
from ..rotation import rotmat_to_rotvec, rotvec_to_rotmat
from .expression import motion_expression
from .fit_targets import FACE_EVIDENCE
from .track_energy import Poses, TrackEnergy
from .track_person import Person
from .track_solver import moving_joints
from .track_targets import ClipTargets

PARTS = ("face", "torso", "left_hand", "right_hand")
"""What a track says its confidence about."""


class MotionParts:
    """Collects a motion window by window."""

    def __init__(self, person: Person) -> None:
        self._person = person
        self.joint_names = moving_joints(person.energy)
        self._joints = [JOINT_INDEX[name] for name in self.joint_names]
        self._reference = rotvec_to_rotmat(person.reference.joint_rotvec[0, self._joints])
        self._pelvis = pelvis_of(person.energy, person.reference)[0]
        self._expression: list[Tensor] = []
        self._joint_rotvec: list[Tensor] = []
        self._translation: list[Tensor] = []
        self._confidence: dict[str, list[Tensor]] = {name: [] for name in PARTS}
        self._missing: list[bool] = []

    @property
    def num_frames(self) -> int:
        return len(self._missing)

    def add(self, poses: Poses, confidence: Mapping[str, Float[Tensor, " t"]], missing: Sequence[bool]) -> None:
        """Append some frames."""
        energy = self._person.energy
        self._expression.append(motion_expression(energy.reference, energy.absolute(poses)))
        rotations = rotvec_to_rotmat(poses.joint_rotvec[:, self._joints])
        self._joint_rotvec.append(rotmat_to_rotvec(self._reference.mT @ rotations))
        self._translation.append(pelvis_of(energy, poses) - self._pelvis)
        for name in PARTS:
            self._confidence[name].append(confidence[name])
        self._missing.extend(missing)

    def finish(self, fps: Fraction) -> tuple[Motion, dict[str, Float[Tensor, " t"]], Bool[Tensor, " t"]]:
        """The motion, the confidence in each part, and the frames without a face."""
        motion = Motion(
            fps=fps,
            expression=torch.cat(self._expression).clamp(0, 1),
            joint_names=self.joint_names,
            joint_rotvec=torch.cat(self._joint_rotvec),
            translation=torch.cat(self._translation),
        )
        confidence = {name: torch.cat(values) for name, values in self._confidence.items()}
        return motion, confidence, torch.tensor(self._missing)


def pelvis_of(energy: TrackEnergy, poses: Poses) -> Float[Tensor, "t 3"]:
    """Where the pelvis is."""
    with torch.no_grad():
        return energy.pose(poses).joints[:, 0]


def to_fit(like: BodyFit, person: Person, poses: Poses, image: Float[Tensor, "3 h w"]) -> BodyFit:
    """One solved frame as a fit, with the mask and confidence of another."""
    return replace(
        like,
        joint_rotvec=poses.joint_rotvec[0],
        translation=pelvis_of(person.energy, poses)[0],
        expression=person.energy.absolute(poses)[0].detach(),
        image=image.detach().cpu().float(),
    )


def confidences(energy: TrackEnergy, poses: Poses, targets: ClipTargets) -> dict[str, Float[Tensor, " t"]]:
    """For each of `PARTS` how much each frame told about it: what was seen, less where the body misses it."""
    limb_px = 0.03 * math.hypot(energy.photo.width, energy.photo.height)
    body = energy.photo.body
    with torch.no_grad():
        posed = energy.pose(poses)
        pixels = {
            "face": energy.photo.pixels(body.face(posed), energy.fov_deg),
            "torso": energy.photo.pixels(body.body(posed), energy.fov_deg),
            "left_hand": energy.photo.pixels(body.hand(posed, "left"), energy.fov_deg),
            "right_hand": energy.photo.pixels(body.hand(posed, "right"), energy.fov_deg),
        }
        told: dict[str, list[float]] = {name: [] for name in PARTS}
        for t, frame in enumerate(targets.frames):
            shoulders = frame.body.only(("left_shoulder", "right_shoulder"))
            told["face"].append(frame.face.confidence(pixels["face"][t], FACE_EVIDENCE, 0.12 * frame.eye_distance))
            told["torso"].append(shoulders.confidence(pixels["torso"][t], 2.0, limb_px))
            for side, group in (("left_hand", frame.left_hand), ("right_hand", frame.right_hand)):
                told[side].append(group.confidence(pixels[side][t], 21.0, limb_px))
    return {name: torch.tensor(values) for name, values in told.items()}
