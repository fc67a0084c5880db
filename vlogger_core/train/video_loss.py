"""What a video model is asked for: the target's signal, its gradients, and above all the mouth."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from ..names import PART_INDEX
from ..video.controls import ControlFrames

MOUTH = ("lips", "mouth_cavity", "teeth", "tongue")
EYES = ("lids", "left_eye", "right_eye", "iris")
FACE = (*MOUTH, *EYES, "head", "brows")
HANDS = ("left_hand", "right_hand")
_MARGIN = 0.02
"""Of the picture's side, by which regions are widened: what is wrong at an edge lies beside it."""


@dataclass(frozen=True, kw_only=True)
class VideoLossWeights:
    """What a pixel's squared error counts, by region; 1 elsewhere."""

    mouth: float = 10.0
    eyes: float = 5.0
    face: float = 2.5
    hands: float = 3.0
    gradients: float = 0.15
    """Of the difference between the horizontal and vertical differences of the pictures."""
    steps: float = 0.0
    """Of the difference between consecutive frames' differences, for clips."""


def region(controls: ControlFrames, names: tuple[str, ...]) -> Float[Tensor, "b t 1 h w"]:
    """1 where one of some parts is seen, or nearby."""
    index = torch.tensor([PART_INDEX[name] for name in names], device=controls.parts.device)
    shown = controls.parts.index_select(2, index).amax(2, keepdim=True)
    radius = max(1, round(_MARGIN * min(controls.size)))
    flat = rearrange(shown, "b t c h w -> (b t) c h w")
    wide = F.max_pool2d(flat, 2 * radius + 1, 1, radius)
    return rearrange(wide, "(b t) c h w -> b t c h w", b=len(shown))


def pixel_weights(controls: ControlFrames, weights: VideoLossWeights) -> Float[Tensor, "b t 1 h w"]:
    """What each pixel counts, 1 on average."""
    total = torch.ones_like(controls.matte)
    for names, weight in (
        (HANDS, weights.hands), (FACE, weights.face), (EYES, weights.eyes), (MOUTH, weights.mouth),
    ):  # fmt: skip
        total = torch.where(region(controls, names) > 0, total.clamp(min=weight), total)
    return total / total.mean(dim=(1, 2, 3, 4), keepdim=True)


def picture_loss(
    shown: Float[Tensor, "b t 3 h w"],
    target: Float[Tensor, "b t 3 h w"],
    pixels: Float[Tensor, "b t 1 h w"],
    weights: VideoLossWeights,
    importance: Float[Tensor, " b"],
) -> dict[str, Tensor]:
    """Terms of the loss of pictures, 0 to 1; `total` is what is minimised.

    Args:
        pixels: what each pixel counts.
        importance: of each clip, by its diffusion step.
    """
    importance = importance[:, None, None, None, None]
    error = shown - target
    terms = {"squares": 4 * (importance * pixels * error.square()).mean()}
    if weights.gradients:
        across, down = error.diff(dim=-1), error.diff(dim=-2)
        weighted = (across.abs() * pixels[..., :, 1:]).mean() + (down.abs() * pixels[..., 1:, :]).mean()
        terms["gradients"] = weights.gradients * weighted
    if weights.steps and shown.shape[1] > 1:
        terms["steps"] = weights.steps * 4 * (importance * error.diff(dim=1).square() * pixels[:, 1:]).mean()
    terms["total"] = torch.stack(list(terms.values())).sum()
    return terms


def signal_loss(
    shown: Float[Tensor, "b t c hs ws"],
    target: Float[Tensor, "b t c hs ws"],
    pixels: Float[Tensor, "b t 1 h w"],
    importance: Float[Tensor, " b"],
) -> dict[str, Tensor]:
    """The same of signals that are no pictures, whose positions count what their pixels do on average."""
    b = len(shown)
    flat = F.adaptive_avg_pool2d(rearrange(pixels, "b t c h w -> (b t) c h w"), (shown.shape[-2], shown.shape[-1]))
    weight = rearrange(flat, "(b t) c h w -> b t c h w", b=b) * importance[:, None, None, None, None]
    total = (weight * (shown - target).square()).mean()
    return {"squares": total, "total": total}
