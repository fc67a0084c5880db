"""Speech in, frame-aligned features out; and speech made from text."""

from .audio import load_audio, to_speech
from .backends import VoiceError, speak
from .encoded import encoded_features
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
    stream_mel,
)
from .neural import find_backend
from .spectrogram import draw_spectrogram
from .srt import to_srt
from .voices import Voice

__all__ = [
    "FEATURE_KIND",
    "FEATURE_SIZE",
    "SAMPLE_RATE",
    "Espeak",
    "EspeakError",
    "Voice",
    "VoiceError",
    "compress_power",
    "draw_spectrogram",
    "encoded_features",
    "find_backend",
    "load_audio",
    "loudness_gain",
    "mel_features",
    "mel_frames",
    "mel_power",
    "speak",
    "stream_mel",
    "synthesise",
    "to_speech",
    "to_srt",
]
