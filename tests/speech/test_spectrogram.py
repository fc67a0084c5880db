from fractions import Fraction

import pytest
import torch

from vlogger_core.datatypes import SpeechFeatures
from vlogger_core.speech import mel_features
from vlogger_core.speech.spectrogram import MAX_WIDTH, draw_spectrogram


def tone(hz: float, seconds: float) -> torch.Tensor:
    return 0.3 * torch.sin(2 * torch.pi * hz * torch.arange(int(16000 * seconds)) / 16000)


def test_high_tones_stand_above_low_ones_and_later_ones_to_the_right() -> None:
    picture = draw_spectrogram(mel_features(torch.cat([tone(200, 2), tone(3000, 2)]), Fraction(24)))
    assert picture.shape[0] == 3
    assert picture.min() >= 0
    assert picture.max() <= 1
    light = picture.sum(0)[6:220]
    middle = light.shape[1] // 2
    low, high = (half.mean(1).argmax() for half in (light[:, : middle - 20], light[:, middle + 20 :]))
    assert low > high + 50


@pytest.mark.parametrize("seconds", [0.1, 3.0, 400.0])
def test_any_length_fits(seconds: float) -> None:
    picture = draw_spectrogram(mel_features(tone(300, seconds), Fraction(24)))
    assert 512 <= picture.shape[2] <= MAX_WIDTH


def test_other_features_are_drawn_too() -> None:
    features = SpeechFeatures(features=torch.randn(30, 768), fps=Fraction(24), kind="wav2vec2-base")
    assert draw_spectrogram(features).isfinite().all()


def test_nothing_to_draw() -> None:
    with pytest.raises(ValueError, match="one frame at least"):
        draw_spectrogram(SpeechFeatures(features=torch.zeros(0, 320), fps=Fraction(24), kind="mel80x4"))
