"""The command line: `python -m vlogger_core generate|data|train|...`."""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import importlib
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from .errors import InputError, ToolError

_COMMANDS = {
    ("data", "speech-corpus"): ("data.speech_corpus", "synthesise speech with exact times and its motion"),
    ("train", "motion"): ("train.motion", "train the motion model M"),
}
"""Commands with a module of their own, which offers `add_arguments(parser)` and `run(args)`."""


def main(argv: list[str] | None = None) -> int:
    """Run one command. Returns the exit code: 0, 2 for input that cannot be used, 130 when cancelled."""
    argv = sys.argv[1:] if argv is None else argv
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    args = _parser(tuple(argv[:2])).parse_args(argv)
    try:
        args.run(args)
    except (InputError, ToolError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ncancelled", file=sys.stderr)
        return 130
    return 0


def _parser(command: tuple[str, ...]) -> argparse.ArgumentParser:
    """All commands, with the arguments of the one that is asked for (the others' modules stay unimported)."""
    parser = argparse.ArgumentParser(prog="python -m vlogger_core", description=__doc__)
    commands = parser.add_subparsers(metavar="command", required=True)
    _add_generate(commands.add_parser("generate", help="make a talking video from a photo and speech"))
    groups: dict[str, argparse._SubParsersAction] = {}
    for (group, name), (module, summary) in _COMMANDS.items():
        if group not in groups:
            sub = commands.add_parser(group, help=", ".join(n for g, n in _COMMANDS if g == group))
            groups[group] = sub.add_subparsers(metavar="what", required=True)
        sub = groups[group].add_parser(name, help=summary, description=summary)
        if command == (group, name):
            implementation = importlib.import_module(f".{module}", __package__)
            implementation.add_arguments(sub)
            sub.set_defaults(run=implementation.run)
    return parser


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
    parser.add_argument("--steps", type=int, default=10, help="diffusion steps of the motion (%(default)s)")
    parser.add_argument("--guidance", type=float, default=1.1, help="guidance of the motion, 1 is none (%(default)s)")
    parser.add_argument("--face", type=int, default=0, help="which face of the photo, 0 is the largest (%(default)s)")
    parser.add_argument(
        "--landmarks",
        choices=("auto", "mediapipe", "cascade"),
        default="auto",
        help="what finds the face (%(default)s)",
    )
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1, mps (%(default)s)")
    parser.set_defaults(run=_generate)


def _generate(args: argparse.Namespace) -> None:
    # Heavy imports wait until the arguments are known to be good.
    from tqdm.contrib.logging import logging_redirect_tqdm

    from .assets import PORTRAIT, example_sentence
    from .image import exif_fov_deg, load_image
    from .pipeline import GenerateConfig, generate
    from .speech.audio import load_audio
    from .speech.espeak import synthesise
    from .video.writer import check_writable

    limits = {"size": (64, 4096), "seed": (0, 2**63 - 1), "steps": (1, 1000), "guidance": (0, 10), "face": (0, 31)}
    for name, (smallest, largest) in limits.items():
        value = getattr(args, name)
        if not smallest <= value <= largest:
            raise InputError(f"--{name} must lie in {smallest} to {largest}. Got {value}.")
    check_writable(args.out)
    photo = args.image or PORTRAIT
    image = load_image(photo)
    with (
        _quiet_native_libraries() as terminal,
        logging_redirect_tqdm(),
        contextlib.closing(_Stages(terminal)) as stages,
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
            face_index=args.face,
            landmark_source=args.landmarks,
            fov_deg=exif_fov_deg(photo),
        )
        path = generate(image, audio, args.out, config=config, device=_device(args.device), stage=stages)
    print(path)


def _device(name: str):
    """A device that is really there."""
    import torch

    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InputError(
            f"--device {name} cannot be used here: {str(error).splitlines()[0]}. Try --device cpu."
        ) from error
    return device


@contextlib.contextmanager
def _quiet_native_libraries() -> Iterator[TextIO]:
    """Keep what MediaPipe's C++ prints about itself out of the progress bars. Gives the stream for what shall be seen.

    Only the file descriptor is turned away, into a file that is shown after an unforeseen error; Python's own warnings
    and errors still arrive.
    """
    sys.stderr.flush()
    terminal = os.fdopen(os.dup(2), "w", buffering=1)
    previous, sys.stderr = sys.stderr, terminal
    streaming = [h for h in logging.getLogger().handlers if isinstance(h, logging.StreamHandler)]
    handlers = [handler for handler in streaming if handler.stream is previous]
    for handler in handlers:
        handler.setStream(terminal)
    faulthandler.enable(terminal)
    with tempfile.TemporaryFile() as chatter:
        os.dup2(chatter.fileno(), 2)
        try:
            yield terminal
        except (InputError, ToolError):
            raise
        except Exception:
            chatter.seek(0)
            terminal.write(chatter.read().decode(errors="replace"))
            raise
        finally:
            terminal.flush()
            os.dup2(terminal.fileno(), 2)
            faulthandler.disable()
            sys.stderr = previous
            for handler in handlers:
                handler.setStream(previous)
            terminal.close()


class _Stages:
    """A progress bar for each stage of the pipeline, one below the other."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._bar = None

    def __call__(self, sentence: str):
        from tqdm import tqdm

        self.close()
        # A log file gets a line now and then, a terminal a moving bar.
        bar = self._bar = tqdm(
            file=self._stream,
            mininterval=0.1 if self._stream.isatty() else 10,
            desc=f"{sentence:32}",
            bar_format="{desc} {bar:24} {n_fmt}/{total_fmt} [{elapsed}<{remaining}]",
        )

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        return progress

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
