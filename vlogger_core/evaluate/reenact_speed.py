"""How long the whole chain takes from a photo and sound to an mp4, in a process of its own on two threads."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import torch

from ..assets import PORTRAIT
from ..data.training_clock import FPS
from ..datatypes import Audio
from ..image import load_image
from ..pipeline import GenerateConfig, generate
from ..progress import Progress, silent
from ..speech.mel import SAMPLE_RATE
from ..video.cascade import CascadeSettings
from .motion_flite_set import read_flite_set
from .own_process import measured_apart
from .process_memory import PEAK, memory_mb
from .table import Figure

SECONDS = 10
LIMITS_S = {512: 600.0, 256: 150.0}
"""For each size, of the shorter side in pixels."""
LIMIT_MB = 3 * 1024.0
THREADS = 2
_TELLS_EVERY_S = 0.5


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Of one video."""

    wall_s: float
    cpu_s: float
    peak_mb: float | None
    """Of the whole process; None where the system does not tell."""


def speed_figures(
    settings: CascadeSettings,
    told: str,
    *,
    quality: str = "video",
    seconds: float = SECONDS,
    sizes: tuple[int, ...] = tuple(LIMITS_S),
    progress: Progress = silent,
) -> list[Figure]:
    """Time the shipped models.

    Args:
        told: steps and guidance, for the table.
        quality: of `assets.QUALITIES`.
    """
    figures = []
    for i, size in enumerate(sizes):

        def part(done: int, total: int, i: int = i) -> None:
            progress(1000 * i + 1000 * done // max(1, total), 1000 * len(sizes))

        timing = time_video(settings, quality, size, seconds, part)
        on = f"{seconds:g} s at {size} px"
        figures.append(
            Figure(
                what="time from sound to mp4", on=on, reached=timing.wall_s, unit="s", asked=LIMITS_S.get(size),
                note=f"{told}; {THREADS} threads, {timing.cpu_s:.0f} s of CPU time",
            )
        )  # fmt: skip
        figures.append(Figure(what="peak memory", on=on, reached=timing.peak_mb, unit="MB", asked=LIMIT_MB))
    progress(1, 1)
    return figures


def time_video(
    settings: CascadeSettings, quality: str, size: int, seconds: float, progress: Progress = silent
) -> Timing:
    """Make one video in a process of its own.

    Raises:
        InputError: as `generate` does.
    """
    return measured_apart(_measure, settings, quality, size, seconds, progress=progress)


def _measure(send: Connection, settings: CascadeSettings, quality: str, size: int, seconds: float) -> None:
    """Send how far the longest stage is, now and then, and at last a `Timing`."""
    torch.set_num_threads(THREADS)
    sentences = torch.cat([torch.as_tensor(sound).float() for _, sound, _ in read_flite_set()])
    length = round(seconds * SAMPLE_RATE)
    sound = sentences.repeat(-(-length // len(sentences)))[:length]
    num_frames = round(seconds * FPS)
    latest = time.monotonic()

    def stage(_: str) -> Progress:
        def progress(done: int, total: int) -> None:
            nonlocal latest
            if total == num_frames and time.monotonic() - latest > _TELLS_EVERY_S:
                latest = time.monotonic()
                send.send((done, total))

        return progress

    image = load_image(PORTRAIT)
    config = GenerateConfig(short_side=size, quality=quality, cascade=settings)
    with tempfile.TemporaryDirectory() as folder:
        started, cpu = time.perf_counter(), time.process_time()
        audio = Audio(waveform=sound[None], sample_rate=SAMPLE_RATE)
        generate(image, audio, Path(folder) / "video.mp4", config=config, stage=stage)
        wall, cpu = time.perf_counter() - started, time.process_time() - cpu
    send.send(Timing(wall_s=wall, cpu_s=cpu, peak_mb=memory_mb(PEAK)))
