"""`python -m vlogger_core train video`: one explicit loop for all stages of the video model."""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import torch

from ..errors import InputError
from ..threads import limit_threads
from ..video.checkpoint import load_video_model, save_video_model
from ..video.config import VideoConfig
from ..video.network import VideoNetwork
from ..video.sd15 import load_sd15
from .curves import Curves, open_curves
from .loop import TrainingLog, run_steps
from .options import add_run_arguments, check_same_network, overrides, read_sections, state_path
from .stage_before import StageBefore
from .video_data import ExampleStream
from .video_devices import open_devices
from .video_loss import VideoLossWeights
from .video_trainer import CLIP_STAGES, STAGES, VideoTrainer, VideoTraining
from .video_validation import Validation, save_picture

log = logging.getLogger(__name__)


def train(
    trainer: VideoTrainer,
    out: Path,
    *,
    validation: Validation | None = None,
    until: int | None = None,
    curves: Curves | None = None,
) -> None:
    """Train up to the step `until`, the last one if None.

    Writes `out/log.jsonl`, the complete state `out/state.pt`, the averaged weights `out/video.safetensors` and the
    pictures `out/pictures/`. The loop keeps to the threads it is given.
    """
    out.mkdir(parents=True, exist_ok=True)
    training, writes = trainer.training, trainer.devices.rank == 0
    told = TrainingLog(path=out / "log.jsonl", curves=curves)

    def tell(step: int, line: Mapping[str, float]) -> None:
        if writes:
            told.tell(step, line)

    def look() -> None:
        if validation is None or not writes:
            return
        figures, picture = validation(trainer.ema, trainer.devices.device)
        tell(trainer.step, figures)
        save_picture(picture, out / "pictures" / f"{trainer.step:07d}.png")

    def keep() -> None:
        look()
        if writes:
            trainer.save(out / "state.pt")
            save_video_model(out / "video.safetensors", trainer.ema)

    if writes:
        told.forget_after(trainer.step)
    if trainer.step == 0:
        look()
    last = training.steps if until is None else min(until, training.steps)
    run_steps(trainer, last, tell=tell, keep=keep, log_every=training.log_every, save_every=training.save_every)


def read_config(path: Path) -> tuple[VideoTraining, dict[str, Any]]:
    """Read `{"training": {...}, "network": {...}}`: fields of `VideoTraining` and of `VideoConfig`, all optional.

    Returns:
        The training, and the network's settings, which make a `VideoConfig`.

    Raises:
        InputError: if the file is no such JSON.
    """
    try:
        training, network, loss = read_sections(
            path,
            training={field.name for field in fields(VideoTraining)},
            network={field.name for field in fields(VideoConfig)} - {"parts"},
            loss={field.name for field in fields(VideoLossWeights)},
        )
        network = {name: tuple(v) if isinstance(v, list) else v for name, v in network.items()}
        VideoConfig(**network)
        return VideoTraining(**training, loss=VideoLossWeights(**loss)), network
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is not a training configuration ({error}): see configs/video_128.json.") from error


def check_stage(stage: str, config: VideoConfig, training: VideoTraining) -> None:
    """See that a configuration suits a stage.

    Raises:
        InputError: if it does not.
    """
    if (stage == "upscale") != (config.upscale > 1) and stage not in CLIP_STAGES:
        raise InputError(
            f"--stage {stage} does not suit a network of upscale {config.upscale}: `image` trains the base model "
            "(upscale 1), `upscale` an upscaler."
        )
    if (stage in CLIP_STAGES) != (training.frames > 1):
        raise InputError(
            f"--stage {stage} needs {'several frames' if stage in CLIP_STAGES else 'frames 1'} in the configuration's "
            f"training. Got frames {training.frames}."
        )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m vlogger_core train video`."""
    parser.add_argument(
        "--stage",
        choices=STAGES,
        required=True,
        help="image: the base on single frames; upscale: an upscaler on single frames; clip: then the temporal layers "
        "of either; joint: all layers on clips at once, to compare with",
    )
    parser.add_argument("--data", type=Path, required=True, help="folder made by `data video-corpus`")
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for state, log, curves, pictures and checkpoint"
    )
    parser.add_argument("--config", type=Path, required=True, help="JSON with training and network, as in configs/")
    parser.add_argument(
        "--init",
        type=Path,
        help="checkpoint to go on from, whose network is kept: the shipped one to fine-tune it; the clip stage needs "
        "the image (or upscale) stage's",
    )
    parser.add_argument(
        "--before",
        type=Path,
        help="of an upscaler, the checkpoint of the stage before: it then learns from what that stage makes, not only "
        "from degraded truth",
    )
    parser.add_argument("--base", type=Path, help="Stable Diffusion 1.5, for networks in its latent space")
    parser.add_argument(
        "--device", default="cpu", help="cpu, cuda, cuda:1, mps, or accelerate for all that it gives (%(default)s)"
    )
    add_run_arguments(parser, threads=": as many as there are idle cores")


def run(args: argparse.Namespace) -> None:
    """Train, or go on training."""
    training, settings = read_config(args.config)
    training = replace(training, **overrides(args))
    state = state_path(args.out, resume=args.resume)
    if args.stage == "clip" and args.init is None:
        raise InputError("--stage clip needs --init: the video.safetensors of the image (or upscale) stage.")
    devices = open_devices(args.device)
    with limit_threads(args.threads):
        torch.manual_seed(training.seed)
        network = _network(settings, args.init, args.base)
        check_stage(args.stage, network.config, training)
        before = _stage_before(network.config, args.before, devices.device)
        kind = "clip" if args.stage in CLIP_STAGES else "frames"
        streams = {
            name: ExampleStream(
                args.data / name,
                kind=kind,
                num_frames=training.frames,
                seed=training.seed,
                open_shards=training.open_shards,
                rank=devices.rank if name == "train" else 0,
                world=devices.world if name == "train" else 1,
            )
            for name in ("train", "validation")
        }
        validation = Validation(
            streams["validation"],
            examples=training.validation_examples,
            batch=training.batch,
            sampler_steps=training.validation_steps,
            before=before,
            controls=training.controls,
        )
        trainer = VideoTrainer(network, training, streams["train"], stage=args.stage, before=before, devices=devices)
        if args.resume:
            trainer.load(state)
        log.info("training %s", json.dumps(asdict(training)))
        with open_curves(args.out, trainer.step) if devices.rank == 0 else nullcontext() as curves:
            train(trainer, args.out, validation=validation, curves=curves)


def _stage_before(config: VideoConfig, path: Path | None, device: torch.device) -> StageBefore | None:
    if path is None:
        return None
    network = load_video_model(path).to(device)
    if config.upscale == 1 or network.config.size * config.upscale != config.size:
        raise InputError(
            f"--before {path} gives {network.config.size} px, and the network to train makes {config.size} px out of "
            f"{config.size // config.upscale}: give the stage before it, and to a base none."
        )
    return StageBefore(config.upscale, network)


def _network(settings: Mapping[str, Any], init: Path | None, base: Path | None) -> VideoNetwork:
    if init is not None:
        network = load_video_model(init, base=base)
        check_same_network(network.config, settings)
        return network
    config = VideoConfig(**settings)
    if config.space == "pixel":
        return VideoNetwork(config)
    if base is None:
        raise InputError(
            "A network in a latent space needs --base: the diffusers folder or .safetensors file of SD 1.5."
        )
    sd15 = load_sd15(base)
    return VideoNetwork(config, base=sd15.unet, autoencoder=sd15.autoencoder)
