"""The body divided as SMPL divides it: by the joint that moves each point most."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from ..body.protocol import BodyModel, PosedBody
from ..names import JOINT_INDEX, PART_INDEX, SMPLX_JOINTS
from ..rotation import rotvec_to_rotmat

SMPL_JOINTS: tuple[str, ...] = (*SMPLX_JOINTS[:22], "left_hand", "right_hand")
"""The 24 joints of SMPL, whose first 22 are SMPL-X's: jaw and eyes belong to the head, the fingers to one hand each."""
SMPL_PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)
FINGERS = ("index", "middle", "pinky", "ring", "thumb")
TURN = 0.05
"""Radians of the small turns from which the weights are found."""


def joint_weights(model: BodyModel) -> Float[Tensor, "v 24"]:
    """How far each vertex of a body model follows each of `SMPL_JOINTS`, whatever its own rig is.

    A joint is turned a little about each axis; what a vertex then moves, as a share of what it would move if it were
    fixed to the joint, is the weight of the joint and of all below it (linear blend skinning). The weight of the
    joint alone is what is left without its children's. What `face_parts` calls neck is the neck's: a rig may spread
    its motion over more bones than one joint can stand for.
    """
    rest = model.rest(model.mean_shape())
    device = model.template.device
    neutral = torch.zeros(3, 52, device=device)

    def posed(joint_rotvec: Float[Tensor, "3 55 3"]) -> PosedBody:
        return model.pose(rest, joint_rotvec, torch.zeros(3, 3, device=device), neutral)

    still = posed(torch.zeros(3, 55, 3, device=device))
    turns = TURN * torch.eye(3, device=device)
    twist = rotvec_to_rotmat(turns) - torch.eye(3, device=device)

    def moved_by(joint: int) -> Float[Tensor, " v"]:
        pose = torch.zeros(3, 55, 3, device=device)
        pose[:, joint] = turns
        moved = posed(pose).vertices - still.vertices
        rigid = torch.einsum("tij,tvj->tvi", twist, still.vertices - still.joints[:, joint, None])
        return (moved * rigid).sum((0, 2)) / rigid.square().sum((0, 2)).clamp(min=1e-12)

    below = [torch.ones(len(model.template), device=device)]
    below += [moved_by(joint) for joint in range(1, 22)]
    for side in ("left", "right"):
        roots = [JOINT_INDEX[f"{side}_{finger}1"] for finger in FINGERS]
        below.append(torch.stack([moved_by(joint) for joint in roots]).sum(0))
    weights = torch.stack(below)
    for joint, parent in enumerate(SMPL_PARENTS):
        if parent >= 0:
            weights[parent] -= below[joint]
    neck = model.faces[model.face_parts == PART_INDEX["neck"]].unique()
    weights[:, neck] = 0.0
    weights[JOINT_INDEX["neck"], neck] = 1.0
    return weights.T.contiguous()
