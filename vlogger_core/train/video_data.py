"""Samples of the video corpus for the network: shards read in turn, mixed in a buffer, mirrored by chance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..data.video_sample import Sample
from ..data.video_shards import list_shard, read_shard
from ..datatypes import MapFrames
from ..errors import InputError
from ..names import PARTS
from ..video.controls import ControlFrames, from_maps

_PICTURES = ("target", "warp", "matte", "valid", "dense", "background", "reference")
_MIRRORED_PARTS = [
    PARTS.index(name.replace("left_", "\0").replace("right_", "left_").replace("\0", "right_")) for name in PARTS
]


@dataclass(frozen=True, kw_only=True)
class VideoBatch:
    """Clips of one length: what is shown, and what steers it."""

    target: Float[Tensor, "b t 3 h w"]
    controls: ControlFrames

    def to(self, device: torch.device) -> VideoBatch:
        return VideoBatch(target=self.target.to(device), controls=self.controls.to(device))


class ExampleStream:
    """Endless examples of a folder of shards, in an order that the seed alone decides.

    Each pass shuffles the shards; the examples of `open_shards` of them at a time are mixed. So memory holds some
    shards, whatever the corpus' size, and an interrupted training goes on with the very next example (`seek`).

    Args:
        kind: `frames` gives single frames, of clips too; `clip` gives consecutive ones.
        num_frames: of a clip; longer clips are cut at random.
        rank, world: of several processes each reads its own share of every mix.
    """

    def __init__(
        self,
        folder: Path,
        *,
        kind: str,
        num_frames: int,
        seed: int,
        open_shards: int = 6,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        names = ("*.tar",) if kind == "frames" else ("*-clip-*.tar",)
        self.paths = sorted(path for name in names for path in folder.glob(name))
        if not self.paths:
            raise InputError(
                f"{folder} holds no {'samples' if kind == 'frames' else 'short clips'}: make them with "
                "`python -m vlogger_core data video-corpus` (clips: --sequences)."
            )
        self.kind, self.num_frames, self.seed = kind, num_frames, seed
        self.open_shards, self.rank, self.world = open_shards, rank, world
        self._told = {path: list_shard(path) for path in self.paths}
        if not any(self._draw([path], np.random.default_rng(0)) for path in self.paths):
            raise InputError(
                f"No clip in {folder} has {num_frames} frames: make the corpus with longer ones (--frames), or train "
                "with fewer (clip_frames)."
            )
        self.drawn = 0
        self._examples = self._endless()

    def next(self, count: int) -> list[Sample]:
        """The next examples, of `num_frames` frames each (of one for single frames)."""
        self.drawn += count
        return [next(self._examples) for _ in range(count)]

    def seek(self, drawn: int) -> None:
        """Stand where a stream stands that has given `drawn` examples."""
        self._examples = self._endless(drawn)
        self.drawn = drawn

    def _endless(self, skipped: int = 0) -> Iterator[Sample]:
        """Examples from one on. Mixes that lie before it are counted, not read."""
        length = 1 if self.kind == "frames" else self.num_frames
        sweep = 0
        while True:
            order = np.random.default_rng((self.seed, sweep)).permutation(len(self.paths))
            for start in range(0, len(order), self.open_shards):
                rng = np.random.default_rng((self.seed, sweep, start))
                mix = [self.paths[i] for i in order[start : start + self.open_shards]]
                drawn = self._draw(mix, rng)[self.rank :: self.world]
                if skipped >= len(drawn):
                    skipped -= len(drawn)
                    continue
                samples = [_halved(sample) for path in mix for sample in read_shard(path)]
                for i, first, flip in drawn[skipped:]:
                    example = _whole(cut(samples[i], first, first + length))
                    yield mirror(example) if flip else example
                skipped = 0
            sweep += 1

    def _draw(self, mix: list[Path], rng: np.random.Generator) -> list[tuple[int, int, bool]]:
        """The examples of some shards in a random order: number of the sample, first frame, whether mirrored."""
        found = []
        for i, (kind, frames) in enumerate(told for path in mix for told in self._told[path]):
            if self.kind == "frames":
                # Of the frames of a clip, which are alike, one will do.
                starts = range(frames) if kind == "frames" else [int(rng.integers(frames))]
            else:
                room = frames - self.num_frames + 1
                starts = [int(rng.integers(room))] if kind == "clip" and room > 0 else []
            found += [(i, first) for first in starts]
        flips = rng.random(len(found)) < 0.5
        return [(*found[i], bool(flips[i])) for i in rng.permutation(len(found))]


def _halved(sample: Sample) -> Sample:
    return replace(sample, **{name: getattr(sample, name).half() for name in _PICTURES})


def _whole(sample: Sample) -> Sample:
    return replace(sample, **{name: getattr(sample, name).float() for name in _PICTURES})


def cut(sample: Sample, start: int, stop: int) -> Sample:
    """The frames `[start, stop)`."""
    names = ("target", "warp", "matte", "valid", "dense", "parts")
    return replace(sample, **{name: getattr(sample, name)[start:stop] for name in names})


def mirror(sample: Sample) -> Sample:
    """Left and right exchanged: the pictures, the subject's sides, and the template, which is its own mirror image."""
    names = ("target", "warp", "matte", "valid", "dense", "parts", "background", "reference")
    flipped = {name: getattr(sample, name).flip(-1) for name in names}
    body = (flipped["dense"] > 0).any(1)
    flipped["dense"] = flipped["dense"].clone()
    flipped["dense"][:, 0] = torch.where(body, 1 - flipped["dense"][:, 0], 0.0)
    flipped["parts"] = torch.tensor(_MIRRORED_PARTS)[flipped["parts"].long()]
    return replace(sample, **flipped)


def collate(samples: Sequence[Sample]) -> VideoBatch:
    """Samples of one size and length as a batch."""
    sizes = {tuple(sample.target.shape) for sample in samples}
    if len(sizes) > 1:
        raise InputError(
            f"The corpus has pictures of several sizes ({', '.join(map(str, sorted(sizes)))}): make it anew."
        )
    controls = [_controls(sample) for sample in samples]
    fields = ("dense", "parts", "warp", "warp_valid", "background", "matte", "reference")
    return VideoBatch(
        target=torch.stack([sample.target for sample in samples]),
        controls=ControlFrames(**{name: torch.cat([getattr(one, name) for one in controls]) for name in fields}),
    )


def _controls(sample: Sample) -> ControlFrames:
    maps = MapFrames(
        dense=sample.dense,
        parts=sample.parts,
        warp_flow=sample.warp,
        warp_flow_confidence=sample.valid,
        warp_flow_matte=sample.matte,
    )
    return from_maps(maps, background=sample.background, reference=sample.reference)
