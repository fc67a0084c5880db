import logging
import math
import wave
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from vlogger_core import clock
from vlogger_core.datatypes import Audio
from vlogger_core.errors import InputError
from vlogger_core.speech import load_audio, to_speech

RATES = [8000, 11025, 12345, 16000, 22050, 44100, 48000, 96000, 192000]


def tone(sample_rate: int, num_samples: int, *, hz: float = 440.0, channels: int = 1) -> Audio:
    wave = 0.3 * torch.sin(2 * math.pi * hz * torch.arange(num_samples, dtype=torch.float64) / sample_rate).float()
    return Audio(waveform=wave.expand(channels, -1), sample_rate=sample_rate)


@pytest.mark.parametrize("sample_rate", RATES)
def test_resampling_keeps_time_and_shape(sample_rate: int) -> None:
    num_samples = 2 * sample_rate + 17
    speech = to_speech(tone(sample_rate, num_samples, channels=2))
    assert speech.dtype == torch.float32
    assert len(speech) == -(-num_samples * 16000 // sample_rate)
    expected = tone(16000, len(speech)).waveform[0]
    torch.testing.assert_close(speech[500:-500], expected[500:-500], atol=2e-3, rtol=0)
    for fps in (Fraction(24), Fraction(25), Fraction(30000, 1001)):
        assert clock.num_frames(len(speech), 16000, fps) == clock.num_frames(num_samples, sample_rate, fps)


@pytest.mark.parametrize("sample_rate", [8000, 22050, 44100])
def test_long_audio_has_no_seams(sample_rate: int) -> None:
    speech = to_speech(tone(sample_rate, 45 * sample_rate + 17))
    torch.testing.assert_close(speech[500:-500], tone(16000, len(speech)).waveform[0, 500:-500], atol=1e-4, rtol=0)


def test_resampling_removes_what_would_alias() -> None:
    both = tone(48000, 48000).waveform + tone(48000, 48000, hz=9000).waveform
    speech = to_speech(Audio(waveform=both, sample_rate=48000))
    torch.testing.assert_close(speech[500:-500], tone(16000, 16000).waveform[0, 500:-500], atol=1e-3, rtol=0)


def test_an_offset_is_removed_and_channels_are_mixed() -> None:
    left, right = tone(16000, 16000).waveform, tone(16000, 16000, hz=1000).waveform
    speech = to_speech(Audio(waveform=torch.cat([left, right]) + 0.5, sample_rate=16000))
    torch.testing.assert_close(speech, (left + right)[0] / 2, atol=1e-4, rtol=0)


def test_channels_that_cancel_are_not_silence(caplog: pytest.LogCaptureFixture) -> None:
    left = tone(16000, 16000).waveform
    with caplog.at_level(logging.WARNING):
        speech = to_speech(Audio(waveform=torch.cat([left, -left]), sample_rate=16000))
    torch.testing.assert_close(speech, left[0], atol=1e-4, rtol=0)
    assert "channels cancel" in caplog.text


def bad(waveform: torch.Tensor, sample_rate: int = 16000) -> Audio:
    return Audio(waveform=waveform, sample_rate=sample_rate)


@pytest.mark.parametrize(
    ("audio", "message"),
    [
        (bad(torch.zeros(1, 0)), "The audio is empty"),
        (bad(torch.zeros(0, 100)), "The audio is empty"),
        (bad(torch.ones(1, 100)), r"lasts only 0.006 s: at least 0.1 s"),
        (bad(torch.full((1, 16000), math.nan)), "NaN or infinite"),
        (bad(torch.tensor([[0.5, math.inf, *[0.1] * 9998]])), "NaN or infinite"),
        (bad(torch.tensor([[math.inf, -math.inf, *[0.1] * 9998]])), "NaN or infinite"),
        (bad(torch.ones(1, 9000), 4000), "8 to 192 kHz. Got 4000"),
        (bad(torch.ones(1, 9000), 384000), "8 to 192 kHz. Got 384000"),
    ],
)
def test_what_is_no_speech_is_refused(audio: Audio, message: str) -> None:
    with pytest.raises(InputError, match=message):
        to_speech(audio)


@pytest.mark.parametrize(
    "waveform", [torch.zeros(1, 16000), torch.full((2, 16000), 0.5), 1e-3 * tone(16000, 16000).waveform]
)
def test_silence_is_taken_with_a_warning(waveform: torch.Tensor, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert torch.equal(to_speech(Audio(waveform=waveform, sample_rate=16000)), torch.zeros(16000))
    assert "silent" in caplog.text


def test_progress_counts_seconds() -> None:
    reports: list[tuple[int, int]] = []
    to_speech(tone(8000, 50 * 8000), progress=lambda done, total: reports.append((done, total)))
    assert reports[0] == (0, 50)
    assert reports[-1] == (50, 50)
    assert len(reports) > 10


def test_reading_can_be_cancelled(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.flac", tone(16000, 160000).waveform[0].numpy(), 16000)

    def cancel(done: int, total: int) -> None:
        assert total == 10
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_audio(tmp_path / "a.flac", progress=cancel)


def test_under_inference_mode() -> None:
    with torch.inference_mode():
        assert len(to_speech(tone(44100, 44100))) == 16000


@pytest.mark.parametrize(
    ("name", "subtype", "error"),
    [
        ("a.wav", "PCM_16", 1e-4),
        ("a.wav", "PCM_U8", 1e-2),
        ("a.wav", "FLOAT", 0),
        ("a.flac", "PCM_24", 1e-6),
        ("a.ogg", "VORBIS", 0.05),
        ("a.mp3", None, 0.05),
    ],
)
def test_files_are_read_as_they_are(tmp_path: Path, name: str, subtype: str | None, error: float) -> None:
    audio = tone(22050, 22050, channels=2)
    soundfile.write(tmp_path / name, audio.waveform.T.numpy(), 22050, subtype=subtype)
    loaded = load_audio(tmp_path / name)
    assert loaded.sample_rate == 22050
    assert loaded.waveform.dtype == torch.float32
    # FFmpeg leaves some of the padding at the end of Vorbis.
    assert 22050 <= loaded.waveform.shape[1] <= 22050 + 512 * (subtype == "VORBIS")
    torch.testing.assert_close(loaded.waveform[:, 1000:21000], audio.waveform[:, 1000:21000], atol=error, rtol=0)


def test_files_without_sound_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no audio file"):
        load_audio(tmp_path / "missing.wav")
    (tmp_path / "text.wav").write_text("This is not a sound.")
    with pytest.raises(InputError, match=r"Cannot read .*text.wav as audio"):
        load_audio(tmp_path / "text.wav")
    (tmp_path / "nothing.wav").touch()
    with pytest.raises(InputError, match=r"Cannot read .*nothing.wav"):
        load_audio(str(tmp_path / "nothing.wav"))
    with wave.open(str(tmp_path / "empty.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
    with pytest.raises(InputError, match="empty or damaged"):
        load_audio(tmp_path / "empty.wav")
    from PIL import Image

    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "picture.png")
    with pytest.raises(InputError, match="no audio track"):
        load_audio(tmp_path / "picture.png")


def test_real_recordings_become_speech(real_speech: list[Path]) -> None:
    for path in real_speech:
        audio = load_audio(path)
        speech = to_speech(audio)
        assert 10 < audio.duration_s < 20
        assert len(speech) == -(-audio.waveform.shape[-1] * 16000 // audio.sample_rate)
