"""Whether the memory of an edit grows with the clip, in processes of their own."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from ..datatypes import BodyFit, Motion
from ..edit.clip_source import FileClip
from ..edit.edit_stage import open_edit
from ..edit.inpaint_film import open_edit_film
from ..edit.timing import Scope
from ..progress import Progress, counted, silent
from ..video.cascade import CascadeSettings
from ..video.models import VideoModels
from ..video.reader import VideoReader
from ..video.writer import write_video
from .edit_clips import CLOSE_MOUTH, preset
from .own_process import measured_apart
from .process_memory import PEAK, memory_mb
from .reenact_cache import Tracked
from .table import Figure

SHORT_S, LONG_S = 10.0, 180.0
MOST_RATIO = 1.15
_THREADS = 2
_TELLS_EVERY_S = 0.5


def memory_figures(
    clip: Tracked,
    models: VideoModels | None,
    settings: CascadeSettings,
    *,
    seconds: float = LONG_S,
    progress: Progress = silent,
) -> list[Figure]:
    """Edit a clip that is played in a loop, for 10 seconds and for minutes: mask, model and writing, all from disk."""
    peaks = []
    lengths = (SHORT_S, seconds)
    for length in lengths:
        done = sum(lengths[: len(peaks)])

        def part(made: int, total: int, done: float = done, length: float = length) -> None:
            progress(round(done + length * made / max(1, total)), round(sum(lengths)))

        peaks.append(
            measured_apart(
                _measure, clip.path, clip.fit, clip.motion, length, models, settings, progress=part
            )
        )  # fmt: skip
    progress(1, 1)
    short, long = peaks
    on = f"{clip.name} in a loop"
    ratio = long / short if short and long else None
    return [
        Figure(
            what=f"peak memory of {seconds:g} s over that of {SHORT_S:g} s", on=on, reached=ratio, unit="x",
            asked=MOST_RATIO,
        ),
        Figure(what=f"peak memory of {seconds:g} s", on=on, reached=long, unit="MB"),
    ]  # fmt: skip


def looped(clip: VideoReader, num_frames: int) -> Iterator[Float[Tensor, "3 h w"]]:
    """A clip from the beginning again and again."""
    left = num_frames
    while left:
        for frame in clip:
            yield frame
            left -= 1
            if not left:
                return


def looped_motion(motion: Motion, num_frames: int) -> Motion:
    """The motion of `looped`."""
    rows = torch.arange(num_frames) % motion.num_frames
    return Motion(
        fps=motion.fps,
        expression=motion.expression[rows],
        joint_names=motion.joint_names,
        joint_rotvec=motion.joint_rotvec[rows],
        translation=motion.translation[rows],
    )


def _measure(
    send: Connection,
    path: Path,
    fit: BodyFit,
    motion: Motion,
    seconds: float,
    models: VideoModels | None,
    settings: CascadeSettings,
) -> None:
    """Send how far the edit is, now and then, and at last the peak in megabytes."""
    torch.set_num_threads(_THREADS)
    num_frames = round(seconds * motion.fps)
    before = looped_motion(motion, num_frames)
    after = preset(CLOSE_MOUTH)(before, Scope())
    latest = time.monotonic()

    def tell(done: int, total: int) -> None:
        nonlocal latest
        if time.monotonic() - latest > _TELLS_EVERY_S:
            latest = time.monotonic()
            send.send((done, total))

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "clip.mp4")
        write_video(file, looped(VideoReader(path), num_frames), motion.fps)
        edit = open_edit(FileClip(file), fit, before, after)
        with open_edit_film(Path(folder, "run"), edit, models, settings) as film:
            for _ in film.chunks(tell):
                pass
            write_video(Path(folder, "edited.mp4"), counted(film.frames(), num_frames, tell), motion.fps)
    send.send(memory_mb(PEAK))
