"""Pocket TTS of Kyutai: English voices of a network small enough for two CPU cores."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch

from ..errors import InputError
from .backends import Speaker, Spoken
from .voice_files import VoiceFile, VoiceFiles

REPOSITORY = "kyutai/pocket-tts-without-voice-cloning"
REVISION = "a7056f505a4a8ca72d8b5fb1440071d6f1a35739"
TOKENIZER_REVISION = "00eac05ed3d16bdc3f6b5d598874019c34a89214"
"""As pocket-tts 4.0.1 names both."""
VOICES = {
    "alba": "CC BY 4.0", "marius": "CC0", "javert": "CC0", "anna": "CC BY 4.0", "vera": "CC BY 4.0",
    "fantine": "CC BY 4.0", "charles": "CC BY 4.0", "paul": "CC BY 4.0", "eponine": "CC BY 4.0",
    "azelma": "CC BY 4.0", "george": "CC BY 4.0", "mary": "CC BY 4.0", "jane": "CC BY 4.0", "michael": "CC BY 4.0",
    "eve": "CC BY 4.0",
}  # fmt: skip
"""Licence of the recording that each was made from (Alba MacKenna, Unmute voice donations, VCTK). The package knows
more, whose recordings forbid commercial use or say nothing."""

_FOLDER = "languages/english"


class Pocket:
    """The backend for the package `pocket-tts` (MIT). It tells no times and speaks at its own speed."""

    name = "Pocket TTS"
    module = "pocket_tts"
    package = "pocket-tts"
    max_characters = 300
    changes_speed = False

    def voices(self) -> tuple[str, ...]:
        return tuple(VOICES)

    def files(self, voice: str) -> VoiceFiles:
        if voice not in VOICES:
            raise InputError(f'Pocket TTS has no voice "{voice}". Choose one of {", ".join(VOICES)}.')
        return VoiceFiles(
            repository=REPOSITORY,
            licence=f"CC BY 4.0 (voice: {VOICES[voice]})",
            folder="pocket-tts",
            files=(
                VoiceFile(path=f"{_FOLDER}/model.safetensors", revision=REVISION, megabytes=219),
                VoiceFile(path=f"{_FOLDER}/tokenizer.json", revision=TOKENIZER_REVISION, megabytes=0.3),
                VoiceFile(path=f"{_FOLDER}/embeddings/{voice}.safetensors", revision=REVISION, megabytes=7.3),
            ),
        )

    def open(self, root: Path, voice: str, *, speed: float, seed: int) -> Speaker:
        num_threads = torch.get_num_threads()
        from pocket_tts import TTSModel

        torch.set_num_threads(num_threads)  # The package sets one for all of the process when it is imported.
        folder = root / _FOLDER
        model = _load(TTSModel, folder)
        state = model.get_state_for_audio_prompt(folder / "embeddings" / f"{voice}.safetensors")

        def say(sentence: str) -> Spoken:
            return Spoken(samples=model.generate_audio(state, sentence))

        return Speaker(sample_rate=model.sample_rate, say=say)


def _load(model_class, folder: Path):
    """The English model from local files: the package's own description, with their paths in the place of URLs."""
    import yaml
    from pocket_tts.utils.config import CONFIGS_DIR

    description = yaml.safe_load((CONFIGS_DIR / "english.yaml").read_text(encoding="utf-8"))
    description["weights_path"] = str(folder / "model.safetensors")
    description["weights_path_without_voice_cloning"] = None
    description["flow_lm"]["lookup_table"]["tokenizer_path"] = str(folder / "tokenizer.json")
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "english.yaml"
        path.write_text(yaml.safe_dump(description), encoding="utf-8")
        return model_class.load_model(config=path)
