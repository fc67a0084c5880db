"""Who is in a clip: the shape and the camera behind several of its frames at once.

One frame cannot tell a raised brow from a high one. Frames that differ can: what all of them show is the person.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..datatypes import BodyFit
from ..names import ARKIT_EXPRESSIONS, JOINT_INDEX
from .expression import MOUTH
from .fit_energy import HEAD, FitEnergy
from .fit_priors import expression_sigma
from .fit_solver import FOV_SCALE_DEG
from .fit_targets import FitBody
from .gaze import GAZE_DEG
from .landmarks import LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS, PhotoLandmarks
from .protocol import BodyModel, PosedBody
from .track_descent import descend
from .track_energy import TRUNK, Poses, TrackEnergy, gaze_from_joints, gaze_of, motion_sigma, with_mean_pose
from .track_faces import place_faces
from .track_metric import moved, prior_curvature, residuals, slopes, whitening
from .track_surface import Surface
from .track_targets import Apertures, ClipTargets

KEY_FRAMES = 8
"""Frames that the person's shape is taken from."""
EVALUATIONS = 200
TOLERANCE = 0.2
_LIPS_SIGMA, _KEY_SIGMA = 0.15, {"jawOpen": 0.1, "mouthClose": 1.0}
_ABOVE_REST_SIGMA = 0.03
"""How far what the face shows at rest lies above the clip's other frames for one unit of energy."""
_SHAPE_WALL, _SHAPE_PROBE = 0.03, 0.05


@dataclass(frozen=True, kw_only=True)
class Person:
    """Who is in the clip: what stays the same, and the reference frame."""

    energy: TrackEnergy
    reference: Poses
    """One frame."""

    def on_surface(self, surface: Surface | None, model: BodyModel) -> Person:
        """The person with points of the surface that are followed from the reference frame."""
        body = FitBody.build(model, surface=surface)
        photo = replace(self.energy.photo, body=body)
        return replace(self, energy=replace(self.energy, photo=photo, rest=body.model.rest(self.energy.shape)))

    def with_reference(self, poses: Poses) -> Person:
        """The person whose reference frame is this one instead."""
        expression = self.energy.absolute(poses)[0].detach()
        energy = replace(self.energy, reference=expression)
        return replace(self, energy=energy, reference=replace(poses, expression=energy.relative(expression[None])))


def key_frames(frames: Sequence[PhotoLandmarks], count: int = KEY_FRAMES) -> list[int]:
    """The first of the frames and those that differ most from each other, in faces and turns of the head."""
    faces = torch.stack([_normalised(frame) for frame in frames])
    chosen = [0]
    distance = (faces - faces[0]).norm(dim=-1).mean(1)
    while len(chosen) < min(count, len(frames)):
        chosen.append(int(distance.argmax()))
        distance = torch.minimum(distance, (faces - faces[chosen[-1]]).norm(dim=-1).mean(1))
    return chosen


def find_person(
    fit: BodyFit,
    frames: Sequence[PhotoLandmarks],
    apertures: Apertures,
    *,
    fps: float,
    fov_deg: float | None,
    arms: bool,
    tick: Callable[[], None],
) -> Person:
    """Shape and camera from several frames of a person, so that no frame's expression passes for the face at rest.

    Args:
        fit: of the first of the frames.
        frames: of the person with a face, the reference first.
        fov_deg: of the camera, if it is known.
    """
    targets = ClipTargets.build(frames, fit.model.face_landmark_weight, apertures, frames[0])
    energy = _key_energy(fit, frames[0], fps, fov_deg, arms)
    own = _as_poses(fit, energy)
    start = own.then(place_faces(energy, targets, own)[1:])
    arrow = _Arrow.build(energy, targets, start, tick)
    is_rest = torch.tensor([name not in MOUTH and not name.startswith("eyeLook") for name in ARKIT_EXPRESSIONS])

    def cost(step: Float[Tensor, " n"]) -> Float[Tensor, ""]:
        own, poses = arrow.move(energy, start, step)
        posed = own.pose(poses)
        frame = own.observed(posed, targets) + own.prior(poses) + own.walls(poses)
        # What lies under every frame's expression must not be more than any of them shows.
        above = (poses.expression[:1] - poses.expression).relu()[:, is_rest]
        return frame.sum() + len(frames) * _person_cost(own) + (above / _ABOVE_REST_SIGMA).sum() / len(frames)

    step = descend(cost, torch.zeros(arrow.size), evaluations=EVALUATIONS, tolerance=TOLERANCE, tick=tick)
    with torch.no_grad():
        energy, poses = arrow.move(energy, start, step)
    return _person(energy, poses)


def start_person(fit: BodyFit, landmarks: PhotoLandmarks, *, fps: float, fov_deg: float | None, arms: bool) -> Person:
    """The person as one frame's fit has found it."""
    energy = _key_energy(fit, landmarks, fps, fov_deg, arms)
    return _person(energy, _as_poses(fit, energy))


def _person(energy: TrackEnergy, poses: Poses) -> Person:
    """The person of key frames, the first of which becomes the reference."""
    with torch.no_grad():
        shape = energy.shape.clamp(*energy.photo.shape_range.unbind(1))
        reference = energy.absolute(poses)[0].clamp(0, 1)
        energy = replace(
            energy,
            photo=with_mean_pose(energy.photo, poses.joint_rotvec.mean(0)),
            rest=energy.photo.body.model.rest(shape),
            shape=shape,
            reference=reference,
            expression_sigma=motion_sigma(),
        )
        return Person(energy=energy, reference=replace(poses[:1], expression=energy.relative(reference[None])))


def _key_energy(fit: BodyFit, landmarks: PhotoLandmarks, fps: float, fov_deg: float | None, arms: bool) -> TrackEnergy:
    """An energy whose expressions are absolute, with the spread that a photo's have."""
    sigma = expression_sigma()
    for i, name in enumerate(ARKIT_EXPRESSIONS):
        if name.startswith(("mouthFunnel", "mouthPucker", "mouthUpperUp", "mouthRoll", "mouthStretch")):
            sigma[i] = _LIPS_SIGMA
        elif name in _KEY_SIGMA:
            sigma[i] = _KEY_SIGMA[name]
    photo = replace(FitEnergy.build(fit.model, landmarks, fov_deg), expression_sigma=sigma)
    return TrackEnergy(
        photo=photo,
        fov_deg=torch.tensor(fit.camera.fov_deg),
        rest=photo.body.model.rest(fit.shape),
        shape=fit.shape,
        reference=torch.zeros(len(ARKIT_EXPRESSIONS)),
        expression_sigma=sigma,
        fps=fps,
        arms=arms,
    )


def _as_poses(fit: BodyFit, energy: TrackEnergy) -> Poses:
    """The fit, its gaze taken from the eye joints into the expression. The joints keep what is the body's, not the
    person's: how its eyes turn to look straight ahead."""
    eyes = [JOINT_INDEX["left_eye_smplhf"], JOINT_INDEX["right_eye_smplhf"]]
    ahead = energy.photo.pose_prior.mean
    gaze = gaze_from_joints(fit.joint_rotvec - ahead, GAZE_DEG) + gaze_of(fit.expression[None])[0]
    pose = fit.joint_rotvec.clone()
    pose[eyes] = ahead[eyes]
    model = energy.photo.body.model
    with torch.no_grad():
        head = model.pose(energy.rest, pose[None], fit.translation[None], fit.expression[None]).joints[:, HEAD]
    return Poses(
        head=head,
        joint_rotvec=pose[None],
        expression=energy.relative(fit.expression[None]),
        gaze=gaze[None].clamp(-1, 1),
    )


def _person_cost(energy: TrackEnergy) -> Float[Tensor, ""]:
    """How unlikely shape and camera are."""
    beyond = energy.photo.beyond_range(energy.shape)
    return energy.photo.person_prior(energy.shape, energy.fov_deg) + (beyond / _SHAPE_WALL).square().sum()


@dataclass(frozen=True, kw_only=True)
class _Arrow:
    """Coordinates in which the energy of some frames and their one person is nearly round (see `track_metric`).

    Each frame depends on itself and on the person, so that the curvature is an arrow: its blocks are split off one
    after the other, and what the frames leave to the person is the point.
    """

    joints: Int[Tensor, " j"]
    frames: Float[Tensor, "t p p"]
    """From round coordinates to each frame's parameters."""
    person: Float[Tensor, "s s"]
    """From round coordinates to shape and field of view."""
    answer: Float[Tensor, "t p s"]
    """How each frame's parameters give way to the person's."""

    @property
    def size(self) -> int:
        return self.frames.shape[0] * self.frames.shape[1] + len(self.person)

    @staticmethod
    def build(energy: TrackEnergy, targets: ClipTargets, start: Poses, tick: Callable[[], None]) -> _Arrow:
        joints = torch.tensor([JOINT_INDEX[name] for name in TRUNK])
        count = len(start)
        with torch.no_grad():
            own = prior_curvature(energy, joints)
            sigma = torch.cat((energy.photo.shape_sigma, torch.tensor([energy.photo.fov_sigma_deg]))).double()
            person = count * torch.diag(sigma.square().reciprocal())
            frames, answer = [], []
            for t, by_person in enumerate(_person_slopes(energy, targets, start, tick)):
                by_pose, _ = slopes(energy, targets, start, t, joints)
                block = by_pose @ by_pose.mT + own
                frames.append(block)
                answer.append(-torch.linalg.solve(block, by_pose @ by_person.mT))
                person = person + by_person @ by_person.mT + by_person @ by_pose.mT @ answer[-1]
        return _Arrow(
            joints=joints,
            frames=whitening(torch.stack(frames)).float(),
            person=whitening(person).float(),
            answer=torch.stack(answer).float(),
        )

    def move(self, energy: TrackEnergy, start: Poses, step: Float[Tensor, " n"]) -> tuple[TrackEnergy, Poses]:
        """Person and poses changed by a step in round coordinates."""
        by_person = self.person @ step[-len(self.person) :]
        by_frame = step[: -len(self.person)].unflatten(0, self.frames.shape[:2])
        poses = moved(start, (self.frames @ by_frame[..., None])[..., 0] + self.answer @ by_person, self.joints)
        return _with_person(energy, energy.shape + by_person[:-1], energy.fov_deg + by_person[-1]), poses


def _with_person(energy: TrackEnergy, shape: Float[Tensor, " d"], fov_deg: Float[Tensor, ""]) -> TrackEnergy:
    return replace(energy, shape=shape, fov_deg=fov_deg, rest=energy.photo.body.model.rest(shape))


def _person_slopes(
    energy: TrackEnergy, targets: ClipTargets, start: Poses, tick: Callable[[], None]
) -> Float[Tensor, "t s r"]:
    """How the weighted errors of each frame change with the shape and the field of view."""

    def errors(energy: TrackEnergy) -> Float[Tensor, "t r"]:
        tick()
        posed = energy.pose(start)
        each = [
            residuals(energy, PosedBody(vertices=posed.vertices[t : t + 1], joints=posed.joints[t : t + 1]), targets, t)
            for t in range(len(start))
        ]
        return torch.cat(each).double()

    here, steps = errors(energy), []
    for i in range(len(energy.shape)):
        shape = energy.shape.clone()
        shape[i] += _SHAPE_PROBE
        steps.append((errors(_with_person(energy, shape, energy.fov_deg)) - here) / _SHAPE_PROBE)
    probe = 0.3 * FOV_SCALE_DEG
    steps.append((errors(_with_person(energy, energy.shape, energy.fov_deg + probe)) - here) / probe)
    return torch.stack(steps, 1)


def _normalised(frame: PhotoLandmarks) -> Float[Tensor, "478 2"]:
    """The face upright, its eyes at the origin and one unit apart; unseen points at the origin."""
    eyes = [frame.face[list(corners), :2].mean(0) for corners in (RIGHT_EYE_CORNERS, LEFT_EYE_CORNERS)]
    x = (eyes[1] - eyes[0]) / (eyes[1] - eyes[0]).square().sum()
    axes = torch.stack((x, torch.stack((-x[1], x[0]))), 1)
    return (frame.face[:, :2] - (eyes[0] + eyes[1]) / 2) @ axes * (frame.face[:, 2:] > 0)
