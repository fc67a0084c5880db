"""Recorded bodies: SMPL-X poses as BEAT2 (EMAGE, Liu et al. 2024) and AMASS save them.

The keys are `poses [t 165]` (axis-angle of the 55 joints in SMPL-X's order), `trans [t 3]` in metres and
`mocap_frame_rate`. `expressions` are coefficients of FLAME's space, which only FLAME's own file can turn into a face;
they are not read.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from ..clock import MAX_FPS, MIN_FPS
from ..errors import InputError
from ..names import JOINT_INDEX, SMPLX_JOINTS
from .motion_folder_clock import check_times

_RATE_KEYS = ("mocap_frame_rate", "mocap_framerate")
_UPPER_BODY = tuple(
    name for name in SMPLX_JOINTS if not name.endswith(("hip", "knee", "ankle", "foot", "pelvis", "jaw", "smplhf"))
)
_WANDERS_M = 0.3
_MOST_TURNED_RAD = 4 * np.pi
"""Rotation vectors that were unrolled over time may pass pi; numbers above are no rotations."""


@dataclass(frozen=True, kw_only=True)
class BodyTrack:
    """A recorded body at its own instants."""

    times_s: Float[np.ndarray, " k"]
    joints: dict[str, Float[np.ndarray, "k 3"]]
    """Rotation vectors (radians) over the recording's mean pose."""
    translation: Float[np.ndarray, "k 3"] | None
    """Metres over the mean place, in the axes of the person's mean orientation; None where the person walks about."""


def read_smplx(path: Path) -> BodyTrack:
    """Read an npz of SMPL-X poses.

    A motion has no joint below the spine, so `spine1` also turns with the pelvis: the upper body faces where it did.

    Raises:
        InputError: if it is no such file, or its values are impossible.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as saved:
            rate_key = next((key for key in _RATE_KEYS if key in saved.files), None)
            if "poses" not in saved.files or rate_key is None:
                raise InputError(f"{path.name} is no SMPL-X motion: it lacks the arrays poses or mocap_frame_rate.")
            poses = np.asarray(saved["poses"], dtype=float)
            rate = float(saved[rate_key])
            trans = np.asarray(saved["trans"], dtype=float) if "trans" in saved.files else np.zeros((len(poses), 3))
    except InputError:
        raise
    except Exception as error:  # What numpy, zipfile, zlib and tokenize raise for damaged files has no common class.
        raise InputError(f"{path.name} cannot be read as an npz of plain arrays ({error!r}).") from error
    if poses.ndim != 2 or poses.shape[1] != 3 * len(SMPLX_JOINTS) or trans.shape != (len(poses), 3):
        raise InputError(f"{path.name} must hold poses [t, 165] and trans [t, 3]. Got {poses.shape}, {trans.shape}.")
    if not MIN_FPS <= rate <= MAX_FPS:
        raise InputError(f"{path.name} has {rate:g} frames a second: {MIN_FPS} to {MAX_FPS} are possible.")
    if not (np.isfinite(poses).all() and np.isfinite(trans).all()):
        raise InputError(f"{path.name} holds NaN or infinity.")
    check_turns(poses, path.name)
    times_s = (np.arange(len(poses)) + 0.5) / rate
    check_times(times_s, path.name)
    rotations = {
        name: Rotation.from_rotvec(poses[:, 3 * JOINT_INDEX[name] : 3 * JOINT_INDEX[name] + 3])
        for name in ("pelvis", *_UPPER_BODY)
    }
    pelvis = rotations.pop("pelvis")
    rotations["spine1"] = pelvis * rotations["spine1"]
    offset = pelvis.mean().inv().apply(trans - trans.mean(0))
    return BodyTrack(
        times_s=times_s,
        joints={name: (turned.mean().inv() * turned).as_rotvec() for name, turned in rotations.items()},
        translation=offset if np.abs(offset).max() < _WANDERS_M else None,
    )


def check_turns(rotvec: Float[np.ndarray, "*_"], name: str) -> None:
    """Refuse rotation vectors that cannot be radians.

    Raises:
        InputError: if one turns more than twice around.
    """
    if np.abs(rotvec).max(initial=0) > _MOST_TURNED_RAD:
        raise InputError(f"{name} holds rotations of up to {np.abs(rotvec).max():.3g} rad: export them in radians.")
