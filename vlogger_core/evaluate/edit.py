"""`python -m vlogger_core evaluate edit`: whether an edited clip shows what was asked, and only that (paper 4.3)."""

from __future__ import annotations

import argparse
import contextlib
import copy
import sys
from pathlib import Path

import torch

from ..body.anny_model import load_anny
from ..datatypes import Audio, Motion
from ..motion.checkpoint import load_motion_model
from ..motion.sampler import sample_motion
from ..speech.audio import to_speech
from ..speech.mel import SAMPLE_RATE, mel_features
from ..terminal import Stages, quiet_native_libraries
from ..video.cascade import CascadeSettings
from ..video.models import VideoModels
from ..video.sampler import SamplerSettings
from .edit_clips import CLOSE_EYES, CLOSE_MOUTH, DUB, KEEP_OPEN, Editor, dub, edit_clips, preset
from .edit_found import found_figures
from .edit_mask import mask_figures, score_edits
from .edit_memory import LONG_S, SHORT_S, memory_figures
from .edit_person import CLIPS, is_refused, learn_clips, person_figures, score_people
from .motion_flite_set import read_flite_set
from .reenact_cache import FitCache
from .reenact_clips import named
from .reenact_models import Cascade
from .samples import Samples
from .table import Figure, check_ranges, chosen_parts, exit_code, format_table, hardware, write_json

PARTS = ("edits", "mask", "memory", "person")
_PRESETS = (CLOSE_MOUTH, KEEP_OPEN, CLOSE_EYES)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m vlogger_core evaluate edit`."""
    parser.add_argument("--data", type=Path, help="folder with video/ (default: the project's samples)")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--only", help=f"measure these parts only, with commas between: {', '.join(PARTS)}")
    parser.add_argument("--cache", type=Path, help="keep tracks in this folder: they take minutes")
    parser.add_argument(
        "--weights", type=Path, help="folder with video_128, video_256 and video_512.safetensors (default: the shipped)"
    )
    parser.add_argument("--steps", type=int, default=2, help="diffusion steps of the base (%(default)s)")
    parser.add_argument("--upscale-steps", type=int, default=1, help="of each upscaler (%(default)s)")
    parser.add_argument(
        "--seconds", type=float, default=LONG_S, help="length of the clip that shows memory (%(default)g)"
    )


def run(args: argparse.Namespace) -> int:
    """Measure, print, write. Returns 1 if a figure is missed."""
    parts = chosen_parts(args.only, PARTS)
    check_ranges(args, {"steps": (1, 1000), "upscale_steps": (1, 1000), "seconds": (SHORT_S, 3600)})
    settings = CascadeSettings(
        base=SamplerSettings(steps=args.steps), upscalers=SamplerSettings(steps=args.upscale_steps)
    )
    models = Cascade.load(args.weights).models
    samples = Samples.open(args.data)
    figures: list[Figure] = []
    with quiet_native_libraries() as terminal, contextlib.closing(Stages(terminal)) as stages:
        body = load_anny(stages("Loading the body"))
        cache = FitCache(args.cache, body)
        clips = (
            cache.clips(samples.clips(), stages("Tracking clips")) if {"edits", "mask", "memory"} & set(parts) else []
        )
        if "edits" in parts:
            editor = Editor(models=models, body=body, settings=settings)
            edits = {name: preset(name) for name in _PRESETS} | {DUB: dub(_speech())}
            figures += found_figures(edit_clips(editor, clips, edits, stages("Editing")), named(clips))
        if "mask" in parts:
            figures += mask_figures(score_edits(clips, progress=stages("Masks")), named(clips))
        if "memory" in parts:
            figures += memory_figures(clips[0], models, settings, seconds=args.seconds, progress=stages("Memory"))
        if "person" in parts:
            learned = learn_clips(models, samples.clips()[:CLIPS], body, progress=stages("Learning people"))
            scores, same = score_people(models, learned, progress=stages("Held-out frames"))
            figures += person_figures(scores, same, learned, is_refused(models, learned[0].person, _another(models)))
    sys.stdout.write("\n".join([format_table(figures), hardware(), ""]))
    if args.json is not None:
        write_json(figures, args.json)
    return exit_code(figures)


def _speech() -> Motion:
    """What the shipped motion model makes of the sentences that a computer voice says for its own evaluation."""
    sound = torch.cat([torch.as_tensor(sound).float() for _, sound, _ in read_flite_set()])
    model = load_motion_model()
    speech = to_speech(Audio(waveform=sound[None], sample_rate=SAMPLE_RATE))
    return sample_motion(model, mel_features(speech, model.config.fps), seed=0)


@torch.no_grad()
def _another(models: VideoModels) -> VideoModels:
    """The same models, but for some weights of the base."""
    base = copy.deepcopy(models.base)
    next(base.parameters()).add_(1.0)
    return VideoModels(base=base, upscalers=models.upscalers)
