"""One network that learns one person, resumable to the exact step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call

from ..video.adapters import changed_weights, new_adapter
from ..video.network import VideoNetwork, shrink
from .pace import average, learning_rate
from .personalise_pairs import Drawn, Pairs
from .video_loss import VideoLossWeights, picture_loss, pixel_weights, signal_loss

_UNKNOWN = 10**6
"""Steps of a training whose length is not known yet: the learning rate does not fall."""


@dataclass(frozen=True, kw_only=True)
class PersonTraining:
    """How a person is learned."""

    minutes: float = 10.0
    """Of training, of all stages together; tracking the clip comes before."""
    steps: int | None = None
    """Of each stage, instead of minutes."""
    rank: int | None = 8
    """Of the adapters; None changes every weight as a whole."""
    batch: int = 4
    """Clips of a step."""
    frames: int = 2
    """Of a clip."""
    window: int = 24
    """Of the pictures, a square of so many patches is shown at a time."""
    learning_rate: float | None = None
    """None is 4e-3 for adapters and 4e-4 for whole changes."""
    warmup: int = 10
    cooldown: float = 0.4
    weight_decay: float = 0.0
    clip_norm: float = 1.0
    ema_decay: float = 0.97
    still: float = 0.02
    """What did not move is left alone up to here, see `adapters.STILL`: the person is known there too."""
    mirrored: float = 0.1
    """Share of what is shown mirrored: nobody is quite symmetric."""
    from_start: float = 0.6
    """Share of the steps at which nothing of the picture is known yet, where sampling without noise is decided."""
    looks: int = 12
    """At the held-out frames, evenly over the steps of a stage."""
    patience: int = 6
    """Looks that found nothing better after which a stage ends."""
    seed: int = 0
    loss: VideoLossWeights = field(
        default_factory=lambda: VideoLossWeights(mouth=6.0, eyes=5.0, face=3.0, gradients=0.05)
    )
    """Differences of neighbours count less than for the base, which needs them to become sharp at all."""


@dataclass(frozen=True, kw_only=True)
class StagePace:
    """A `pace.Pace`."""

    steps: int
    learning_rate: float
    warmup: int
    cooldown: float


class PersonTrainer:
    """A network as it is, the adapter that learns, its running average, optimiser and step.

    What a step draws depends on the seed and the step alone, and is drawn on the CPU. Where a model is sampled from
    less than unit noise (`VideoConfig.temperature`) it learns just that: to say the picture from the start that
    sampling has, and from what it has said itself at the steps that follow.
    """

    def __init__(
        self, network: VideoNetwork, pairs: Pairs, training: PersonTraining, device: torch.device | str = "cpu"
    ) -> None:
        self.network, self.pairs, self.training, self.device = network, pairs, training, torch.device(device)
        generator = torch.Generator().manual_seed(training.seed)
        self.adapter = new_adapter(network, training.rank, generator=generator, device=self.device)
        for value in self.adapter.values():
            value.requires_grad_()
        self.ema = {name: value.detach().clone() for name, value in self.adapter.items()}
        self.rate = training.learning_rate or (4e-3 if training.rank else 4e-4)
        self.optimizer = torch.optim.AdamW(
            list(self.adapter.values()), lr=self.rate, betas=(0.9, 0.99), weight_decay=training.weight_decay
        )
        self.step = 0

    def train_step(self, steps: int | None, *, poll: Callable[[], None] = lambda: None) -> dict[str, float]:
        """One update.

        Args:
            steps: of the whole training, on which the learning rate depends; None as long as it is not known.
            poll: called between the passes of the network.

        Returns:
            The loss terms.
        """
        training = self.training
        rng = np.random.default_rng((training.seed, self.network.config.size, self.step))
        drawn = self.pairs.draw(training.batch, rng)
        terms = self._loss(drawn, rng, poll)
        poll()
        pace = StagePace(
            steps=steps or _UNKNOWN, learning_rate=self.rate, warmup=training.warmup, cooldown=training.cooldown
        )
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(pace, self.step)
        self.optimizer.zero_grad()
        terms["total"].backward()
        torch.nn.utils.clip_grad_norm_(list(self.adapter.values()), training.clip_norm)
        self.optimizer.step()
        self.step += 1
        average([(self.ema[name], value) for name, value in self.adapter.items()], self.step, training.ema_decay)
        return {name: float(value.detach()) for name, value in terms.items()}

    def _loss(self, drawn: Drawn, rng: np.random.Generator, poll: Callable[[], None]) -> dict[str, Tensor]:
        network, training = self.network, self.training
        batch, references = drawn.batch.to(self.device), drawn.references.to(self.device)
        previous = None if drawn.change is None else self._previous(drawn, rng).to(self.device)
        signal = network.space.encode(batch.target)
        weights = changed_weights(network, self.adapter)

        def say(x: Tensor, steps: Tensor) -> Tensor:
            poll()
            arguments = {"controls": batch.controls, "reference": references, "previous": previous}
            return functional_call(network, weights, (x, steps[:, None].expand(x.shape[:2])), arguments)

        x, steps = self._noisy(signal, say, rng)
        shown = say(x, steps)
        importance = torch.ones(len(signal), device=self.device)
        if network.config.prediction != "x0":
            alpha, sigma = network.schedule.alpha_sigma(steps, importance)
            importance = (alpha / sigma).square().clamp(max=5.0)
        pixels = pixel_weights(batch.controls, training.loss)
        if network.config.space == "latent":
            return signal_loss(shown, signal, pixels, importance)
        return picture_loss(network.space.decode(shown), batch.target, pixels, training.loss, importance)

    def _noisy(
        self, signal: Tensor, say: Callable[[Tensor, Tensor], Tensor], rng: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        """What the network is shown, and the step of each clip; the same noise in all frames, as sampling has it."""
        schedule, temperature, b = self.network.schedule, self.network.config.temperature, len(signal)
        noise = torch.from_numpy(rng.standard_normal((b, 1, *signal.shape[2:]), np.float32)).to(signal)
        noise = temperature * noise.expand_as(signal)
        last = torch.full((b,), schedule.num_steps, device=self.device)
        # Stratified: every batch has all amounts of noise in it.
        place = torch.from_numpy((rng.random() + rng.permutation(b) / b) % 1)
        steps = (1 + (place * schedule.num_steps).long()).clamp(max=schedule.num_steps).to(self.device)
        from_start = rng.random() < self.training.from_start
        if temperature == 1:
            return schedule.add_noise(signal, noise, steps), steps
        if from_start:
            return noise, last
        with torch.no_grad():
            return schedule.add_noise(say(noise, last), noise, steps), steps

    def _previous(self, drawn: Drawn, rng: np.random.Generator) -> Tensor:
        """What the stage before gives. It knows these frames by now and changes them more surely than others."""
        assert drawn.change is not None
        composite = drawn.batch.controls.composite()
        share = torch.from_numpy(rng.uniform(0.4, 1.0, (len(composite), 1, 1, 1, 1))).float()
        small = shrink(composite.flatten(0, 1), (drawn.change.shape[-2], drawn.change.shape[-1]))
        return (small.unflatten(0, composite.shape[:2]) + share * drawn.change).clamp(0, 1)

    def state(self) -> dict[str, Any]:
        """All that goes on from here."""
        return {
            "adapter": {name: value.detach() for name, value in self.adapter.items()},
            "ema": dict(self.ema),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from a state, bit for bit on the same kind of device."""
        with torch.no_grad():
            for own, kept in ((self.adapter, state["adapter"]), (self.ema, state["ema"])):
                for name, value in own.items():
                    value.copy_(kept[name])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step = state["step"]
