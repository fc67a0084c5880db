"""How a motion is laid over the person in a photo."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from ..datatypes import BodyFit, Motion
from ..names import ARKIT_EXPRESSIONS, EXPRESSION_INDEX, JOINT_INDEX
from ..rotation import compose_rotvec

LIP_GAP = {
    "jawOpen": 1.0, "mouthClose": -1.0, "mouthFunnel": 0.37,
    "mouthLowerDownLeft": 0.06, "mouthLowerDownRight": 0.06, "mouthUpperUpLeft": 0.07, "mouthUpperUpRight": 0.07,
    "mouthShrugUpper": 0.12, "mouthShrugLower": -0.15, "mouthRollLower": -0.08, "mouthRollUpper": -0.07,
    "mouthPressLeft": -0.035, "mouthPressRight": -0.035, "mouthPucker": -0.05,
}  # fmt: skip
"""How far each channel parts the lips, as a fraction of what jawOpen does (34 mm on the average adult)."""

MOUTH = (*LIP_GAP, "tongueOut")
"""Channels of an open mouth and of the lips that close it: what the photo shows of them yields to the motion."""

CLOSED_GAP, OPEN_GAP = 0.04, 0.14
"""Lip gap of the photo up to which its mouth is closed, and from which it is open."""

GAZE = tuple(
    (f"eyeLook{one}{side}", f"eyeLook{other}{side}")
    for side in ("Left", "Right")
    for one, other in (("Out", "In"), ("Up", "Down"))
)
"""Opposite directions in which an eye looks."""


def compose_expression(reference: Float[Tensor, "52"], motion: Float[Tensor, "t 52"]) -> Float[Tensor, "t 52"]:
    """The expression that a motion gives to a person with the expression `reference` in the photo.

    Values are 0 to 1 and stay so. By class of channel, with r the photo's value and m the motion's:

    - resting face (brows, cheeks, nose, smile, frown, stretch, dimples, jaw and mouth sideways, lids): `r + m - r m`,
      so that people keep their own look, and closed lids are closed whatever they were before.
    - mouth (`MOUTH`): `m + k r (1 - m)`. k is 0 if the photo's mouth is open, which then closes when the motion closes
      it, and 1 if it is closed: then these values only describe the lips' shape, and dropping them would
      press the lips into each other or part them. Between the two (`CLOSED_GAP`, `OPEN_GAP`) k goes linearly.
    - mouthClose never exceeds jawOpen, which it cancels: beyond that it would push the lips through each other.
    - gaze: relative to the photo's, `r + m` on each axis, stopping at the extremes.
    - eyeWide fades as the same eye blinks: `(1 - blink)` times the above.
    """
    rest = _resting(reference)
    channels = list((rest + motion - rest * motion).unbind(-1))

    channels[_at("mouthClose")] = torch.minimum(channels[_at("mouthClose")], channels[_at("jawOpen")])
    for one, other in GAZE:
        own = reference[_at(one)] - reference[_at(other)]
        look = own + motion[:, _at(one)] - motion[:, _at(other)]
        channels[_at(one)], channels[_at(other)] = look.clamp(0, 1), (-look).clamp(0, 1)
    for side in ("Left", "Right"):
        channels[_at(f"eyeWide{side}")] = channels[_at(f"eyeWide{side}")] * (1 - channels[_at(f"eyeBlink{side}")])
    return torch.stack(channels, -1)


def motion_expression(reference: Float[Tensor, "52"], absolute: Float[Tensor, "t 52"]) -> Float[Tensor, "t 52"]:
    """What `compose_expression` lays over `reference` to give the expressions `absolute`: its inverse.

    Where no motion does, the nearest is given, channel by channel:

    - what the photo's face shows at rest (a smile, raised brows, and the lips of a closed mouth) does not fall below
      it: the motion is 0 there;
    - mouthClose beyond jawOpen becomes jawOpen;
    - of opposite ways to look at once (in and out, up and down) the difference remains;
    - eyeWide beyond `1 - eyeBlink` becomes that.
    """
    rest = _resting(reference)
    wanted = list(absolute.unbind(-1))
    wanted[_at("mouthClose")] = torch.minimum(wanted[_at("mouthClose")], wanted[_at("jawOpen")])
    for side in ("Left", "Right"):
        # Closed lids hide how wide the eye is.
        opened = 1 - torch.maximum(wanted[_at(f"eyeBlink{side}")], rest[_at(f"eyeBlink{side}")])
        wide = wanted[_at(f"eyeWide{side}")]
        wanted[_at(f"eyeWide{side}")] = torch.where(opened > 1e-6, wide / opened.clamp(min=1e-6), rest[0] * 0)
    target = torch.stack(wanted, -1)
    channels = list(((target - rest) / (1 - rest).clamp(min=1e-6)).clamp(0, 1).unbind(-1))
    for one, other in GAZE:
        look = absolute[:, _at(one)] - absolute[:, _at(other)] - reference[_at(one)] + reference[_at(other)]
        channels[_at(one)], channels[_at(other)] = look.clamp(0, 1), (-look).clamp(0, 1)
    return torch.stack(channels, -1)


def _at(name: str) -> int:
    return EXPRESSION_INDEX[name]


def _resting(reference: Float[Tensor, "52"]) -> Float[Tensor, "52"]:
    """What of the photo's expression stays under every motion."""
    weight = torch.tensor([LIP_GAP.get(name, 0.0) for name in ARKIT_EXPRESSIONS]).to(reference)
    is_mouth = torch.tensor([name in MOUTH for name in ARKIT_EXPRESSIONS], device=reference.device)
    gap = reference @ weight
    keep = ((OPEN_GAP - gap) / (OPEN_GAP - CLOSED_GAP)).clamp(0, 1)
    return torch.where(is_mouth, keep * reference, reference)


def pose_at(
    fit: BodyFit, motion: Motion, start: int, stop: int
) -> tuple[Float[Tensor, "t 55 3"], Float[Tensor, "t 3"], Float[Tensor, "t 52"]]:
    """Joint rotations, pelvis translation and expression of the fitted body in the frames `[start, stop)` of a motion.

    `R = R_ref @ exp(residual)` for the joints that the motion names; the others rest at the photo's pose.
    """
    if not 0 <= start <= stop <= motion.num_frames:
        raise ValueError(f"start and stop must lie in 0 to {motion.num_frames}, in order. Got {start} and {stop}.")
    part = motion.slice(start, stop)
    device = fit.joint_rotvec.device
    joint_rotvec = fit.joint_rotvec.expand(part.num_frames, -1, -1).clone()
    moved = torch.tensor([JOINT_INDEX[name] for name in part.joint_names], dtype=torch.long, device=device)
    joint_rotvec[:, moved] = compose_rotvec(joint_rotvec[:, moved], part.joint_rotvec.to(joint_rotvec))
    translation = fit.translation + part.translation.to(fit.translation)
    return joint_rotvec, translation, compose_expression(fit.expression, part.expression.to(fit.expression))
