"""Sound from files, and any sound as the 16 kHz mono speech that the other stages hear."""

from __future__ import annotations

import logging
import math
from os import PathLike
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from scipy.signal import resample_poly
from torch import Tensor

from ..datatypes import Audio
from ..errors import InputError
from ..progress import Progress, silent
from .mel import SAMPLE_RATE, active_rms

MIN_SAMPLE_RATE, MAX_SAMPLE_RATE = 8000, 192000
MIN_DURATION_S = 0.1
SILENCE_RMS = 1e-3
"""-60 dBFS: what stays below it is silence."""

_CANCELLED_POWER = 1e-2  # Of the loudest channel: a mix below it is one voice against itself.
_ZERO_CROSSINGS, _KAISER_BETA = 48, 7.0  # Stop band of 70 dB from 8.4 kHz, flat to 7.6 kHz.
_BLOCK_S = 5
_MIX_SAMPLES = 1 << 21

logger = logging.getLogger(__name__)


def load_audio(path: str | PathLike[str], *, progress: Progress = silent) -> Audio:
    """Read the first audio track of a sound or video file of any format, at its own rate and with all channels.

    `progress` counts seconds of audio.

    Raises:
        InputError: if there is no such file, it is no media file, or it holds no sound.
    """
    import av
    import av.error

    path = Path(path)
    if not path.is_file():
        raise InputError(f"There is no audio file {path}.")
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise InputError(f"{path} has no audio track: choose a sound file or a video with sound.")
            stream = container.streams.audio[0]
            sample_rate = stream.rate
            resampler = av.AudioResampler(format="fltp", layout=stream.layout, rate=sample_rate)
            pieces = []
            damaged = 0
            seconds = math.ceil((container.duration or 0) / av.time_base)
            for packet in container.demux(stream):
                done = int(packet.pts * packet.time_base) if packet.pts and packet.time_base else 0
                progress(min(done, seconds), seconds)
                try:
                    frames = packet.decode()
                except av.error.InvalidDataError:
                    damaged += 1
                    continue
                pieces += [out.to_ndarray() for frame in frames for out in resampler.resample(frame)]
            pieces += [out.to_ndarray() for out in resampler.resample(None)]
    except (av.error.FFmpegError, OSError) as error:
        reason = error.strerror or type(error).__name__
        raise InputError(f"Cannot read {path} as audio ({reason}): choose a WAV, FLAC, MP3, MP4 ... file.") from error
    if not sum(piece.shape[-1] for piece in pieces):
        raise InputError(f"The audio in {path} is empty or damaged: choose a file with sound.")
    if damaged:
        logger.warning("%s is damaged: %d packets of its audio could not be decoded and are left out.", path, damaged)
    return Audio(waveform=torch.from_numpy(np.concatenate(pieces, axis=1)), sample_rate=sample_rate)


def to_speech(audio: Audio, *, progress: Progress = silent) -> Float[Tensor, " n"]:
    """One channel at `SAMPLE_RATE`, float32 on the CPU, without constant offset, as loud as it came.

    It has ceil(n * 16000 / sample_rate) samples, so it covers the video frames that the audio covers. `progress`
    counts seconds of audio. What is below `SILENCE_RMS` becomes digital silence, with a warning: hiss is not to be made
    as loud as speech.

    Raises:
        InputError: if the audio is empty, shorter than 0.1 s, not finite, or of a rate outside 8 to 192 kHz.
    """
    waveform, sample_rate = audio.waveform, audio.sample_rate
    if waveform.ndim != 2 or not waveform.is_floating_point():
        raise ValueError(f"audio.waveform must be a float tensor [c, n]. Got {waveform.dtype} {tuple(waveform.shape)}.")
    if not MIN_SAMPLE_RATE <= sample_rate <= MAX_SAMPLE_RATE:
        raise InputError(f"The audio's sample rate must lie in 8 to 192 kHz. Got {sample_rate} Hz: convert the audio.")
    if waveform.numel() == 0:
        raise InputError("The audio is empty: choose one with speech in it.")
    if audio.duration_s < MIN_DURATION_S:
        raise InputError(f"The audio lasts only {audio.duration_s:.3f} s: at least {MIN_DURATION_S} s are needed.")
    mono = _mix(waveform, sample_rate, progress)
    speech = mono if sample_rate == SAMPLE_RATE else _resample(mono, sample_rate, progress)
    if active_rms(speech) < SILENCE_RMS:
        logger.warning("The audio is silent (below -60 dBFS): nobody speaks. If that is wrong, check its volume.")
        return torch.zeros_like(speech)
    return speech


def _mix(waveform: Float[Tensor, "c n"], sample_rate: int, progress: Progress) -> Float[Tensor, " n"]:
    """Mean of the channels less its constant offset; the loudest channel where the channels cancel."""
    num_channels, num_samples = waveform.shape
    mono = torch.empty(num_samples)
    sums = torch.zeros(2, num_channels + 1, dtype=torch.float64)  # Of samples and of squares, the mix last.
    for start in range(0, num_samples, _MIX_SAMPLES):
        progress(0, math.ceil(num_samples / sample_rate))
        piece = waveform[:, start : start + _MIX_SAMPLES].detach().to("cpu", torch.float32)
        mono[start : start + _MIX_SAMPLES] = piece.mean(0)
        tracks = torch.cat([piece, piece.mean(0, keepdim=True)]).double()
        sums += torch.stack([tracks.sum(-1), tracks.square().sum(-1)])
    if not sums.isfinite().all():
        raise InputError("The audio contains NaN or infinite samples: make or load it again.")
    offset = sums[0] / num_samples
    power = sums[1] / num_samples - offset.square()
    loudest = int(power[:-1].argmax())
    if power[-1] < _CANCELLED_POWER * power[loudest]:
        logger.warning("The audio's channels cancel each other; only channel %d is used.", loudest + 1)
        return waveform[loudest].detach().to("cpu", torch.float32) - float(offset[loudest])
    return mono.sub_(float(offset[-1]))


def _resample(mono: Float[Tensor, " n"], sample_rate: int, progress: Progress) -> Float[Tensor, " resampled"]:
    """Band-limited to the lower rate, without delay, block by block."""
    divisor = math.gcd(SAMPLE_RATE, sample_rate)
    up, down = SAMPLE_RATE // divisor, sample_rate // divisor
    half = _ZERO_CROSSINGS * max(up, down)
    taps = np.sinc(np.arange(-half, half + 1) / max(up, down)) * np.kaiser(2 * half + 1, _KAISER_BETA)
    taps = (taps / taps.sum()).astype(np.float32)
    # Blocks and margins are multiples of `down`, so that each begins on a sample of the new rate.
    margin = math.ceil(half / (up * down) + 1) * down
    block = max(1, _BLOCK_S * sample_rate // down) * down
    samples = mono.numpy()
    seconds = math.ceil(len(samples) / sample_rate)
    pieces = []
    for start in range(0, len(samples), block):
        progress(start // sample_rate, seconds)
        first, stop = max(0, start - margin), min(start + block, len(samples))
        piece = resample_poly(samples[first : stop + margin], up, down, window=taps)
        skipped = (start - first) // down * up
        pieces.append(piece[skipped : skipped + math.ceil((stop - start) * up / down)])
    progress(seconds, seconds)
    return torch.from_numpy(np.concatenate(pieces))
