"""What moves in a clip, and how likely a movement is given the frames."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Float
from torch import Tensor

from ..datatypes import Camera
from ..names import ARKIT_EXPRESSIONS, EXPRESSION_INDEX, JOINT_INDEX, SMPLX_JOINTS
from .expression import compose_expression, motion_expression
from .fit_energy import FitEnergy, FitState
from .fit_priors import expression_cost
from .protocol import PosedBody, RestBody
from .track_smoothness import Sigmas, roughness
from .track_targets import ClipTargets

TRUNK = ("pelvis", "spine1", "spine2", "spine3", "neck", "head", "left_collar", "right_collar")
"""Joints that never jump."""
_JAW, _CLOSE = EXPRESSION_INDEX["jawOpen"], EXPRESSION_INDEX["mouthClose"]
_LOOKS = (("Out", "In"), ("Up", "Down"))
VERGENCE_SIGMA, PITCH_SIGMA = 0.1, 0.06
"""How far the two eyes differ in where they look, in units of `eyeLook*`."""
GAZE_SIGMA = 0.25
BELLY_M, BESIDE_M, TORSO_HALF_M, BEHIND_SIGMA_M = 0.14, 0.03, 0.21, 0.015
"""How far before the spine a wrist is where it lies over the torso, and beside it; half the torso's width; spread."""
WALL = 0.02
"""How far beyond its range an expression gets for one unit of energy."""


_EXPRESSION_SIGMA = {
    "eyeBlink": 1.0,
    "jawOpen": 0.4,
    "mouthClose": 1.0,
    "mouthPress": 0.08,
    "mouthShrug": 0.1,
    "mouth": 0.2,
    "tongue": 1e-3,
}
_OTHER_SIGMA = 0.12
"""Spread of the expression about the reference."""


@dataclass(frozen=True, kw_only=True)
class Poses:
    """What moves, for `t` frames."""

    head: Float[Tensor, "t 3"]
    """Where the head joint is: the body hangs on it, as in `FitState`."""
    joint_rotvec: Float[Tensor, "t 55 3"]
    expression: Float[Tensor, "t 52"]
    """As in `Motion`, to be laid over the reference, but mouthClose as a share of jawOpen, of which it never is more:
    lips that stay closed while the jaw moves are no kink then. Its gaze is ignored."""
    gaze: Float[Tensor, "t 4"]
    """Absolute, -1 to 1: left eye outwards, left eye up, right eye outwards, right eye up."""

    def __len__(self) -> int:
        return len(self.head)

    def __getitem__(self, frames: slice) -> Poses:
        return Poses(**{each.name: getattr(self, each.name)[frames] for each in fields(self)})

    def detach(self) -> Poses:
        return Poses(**{each.name: getattr(self, each.name).detach().clone() for each in fields(self)})

    def then(self, other: Poses) -> Poses:
        """These frames, then the others."""
        return Poses(
            **{each.name: torch.cat((getattr(self, each.name), getattr(other, each.name))) for each in fields(self)}
        )


@dataclass(frozen=True, kw_only=True)
class TrackEnergy:
    """The negative logarithm of how likely poses are, given their frames and the person."""

    photo: FitEnergy
    """Of the reference frame, for its body, camera and priors."""
    fov_deg: Float[Tensor, ""]
    rest: RestBody
    shape: Float[Tensor, " d"]
    reference: Float[Tensor, "52"]
    """The expression of the reference frame."""
    expression_sigma: Float[Tensor, "52"]
    """Spread of `Poses.expression`."""
    fps: float
    arms: bool
    """Whether arms or hands are seen anywhere."""

    @property
    def camera(self) -> Camera:
        return Camera(fov_deg=float(self.fov_deg), width=self.photo.width, height=self.photo.height)

    def absolute(self, poses: Poses) -> Float[Tensor, "t 52"]:
        """The expressions on the face."""
        channels = list(compose_expression(self.reference, poses.expression).unbind(-1))
        channels[_CLOSE] = channels[_JAW] * poses.expression[:, _CLOSE].clamp(0, 1)
        return with_gaze(torch.stack(channels, -1), poses.gaze)

    def relative(self, expression: Float[Tensor, "t 52"]) -> Float[Tensor, "t 52"]:
        """`Poses.expression` of the expressions on a face."""
        channels = list(motion_expression(self.reference, expression).unbind(-1))
        channels[_CLOSE] = (expression[:, _CLOSE] / expression[:, _JAW].clamp(min=1e-3)).clamp(0, 1)
        return torch.stack(channels, -1)

    def pose(self, poses: Poses) -> PosedBody:
        state = FitState(
            head=poses.head,
            fov_deg=self.fov_deg,
            joint_rotvec=poses.joint_rotvec,
            shape=self.shape,
            expression=self.absolute(poses),
        )
        return self.photo.pose(state, self.rest)

    def observed(self, posed: PosedBody, targets: ClipTargets) -> Float[Tensor, " t"]:
        """The projection error."""
        body = self.photo.body
        face = self.photo.pixels(body.face(posed), self.fov_deg)
        cost = targets.face.cost(targets.unslid(face, body.surface)) + targets.gaps.cost(face)
        if targets.body.seen:
            cost = cost + targets.body.cost(self.photo.pixels(body.body(posed), self.fov_deg))
        for side, points in (("left", targets.left_hand), ("right", targets.right_hand)):
            if points.seen:
                cost = cost + points.cost(self.photo.pixels(body.hand(posed, side), self.fov_deg))
        if body.surface is not None and targets.followed.numel():
            places = self.photo.pixels(body.surface.points(posed), self.fov_deg)
            cost = cost + targets.on(body.surface).cost(places)
        return cost

    def in_front(self, posed: PosedBody) -> Float[Tensor, "t 2"]:
        """What it costs to hold the left and the right hand behind the back, or in the belly."""
        return hands_behind(posed) if self.arms else posed.joints.new_zeros(len(posed.joints), 2)

    def prior(self, poses: Poses) -> Float[Tensor, " t"]:
        """The weak pull to the clip's mean pose and the reference expression, and eyes that look the same way."""
        joints = self.photo.pose_prior.cost(poses.joint_rotvec).sum(1)
        expression = expression_cost(poses.expression, self.expression_sigma)
        gaze = poses.gaze
        together = ((gaze[:, 0] + gaze[:, 2]) / VERGENCE_SIGMA).square() / 2
        together = together + ((gaze[:, 1] - gaze[:, 3]) / PITCH_SIGMA).square() / 2
        return joints + expression + together + (gaze / GAZE_SIGMA).square().sum(1) / 2

    def walls(self, poses: Poses) -> Float[Tensor, " t"]:
        """What it costs to leave the range of expressions."""
        expression = (-poses.expression).relu() + (poses.expression - 1).relu()
        gaze = (poses.gaze.abs() - 1).relu()
        return ((expression / WALL).square().sum(1) + (gaze / WALL).square().sum(1)) / 2

    def temporal(self, poses: Poses, posed: PosedBody, before: Poses | None, pelvis: Tensor | None) -> Tensor:
        """The difference between consecutive frames, and between consecutive differences.

        Args:
            before: up to two frames that came before and stay as they are.
            pelvis: where their pelvis is.
        """
        sigma = Sigmas.at(self.fps)
        whole = poses if before is None else before.then(poses)
        pelvis_path = posed.joints[:, 0] if pelvis is None else torch.cat((pelvis, posed.joints[:, 0]))
        trunk, limbs = ([JOINT_INDEX[name] for name in SMPLX_JOINTS if (name in TRUNK) == own] for own in (True, False))
        cost = roughness(whole.head, sigma.head) + roughness(pelvis_path, sigma.pelvis)
        cost = cost + roughness(whole.joint_rotvec[:, trunk], sigma.of_joints(trunk))
        cost = cost + roughness(whole.expression, sigma.expression, sudden=True)
        cost = cost + roughness(whole.gaze, sigma.gaze, sudden=True)
        if self.arms:
            cost = cost + roughness(whole.joint_rotvec[:, limbs], sigma.of_joints(limbs), sudden=True)
        return cost


def hands_behind(posed: PosedBody) -> Float[Tensor, "t 2"]:
    """Energy of the wrists behind the front of the body: one picture does not tell, people do not."""

    def joint(name: str) -> Float[Tensor, "t 3"]:
        return posed.joints[:, JOINT_INDEX[name]]

    across = torch.nn.functional.normalize(joint("left_shoulder") - joint("right_shoulder"), dim=-1)
    ahead = torch.linalg.cross(across, joint("neck") - joint("pelvis"))
    ahead = torch.nn.functional.normalize(ahead, dim=-1)
    costs = []
    for side in ("left", "right"):
        wrist = joint(f"{side}_wrist") - joint("spine1")
        beside = (wrist * across).sum(-1).abs()
        front = BESIDE_M + (BELLY_M - BESIDE_M) * torch.sigmoid((TORSO_HALF_M - beside) / 0.02)
        short = (front - (wrist * ahead).sum(-1)).relu()
        costs.append((short / BEHIND_SIGMA_M).square() / 2)
    return torch.stack(costs, 1)


def motion_sigma() -> Float[Tensor, "52"]:
    """Spread of each channel of a tracked expression about the reference."""
    return torch.tensor(
        [
            next((sigma for start, sigma in _EXPRESSION_SIGMA.items() if name.startswith(start)), _OTHER_SIGMA)
            for name in ARKIT_EXPRESSIONS
        ]
    )


def with_gaze(expression: Float[Tensor, "t 52"], gaze: Float[Tensor, "t 4"]) -> Float[Tensor, "t 52"]:
    """An expression that looks where `Poses.gaze` says."""
    channels = list(expression.unbind(-1))
    for i, (one, other) in enumerate(_gaze_channels()):
        channels[one], channels[other] = gaze[:, i].clamp(0, 1), (-gaze[:, i]).clamp(0, 1)
    return torch.stack(channels, -1)


def gaze_of(expression: Float[Tensor, "t 52"]) -> Float[Tensor, "t 4"]:
    """Where an expression looks, as `Poses.gaze`."""
    return torch.stack([expression[:, one] - expression[:, other] for one, other in _gaze_channels()], -1)


def _gaze_channels() -> list[tuple[int, int]]:
    return [
        (EXPRESSION_INDEX[f"eyeLook{one}{side}"], EXPRESSION_INDEX[f"eyeLook{other}{side}"])
        for side in ("Left", "Right")
        for one, other in _LOOKS
    ]


def gaze_from_joints(joint_rotvec: Float[Tensor, "55 3"], turn_deg: dict[str, float]) -> Float[Tensor, "4"]:
    """The gaze that the eye joints hold, as `Poses.gaze`; `turn_deg` is how far `eyeLook*` turns an eye at 1."""
    gaze = []
    for side, outward in (("left", 1.0), ("right", -1.0)):
        pitch, yaw, _ = joint_rotvec[JOINT_INDEX[f"{side}_eye_smplhf"]].rad2deg().tolist()
        gaze.append(outward * yaw / turn_deg["Out"])
        gaze.append(-pitch / (turn_deg["Up"] if pitch < 0 else turn_deg["Down"]))
    return torch.tensor(gaze).clamp(-1, 1)


def with_mean_pose(energy: FitEnergy, mean: Float[Tensor, "55 3"]) -> FitEnergy:
    """The energy whose poses are drawn to those of this clip."""
    return replace(energy, pose_prior=replace(energy.pose_prior, mean=mean))
