"""`python -m vlogger_core evaluate reenact`: what the video model adds to the warp, beside what is asked of it.

The first frame of a clip is made to move as the clip does (paper, section 4.1); further groups measure detail, drift,
speed, and the paper's ablations.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path

from ..body.anny_model import load_anny
from ..errors import InputError
from ..terminal import Stages, quiet_native_libraries
from ..video.cascade import CascadeSettings
from ..video.sampler import SamplerSettings
from .reenact_ablation import ablation_figures
from .reenact_cache import FitCache
from .reenact_clips import OURS, STATIC, WARP, Made, named, ours_figures, score_clips, told_figures, warp_figures
from .reenact_detail import detail_figures
from .reenact_drift import FRAMES, drift_figures
from .reenact_lpips import open_lpips
from .reenact_models import Cascade
from .reenact_scores import LPIPS, METRICS, Scores, format_scores
from .reenact_speed import speed_figures
from .samples import Samples, is_painting, shows_nobody
from .table import Figure, check_ranges, chosen_parts, exit_code, format_table, hardware, write_json

PARTS = ("warp", "ours", "detail", "ablation", "drift", "speed")
_NEEDS_MODELS = ("ours", "detail", "drift", "speed")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m vlogger_core evaluate reenact`."""
    parser.add_argument("--data", type=Path, help="folder with video/ and portraits/ (default: the project's samples)")
    parser.add_argument("--json", type=Path, help="also write the figures, and every score, to this file")
    parser.add_argument("--only", help=f"measure these parts only, with commas between: {', '.join(PARTS)}")
    parser.add_argument("--cache", type=Path, help="keep fits and tracks in this folder: they take minutes")
    parser.add_argument(
        "--weights", type=Path, help="folder with video_128, video_256 and video_512.safetensors (default: the shipped)"
    )
    parser.add_argument(
        "--ablations", type=Path, help="folder with the checkpoints of the ablation rows, see docs/train_video.md"
    )
    parser.add_argument("--steps", type=int, default=2, help="diffusion steps of the base (%(default)s)")
    parser.add_argument("--upscale-steps", type=int, default=1, help="of each upscaler (%(default)s)")
    parser.add_argument("--control-guidance", type=float, default=1.0, help="of the base, 1 is none (%(default)s)")
    parser.add_argument("--reference-guidance", type=float, default=1.0, help="of the base, 1 is none (%(default)s)")
    parser.add_argument("--overlap", type=float, default=0.5, help="share of a clip that the next goes on from")
    parser.add_argument("--frames", type=int, default=FRAMES, help="of the video that shows drift (%(default)s)")
    parser.add_argument(
        "--lpips",
        type=Path,
        help="torchvision's AlexNet weights as safetensors: also tell LPIPS (needs the package lpips)",
    )


def run(args: argparse.Namespace) -> int:
    """Measure, print, write. Returns 1 if a figure is missed."""
    parts, settings = chosen_parts(args.only, PARTS), _settings(args)
    cascade = Cascade.load(args.weights, settings) if set(parts) & set(_NEEDS_MODELS) else None
    distance = None if args.lpips is None else open_lpips(args.lpips)
    samples = Samples.open(args.data)
    figures: list[Figure] = []
    tables: list[str] = []
    told: list[Figure] = []
    with quiet_native_libraries() as terminal, contextlib.closing(Stages(terminal)) as stages:
        cache = FitCache(args.cache, load_anny(stages("Loading the body")))
        clips = (
            cache.clips(samples.clips(), stages("Tracking clips")) if {"warp", "ours", "ablation"} & set(parts) else []
        )
        if {"warp", "ours"} & set(parts):
            rows = [Made(name=OURS, sample=cascade.sample)] if cascade is not None and "ours" in parts else []
            scores = score_clips(clips, rows, distance=distance, progress=stages("Re-enacting"))
            names = [STATIC, WARP, *(row.name for row in rows)]
            figures += warp_figures(scores, named(clips)) if "warp" in parts else []
            figures += ours_figures(scores, named(clips)) if "ours" in parts else []
            _add_table(tables, told, f"{named(clips)}, 256 px", scores, names, distance is not None)
        if cascade is not None and "detail" in parts:
            figures += detail_figures(_people(samples), cascade, cache, stages("Detail"))
        if "ablation" in parts:
            more, scores, names = ablation_figures(clips, settings.base, args.ablations, stages("Ablation"))
            figures += more
            if names:
                _add_table(tables, told, f"ablation, {named(clips)}, 128 px", scores, names, False)
        if cascade is not None and "drift" in parts:
            figures += drift_figures(
                _people(samples), cascade.sample, cache, num_frames=args.frames, progress=stages("Drift")
            )
        if cascade is not None and "speed" in parts:
            figures += speed_figures(cascade.settings, cascade.told, progress=stages("Timing"))
    sys.stdout.write("\n".join([*tables, format_table(figures), hardware(), ""]))
    if args.json is not None:
        write_json([*figures, *told], args.json)
    return exit_code(figures)


def _settings(args: argparse.Namespace) -> CascadeSettings:
    limits = {"steps": (1, 1000), "upscale_steps": (1, 1000), "overlap": (0, 0.9)}
    limits |= {"control_guidance": (0, 20), "reference_guidance": (0, 20)}
    check_ranges(args, limits)
    return CascadeSettings(
        base=SamplerSettings(
            steps=args.steps,
            overlap=args.overlap,
            control_guidance=args.control_guidance,
            reference_guidance=args.reference_guidance,
        ),
        upscalers=SamplerSettings(steps=args.upscale_steps, overlap=args.overlap),
    )


def _people(samples: Samples) -> list[Path]:
    """Photos, no paintings."""
    found = [path for path in samples.portraits() if not (shows_nobody(path) or is_painting(path))]
    if not found:
        raise InputError(f"There is no photo of a person in {samples.root / 'portraits'}.")
    return found


def _add_table(
    tables: list[str], told: list[Figure], title: str, scores: Scores, rows: Sequence[str], with_lpips: bool
) -> None:
    tables.append(f"{title}\n{format_scores(scores, rows, with_lpips=with_lpips)}\n")
    told += told_figures(scores, rows, (*METRICS, LPIPS), title)
