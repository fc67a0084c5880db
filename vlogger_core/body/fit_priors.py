"""What a body is likely to be before the photo has spoken: poses, shapes, expressions, fields of view.

Our own figures. Shapes were tuned on 28 generated portraits of adults, upright and nearly frontal; the spread of the
trunk's pose on random bodies (`data.random_bodies`, other seeds than those that are evaluated); the spread of
parted lips also on two photographs of smiles that the evaluation counts.

Poses are those of a person who sits or stands and looks at a camera; angles are rotation vectors in SMPL-X
frames (x to the subject's left, y up, z to the front at the T-pose), in degrees here and radians elsewhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import roma
import torch
from jaxtyping import Float
from torch import Tensor

from ..names import ARKIT_EXPRESSIONS, JOINT_INDEX, SMPLX_JOINTS
from ..rotation import rotmat_to_rotvec, rotvec_to_rotmat
from .protocol import BodyModel

FOV_DEG, FOV_SIGMA_DEG = 40.0, 7.0
"""Diagonal field of view of portrait photos, and how much they differ."""
EXIF_SIGMA_DEG = 1.5

_LEFT_POSE: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "pelvis": ((0, 0, 0), (5, 16, 4)),
    "spine1": ((0, 0, 0), (3, 3, 3)),
    "spine2": ((0, 0, 0), (3, 3, 3)),
    "spine3": ((0, 0, 0), (3, 3, 3)),
    "neck": ((0, 0, 0), (10, 18, 8)),
    "head": ((0, 0, 0), (10, 18, 8)),
    "left_eye_smplhf": ((5, 0, 0), (8, 12, 1)),
    "left_collar": ((0, 0, 3), (4, 7, 10)),
    "left_shoulder": ((0, 0, -75), (35, 25, 22)),
    "left_elbow": ((0, -25, 0), (35, 50, 6)),
    "left_wrist": ((0, 0, 0), (12, 18, 30)),
    **{f"left_{finger}1": ((0, 0, -18), (6, 9, 28)) for finger in ("index", "middle", "ring", "pinky")},
    **{f"left_{finger}2": ((0, 0, -25), (2, 3, 28)) for finger in ("index", "middle", "ring", "pinky")},
    **{f"left_{finger}3": ((0, 0, -15), (2, 3, 18)) for finger in ("index", "middle", "ring", "pinky")},
    "left_thumb1": ((0, 0, 0), (15, 15, 15)),
    "left_thumb2": ((0, 0, 0), (8, 15, 8)),
    "left_thumb3": ((0, 0, 0), (4, 18, 4)),
}
"""Mean and spread about x, y and z (`PosePrior.coordinates`). The right side is the mirror image."""

_LEFT_LIMITS: dict[str, tuple[tuple[float, float], tuple[float, float], tuple[float, float]]] = {
    "pelvis": ((-30, 30), (-80, 80), (-20, 20)),
    "neck": ((-35, 35), (-45, 45), (-25, 25)),
    "head": ((-35, 35), (-45, 45), (-25, 25)),
    "left_collar": ((-15, 15), (-25, 25), (-12, 30)),
    "left_elbow": ((-85, 85), (-150, 0), (-15, 15)),
    "left_wrist": ((-30, 30), (-35, 35), (-75, 75)),
    **{f"left_{f}1": ((-12, 12), (-20, 20), (-90, 25)) for f in ("index", "middle", "ring", "pinky")},
    **{f"left_{f}2": ((-5, 5), (-8, 8), (-105, 0)) for f in ("index", "middle", "ring", "pinky")},
    **{f"left_{f}3": ((-5, 5), (-8, 8), (-75, 5)) for f in ("index", "middle", "ring", "pinky")},
}
"""Where a joint does not go beyond. Joints not named have no limit."""
_LIMIT_SIGMA_DEG = 2.0
_STIFF_DEG = 5.0
"""Spread of the joints that `_LEFT_POSE` does not name."""

EXPRESSION_SIGMA, _LIP_SIGMA, _LID_SIGMA, _STRICT_SIGMA = 0.25, 0.15, 0.1, 0.07
_STRICT_EXPRESSIONS = (
    "browDown", "browInnerUp", "browOuterUp", "cheekPuff", "cheekSquint", "jawForward", "jawLeft", "jawRight",
    "mouthDimple", "mouthFrown", "mouthLeft", "mouthRight", "mouthPress", "mouthRoll", "mouthShrug",
    "eyeLook", "mouthFunnel", "mouthPucker", "mouthStretch", "noseSneer", "eyeWide", "mouthClose",
)  # fmt: skip
"""Channels that identity can mimic, and gaze, which the eye joints hold: they move only where nothing else explains
the photo."""
_NEVER = ("tongueOut",)

SHAPE_SIGMA = 0.35
_SHAPE_MEANS = {
    "torso-scale-horiz-incr": -0.25, "torso-vshape-incr": -0.2, "measure-shoulder-dist-incr": -0.1,
    "neck-scale-vert-incr": -0.16, "head-trans-up": -0.13, "hand-scale-incr": -0.5, "hand-fingers-length-incr": 0.15,
    "mouth-scale-horiz-incr": -0.25, "mouth-scale-vert-incr": -0.2, "eye-height2-incr": 0.15, "eye-height3-incr": 0.2,
    "head-scale-vert-incr": -0.1,
}  # fmt: skip
"""Where the people of these portraits differ from Anny's average adult."""
_SHAPE_SIGMAS = {"gender": 0.4, "age": 0.12, "muscle": 0.2, "weight": 0.2, "height": 0.12, "proportions": 0.15}
_SHAPE_SIGMAS |= {"african": 0.3, "asian": 0.3, "caucasian": 0.3}
# Sizes of whole parts of the body.
_SHAPE_SIGMAS |= {
    "head-scale-vert-incr": 0.22, "head-scale-horiz-incr": 0.22, "head-trans-up": 0.18, "head-trans-forward": 0.25,
    "neck-scale-vert-incr": 0.2, "torso-scale-horiz-incr": 0.25, "torso-scale-vert-incr": 0.25,
    "torso-vshape-incr": 0.25, "measure-shoulder-dist-incr": 0.3, "chin-height-incr": 0.25, "hand-scale-incr": 0.25,
}  # fmt: skip
# What smiles, parted lips and closed lids do too.
_SHAPE_SIGMAS |= {"mouth-scale-horiz-incr": 0.22, "mouth-angles-up": 0.12, "mouth-laugh-lines-out": 0.12}
_SHAPE_SIGMAS |= {f"eye-height{i}-incr": 0.2 for i in (1, 2, 3)}


_LIMBS = [JOINT_INDEX[f"{side}_{joint}"] for side in ("left", "right") for joint in ("shoulder", "elbow")]
_MIRROR = torch.tensor([1.0, -1.0, -1.0])
"""Mirroring left and right keeps turns about x and negates those about y and z."""


@dataclass(frozen=True, kw_only=True)
class PosePrior:
    """A Gaussian for each joint axis, and soft walls at the joint limits. Radians."""

    mean: Float[Tensor, "55 3"]
    sigma: Float[Tensor, "55 3"]
    low: Float[Tensor, "55 3"]
    high: Float[Tensor, "55 3"]

    @staticmethod
    def build() -> PosePrior:
        count = len(SMPLX_JOINTS)
        mean, sigma = torch.zeros(count, 3), torch.full((count, 3), _STIFF_DEG)
        low, high = torch.full((count, 3), -1e3), torch.full((count, 3), 1e3)
        for joint, (centre, spread) in _LEFT_POSE.items():
            left, right = JOINT_INDEX[joint], JOINT_INDEX[joint.replace("left_", "right_")]
            mean[left], sigma[left] = torch.tensor(centre).float(), torch.tensor(spread).float()
            if right != left:
                mean[right], sigma[right] = mean[left] * _MIRROR, sigma[left]
        for joint, limits in _LEFT_LIMITS.items():
            left, right = JOINT_INDEX[joint], JOINT_INDEX[joint.replace("left_", "right_")]
            low[left], high[left] = torch.tensor(limits).float().unbind(1)
            if right != left:
                ends = torch.stack((low[left], high[left])) * _MIRROR
                low[right], high[right] = ends.amin(0), ends.amax(0)
        return PosePrior(mean=mean.deg2rad(), sigma=sigma.deg2rad(), low=low.deg2rad(), high=high.deg2rad())

    @staticmethod
    def coordinates(joint_rotvec: Float[Tensor, "t 55 3"]) -> Float[Tensor, "t 55 3"]:
        """What the prior speaks of: rotation vectors, but of shoulders and elbows the twist of the limb about itself
        (x) and the bend that follows it (y and z), since a forearm twists however far the elbow is bent."""
        limbs = joint_rotvec[:, _LIMBS]
        quat = roma.rotvec_to_unitquat(limbs)
        twist = 2 * torch.atan2(quat[..., 0], quat[..., 3])
        twist = twist - 2 * math.pi * (twist / (2 * math.pi)).round()
        along = torch.stack((twist, torch.zeros_like(twist), torch.zeros_like(twist)), -1)
        bend = rotmat_to_rotvec(rotvec_to_rotmat(limbs) @ rotvec_to_rotmat(along).mT)
        index = torch.tensor(_LIMBS, device=joint_rotvec.device)
        return joint_rotvec.index_copy(1, index, bend + along)

    def cost(self, joint_rotvec: Float[Tensor, "t 55 3"]) -> Float[Tensor, "t 55"]:
        """Negative log-likelihood of each joint."""
        angles = self.coordinates(joint_rotvec)
        z = (angles - self.mean) / self.sigma
        beyond = (self.low - angles).relu() + (angles - self.high).relu()
        # Pseudo-Huber: a clearly seen unusual pose stays possible.
        wall = (beyond / math.radians(_LIMIT_SIGMA_DEG)).square()
        return (4 * ((1 + z.square() / 4).sqrt() - 1) + wall).sum(-1)


def expression_sigma() -> Float[Tensor, "52"]:
    """Spread of each ARKit channel about 0."""
    strict = [any(name.startswith(start) for start in _STRICT_EXPRESSIONS) for name in ARKIT_EXPRESSIONS]
    sigma = torch.where(torch.tensor(strict), _STRICT_SIGMA, EXPRESSION_SIGMA)
    sigma[[name.startswith(("mouthUpperUp", "mouthLowerDown")) for name in ARKIT_EXPRESSIONS]] = _LIP_SIGMA
    sigma[[name.startswith(("eyeBlink", "eyeSquint")) for name in ARKIT_EXPRESSIONS]] = _LID_SIGMA
    sigma[[name in _NEVER for name in ARKIT_EXPRESSIONS]] = 1e-3
    return sigma


def expression_cost(expression: Float[Tensor, "t 52"], sigma: Float[Tensor, "52"]) -> Float[Tensor, " t"]:
    """Pseudo-Huber: grows linearly, so that closed eyes or a laugh are paid once and not squared."""
    return ((1 + (expression / sigma).square()).sqrt() - 1).sum(-1)


def shape_mean(model: BodyModel) -> Float[Tensor, " d"]:
    """The shape code of the average person in a portrait."""
    mean = model.mean_shape()
    for name, value in _SHAPE_MEANS.items():
        if name in model.shape_names:
            mean[model.shape_names.index(name)] += value
    return mean


def shape_sigma(names: tuple[str, ...]) -> Float[Tensor, " d"]:
    """Spread of each entry of a shape code about the mean shape; 1 for codes that are standardised already."""
    if "gender" not in names:
        return torch.ones(len(names))
    return torch.tensor([_SHAPE_SIGMAS.get(name, SHAPE_SIGMA) for name in names])
