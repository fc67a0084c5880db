"""A motion as a BVH file (Biovision): a skeleton in centimetres and Euler angles for every frame.

The skeleton is the T-pose of the fitted person, the angles are those of the whole pose, photo and motion together, as
programs for animation expect it. A BVH file holds no expression.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import roma
import torch
from jaxtyping import Float
from torch import Tensor

from ..body.expression import pose_at
from ..body.smplx_file import PARENTS
from ..datatypes import BodyFit, Motion
from ..errors import InputError
from ..names import ARKIT_EXPRESSIONS, JOINT_INDEX, SMPLX_JOINTS
from ..progress import Progress, silent
from ..rotation import rotvec_to_rotmat

END_SHARE = 0.8
"""Length of what comes after the last joint of a limb, as a share of the bone before."""
HEAD_CM = 18.0
_ORDER = "ZXY"
"""The angles' axes, from the first turn to the last: each turns about the axes that those before have turned."""
_REPORT_FRAMES = 500


def save_bvh(path: Path, fit: BodyFit, motion: Motion, *, progress: Progress = silent) -> None:
    """Write how the fitted person moves; the file appears only when it is complete.

    Joints carry the names of `names.SMPLX_JOINTS`. Positions are in centimetres, Y up, the person faces +Z; the root's
    OFFSET is where the pelvis is in the photo, over the origin and with the feet on the ground.

    Raises:
        InputError: if the motion has no frames, or the file cannot be written.
    """
    text = bvh_text(fit, motion, progress=progress)
    path = Path(path)
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_text(text, encoding="ascii")
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise InputError(f"Cannot write {path} ({error}): choose a writable folder.") from error


@torch.no_grad()
def bvh_text(fit: BodyFit, motion: Motion, *, progress: Progress = silent) -> str:
    """The content of the file of `save_bvh`; raises as it does."""
    if motion.num_frames == 0:
        raise InputError("The motion has no frames. Make one from at least one frame of speech.")
    fit, motion = fit.to("cpu"), motion.to("cpu")
    joint_rotvec, translation, _ = pose_at(fit, motion, 0, motion.num_frames)
    places = 100 * _tpose(fit)
    root = torch.stack((torch.tensor(0.0), _pelvis_height_cm(fit), torch.tensor(0.0)))
    moved = root + 100 * (translation - fit.translation)
    angles = _euler_deg(rotvec_to_rotmat(joint_rotvec))
    order: list[int] = []
    lines = ["HIERARCHY", *_joint(0, places, root, "", order), "MOTION", f"Frames: {motion.num_frames}"]
    lines.append(f"Frame Time: {float(1 / motion.fps):.9f}")
    rows = np.concatenate((moved[:, None].double().numpy(), angles[:, order].numpy()), 1).reshape(len(angles), -1)
    for frame, row in enumerate(rows):
        if frame % _REPORT_FRAMES == 0:
            progress(frame, len(rows))
        lines.append(" ".join(f"{value:.6f}" for value in row))
    progress(len(rows), len(rows))
    return "\n".join(lines) + "\n"


def _tpose(fit: BodyFit) -> Float[Tensor, "55 3"]:
    """The joints of the fitted person in the T-pose, pelvis at the origin, metres."""
    nothing = torch.zeros(1, 55, 3), torch.zeros(1, 3), torch.zeros(1, len(ARKIT_EXPRESSIONS))
    return fit.model.pose(fit.model.rest(fit.shape), *nothing).joints[0]


def _pelvis_height_cm(fit: BodyFit) -> Float[Tensor, ""]:
    """Of the pelvis above the lowest point of the body, as it stands in the photo."""
    rest = fit.model.rest(fit.shape)
    posed = fit.model.pose(rest, fit.joint_rotvec[None], fit.translation[None], fit.expression[None])
    lowest = posed.vertices[0, fit.model.faces.unique(), 1].amin()
    return (100 * (fit.translation[1] - lowest)).cpu()


def _joint(joint: int, places: Tensor, offset: Tensor, indent: str, order: list[int]) -> list[str]:
    """A joint's part of the hierarchy. `order` is told each joint in the order of its channels."""
    order.append(joint)
    angles = " ".join(f"{axis}rotation" for axis in _ORDER)
    channels = f"6 Xposition Yposition Zposition {angles}" if joint == 0 else f"3 {angles}"
    lines = [
        f"{indent}{'ROOT' if joint == 0 else 'JOINT'} {SMPLX_JOINTS[joint]}",
        f"{indent}{{",
        f"{indent}\tOFFSET {_numbers(offset)}",
        f"{indent}\tCHANNELS {channels}",
    ]
    children = [child for child, parent in enumerate(PARENTS) if parent == joint and child != joint]
    for child in children:
        lines += _joint(child, places, places[child] - places[joint], indent + "\t", order)
    if not children:
        end = _numbers(_end(joint, places))
        lines += [f"{indent}\tEnd Site", f"{indent}\t{{", f"{indent}\t\tOFFSET {end}", f"{indent}\t}}"]
    return [*lines, f"{indent}}}"]


def _end(joint: int, places: Tensor) -> Float[Tensor, "3"]:
    """From the last joint of a limb to its tip."""
    if PARENTS[joint] == JOINT_INDEX["head"]:  # Jaw and eyes point forwards.
        return places.new_tensor((0.0, 0.0, HEAD_CM / 9))
    return END_SHARE * (places[joint] - places[PARENTS[joint]])


def _euler_deg(rotmat: Float[Tensor, "t j 3 3"]) -> Float[Tensor, "t j 3"]:
    """`R = R_z R_x R_y`, in degrees, continuous as far as Euler angles are."""
    angles: Tensor = roma.rotmat_to_euler(_ORDER, rotmat.double(), degrees=True)  # pyright: ignore[reportAssignmentType]
    turned = torch.diff(angles, dim=0)
    angles[1:] -= 360 * torch.cumsum((turned / 360).round(), 0)
    return angles


def _numbers(values: Tensor) -> str:
    return " ".join(f"{value:.6f}" for value in values.tolist())
