"""How long the motion model takes and how much memory, in a process of its own on two threads."""

from __future__ import annotations

import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

import numpy as np
import torch

from ..data.training_clock import FPS
from ..motion.checkpoint import load_motion_model
from ..motion.sampler import sample_motion
from ..progress import Progress, silent
from ..speech.mel import SAMPLE_RATE, mel_features
from .motion_flite_set import read_flite_set
from .own_process import measured_apart
from .process_memory import PEAK, forget_peak, memory_mb
from .table import Figure

STEPS = 10
"""Diffusion steps at which the time is asked for."""
SHORT_S, LONG_S = 10, 600
SHORT_LIMIT_S, GROWTH_MB = 1.0, 64.0
TIMED = 5
THREADS = 2


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Wall seconds, CPU seconds, and how far memory grew beyond the motion that was made."""

    short_s: float
    usual_short_s: float
    """The median, which like a long run has its share of what other work takes."""
    short_cpu_s: float
    long_s: float
    growth_mb: float | None
    """None where the system does not tell."""


def speed_figures(
    weights: Path | None, *, steps: int, guidance: float, long_s: int = LONG_S, progress: Progress = silent
) -> list[Figure]:
    """Time `SHORT_S` and `long_s` of speech, the bundled sentences repeated to that length, from sound to motion.

    The best of several short runs counts, as other work slows others; the long run is held against their median.
    """
    timing: Timing = measured_apart(_measure, weights, steps, guidance, long_s, progress=progress)
    progress(1, 1)
    note = f"{steps} steps, {THREADS} threads, best of {2 * TIMED}; {timing.short_cpu_s:.2f} s of CPU time"
    return [
        Figure(
            what=f"time of {SHORT_S} s of speech", on="sound to motion", reached=timing.short_s, unit="s",
            asked=SHORT_LIMIT_S, note=note,
        ),
        Figure(
            what=f"time of {long_s} s of speech", on="sound to motion",
            reached=timing.long_s / timing.usual_short_s, unit=f"x {SHORT_S} s", asked=long_s / SHORT_S,
            note=f"{timing.long_s:.1f} s; the median of the short ones is {timing.usual_short_s:.2f} s",
        ),
        Figure(
            what=f"memory of {long_s} s of speech", on="features to motion", reached=timing.growth_mb, unit="MB",
            asked=GROWTH_MB, note="peak growth beyond the motion's own size",
        ),
    ]  # fmt: skip


def _measure(send: Connection, weights: Path | None, steps: int, guidance: float, long_s: int) -> None:
    """Send a `Timing`."""
    torch.set_num_threads(THREADS)
    model = load_motion_model(weights)
    speech = np.concatenate([sentence for _, sentence, _ in read_flite_set()])
    short, long = (torch.from_numpy(np.resize(speech, s * SAMPLE_RATE)).float() for s in (SHORT_S, long_s))

    def once(sound: torch.Tensor) -> tuple[float, float, float | None]:
        """Wall and CPU seconds, megabytes."""
        started, cpu = time.perf_counter(), time.process_time()
        features = mel_features(sound, FPS)
        before = forget_peak()
        motion = sample_motion(model, features, seed=0, steps=steps, guidance=guidance)
        wall, cpu, peak = time.perf_counter() - started, time.process_time() - cpu, memory_mb(PEAK)
        own = sum(part.numel() * part.element_size() for part in (motion.expression, motion.joint_rotvec)) / 2**20
        return wall, cpu, None if before is None or peak is None else peak - before - own

    once(short)
    short_runs = [once(short) for _ in range(TIMED)]
    wall, _, growth_mb = once(long)
    short_runs += [once(short) for _ in range(TIMED)]
    short_walls = [run[0] for run in short_runs]
    wall = min(wall, once(long)[0])
    cpu_s = min(run[1] for run in short_runs)
    send.send(
        Timing(
            short_s=min(short_walls),
            usual_short_s=median(short_walls),
            short_cpu_s=cpu_s,
            long_s=wall,
            growth_mb=growth_mb,
        )
    )
