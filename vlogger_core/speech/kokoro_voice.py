"""Kokoro-82M: natural voices in English and five other languages, Apache-2.0."""

from __future__ import annotations

from itertools import accumulate
from pathlib import Path

import torch

from ..datatypes import TimedLabel
from ..errors import InputError
from .backends import Speaker, Spoken
from .phone_times import phones_of_symbols, words_of_symbols
from .voice_files import VoiceFile, VoiceFiles

REPOSITORY = "hexgrad/Kokoro-82M"
REVISION = "f3ff3571791e39611d31c381e3a41a3af07b4987"
SAMPLE_RATE = 24000
VOICES = (
    "af_alloy", "af_aoede", "af_bella", "af_heart", "af_jessica", "af_kore", "af_nicole", "af_nova", "af_river",
    "af_sarah", "af_sky", "am_adam", "am_echo", "am_eric", "am_fenrir", "am_liam", "am_michael", "am_onyx", "am_puck",
    "am_santa", "bf_alice", "bf_emma", "bf_isabella", "bf_lily", "bm_daniel", "bm_fable", "bm_george", "bm_lewis",
    "ef_dora", "em_alex", "em_santa", "ff_siwis", "hf_alpha", "hf_beta", "hm_omega", "hm_psi", "if_sara", "im_nicola",
    "pf_dora", "pm_alex", "pm_santa",
)  # fmt: skip
"""Language (a, b English, e Spanish, f French, h Hindi, i Italian, p Portuguese), f or m, and a name."""

_SAMPLES_A_STEP = 600
_ENGLISH = "ab"
# The letters with which Kokoro writes several sounds in one, in IPA.
_IPA = {
    "A": "eɪ", "I": "aɪ", "O": "oʊ", "Q": "əʊ", "W": "aʊ", "Y": "ɔɪ", "T": "ɾ", "ʤ": "dʒ", "ʧ": "tʃ", "ᵊ": "ə",
}  # fmt: skip


class Kokoro:
    """The backend for the package `kokoro` (Apache-2.0), which tells how long each phone lasts.

    Its files are read with `torch.load(weights_only=True)`.
    """

    name = "Kokoro"
    module = "kokoro"
    package = "kokoro"
    max_characters = 250
    changes_speed = True

    def voices(self) -> tuple[str, ...]:
        return VOICES

    def files(self, voice: str) -> VoiceFiles:
        if voice not in VOICES:
            raise InputError(f'Kokoro has no voice "{voice}". Choose one of {", ".join(VOICES)}.')
        files = (("config.json", 0.002), ("kokoro-v1_0.pth", 327.2), (f"voices/{voice}.pt", 0.5))
        return VoiceFiles(
            repository=REPOSITORY,
            licence="Apache-2.0",
            folder="kokoro",
            files=tuple(VoiceFile(path=path, revision=REVISION, megabytes=size) for path, size in files),
        )

    def open(self, root: Path, voice: str, *, speed: float, seed: int) -> Speaker:
        from kokoro import KModel, KPipeline

        if voice[0] in _ENGLISH:
            _check_spacy()
        model = KModel(repo_id=REPOSITORY, config=str(root / "config.json"), model=str(root / "kokoro-v1_0.pth")).eval()
        pipeline = KPipeline(lang_code=voice[0], repo_id=REPOSITORY, model=model)
        style = pipeline.load_single_voice(str(root / "voices" / f"{voice}.pt"))

        def say(sentence: str) -> Spoken:
            pieces: list[torch.Tensor] = []
            symbols: list[TimedLabel] = []
            offset = 0
            for result in pipeline(sentence, voice=style, speed=speed, split_pattern=None):
                symbols += _symbols(result.phonemes, result.pred_dur.tolist(), model.vocab, offset)
                pieces.append(result.audio)
                offset += result.audio.numel()
            if not pieces:
                return Spoken(samples=torch.zeros(0))
            return Spoken(
                samples=torch.cat(pieces),
                phones=phones_of_symbols(symbols),
                words=words_of_symbols(sentence, symbols),
            )

        return Speaker(sample_rate=SAMPLE_RATE, say=say)


def _symbols(phonemes: str, steps: list[int], vocabulary: dict[str, int], offset: int) -> list[TimedLabel]:
    """When each symbol sounds; `steps` are of those in the vocabulary, with silence before and behind."""
    spoken = [symbol for symbol in phonemes if symbol in vocabulary]
    edges = [(offset + step * _SAMPLES_A_STEP) / SAMPLE_RATE for step in accumulate(steps)]
    labels = [
        TimedLabel(text=_IPA.get(symbol, symbol), start_s=start_s, end_s=end_s)
        for symbol, start_s, end_s in zip(spoken, edges, edges[1:])
    ]
    return [*labels, TimedLabel(text=" ", start_s=edges[-1], end_s=edges[-1])]


def _check_spacy() -> None:
    """Kokoro would install this itself while it runs."""
    import spacy

    if not spacy.util.is_package("en_core_web_sm"):
        raise InputError(
            "Kokoro's English needs a model of spaCy: run `python -m spacy download en_core_web_sm` with ComfyUI's "
            "Python."
        )
