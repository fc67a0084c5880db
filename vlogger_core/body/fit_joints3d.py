"""Joints that another method has placed in space: which way bones point, whatever their lengths."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from ..names import JOINT_INDEX, SMPLX_JOINTS

SIGMA, RHO = 0.12, 0.5
"""Noise of a bone's direction, and where the robust error levels off, as lengths on the unit sphere (radians)."""
MIN_CONFIDENCE = 0.2
MIN_BONE_M = 0.005
"""Joints nearer to each other say nothing about a direction."""

_FINGERS = ("thumb", "index", "middle", "ring", "pinky")
TRUNK_BONES = (("pelvis", "neck"), ("neck", "head"), ("right_shoulder", "left_shoulder"), ("right_hip", "left_hip"))


def _arm_bones(side: str) -> tuple[tuple[str, str], ...]:
    limb = (("shoulder", "elbow"), ("elbow", "wrist"))
    palm = tuple(("wrist", f"{finger}1") for finger in _FINGERS)
    fingers = tuple((f"{finger}{i}", f"{finger}{i + 1}") for finger in _FINGERS for i in (1, 2))
    return tuple((f"{side}_{start}", f"{side}_{end}") for start, end in limb + palm + fingers)


ARM_BONES = {side: _arm_bones(side) for side in ("left", "right")}


@dataclass(frozen=True, kw_only=True)
class Joints3d:
    """Some joints of one person in space, up to where the person stands and how large the person is."""

    names: tuple[str, ...]
    """Names of `names.SMPLX_JOINTS`."""
    positions: Float[Tensor, "n 3"]
    """Along the world's axes (X to the right of the picture, Y up, Z to the viewer), from any origin, at any scale near
    1 (metres)."""
    confidence: Float[Tensor, " n"]
    """0 (not known) to 1."""

    def __post_init__(self) -> None:
        unknown = sorted(set(self.names) - set(SMPLX_JOINTS))
        if unknown:
            raise ValueError(f"Joints3d.names must be SMPL-X joints. Got {', '.join(unknown)}.")
        if len(set(self.names)) < len(self.names):
            raise ValueError(f"Joints3d.names must name each joint once. Got {', '.join(self.names)}.")
        if len(self.positions) != len(self.names) or len(self.confidence) != len(self.names):
            raise ValueError(
                f"Joints3d.positions and confidence must have a row for each of the {len(self.names)} names. "
                f"Got {len(self.positions)} and {len(self.confidence)}."
            )
        if not torch.isfinite(self.positions).all() or not torch.isfinite(self.confidence).all():
            raise ValueError("Joints3d.positions and confidence must be finite. Got NaN or infinity.")


@dataclass(frozen=True, kw_only=True)
class BoneTargets:
    """Directions of the bones of which both ends are known, with the weight of each in the energy."""

    start: Int[Tensor, " n"]
    end: Int[Tensor, " n"]
    """Indices into `names.SMPLX_JOINTS`."""
    direction: Float[Tensor, "n 3"]
    weight: Float[Tensor, " n"]

    @staticmethod
    def build(joints: Joints3d, bones: tuple[tuple[str, str], ...]) -> BoneTargets:
        place = {name: i for i, name in enumerate(joints.names)}
        positions, confidence = joints.positions.detach().cpu().float(), joints.confidence.detach().cpu().float()
        rows = []
        for start, end in bones:
            if start not in place or end not in place:
                continue
            along = positions[place[end]] - positions[place[start]]
            sure = torch.minimum(confidence[place[start]], confidence[place[end]]).item()
            if sure >= MIN_CONFIDENCE and along.norm() > MIN_BONE_M:
                rows.append((JOINT_INDEX[start], JOINT_INDEX[end], F.normalize(along, dim=0), sure**2))
        return BoneTargets(
            start=torch.tensor([row[0] for row in rows], dtype=torch.long),
            end=torch.tensor([row[1] for row in rows], dtype=torch.long),
            direction=torch.stack([row[2] for row in rows]) if rows else torch.zeros(0, 3),
            weight=torch.tensor([row[3] for row in rows]),
        )

    def cost(self, joints: Float[Tensor, "t 55 3"]) -> Float[Tensor, " t"]:
        """Geman-McClure on the chord between the directions."""
        direction = F.normalize(joints[:, self.end] - joints[:, self.start], dim=-1, eps=1e-6)
        squared = (direction - self.direction).square().sum(-1)
        return (self.weight * squared / (1 + squared / RHO**2)).sum(1) / (2 * SIGMA**2)


def known_bones(joints: Joints3d) -> dict[str, BoneTargets]:
    """The targets of the `trunk`, and of the `left` and the `right` arm."""
    return {part: BoneTargets.build(joints, bones) for part, bones in {"trunk": TRUNK_BONES, **ARM_BONES}.items()}
