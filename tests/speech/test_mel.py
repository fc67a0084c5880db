from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import librosa
import numpy as np
import pytest
import torch
from jaxtyping import TypeCheckError

from vlogger_core import clock
from vlogger_core.errors import InputError
from vlogger_core.speech import load_audio, mel, to_speech
from vlogger_core.speech.mel import SAMPLE_RATE, mel_features, mel_frames, mel_power, stream_mel

RATES = [
    Fraction(24),
    Fraction(25),
    Fraction(30),
    Fraction(24000, 1001),
    Fraction(1013, 97),
    Fraction(60),
    Fraction(120),
    Fraction(8),
]
HOUR = 3600 * SAMPLE_RATE


def noise(num_samples: int) -> torch.Tensor:
    return 0.05 * torch.randn(num_samples, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("num_samples", [1, 399, 16000, 54321])
def test_features_cover_the_speech(fps: Fraction, num_samples: int) -> None:
    features = mel_features(noise(num_samples), fps)
    assert features.features.shape == (clock.num_frames(num_samples, SAMPLE_RATE, fps), 320)
    assert features.features.dtype == torch.float32
    assert features.features.isfinite().all()
    assert (features.fps, features.kind) == (fps, "mel80x4")
    assert features.waveform is not None
    assert torch.equal(features.waveform, noise(num_samples))


def test_filters_are_those_of_librosa() -> None:
    reference = librosa.filters.mel(sr=SAMPLE_RATE, n_fft=512, n_mels=80, fmin=50, fmax=7600, norm=None)
    np.testing.assert_allclose(mel.mel_filters().numpy().T, reference, atol=1e-6)
    assert (reference.sum(1) > 0).all()


def test_power_is_that_of_librosa() -> None:
    speech = noise(SAMPLE_RATE)
    power = mel_power(speech, Fraction(25), 0, 25, gain=2.0)
    # At 25 fps the centres lie at 80 + 160 i; librosa's lie at 160 i.
    padded = np.concatenate([np.zeros(80, np.float32), 2 * speech.numpy()])
    spectrum = librosa.stft(padded, n_fft=512, hop_length=160, win_length=400, pad_mode="constant")
    filters = librosa.filters.mel(sr=SAMPLE_RATE, n_fft=512, n_mels=80, fmin=50, fmax=7600, norm=None)
    reference = (filters @ np.abs(spectrum) ** 2).T[1:101]
    np.testing.assert_allclose(power.reshape(100, 80).numpy(), reference, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("start", [0, 1, 127, 128, 200])
def test_a_range_is_bit_for_bit_the_whole(fps: Fraction, start: int) -> None:
    speech = noise(30 * SAMPLE_RATE)
    whole = mel_features(speech, fps).features
    gain = mel.loudness_gain(speech)
    for stop in {start + 1, start + 30, len(whole)}:
        assert torch.equal(mel_frames(speech, fps, start, stop, gain=gain), whole[start:stop])


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("size", [701, 16000, 600000])
def test_a_stream_is_bit_for_bit_the_whole(fps: Fraction, size: int) -> None:
    speech = noise(30 * SAMPLE_RATE + 11)
    streamed = list(stream_mel(speech.split(size), fps, gain=mel.loudness_gain(speech)))
    assert torch.equal(torch.cat(streamed), mel_features(speech, fps).features)


def test_a_stream_holds_no_more_than_it_needs() -> None:
    given = 0

    def pieces() -> Iterator[torch.Tensor]:
        nonlocal given
        for _ in range(120):
            given += 1
            yield noise(SAMPLE_RATE)

    heard = 0
    for frames in stream_mel(pieces(), Fraction(24), gain=1.0):
        heard += len(frames)
        assert given <= heard / 24 + 2
    assert heard == 120 * 24


def test_a_stream_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one sample"):
        next(stream_mel([torch.zeros(0)], Fraction(24), gain=1.0))


@pytest.mark.parametrize("fps", [Fraction(7), Fraction(121), Fraction(0), Fraction(-24)])
def test_a_frame_rate_out_of_range_is_refused(fps: Fraction) -> None:
    with pytest.raises(InputError, match="fps must lie in 8 to 120"):
        mel_features(noise(16000), fps)


@pytest.mark.parametrize("fps", RATES[:-1])
def test_clicks_stay_in_place_over_an_hour(fps: Fraction) -> None:
    speech = torch.zeros(HOUR)
    for second in (1, 601, 3598):
        click = second * SAMPLE_RATE + 37
        speech[click] = 1
        frame = int(Fraction(click, SAMPLE_RATE) * fps)
        power = mel_power(speech, fps, frame - 1, frame + 2, gain=1.0).sum(-1).flatten()
        exact = [Fraction(2 * i + 1, 8) * SAMPLE_RATE / fps for i in range(4 * (frame - 1), 4 * (frame + 2))]
        offset = np.array([click - int(centre) for centre in exact])
        expected = np.where(np.abs(offset) < 200, np.cos(np.pi * offset / 400) ** 4, 0)
        np.testing.assert_allclose((power / power.max()).numpy(), expected / expected.max(), atol=1e-4)
        assert frame - 1 + int(power.argmax()) // 4 == frame


@pytest.mark.parametrize("gain", [1e-3, 0.3, 30.0])
def test_loudness_does_not_matter(gain: float) -> None:
    speech = noise(2 * SAMPLE_RATE)
    torch.testing.assert_close(
        mel_features(gain * speech, Fraction(24)).features, mel_features(speech, Fraction(24)).features
    )


def test_pauses_do_not_lower_the_loudness() -> None:
    speech = noise(SAMPLE_RATE)
    with_pause = torch.cat([torch.zeros(20 * SAMPLE_RATE), speech, 1e-4 * noise(20 * SAMPLE_RATE)])
    assert mel.active_rms(with_pause) == pytest.approx(mel.active_rms(speech), rel=1e-3)
    assert mel.active_rms(speech) == pytest.approx(0.05, rel=0.02)
    assert mel.active_rms(torch.full((1,), 0.25)) == pytest.approx(0.25)


def test_digital_silence_is_the_floor() -> None:
    features = mel_features(torch.zeros(SAMPLE_RATE), Fraction(24)).features
    floor = (np.log(mel.POWER_FLOOR) - mel.LOG_MEAN) / mel.LOG_SCALE
    torch.testing.assert_close(features, torch.full_like(features, floor))


def test_real_speech_has_about_zero_mean_and_unit_scale(real_speech: list[Path]) -> None:
    for path in real_speech:
        features = mel_features(to_speech(load_audio(path)), Fraction(24)).features
        assert abs(features.mean()) < 1
        assert 0.5 < features.std() < 1.3


def test_progress_counts_frames_and_can_cancel() -> None:
    reports: list[tuple[int, int]] = []
    mel_features(noise(30 * SAMPLE_RATE), Fraction(24), progress=lambda done, total: reports.append((done, total)))
    assert reports[0] == (0, 720)
    assert reports[-1] == (720, 720)
    assert len(reports) > 5

    def cancel(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mel_features(noise(SAMPLE_RATE), Fraction(24), progress=cancel)


def test_gradient_reaches_the_speech() -> None:
    speech = noise(3200).requires_grad_()
    mel_frames(speech, Fraction(25), 0, 5, gain=1.0).sum().backward()
    assert speech.grad is not None
    assert speech.grad.isfinite().all()


def test_under_inference_mode_and_autocast() -> None:
    speech = noise(SAMPLE_RATE)
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        features = mel_features(speech, Fraction(24)).features
    assert torch.equal(features, mel_features(speech, Fraction(24)).features)


def test_empty_speech_is_refused() -> None:
    with pytest.raises(ValueError, match=r"speech must be a float tensor \[n\], n > 0. Got torch.float32 \(0,\)"):
        mel_features(torch.zeros(0), Fraction(24))


@pytest.mark.parametrize("speech", [torch.zeros(1, 100), torch.zeros(100, dtype=torch.int16)])
def test_what_is_no_speech_is_refused(speech: torch.Tensor) -> None:
    with pytest.raises((ValueError, TypeCheckError), match="speech"):
        mel_power(speech, Fraction(24), 0, 1, gain=1.0)


def test_an_empty_range_is_refused() -> None:
    with pytest.raises(ValueError, match=r"0 <= start < stop\. Got 3, 3"):
        mel_power(noise(100), Fraction(24), 3, 3, gain=1.0)
