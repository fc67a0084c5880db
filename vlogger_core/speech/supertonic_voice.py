"""Supertonic 3: ten voices, each in 31 languages, with onnxruntime only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from ..errors import InputError
from .backends import Speaker, Spoken
from .voice_files import VoiceFile, VoiceFiles

REPOSITORY = "Supertone/supertonic-3"
REVISION = "724fb5abbf5502583fb520898d45929e62f02c0b"
LANGUAGES = (
    "en", "ko", "ja", "ar", "bg", "cs", "da", "de", "el", "es", "et", "fi", "fr", "hi", "hr", "hu", "id", "it", "lt",
    "lv", "nl", "pl", "pt", "ro", "ru", "sk", "sl", "sv", "tr", "uk", "vi",
)  # fmt: skip
STYLES = ("F1", "F2", "F3", "F4", "F5", "M1", "M2", "M3", "M4", "M5")
"""Women, then men."""

_OWN_SPEED = 1.05  # What the package takes for normal.
_FILES = (
    ("onnx/tts.json", 0.01),
    ("onnx/unicode_indexer.json", 0.28),
    ("onnx/duration_predictor.onnx", 3.7),
    ("onnx/text_encoder.onnx", 36.4),
    ("onnx/vector_estimator.onnx", 256.5),
    ("onnx/vocoder.onnx", 101.4),
)


class Supertonic:
    """The backend for the package `supertonic` (MIT). A voice is a language and a style: `en/F1`. It tells no times."""

    name = "Supertonic"
    module = "supertonic"
    package = "supertonic"
    max_characters = 300
    changes_speed = True

    def voices(self) -> tuple[str, ...]:
        return tuple(f"{language}/{style}" for language in LANGUAGES for style in STYLES)

    def files(self, voice: str) -> VoiceFiles:
        if voice not in self.voices():
            raise InputError(
                f'Supertonic has no voice "{voice}". Choose a language of {", ".join(LANGUAGES)} and a style of '
                f"{', '.join(STYLES)}, such as en/F1."
            )
        files = (*_FILES, (f"voice_styles/{voice.partition('/')[2]}.json", 0.29))
        return VoiceFiles(
            repository=REPOSITORY,
            licence="OpenRAIL-M (forbids some uses)",
            folder="supertonic-3",
            files=tuple(VoiceFile(path=path, revision=REVISION, megabytes=size) for path, size in files),
        )

    def open(self, root: Path, voice: str, *, speed: float, seed: int) -> Speaker:
        from supertonic import TTS

        engine = TTS(model="supertonic-3", model_dir=root, auto_download=False)
        language, _, style_name = voice.partition("/")
        style = engine.get_voice_style(style_name)

        def say(sentence: str) -> Spoken:
            random_state = np.random.get_state()  # noqa: NPY002 (the package draws from it)
            try:
                np.random.seed(seed % 2**32)  # noqa: NPY002
                waveform, _ = engine.synthesize(sentence, voice_style=style, speed=speed * _OWN_SPEED, lang=language)
            finally:
                np.random.set_state(random_state)  # noqa: NPY002
            return Spoken(samples=torch.from_numpy(np.array(waveform[0], np.float32)))

        return Speaker(sample_rate=engine.sample_rate, say=say)
