"""How much of a sampled motion is shown, region by region: edits that hold whatever made the motion.

They change amplitudes, never times, so that lips, beats and speech stay together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from ..datatypes import Motion, SpeechFeatures
from ..names import ARKIT_EXPRESSIONS, EXPRESSION_INDEX, SMPLX_JOINTS
from .activity import KIND, speaking, speech_amount
from .blinks import MAX_PER_MINUTE, set_blink_rate
from .gaze_control import keep_gaze, look_at_camera

MAX_AMOUNT = 2.0
"""The largest amplitude."""
GAZES = ("free", "camera")

MOST_DEG = {"face": 40.0, "head": 16.0, "torso": 10.0, "hands": 60.0}
"""How far a joint of a region turns at most where it is made to turn more than was sampled: what bodies bear."""

_HEAD = {"neck", "head"}
_HANDS = {
    name for name in SMPLX_JOINTS if name.startswith(("left_", "right_")) and name.split("_")[1].rstrip("123") in
    ("shoulder", "elbow", "wrist", "index", "middle", "pinky", "ring", "thumb")
}  # fmt: skip
_FACE = {"jaw"}
_EYES = {"left_eye_smplhf", "right_eye_smplhf"}


def region_of(joint: str) -> str | None:
    """The region that a joint belongs to: face, head, torso (legs included) or hands; None for the eyes."""
    if joint in _EYES:
        return None
    for region, joints in (("face", _FACE), ("head", _HEAD), ("hands", _HANDS)):
        if joint in joints:
            return region
    return "torso"


@dataclass(frozen=True, kw_only=True)
class MotionControls:
    """What a user may change about a motion. With the defaults nothing changes.

    Amounts are factors, 0 to 2; they multiply where several apply. A rotation is scaled about the photo's pose, and
    goes ever less beyond what bodies bear (`MOST_DEG`).
    """

    face: float = 1.0
    """Lips, jaw, cheeks, nose and brows. 0 keeps the photo's expression; eyes and lids go on."""
    head: float = 1.0
    """Neck and head."""
    torso: float = 1.0
    """Spine, collars and where the body stands."""
    hands: float = 1.0
    """Shoulders, elbows, wrists and fingers."""
    energy: float = 1.0
    """Liveliness: head, torso, hands and brows together, not the lips."""
    idle: float = 1.0
    """The same while nobody speaks; 0 is still."""
    blinks_per_minute: float | None = None
    """None leaves the blinks as they are."""
    gaze: str = "free"
    """One of `GAZES`; `camera` holds the eyes on the camera while the head moves."""

    def __post_init__(self) -> None:
        for name in ("face", "head", "torso", "hands", "energy", "idle"):
            value = getattr(self, name)
            if not 0 <= value <= MAX_AMOUNT:
                raise ValueError(f"{name} must lie in 0 to {MAX_AMOUNT:g}. Got {value}.")
        if self.blinks_per_minute is not None and not 0 <= self.blinks_per_minute <= MAX_PER_MINUTE:
            raise ValueError(f"blinks_per_minute must lie in 0 to {MAX_PER_MINUTE}. Got {self.blinks_per_minute}.")
        if self.gaze not in GAZES:
            raise ValueError(f'gaze must be "free" or "camera". Got "{self.gaze}".')


def apply_controls(motion: Motion, controls: MotionControls, features: SpeechFeatures, seed: int) -> Motion:
    """The motion as the controls want it; the same motion, bit for bit, where they ask for nothing.

    Eyes that look at something go on looking at it however the head's amplitude changes.

    Args:
        features: what the motion was sampled from. Only mel energies tell `idle` when nobody speaks.
        seed: of where blinks come and go, at least 0.

    Raises:
        InputError: if `idle` is not 1 and the features are no mel energies.
        ValueError: if there are not as many frames of features as of motion.
    """
    if len(features.features) != motion.num_frames:
        raise ValueError(
            f"features must have one frame for each of the motion's {motion.num_frames}. Got {len(features.features)}."
        )
    scaled = keep_gaze(_scale(motion, controls, features), motion)
    if controls.gaze == "camera":
        scaled = look_at_camera(scaled)
    if controls.blinks_per_minute is None:
        return scaled
    heard = speaking(features) if features.kind == KIND else None
    return set_blink_rate(scaled, controls.blinks_per_minute, seed, heard)


def _scale(motion: Motion, controls: MotionControls, features: SpeechFeatures) -> Motion:
    liveliness = torch.full((motion.num_frames,), float(controls.energy))
    if controls.idle != 1:
        amount = speech_amount(features)
        liveliness = liveliness * (amount + (1 - amount) * controls.idle)
    liveliness = liveliness.to(motion.joint_rotvec)
    joints = motion.joint_rotvec.clone()
    for index, name in enumerate(motion.joint_names):
        region = region_of(name)
        if region is not None:
            amount = getattr(controls, region) * (1.0 if region == "face" else liveliness)
            joints[:, index] = scaled_turn(motion.joint_rotvec[:, index], amount, MOST_DEG[region])
    return replace(
        motion,
        expression=_scale_face(motion.expression, controls.face, liveliness),
        joint_rotvec=joints,
        translation=motion.translation * (liveliness * controls.torso)[:, None],
    )


def scaled_turn(
    rotvec: Float[Tensor, "t 3"], amount: float | Float[Tensor, " t"], most_deg: float
) -> Float[Tensor, "t 3"]:
    """Rotations of so many times the angle; from half of `most_deg` on less, never beyond it or less than sampled."""
    angle = rotvec.norm(dim=-1)
    knee = math.radians(most_deg) / 2
    beyond = (amount * angle - knee).clamp(min=0)
    less = beyond - knee * torch.tanh(beyond / knee)
    less = torch.minimum(less, ((amount - 1) * angle).clamp(min=0))
    return rotvec * (amount - less / angle.clamp(min=1e-9))[:, None]


def _scale_face(
    expression: Float[Tensor, "t 52"], amount: float, liveliness: Float[Tensor, " t"]
) -> Float[Tensor, "t 52"]:
    """Scale all but the eyes and their lids; brows also with the liveliness of the body.

    mouthClose cancels jawOpen, so it grows by what the jaw really opens more: closed lips stay closed.
    """
    scaled = expression.clone()
    for index, name in enumerate(ARKIT_EXPRESSIONS):
        if name.startswith("brow"):
            scaled[:, index] = (expression[:, index] * (amount * liveliness)).clamp(0, 1)
        elif not name.startswith("eye"):
            scaled[:, index] = (expression[:, index] * amount).clamp(0, 1)
    jaw, close = EXPRESSION_INDEX["jawOpen"], EXPRESSION_INDEX["mouthClose"]
    opened = torch.where(expression[:, jaw] > 0, scaled[:, jaw] / expression[:, jaw], amount)
    scaled[:, close] = (expression[:, close] * opened).clamp(0, 1)
    return scaled
