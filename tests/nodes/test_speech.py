from pathlib import Path
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
    audio, timings, srt = node.execute("One. Two.", "en-us", "f2 · woman", 160, 50, 50, 100).result
    assert audio["waveform"].shape[:2] == (1, 1)
    assert [word.text for word in timings.words] == ["One", "Two"]
    assert srt.splitlines()[2] == "One. Two."
    speech, picture = pack.VloggerAudioEncoder.execute(24.0, audio).result
    assert picture.shape[0] == 1
    assert picture.shape[-1] == 3
    seconds = audio["waveform"].shape[-1] / audio["sample_rate"]
    assert len(speech.features) == -(-seconds * 24 // 1)


def test_the_audio_encoder_shows_progress_and_obeys_cancel(pack: ModuleType) -> None:
    import comfy.model_management as model_management
    import comfy.utils

    audio = {"waveform": torch.rand(1, 1, 44100) - 0.5, "sample_rate": 44100}
    told: list[tuple[int, int]] = []
    comfy.utils.set_progress_bar_global_hook(lambda done, total, preview, node_id=None: told.append((done, total)))
    try:
        pack.VloggerAudioEncoder.execute(24.0, audio)
    finally:
        comfy.utils.set_progress_bar_global_hook(None)
    assert told[-1] == (24, 24)
    model_management.interrupt_current_processing(True)
    with pytest.raises(model_management.InterruptProcessingException):
        pack.VloggerAudioEncoder.execute(24.0, audio)


def test_ssml_is_read_when_asked(pack: ModuleType) -> None:
    text = 'One <break time="2s"/> two.'
    audio, timings, srt = pack.VloggerTextToSpeech.execute(text, "en-us", "voice's own", 160, 50, 50, 100, True).result
    assert audio["waveform"].shape[-1] / audio["sample_rate"] > 2
    assert [word.text for word in timings.words] == ["One", "two"]
    assert "break" not in srt


def test_the_audio_encoder_takes_an_encoders_output(pack: ModuleType) -> None:
    encoded = {"encoded_audio": torch.randn(1, 99, 768), "encoded_audio_all_layers": (), "audio_samples": 32000}
    speech, _ = pack.VloggerAudioEncoder.execute(25.0, encoded=encoded).result
    assert speech.features.shape == (50, 768)
    assert speech.kind == "wav2vec2-base"
    audio = {"waveform": torch.rand(1, 1, 16000), "sample_rate": 16000}
    for arguments, message in [
        ({"encoded": encoded, "audio": audio}, "either audio or encoded, not both"),
        ({"encoded": {**encoded, "encoded_audio": torch.randn(2, 99, 768)}}, "of one recording"),
        ({}, "audio is missing"),
    ]:
        with pytest.raises(ValueError, match=message):
            pack.VloggerAudioEncoder.execute(25.0, **arguments)
    with pytest.raises(ValueError, match=r"fps must lie in 8 to 120\. Got 200"):
        pack.VloggerAudioEncoder.execute(200.0, audio)
    motion_model = pack.VloggerMotionModel.execute("embedded").result[0]
    with pytest.raises(ValueError, match="hears mel80x4 features, these are wav2vec2-base"):
        pack.VloggerMotionSampler.execute(speech, motion_model, 0, 1, 1.0)


def test_the_neural_menu_shows_what_the_core_has(pack: ModuleType) -> None:
    import importlib

    neural = importlib.import_module(f"{pack.__package__.rpartition('.')[0]}.vlogger_core.speech.neural")
    names = {f"{engine}/{voice}" for engine, backend in neural.BACKENDS.items() for voice in backend.voices()}
    assert {pack.tts_voices.voice_name(choice) for choice in pack.tts_voices.NEURAL_VOICES} == names
    assert len(pack.tts_voices.NEURAL_VOICES) == len(names)
    for choice in pack.tts_voices.NEURAL_VOICES:
        backend, voice = neural.find_backend(pack.tts_voices.voice_name(choice))
        licence = choice.rpartition(" · ")[2]
        assert all(part in backend.files(voice).licence for part in licence.split(", "))


def test_a_neural_voice_without_its_package_or_files_says_what_to_do(pack: ModuleType) -> None:
    for voice in ("kokoro/af_heart", "supertonic/en/F1", "pocket/alba", "piper/en_US-ljspeech-medium"):
        with pytest.raises(ValueError, match=r"pip install|allow_download"):
            pack.VloggerNeuralSpeech.execute("Hello.", f"{voice} · whatever", 1.0, 0, False)
    with pytest.raises(ValueError, match=r'no voice "mine\.onnx"\. Put that Piper voice'):
        pack.VloggerNeuralSpeech.execute("Hello.", "mine.onnx", 1.0, 0, False)


def test_own_voices_are_offered_when_they_are_complete(
    pack: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import folder_paths

    monkeypatch.setitem(folder_paths.folder_names_and_paths, "vlogger_tts", ([str(tmp_path)], {".onnx"}))
    (tmp_path / "half.onnx").touch()
    (tmp_path / "my voice.onnx").touch()
    (tmp_path / "my voice.onnx.json").touch()
    assert pack.runtime.own_voices() == ["my voice.onnx"]
    assert "my voice.onnx" in pack.VloggerNeuralSpeech.define_schema().inputs[1].options
