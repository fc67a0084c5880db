"""The movement of any BVH skeleton as a `Motion`.

What turns a bone in the world is taken from the file and given to the SMPL-X joint of the same meaning; joints between
that have none in SMPL-X are thereby not lost. Files rest in different poses: where a limb of theirs lies more than
`TPOSE_DEG` from where it lies in SMPL-X's T-pose, it is brought there first.
"""

from __future__ import annotations

import logging
import math
from fractions import Fraction
from pathlib import Path

import roma
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from ..body.smplx_file import PARENTS
from ..clock import as_fps
from ..datatypes import BodyFit, Motion
from ..errors import InputError
from ..names import ARKIT_EXPRESSIONS, JOINT_INDEX, SMPLX_JOINTS
from .bvh_file import Bvh, read_bvh
from .bvh_names import DIALECTS, match_joints, unknown_joints

TPOSE_DEG = 20.0
"""Limbs that rest nearer to the T-pose than this are taken to rest in it."""
LEG_M = 0.85
"""From hip to ankle, of an adult."""
UNITS = {"centimetres": 0.01, "metres": 1.0, "inches": 0.0254}
LEG_RANGE_M = (0.5, 1.2)
"""A file's unit is the one in which its legs are that long."""
NEAR_M = 0.5
"""Where the first frame is nearer than this to where the root rests, the latter counts as where the person stands."""
_WHOLE_FPS = 0.01
_LIMBS = {
    "left_shoulder": ("left_elbow", (1.0, 0.0, 0.0)), "left_elbow": ("left_wrist", (1.0, 0.0, 0.0)),
    "left_wrist": ("left_middle1", (1.0, 0.0, 0.0)),
    "right_shoulder": ("right_elbow", (-1.0, 0.0, 0.0)), "right_elbow": ("right_wrist", (-1.0, 0.0, 0.0)),
    "right_wrist": ("right_middle1", (-1.0, 0.0, 0.0)),
    "left_hip": ("left_knee", (0.0, -1.0, 0.0)), "left_knee": ("left_ankle", (0.0, -1.0, 0.0)),
    "right_hip": ("right_knee", (0.0, -1.0, 0.0)), "right_knee": ("right_ankle", (0.0, -1.0, 0.0)),
}  # fmt: skip
"""To which joint a limb leads, and where it points in the T-pose."""
_PAIRS = ("hip", "shoulder", "collar")
"""Any of these tell left from right."""
_log = logging.getLogger(__name__)


def load_bvh(path: Path, fit: BodyFit | None = None) -> Motion:
    """Read a BVH file as a motion at the file's own frame rate; the face rests.

    Args:
        fit: whose motion it becomes. With it the person takes the very poses of the file; without it the motion is what
            changes from the file's first frame on, so that the person begins as in the photo.

    Raises:
        InputError: see `read_bvh`; if none of its joints has a known name, or its frame rate is outside 8 to 120.
    """
    return bvh_to_motion(read_bvh(path), Path(path).name, fit)


@torch.no_grad()
def bvh_to_motion(bvh: Bvh, name: str, fit: BodyFit | None = None) -> Motion:
    """As `load_bvh`, from the content of a file called `name`."""
    dialect, places = match_joints(bvh.names)
    if not places:
        raise InputError(
            f"None of the joints in {name} has a name that is known ({', '.join(bvh.names[:6])} ...). Rename them as "
            f"one of these does: {', '.join(DIALECTS)}."
        )
    if unknown := unknown_joints(bvh.names, places.values()):
        _log.warning("%s: joints without a counterpart are left out: %s.", name, ", ".join(unknown))
    _log.info("%s: read as a skeleton of %s with %d known joints.", name, dialect, len(places))
    rest = _rest(bvh)
    axes = _axes(rest, places)
    names = tuple(joint for joint in SMPLX_JOINTS if joint in places)
    rotmat = _local(_world(bvh, axes), rest @ axes.mT, places, names)
    root = bvh.root.double() @ axes.mT * _metres(bvh, places, name)
    if fit is None:
        before = rotmat[:1]
        root = root - root[:1]
        if names[0] == "pelvis":  # Ahead is where the person faces at first.
            root = root @ _heading(rotmat[0, 0])
    else:
        reference = fit.joint_rotvec.cpu().double()[[JOINT_INDEX[joint] for joint in names]]
        before = roma.rotvec_to_rotmat(reference)[None]
        start = bvh.offsets[:1].double() @ axes.mT * _metres(bvh, places, name)
        root = root - (start if (root[0] - start).norm() < NEAR_M else root[:1])
    residual = roma.rotmat_to_rotvec(before.mT @ rotmat)
    return Motion(
        fps=_fps(bvh.frame_time_s),
        expression=torch.zeros(len(rotmat), len(ARKIT_EXPRESSIONS)),
        joint_names=names,
        joint_rotvec=residual.float(),
        translation=root.float(),
    )


def _fps(frame_time_s: float) -> Fraction:
    """Frame times are written with few digits: 0.033333 means 30."""
    fps = 1 / frame_time_s
    return as_fps(round(fps) if abs(fps - round(fps)) < _WHOLE_FPS else fps)


def _rest(bvh: Bvh) -> Float[Tensor, "j 3"]:
    """Where the joints are at rest, the root at the origin."""
    rest = torch.zeros_like(bvh.offsets, dtype=torch.float64)
    for joint, parent in enumerate(bvh.parents):
        if parent >= 0:
            rest[joint] = rest[parent] + bvh.offsets[joint]
    return rest


def _axes(rest: Float[Tensor, "j 3"], places: dict[str, int]) -> Float[Tensor, "3 3"]:
    """From the file's axes to ours, by quarter turns: left is +X and up is +Y."""
    left = _between(rest, places, *(tuple(f"{side}_{joint}" for joint in _PAIRS) for side in ("left", "right")))
    up = _between(rest, places, ("head", "neck", "spine3", "spine2", "spine1"), ("pelvis", "left_hip", "right_hip"))
    if left is None or up is None:
        return torch.eye(3, dtype=torch.float64)
    x = F.normalize(left, dim=0)
    z = F.normalize(torch.linalg.cross(x, up), dim=0)
    turned = torch.stack((x, torch.linalg.cross(z, x), z))
    whole = torch.zeros_like(turned)
    whole[torch.arange(3), turned.abs().argmax(1)] = turned.gather(1, turned.abs().argmax(1, keepdim=True))[:, 0].sign()
    return whole if torch.linalg.det(whole) > 0.5 else torch.eye(3, dtype=torch.float64)


def _between(rest: Tensor, places: dict[str, int], ends: tuple[str, ...], starts: tuple[str, ...]) -> Tensor | None:
    end = next((rest[places[joint]] for joint in ends if joint in places), None)
    start = next((rest[places[joint]] for joint in starts if joint in places), None)
    if end is None or start is None or (end - start).norm() < 1e-9:
        return None
    return end - start


def _world(bvh: Bvh, axes: Float[Tensor, "3 3"]) -> Float[Tensor, "t j 3 3"]:
    """What turns each bone in the world, in our axes."""
    local = axes @ bvh.rotmat.double() @ axes.mT
    world: list[Tensor] = []
    for joint, parent in enumerate(bvh.parents):
        world.append(local[:, joint] if parent < 0 else world[parent] @ local[:, joint])
    return torch.stack(world, 1)


def _local(
    world: Float[Tensor, "t j 3 3"], rest: Float[Tensor, "j 3"], places: dict[str, int], names: tuple[str, ...]
) -> Float[Tensor, "t k 3 3"]:
    """Turns of the known joints against the next known one above, from SMPL-X's T-pose."""
    turned = {joint: world[:, places[joint]] @ _to_tpose(joint, rest, places).mT for joint in names}
    local = []
    for joint in names:
        above = PARENTS[JOINT_INDEX[joint]]
        while above >= 0 and SMPLX_JOINTS[above] not in turned:
            above = PARENTS[above]
        local.append(turned[joint] if above < 0 else turned[SMPLX_JOINTS[above]].mT @ turned[joint])
    return torch.stack(local, 1)


def _to_tpose(joint: str, rest: Float[Tensor, "j 3"], places: dict[str, int]) -> Float[Tensor, "3 3"]:
    """Takes a limb from where it rests in the file to the T-pose; fingers and feet go with what carries them."""
    if joint in _LIMBS and _LIMBS[joint][0] in places:
        end, pointing = _LIMBS[joint]
        start, end_place = F.normalize(rest[places[end]] - rest[places[joint]], dim=0), rest.new_tensor(pointing)
        axis = torch.linalg.cross(start, end_place)
        angle = torch.atan2(axis.norm(), start @ end_place)
        if math.degrees(angle) <= TPOSE_DEG:
            return torch.eye(3, dtype=rest.dtype)
        return roma.rotvec_to_rotmat(F.normalize(axis, dim=0) * angle)
    carrier = SMPLX_JOINTS[PARENTS[JOINT_INDEX[joint]]] if joint != "pelvis" else ""
    arm = joint.split("_")[-1].rstrip("123") in ("thumb", "index", "middle", "ring", "pinky", "wrist")
    return _to_tpose(carrier, rest, places) if arm and carrier in places else torch.eye(3, dtype=rest.dtype)


def _heading(rotmat: Float[Tensor, "3 3"]) -> Float[Tensor, "3 3"]:
    """The turn about the vertical that faces +Z to where the body faces; rows times it undo that turn."""
    yaw = torch.atan2(rotmat[0, 2], rotmat[2, 2])
    return roma.rotvec_to_rotmat(torch.stack((torch.zeros_like(yaw), yaw, torch.zeros_like(yaw))))


def _metres(bvh: Bvh, places: dict[str, int], name: str) -> float:
    """How long the file's unit is."""
    rest = _rest(bvh)
    for side in ("left", "right"):
        joints = [places.get(f"{side}_{joint}") for joint in ("hip", "knee", "ankle")]
        if None in joints:
            continue
        hip, knee, ankle = rest[[joint for joint in joints if joint is not None]]
        leg = float((knee - hip).norm() + (ankle - knee).norm())
        for metres in UNITS.values():
            if LEG_RANGE_M[0] <= leg * metres <= LEG_RANGE_M[1]:
                return metres
        if leg > 0:
            _log.warning("%s: its unit is not known: legs of %.3g are taken to be %.2f m long.", name, leg, LEG_M)
            return LEG_M / leg
    return UNITS["centimetres"]
