"""Mel spectrogram on the clock of the video: what the motion model hears.

Each video frame has `SUB_FRAMES` spectra, the windows centred in its quarters. Every centre is computed in integers
from its index, so nothing drifts; a range of frames is bit for bit the same as in the whole, and so are features of
speech that comes in pieces.

Loudness is normalised by a gated root mean square (not ITU BS.1770: no weighting filter, a gate 30 dB under the loud
speech instead of its two), which brings speech to -20 dBFS and is not lowered by pauses.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from fractions import Fraction

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

from .. import clock
from ..datatypes import SpeechFeatures
from ..progress import Progress, silent

SAMPLE_RATE = 16000
FEATURE_KIND = "mel80x4"
NUM_MELS = 80
SUB_FRAMES = 4
FEATURE_SIZE = SUB_FRAMES * NUM_MELS
WINDOW = 400
FFT_SIZE = 512
MIN_HZ, MAX_HZ = 50.0, 7600.0

ACTIVE_RMS = 0.1
"""Loudness that speech is brought to before the logarithm."""
POWER_FLOOR = 1e-2
"""Added to the mel power. With speech at `ACTIVE_RMS` it hides the noise of a room."""
LOG_MEAN, LOG_SCALE = -2.6, 2.5
"""About mean and deviation of the log mel power of speech, pauses included: features are (log - mean) / scale."""

_BLOCK = 320  # 20 ms, over which loudness is measured.
_ACTIVE_RATIO = 1e-3  # 30 dB under loud speech still counts as speech.
_TILE = 128  # Frames computed at once, always whole: results of a matrix product depend on its size.


def mel_features(speech: Float[Tensor, " n"], fps: Fraction, *, progress: Progress = silent) -> SpeechFeatures:
    """Features of all frames that the speech covers (`clock.num_frames`), at `SAMPLE_RATE`, any loudness.

    `progress` counts video frames. Digital silence gives the features of silence.

    Raises:
        InputError: if `fps` lies outside 8 to 120.
        ValueError: if there is no sample.
    """
    clock.check_fps(fps)
    num_frames = clock.num_frames(speech.shape[-1], SAMPLE_RATE, fps)
    gain = loudness_gain(speech)
    features = mel_frames(speech, fps, 0, num_frames, gain=gain, progress=progress)
    return SpeechFeatures(features=features, fps=fps, kind=FEATURE_KIND, waveform=speech)


def stream_mel(
    pieces: Iterable[Float[Tensor, " _"]], fps: Fraction, *, gain: float
) -> Iterator[Float[Tensor, "_ 320"]]:
    """The features of speech that comes piece by piece, bit for bit as of the whole, in constant memory.

    Frames come out some seconds at a time, as soon as the sound around them is known. `gain` is `loudness_gain` of the
    whole speech, or 1 for speech that is at `ACTIVE_RMS` already.

    Raises:
        InputError: if `fps` lies outside 8 to 120.
        ValueError: if there is no sample, or a piece is no float tensor of one axis.
    """
    clock.check_fps(fps)
    waiting = iter(pieces)
    held, offset = torch.zeros(0), 0
    ended = False
    for first in itertools.count(0, _TILE):
        centres = sub_frame_centres(first, first + _TILE, fps)
        while not ended and offset + len(held) <= int(centres[-1]) + WINDOW:
            piece = next(waiting, None)
            ended = piece is None
            if piece is not None:
                _check_speech(piece, may_be_empty=True)
                held = torch.cat([held, piece.to("cpu", torch.float32)])
        num_samples = offset + len(held)
        num_left = clock.num_frames(num_samples, SAMPLE_RATE, fps) - first if ended else _TILE
        if ended and num_samples == 0:
            raise ValueError("pieces must hold at least one sample. Got none.")
        if num_left <= 0:
            return
        yield compress_power(_tile_power(held, centres - offset, gain)[:num_left])
        passed = min(max(int(centres[-1]) - WINDOW - offset, 0), len(held))
        held, offset = held[passed:].clone(), offset + passed


def mel_frames(
    speech: Float[Tensor, " n"],
    fps: Fraction,
    start: int,
    stop: int,
    *,
    gain: float,
    progress: Progress = silent,
) -> Float[Tensor, "t 320"]:
    """Features of the frames `[start, stop)`, bit for bit as in the whole; silence lies outside the speech.

    `gain` is `loudness_gain` of the whole speech.
    """
    return compress_power(mel_power(speech, fps, start, stop, gain=gain, progress=progress))


def mel_power(
    speech: Float[Tensor, " n"],
    fps: Fraction,
    start: int,
    stop: int,
    *,
    gain: float,
    progress: Progress = silent,
) -> Float[Tensor, "t 4 80"]:
    """Mel power of the frames `[start, stop)` before the logarithm, in float32."""
    _check_speech(speech)
    if not 0 <= start < stop:
        raise ValueError(f"start and stop must satisfy 0 <= start < stop. Got {start}, {stop}.")
    tiles = []
    for first in range(start - start % _TILE, stop, _TILE):
        progress(max(first - start, 0), stop - start)
        power = _tile_power(speech, sub_frame_centres(first, first + _TILE, fps), gain)
        tiles.append(power[max(start - first, 0) : stop - first])
    progress(stop - start, stop - start)
    return torch.cat(tiles)


def compress_power(power: Float[Tensor, "*batch 4 80"]) -> Float[Tensor, "*batch 320"]:
    """Mel power to features of about zero mean and unit deviation, the sub-frames of a frame side by side."""
    logarithm = torch.log(power + POWER_FLOOR)
    return rearrange((logarithm - LOG_MEAN) / LOG_SCALE, "... sub mel -> ... (sub mel)")


def loudness_gain(speech: Float[Tensor, " n"]) -> float:
    """The factor that brings the active RMS of the whole speech to `ACTIVE_RMS`; 1 for digital silence."""
    rms = active_rms(speech)
    return ACTIVE_RMS / rms if rms > 0 else 1.0


def active_rms(speech: Float[Tensor, " n"]) -> float:
    """Root mean square over the blocks of 20 ms where somebody speaks.

    Those are the blocks at most 30 dB below the mean power weighted by power itself, which pauses do not lower.
    """
    num_whole = speech.numel() - speech.numel() % _BLOCK
    blocks = [piece.double().square().mean(-1) for piece in speech[:num_whole].view(-1, _BLOCK).split(1 << 14)]
    if num_whole < speech.numel():
        blocks.append(speech[num_whole:].double().square().mean()[None])
    power = torch.cat(blocks).cpu()
    total = power.sum()
    if total == 0:
        return 0.0
    loud = power.square().sum() / total
    return float(power[power >= _ACTIVE_RATIO * loud].mean().sqrt())


def sub_frame_centres(start: int, stop: int, fps: Fraction) -> Int[Tensor, " sub"]:
    """Sample at `SAMPLE_RATE` on which each window of the frames `[start, stop)` is centred, `SUB_FRAMES` a frame."""
    index = torch.arange(start * SUB_FRAMES, stop * SUB_FRAMES)
    return (2 * index + 1) * (SAMPLE_RATE * fps.denominator) // (2 * SUB_FRAMES * fps.numerator)


def mel_filters() -> Float[Tensor, "257 80"]:
    """Triangles of height 1, equally spaced on Slaney's mel scale (linear to 1 kHz, then logarithmic)."""
    edges = _mel_to_hz(np.linspace(_hz_to_mel(MIN_HZ), _hz_to_mel(MAX_HZ), NUM_MELS + 2))
    frequencies = np.arange(FFT_SIZE // 2 + 1)[:, None] * (SAMPLE_RATE / FFT_SIZE)
    rising = (frequencies - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - frequencies) / (edges[2:] - edges[1:-1])
    return torch.from_numpy(np.maximum(0, np.minimum(rising, falling))).float()


_LINEAR_HZ = 200 / 3  # Hz a mel below 1 kHz.
_KNEE_HZ, _KNEE_MEL = 1000.0, 15.0
_LOG_STEP = np.log(6.4) / 27  # Natural logarithm of the ratio of frequencies a mel apart, above.


def _hz_to_mel(hz: float) -> float:
    return hz / _LINEAR_HZ if hz < _KNEE_HZ else _KNEE_MEL + float(np.log(hz / _KNEE_HZ)) / _LOG_STEP


def _mel_to_hz(mel: np.ndarray) -> np.ndarray:
    return np.where(mel < _KNEE_MEL, mel * _LINEAR_HZ, _KNEE_HZ * np.exp((mel - _KNEE_MEL) * _LOG_STEP))


def _check_speech(speech: Float[Tensor, " n"], *, may_be_empty: bool = False) -> None:
    if speech.ndim != 1 or not speech.is_floating_point() or (speech.numel() == 0 and not may_be_empty):
        raise ValueError(f"speech must be a float tensor [n], n > 0. Got {speech.dtype} {tuple(speech.shape)}.")


def _tile_power(speech: Float[Tensor, " n"], centres: Int[Tensor, " sub"], gain: float) -> Float[Tensor, "t 4 80"]:
    """Mel power of one whole tile, whose windows are centred on these samples; silence outside the speech."""
    device = speech.device
    window = torch.hann_window(WINDOW, device=device)
    with torch.autocast(device.type, enabled=False):
        spectrum = torch.fft.rfft(_windows(speech, centres.to(device)) * (window * gain), n=FFT_SIZE)
        power = (spectrum.real.square() + spectrum.imag.square()) @ mel_filters().to(device)
    return rearrange(power, "(t sub) mel -> t sub mel", sub=SUB_FRAMES)


def _windows(speech: Float[Tensor, " n"], centres: Int[Tensor, " sub"]) -> Float[Tensor, "sub 400"]:
    """The samples around each centre, silence outside the speech."""
    positions = centres[:, None] + torch.arange(-WINDOW // 2, WINDOW // 2, device=speech.device)
    inside = (positions >= 0) & (positions < speech.numel())
    return speech[positions.clamp(0, speech.numel() - 1)].float() * inside
