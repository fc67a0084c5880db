"""The temporal ControlNet of the paper, section 3.2: one class, configured as embedded model, upscaler or SD 1.5."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from einops import rearrange, repeat
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from ..diffusion import DiffusionSchedule, cosine_schedule, scaled_linear_schedule
from .blocks import ControlEmbedding, ReferenceEncoder, TemporalGroupNorm, add_time, zeroed
from .config import VideoConfig
from .controls import ControlFrames
from .space import LatentSpace, PixelSpace, SignalSpace

Diffuser = Any
"""A model of diffusers, which takes seconds to import and so is imported where one is made."""
Group = Literal["base", "control", "reference", "temporal"]
"""What is trained or frozen together, see `group_of`."""


@dataclass(frozen=True, kw_only=True)
class EncodedControls:
    """Controls of some clips as the network sees them, made once for all steps."""

    features: Float[Tensor, "n e hs ws"]
    """Of n = b t frames."""
    composite: Float[Tensor, "b t c hs ws"] | None
    """What x0 is predicted as a residual on; None where it is predicted whole."""
    share: Float[Tensor, "b t c hs ws"] | None = None
    """Of the residual, how much is added, see `VideoConfig.still`; None adds all."""
    keep: Float[Tensor, " b"] | None = None
    """0 for clips whose controls are dropped, 1 for the others; None keeps all."""


class VideoNetwork(nn.Module):
    """`x0 = V(x_t, t, controls, reference)` on signals `[b t c h w]`, see `space`.

    With `control_entry` copy the base knows nothing of the controls; a trainable copy of its encoder does, and speaks
    to it through layers of zeros. Untrained, a composing model gives its composite exactly, any other what the base
    gives alone.

    Args:
        config: what to build.
        base: diffusers' `UNet2DConditionModel` to build on, of the shape that `config` tells; None makes one with
            random weights.
        autoencoder: of a latent model, diffusers' `AutoencoderKL`.
    """

    def __init__(
        self,
        config: VideoConfig,
        *,
        base: Diffuser | None = None,
        autoencoder: Diffuser | None = None,
    ) -> None:
        super().__init__()
        if (config.space == "latent") != (autoencoder is not None):
            raise ValueError(f"autoencoder must be given for a latent model only. Got space {config.space}.")
        self.config = config
        self.schedule = make_schedule(config)
        self.base = base if base is not None else make_base(config)
        if base is None and config.compose:
            zeroed(self.base.conv_out)
        self.control: Diffuser | None = copy_encoder(self.base) if config.control_entry == "copy" else None
        self.embed = ControlEmbedding(config)
        self.reference = ReferenceEncoder(config)
        for encoder in (self.base, self.control):
            if encoder is not None:
                add_time(encoder.down_blocks, config.temporal_kernel)
        self._temporal = [module for module in self.modules() if isinstance(module, TemporalGroupNorm)]
        self.autoencoder = autoencoder
        # Convolutions are quicker with channels last.
        self.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    @property
    def space(self) -> SignalSpace:
        """Between pictures and the signals that are diffused."""
        return PixelSpace(self.config.patch) if self.autoencoder is None else LatentSpace(self.autoencoder)

    @property
    def dtype(self) -> torch.dtype:
        """In which it computes."""
        return self.reference.null.dtype

    def forward(
        self,
        x: Float[Tensor, "b t c hs ws"],
        t: Int[Tensor, "b *t"],
        *,
        controls: ControlFrames | None,
        reference: Float[Tensor, "b 3 _h _w"] | None,
        previous: Float[Tensor, "b t 3 hp wp"] | None = None,
        keep_controls: Bool[Tensor, " b"] | None = None,
        keep_reference: Bool[Tensor, " b"] | None = None,
    ) -> Float[Tensor, "b t c hs ws"]:
        """x0. The arguments are those of `encode_controls`, `encode_reference` and `denoise`."""
        encoded = None if controls is None else self.encode_controls(controls, previous, keep=keep_controls)
        tokens = None if reference is None else self.encode_reference(reference, keep=keep_reference)
        return self.denoise(x, t, controls=encoded, tokens=tokens)

    def encode_controls(
        self,
        controls: ControlFrames,
        previous: Float[Tensor, "b t 3 hp wp"] | None = None,
        *,
        keep: Bool[Tensor, " b"] | None = None,
    ) -> EncodedControls:
        """Look at the controls.

        Args:
            controls: at the size of the pictures.
            previous: of an upscaler, the frames of the stage before, 0 to 1.
            keep: False for the clips that are to do without, so that the model also learns that (for guidance).
        """
        if (self.config.upscale > 1) != (previous is not None):
            raise ValueError(f"previous must be given to upscalers only. Got a model of upscale {self.config.upscale}.")
        start = self.space.encode(start_frames(controls, previous))
        before = None if previous is None else previous.to(self.dtype)
        features = self.embed(start.to(self.dtype), controls.to(self.dtype), before)
        kept = None if keep is None else keep.to(start)
        composite = start if self.config.compose else None
        if composite is not None and kept is not None:
            composite = composite * kept[:, None, None, None, None]
        share = self.space.encode(moved(controls, self.config.still)) / 2 + 0.5 if self.config.still else None
        return EncodedControls(features=features, composite=composite, share=share, keep=kept)

    def encode_reference(
        self, reference: Float[Tensor, "b 3 h w"], *, keep: Bool[Tensor, " b"] | None = None
    ) -> Float[Tensor, "b k d"]:
        """Look at the photo. `keep` is as for `encode_controls`."""
        tokens = self.reference(reference)
        if not self.config.sees_reference:
            keep = torch.zeros(len(reference), dtype=torch.bool, device=tokens.device)
        return tokens if keep is None else torch.where(keep[:, None, None], tokens, self.reference.null)

    def denoise(
        self,
        x: Float[Tensor, "b t c hs ws"],
        t: Int[Tensor, "b *t"],
        *,
        controls: EncodedControls | None,
        tokens: Float[Tensor, "b k d"] | None,
    ) -> Float[Tensor, "b t c hs ws"]:
        """x0 from the noisy signal.

        Args:
            t: step of each clip or of each frame; frames at step 0 are clean.
            controls: None is the model without.
            tokens: of the reference; None is the model without.
        """
        steps = (t if t.ndim == 2 else t[:, None]).expand(x.shape[:2])
        out = self._predict(x, steps, controls, tokens).to(x.dtype)
        if self.config.prediction == "x0":
            if controls is None or controls.composite is None:
                return out
            return controls.composite + (out if controls.share is None else controls.share * out)
        alpha, sigma = self.schedule.alpha_sigma(steps, x)
        return (x - sigma * out) / alpha if self.config.prediction == "epsilon" else alpha * x - sigma * out

    def _predict(
        self, x: Tensor, steps: Int[Tensor, "b t"], controls: EncodedControls | None, tokens: Tensor | None
    ) -> Tensor:
        """The base's own output."""
        b, num_frames = steps.shape
        for norm in self._temporal:
            norm.num_frames = num_frames
        # Diffusers counts steps from 0 where this package has 1, and knows none for a clean signal.
        timestep = (steps.reshape(-1) - 1).clamp(min=0)
        sample = x.flatten(0, 1).to(self.dtype).contiguous(memory_format=torch.channels_last)
        tokens = self.reference.null.expand(b, -1, -1) if tokens is None else tokens
        tokens = repeat(tokens, "b k d -> (b t) k d", t=num_frames)
        features = keep = None
        if controls is not None:
            features = controls.features
            keep = (
                None if controls.keep is None else repeat(controls.keep.to(features), "b -> (b t) 1 1 1", t=num_frames)
            )
        residuals: dict[str, Any] = {}
        if self.control is None:
            if features is None:
                features = sample.new_zeros(len(sample), self.config.control_width, *sample.shape[-2:])
            sample = torch.cat([sample, features if keep is None else features * keep], 1)
        elif features is not None:
            down, mid = self.control(sample, timestep, tokens, features, return_dict=False)
            if keep is not None:
                down, mid = [residual * keep for residual in down], mid * keep
            residuals = {"down_block_additional_residuals": down, "mid_block_additional_residual": mid}
        out = self.base(sample, timestep, tokens, return_dict=False, **residuals)[0]
        return out.unflatten(0, (b, num_frames))


def start_frames(controls: ControlFrames, previous: Float[Tensor, "b t 3 hp wp"] | None) -> Float[Tensor, "b t 3 h w"]:
    """What an untrained composing model gives: the composite, on which an upscaler lays all in which the stage before
    differs from it at that stage's resolution."""
    composite = controls.composite()
    if previous is None:
        return composite
    batch = len(composite)
    pictures, before = (rearrange(frames, "b t c h w -> (b t) c h w") for frames in (composite, previous))
    small = shrink(pictures, (before.shape[-2], before.shape[-1]))
    change = F.interpolate(before - small, pictures.shape[-2:], mode="bilinear", align_corners=False)
    return rearrange(pictures + change, "(b t) c h w -> b t c h w", b=batch)


def moved(controls: ControlFrames, still: float) -> Float[Tensor, "b t 3 h w"]:
    """How far the composite is from showing what the photo shows at the same place: 0 is not at all, 1 is `still` or
    more."""
    change = (controls.composite() - controls.reference[:, None]).abs().mean(2)
    around = F.avg_pool2d(F.pad(change, (1, 1, 1, 1), mode="replicate"), 3, 1)
    return (around / still).clamp(max=1)[:, :, None].expand_as(controls.warp)


def shrink(pictures: Float[Tensor, "n c _h _w"], size: tuple[int, int]) -> Float[Tensor, "n c h w"]:
    """Pictures as an upscaler compares them with those of the stage before."""
    return F.interpolate(pictures, size, mode="bilinear", align_corners=False, antialias=True)


def make_schedule(config: VideoConfig) -> DiffusionSchedule:
    """The noise of each step."""
    make = {"cosine": cosine_schedule, "scaled_linear": scaled_linear_schedule}[config.schedule]
    return make(config.diffusion_steps)


def make_base(config: VideoConfig) -> Diffuser:
    """diffusers' U-Net of the configured shape, with random weights."""
    from diffusers import UNet2DConditionModel

    entry = config.control_width if config.control_entry == "input" else 0
    down = tuple("CrossAttnDownBlock2D" if attends else "DownBlock2D" for attends in config.attention)
    up = tuple("CrossAttnUpBlock2D" if attends else "UpBlock2D" for attends in reversed(config.attention))
    return UNet2DConditionModel(
        in_channels=config.signal_channels + entry,
        out_channels=config.signal_channels,
        block_out_channels=config.channels,
        down_block_types=down,
        up_block_types=up,
        mid_block_type="UNetMidBlock2DCrossAttn",
        layers_per_block=config.layers,
        norm_num_groups=config.groups,
        attention_head_dim=config.heads,
        cross_attention_dim=config.token_width,
    )


def copy_encoder(base: Diffuser) -> Diffuser:
    """A trainable copy of the encoder, whose outputs enter the base through layers of zeros.

    diffusers' `ControlNetModel`; Zhang et al., "Adding conditional control to text-to-image diffusion models" (2023).
    Its controls come as features of its first layer (`ControlEmbedding`), so that they are seen once for all steps.
    """
    from diffusers import ControlNetModel

    control = ControlNetModel.from_unet(base)
    control.controlnet_cond_embedding = nn.Identity()  # pyright: ignore[reportAttributeAccessIssue]
    return control


def train_only(network: VideoNetwork, groups: Collection[Group]) -> list[nn.Parameter]:
    """Freeze all but some groups; returns the parameters that are left to train."""
    trained = []
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(group_of(name) in groups and not name.startswith("autoencoder."))
        if parameter.requires_grad:
            trained.append(parameter)
    return trained


def group_of(name: str) -> Group:
    """Which group a parameter of a `VideoNetwork` belongs to, by its name in the state dict.

    The paper trains control and reference on single frames with the base frozen, then temporal on clips.
    """
    if ".temporal." in name:
        return "temporal"
    first = name.partition(".")[0]
    groups: dict[str, Group] = {"control": "control", "embed": "control", "reference": "reference"}
    return groups.get(first, "base")
