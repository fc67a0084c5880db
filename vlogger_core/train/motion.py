"""`python -m vlogger_core train motion`: one explicit loop."""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from ..devices import usable_device
from ..errors import InputError
from ..motion.checkpoint import load_motion_model, save_motion_model
from ..motion.network import SAMPLING_SETTINGS, MotionConfig
from ..threads import limit_threads
from .curves import Curves, open_curves
from .loop import TrainingLog, run_steps
from .motion_data import MotionWindows, load_windows
from .motion_loss import LossWeights
from .motion_trainer import MotionTrainer, MotionTraining
from .options import add_run_arguments, check_same_network, overrides, read_sections, state_path

log = logging.getLogger(__name__)

_OF_THE_DATA = ("feature_kind", "feature_dim", "fps", "joint_names")
"""What the corpus decides about the network."""


def train(
    trainer: MotionTrainer,
    out: Path,
    *,
    validation: MotionWindows | None = None,
    until: int | None = None,
    curves: Curves | None = None,
) -> None:
    """Train up to the step `until`, the last one if None.

    Writes `out/log.jsonl`, the complete state `out/state.pt` and the averaged weights `out/motion.safetensors`.
    The loop keeps to the threads it is given; on a CPU shared with other work one thread is fastest.
    """
    out.mkdir(parents=True, exist_ok=True)
    training = trainer.training
    told = TrainingLog(path=out / "log.jsonl", curves=curves)
    told.forget_after(trainer.step)
    held_out = None if validation is None else trainer.validation_batch(validation)

    def keep() -> None:
        if held_out is not None:
            told.tell(trainer.step, trainer.validate(held_out))
        trainer.save(out / "state.pt")
        save_motion_model(out / "motion.safetensors", trainer.ema)

    last = training.steps if until is None else min(until, training.steps)
    run_steps(
        trainer, last, tell=told.tell, keep=keep, log_every=training.log_every, save_every=training.save_every
    )  # fmt: skip


def read_config(path: Path) -> tuple[MotionTraining, dict[str, Any]]:
    """Read `{"training": {...}, "network": {...}}`: fields of `MotionTraining` and of `MotionConfig`, all optional.

    Raises:
        InputError: if the file is no such JSON.
    """
    try:
        training, network, loss = read_sections(
            path,
            training={field.name for field in fields(MotionTraining)},
            network={field.name for field in fields(MotionConfig)} - set(_OF_THE_DATA),
            loss={field.name for field in fields(LossWeights)},
        )
        if "window_lengths" in training:
            training["window_lengths"] = tuple(training["window_lengths"])
        MotionConfig(**network)
        return MotionTraining(**training, loss=LossWeights(**loss)), network
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is not a training configuration ({error}): see configs/motion.json.") from error


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m vlogger_core train motion`."""
    parser.add_argument("--data", type=Path, required=True, help="folder made by `data speech-corpus`")
    parser.add_argument("--out", type=Path, required=True, help="folder for state, log, curves and checkpoint")
    parser.add_argument("--config", type=Path, help="JSON with settings of training and network, as in configs/")
    parser.add_argument(
        "--init", type=Path, help="motion model to go on from, such as the shipped one; its network is kept"
    )
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1, mps (%(default)s)")
    add_run_arguments(parser, threads="; 1 is fastest beside other work")


def run(args: argparse.Namespace) -> None:
    """Train, or go on training."""
    training, network = read_config(args.config) if args.config else (MotionTraining(), {})
    training = replace(training, **overrides(args))
    state = state_path(args.out, resume=args.resume)
    device = usable_device(args.device)
    begin = None if args.init is None else load_motion_model(args.init).network
    with limit_threads(args.threads):
        config = MotionConfig(**network) if begin is None else _with_settings(begin.config, network)
        reach = {"behind": config.audio_behind, "ahead": config.audio_ahead}
        data = load_windows(args.data / "train", **reach)
        validation = load_windows(args.data / "validation", **reach)
        _check_shares(training, data)
        of_the_data = replace(
            config,
            feature_kind=data.info.feature_kind,
            feature_dim=data.features.shape[1],
            fps=data.info.fps,
            joint_names=data.info.joint_names,
        )
        if begin is not None and of_the_data != config:
            raise InputError(
                f"{args.init} knows other speech features, joints or frame rate than {args.data}: make the corpus for "
                "it anew, or train without --init."
            )
        trainer = MotionTrainer(of_the_data, _shortened(training, data), data, device, begin)
        if args.resume:
            trainer.load(state)
        log.info("training %s", json.dumps(asdict(trainer.training)))
        with open_curves(args.out, trainer.step) as curves:
            train(trainer, args.out, validation=validation, curves=curves)


def _with_settings(config: MotionConfig, settings: Mapping[str, Any]) -> MotionConfig:
    """A trained network's configuration, for sampling as the settings say.

    Raises:
        InputError: if they ask for another network.
    """
    check_same_network(config, settings, free=set(SAMPLING_SETTINGS))
    return replace(config, **settings)


def _check_shares(training: MotionTraining, data: MotionWindows) -> None:
    missing = sorted(set(training.shares or ()) - set(data.sources))
    if missing:
        raise InputError(
            f"The configuration has shares for {', '.join(missing)}, of which the corpus has nothing; it has "
            f"{', '.join(sorted(set(data.sources)))}."
        )


def _shortened(training: MotionTraining, data: MotionWindows) -> MotionTraining:
    """Without the windows that no recording is long enough for."""
    longest = int(data.lengths.max())
    kept = tuple(length for length in training.window_lengths if length <= longest)
    if not kept:
        raise InputError(
            f"The longest recording has {longest} frames, the shortest window {min(training.window_lengths)}: record "
            "longer takes, or set shorter window_lengths in the configuration."
        )
    if kept != training.window_lengths:
        log.warning("No recording has more than %d frames: windows are %s frames long.", longest, kept)
    return replace(training, window_lengths=kept)
