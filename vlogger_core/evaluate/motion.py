"""`evaluate motion`: what the motion model makes of voices that it never heard, beside what is asked."""

from __future__ import annotations

import argparse
import contextlib
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from ..errors import InputError
from ..motion.checkpoint import MotionModel, load_motion_model
from ..motion.sampler import sample_variations
from ..progress import Progress, silent
from ..terminal import Stages, quiet_native_libraries
from .motion_ablation import ablation_figures
from .motion_figures import (
    FALSE,
    HITS,
    HITS_GPU,
    JAW,
    JAW_GPU,
    Sampled,
    blink_figures,
    closure_figures,
    correlation_figures,
    jerk_figures,
    lag_figure,
    silence_figure,
    spread_figures,
)
from .motion_sets import (
    DEGRADED,
    ESPEAK,
    FLITE,
    RECORDING,
    SPEECH,
    SpokenClip,
    degraded,
    espeak_clips,
    flite_clips,
    recorded_clips,
    speech_clips,
)
from .motion_speed import STEPS, speed_figures
from .samples import Samples
from .table import Figure, chosen_parts, exit_code, format_table, hardware, write_json

PARTS = ("espeak", "flite", "recordings", "speech", "ablation", "speed")
SEEDS, FEWER_SEEDS = 16, 4
"""Motions of each clip; the smaller number where no spread is asked for, because lips hardly differ."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m vlogger_core evaluate motion`."""
    parser.add_argument("--weights", type=Path, help="the checkpoint to measure (default: the shipped one)")
    parser.add_argument(
        "--data", type=Path, help="folder with face_motion/ and speech/ (default: the project's samples)"
    )
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--only", help=f"measure these parts only, with commas between: {', '.join(PARTS)}")
    parser.add_argument("--steps", type=int, default=20, help="diffusion steps (%(default)s)")
    parser.add_argument("--guidance", type=float, default=1.1, help="guidance, 1 is none (%(default)s)")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="motions of each clip (%(default)s)")
    parser.add_argument("--gpu", action="store_true", help="ask what is asked of a model that was trained on a GPU")


def run(args: argparse.Namespace) -> int:
    """Measure, print, write. Returns 1 if a figure is missed."""
    parts = chosen_parts(args.only, PARTS)
    for name, smallest in (("steps", 1), ("seeds", 2), ("guidance", 0)):
        if not smallest <= getattr(args, name) < math.inf:
            raise InputError(f"--{name} must be at least {smallest}. Got {getattr(args, name)}.")
    model = load_motion_model(args.weights)
    if args.steps > model.config.diffusion_steps:
        raise InputError(f"--steps must be at most {model.config.diffusion_steps} for this model. Got {args.steps}.")
    samples = Samples.open(args.data) if {"recordings", "speech"} & set(parts) else None
    with quiet_native_libraries() as terminal, contextlib.closing(Stages(terminal)) as stages:
        figures = _figures(args, parts, model, samples, stages)
    sys.stdout.write(f"{format_table(figures)}\n{hardware()}\n")
    if args.json is not None:
        write_json(figures, args.json)
    return exit_code(figures)


def sample(
    model: MotionModel,
    clips: Sequence[SpokenClip],
    *,
    seeds: int,
    steps: int,
    guidance: float,
    progress: Progress = silent,
) -> list[Sampled]:
    """`seeds` motions of each clip, and as many of the generator's."""
    out = []
    for i, clip in enumerate(clips):

        def part(done: int, total: int, i: int = i) -> None:
            progress(1000 * i + 1000 * done // max(1, total), 1000 * len(clips))

        motions = sample_variations(
            model, clip.features, seeds=range(seeds), steps=steps, guidance=guidance, progress=part
        )  # fmt: skip
        out.append(Sampled(clip=clip, motions=motions, designed=clip.designed(range(seeds))))
    progress(1, 1)
    return out


def _figures(
    args: argparse.Namespace, parts: Sequence[str], model: MotionModel, samples: Samples | None, stages: Stages
) -> list[Figure]:
    """Kind by kind, as the sets allow."""
    fewer = min(args.seeds, FEWER_SEEDS)

    def sampled(clips: Sequence[SpokenClip], seeds: int, stage: str) -> list[Sampled]:
        return sample(
            model, clips, seeds=seeds, steps=args.steps, guidance=args.guidance, progress=stages(stage)
        )  # fmt: skip

    spoken = espeak_clips(stages("Speaking")) if {"espeak", "ablation"} & set(parts) else []
    flite = flite_clips()
    sets: dict[str, list[Sampled]] = {}
    if "espeak" in parts:
        sets[ESPEAK] = sampled(spoken, args.seeds, "Moving to unseen espeak voices")
        sets[DEGRADED] = sampled(degraded(spoken), fewer, "The same, degraded")
    if "flite" in parts:
        sets[FLITE] = sampled(flite, fewer, "Moving to an unseen flite voice")
    if samples is not None and "recordings" in parts:
        for item in sampled(recorded_clips(samples), fewer, "Moving to real recordings"):
            sets[f"{RECORDING} {item.clip.name}"] = [item]
    speech: list[Sampled] = []
    if samples is not None and "speech" in parts:
        speech = sampled(speech_clips(samples), args.seeds, "Moving to real speech")
    figures = lip_figures(sets, gpu=args.gpu)
    reference = [Sampled(clip=clip, motions=(), designed=clip.designed(range(fewer))) for clip in flite]
    figures += body_figures(sets, speech, reference)
    if "ablation" in parts:
        figures += ablation_figures(spoken, steps=args.steps, guidance=args.guidance, progress=stages("Ablation"))
    if "speed" in parts:
        figures += speed_figures(args.weights, steps=STEPS, guidance=args.guidance, progress=stages("Timing"))
    return figures


def lip_figures(sets: dict[str, list[Sampled]], *, gpu: bool) -> list[Figure]:
    """How lips follow the speech."""
    jaw, hits = (JAW_GPU, HITS_GPU) if gpu else (JAW, HITS)
    figures = [figure for on, items in sets.items() for figure in correlation_figures(items, on, jaw.get(on))]
    for on, items in sets.items():
        if any(item.clip.closures for item in items):
            figures += closure_figures(items, on, hits.get(on), FALSE.get(on))
    return [*figures, *(lag_figure(items, on) for on, items in sets.items())]


def body_figures(sets: dict[str, list[Sampled]], speech: list[Sampled], reference: Sequence[Sampled]) -> list[Figure]:
    """How everything else moves: as much and as calmly as designed, with a fair number of blinks, still in silence.

    Args:
        reference: of synthetic speech, whose designed motion is the measure of calm for recordings, which have none.
    """
    figures = spread_figures(sets[ESPEAK], ESPEAK) if ESPEAK in sets else []
    known = {on: items for on, items in sets.items() if on != DEGRADED}
    if speech:
        known[SPEECH] = speech
    for on, items in known.items():
        designed = all(item.designed for item in items)
        figures += jerk_figures(items, on, items if designed else reference)
    made = [item for on, items in sets.items() if on != DEGRADED for item in items]
    figures += blink_figures(made, "the test sets") if made else []
    figures += blink_figures(speech, SPEECH) if speech else []
    if ESPEAK in sets:
        figures.append(silence_figure(sets[ESPEAK], ESPEAK, asked=False))
    return [*figures, *(silence_figure([item], item.clip.name, asked=True) for item in speech)]
