"""Where the shards of the video corpus are made, each by itself: the same one gives the same file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from ..body.anny_model import AnnyBody, load_anny
from ..datatypes import BodyFit
from ..threads import one_thread
from .video_bodies import body_sample, draw_somebody
from .video_clips import clip_sample, open_clip
from .video_crop import Crop, PairSettings
from .video_curation import Demands
from .video_motions import MotionBank, join_motions
from .video_photos import PhotoPairs
from .video_portraits import fit_portraits
from .video_sample import Sample
from .video_shards import ShardWriter

FRAMES_PER_SHARD, CLIPS_PER_SHARD = 128, 8
"""Single frames, and short clips."""
FRAMES_PER_REFERENCE = 8
PEOPLE_PER_SHARD = {"frames": 8, "clip": 4}
PHOTOS_PER_SHARD = 4
HELD_OUT_EVERY = 14
"""Every so many-th photo is for validation only."""
_SOURCES = ("body", "photo", "clip")
_WILD = {"frames": (0.3, 1.0), "clip": (0.0, 0.5)}
_AWAY = (0.4, 1.0)
"""How wild the motions are that carry photos away."""
_SMALL = 0.15
"""How wild the motions are that photos are targets of: what a warp still shows well."""


@dataclass(frozen=True, kw_only=True)
class CorpusSettings:
    """What a corpus is made with."""

    size: int
    crop: int
    frames: int
    """Of a short clip."""
    wild: float
    """How far motions go beyond those of speech: 0 not at all, 1 to profiles, wide open mouths and raised arms."""
    warp: str
    backend: str
    seed: int
    portraits: Path | None
    clips: Path | None
    fits: Path
    """Where fits of portraits are kept."""
    hands: bool
    sound: bool

    @property
    def pairs(self) -> PairSettings:
        return PairSettings(size=self.size, crop=Crop(side=self.crop), backend=self.backend, warp=self.warp)

    def prepare(self) -> None:
        """Do once what all shards need: build the body, fit the portraits."""
        model = _model()
        if self.portraits is not None:
            fit_portraits(self.portraits, self.fits, model)


@dataclass(frozen=True, kw_only=True)
class Shard:
    """What one file of the corpus holds."""

    path: Path
    source: str
    """body, photo or clip."""
    kind: str
    """One of `video_sample.KINDS`."""
    index: int
    settings: CorpusSettings
    clip: str | None = None
    """File name of the user's clip."""

    @property
    def held_out(self) -> bool:
        return self.path.parent.name == "validation"

    def make(self) -> int:
        """Write it; returns its size in bytes."""
        key = [self.settings.seed, self.index, self.held_out, _SOURCES.index(self.source), self.kind == "clip"]
        rng = np.random.default_rng([*key, *(self.clip or "").encode()])
        writer = ShardWriter(self.path)
        try:
            with torch.no_grad(), one_thread():
                for sample in self._samples(rng):
                    writer.add(sample)
        except BaseException:
            writer.abandon()
            raise
        return writer.finish()

    def _samples(self, rng: np.random.Generator) -> Iterator[Sample]:
        if self.source == "clip":
            yield from self._clip_samples(rng)
            return
        bank = MotionBank.speak(rng)
        if self.source == "body":
            yield from self._body_samples(rng, bank)
        else:
            yield from self._photo_samples(rng, bank)

    def _body_samples(self, rng: np.random.Generator, bank: MotionBank) -> Iterator[Sample]:
        pairs = self.settings.pairs
        backdrops = []
        if self.settings.portraits is not None:
            some = self._some_photos(rng)
            backdrops = PhotoPairs(some, pairs).backdrops()
        people = PEOPLE_PER_SHARD[self.kind]
        each = CLIPS_PER_SHARD // people if self.kind == "clip" else FRAMES_PER_SHARD // FRAMES_PER_REFERENCE // people
        low, high = (self.settings.wild * bound for bound in _WILD[self.kind])
        for _ in range(people):
            person, shape = draw_somebody(_model(), rng, pairs)
            for _ in range(each):
                if self.kind == "clip":
                    motion = bank.cut(rng, num_frames=self.settings.frames, wild=float(rng.uniform(low, high)))
                else:
                    motion = join_motions(
                        [
                            bank.cut(rng, num_frames=1, wild=float(rng.uniform(low, high)))
                            for _ in range(FRAMES_PER_REFERENCE)
                        ]
                    )
                yield body_sample(person, shape, motion, rng, pairs, kind=self.kind, backdrops=backdrops)

    def _photo_samples(self, rng: np.random.Generator, bank: MotionBank) -> Iterator[Sample]:
        pairs = PhotoPairs(self._some_photos(rng), self.settings.pairs)
        for _ in range(CLIPS_PER_SHARD if self.kind == "clip" else FRAMES_PER_SHARD):
            away = bank.cut(rng, num_frames=1, wild=self.settings.wild * float(rng.uniform(*_AWAY)))
            small = None
            if self.kind == "clip":
                small = bank.cut(rng, num_frames=self.settings.frames, wild=self.settings.wild * _SMALL)
            yield pairs.sample(away, small, rng)

    def _clip_samples(self, rng: np.random.Generator) -> Iterator[Sample]:
        assert self.settings.clips is not None
        assert self.clip is not None
        demands = Demands(hands=self.settings.hands, sound=self.settings.sound)
        clip = open_clip(self.settings.clips / self.clip, _model(), demands)
        if clip is None:
            return
        consecutive = self.kind == "clip"
        count = CLIPS_PER_SHARD if consecutive else FRAMES_PER_SHARD // FRAMES_PER_REFERENCE
        num_frames = self.settings.frames if consecutive else FRAMES_PER_REFERENCE
        for _ in range(count):
            yield clip_sample(clip, rng, self.settings.pairs, num_frames=num_frames, consecutive=consecutive)

    def _some_photos(self, rng: np.random.Generator) -> list[tuple[str, BodyFit]]:
        """A few of the photos that are for training, or of those that are not."""
        assert self.settings.portraits is not None
        fits = _portraits(self.settings.portraits, self.settings.fits)
        held_out = [fit for i, fit in enumerate(fits) if i % HELD_OUT_EVERY == HELD_OUT_EVERY - 1]
        others = [fit for i, fit in enumerate(fits) if i % HELD_OUT_EVERY != HELD_OUT_EVERY - 1]
        chosen = (held_out or fits) if self.held_out else others
        picked = rng.choice(len(chosen), min(PHOTOS_PER_SHARD, len(chosen)), replace=False)
        return [chosen[int(i)] for i in picked]


@lru_cache(maxsize=1)
def _model() -> AnnyBody:
    return load_anny()


@lru_cache(maxsize=1)
def _portraits(folder: Path, fits: Path) -> list[tuple[str, BodyFit]]:
    return fit_portraits(folder, fits, _model())
