"""Windows of the speech corpus for the motion network."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from ..data.shards import ShardInfo, load_shard
from ..errors import InputError
from ..speech.mel import FEATURE_KIND, LOG_MEAN, LOG_SCALE, NUM_MELS, POWER_FLOOR, SUB_FRAMES, compress_power


@dataclass(frozen=True, kw_only=True)
class MotionWindows:
    """Streams in memory, half precision; each is surrounded by silence as wide as the network hears."""

    features: Float[Tensor, "n f"]
    motion: Float[Tensor, "n d"]
    starts: Tensor
    """First frame of each stream in `features` and `motion`, after its leading silence."""
    lengths: Tensor
    sources: tuple[str, ...]
    """What made each stream: the name of its file up to the first - or _, such as `flite`."""
    behind: int
    ahead: int
    info: ShardInfo

    def draw(
        self,
        num_windows: int,
        num_frames: int,
        generator: torch.Generator,
        shares: Mapping[str, float] | None = None,
    ) -> tuple[Float[Tensor, "b n f"], Float[Tensor, "b t d"]]:
        """Random windows: features with their reach on both sides, motion.

        Args:
            shares: how often each of `sources` is drawn; None draws all streams alike. A source that it does not name
                is not drawn.
        """
        room = (self.lengths - num_frames + 1).clamp(min=0).double()
        if shares is not None:
            room = room * self._weights(shares, room)
        if not room.any():
            raise ValueError(
                f"num_frames must not exceed the longest stream, {int(self.lengths.max())}. Got {num_frames}."
            )
        stream = torch.multinomial(room, num_windows, replacement=True, generator=generator)
        offset = (torch.rand(num_windows, generator=generator, dtype=torch.float64) * room[stream]).long()
        first = (self.starts[stream] + offset)[:, None]
        heard = first + torch.arange(-self.behind, num_frames + self.ahead)
        return self.features[heard].float(), self.motion[first + torch.arange(num_frames)].float()

    def _weights(self, shares: Mapping[str, float], room: Float[Tensor, " s"]) -> Float[Tensor, " s"]:
        """Of each stream, so that its source is drawn as often as `shares` says."""
        out = torch.zeros_like(room)
        for source, share in shares.items():
            own = torch.tensor([name == source for name in self.sources])
            out[own] = share / room[own].sum().clamp(min=1)
        return out

    def statistics(self) -> dict[str, Float[Tensor, " d"]]:
        """Mean and deviation of features and motion, silence around the streams excluded.

        Numbers that hardly move get a small deviation, so that the network's error in them stays invisible.
        """
        spans = zip(self.starts.tolist(), self.lengths.tolist(), strict=True)
        inside = torch.cat([torch.arange(start, start + length) for start, length in spans])
        out = {}
        for name, values in (("feature", self.features), ("motion", self.motion)):
            chunks = values[inside].split(65536)
            mean = torch.stack([chunk.double().sum(0) for chunk in chunks]).sum(0) / len(inside)
            squares = [(chunk.double() - mean).square().sum(0) for chunk in chunks]
            std = (torch.stack(squares).sum(0) / len(inside)).sqrt()
            out[f"{name}_mean"] = mean.float()
            out[f"{name}_std"] = torch.where(std < 1e-4, 1e-3, std).float()
        return out


def load_windows(folder: Path, *, behind: int, ahead: int) -> MotionWindows:
    """Read all shards of a folder.

    Raises:
        InputError: if there is none, or they were made with another feature front end.
    """
    paths = sorted(folder.glob("*.safetensors"))
    if not paths:
        raise InputError(
            f"{folder} holds no training shards: make them with `python -m vlogger_core data speech-corpus`."
        )  # fmt: skip
    features, motion, starts, lengths, sources = [], [], [], [], []
    position = 0
    info: ShardInfo | None = None
    silence = silent_features().half()
    for path in paths:
        streams, own = load_shard(path)
        if own.feature_kind != FEATURE_KIND or (info is not None and own != info):
            raise InputError(
                f"{path} does not match the other shards or the front end {FEATURE_KIND}: make the corpus anew."
            )
        info = own
        for stream in streams:
            n = len(stream.features)
            features += [silence.expand(behind, -1), stream.features, silence.expand(ahead, -1)]
            motion += [stream.motion[:1].expand(behind, -1), stream.motion, stream.motion[-1:].expand(ahead, -1)]
            starts.append(position + behind)
            lengths.append(n)
            sources.append(re.split("[-_]", path.stem)[0])
            position += behind + n + ahead
    assert info is not None
    return MotionWindows(
        features=torch.cat(features),
        motion=torch.cat(motion),
        starts=torch.tensor(starts),
        lengths=torch.tensor(lengths),
        sources=tuple(sources),
        behind=behind,
        ahead=ahead,
        info=info,
    )


def silent_features() -> Float[Tensor, "1 f"]:
    """The features of digital silence."""
    return compress_power(torch.zeros(1, SUB_FRAMES, NUM_MELS))


def vary_microphone(features: Float[Tensor, "b n f"], generator: torch.Generator) -> Float[Tensor, "b n f"]:
    """Another microphone for each window: a smooth change of timbre of some 4 dB, and in half of them noise."""
    b = len(features)
    mel = torch.linspace(0, 1, NUM_MELS)
    waves = torch.stack([torch.cos(torch.pi * k * mel) for k in range(1, 5)])
    log_gain = torch.randn(b, 4, generator=generator) @ waves * 0.45 + torch.randn(b, 1, generator=generator) * 0.3
    log_noise = torch.randn(b, 4, generator=generator) @ waves * 0.8 + torch.rand(b, 1, generator=generator) * 7.0 - 8.0
    noisy = (torch.rand(b, 1, generator=generator) < 0.5).float()
    power = (torch.exp(features * LOG_SCALE + LOG_MEAN) - POWER_FLOOR).clamp(min=0)
    power = power.unflatten(-1, (SUB_FRAMES, NUM_MELS))
    uneven = -torch.log(torch.rand(power.shape, generator=generator) + 1e-6)
    varied = power * log_gain.exp()[:, None, None] + (noisy * log_noise.exp())[:, None, None] * uneven
    return compress_power(varied)


def vary_throat(
    features: Float[Tensor, "b n f"], generator: torch.Generator, *, reach: float, mask_bands: float
) -> Float[Tensor, "b n f"]:
    """Another throat for each window: its mel axis stretched and moved, and a band of it hidden.

    Vocal tract length perturbation (Jaitly and Hinton, "Vocal tract length perturbation improves speech recognition",
    2013) on mel bands, and the frequency masks of Park et al., "SpecAugment" (2019).

    Args:
        reach: the axis is stretched by up to this in either direction (natural logarithm), and moved by six bands for
            1.
        mask_bands: most bands hidden on each side of a random one; they show the window's mean.
    """
    b, n, _ = features.shape
    bands = features.unflatten(-1, (SUB_FRAMES, NUM_MELS)).flatten(1, 2)

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(b, 1, 1, generator=generator)

    index = torch.arange(NUM_MELS)
    heard = index * uniform(-reach, reach).exp() + uniform(-6 * reach, 6 * reach)
    heard = heard.clamp(0, NUM_MELS - 1.001).expand(-1, bands.shape[1], -1)
    low = heard.floor().long()
    moved = torch.lerp(bands.gather(2, low), bands.gather(2, low + 1), heard - low)
    hidden = (index - uniform(0, NUM_MELS)).abs() < uniform(0, mask_bands)
    moved = torch.where(hidden, moved.mean(dim=(1, 2), keepdim=True), moved)
    return moved.unflatten(1, (n, SUB_FRAMES)).flatten(2)
