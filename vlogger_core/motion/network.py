"""The motion network M (VLOGGER section 3.1): a causal transformer that denoises motion given speech.

As in the paper: attention over time in four layers with a causal mask, position encoding of the frame (rotary) and of
the diffusion step (sinusoidal), MLPs that embed audio and step, prediction of x0. Where we differ: the audio
embedding of a frame hears `audio_ahead` frames of the future (167 ms at 24 fps), because lips close before the sound
that shows it; every frame carries its own diffusion step, so that finished frames are given clean (step 0) and a long
motion goes on from them, their keys and values remembered (`Past`); the noise of slow channels is slow
(`diffusion.noise`); a linear head predicts the lips from the audio embedding alone, which teaches the embedding and
draws the sampled lips to their mean (`MotionConfig.lip_expectation`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from ..diffusion import cosine_schedule, noise_response
from ..names import ARKIT_EXPRESSIONS, SMPLX_JOINTS
from .layout import MOTION_JOINTS, NUM_EXPRESSIONS, motion_dim

SAMPLING_SETTINGS = ("lid_temperature", "lip_temperature", "pose_temperature", "lip_expectation")
"""Settings of `MotionConfig` that a trained network may be given anew."""
KeyValue = tuple[Tensor, Tensor]
"""Keys, already rotated, and values of some frames, `[b h t e]`."""
LIP_CHANNELS: tuple[int, ...] = tuple(
    i for i, name in enumerate(ARKIT_EXPRESSIONS) if name.startswith(("jawOpen", "jawForward", "mouth", "tongue"))
)
"""Expression indices that speech determines."""
_BROWS = tuple(i for i, name in enumerate(ARKIT_EXPRESSIONS) if name.startswith("brow"))
_LARGEST = 10.0
_LIDS = tuple(i for i, name in enumerate(ARKIT_EXPRESSIONS) if name.startswith(("eyeBlink", "eyeSquint", "eyeWide")))
_EYES = tuple(i for i, name in enumerate(ARKIT_EXPRESSIONS) if name.startswith("eye"))


@dataclass(frozen=True, kw_only=True)
class MotionConfig:
    """What a checkpoint needs to be rebuilt."""

    feature_kind: str = "mel80x4"
    """The speech front end it was trained with."""
    feature_dim: int = 320
    fps: Fraction = Fraction(24)
    joint_names: tuple[str, ...] = MOTION_JOINTS
    """Joints it moves, in order."""
    width: int = 256
    layers: int = 4
    heads: int = 4
    feedforward_width: int = 640
    audio_behind: int = 4
    """Frames of past audio in a frame's embedding; even."""
    audio_ahead: int = 4
    """Frames of future audio; even."""
    diffusion_steps: int = 1000
    context_frames: int = 48
    """Finished frames that the network sees while it samples the next."""
    ramp_frames: int = 48
    """Frames that are sampled together, their noise rising along time; see `diffusion.rolling`."""
    pose_noise_s: float = 0.0
    """Time constant of the noise on joints, translation and brows, seconds; 0 is white noise."""
    eyes_noise_s: float = 0.0
    """The same of gaze and lids."""
    lid_temperature: float = 1.0
    """Deviation of the noise from which lids are sampled: above 1 makes up for the blinks that few steps lose."""
    lip_temperature: float = 1.0
    """The same of what speech determines: below 1 is nearer to the likeliest mouth."""
    pose_temperature: float = 1.0
    """The same of joints and translation."""
    lip_expectation: float = 0.0
    """How far the sampled lips are drawn to the mean that a linear head hears in the speech, 0 to 1."""
    skip: bool = False
    """Whether the output for slow channels is laid over the linear estimate of x0, as v prediction has it; see
    `denoise`."""
    residual: bool = True
    """Whether joint rotations are residuals over the reference pose, as the paper has it; else absolute (ablation)."""

    def __post_init__(self) -> None:
        sizes = ("feature_dim", "width", "layers", "heads", "feedforward_width", "diffusion_steps")
        for name in (*sizes, "context_frames", "ramp_frames"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"MotionConfig.{name} must be a whole number of at least 1. Got {value}.")
        if not 0 <= self.lip_expectation <= 1:
            raise ValueError(f"MotionConfig.lip_expectation must lie in 0 to 1. Got {self.lip_expectation}.")
        for name in ("pose_noise_s", "eyes_noise_s", "lid_temperature", "lip_temperature", "pose_temperature"):
            if not 0 <= getattr(self, name) <= _LARGEST:
                raise ValueError(f"MotionConfig.{name} must lie in 0 to {_LARGEST:g}. Got {getattr(self, name)}.")
        unknown = sorted(set(self.joint_names) - set(SMPLX_JOINTS))
        if unknown:
            raise ValueError(f"MotionConfig.joint_names must be SMPL-X joints. Got {', '.join(unknown)}.")
        if self.width % (2 * self.heads):
            raise ValueError(f"MotionConfig.width must be a multiple of 2 * heads. Got {self.width}, {self.heads}.")
        if self.audio_behind % 2 or self.audio_ahead % 2 or min(self.audio_behind, self.audio_ahead) < 2:
            raise ValueError(
                f"MotionConfig.audio_behind and audio_ahead must be even and at least 2. "
                f"Got {self.audio_behind} and {self.audio_ahead}."
            )

    @property
    def motion_dim(self) -> int:
        return motion_dim(self.joint_names)

    def noise_response(self) -> Float[Tensor, "k d"]:
        """How the noise of each channel remembers, for `diffusion.noise`."""
        seconds = torch.where(self.slow_channels(), self.pose_noise_s, 0.0)
        seconds[list(_EYES)] = self.eyes_noise_s
        return noise_response(seconds * float(self.fps))

    def sampling_response(self) -> Float[Tensor, "k d"]:
        """`noise_response` for sampling, with the temperatures."""
        temperature = torch.ones(self.motion_dim)
        temperature[list(_LIDS)] = self.lid_temperature
        temperature[list(LIP_CHANNELS)] = self.lip_temperature
        temperature[NUM_EXPRESSIONS:] = self.pose_temperature
        return self.noise_response() * temperature

    def slow_channels(self) -> Bool[Tensor, " d"]:
        """Which channels are joints, translation, brows, gaze or lids: what speech does not determine."""
        slow = torch.zeros(self.motion_dim, dtype=torch.bool)
        slow[[*_BROWS, *_EYES, *range(NUM_EXPRESSIONS, self.motion_dim)]] = True
        return slow


@dataclass(kw_only=True)
class Past:
    """What attention remembers of finished frames: their keys and values in every block (a key-value cache).

    They lie in buffers with room for the frames that are worked on, so that nothing is copied from step to step.
    """

    limit: int
    """Frames that are seen; older ones are forgotten."""
    frames: int = 0
    """All that it has taken in, forgotten ones included."""
    held: int = 0
    """Frames in the buffers."""
    buffers: list[KeyValue] = field(default_factory=list)

    @property
    def seen(self) -> int:
        """Finished frames that attention sees."""
        return min(self.held, self.limit)

    def joined(self, block: int, fresh: KeyValue) -> KeyValue:
        """What a block remembers, and after it the keys and values of the frames that are worked on."""
        end = self.held + fresh[0].shape[2]
        if block == len(self.buffers):
            self.buffers.append((fresh[0][:, :, :0], fresh[1][:, :, :0]))
        if end > self.buffers[block][0].shape[2]:
            room = end + 2 * self.limit
            self.buffers[block] = tuple(self._longer(old, room) for old in self.buffers[block])  # type: ignore[assignment]
        for buffer, own in zip(self.buffers[block], fresh, strict=True):
            buffer[:, :, self.held : end] = own
        first = self.held - self.seen
        keys, values = self.buffers[block]
        return keys[:, :, first:end], values[:, :, first:end]

    def take_in(self, num_frames: int) -> None:
        """Keep the first of the frames that were worked on."""
        self.held += num_frames
        self.frames += num_frames
        if self.held > 2 * self.limit:
            for pair in self.buffers:
                for buffer in pair:
                    buffer[:, :, : self.limit] = buffer[:, :, self.held - self.limit : self.held].clone()
            self.held = self.limit

    def _longer(self, old: Tensor, room: int) -> Tensor:
        longer = old.new_zeros(*old.shape[:2], room, old.shape[3])
        longer[:, :, : self.held] = old[:, :, : self.held]
        return longer


class AudioEncoder(nn.Module):
    """One vector a frame from the speech around it: an MLP, then two convolutions that share the reach."""

    def __init__(self, config: MotionConfig) -> None:
        super().__init__()
        taps = (config.audio_behind + config.audio_ahead) // 2 + 1
        self.embed = nn.Sequential(
            nn.Linear(config.feature_dim, config.width), nn.GELU(), nn.Linear(config.width, config.width)
        )
        self.conv1 = nn.Conv1d(config.width, config.width, taps)
        self.conv2 = nn.Conv1d(config.width, config.width, taps)
        self.behind, self.ahead = config.audio_behind // 2, config.audio_ahead // 2

    def forward(self, features: Float[Tensor, "b n f"]) -> Float[Tensor, "b t d"]:
        """`n` is `t` plus the reach on both sides."""
        x = rearrange(self.embed(features), "b n d -> b d n")
        for conv in (self.conv1, self.conv2):
            x = x[..., self.behind : x.shape[-1] - self.ahead] + conv(F.gelu(x))
        return rearrange(x, "b d t -> b t d")


class Block(nn.Module):
    """Causal self-attention with rotary positions and a feed-forward network, both pre-normalised."""

    def __init__(self, config: MotionConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.attention_norm = nn.LayerNorm(config.width)
        self.qkv = nn.Linear(config.width, 3 * config.width, bias=False)
        self.attention_out = nn.Linear(config.width, config.width)
        self.feedforward_norm = nn.LayerNorm(config.width)
        self.feedforward = nn.Sequential(
            nn.Linear(config.width, config.feedforward_width),
            nn.GELU(),
            nn.Linear(config.feedforward_width, config.width),
        )

    def forward(
        self,
        x: Float[Tensor, "b t d"],
        rotary: Float[Tensor, "2 t e"],
        join: Callable[[KeyValue], KeyValue] | None = None,
        seen: Bool[Tensor, "t p"] | None = None,
    ) -> Float[Tensor, "b t d"]:
        """Return the frames' features.

        Args:
            join: puts the keys and values of remembered frames before theirs.
            seen: with `join`, which of all these each frame sees.
        """
        q, k, v = rearrange(self.qkv(self.attention_norm(x)), "b t (three h e) -> three b h t e", three=3, h=self.heads)
        q, own = rotate(q, rotary), (rotate(k, rotary), v)
        if join is None:
            attended = F.scaled_dot_product_attention(q, *own, is_causal=True)
        else:
            attended = F.scaled_dot_product_attention(q, *join(own), attn_mask=seen)
        x = x + self.attention_out(rearrange(attended, "b h t e -> b t (h e)"))
        return x + self.feedforward(self.feedforward_norm(x))


class MotionDenoiser(nn.Module):
    """M: `x0 = M(x_t, t, audio)` on normalised motion `[b t d]`."""

    motion_mean: Tensor
    motion_std: Tensor
    feature_mean: Tensor
    feature_std: Tensor
    feature_silence: Tensor
    slow: Tensor

    def __init__(self, config: MotionConfig) -> None:
        super().__init__()
        self.config = config
        self.schedule = cosine_schedule(config.diffusion_steps)
        self.audio_encoder = AudioEncoder(config)
        self.null_audio = nn.Parameter(torch.zeros(config.width))
        self.step_embed = nn.Sequential(
            nn.Linear(config.width, config.width), nn.GELU(), nn.Linear(config.width, config.width)
        )
        self.motion_in = nn.Linear(config.motion_dim, config.width)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.out_norm = nn.LayerNorm(config.width)
        self.motion_out = nn.Linear(config.width, config.motion_dim)
        self.lip_head = nn.Linear(config.width, len(LIP_CHANNELS))
        for name, dim in (("motion", config.motion_dim), ("feature", config.feature_dim)):
            self.register_buffer(f"{name}_mean", torch.zeros(dim))
            self.register_buffer(f"{name}_std", torch.ones(dim))
        self.register_buffer("feature_silence", torch.zeros(config.feature_dim))
        self.register_buffer("slow", config.slow_channels(), persistent=False)

    def forward(
        self,
        x: Float[Tensor, "b t d"],
        t: Int[Tensor, "b *t"],
        *,
        audio: Float[Tensor, "b n f"] | None,
    ) -> Float[Tensor, "b t d"]:
        """Return x0.

        Args:
            x: normalised noisy motion; frames at step 0 are clean.
            t: diffusion step, one a sample or one a frame.
            audio: features of `audio_behind` frames before the first to `audio_ahead` after the last; None is the
                unconditional model.
        """
        embedded = self.null_audio.expand(*x.shape[:2], -1) if audio is None else self.encode_audio(audio)
        return self.denoise(x, t, embedded)

    def encode_audio(self, audio: Float[Tensor, "b n f"]) -> Float[Tensor, "b t d"]:
        """Embedding of each frame's speech."""
        return self.audio_encoder((audio - self.feature_mean) / self.feature_std)

    def expected_lips(self, embedded: Float[Tensor, "*batch e"]) -> Float[Tensor, "*batch l"]:
        """The mean of `LIP_CHANNELS`, normalised, that the speech alone tells of."""
        return self.lip_head(embedded)

    def denoise(
        self,
        x: Float[Tensor, "b t d"],
        t: Int[Tensor, "b *t"],
        embedded: Float[Tensor, "b t e"],
        past: Past | None = None,
    ) -> Float[Tensor, "b t d"]:
        """`forward` from the audio embedding on.

        Args:
            past: of the frames before `x`; takes in those of `x` that are finished, which stand first and have step 0.

        With `config.skip`, joints, translation, brows, gaze and lids have x0 = alpha x_t + sigma F for the network's
        output F, where alpha x_t is the best linear estimate of a signal of unit variance (Salimans and Ho,
        "Progressive distillation", 2022, with v = -F). Without it they came out at half their size in few steps.
        """
        step = self.step_embed(sinusoidal(t, self.config.width))
        h = self.motion_in(x) + embedded + (step if t.ndim == 2 else step[:, None])
        first = past.frames if past else 0
        rotary = rotary_table(first, x.shape[1], self.config.width // self.config.heads, x.device)
        if past is None:
            for block in self.blocks:
                h = block(h, rotary)
        else:
            num_frames = x.shape[1]
            seen = torch.ones(num_frames, past.seen + num_frames, dtype=torch.bool, device=x.device).tril(past.seen)
            for i, block in enumerate(self.blocks):
                h = block(h, rotary, partial(past.joined, i), seen)
            past.take_in(int((t[0] == 0).sum()))
        out = self.motion_out(self.out_norm(h))
        if not self.config.skip:
            return out
        alpha, sigma = self.schedule.alpha_sigma(t, x)
        return torch.where(self.slow, alpha * x + sigma * out, out)

    def normalise(self, motion: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch d"]:
        """Motion vectors to the network's scale."""
        return (motion - self.motion_mean) / self.motion_std

    def denormalise(self, x: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch d"]:
        """Inverse of `normalise`."""
        return x * self.motion_std + self.motion_mean


def expression_and_pose(config: MotionConfig) -> tuple[slice, slice]:
    """Where expression and pose lie in the motion vector."""
    return slice(0, NUM_EXPRESSIONS), slice(NUM_EXPRESSIONS, config.motion_dim)


def sinusoidal(t: Int[Tensor, "*batch"], width: int) -> Float[Tensor, "*batch w"]:
    """Sine and cosine of `t` at `width / 2` frequencies from 1 down to 1/10000."""
    frequency = torch.exp(-math.log(10_000) * torch.arange(width // 2, device=t.device) / (width // 2))
    angle = t[..., None].float() * frequency
    return torch.cat([angle.sin(), angle.cos()], dim=-1)


def rotary_table(first: int, num_frames: int, width: int, device: torch.device) -> Float[Tensor, "2 t e"]:
    """Cosines and sines for `rotate` at the frames from `first` on."""
    frequency = torch.exp(-math.log(1_000) * torch.arange(width // 2) / (width // 2)).double()
    angle = torch.arange(first, first + num_frames)[:, None] * frequency
    return torch.stack([angle.cos(), angle.sin()]).float().to(device)


def rotate(x: Float[Tensor, "b h t two_e"], rotary: Float[Tensor, "2 t e"]) -> Float[Tensor, "b h t two_e"]:
    """Rotary position encoding, Su et al., "RoFormer" (2021): scores depend on the distance of frames."""
    cos, sin = rotary.to(x.dtype)
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)
