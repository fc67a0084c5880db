"""Features of a pretrained audio encoder (wav2vec 2.0, Whisper) on the clock of the video."""

from __future__ import annotations

from fractions import Fraction

import torch
from einops import rearrange, reduce
from jaxtyping import Float, Int
from torch import Tensor

from .. import clock
from ..datatypes import SpeechFeatures
from ..errors import InputError
from .mel import SAMPLE_RATE, SUB_FRAMES, sub_frame_centres

STRIDE = 320
"""Samples at `SAMPLE_RATE` from one feature to the next: 50 features a second, in both families."""

_FIRST_CENTRE = {"wav2vec2-base": 200, "wav2vec2-large": 200, "whisper-large-v3": 0}
"""The sample on which the first feature is centred: wav2vec 2.0 sees 400 samples without padding, Whisper pads."""
KIND_OF_SIZE = {768: "wav2vec2-base", 1024: "wav2vec2-large", 1280: "whisper-large-v3"}
"""The encoders that ComfyUI loads, told apart by their width; versions trained on other speech have the same names."""
_TILE = 1024  # Frames interpolated at once.


def encoded_features(encoded: Float[Tensor, "k d"], num_samples: int, fps: Fraction) -> SpeechFeatures:
    """Resample an encoder's last layer to one feature vector a video frame.

    Each vector is the mean of the linearly interpolated features at the centres of the frame's quarters, the instants
    at which mel spectra are taken too. `kind` is the encoder's name.

    Args:
        encoded: features every `STRIDE` samples; those past the end of the speech (Whisper pads to 30 s) are ignored.
        num_samples: length of the speech at `SAMPLE_RATE`.

    Raises:
        InputError: if `fps` lies outside 8 to 120, the encoder is unknown, features are missing, or not finite.
    """
    clock.check_fps(fps)
    if num_samples <= 0 or len(encoded) == 0:
        raise InputError("The audio encoder's output is empty: give the encoder an audio with speech in it.")
    kind = KIND_OF_SIZE.get(encoded.shape[-1])
    if kind is None:
        known = ", ".join(f"{name} ({size})" for size, name in KIND_OF_SIZE.items())
        raise InputError(f"Audio encoder features must be of {known}. Got {encoded.shape[-1]} values a feature.")
    covered_s = (_FIRST_CENTRE[kind] + len(encoded) * STRIDE) / SAMPLE_RATE
    if covered_s < num_samples / SAMPLE_RATE - 0.05:
        raise InputError(
            f"The audio encoder heard only {covered_s:.1f} s of {num_samples / SAMPLE_RATE:.1f} s: Whisper takes 30 s "
            "at most. Cut the audio, or use a wav2vec2 encoder."
        )
    if not torch.isfinite(encoded).all():
        raise InputError("The audio encoder's output contains NaN or infinity: encode again in float32.")
    encoded = encoded.detach().to("cpu", torch.float32)
    centres = sub_frame_centres(0, clock.num_frames(num_samples, SAMPLE_RATE, fps), fps) - _FIRST_CENTRE[kind]
    tiles = [_interpolate(encoded, tile) for tile in centres.split(_TILE * SUB_FRAMES)]
    return SpeechFeatures(features=torch.cat(tiles), fps=fps, kind=kind)


def _interpolate(encoded: Float[Tensor, "k d"], samples: Int[Tensor, " sub"]) -> Float[Tensor, "t d"]:
    """The mean, for each frame, at samples counted from the first feature's; the outermost features go on."""
    samples = samples.clamp(0, (len(encoded) - 1) * STRIDE)
    before = samples // STRIDE
    after = (before + 1).clamp(max=len(encoded) - 1)
    share = rearrange((samples % STRIDE).float() / STRIDE, "n -> n 1")
    return reduce(torch.lerp(encoded[before], encoded[after], share), "(t sub) d -> t d", "mean", sub=SUB_FRAMES)
