"""`python -m vlogger_core personalise`: the video models learn one person from one clip.

The paper fine-tunes its model on a monocular video of a person (section 4.3, Fig. 7). Here each stage gets an adapter,
the base first, from pairs of frames of the clip that lie far apart in time; the last fifth of the clip says when to
stop.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import sys
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from ..body.load import load_body
from ..body.protocol import BodyModel
from ..devices import usable_device
from ..errors import InputError
from ..pipeline import Stage, video_size
from ..progress import silent
from ..terminal import Stages, quiet_native_libraries
from ..threads import limit_threads
from ..video.cascade_plan import plan_cascade
from ..video.checkpoint import SHIPPED_BASE, SHIPPED_UPSCALERS
from ..video.models import VideoModels, load_video_models
from ..video.person_file import Person, as_kept, made_of, save_person
from ..video.reader import VideoReader
from .personalise_clip import PersonClip, open_person_clip
from .personalise_stages import PersonRun, Watch, learn_stages
from .personalise_state import open_state
from .personalise_trainer import PersonTraining

log = logging.getLogger(__name__)

ENLARGED = 1.2
"""A stage whose pictures are larger than the clip's by more than this would learn how enlarged pictures look."""


def personalise(
    models: VideoModels,
    frames: Iterable[Float[Tensor, "3 h w"]],
    fps: Fraction,
    *,
    body: BodyModel,
    training: PersonTraining | None = None,
    landmarks: str = "auto",
    face_index: int = 0,
    state: Path | None = None,
    device: torch.device | str = "cpu",
    watch: Watch | None = None,
    stage: Stage = lambda sentence: silent,
) -> Person:
    """Learn the person of a clip of one shot. The same input gives the same person, if `training.steps` is given.

    Args:
        models: left as they are, wherever they are.
        frames: sRGB, 0 to 1, all of one size.
        fps: of the clip.
        landmarks, face_index: as for `detect_clip.clip_landmarks`.
        state: where what was learned is kept until all is done; what is there already is gone on from, bit for bit.
        device: where the networks learn; all else is done on the CPU.
        watch: gets a picture after each look at the held-out frames: composite, ours, truth.

    Returns:
        The person in the precision of its file.

    Raises:
        InputError: if the clip is too short or shows nobody (see `open_person_clip`), or `state` is of another run.
    """
    training = training or PersonTraining()
    with torch.inference_mode(False), torch.enable_grad():
        clip = open_person_clip(
            frames, fps, body, landmarks=landmarks, face_index=face_index, progress=stage("Following the person")
        )
        return learn_person(models, clip, training=training, state=state, device=device, watch=watch, stage=stage)


def learn_person(
    models: VideoModels,
    clip: PersonClip,
    *,
    training: PersonTraining,
    state: Path | None = None,
    device: torch.device | str = "cpu",
    watch: Watch | None = None,
    stage: Stage = lambda sentence: silent,
) -> Person:
    """`personalise` of a clip that is tracked already."""
    models = _learnable(models, clip)
    height, width = clip.tracked.pixels[0].shape[-2:]
    size = video_size(width, height, models.networks[-1].config.size)
    plan = plan_cascade([network.config for network in models.networks], size)
    progress = stage("Preparing")
    kept = open_state(state, models, clip, training, progress=progress)
    progress(1, 1)
    run = PersonRun(clip=clip, plan=plan, training=training, device=torch.device(device), stage=stage, watch=watch)
    adapters, figures = learn_stages(models, run, kept)
    made_for = tuple(made_of(network) for network in models.networks)
    return as_kept(Person(made_for=made_for, adapters=adapters, rank=training.rank, figures=figures))


def _learnable(models: VideoModels, clip: PersonClip) -> VideoModels:
    """Without the stages that show more than the clip has."""
    side = min(clip.tracked.pixels[0].shape[-2:])
    upscalers = tuple(network for network in models.upscalers if network.config.size <= ENLARGED * side)
    for network in models.upscalers[len(upscalers) :]:
        log.warning(
            "The clip has %d px on its shorter side, too few to learn %d px from: that stage stays as it is.",
            side,
            network.config.size,
        )
    return VideoModels(base=models.base, upscalers=upscalers)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m vlogger_core personalise`."""
    defaults = PersonTraining()
    parser.add_argument("--video", type=Path, required=True, help="a clip of one person in one shot, some seconds long")
    parser.add_argument("--out", type=Path, required=True, help="the .safetensors file to write")
    length = parser.add_mutually_exclusive_group()
    length.add_argument(
        "--minutes", type=float, default=defaults.minutes, help="of training, beside the tracking (%(default)s)"
    )
    length.add_argument("--steps", type=int, help="of each stage, instead of minutes")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--rank", type=int, default=defaults.rank, help="of the adapters (%(default)s)")
    size.add_argument("--full", action="store_true", help="change every weight as a whole: a large file")
    parser.add_argument("--seed", type=int, default=defaults.seed, help="(%(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="torch threads (%(default)s)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1, mps (%(default)s)")
    parser.add_argument(
        "--weights", type=Path, help="folder with video_128, video_256 and video_512.safetensors (default: the shipped)"
    )
    parser.add_argument("--smplx", type=Path, help="your SMPLX_NEUTRAL.npz (default: Anny)")
    parser.add_argument(
        "--landmarks",
        choices=("auto", "mediapipe", "cascade"),
        default="auto",
        help="what finds the face (%(default)s)",
    )
    parser.add_argument("--face", type=int, default=0, help="which face, 0 is the largest (%(default)s)")
    parser.add_argument("--resume", action="store_true", help="go on with a run of the same --out that was stopped")


def run(args: argparse.Namespace) -> None:
    """Learn a person and write its file."""
    for name, low, high in (("minutes", 0.1, 1440), ("steps", 1, 10**6), ("rank", 1, 512), ("threads", 1, 256)):
        value = getattr(args, name)
        if value is not None and not low <= value <= high:
            raise InputError(f"--{name} must lie in {low} to {high}. Got {value}.")
    training = PersonTraining(
        minutes=args.minutes, steps=args.steps, rank=None if args.full else args.rank, seed=args.seed
    )
    state = _state_path(args.out, resume=args.resume)
    device, reader = usable_device(args.device), VideoReader(args.video)
    base, upscalers = SHIPPED_BASE, SHIPPED_UPSCALERS
    if args.weights is not None:
        base, upscalers = args.weights / base.name, tuple(args.weights / path.name for path in upscalers)
    models = load_video_models(base, upscalers)
    with (
        limit_threads(args.threads),
        quiet_native_libraries() as terminal,
        contextlib.closing(Stages(terminal)) as stages,
    ):
        person = personalise(
            models,
            reader,
            reader.fps,
            body=load_body(args.smplx, progress=stages("Loading the body")),
            training=training,
            landmarks=args.landmarks,
            face_index=args.face,
            state=state,
            device=device,
            stage=stages,
        )
    save_person(args.out, person)
    state.unlink(missing_ok=True)
    sys.stdout.write(f"{args.out}\n{format_figures(person)}\n")


def format_figures(person: Person) -> str:
    """What was reached on the held-out frames, a line for each size and figure."""
    lines = []
    for name, value in person.figures.items():
        size, figure, whose = name.split()
        if whose == "person":
            lines.append(f"{size:>4} px  {figure:<11} {person.figures[f'{size} {figure} base']:8.3f} -> {value:8.3f}")
    return "\n".join(lines)


def _state_path(out: Path, *, resume: bool) -> Path:
    """Where a run is kept that was stopped.

    Raises:
        InputError: if the file cannot be written, there is no run to go on with, or one that would be lost.
    """
    if out.suffix != ".safetensors" or not out.parent.is_dir():
        raise InputError(f"--out must be a .safetensors file in a folder that exists. Got {out}.")
    state = out.with_suffix(".state.pt")
    if resume and not state.is_file():
        raise InputError(f"There is no {state} to go on with: leave --resume out to begin.")
    if not resume and state.is_file():
        raise InputError(f"{state} is of a run that was stopped: give --resume to go on with it, or delete it.")
    return state
