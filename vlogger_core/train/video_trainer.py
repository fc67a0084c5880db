"""What a training of a video model is made of, resumable to the exact step."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from pathlib import Path

import torch
from jaxtyping import Int
from torch import Tensor

from ..errors import InputError
from ..video.config import VideoConfig
from ..video.network import Group, VideoNetwork, train_only
from ..video.reduced import REDUCTIONS, reduce_controls
from .pace import average, learning_rate
from .stage_before import StageBefore
from .state import read_state, save_state
from .video_data import ExampleStream, VideoBatch, collate
from .video_devices import Devices, OneDevice
from .video_loss import VideoLossWeights, picture_loss, pixel_weights, signal_loss

STAGES = ("image", "clip", "upscale", "joint")
CLIP_STAGES = ("clip", "joint")


_OWN_GROUPS: tuple[Group, ...] = ("base", "control", "reference")


@dataclass(frozen=True, kw_only=True)
class VideoTraining:
    """How to train one stage."""

    steps: int = 20000
    batch: int = 16
    """Samples of a step, on each device."""
    frames: int = 1
    """Of a sample; the temporal layers need several."""
    learning_rate: float = 3e-4
    """Rises over `warmup`, stays, and falls to a fiftieth over the last `cooldown` of the steps, so that a training can
    be made longer or shorter while it stays."""
    warmup: int = 200
    cooldown: float = 0.3
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    ema_decay: float = 0.999
    drop_controls: float = 0.0
    drop_reference: float = 0.1
    """Shares of the samples that do without, for guidance."""
    known_share: float = 0.6
    """Of the clips, how many begin with known frames (temporal outpainting), if the model takes them clean."""
    same_noise: float = 0.5
    """Of the clips, how many have the same noise in all frames, as they are sampled."""
    noise_power: float = 1.0
    """The diffusion step is drawn as `steps u^power`: less than 1 shows much noise more often, which is where sampling
    from little noise (`VideoConfig.temperature`) is decided."""
    seed: int = 0
    log_every: int = 50
    save_every: int = 1000
    """Also the interval of validation."""
    validation_examples: int = 24
    validation_steps: int = 4
    """Of the sampler."""
    open_shards: int = 6
    """Whose samples are mixed."""
    controls: str | None = None
    """Of `video.reduced.REDUCTIONS`, to learn from less than all controls; only to compare with."""
    loss: VideoLossWeights = field(default_factory=VideoLossWeights)

    def __post_init__(self) -> None:
        if self.controls is not None and self.controls not in REDUCTIONS:
            raise ValueError(f"controls must be one of {', '.join(REDUCTIONS)}. Got {self.controls!r}.")


def trained_groups(config: VideoConfig, stage: str) -> tuple[Group, ...]:
    """What a stage trains: on clips only the temporal layers (paper section 3.2), on single frames all others, but
    for a base that came trained."""
    if stage == "clip":
        return ("temporal",)
    images: tuple[Group, ...] = ("control", "reference") if config.space == "latent" else _OWN_GROUPS
    return (*images, "temporal") if stage == "joint" else images


class VideoTrainer:
    """Network, its running average, optimiser and step: all that a resumed run needs.

    What a step draws at random depends on the seed and the step alone, and is drawn on the CPU, so that it is the same
    wherever the network is.
    """

    def __init__(
        self,
        network: VideoNetwork,
        training: VideoTraining,
        stream: ExampleStream,
        *,
        stage: str,
        before: StageBefore | None = None,
        devices: Devices | None = None,
    ) -> None:
        if stage not in STAGES:
            raise ValueError(f"stage must be one of {', '.join(STAGES)}. Got {stage!r}.")
        self.training, self.stream, self.stage = training, stream, stage
        self.devices = devices or OneDevice(torch.device("cpu"))
        self.config = network.config
        self.before = before or StageBefore(self.config.upscale)
        self.network = network.to(self.devices.device).train()
        parameters = train_only(self.network, trained_groups(self.config, stage))
        self.ema = copy.deepcopy(self.network).eval().requires_grad_(False)
        self._averaged = [
            (mean, value)
            for mean, value in zip(self.ema.parameters(), self.network.parameters(), strict=True)
            if value.requires_grad
        ]
        optimizer = torch.optim.AdamW(
            parameters, lr=training.learning_rate, betas=(0.9, 0.99), weight_decay=training.weight_decay
        )
        self.wrapped, self.optimizer = self.devices.prepare(self.network, optimizer)
        self.step = 0
        self.sums: dict[str, float] = {}
        """Of the loss terms since they were logged last."""

    def train_step(self) -> dict[str, float]:
        """One update; returns the loss terms."""
        training = self.training
        generator = torch.Generator().manual_seed((training.seed * 1_000_003 + self.step) * 1009 + self.devices.rank)
        batch = collate(self.stream.next(training.batch))
        terms = self._loss(batch, generator)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(training, self.step)
        self.optimizer.zero_grad()
        self.devices.backward(terms["total"])
        torch.nn.utils.clip_grad_norm_([value for _, value in self._averaged], training.clip_norm)
        self.optimizer.step()
        self.step += 1
        average(self._averaged, self.step, training.ema_decay)
        return {name: float(value.detach()) for name, value in terms.items()}

    def _loss(self, batch: VideoBatch, generator: torch.Generator) -> dict[str, Tensor]:
        training, config = self.training, self.config
        device = self.devices.device
        on_device = batch.to(device)
        previous = self.before(on_device, generator) if config.upscale > 1 else None
        weights = pixel_weights(on_device.controls, training.loss)
        controls = on_device.controls
        if training.controls is not None:
            controls = reduce_controls(controls, training.controls)
        signal = self.network.space.encode(on_device.target)
        noise, steps = self._noise(signal.shape, generator)
        noise, steps = noise.to(device), steps.to(device)
        b = len(signal)
        keep = torch.rand(2, b, generator=generator) >= torch.tensor(
            [[training.drop_controls], [training.drop_reference]]
        )
        shown = self.wrapped(
            self.network.schedule.add_noise(signal, noise, steps),
            steps,
            controls=controls,
            reference=controls.reference,
            previous=previous,
            keep_controls=keep[0].to(device),
            keep_reference=keep[1].to(device),
        )
        alpha, sigma = self.network.schedule.alpha_sigma(steps.amax(1), signal.new_ones(b))
        importance = torch.ones_like(alpha)
        if config.prediction != "x0":
            importance = (alpha / sigma).square().clamp(max=5.0)
        # Known frames are given: only the others are judged.
        judged = (steps > 0).to(signal)[:, :, None, None, None]
        if config.space == "latent":
            return signal_loss(shown, signal, weights * judged, importance)
        pictures = self.network.space.decode(shown)
        return picture_loss(pictures, on_device.target, weights * judged, training.loss, importance)

    def _noise(self, shape: torch.Size, generator: torch.Generator) -> tuple[Tensor, Int[Tensor, "b t"]]:
        """Noise, and the step of each frame: 0 for the known frames at the beginning of a clip."""
        b, t = shape[:2]
        # Stratified: every batch has all amounts of noise in it.
        place = ((torch.rand((), generator=generator) + torch.arange(b) / b) % 1) ** self.training.noise_power
        steps = 1 + (place[torch.randperm(b, generator=generator)] * self.config.diffusion_steps).long()
        steps = steps.clamp(max=self.config.diffusion_steps)[:, None].repeat(1, t)
        noise = torch.randn(shape, generator=generator)
        if t > 1:
            same = torch.rand(b, generator=generator) < self.training.same_noise
            noise = torch.where(same[:, None, None, None, None], noise[:, :1], noise)
            if self.config.known_frames == "clean":
                begins = torch.rand(b, generator=generator) < self.training.known_share
                known = torch.randint(1, max(2, 3 * t // 4 + 1), (b,), generator=generator) * begins
                steps = torch.where(torch.arange(t)[None] < known[:, None], 0, steps)
        return noise, steps

    def save(self, path: Path) -> None:
        """Write the complete state; the file appears only when it is complete."""
        trained = {name for name, value in self.network.named_parameters() if value.requires_grad}
        state = {
            "network": {name: value for name, value in self.network.state_dict().items() if name in trained},
            "ema": {name: value for name, value in self.ema.state_dict().items() if name in trained},
            "optimizer": self.optimizer.state_dict(),
            "drawn": self.stream.drawn,
            "step": self.step,
            "stage": self.stage,
            "sums": self.sums,
        }
        save_state(path, state)

    def load(self, path: Path) -> None:
        """Go on from a saved state, bit for bit on the same kind of device.

        Raises:
            InputError: if it is damaged, or another stage's.
        """
        state = read_state(path, "stage")
        if state["stage"] != self.stage:
            raise InputError(f"{path} is of --stage {state['stage']}: go on with that, or choose another --out.")
        for network, name in ((self.network, "network"), (self.ema, "ema")):
            network.load_state_dict({**network.state_dict(), **state[name]})
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.sums = state["step"], state["sums"]
        self.stream.seek(state["drawn"])
