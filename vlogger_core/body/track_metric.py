"""A metric in which the energy of a track is nearly round, so that few steps find its minimum.

Poses of neighbouring frames are tied, expressions that look alike pull at each other: in plain parameters the energy is
a canyon 10^6 times as long as wide. The cosine transform over time separates the ties into one block for each
frequency; each block is what the points of one frame tell (Gauss-Newton) plus how much the ties resist that frequency.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..names import ARKIT_EXPRESSIONS, JOINT_INDEX
from .protocol import PosedBody
from .track_energy import GAZE_SIGMA, PITCH_SIGMA, VERGENCE_SIGMA, WALL, Poses, Sigmas, TrackEnergy
from .track_targets import ClipTargets

_PROBE = {"head": 0.002, "joint_rotvec": 0.02, "expression": 0.1, "gaze": 0.1}
"""Steps of the finite differences."""
_SAMPLES = 3
"""Frames whose curvature is averaged."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """Takes round coordinates `[t, p]` to changes of poses."""

    joints: Int[Tensor, " j"]
    cosines: Float[Tensor, "t t"]
    """Orthonormal; frequency, then frame."""
    blocks: Float[Tensor, "t p p"]
    """For each frequency from round coordinates to parameters."""

    @property
    def shape(self) -> tuple[int, int]:
        return self.blocks.shape[0], self.blocks.shape[1]

    def move(self, start: Poses, round_step: Float[Tensor, "t p"]) -> Poses:
        """`start` changed by a step in round coordinates."""
        step = self.cosines.mT @ torch.einsum("tpq,tq->tp", self.blocks, round_step)
        return moved(start, step, self.joints)


def build_metric(
    energy: TrackEnergy, targets: ClipTargets, start: Poses, joint_names: tuple[str, ...], *, goes_on: bool
) -> Metric:
    """The metric at some poses, of which `joint_names` turn; `goes_on` if there are solved frames before them."""
    joints = torch.tensor([JOINT_INDEX[name] for name in joint_names])
    num_frames = len(start)
    with torch.no_grad():
        seen = [t for t in range(num_frames) if not targets.missing[t]] or [0]
        samples = [seen[round(i * (len(seen) - 1) / max(1, _SAMPLES - 1))] for i in range(min(_SAMPLES, len(seen)))]
        looks = [slopes(energy, targets, start, t, joints) for t in samples]
        points = torch.stack([points @ points.mT for points, _ in looks]).mean(0)
        pelvis = torch.stack([path @ path.mT for _, path in looks]).mean(0)
    steps, bends = _ties(energy, joints)
    sigma = Sigmas.at(energy.fps)
    at_end = (start.expression <= 0).double().mean(0) + (start.expression >= 1).double().mean(0)
    first = len(points) - 4 - len(ARKIT_EXPRESSIONS)
    points.diagonal()[first:-4] += at_end / WALL**2
    own = points + prior_curvature(energy, joints)
    frequency = torch.arange(num_frames, dtype=torch.float64)
    cosines = torch.cos(math.pi / num_frames * (frequency[:, None]) * (frequency[None] + 0.5)) * (2 / num_frames) ** 0.5
    cosines[0] /= 2**0.5
    stretch = (2 - 2 * torch.cos(math.pi * frequency / num_frames))[:, None]
    # The frames before the first hold on to it: one step and two bends, shared by all frequencies.
    hold = 2 / num_frames if goes_on else 0.0
    stretch, twist = stretch + hold, stretch.square() + 2 * hold
    ties = stretch / steps.square() + twist / bends.square()
    pelvis_ties = stretch / sigma.pelvis[0].double() ** 2 + twist / sigma.pelvis[1].double() ** 2
    blocks = own + torch.diag_embed(ties) + pelvis_ties[..., None] * pelvis
    return Metric(joints=joints, cosines=cosines.float(), blocks=whitening(blocks).float())


def moved(start: Poses, step: Float[Tensor, "t p"], joints: Int[Tensor, " j"]) -> Poses:
    head, pose, expression, gaze = step.split((3, 3 * len(joints), len(ARKIT_EXPRESSIONS), 4), 1)
    return replace(
        start,
        head=start.head + head,
        joint_rotvec=start.joint_rotvec.index_add(1, joints, pose.unflatten(1, (-1, 3))),
        expression=start.expression + expression,
        gaze=start.gaze + gaze,
    )


def slopes(
    energy: TrackEnergy, targets: ClipTargets, start: Poses, t: int, joints: Int[Tensor, " j"]
) -> tuple[Float[Tensor, "p r"], Float[Tensor, "p 3"]]:
    """How the weighted errors of frame `t` change with each parameter, and how the pelvis moves with it."""
    widths = (3, 3 * len(joints), len(ARKIT_EXPRESSIONS), 4)
    count = sum(widths)
    probe = torch.cat([torch.full((width,), _PROBE[each.name]) for width, each in zip(widths, fields(Poses))])
    one = start[t : t + 1]
    repeated = Poses(**{each.name: getattr(one, each.name).repeat_interleave(count + 1, 0) for each in fields(Poses)})
    posed = energy.pose(moved(repeated, torch.cat((torch.zeros(1, count), torch.diag(probe))), joints))
    errors = residuals(energy, posed, targets, t).double()
    pelvis = posed.joints[:, 0].double()
    return (errors[1:] - errors[:1]) / probe[:, None], (pelvis[1:] - pelvis[:1]) / probe[:, None]


def residuals(energy: TrackEnergy, posed: PosedBody, targets: ClipTargets, t: int) -> Float[Tensor, "n r"]:
    """The weighted errors of the points of frame `t` for many poses."""
    body, fov_deg = energy.photo.body, energy.fov_deg
    face = energy.photo.pixels(body.face(posed), fov_deg)
    groups = [(targets.face, targets.unslid(face, body.surface, t))]
    if targets.body.seen:
        groups.append((targets.body, energy.photo.pixels(body.body(posed), fov_deg)))
    for side, points in (("left", targets.left_hand), ("right", targets.right_hand)):
        if points.seen:
            groups.append((points, energy.photo.pixels(body.hand(posed, side), fov_deg)))
    if body.surface is not None and targets.followed.numel():
        places = energy.photo.pixels(body.surface.points(posed), fov_deg)
        groups.append((targets.on(body.surface), places))
    weighted = [(points * (group.weight[t].sqrt() / group.sigma[t])[:, None]).flatten(1) for group, points in groups]
    weighted.append(targets.gaps.measure(face) * targets.gaps.weight[t].sqrt() / targets.gaps.sigma[t])
    return torch.cat(weighted, 1)


def _ties(energy: TrackEnergy, joints: Int[Tensor, " j"]) -> tuple[Float[Tensor, " p"], Float[Tensor, " p"]]:
    """The sigmas of the differences and of the second differences of all parameters."""
    sigma = Sigmas.at(energy.fps)
    both = []
    for i in (0, 1):
        pose = sigma.joints[i][joints].expand(-1, 3).flatten()
        parts = (sigma.head[i].expand(3), pose, sigma.expression[i], sigma.gaze[i].expand(4))
        both.append(torch.cat(parts).double())
    return both[0], both[1]


def prior_curvature(energy: TrackEnergy, joints: Int[Tensor, " j"]) -> Float[Tensor, "p p"]:
    """How the priors curve the energy of one frame."""
    pose = energy.photo.pose_prior.sigma[joints].flatten()
    # No prior says where the head is.
    sigma = torch.cat((torch.full((3,), 1.0), pose, energy.expression_sigma, torch.full((4,), GAZE_SIGMA)))
    curvature = torch.diag(sigma.double().square().reciprocal())
    for (i, j), spread, sign in (((0, 2), VERGENCE_SIGMA, 1.0), ((1, 3), PITCH_SIGMA, -1.0)):
        direction = torch.zeros(len(sigma), dtype=torch.float64)
        direction[len(sigma) - 4 + i], direction[len(sigma) - 4 + j] = 1.0, sign
        curvature += direction[:, None] * direction / spread**2
    return curvature


def whitening(curvature: Float[Tensor, "*b p p"]) -> Float[Tensor, "*b p p"]:
    """`W` such that `W.mT @ curvature @ W` is the identity, nearly."""
    scale = curvature.diagonal(dim1=-2, dim2=-1).rsqrt()
    eye = torch.eye(curvature.shape[-1], dtype=curvature.dtype)
    lower = torch.linalg.cholesky(scale[..., :, None] * curvature * scale[..., None, :] + 1e-6 * eye)
    return scale[..., :, None] * torch.linalg.solve_triangular(lower.mT, eye.expand_as(lower), upper=True)
