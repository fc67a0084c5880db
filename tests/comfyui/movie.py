"""What is in a finished video file: its streams, and whether the mouth goes with the sound."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np

MIN_PAUSE_FRAMES = 4


@dataclass(frozen=True, kw_only=True)
class Movie:
    frames: np.ndarray
    """`[t h w 3]`, 0 to 255."""
    fps: Fraction
    sound: np.ndarray
    """`[n]`, mono."""
    sample_rate: int
    codecs: tuple[str, str]

    @property
    def duration_s(self) -> float:
        return len(self.frames) / float(self.fps)

    @property
    def sound_s(self) -> float:
        return len(self.sound) / self.sample_rate


def read_movie(path: Path) -> Movie:
    with av.open(str(path)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        frames = np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video)])
        codecs = (video.codec_context.name, audio.codec_context.name)
        fps, sample_rate = video.average_rate, audio.codec_context.sample_rate
    with av.open(str(path)) as container:
        sound = np.concatenate([frame.to_ndarray().mean(0) for frame in container.decode(audio=0)])
    return Movie(frames=frames, fps=Fraction(fps), sound=sound, sample_rate=sample_rate, codecs=codecs)


def mouth_box(frame: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of the mouth of the one face in a frame."""
    import torch

    from vlogger_core.body.landmarks import detect_landmarks

    landmarks = detect_landmarks(torch.from_numpy(frame).permute(2, 0, 1).float() / 255)
    left, top, right, bottom = landmarks.face_box
    width, height = right - left, bottom - top
    return (
        slice(round(top + 0.62 * height), round(top + 0.95 * height)),
        slice(round(left + 0.25 * width), round(left + 0.75 * width)),
    )


def sounding_and_pausing(movie: Movie) -> tuple[np.ndarray, np.ndarray]:
    """For each step from a frame to the next: does speech sound, and lies it well inside a pause."""
    steps = len(movie.frames) - 1
    edges = (np.arange(steps + 1) * movie.sample_rate / float(movie.fps)).astype(int)
    loudness = np.array(
        [
            np.sqrt(np.mean(np.square(movie.sound[a:b]))) if b > a and a < len(movie.sound) else 0.0
            for a, b in pairwise(edges)
        ]
    )
    loud = np.percentile(loudness, 95)
    sounding, quiet = loudness > 0.15 * loud, loudness < 0.02 * loud
    pausing = np.zeros(steps, bool)
    for start, stop in _runs(quiet):
        if stop - start >= MIN_PAUSE_FRAMES:
            pausing[start + 2 : stop - 1] = True  # The mouth still closes at first and opens before the sound.
    return sounding, pausing


def mouth_follows_speech(movie: Movie) -> bool:
    """The mouth moves, and clearly more while speech sounds than in its pauses."""
    rows, columns = mouth_box(movie.frames[0])
    mouth = movie.frames[:, rows, columns].astype(np.float32).mean(-1)
    movement = np.abs(np.diff(mouth, axis=0)).mean((1, 2))
    sounding, pausing = sounding_and_pausing(movie)
    assert sounding.sum() >= 12, "the video holds too little speech to judge"
    assert pausing.sum() >= 3, "the video holds too few pauses to judge"
    return movement[sounding].mean() > max(0.5, 1.5 * movement[pausing].mean())


def _runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """Start and stop of each run of True."""
    change = np.flatnonzero(np.diff(np.concatenate(([0], flags.astype(int), [0]))))
    return list(zip(change[::2], change[1::2]))
