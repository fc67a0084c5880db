"""Training pairs of the user's own clips: real frames, far apart in time, tracked and curated (paper section 3.3)."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from ..body.anny_model import AnnyBody
from ..body.detect_clip import clip_landmarks
from ..body.landmarks import PhotoLandmarks
from ..body.matte import person_matte
from ..body.track import Track, track_clip
from ..datatypes import Audio, BodyFit
from ..errors import InputError
from ..progress import Progress, silent
from ..render.raster import rasterise
from ..render.scene import resize
from ..render.stage import open_stage
from ..speech.audio import load_audio
from ..video.reader import VideoReader
from .video_crop import PairSettings
from .video_curation import Demands, why_not
from .video_motions import fit_at, join_motions, motion_between
from .video_sample import Sample

log = logging.getLogger(__name__)

SUFFIXES = (".mp4", ".mov", ".mkv", ".webm", ".mpg", ".mpeg", ".avi", ".m4v")
MAX_FRAMES = 250
"""A longer clip is used up to here: about ten seconds, as the paper's."""
FIT_SIDE = 512
FAR = 0.3
"""Of the clip's length, by which reference and target lie apart at least."""
_LOOKED_AT = 12
"""Frames whose mattes say where the person ever is."""


@dataclass(frozen=True, kw_only=True)
class TrackedClip:
    """A clip that can be learned from."""

    name: str
    track: Track
    pixels: list[UInt8[Tensor, "3 h w"]]
    landmarks: list[PhotoLandmarks]

    @property
    def num_frames(self) -> int:
        return len(self.pixels)

    def frame(self, t: int) -> Float[Tensor, "3 h w"]:
        return self.pixels[t].float() / 255

    def fit(self, t: int) -> BodyFit:
        """The body in a frame, with that frame as its picture."""
        own = fit_at(self.track.fit, self.track.motion, t)
        own = replace(own, image=self.frame(t))
        return replace(own, mask=person_matte(own.image, self.landmarks[t], _silhouette(own)))


def open_clip(path: Path, model: AnnyBody, demands: Demands, *, progress: Progress = silent) -> TrackedClip | None:
    """Track a clip; None, and why in the log, if it is not fit to be learned from."""
    try:
        reader = VideoReader(path)
        pixels = [_smaller(frame) for frame in islice(reader, MAX_FRAMES)]
        landmarks = list(clip_landmarks((p.float() / 255 for p in pixels), progress=progress))
        track = track_clip(
            (p.float() / 255 for p in pixels), fps=reader.fps, model=model, landmarks=landmarks, progress=progress
        )
    except InputError as error:
        log.warning("%s is rejected: %s", path.name, error)
        return None
    clip = TrackedClip(name=path.stem, track=track, pixels=pixels, landmarks=landmarks)
    looked_at = np.linspace(0, clip.num_frames - 1, min(_LOOKED_AT, clip.num_frames)).round().astype(int).tolist()
    person = torch.stack([clip.fit(t).mask for t in looked_at]).amax(0)
    size = (96, round(96 * person.shape[1] / person.shape[0]))
    seen = torch.stack([resize(clip.frame(t), size) for t in range(clip.num_frames)])
    reason = why_not(seen, landmarks, track, resize(person[None], size)[0], _sound(path), demands)
    if reason:
        log.warning("%s is rejected: %s.", path.name, reason)
        return None
    return clip


def clip_sample(
    clip: TrackedClip, rng: np.random.Generator, settings: PairSettings, *, num_frames: int, consecutive: bool
) -> Sample:
    """A frame as the reference, and others far from it in time."""
    length = clip.num_frames
    num_frames = min(num_frames, length)
    reference = int(rng.integers(length))
    if consecutive:
        starts = np.arange(length - num_frames + 1)
        away = np.abs(starts + num_frames / 2 - reference)
        first = int(rng.choice(starts[away >= min(FAR * length, away.max())]))
        targets = list(range(first, first + num_frames))
    else:
        away = np.abs(np.arange(length) - reference)
        far = np.flatnonzero(away >= min(FAR * length, away.max()))
        targets = rng.choice(far, num_frames, replace=len(far) < num_frames).tolist()
    fit = clip.fit(reference)
    ways = [motion_between(fit, fit_at(clip.track.fit, clip.track.motion, t)) for t in targets]
    h, w = fit.image.shape[-2:]
    scale = settings.size / min(h, w)
    size = (round(h * scale), round(w * scale))
    stage = open_stage(fit, join_motions(ways), size, backend=settings.backend, warp=settings.warp)
    return settings.crop(
        rng,
        stage.frames(0, len(targets)),
        torch.stack([resize(clip.frame(t), size).clamp(0, 1) for t in targets]),
        background=stage.background,
        reference=stage.reference,
        kind="clip" if consecutive else "frames",
        info={"source": "clip", "clip": clip.name, "reference": reference, "first": int(targets[0])},
    )


def find_clips(folder: Path) -> Iterator[Path]:
    """The videos of a folder, by name."""
    return iter(sorted(path for path in folder.glob("*") if path.suffix.lower() in SUFFIXES))


def _smaller(frame: Float[Tensor, "3 h w"]) -> UInt8[Tensor, "3 h w"]:
    h, w = frame.shape[-2:]
    scale = min(1.0, FIT_SIDE / min(h, w))
    return (resize(frame, (round(h * scale), round(w * scale))).clamp(0, 1) * 255).round().byte()


def _silhouette(fit: BodyFit) -> Float[Tensor, "h w"]:
    rest = fit.model.rest(fit.shape)
    posed = fit.model.pose(rest, fit.joint_rotvec[None], fit.translation[None], fit.expression[None])
    return rasterise(posed.vertices[0], fit.model.faces, fit.camera).covered.float()


def _sound(path: Path) -> Audio | None:
    try:
        return load_audio(path)
    except InputError:
        return None
