from types import ModuleType

import pytest
import torch

from vlogger_core.speech.espeak import Espeak


def test_the_menus_show_what_espeak_has(pack: ModuleType) -> None:
    voices = pack.speech.VOICES
    with Espeak() as espeak:
        real = {voice.code for voice in espeak.voices()}
        variants = {voice.code for voice in espeak.variants()}
    assert {voice.partition(" ")[0] for voice in voices} == real
    assert len(voices) == len(real)
    assert {timbre.partition(" ")[0] for timbre in pack.speech.TIMBRES[1:]} <= variants


def test_choices_become_espeaks_names(pack: ModuleType) -> None:
    espeak_voice = pack.voices.espeak_voice
    assert espeak_voice("de · German", "voice's own") == "de"
    assert espeak_voice("de · German", "f3 · woman") == "de+f3"
    assert espeak_voice("en-us+Annie", "voice's own") == "en-us+Annie"


def test_speech_comes_out_as_audio_of_the_asked_length(pack: ModuleType) -> None:
    node = pack.VloggerTextToSpeech
    audio, timings = node.execute("One. Two.", "en-us", "f2 · woman", 160, 50, 50, 100).result
    assert audio["waveform"].shape[:2] == (1, 1)
    assert [word.text for word in timings.words] == ["One", "Two"]
    (speech,) = pack.VloggerAudioEncoder.execute(audio, 24.0).result
    seconds = audio["waveform"].shape[-1] / audio["sample_rate"]
    assert len(speech.features) == -(-seconds * 24 // 1)


def test_the_audio_encoder_shows_progress_and_obeys_cancel(pack: ModuleType) -> None:
    import comfy.model_management as model_management
    import comfy.utils

    audio = {"waveform": torch.rand(1, 1, 44100) - 0.5, "sample_rate": 44100}
    told: list[tuple[int, int]] = []
    comfy.utils.set_progress_bar_global_hook(lambda done, total, preview, node_id=None: told.append((done, total)))
    try:
        pack.VloggerAudioEncoder.execute(audio, 24.0)
    finally:
        comfy.utils.set_progress_bar_global_hook(None)
    assert told[-1] == (24, 24)
    model_management.interrupt_current_processing(True)
    with pytest.raises(model_management.InterruptProcessingException):
        pack.VloggerAudioEncoder.execute(audio, 24.0)
