"""Named points of the skin that are neither joints nor face landmarks: ears, toes, heels and fingertips.

Every one is a fixed vertex, found once on the mean shape in the T-pose by its place beside the SMPL-X joints, so the
same rules serve any body model.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ..names import EXPRESSION_INDEX, JOINT_INDEX
from ..threads import one_thread
from .protocol import BodyModel, PosedBody

FINGERS = ("thumb", "index", "middle", "ring", "pinky")
"""In the order of the hand points."""
SIDE_POINTS: tuple[str, ...] = ("ear", "big_toe", "small_toe", "heel", *(f"{finger}_tip" for finger in FINGERS))
VERTEX_POINTS: tuple[str, ...] = tuple(f"{side}_{point}" for side in ("left", "right") for point in SIDE_POINTS)

TIP_REACH_M = 0.045
"""How far beyond its last joint a fingertip may lie."""
TIP_ASIDE_M = 0.012
"""How far from the line of the finger."""
TIP_SHARE = 0.85
"""Detectors mark a fingertip on its pad, this far from the last joint to the end of the finger."""

EAR_FROM_EYE_M = (-0.016, -0.066)
"""Height and depth of the ear's opening from the centre of the eye: the tragus, which detectors mark."""
EAR_REACH_M = 0.02
"""How far from there a vertex may lie."""
FOOT_WIDTH_M = 0.08
"""How far to either side of the ankle its foot reaches."""
TOE_DIRECTIONS = {"big_toe": (-0.3, 0.0, 1.0), "small_toe": (1.2, 0.0, 1.0), "heel": (0.0, -0.5, -1.0)}
"""Outwards, up, forward: each is the farthest point of the foot in its direction."""


@dataclass(frozen=True, kw_only=True)
class VertexPoints:
    """The vertices of one body model, in the order of `VERTEX_POINTS`."""

    index: Int[Tensor, " n"]
    found: Bool[Tensor, " n"]
    """False where the mesh has nothing in that place, whose index then says nothing."""

    @staticmethod
    def build(model: BodyModel) -> VertexPoints:
        with one_thread():
            zeros = model.template.new_zeros
            rest = model.rest(model.mean_shape())
            posed = model.pose(rest, zeros(1, 55, 3), zeros(1, 3), zeros(1, len(EXPRESSION_INDEX)))
            vertices, joints = posed.vertices[0].detach(), posed.joints[0].detach()
            drawn = torch.zeros(len(vertices), dtype=torch.bool, device=vertices.device)
            drawn[model.faces.flatten()] = True
            index, found = [], []
            for side, sign in (("left", 1.0), ("right", -1.0)):
                mirror = vertices.new_tensor((sign, 1.0, 1.0))
                at = {name: joints[i] * mirror for name, i in JOINT_INDEX.items() if name.startswith(f"{side}_")}
                at = {name.removeprefix(f"{side}_"): place for name, place in at.items()}
                for point in SIDE_POINTS:
                    score, among = _rule(point, vertices * mirror, at)
                    among &= drawn
                    index.append(torch.where(among, score, -torch.inf).argmax())
                    found.append(among.any())
            return VertexPoints(index=torch.stack(index), found=torch.stack(found))

    def of(self, *names: str) -> Int[Tensor, " n"]:
        """The vertices of some points."""
        return self.index[[VERTEX_POINTS.index(name) for name in names]]

    @property
    def tips(self) -> Int[Tensor, "2 5"]:
        """The left and right fingertips, in the order of `FINGERS`."""
        return self.of(*(f"{side}_{finger}_tip" for side in ("left", "right") for finger in FINGERS)).reshape(2, 5)


def _rule(point: str, vertices: Float[Tensor, "v 3"], at: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """A score whose highest vertex is the point of the left side, and which vertices come into question.

    Args:
        at: the joints of that side, by their names without it.
    """
    if point == "ear":
        offset = vertices - at["eye_smplhf"]
        away = (offset[:, 1:] - offset.new_tensor(EAR_FROM_EYE_M)).norm(dim=1)
        return offset[:, 0] - 2 * away, (away < EAR_REACH_M) & (offset[:, 0] > 0)
    if point in TOE_DIRECTIONS:
        x, y, z = (vertices - at["ankle"]).unbind(-1)
        among = (x.abs() < FOOT_WIDTH_M) & (y < 0) & (z > 0 if point != "heel" else z < 0)
        return vertices @ vertices.new_tensor(TOE_DIRECTIONS[point]), among
    finger = point.removesuffix("_tip")
    direction = torch.nn.functional.normalize(at[f"{finger}3"] - at[f"{finger}2"], dim=0)
    offset = vertices - at[f"{finger}3"]
    along = offset @ direction
    aside = (offset - along[:, None] * direction).norm(dim=1)
    return along, (along > 0) & (along < TIP_REACH_M) & (aside < TIP_ASIDE_M)


def fingertips(model: BodyModel) -> Int[Tensor, "2 5"]:
    """The vertex at the tip of each finger: the farthest beyond the last joint in the finger's direction."""
    return VertexPoints.build(model).tips


def hand_joints(side: str) -> list[int]:
    """SMPL-X joints of the 21 hand points in their order; tips are not joints and are left out."""
    return [JOINT_INDEX[f"{side}_wrist"]] + [JOINT_INDEX[f"{side}_{f}{i}"] for f in FINGERS for i in (1, 2, 3)]


def hand_points(posed: PosedBody, side: str, tips: Int[Tensor, " 5"]) -> Float[Tensor, "t 21 3"]:
    """Wrist, then four points of each finger from the thumb to the little finger, base to tip.

    Args:
        tips: the vertices of that side's fingertips.
    """
    joints = posed.joints[:, hand_joints(side)]
    chains = joints[:, 1:].unflatten(1, (5, 3))
    pads = chains[:, :, 2].lerp(posed.vertices[:, tips], TIP_SHARE)
    fingers = torch.cat((chains, pads[:, :, None]), 2)
    return torch.cat((joints[:, :1], fingers.flatten(1, 2)), 1)
