"""Motion of any length from speech."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from fractions import Fraction

import torch
from jaxtyping import Float
from torch import Tensor

from ..datatypes import Motion, SpeechFeatures
from ..diffusion import Denoiser, NoiseStream, classifier_free_guidance, num_rolling_steps, rolling_sample
from ..errors import InputError
from ..names import ARKIT_EXPRESSIONS
from ..progress import Progress, silent
from ..threads import limit_threads
from .checkpoint import MotionModel
from .face_backend import wear_face
from .gaze_control import steady_gaze
from .layout import NUM_EXPRESSIONS, vector_to_motion
from .network import LIP_CHANNELS, MotionConfig, MotionDenoiser, Past
from .smoothing import low_pass


def sample_motion(
    model: MotionModel,
    features: SpeechFeatures,
    *,
    seed: int,
    steps: int = 20,
    guidance: float = 1.1,
    progress: Progress = silent,
) -> Motion:
    """Sample one motion; see `sample_variations`."""
    return sample_variations(model, features, seeds=[seed], steps=steps, guidance=guidance, progress=progress)[0]


@torch.inference_mode(False)  # A motion is handed on to be edited and fitted, also where ComfyUI's mode forbids that.
@torch.no_grad()
def sample_variations(
    model: MotionModel,
    features: SpeechFeatures,
    *,
    seeds: Sequence[int],
    steps: int = 20,
    guidance: float = 1.1,
    progress: Progress = silent,
) -> list[Motion]:
    """Sample motions with a frame for every frame of the features, on the CPU; runs where the network is.

    Frames are finished one after the other (`diffusion.rolling`), each seeing `config.context_frames` of what went
    before: time grows linearly with length, memory beyond the result by the embedded speech only (1 kB a frame), and
    there is no border between windows. The lips are drawn to their mean (`config.lip_expectation`): without that they
    follow voices that the model never heard less well. Joints, translation and brows pass a low-pass filter
    (`smoothing`), the gaze is steadied (`gaze_control`); expressions are clamped to 0 to 1, which the network's own
    estimate leaves by a few hundredths. A seed gives the same motion again on the same kind of device.

    Args:
        seeds: of each motion, at least 0; all are sampled in one batch.
        steps: diffusion steps a frame, 1 to `config.diffusion_steps`.
        guidance: classifier-free guidance; 1 is none, and more follows the speech with larger movement.
        progress: counts evaluations of the network.

    Raises:
        InputError: if the features were made by another front end or at another frame rate than the model knows.
        ValueError: if a seed or `steps` is out of range, or there is no seed or no frame.
    """
    config, network = model.config, model.network
    _check(model, features)
    if not seeds or min(seeds) < 0:
        raise ValueError(f"seeds must be at least 0, and one at least. Got {list(seeds)}.")
    if not 1 <= steps <= config.diffusion_steps:
        raise ValueError(f"steps must lie in 1 to {config.diffusion_steps}. Got {steps}.")
    device = network.motion_mean.device
    num_frames = len(features.features)
    total = num_rolling_steps(num_frames, config.ramp_frames, steps)
    # The work is small: waiting threads cost more than they bring.
    with limit_threads(2) if device.type == "cpu" else nullcontext():
        progress(0, total)
        embedded = _embed(network, features.features)
        pieces: list[Tensor] = []
        rolling = rolling_sample(
            classifier_free_guidance(_remembering(network), guidance, {"embedded": None}),
            num_frames,
            NoiseStream(config.sampling_response(), [torch.Generator(device).manual_seed(seed) for seed in seeds]),
            model.schedule,
            ramp=config.ramp_frames,
            steps=steps,
            cond=lambda start, stop: {"embedded": embedded[start:stop]},
        )
        for done, piece in enumerate(rolling, start=1):
            pieces.append(network.denormalise(piece).cpu())
            progress(done, total)
        sampled = torch.cat(pieces, dim=1)
        if config.lip_expectation:
            sampled[..., list(LIP_CHANNELS)] = torch.lerp(
                sampled[..., list(LIP_CHANNELS)], _expected_lips(network, embedded).cpu(), config.lip_expectation
            )
    motions = [_finished(vector, config, features.fps) for vector in sampled]
    if model.face is None:
        return motions
    assert features.waveform is not None
    heard = model.face.expression(features.waveform, features.fps, num_frames, progress)
    return [wear_face(motion, heard) for motion in motions]


def _finished(vector: Float[Tensor, "t d"], config: MotionConfig, fps: Fraction) -> Motion:
    """What is slow made smooth, and expressions within their range."""
    slow = [i for i, name in enumerate(ARKIT_EXPRESSIONS) if name.startswith("brow")]
    slow += range(NUM_EXPRESSIONS, config.motion_dim)
    vector[:, slow] = low_pass(vector[:, slow], float(fps))
    vector[:, :NUM_EXPRESSIONS].clamp_(0, 1)
    return steady_gaze(vector_to_motion(vector, config.joint_names, fps))


def _expected_lips(network: MotionDenoiser, embedded: Float[Tensor, "t e"]) -> Float[Tensor, "t l"]:
    """The lips' mean, in the motion's own scale."""
    lips = list(LIP_CHANNELS)
    return network.expected_lips(embedded) * network.motion_std[lips] + network.motion_mean[lips]


def _remembering(network: MotionDenoiser) -> Denoiser:
    """The network as a denoiser of speech that is embedded already, and that remembers finished frames.

    None instead of speech is the unconditional model, which remembers by itself.
    """
    pasts = {heard: Past(limit=network.config.context_frames) for heard in (True, False)}

    def denoise(x: Tensor, t: Tensor, *, embedded: Tensor | None) -> Tensor:
        speech = network.null_audio if embedded is None else embedded
        return network.denoise(x, t.expand(len(x), -1), speech.expand(*x.shape[:2], -1), pasts[embedded is not None])

    return denoise


def _embed(network: MotionDenoiser, features: Float[Tensor, "t f"], piece: int = 480) -> Float[Tensor, "t e"]:
    """Embed all speech, `piece` frames at a time."""
    device = network.motion_mean.device
    spans = [(start, min(start + piece, len(features))) for start in range(0, len(features), piece)]
    heard = (_heard(network, features, *span).to(device)[None] for span in spans)
    return torch.cat([network.encode_audio(audio)[0] for audio in heard])


def _heard(network: MotionDenoiser, features: Float[Tensor, "t f"], start: int, stop: int) -> Float[Tensor, "n f"]:
    """Features of a span and its reach on both sides, silence beyond the ends of the speech."""
    first, last = start - network.config.audio_behind, stop + network.config.audio_ahead
    silence = network.feature_silence.to(features.device)
    before, after = max(0, -first), max(0, last - len(features))
    middle = features[max(0, first) : min(len(features), last)]
    return torch.cat([silence.expand(before, -1), middle, silence.expand(after, -1)])


def _check(model: MotionModel, features: SpeechFeatures) -> None:
    config = model.config
    if features.kind != config.feature_kind:
        raise InputError(
            f"This motion model hears {config.feature_kind} features, these are {features.kind}: "
            "choose the audio encoder or the motion model that matches."
        )
    if features.fps != config.fps:
        raise InputError(
            f"This motion model moves at {config.fps} frames a second, these features come at {features.fps}: "
            f"set the audio encoder to {config.fps} fps."
        )
    if model.face is not None and features.waveform is None:
        raise InputError(
            f"{model.face.name} hears the sound itself, and these features came without it: connect audio to the audio "
            "encoder."
        )
    t, d = features.features.shape
    if d != config.feature_dim or t == 0:
        raise ValueError(f"features must be [t, {config.feature_dim}] with t > 0. Got [{t}, {d}].")
