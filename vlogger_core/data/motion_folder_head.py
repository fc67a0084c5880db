"""The head's rotation in a Live Link Face recording.

The table has HeadYaw, HeadPitch and HeadRoll in radians, and no public document says how they turn. With `R` the
orientation of ARKit's face anchor (x to the face's own left, y up, z out of the face: SMPL-X's axes), programs that
record or feed the same columns compute

    yaw = atan2(R_xz, R_zz),    pitch = asin(R_yz),    roll = atan2(R_yx, R_yy),

so that yaw is positive to the person's left, pitch positive upwards, and `R = R_y(yaw) R_x(-pitch) R_z(roll)`.
(MeFaMo by J. West has these signs; the Blender importer by N. Fisher notes that yaw and pitch are inverted when the
phone lies on its side.) Therefore the eyes decide where they can: while a person looks at something, the eyes turn
against the head. Where they turn with it through most of a recording, the sign is inverted; a mirrored yaw has a
mirrored roll.
"""

from __future__ import annotations

import logging

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from ..errors import InputError
from ..names import EXPRESSION_INDEX
from .gestures import HEAD_SHARE, NECK_SHARE
from .motion_folder_clock import to_frames
from .motion_folder_face import FaceTrack
from .training_clock import FPS

_LAG = 3
_MOVING_DEG_S = 6.0
_EYES_MOVE = 0.01
_ENOUGH_FRAMES = 48
_INVERTED_BELOW = 0.35
"""Share of the frames in which the eyes turn against the head."""

log = logging.getLogger(__name__)


def neck_and_head(face: FaceTrack, num_frames: int, name: str) -> dict[str, Float[np.ndarray, "t 3"]]:
    """Rotation vectors of neck and head over the recording's median pose, at the training clock; none if not recorded.

    Raises:
        InputError: if the angles are not finite, or not radians.
    """
    if face.head_rad is None:
        return {}
    if not np.isfinite(face.head_rad).all() or np.abs(face.head_rad).max() > np.pi:
        raise InputError(f"the head's angles in {name} are not radians within -pi to pi: export it again.")
    if np.ptp(face.head_rad, axis=0).max() < 1e-4:
        return {}
    yaw, pitch, roll = to_frames(np.unwrap(face.head_rad, axis=0), face.times_s, num_frames).T
    left, down = _gaze(to_frames(face.expression, face.times_s, num_frames))
    if _eyes_go_along(yaw, left):
        log.warning("%s: the eyes turn with the head, so its yaw and roll are taken as mirrored.", name)
        yaw, roll = -yaw, -roll
    if _eyes_go_along(-pitch, down):
        log.warning("%s: the eyes turn with the head, so its pitch is taken as inverted.", name)
        pitch = -pitch
    angles = np.stack([yaw, -pitch, roll], axis=1)
    reference = Rotation.from_euler("YXZ", np.median(angles, axis=0))
    residual = (reference.inv() * Rotation.from_euler("YXZ", angles)).as_rotvec()
    return {"neck": NECK_SHARE * residual, "head": HEAD_SHARE * residual}


def _gaze(expression: Float[np.ndarray, "t 52"]) -> tuple[Float[np.ndarray, " t"], Float[np.ndarray, " t"]]:
    """How far both eyes look to the person's left and down, relative to the head; 1 is as far as they go."""

    def of(name: str) -> Float[np.ndarray, " t"]:
        return expression[:, EXPRESSION_INDEX[f"eyeLook{name}"]]

    left = (of("OutLeft") - of("InLeft") + of("InRight") - of("OutRight")) / 2
    down = (of("DownLeft") - of("UpLeft") + of("DownRight") - of("UpRight")) / 2
    return left, down


def _eyes_go_along(head_rad: Float[np.ndarray, " t"], gaze: Float[np.ndarray, " t"]) -> bool:
    """Whether the eyes turn to the head's side in most frames in which both move."""
    head_step, eye_step = head_rad[_LAG:] - head_rad[:-_LAG], gaze[_LAG:] - gaze[:-_LAG]
    moving = (np.abs(head_step) > np.deg2rad(_MOVING_DEG_S) * _LAG / float(FPS)) & (np.abs(eye_step) > _EYES_MOVE)
    if moving.sum() < _ENOUGH_FRAMES:
        return False
    return bool(np.mean(head_step[moving] * eye_step[moving] < 0) < _INVERTED_BELOW)
