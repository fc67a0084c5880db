"""What rooms, microphones and other throats do to a voice, so that a model of clean synthetic speech hears real speech.

Every function keeps the length and the timing of its input. Speech is 16 kHz.
"""

from __future__ import annotations

from fractions import Fraction
from typing import cast

import numpy as np
from jaxtyping import Float
from scipy.fft import next_fast_len
from scipy.signal import fftconvolve, resample_poly

SAMPLE_RATE = 16000


def varispeed(
    waveform: Float[np.ndarray, " n"], sample_rate: int, factor: float
) -> tuple[Float[np.ndarray, " m"], Fraction]:
    """Play `factor` times as fast and resample to 16 kHz: formants and pitch rise by `factor`.

    Returns the waveform and the exact factor by which times shrink (close to `factor`).
    """
    ratio = Fraction(SAMPLE_RATE / (sample_rate * factor)).limit_denominator(240)
    resampled = resample_poly(waveform, ratio.numerator, ratio.denominator)
    return resampled, Fraction(SAMPLE_RATE, sample_rate) / ratio


def degrade(waveform: Float[np.ndarray, " n"], rng: np.random.Generator) -> Float[np.ndarray, " n"]:
    """Breath, room, equalisation and noise, each with its own probability; one clip in six stays clean."""
    out = waveform
    if rng.random() < 1 / 6:
        return out
    if rng.random() < 0.35:
        out = breathe(out, rng)
    if rng.random() < 0.35:
        out = reverberate(out, rng)
    if rng.random() < 0.80:
        out = equalise(out, rng)
    if rng.random() < 0.80:
        out = add_noise(out, rng)
    return out


def breathe(waveform: Float[np.ndarray, " n"], rng: np.random.Generator) -> Float[np.ndarray, " n"]:
    """Noise that follows the voice's envelope."""
    window = np.ones(320) / 320
    envelope = np.sqrt(np.maximum(fftconvolve(waveform**2, window, mode="same"), 0))
    return waveform + rng.uniform(0.05, 0.35) * envelope * rng.normal(size=len(waveform))


def reverberate(waveform: Float[np.ndarray, " n"], rng: np.random.Generator) -> Float[np.ndarray, " n"]:
    """A room of exponentially decaying noise after the direct sound."""
    decay_s = rng.uniform(0.1, 0.5)
    times_s = np.arange(int(decay_s * SAMPLE_RATE)) / SAMPLE_RATE
    tail = rng.normal(size=len(times_s)) * np.exp(-6.9 * times_s / decay_s)
    tail[: int(0.004 * SAMPLE_RATE)] = 0
    tail *= rng.uniform(0.15, 0.6) / np.sqrt(np.sum(tail**2))
    tail[0] = 1.0
    return fftconvolve(waveform, tail)[: len(waveform)]


def equalise(waveform: Float[np.ndarray, " n"], rng: np.random.Generator) -> Float[np.ndarray, " n"]:
    """A smooth random frequency response of some 5 dB, sometimes with a narrow band such as a telephone's."""
    length = _fast_length(len(waveform))
    spectrum = np.fft.rfft(waveform, length)
    frequency_hz = np.fft.rfftfreq(length, 1 / SAMPLE_RATE)
    knots_hz = np.array([50, 150, 300, 600, 1200, 2400, 4000, 6000, 8000])
    gain_db = rng.normal(0, 4.0, len(knots_hz)) + rng.normal(0, 2.0) * np.log2(knots_hz / 1000)
    response = np.interp(np.log(frequency_hz + 1), np.log(knots_hz + 1), 10 ** (gain_db / 20))
    if rng.random() < 0.12:
        low_hz, high_hz = rng.uniform(80, 350), rng.uniform(3200, 6500)
        response *= 1 / (1 + (low_hz / (frequency_hz + 1)) ** 6) / (1 + (frequency_hz / high_hz) ** 12)
    return np.fft.irfft(spectrum * response, length)[: len(waveform)]


def add_noise(waveform: Float[np.ndarray, " n"], rng: np.random.Generator) -> Float[np.ndarray, " n"]:
    """Noise of a random colour, 3 to 45 dB below the voice, slowly swelling."""
    num = len(waveform)
    length = _fast_length(num)
    frequency_hz = np.fft.rfftfreq(length, 1 / SAMPLE_RATE)
    slope = rng.uniform(0, 1.2)
    spectrum = np.fft.rfft(rng.normal(size=length)) / np.maximum(frequency_hz, 40) ** slope
    noise = np.fft.irfft(spectrum, length)[:num]
    swell = np.interp(np.arange(num), np.linspace(0, num, 6), rng.uniform(0.6, 1.4, 6))
    loud = np.abs(waveform) > 0.05 * np.abs(waveform).max()
    level = np.sqrt(np.mean(waveform[loud] ** 2)) * 10 ** (-rng.uniform(3, 45) / 20)
    return waveform + noise * swell * level / np.sqrt(np.mean(noise**2))


def _fast_length(num: int) -> int:
    """A little more than `num` samples, of a length that transforms quickly."""
    return cast(int, next_fast_len(num, real=True))
