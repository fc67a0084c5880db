"""Piper: small voices in ONNX, some of them free of all conditions, and any of the user's own."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import torch

from ..datatypes import TimedLabel
from ..errors import InputError
from .backends import Speaker, Spoken
from .phone_times import phones_of_symbols, words_of_symbols
from .voice_files import VoiceFile, VoiceFiles

REPOSITORY = "rhasspy/piper-voices"
REVISION = "375a0fe641dea077c2a47b4e9a056d6da521eed3"
"""The tag v1.0.0."""
VOICES = {
    "en_US-ljspeech-high": ("public domain recordings", 114),
    "en_US-ljspeech-medium": ("public domain recordings", 63),
    "en_US-kristin-medium": ("public domain recordings", 63),
    "en_GB-cori-high": ("public domain recordings", 114),
    "de_DE-thorsten-high": ("CC0 recordings", 114),
}
"""Licence and megabytes. The repository has many more, of recordings under other licences, some non-commercial."""


class Piper:
    """The backend for the package `piper-tts` (GPL-3.0).

    A voice is a name of `voices()` or the path of an `.onnx` file, with its `.onnx.json` beside it. Phones and words
    are timed where the model tells durations: with the package `onnx` installed every model does.
    """

    name = "Piper"
    module = "piper"
    package = "piper-tts"
    max_characters = 400
    changes_speed = True

    def voices(self) -> tuple[str, ...]:
        return tuple(VOICES)

    def files(self, voice: str) -> VoiceFiles | None:
        if voice.endswith(".onnx"):
            return None
        if voice not in VOICES:
            raise InputError(f'Piper has no voice "{voice}". Choose one of {", ".join(VOICES)} or an .onnx file.')
        licence, megabytes = VOICES[voice]
        path = _path(voice)
        files = ((path, megabytes), (f"{path}.json", 0.005))
        return VoiceFiles(
            repository=REPOSITORY,
            licence=f"MIT, {licence}",
            folder="piper",
            files=tuple(VoiceFile(path=path, revision=REVISION, megabytes=size) for path, size in files),
        )

    def open(self, root: Path, voice: str, *, speed: float, seed: int) -> Speaker:
        model = Path(voice) if voice.endswith(".onnx") else root / _path(voice)
        _check_files(model)
        import onnxruntime
        from piper import PiperVoice, SynthesisConfig

        onnxruntime.set_seed(seed % 2**31)  # Taken by the sessions that begin after it.
        can_patch = importlib.util.find_spec("onnx") is not None
        loaded = PiperVoice.load(model, include_alignments=can_patch)
        settings = SynthesisConfig(length_scale=loaded.config.length_scale / speed)

        def say(sentence: str) -> Spoken:
            pieces: list[np.ndarray] = []
            symbols: list[TimedLabel] | None = []
            offset = 0
            for chunk in loaded.synthesize(sentence, settings, include_alignments=True):
                if chunk.phoneme_alignments is None or symbols is None:
                    symbols = None
                else:
                    position = offset
                    for item in chunk.phoneme_alignments:
                        start_s = position / loaded.config.sample_rate
                        position += int(item.num_samples)
                        end_s = position / loaded.config.sample_rate
                        symbols.append(TimedLabel(text=item.phoneme, start_s=start_s, end_s=end_s))
                    symbols.append(TimedLabel(text=" ", start_s=end_s, end_s=end_s))
                pieces.append(np.atleast_1d(chunk.audio_float_array))
                offset += len(pieces[-1])
            samples = torch.from_numpy(np.concatenate(pieces)) if pieces else torch.zeros(0)
            if not symbols:
                return Spoken(samples=samples)
            return Spoken(samples=samples, phones=phones_of_symbols(symbols), words=words_of_symbols(sentence, symbols))

        return Speaker(sample_rate=loaded.config.sample_rate, say=say)


def _path(voice: str) -> str:
    language, name, quality = voice.split("-")
    return f"{language[:2]}/{language}/{name}/{quality}/{voice}.onnx"


def _check_files(model: Path) -> None:
    config = Path(f"{model}.json")
    for path in (model, config):
        if not path.is_file():
            raise InputError(f"There is no file {path}: a Piper voice is an .onnx file with its .onnx.json beside it.")
    try:
        settings = json.loads(config.read_text(encoding="utf-8"))
        missing = {"audio", "espeak", "num_symbols", "num_speakers", "phoneme_id_map"} - set(settings)
    except (ValueError, TypeError):
        missing = {"JSON"}
    if missing:
        raise InputError(f"{config} is no description of a Piper voice ({', '.join(sorted(missing))} missing).")
