"""What a training of the motion network is made of, resumable to the exact step."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from ..diffusion import cosine_schedule
from ..errors import InputError
from ..motion.layout import NUM_EXPRESSIONS
from ..motion.network import MotionConfig, MotionDenoiser
from ..names import EXPRESSION_INDEX
from ..rotation import compose_rotvec
from .motion_data import MotionWindows, silent_features, vary_microphone, vary_throat
from .motion_loss import LossWeights, MotionBatch, draw_batch, motion_loss
from .pace import average, learning_rate
from .state import read_state, save_state

_REFERENCE_DEG = 8.0
"""Spread of the reference poses from which a network without residuals must guess (ablation)."""
_WATCHED = ("jawOpen", "mouthPressLeft", "mouthPucker", "mouthRollLower")


@dataclass(frozen=True, kw_only=True)
class MotionTraining:
    """How to train."""

    steps: int = 13000
    frames_per_step: int = 960
    window_lengths: tuple[int, ...] = (48, 96, 192, 240)
    """Frames of a window; each step draws one of them (variable length training)."""
    learning_rate: float = 6e-4
    """Rises over `warmup`, stays, and falls to a fiftieth over the last `cooldown` of the steps, so that a training can
    be made longer or shorter while it stays."""
    warmup: int = 150
    cooldown: float = 0.3
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    ema_decay: float = 0.998
    shares: Mapping[str, float] | None = None
    """How often windows come from each source of the corpus, such as `{"espeak": 0.5, "flite": 0.5}`; None: as much as
    there is."""
    throat: float = 0.0
    """How far the speakers' throats are varied, and how many bands of their speech hidden; see `vary_throat`."""
    mask_bands: float = 0.0
    seed: int = 0
    log_every: int = 25
    save_every: int = 250
    """Also the interval of validation."""
    loss: LossWeights = field(default_factory=LossWeights)

    def __post_init__(self) -> None:
        for name in ("steps", "frames_per_step", "warmup", "log_every", "save_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"MotionTraining.{name} must be at least 1. Got {getattr(self, name)}.")
        if not 0 < self.cooldown <= 1:
            raise ValueError(f"MotionTraining.cooldown must lie above 0 and up to 1. Got {self.cooldown}.")
        if self.shares is not None and (not self.shares or min(self.shares.values()) <= 0):
            raise ValueError(f"MotionTraining.shares must all be above 0. Got {self.shares}.")
        if min(self.throat, self.mask_bands) < 0:
            raise ValueError(
                f"MotionTraining.throat and mask_bands must be at least 0. Got {self.throat} and {self.mask_bands}."
            )
        if not self.window_lengths or min(self.window_lengths) < 1:
            raise ValueError(f"MotionTraining.window_lengths must be at least 1 each. Got {self.window_lengths}.")


class MotionTrainer:
    """Network, its running average, optimiser, random state and step: all that a resumed run needs."""

    def __init__(
        self,
        config: MotionConfig,
        training: MotionTraining,
        data: MotionWindows,
        device: torch.device | str = "cpu",
        begin: MotionDenoiser | None = None,
    ) -> None:
        """Batches are drawn on the CPU, so that they are the same wherever the network is.

        Args:
            begin: a trained network of the same sizes to go on from, with its normalisation.
        """
        self.training, self.data, self.device = training, data, torch.device(device)
        torch.manual_seed(training.seed)
        self.network = MotionDenoiser(config)
        if begin is None:
            self._measure(data)
        else:
            self.network.load_state_dict(begin.state_dict())
        self.network.to(self.device)
        self.ema = MotionDenoiser(config).to(self.device)
        self.ema.load_state_dict(self.network.state_dict())
        self.ema.eval().requires_grad_(False)
        self.schedule = cosine_schedule(config.diffusion_steps)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(),
            lr=training.learning_rate,
            betas=(0.9, 0.99),
            weight_decay=training.weight_decay,
        )
        self.noise_response = config.noise_response()
        self.sums: dict[str, float] = {}
        """Of the loss terms since the last line of the log."""
        self.generator = torch.Generator().manual_seed(training.seed)
        self.step = 0

    def _measure(self, data: MotionWindows) -> None:
        """Take the normalisation from the corpus."""
        config = self.network.config
        statistics = data.statistics()
        if not config.residual:
            rotations = slice(NUM_EXPRESSIONS, config.motion_dim - 3)
            statistics["motion_std"][rotations] = statistics["motion_std"][rotations].hypot(
                torch.tensor(math.radians(_REFERENCE_DEG))
            )
        statistics["feature_silence"] = silent_features()[0]
        self.network.load_state_dict({**self.network.state_dict(), **statistics})

    def train_step(self) -> dict[str, float]:
        """One update; returns the loss terms."""
        batch = self._draw()
        terms = motion_loss(self.network, self.schedule, batch, self.training.loss)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.training, self.step)
        self.optimizer.zero_grad()
        terms["total"].backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.training.clip_norm)
        self.optimizer.step()
        self.step += 1
        average(zip(self.ema.parameters(), self.network.parameters(), strict=True), self.step, self.training.ema_decay)
        return {name: float(value.detach()) for name, value in terms.items()}

    def _draw(self) -> MotionBatch:
        lengths = self.training.window_lengths
        length = lengths[int(torch.randint(len(lengths), (1,), generator=self.generator))]
        windows = max(1, self.training.frames_per_step // length)
        features, motion = self.data.draw(windows, length, self.generator, self.training.shares)
        audio = vary_microphone(features, self.generator)
        if self.training.throat or self.training.mask_bands:
            audio = vary_throat(audio, self.generator, reach=self.training.throat, mask_bands=self.training.mask_bands)
        return self._batch(motion, audio, self.generator)

    def validation_batch(self, validation: MotionWindows) -> MotionBatch:
        """The same windows of unseen voices each time."""
        generator = torch.Generator().manual_seed(1)
        length = min(max(self.training.window_lengths), int(validation.lengths.max()))
        windows = max(1, 3 * self.training.frames_per_step // length)
        features, motion = validation.draw(windows, length, generator)
        return self._batch(motion, features, generator, drop_audio=0.0)

    def _batch(
        self,
        motion: Float[Tensor, "b t d"],
        audio: Float[Tensor, "b n f"],
        generator: torch.Generator,
        drop_audio: float = 0.1,
    ) -> MotionBatch:
        config = self.network.config
        if not config.residual:
            motion = _absolute(motion, generator)
        mean, std = self.network.motion_mean.cpu(), self.network.motion_std.cpu()
        batch = draw_batch(
            (motion - mean) / std,
            audio,
            self.schedule.num_steps,
            generator,
            noise_response=self.noise_response,
            drop_audio=drop_audio,
        )
        return batch.to(self.device)

    @torch.no_grad()
    def validate(self, batch: MotionBatch) -> dict[str, float]:
        """Loss of the averaged network, and the correlation of its one-step mean with the truth."""
        terms = motion_loss(self.ema, self.schedule, batch, self.training.loss)
        out = {f"validation_{name}": round(float(value), 5) for name, value in terms.items()}
        t = torch.full((len(batch.x0),), self.schedule.num_steps, device=batch.x0.device)
        mean = self.ema(batch.noise, t, audio=batch.audio)
        for name in _WATCHED:
            channel = EXPRESSION_INDEX[name]
            pair = torch.stack([mean[..., channel].flatten(), batch.x0[..., channel].flatten()])
            out[f"r_{name}"] = round(float(torch.corrcoef(pair)[0, 1]), 4)
        return out

    def save(self, path: Path) -> None:
        """Write the complete state; the file appears only when it is complete."""
        state = {
            "network": self.network.state_dict(),
            "ema": self.ema.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "step": self.step,
            "sums": self.sums,
            "recipe": self._recipe(),
        }
        save_state(path, state)

    def load(self, path: Path) -> None:
        """Go on from a saved state, bit for bit on the same kind of device.

        Raises:
            InputError: if the state is damaged, or of another network or training; only `steps` may differ.
        """
        state = read_state(path, "recipe")
        if state["recipe"] != self._recipe():
            raise InputError(
                f"{path} is of another network, training or corpus: resume with the same configuration and data, or "
                "begin anew in another folder."
            )
        self.network.load_state_dict(state["network"])
        self.ema.load_state_dict(state["ema"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"])
        self.step = state["step"]
        self.sums = state["sums"]

    def _recipe(self) -> str:
        """All that must be the same for a resumed run to be the same run."""
        training = {**asdict(self.training), "steps": None}
        network = {**asdict(self.network.config), "fps": str(self.network.config.fps)}
        corpus = [len(self.data.features), len(self.data.lengths)]
        return json.dumps({"training": training, "network": network, "corpus": corpus}, sort_keys=True)


def _absolute(motion: Float[Tensor, "b t d"], generator: torch.Generator) -> Float[Tensor, "b t d"]:
    """Residual rotations laid over a reference pose that is drawn for each window."""
    rotations = motion[..., NUM_EXPRESSIONS:-3].unflatten(-1, (-1, 3))
    reference = torch.randn(len(motion), 1, rotations.shape[2], 3, generator=generator) * math.radians(_REFERENCE_DEG)
    absolute = compose_rotvec(reference.expand_as(rotations), rotations)
    return torch.cat([motion[..., :NUM_EXPRESSIONS], absolute.flatten(-2), motion[..., -3:]], dim=-1)
