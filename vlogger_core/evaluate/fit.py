"""`python -m vlogger_core evaluate fit`: how well bodies are fitted, beside what is asked of the fit."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from pathlib import Path

from ..body.anny_model import load_anny
from ..body.fitter import fit_photo
from ..body.protocol import BodyModel
from ..errors import InputError
from ..image import load_image
from ..progress import Progress, silent
from ..terminal import Stages, quiet_native_libraries
from .fit_clips import clip_figures
from .fit_photos import photo_figures
from .fit_recovery import NUM_BODIES, recovery_figures
from .samples import Samples, is_painting, shows_nobody
from .table import Figure, exit_code, format_table, hardware, write_json

TIMED = 2
"""Fits that are timed after one that warms up."""
PARTS = ("photos", "recovery", "clips", "time")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m vlogger_core evaluate fit`."""
    parser.add_argument("--data", type=Path, help="folder with portraits/ and video/ (default: the project's samples)")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--only", choices=PARTS, help="measure this part only")
    parser.add_argument(
        "--bodies", type=int, default=NUM_BODIES, help="random bodies that are found again (%(default)s)"
    )


def run(args: argparse.Namespace) -> int:
    """Measure, print, write. Returns 1 if a figure is missed."""
    if args.bodies < 1:
        raise InputError(f"--bodies must be at least 1. Got {args.bodies}.")
    parts = PARTS if args.only is None else (args.only,)
    samples = Samples.open(args.data) if set(parts) != {"recovery"} else None
    figures: list[Figure] = []
    with quiet_native_libraries() as terminal, contextlib.closing(Stages(terminal)) as stages:
        model = load_anny(stages("Loading the body"))
        if samples is not None and "photos" in parts:
            figures += photo_figures(samples.portraits(), model, stages("Fitting photos"))
        if "recovery" in parts:
            figures += recovery_figures(model, args.bodies, stages("Finding random bodies again"))
        if samples is not None and "clips" in parts:
            figures += clip_figures(samples.clips(), model, stages("Tracking clips"))
        if samples is not None and "time" in parts:
            figures += time_figures(samples, model, stages("Timing"))
    sys.stdout.write(f"{format_table(figures)}\n{hardware()}\n")
    if args.json is not None:
        write_json(figures, args.json)
    return exit_code(figures)


def time_figures(samples: Samples, model: BodyModel, progress: Progress = silent) -> list[Figure]:
    """Warm fits of one photo from its pixels, detection and matte included: the fastest, as other work slows others."""
    photos = [path for path in samples.portraits() if not (shows_nobody(path) or is_painting(path))]
    if not photos:
        raise InputError(f"There is no photo of a person in {samples.root / 'portraits'}.")
    image = load_image(photos[0])
    walls, cpus = [], []
    for run_number in range(1 + TIMED):

        def part(done: int, total: int, run_number: int = run_number) -> None:
            progress(100 * run_number + 100 * done // max(1, total), 100 * (1 + TIMED))

        started, cpu = time.perf_counter(), time.process_time()
        fit_photo(image, model=model, progress=part)
        walls.append(time.perf_counter() - started)
        cpus.append(time.process_time() - cpu)
    progress(1, 1)
    return [
        Figure(
            what="time of one photo, warm",
            on=photos[0].stem,
            reached=min(walls[1:]),
            unit="s",
            asked=12.0,
            note=f"best of {TIMED}; {min(cpus[1:]):.1f} s of CPU time",
        )
    ]
