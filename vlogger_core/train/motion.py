"""Training of the motion network: one explicit loop, resumable to the exact step."""

from __future__ import annotations

import argparse
import json
import logging
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from ..diffusion import cosine_schedule
from ..errors import InputError
from ..motion.checkpoint import save_motion_model
from ..motion.network import MotionConfig, MotionDenoiser
from ..names import EXPRESSION_INDEX
from .motion_data import MotionWindows, load_windows, silent_features, vary_microphone
from .motion_loss import LossWeights, MotionBatch, draw_batch, motion_loss

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class MotionTraining:
    """How to train."""

    steps: int = 8500
    frames_per_step: int = 960
    window_lengths: tuple[int, ...] = (48, 96, 144, 192)
    """Frames of a window; each step draws one of them (variable length training)."""
    learning_rate: float = 6e-4
    """At the peak; rises over `warmup`, then falls along a cosine to a fiftieth at `steps`."""
    warmup: int = 150
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    ema_decay: float = 0.998
    seed: int = 0
    log_every: int = 25
    save_every: int = 250
    """Also the interval of validation."""
    loss: LossWeights = field(default_factory=LossWeights)


class MotionTrainer:
    """Network, its running average, optimiser, random state and step: all that a resumed run needs."""

    def __init__(self, config: MotionConfig, training: MotionTraining, data: MotionWindows) -> None:
        self.training, self.data = training, data
        torch.manual_seed(training.seed)
        self.network = MotionDenoiser(config)
        statistics = data.statistics()
        statistics["feature_silence"] = silent_features()[0]
        self.network.load_state_dict({**self.network.state_dict(), **statistics})
        self.ema = MotionDenoiser(config)
        self.ema.load_state_dict(self.network.state_dict())
        self.ema.eval().requires_grad_(False)
        self.schedule = cosine_schedule(config.diffusion_steps)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(),
            lr=training.learning_rate,
            betas=(0.9, 0.99),
            weight_decay=training.weight_decay,
        )
        self.generator = torch.Generator().manual_seed(training.seed)
        self.step = 0

    def train_step(self) -> dict[str, float]:
        """One update; returns the loss terms."""
        lengths = self.training.window_lengths
        length = lengths[int(torch.randint(len(lengths), (1,), generator=self.generator))]
        windows = max(1, self.training.frames_per_step // length)
        features, motion = self.data.draw(windows, length, self.generator)
        audio = vary_microphone(features, self.generator)
        batch = draw_batch(self.network.normalise(motion), audio, self.schedule.num_steps, self.generator)
        terms = motion_loss(self.network, self.schedule, batch, self.training.loss)
        for group in self.optimizer.param_groups:
            group["lr"] = self._learning_rate()
        self.optimizer.zero_grad()
        terms["total"].backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.training.clip_norm)
        self.optimizer.step()
        self.step += 1
        decay = min(self.training.ema_decay, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for average, value in zip(self.ema.parameters(), self.network.parameters(), strict=True):
                average.lerp_(value, 1 - decay)
        return {name: float(value.detach()) for name, value in terms.items()}

    def _learning_rate(self) -> float:
        warm = min(1.0, (self.step + 1) / self.training.warmup)
        done = min(1.0, self.step / max(1, self.training.steps))
        fall = 0.5 + 0.5 * float(torch.cos(torch.tensor(torch.pi * done)))
        return self.training.learning_rate * warm * (0.02 + 0.98 * fall)

    def save(self, path: Path) -> None:
        """Write the complete state; the file appears only when it is complete."""
        state = {
            "network": self.network.state_dict(),
            "ema": self.ema.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "step": self.step,
        }
        partial = path.with_suffix(".partial")
        torch.save(state, partial)
        os.replace(partial, path)

    def load(self, path: Path) -> None:
        """Go on from a saved state, bit for bit."""
        state = torch.load(path, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.ema.load_state_dict(state["ema"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"])
        self.step = state["step"]


def train(
    trainer: MotionTrainer, out: Path, *, validation: MotionWindows | None = None, until: int | None = None
) -> None:
    """Train up to the step `until`, the last one if None.

    Writes `out/log.jsonl`, the complete state `out/state.pt` and the averaged weights `out/motion.safetensors`.
    The loop keeps to the threads it is given; on a CPU shared with other work one thread is fastest.
    """
    out.mkdir(parents=True, exist_ok=True)
    training = trainer.training
    held_out = None if validation is None else _validation_batch(trainer, validation)
    sums: dict[str, float] = {}
    started, first = time.monotonic(), trainer.step
    last = training.steps if until is None else min(until, training.steps)
    while trainer.step < last:
        for name, value in trainer.train_step().items():
            sums[name] = sums.get(name, 0.0) + value
        step = trainer.step
        if step % training.log_every == 0:
            line = {name: round(value / training.log_every, 5) for name, value in sums.items()}
            sums = {}
            line["seconds_per_step"] = round((time.monotonic() - started) / (step - first), 3)
            _write(out / "log.jsonl", {"step": step, **line})
        if step % training.save_every == 0 or step == last:
            if held_out is not None:
                _write(out / "log.jsonl", {"step": step, **validate(trainer, held_out)})
            trainer.save(out / "state.pt")
            save_motion_model(out / "motion.safetensors", trainer.ema)


def _validation_batch(trainer: MotionTrainer, validation: MotionWindows) -> MotionBatch:
    generator = torch.Generator().manual_seed(1)
    length = max(trainer.training.window_lengths)
    windows = max(1, 3 * trainer.training.frames_per_step // length)
    features, motion = validation.draw(windows, length, generator)
    x0 = trainer.network.normalise(motion)
    return draw_batch(x0, features, trainer.schedule.num_steps, generator, drop_audio=0.0)


@torch.no_grad()
def validate(trainer: MotionTrainer, batch: MotionBatch) -> dict[str, float]:
    """Loss of the averaged network on unseen voices, and the correlation of its one-step mean with the truth."""
    terms = motion_loss(trainer.ema, trainer.schedule, batch, trainer.training.loss)
    out = {f"validation_{name}": round(float(value), 5) for name, value in terms.items()}
    t = torch.full((len(batch.x0),), trainer.schedule.num_steps)
    mean = trainer.ema(batch.noise, t, audio=batch.audio)
    for name in ("jawOpen", "mouthPressLeft", "mouthPucker", "mouthRollLower"):
        channel = EXPRESSION_INDEX[name]
        out[f"r_{name}"] = round(_correlation(mean[..., channel], batch.x0[..., channel]), 4)
    return out


def _correlation(a: Tensor, b: Tensor) -> float:
    return float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1])


def _write(path: Path, line: Mapping[str, int | float]) -> None:
    log.info("%s", "  ".join(f"{name} {value:g}" for name, value in line.items()))
    with path.open("a") as file:
        file.write(json.dumps(line) + "\n")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m vlogger_core train motion`."""
    default = MotionTraining()
    parser.add_argument("--data", type=Path, required=True, help="folder made by `data speech-corpus`")
    parser.add_argument("--out", type=Path, required=True, help="folder for state, log and checkpoint")
    parser.add_argument("--steps", type=int, default=default.steps)
    parser.add_argument("--frames-per-step", type=int, default=default.frames_per_step)
    parser.add_argument("--learning-rate", type=float, default=default.learning_rate)
    parser.add_argument("--seed", type=int, default=default.seed)
    parser.add_argument("--threads", type=int, default=1, help="torch threads; 1 is fastest beside other work")
    parser.add_argument("--resume", action="store_true", help="go on from --out/state.pt")


def run(args: argparse.Namespace) -> None:
    """Train, or go on training."""
    training = MotionTraining(
        steps=args.steps, frames_per_step=args.frames_per_step, learning_rate=args.learning_rate, seed=args.seed
    )
    state = args.out / "state.pt"
    if args.resume and not state.is_file():
        raise InputError(f"There is no {state} to resume from: leave --resume out to begin.")
    if not args.resume and state.is_file():
        raise InputError(f"{state} exists: give --resume to go on from it, or another --out.")
    with _threads(args.threads):
        config = MotionConfig()
        reach = {"behind": config.audio_behind, "ahead": config.audio_ahead}
        data = load_windows(args.data / "train", **reach)
        validation = load_windows(args.data / "validation", **reach)
        config = MotionConfig(
            feature_kind=data.info.feature_kind,
            feature_dim=data.features.shape[1],
            fps=data.info.fps,
            joint_names=data.info.joint_names,
        )
        trainer = MotionTrainer(config, training, data)
        if args.resume:
            trainer.load(state)
        log.info("training %s", json.dumps(asdict(training)))
        train(trainer, args.out, validation=validation)


@contextmanager
def _threads(num: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(num)
    try:
        yield
    finally:
        torch.set_num_threads(before)
