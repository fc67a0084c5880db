"""Speech in, frame-aligned features out; and speech made from text."""

from .audio import load_audio, to_speech
from .espeak import Espeak, synthesise
from .espeak_process import EspeakError
from .mel import (
    FEATURE_KIND,
    FEATURE_SIZE,
    SAMPLE_RATE,
    compress_power,
    loudness_gain,
    mel_features,
    mel_frames,
    mel_power,
)
from .voices import Voice

__all__ = [
    "FEATURE_KIND",
    "FEATURE_SIZE",
    "SAMPLE_RATE",
    "Espeak",
    "EspeakError",
    "Voice",
    "compress_power",
    "load_audio",
    "loudness_gain",
    "mel_features",
    "mel_frames",
    "mel_power",
    "synthesise",
    "to_speech",
]
