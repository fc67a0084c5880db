"""What the motion network is trained to minimise (VLOGGER section 3.1, eq. 1 and the temporal loss)."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..diffusion import DiffusionSchedule, draw_noise
from ..motion.layout import FINGER_JOINTS, NUM_EXPRESSIONS
from ..motion.network import LIP_CHANNELS, MotionDenoiser, expression_and_pose


@dataclass(frozen=True, kw_only=True)
class LossWeights:
    """Factors of the terms."""

    lips: float = 2.0
    """Of each lip channel in the x0 loss; other channels have 1."""
    fingers: float = 0.1
    """Of each number of a finger's rotation: they are many, and move together."""
    temporal_expression: float = 0.01
    """Of squared differences of consecutive predicted frames; less for the face, which may move fast (paper)."""
    temporal_pose: float = 0.05
    """At 1 it takes a fifth off nods and beats: in normalised units they change fast."""
    pure_noise: float = 0.25
    """Of frames at the last step, which teach the mean motion only and are a third of all."""
    velocity: float = 3.0
    """Of the squared error of the differences of consecutive frames in slow channels: what it takes off is trembling,
    not movement (Tevet et al., "Human motion diffusion model", 2023, eq. 5)."""
    clean: float = 0.2
    """In slow channels frames count by the inverse of their noise's variance, which is held to at least this; 1 counts
    all the same."""
    auxiliary: float = 0.5
    """Of the lips predicted from the audio alone."""


@dataclass(frozen=True, kw_only=True)
class MotionBatch:
    """One training example, already noised."""

    x0: Float[Tensor, "b t d"]
    """Normalised."""
    noise: Float[Tensor, "b t d"]
    t: Tensor
    """Diffusion step a frame, `[b t]`."""
    known: Bool[Tensor, "b t"]
    """Frames given (almost) clean, as those already sampled are; they carry no loss."""
    audio: Float[Tensor, "b n f"]
    heard: Bool[Tensor, " b"]
    """Whether the sample hears its audio; the others train the unconditional model."""

    def to(self, device: torch.device) -> MotionBatch:
        """The same on another device."""
        return MotionBatch(**{field.name: getattr(self, field.name).to(device) for field in fields(self)})


def draw_batch(
    x0: Float[Tensor, "b t d"],
    audio: Float[Tensor, "b n f"],
    num_steps: int,
    generator: torch.Generator,
    *,
    noise_response: Float[Tensor, "k d"],
    drop_audio: float = 0.1,
    level: float = 0.2,
    ramp_frames: tuple[int, int] = (24, 72),
) -> MotionBatch:
    """Draw diffusion steps, noise and dropped audio.

    Most samples have steps that rise along time, from clean frames through a ramp of random length to pure noise,
    wherever the ramp may stand: that is what sampling shows the network (`diffusion.rolling`). The share `level` has
    one step for all frames, as in the paper. Half of the clean frames are slightly noised, so that the network
    forgives the errors of its own past.
    """
    b, length, _ = x0.shape

    def uniform() -> Tensor:
        return torch.rand(b, 1, generator=generator)

    low, high = ramp_frames
    ramp = low + uniform() * (high - low)
    front = uniform() * (length + ramp) - ramp
    rising = ((torch.arange(length) - front) / ramp * num_steps).round().clamp(0, num_steps).long()
    flat = torch.randint(1, num_steps + 1, (b, 1), generator=generator)
    t = torch.where(uniform() < level, flat, rising)
    known = t == 0
    touched = torch.randint(-num_steps // 25, num_steps // 25 + 1, (b, 1), generator=generator).clamp(min=0)
    return MotionBatch(
        x0=x0,
        noise=draw_noise(noise_response, b, length, generator),
        t=torch.where(known, touched, t),
        known=known,
        audio=audio,
        heard=torch.rand(b, generator=generator) >= drop_audio,
    )


def motion_loss(
    network: MotionDenoiser, schedule: DiffusionSchedule, batch: MotionBatch, weights: LossWeights
) -> dict[str, Tensor]:
    """Return the total and its terms: `total`, `x0`, `temporal`, `velocity`, `lips`."""
    embedded = network.encode_audio(batch.audio)
    lips = network.expected_lips(embedded)
    embedded = torch.where(batch.heard[:, None, None], embedded, network.null_audio)
    predicted = network.denoise(schedule.add_noise(batch.x0, batch.noise, batch.t), batch.t, embedded)

    free = torch.where(batch.t == schedule.num_steps, weights.pure_noise, 1.0)
    free = torch.where(batch.known, 0.0, free)[..., None]
    _, sigma = schedule.alpha_sigma(batch.t, batch.x0)
    by_noise = torch.where(network.slow, sigma.square().clamp(min=weights.clean).reciprocal(), 1.0)
    per_channel = _per_channel(network, weights)
    error = torch.where(batch.known[..., None], 0.0, predicted - batch.x0)
    x0_loss = _mean(error.square() * per_channel * by_noise, free)

    shown = batch.x0 + error
    difference = (shown[:, 1:] - shown[:, :-1]).square()
    expression, pose = expression_and_pose(network.config)
    temporal = weights.temporal_expression * _mean(difference[..., expression], free[:, 1:])
    temporal = temporal + weights.temporal_pose * _mean(difference[..., pose], free[:, 1:])
    trembling = (error[:, 1:] - error[:, :-1]).square() * per_channel * by_noise[:, 1:]
    velocity = weights.velocity * _mean(trembling[..., network.slow], free[:, 1:])

    lip_loss = (lips - batch.x0[..., list(LIP_CHANNELS)]).square().mean()
    return {
        "total": x0_loss + temporal + velocity + weights.auxiliary * lip_loss,
        "x0": x0_loss,
        "temporal": temporal,
        "velocity": velocity,
        "lips": lip_loss,
    }


def _per_channel(network: MotionDenoiser, weights: LossWeights) -> Float[Tensor, " d"]:
    """Weights of the channels, 1 on average."""
    config = network.config
    out = torch.ones(config.motion_dim)
    out[list(LIP_CHANNELS)] = weights.lips
    for i, name in enumerate(config.joint_names):
        if name in FINGER_JOINTS:
            out[NUM_EXPRESSIONS + 3 * i : NUM_EXPRESSIONS + 3 * i + 3] = weights.fingers
    return (out / out.mean()).to(network.motion_mean.device)


def _mean(values: Float[Tensor, "b t d"], mask: Float[Tensor, "b t 1"]) -> Tensor:
    """Mean over frames, weighted by the mask."""
    return (values * mask).sum() / (mask.sum() * values.shape[-1]).clamp(min=1)
