from fractions import Fraction

import pytest
import torch

from vlogger_core import clock
from vlogger_core.errors import InputError
from vlogger_core.speech.encoded import encoded_features

KINDS = {768: "wav2vec2-base", 1024: "wav2vec2-large", 1280: "whisper-large-v3"}
FIRST = {768: 200, 1024: 200, 1280: 0}


def ramp(num_features: int, size: int) -> torch.Tensor:
    """Features that say at which second they are centred."""
    seconds = (torch.arange(num_features) * 320 + FIRST[size]) / 16000
    return seconds[:, None].expand(-1, size)


@pytest.mark.parametrize("size", KINDS)
@pytest.mark.parametrize("fps", [Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(8), Fraction(120)])
def test_each_frame_hears_its_own_time(size: int, fps: Fraction) -> None:
    num_samples = 10 * 16000 + 123
    speech = encoded_features(ramp(1 + num_samples // 320, size), num_samples, fps)
    frames = clock.num_frames(num_samples, 16000, fps)
    assert speech.features.shape == (frames, size)
    assert (speech.kind, speech.fps) == (KINDS[size], fps)
    middle = (torch.arange(frames) + 0.5) / float(fps)
    torch.testing.assert_close(speech.features[2:-2, 0], middle[2:-2], atol=2e-4, rtol=0)
    assert (speech.features[:, 0].diff() > 0).all()


@pytest.mark.slow
def test_there_is_no_drift_over_an_hour() -> None:
    num_samples = 3600 * 16000
    encoded = torch.zeros(1 + num_samples // 320, 768)
    click = 50 * 3598
    encoded[click] = 1
    features = encoded_features(encoded, num_samples, Fraction(24000, 1001)).features[:, 0]
    expected = int((Fraction(click * 320 + 200, 16000)) * Fraction(24000, 1001))
    assert int(features.argmax()) == expected


def test_whispers_padding_is_left_out() -> None:
    assert len(encoded_features(ramp(1500, 1280), 16000, Fraction(24)).features) == 24


@pytest.mark.parametrize(
    ("encoded", "num_samples", "fps", "message"),
    [
        (torch.zeros(50, 512), 16000, 24, r"wav2vec2-base \(768\).*Got 512 values"),
        (torch.zeros(0, 768), 16000, 24, "empty"),
        (torch.zeros(50, 768), 0, 24, "empty"),
        (torch.zeros(1500, 1280), 40 * 16000, 24, r"heard only 30\.0 s of 40\.0 s"),
        (torch.full((50, 768), torch.nan), 16000, 24, "NaN"),
        (torch.zeros(50, 768), 16000, 121, "8 to 120. Got 121"),
    ],
)
def test_what_cannot_be_used_is_refused(encoded: torch.Tensor, num_samples: int, fps: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        encoded_features(encoded, num_samples, Fraction(fps))


def test_half_precision_becomes_float32() -> None:
    assert encoded_features(torch.zeros(50, 768).half(), 16000, Fraction(24)).features.dtype == torch.float32
