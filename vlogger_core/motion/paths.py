"""Rotations along time, between which is interpolated without leaving a continuous path.

Quaternions (x y z w) whose signs agree from frame to frame stand in for rotation vectors: those jump where an angle
passes pi, these do not.
"""

from __future__ import annotations

import roma
import torch
from jaxtyping import Bool, Float
from scipy.ndimage import gaussian_filter1d
from torch import Tensor


def to_path(rotvec: Float[Tensor, "t *j 3"]) -> Float[Tensor, "t *j 4"]:
    """Rotation vectors to quaternions of which none has its sign against the one before; float64."""
    quats = roma.rotvec_to_unitquat(rotvec.double())
    return _continuous(quats)


def to_rotvec(path: Float[Tensor, "t *j 4"], like: Tensor) -> Float[Tensor, "t *j 3"]:
    """The inverse of `to_path`, of the dtype of `like`; angles beyond pi stay so, 2 pi at most."""
    axis = path[..., :3]
    sine = axis.norm(dim=-1, keepdim=True)
    angle = 2 * torch.atan2(sine, path[..., 3:])
    # Of the tiniest angles the sine is half the angle.
    return (axis * torch.where(sine > 1e-9, angle / sine.clamp(min=1e-9), 2.0)).to(like.dtype)


def at_frames(rotvec: Float[Tensor, "t *j 3"], positions: Float[Tensor, " n"]) -> Float[Tensor, "n *j 3"]:
    """The rotations at these frames, fractions between two included; whole frames come back as they are."""
    low, high, share = _between(len(rotvec), positions)
    path = to_path(rotvec)
    step = roma.quat_product(roma.quat_conjugation(path[low]), path[high])
    turned = roma.quat_product(path[low], _part(step, _like(share, path)))
    return torch.where(_like(share, rotvec) == 0, rotvec[low], to_rotvec(turned, rotvec))


def values_at_frames(values: Float[Tensor, "t d"], positions: Float[Tensor, " n"]) -> Float[Tensor, "n d"]:
    """The same of plain numbers."""
    low, high, share = _between(len(values), positions)
    mixed = torch.lerp(values[low], values[high], share.to(values)[:, None])
    return torch.where(share.to(values)[:, None] == 0, values[low], mixed)


def blend(
    before: Float[Tensor, "t *j 3"], after: Float[Tensor, "t *j 3"], weights: Float[Tensor, " t"]
) -> Float[Tensor, "t *j 3"]:
    """From `before` (weight 0) to `after` (weight 1) along the arc between them, which changes its side at no frame.

    Frames of weight 0 and 1 are those of `before` and `after` exactly.
    """
    path = to_path(before)
    arc = _continuous(roma.quat_product(roma.quat_conjugation(path), to_path(after)))
    if weights.any():
        first = int(weights.ne(0).nonzero()[0, 0])
        arc = torch.where(arc[first, ..., 3:] < 0, -arc, arc)
    weight = _like(weights, path)
    mixed = to_rotvec(roma.quat_product(path, _part(arc, weight)), before)
    weight = _like(weights, before)
    return torch.where(weight == 0, before, torch.where(weight == 1, after, mixed))


def mean_rotation(rotvec: Float[Tensor, "t *j 3"], frames: Bool[Tensor, " t"]) -> Float[Tensor, "1 *j 3"]:
    """The rotation in the middle of those at these frames."""
    middle = to_path(rotvec)[frames].mean(0, keepdim=True)
    return to_rotvec(middle / middle.norm(dim=-1, keepdim=True).clamp(min=1e-9), rotvec)


def smooth_rotations(rotvec: Float[Tensor, "t *j 3"], sigma_frames: float) -> Float[Tensor, "t *j 3"]:
    """A Gaussian mean over time."""
    path = smooth_values(to_path(rotvec), sigma_frames)
    return to_rotvec(path / path.norm(dim=-1, keepdim=True).clamp(min=1e-9), rotvec)


def smooth_values(values: Float[Tensor, "t *d"], sigma_frames: float) -> Float[Tensor, "t *d"]:
    """A Gaussian mean over time, which delays nothing; the ends are held."""
    smoothed = gaussian_filter1d(values.detach().cpu().double().numpy(), sigma_frames, axis=0, mode="nearest")
    return torch.from_numpy(smoothed).to(values)


def _continuous(quats: Float[Tensor, "t *j 4"]) -> Float[Tensor, "t *j 4"]:
    agrees = (quats[1:] * quats[:-1]).sum(-1, keepdim=True) >= 0
    turns = torch.where(agrees, 1.0, -1.0).to(quats)
    return quats * torch.cat((torch.ones_like(quats[:1, ..., :1]), turns)).cumprod(0)


def _part(quats: Float[Tensor, "t *j 4"], share: Float[Tensor, "t *ones"]) -> Float[Tensor, "t *j 4"]:
    """Turns by so much of the same angle."""
    return roma.rotvec_to_unitquat(share * to_rotvec(quats, quats))


def _like(weights: Float[Tensor, " t"], values: Tensor) -> Tensor:
    return weights.to(values).reshape(-1, *[1] * (values.ndim - 1))


def _between(frames: int, positions: Float[Tensor, " n"]) -> tuple[Tensor, Tensor, Tensor]:
    """The frames around each position, and how far it lies from the first to the second."""
    positions = positions.clamp(0, frames - 1)
    low = positions.floor().long()
    return low, (low + 1).clamp(max=frames - 1), positions - low
