"""The command line: `python -m vlogger_core generate|personalise|data|render|train|evaluate ...`."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .assets import DEFAULT_QUALITY, QUALITIES
from .errors import InputError, ToolError

if TYPE_CHECKING:
    from .video.cascade import CascadeSettings

_COMMANDS = {
    ("data", "speech-corpus"): ("data.speech_corpus", "synthesise speech with exact times and its motion"),
    ("data", "face-motion"): ("data.face_motion", "check recordings of a face rig against their speech"),
    ("data", "motion-folder"): ("data.motion_folder", "make training shards of your own recordings"),
    ("data", "video-corpus"): ("data.video_corpus", "render and warp training pairs for the video model"),
    ("render", "map"): ("render.side_by_side", "film a control map beside the moving photo"),
    ("train", "motion"): ("train.motion", "train the motion model M"),
    ("train", "video"): ("train.video", "train the video model or an upscaler"),
    ("evaluate", "fit"): ("evaluate.fit", "measure how well bodies are fitted to photos and clips"),
    ("evaluate", "motion"): ("evaluate.motion", "measure how well the motion model follows speech"),
    ("evaluate", "edit"): ("evaluate.edit", "measure edited clips and learned persons against what was asked"),
    ("evaluate", "reenact"): ("evaluate.reenact", "measure what the video model adds, on clips that it re-enacts"),
}
"""Commands with a module of their own, which offers `add_arguments(parser)` and `run(args)`. What `run` returns, if
anything, is the exit code."""


_PERSONALISE = ("personalise", "train.personalise", "let the video model learn one person from a clip")
"""A command of one word, with a module like those above."""


def main(argv: list[str] | None = None) -> int:
    """Run one command.

    Returns the exit code: 0, 1 for a figure that is missed, 2 for input that cannot be used, 130 when cancelled.
    """
    argv = sys.argv[1:] if argv is None else argv
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    args = _parser(tuple(argv[:2])).parse_args(argv)
    try:
        return args.run(args) or 0
    except (InputError, ToolError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ncancelled", file=sys.stderr)
        return 130


def _parser(command: tuple[str, ...]) -> argparse.ArgumentParser:
    """All commands, with the arguments of the one that is asked for (the others' modules stay unimported)."""
    parser = argparse.ArgumentParser(prog="python -m vlogger_core", description=__doc__)
    commands = parser.add_subparsers(metavar="command", required=True)
    _add_generate(commands.add_parser("generate", help="make a talking video from a photo and speech"))
    name, module, summary = _PERSONALISE
    _add_module(commands.add_parser(name, help=summary, description=summary), module, wanted=command[:1] == (name,))
    groups: dict[str, argparse._SubParsersAction] = {}
    for (group, name), (module, summary) in _COMMANDS.items():
        if group not in groups:
            sub = commands.add_parser(group, help=", ".join(n for g, n in _COMMANDS if g == group))
            groups[group] = sub.add_subparsers(metavar="what", required=True)
        sub = groups[group].add_parser(name, help=summary, description=summary)
        _add_module(sub, module, wanted=command == (group, name))
    return parser


def _add_module(parser: argparse.ArgumentParser, module: str, *, wanted: bool) -> None:
    """The arguments of a command's module, if it is the one that is asked for."""
    if wanted:
        implementation = importlib.import_module(f".{module}", __package__)
        implementation.add_arguments(parser)
        parser.set_defaults(run=implementation.run)


def _add_generate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--image", type=Path, help="the portrait photo (default: the shipped character)")
    speech = parser.add_mutually_exclusive_group()
    speech.add_argument("--audio", type=Path, help="recorded speech: wav, mp3, flac, ogg, or a video's sound")
    speech.add_argument("--text", help="what to say (default: the shipped sentence)")
    parser.add_argument(
        "--voice", default="en-us", help="espeak-ng voice for --text, such as en-us+f3 or de (%(default)s)"
    )
    parser.add_argument("--out", type=Path, required=True, help="the .mp4 file to write")
    parser.add_argument("--seed", type=int, default=0, help="another seed, another motion (%(default)s)")
    parser.add_argument("--size", type=int, default=512, help="pixels of the video's shorter side (%(default)s)")
    parser.add_argument("--steps", type=int, default=20, help="diffusion steps of the motion (%(default)s)")
    parser.add_argument("--guidance", type=float, default=1.1, help="guidance of the motion, 1 is none (%(default)s)")
    _add_controls(
        parser.add_argument_group("how much of the motion is shown", "factors: 0 is none, 1 as sampled, 2 twice")
    )
    parser.add_argument("--face", type=int, default=0, help="which face of the photo, 0 is the largest (%(default)s)")
    parser.add_argument(
        "--landmarks",
        choices=("auto", "mediapipe", "cascade"),
        default="auto",
        help="what finds the face (%(default)s)",
    )
    parser.add_argument(
        "--smplx",
        type=Path,
        help="your SMPLX_NEUTRAL.npz, under its own licence, instead of the embedded body (default: Anny)",
    )
    parser.add_argument(
        "--rasteriser",
        choices=("torch", "numba", "warp", "pytorch3d"),
        default="torch",
        help="what draws the body; all but torch are optional packages (%(default)s)",
    )
    parser.add_argument(
        "--quality",
        choices=QUALITIES,
        default=DEFAULT_QUALITY,
        help="preview: the photo carried by the body, in seconds; video: what the video model makes of it, in minutes "
        "(%(default)s)",
    )
    _add_video(parser.add_argument_group("the video model", "with --quality video"))
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1, mps (%(default)s)")
    parser.set_defaults(run=_generate)


def _add_video(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--video-steps", type=int, default=2, help="diffusion steps of the base model (%(default)s)")
    group.add_argument("--upscale-steps", type=int, default=1, help="diffusion steps of each upscaler (%(default)s)")
    group.add_argument("--solver", choices=("ddpm", "ddim", "dpm++"), default="ddim", help="(%(default)s)")
    group.add_argument(
        "--control-guidance",
        type=float,
        default=1.0,
        help="how closely the body is followed, 1 is as the model does by itself (%(default)s)",
    )
    group.add_argument("--reference-guidance", type=float, default=1.0, help="the same for the photo (%(default)s)")
    group.add_argument(
        "--overlap", type=float, default=0.5, help="share of each clip that the next one goes on from (%(default)s)"
    )
    group.add_argument(
        "--clip-frames", type=int, help="frames made together; fewer take less memory (default: as trained)"
    )
    group.add_argument(
        "--run-folder", type=Path, help="keep finished frames here: a run that was stopped goes on when started again"
    )
    group.add_argument("--person", type=Path, metavar="FILE", help="what `personalise` learned of the person")
    group.add_argument(
        "--person-strength", type=float, metavar="X", help="0 is the model as it is, 1 what was learned (default: 1)"
    )


_AMOUNTS = {
    "expression": "lips, jaw, cheeks, nose and brows",
    "head": "neck and head",
    "torso": "chest, collarbones and sway",
    "hands": "shoulders, arms, wrists and fingers",
    "energy": "head, torso, hands and brows together, not the lips",
    "idle": "the same while nobody speaks",
}


def _add_controls(group: argparse._ArgumentGroup) -> None:
    for name, meaning in _AMOUNTS.items():
        group.add_argument(f"--{name}", type=float, default=1.0, metavar="FACTOR", help=f"{meaning} (%(default)s)")
    group.add_argument(
        "--blinks", type=float, metavar="PER_MINUTE", help="how often the eyes blink (default: as sampled)"
    )
    group.add_argument("--gaze", choices=("free", "camera"), default="free", help="what the eyes look at (%(default)s)")


def _generate(args: argparse.Namespace) -> None:
    # Heavy imports wait until the arguments are known to be good.
    from tqdm.contrib.logging import logging_redirect_tqdm

    from .assets import PORTRAIT, example_sentence
    from .devices import usable_device
    from .image import exif_fov_deg, load_image
    from .motion.controls import MotionControls
    from .pipeline import GenerateConfig, generate
    from .speech.audio import load_audio
    from .speech.espeak import synthesise
    from .terminal import Stages, quiet_native_libraries
    from .video.writer import check_writable

    limits = {"size": (64, 4096), "seed": (0, 2**63 - 1), "steps": (1, 1000), "guidance": (0, 10), "face": (0, 31)}
    limits |= {"video_steps": (1, 1000), "upscale_steps": (1, 1000), "overlap": (0, 0.9), "clip_frames": (1, 256)}
    limits |= {"control_guidance": (0, 20), "reference_guidance": (0, 20)}
    limits |= {"person_strength": (0, 2), "blinks": (0, 60), **dict.fromkeys(_AMOUNTS, (0, 2))}
    for name, (smallest, largest) in limits.items():
        value = getattr(args, name)
        if value is not None and not smallest <= value <= largest:
            raise InputError(f"--{name.replace('_', '-')} must lie in {smallest} to {largest}. Got {value}.")
    if args.run_folder and args.quality != "video":
        raise InputError("--run-folder keeps what the video model makes: add --quality video.")
    if args.person and args.quality != "video":
        raise InputError("--person changes what the video model makes: add --quality video.")
    if args.person_strength is not None and not args.person:
        raise InputError("--person-strength says how much of a person is shown: give the person's file with --person.")
    check_writable(args.out)
    photo = args.image or PORTRAIT
    image = load_image(photo)
    with (
        quiet_native_libraries() as terminal,
        logging_redirect_tqdm(),
        contextlib.closing(Stages(terminal)) as stages,
    ):
        if args.audio:
            audio = load_audio(args.audio, progress=stages("Reading the sound"))
        else:
            text = example_sentence() if args.text is None else args.text
            audio, _ = synthesise(text, voice=args.voice, progress=stages("Text to speech"))
        config = GenerateConfig(
            seed=args.seed,
            short_side=args.size,
            steps=args.steps,
            guidance=args.guidance,
            controls=MotionControls(
                face=args.expression,
                head=args.head,
                torso=args.torso,
                hands=args.hands,
                energy=args.energy,
                idle=args.idle,
                blinks_per_minute=args.blinks,
                gaze=args.gaze,
            ),
            face_index=args.face,
            landmark_source=args.landmarks,
            fov_deg=exif_fov_deg(photo),
            smplx=args.smplx,
            rasteriser=args.rasteriser,
            quality=args.quality,
            cascade=_cascade(args),
            run_folder=args.run_folder,
            person=args.person,
            person_strength=1.0 if args.person_strength is None else args.person_strength,
        )
        path = generate(image, audio, args.out, config=config, device=usable_device(args.device), stage=stages)
    print(path)


def _cascade(args: argparse.Namespace) -> CascadeSettings:
    from .video.cascade import CascadeSettings
    from .video.sampler import SamplerSettings

    shared = {"solver": args.solver, "overlap": args.overlap, "clip_frames": args.clip_frames}
    return CascadeSettings(
        base=SamplerSettings(
            steps=args.video_steps,
            control_guidance=args.control_guidance,
            reference_guidance=args.reference_guidance,
            **shared,
        ),
        upscalers=SamplerSettings(steps=args.upscale_steps, **shared),
    )
