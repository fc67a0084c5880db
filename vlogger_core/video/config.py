"""What a video model is, in numbers. The same configuration describes the embedded models and Stable Diffusion 1.5."""

from __future__ import annotations

from dataclasses import dataclass

from ..names import PARTS

SPACES = ("pixel", "latent")
CONTROL_ENTRIES = ("copy", "input")
PREDICTIONS = ("x0", "epsilon", "v")
SCHEDULES = ("cosine", "scaled_linear")
KNOWN_FRAMES = ("clean", "noised")


@dataclass(frozen=True, kw_only=True)
class VideoConfig:
    """One diffusion model: the base, or a stage of the super-resolution cascade."""

    size: int = 128
    """Pixels of the shorter side that it is trained at."""
    upscale: int = 1
    """1 is a base model; n is a stage that also takes the frames of a stage of 1/n of its size."""
    parts: tuple[str, ...] = PARTS
    """Control layout: the classes of the parts, in order."""

    space: str = "pixel"
    """Of `SPACES`, what is diffused: pixels, each square of `patch` x `patch` as one position with 3 patch^2 channels;
    or the latents of an autoencoder, `patch` pixels apart."""
    patch: int = 4
    latent_channels: int = 4
    channels: tuple[int, ...] = (64, 96, 128)
    """Of the U-Net's levels, each of half the resolution of the one before."""
    attention: tuple[bool, ...] = (False, False, False)
    """Levels that look at the reference; the middle always does."""
    layers: int = 1
    """Residual blocks of a level on the way down; one more on the way up."""
    heads: int = 4
    groups: int = 16
    """Of group normalisation; divides every number of `channels`."""
    token_width: int = 128
    """Of the reference's tokens, which cross-attention looks at."""
    token_grid: int = 8
    """The reference is seen as this many tokens squared."""

    sees_reference: bool = True
    """Whether cross-attention gets the reference; an upscaler that is trained on crops does without, since a crop is no
    photo. The warp shows it the photo's detail."""

    control_entry: str = "copy"
    """Of `CONTROL_ENTRIES`. `copy`: into a copy of the encoder whose outputs enter the base through layers of zeros
    (ControlNet, the paper's way). `input`: into the first layer, half the work."""
    control_width: int = 64
    """Of the first layers that see the controls."""
    coarse: int = 1
    """Maps other than colours are averaged over this many pixels squared; divides `patch`."""
    temporal_kernel: int = 3
    """Frames that a temporal convolution sees; odd."""

    prediction: str = "x0"
    """Of `PREDICTIONS`: what the U-Net says; `VideoNetwork` always gives x0."""
    compose: bool = True
    """x0 is the composite of warp and background (for an upscaler with the stage before laid over it) plus what the
    network says; needs the prediction of x0."""
    still: float = 0.0
    """Of a composing model in pixels: where the composite differs from the photo by less than this (of 0 to 1, mean of
    the colours over 3 x 3 pixels), proportionally less of what the network says is added. What did not move is the
    photo itself and needs no mending, however tempting. 0 adds all."""
    schedule: str = "cosine"
    """Of `SCHEDULES`."""
    diffusion_steps: int = 1000
    temperature: float = 1.0
    """Of the noise that sampling begins with, unless the sampler's settings say otherwise. Where the controls tell
    almost all of a picture, a model of x0 sampled from no noise (0) comes nearer to it than from unit noise."""
    clip_frames: int = 16
    """N: the frames of a clip, as trained."""
    known_frames: str = "clean"
    """Of `KNOWN_FRAMES`, how the frames that a clip goes on from are shown: as they are and marked by step 0, for
    which the model must be trained with them; or noised like the others."""

    def __post_init__(self) -> None:
        for name, known in {
            "space": SPACES,
            "control_entry": CONTROL_ENTRIES,
            "prediction": PREDICTIONS,
            "schedule": SCHEDULES,
            "known_frames": KNOWN_FRAMES,
        }.items():
            _require(getattr(self, name) in known, name, f"one of {', '.join(known)}", getattr(self, name))
        _require(self.size % self.patch == 0, "size", f"a multiple of patch, {self.patch}", self.size)
        _require(self.upscale >= 1, "upscale", "at least 1", self.upscale)
        _require(self.size % self.upscale == 0, "size", f"a multiple of upscale, {self.upscale}", self.size)
        _require(self.patch % self.coarse == 0, "coarse", f"a divisor of patch, {self.patch}", self.coarse)
        _require(self.patch % self.upscale == 0, "upscale", f"a divisor of patch, {self.patch}", self.upscale)
        _require(self.temporal_kernel % 2 == 1, "temporal_kernel", "odd", self.temporal_kernel)
        _require(
            len(self.attention) == len(self.channels), "attention", "as many values as channels", len(self.attention)
        )
        for width in self.channels:
            _require(width % self.groups == 0, "channels", f"multiples of groups, {self.groups}", width)
            _require(width % self.heads == 0, "channels", f"multiples of heads, {self.heads}", width)
        _require(not self.compose or self.prediction == "x0", "prediction", "x0 for a composing model", self.prediction)
        _require(0 <= self.still <= 1, "still", "0 to 1", self.still)
        _require(not self.still or (self.compose and self.space == "pixel"), "still", "0 but for pixels", self.still)
        _require(0 <= self.temperature <= 1, "temperature", "0 to 1", self.temperature)
        _require(self.clip_frames >= 1, "clip_frames", "at least 1", self.clip_frames)

    @property
    def signal_channels(self) -> int:
        """Of what is diffused."""
        return 3 * self.patch**2 if self.space == "pixel" else self.latent_channels


def _require(holds: bool, name: str, wanted: str, got: object) -> None:
    if not holds:
        raise ValueError(f"VideoConfig.{name} must be {wanted}. Got {got}.")


EMBEDDED_BASE = VideoConfig(still=0.08, temperature=0.0)
"""128 px, the model that the pack ships."""
EMBEDDED_256 = VideoConfig(
    size=256,
    upscale=2,
    patch=8,
    channels=(48, 64),
    attention=(False, False),
    token_width=64,
    control_entry="input",
    control_width=48,
    coarse=4,
    sees_reference=False,
    still=0.08,
    temperature=0.0,
)
"""128 to 256 px."""
EMBEDDED_512 = VideoConfig(
    size=512,
    upscale=2,
    patch=8,
    channels=(32, 48, 64),
    attention=(False, False, False),
    token_width=64,
    control_entry="input",
    control_width=32,
    coarse=4,
    sees_reference=False,
    still=0.08,
    temperature=0.0,
    clip_frames=6,
)
"""256 to 512 px."""
SD15 = VideoConfig(
    size=512,
    space="latent",
    patch=8,
    channels=(320, 640, 1280, 1280),
    attention=(True, True, True, False),
    layers=2,
    heads=8,
    groups=32,
    token_width=768,
    control_width=320,
    prediction="epsilon",
    compose=False,
    schedule="scaled_linear",
    known_frames="noised",
)
"""Stable Diffusion 1.5 as the frozen base."""
