"""The regions of a body that are edited apart, and what of a motion each holds.

Sides are the subject's. Joints are divided as `motion.controls.region_of` divides them: its hands are arm and hand
here, its face is the jaw, and the eyes, which it leaves alone, are the gaze.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool
from torch import Tensor

from ..motion.controls import region_of
from ..names import ARKIT_EXPRESSIONS, EXPRESSION_INDEX, SMPLX_JOINTS

REGIONS = (
    "mouth", "jaw", "cheeks", "lids", "gaze", "brows",
    "head", "torso", "left_arm", "right_arm", "left_hand", "right_hand",
)  # fmt: skip
"""Each expression, each joint and the translation belong to one of these, mouthClose alone to both mouth and jaw."""

GROUPS: dict[str, tuple[str, ...]] = {
    "all": REGIONS,
    "face": REGIONS[:6],
    "mouth_and_jaw": ("mouth", "jaw"),
    "eyes": ("lids", "gaze"),
    "body": REGIONS[6:],
    "arms": ("left_arm", "right_arm"),
    "hands": ("left_hand", "right_hand"),
}
"""Regions that are often edited together."""

_ONE_CHANNEL = {"jawLeft", "jawRight", "mouthLeft", "mouthRight"}
"""Channels that end in a side and have no twin on the other."""

PAIRED: dict[str, tuple[str, str]] = {
    name.removesuffix("Left"): (name, f"{name.removesuffix('Left')}Right")
    for name in ARKIT_EXPRESSIONS
    if name.endswith("Left") and name not in _ONE_CHANNEL
}
"""Expressions that both sides have, under the name that they share: `eyeBlink` is both lids."""

SELECTABLE = (*GROUPS, *REGIONS, *PAIRED, *ARKIT_EXPRESSIONS)
"""All that `select` knows."""

_STARTS = {
    "mouth": ("mouth", "cheekPuff", "tongue"),
    "jaw": ("jaw", "mouthClose"),
    "cheeks": ("cheekSquint", "noseSneer"),
    "lids": ("eyeBlink", "eyeSquint", "eyeWide"),
    "gaze": ("eyeLook",),
    "brows": ("brow",),
}
"""How the names of a region's expressions begin."""


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What of a motion is edited."""

    expressions: Bool[Tensor, "52"]
    joints: frozenset[str]
    translation: bool
    follows_jaw: bool
    """Whether mouthClose belongs to it only because the jaw does: then lips stay as far closed as they were."""

    def joint_mask(self, joint_names: tuple[str, ...]) -> Bool[Tensor, " j"]:
        """Which of these joints are edited."""
        return torch.tensor([name in self.joints for name in joint_names], dtype=torch.bool)

    def __and__(self, other: Selection) -> Selection:
        expressions = self.expressions & other.expressions
        return Selection(
            expressions=expressions,
            joints=self.joints & other.joints,
            translation=self.translation and other.translation,
            follows_jaw=(self.follows_jaw or other.follows_jaw) and bool(expressions[EXPRESSION_INDEX["jawOpen"]]),
        )

    def __bool__(self) -> bool:
        return bool(self.expressions.any()) or bool(self.joints) or self.translation


def select(names: Sequence[str]) -> Selection:
    """What the named regions, groups or single expressions hold together.

    Raises:
        ValueError: if a name is unknown, or there is none.
    """
    if not names:
        raise ValueError("regions must name one region at least. Got none.")
    unknown = [name for name in names if name not in SELECTABLE]
    if unknown:
        raise ValueError(f"regions must be of {', '.join(SELECTABLE)}. Got {', '.join(unknown)}.")
    regions = [region for name in names for region in GROUPS.get(name, (name,) if name in REGIONS else ())]
    single = [channel for name in names for channel in PAIRED.get(name, (name,) if name in EXPRESSION_INDEX else ())]
    channels = {channel for region in regions for channel in _channels(region)} | set(single)
    follows_jaw = "jaw" in regions and "mouth" not in regions and "mouthClose" not in single
    if "jawOpen" in channels and "mouthClose" not in channels:
        follows_jaw = True
        channels.add("mouthClose")
    return Selection(
        expressions=torch.tensor([name in channels for name in ARKIT_EXPRESSIONS]),
        joints=frozenset(joint for joint in SMPLX_JOINTS if _region_of_joint(joint) in regions),
        translation="torso" in regions,
        follows_jaw=follows_jaw,
    )


def _channels(region: str) -> list[str]:
    return [name for name in ARKIT_EXPRESSIONS if name.startswith(_STARTS.get(region, ()))]


def _region_of_joint(joint: str) -> str:
    coarse = region_of(joint)
    if coarse is None:
        return "gaze"
    if coarse == "hands":
        side, name = joint.split("_", 1)
        return f"{side}_arm" if name in ("shoulder", "elbow") else f"{side}_hand"
    return "jaw" if coarse == "face" else coarse
