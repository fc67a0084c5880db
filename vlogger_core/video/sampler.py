"""Video of any length from controls: clip by clip, in memory that does not grow with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..diffusion import Denoiser, chained_guidance, known_prefix, known_values, noised_prefix, solve
from ..errors import InputError
from ..progress import Progress, silent
from .blocks import ControlEmbedding
from .config import VideoConfig
from .controls import ControlFrames, ControlSource, join_frames
from .drift import hold_colours
from .network import VideoNetwork, shrink
from .outpaint import ClipSpan, clip_spans, num_known

Frames = Float[Tensor, "t 3 h w"]


@dataclass(frozen=True, kw_only=True)
class SamplerSettings:
    """How a video is sampled."""

    seed: int = 0
    """Same seed, same video on the same kind of device."""
    steps: int = 2
    solver: str = "ddim"
    """Of `diffusion.SOLVERS`."""
    control_guidance: float = 1.0
    """1 is none; more follows the controls more closely than the model would, at twice the work."""
    reference_guidance: float = 1.0
    """The same for the reference."""
    overlap: float = 0.5
    """Share of a clip that the next one goes on from, 0 to 0.9."""
    clip_frames: int | None = None
    """N; None is what the model was trained with. Fewer take less memory."""
    fixed_noise: bool = True
    """The same noise for all frames, which holds what the controls leave open still."""
    temperature: float | None = None
    """0 to 1, of the noise; 0 always gives the same video, whatever the seed. None is the model's own
    (`VideoConfig.temperature`)."""
    colour_hold: float = 0.0
    """0 to 1: how far the colours of each clip are moved towards the reference's, against drift."""

    def __post_init__(self) -> None:
        for name, low, high in (("overlap", 0, 0.9), ("colour_hold", 0, 1)):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"SamplerSettings.{name} must lie in {low} to {high}. Got {value}.")
        if self.temperature is not None and not 0 <= self.temperature <= 1:
            raise ValueError(f"SamplerSettings.temperature must lie in 0 to 1. Got {self.temperature}.")
        if self.seed < 0 or self.steps < 1 or (self.clip_frames is not None and self.clip_frames < 1):
            raise ValueError(
                "SamplerSettings must have a seed of at least 0, and at least 1 step and 1 frame a clip. "
                f"Got seed {self.seed}, steps {self.steps}, clip_frames {self.clip_frames}."
            )


@dataclass(frozen=True, kw_only=True)
class SamplerState:
    """What the next clip goes on from. With it a stopped video is continued as if it had not been stopped."""

    done: int
    """Finished frames."""
    known: Float[Tensor, "t c hs ws"]
    """The last of them, as signals."""
    previous: Float[Tensor, "t 3 hp wp"] | None
    """Of an upscaler, the same frames as the stage before made them."""


@dataclass(frozen=True, kw_only=True)
class VideoChunk:
    """The new frames of a clip, on the CPU."""

    frames: Float[Tensor, "t 3 h w"]
    """0 to 1."""
    change: Float[Tensor, "t 3 h w"]
    """What they have more than the composite of their controls."""
    start: int
    """Index of the first."""
    state: SamplerState


def sample_video(
    network: VideoNetwork,
    source: ControlSource,
    settings: SamplerSettings,
    *,
    previous: Iterator[Frames] | None = None,
    state: SamplerState | None = None,
    progress: Progress = silent,
) -> Iterator[VideoChunk]:
    """Sample a video chunk by chunk, in order; runs where the network is.

    Clips of N frames are denoised together. Each goes on from the last frames of the one before, which are held at
    every step, and the other N' are new. Noise depends on seed, frame and step only. Where the controls are those of a
    video that is edited, the same holds for its pixels outside what is made anew, which come back as they are.

    Args:
        source: controls at the size of the video.
        previous: of an upscaler, pieces of what the stage before changed (`VideoChunk.change`), from frame
            `state.done` on. Where that stage changed nothing, neither sharpness nor edges of its own size come in.
        state: of the last chunk of a video that was stopped; None begins.
        progress: counts steps of clips; called with the same count while one is under way. It may raise to stop.

    Raises:
        InputError: if the model cannot make pictures of this size. Raised by this call.
        ValueError: if `previous` does not suit the model, or it ends early.
    """
    config = network.config
    _check(config, source, previous)
    clip_frames = settings.clip_frames or config.clip_frames
    overlap = num_known(clip_frames, settings.overlap)
    if state is None:
        channels, patch = config.signal_channels, config.patch
        known = torch.zeros(0, channels, source.size[0] // patch, source.size[1] // patch)
        state = SamplerState(done=0, known=known, previous=None)
    if len(state.known) != min(overlap, state.done):
        raise ValueError(f"state must hold {overlap} known frames, as the settings have it. Got {len(state.known)}.")
    spans = list(clip_spans(source.num_frames, clip_frames, overlap, done=state.done))
    total = settings.steps * len(list(clip_spans(source.num_frames, clip_frames, overlap)))
    counter = _Counter(progress, total - settings.steps * len(spans), total)
    return _chunks(network, source, settings, spans, overlap, previous, state, counter)


def frames_of(chunks: Iterator[VideoChunk]) -> Iterator[Frames]:
    """Only the frames."""
    for chunk in chunks:
        yield chunk.frames


def changes_of(chunks: Iterator[VideoChunk]) -> Iterator[Frames]:
    """Only the changes, for the next stage."""
    for chunk in chunks:
        yield chunk.change


class _Counter:
    """Progress within a count that only finished steps raise."""

    def __init__(self, progress: Progress, done: int, total: int) -> None:
        self.progress, self.done, self.total = progress, done, total

    def poll(self, *_: object) -> None:
        self.progress(self.done, self.total)


def _chunks(
    network: VideoNetwork,
    source: ControlSource,
    settings: SamplerSettings,
    spans: Iterable[ClipSpan],
    overlap: int,
    previous: Iterator[Frames] | None,
    state: SamplerState,
    counter: _Counter,
) -> Iterator[VideoChunk]:
    temperature = network.config.temperature if settings.temperature is None else settings.temperature
    stage_before = None if previous is None else chain.from_iterable(previous)
    held: ControlFrames | None = None
    for span in spans:
        counter.poll()
        held = controls = _controls(source, span, held, counter)
        before = None if stage_before is None else _before(stage_before, span, state, controls)
        known = state.known
        noise = _Noise(settings, span, temperature)
        clip = _sample_clip(network, controls, before, known, noise, settings, counter)
        clip, frames = _finished(network, clip, controls, span.known, settings.colour_hold)
        change = frames - controls.composite()[0, span.known :].cpu()
        kept = min(overlap, span.stop)
        signals = torch.cat([known, clip])
        state = SamplerState(
            done=span.stop,
            known=signals[len(signals) - kept :].clone(),
            previous=None if before is None else before[len(before) - kept :].clone(),
        )
        counter.poll()
        yield VideoChunk(frames=frames, change=change, start=span.fresh, state=state)


def _controls(source: ControlSource, span: ClipSpan, held: ControlFrames | None, counter: _Counter) -> ControlFrames:
    """Controls of a clip; those of its known frames are not made again where the clip before is at hand."""
    if held is None or not span.known:
        return source.frames(span.start, span.stop, counter.poll)
    fresh = source.frames(span.fresh, span.stop, counter.poll)
    return join_frames([held.slice(held.num_frames - span.known, held.num_frames), fresh])


def _before(stage_before: Iterator[Tensor], span: ClipSpan, state: SamplerState, controls: ControlFrames) -> Frames:
    """The clip as the stage before made it: the composite, made small, with what that stage changed."""
    changes = list(islice(stage_before, span.stop - span.fresh))
    if len(changes) < span.stop - span.fresh:
        raise ValueError(f"previous must give frame {span.stop - 1} of the stage before. It ended earlier.")
    change = torch.stack(changes)
    composite = controls.composite()[0, span.known :].cpu()
    fresh = (shrink(composite, (change.shape[-2], change.shape[-1])) + change).clamp(0, 1)
    return fresh if state.previous is None else torch.cat([state.previous, fresh])


@torch.no_grad()
def _finished(
    network: VideoNetwork, clip: Float[Tensor, "1 t c hs ws"], controls: ControlFrames, known: int, colour_hold: float
) -> tuple[Float[Tensor, "n c hs ws"], Float[Tensor, "n 3 h w"]]:
    """The new frames, as signals and as pictures, on the CPU."""
    fresh = clip[:, known:]
    frames = network.space.decode(fresh)
    target = controls.composite()[:, known:].to(frames)
    if colour_hold > 0:
        frames = hold_colours(frames[0], target[0], colour_hold)[None]
        fresh = network.space.encode(frames)
    if controls.fresh is not None:
        frames = torch.where(controls.fresh[:, known:].to(frames) > 0, frames, target)
    return fresh[0].cpu(), frames[0].clamp(0, 1).float().cpu()


@torch.no_grad()
def _sample_clip(
    network: VideoNetwork,
    controls: ControlFrames,
    before: Frames | None,
    known: Float[Tensor, "k c hs ws"],
    noise: _Noise,
    settings: SamplerSettings,
    counter: _Counter,
) -> Float[Tensor, "1 t c hs ws"]:
    device = network.reference.null.device
    if controls.fresh is not None and not controls.fresh[:, len(known) :].any():
        counter.done += settings.steps
        unchanged = network.space.encode(controls.composite()[:, len(known) :].to(device))
        return torch.cat([known[None].to(device), unchanged], 1)
    with _polled(network, counter.poll):
        controls = controls.to(device)
        encoded = network.encode_controls(controls, None if before is None else before[None].to(device))
        tokens = network.encode_reference(controls.reference)
        shape, known = tuple(known.shape[1:]), known[None].to(device)
        start = noise.draw(0, shape).to(device)
        denoise = _held(
            chained_guidance(
                network.denoise,
                [(settings.control_guidance, {"controls": None}), (settings.reference_guidance, {"tokens": None})],
            ),
            network,
            known,
            start[:, : known.shape[1]],
        )
        if controls.fresh is not None:
            picture, fresh = network.space.encode(controls.composite()), network.space.spread(controls.fresh)
            denoise = known_values(denoise, picture, fresh, start, network.schedule)

        def poll(step: int) -> None:
            counter.done += step > 0
            counter.poll()

        return solve(
            denoise,
            start,
            network.schedule,
            solver=settings.solver,
            steps=settings.steps,
            draw=lambda step: noise.draw(step + 1, shape).to(device),
            cond={"controls": encoded, "tokens": tokens},
            poll=poll,
        )


def _held(denoise: Denoiser, network: VideoNetwork, known: Tensor, noise: Tensor) -> Denoiser:
    """The denoiser with its first frames held, as it was trained to see them."""
    if network.config.known_frames == "clean":
        return known_prefix(denoise, known)
    return noised_prefix(denoise, known, noise, network.schedule)


@dataclass(frozen=True)
class _Noise:
    """Noise of a clip, each frame's depending on its place in the video only."""

    settings: SamplerSettings
    span: ClipSpan
    temperature: float

    def draw(self, step: int, shape: tuple[int, ...]) -> Float[Tensor, "1 t c hs ws"]:
        """Of the start (step 0), or fresh noise for one of the steps. Drawn on the CPU: it is the same everywhere."""
        span = self.span
        if self.settings.fixed_noise:
            noise = _draw(shape, self.settings.seed, step).expand(1, span.stop - span.start, *shape)
        else:
            frames = [_draw(shape, self.settings.seed, step, frame) for frame in range(span.start, span.stop)]
            noise = torch.stack(frames)[None]
        return noise * self.temperature


def _draw(shape: tuple[int, ...], *seeds: int) -> Tensor:
    seed = int(np.random.SeedSequence(seeds).generate_state(1, np.uint64)[0] >> np.uint64(1))
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@contextmanager
def _polled(network: VideoNetwork, poll: Callable[..., None]) -> Iterator[None]:
    """Call `poll` before every residual block, because one pass of a large network may take many seconds."""
    from diffusers.models.resnet import ResnetBlock2D

    slow = [module for module in network.modules() if isinstance(module, ResnetBlock2D | ControlEmbedding)]
    hooks = [module.register_forward_pre_hook(poll) for module in slow]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _check(config: VideoConfig, source: ControlSource, previous: Iterator[Frames] | None) -> None:
    if (config.upscale > 1) != (previous is not None):
        raise ValueError(f"previous must be given to upscalers only. Got a model of upscale {config.upscale}.")
    if source.num_frames < 1:
        raise InputError("The motion has no frames. Make one from at least one frame of speech.")
    h, w = source.size
    if h % config.patch or w % config.patch:
        fitting = [config.patch * max(1, round(side / config.patch)) for side in (w, h)]
        raise InputError(
            f"The picture is {w} x {h} px, and this video model needs sides that are multiples of {config.patch}: "
            f"render the controls at {fitting[0]} x {fitting[1]} px."
        )
