from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.motion.lively_motion import FPS, said
from vlogger_core.errors import InputError
from vlogger_core.motion.activity import speaking, speech_amount
from vlogger_core.speech.audio import load_audio, to_speech
from vlogger_core.speech.mel import FEATURE_KIND, mel_features


@pytest.mark.parametrize("noise", [0.0, 0.2])
def test_pauses_are_found_in_quiet_and_in_noise(noise: float):
    heard = speaking(said(((0, 2), (8, 10)), noise=noise))
    wanted = torch.ones(20 * FPS, dtype=torch.bool)
    wanted[: 2 * FPS] = False
    wanted[8 * FPS : 10 * FPS] = False
    assert (heard != wanted).sum() <= 8


def test_a_pause_shorter_than_a_word_is_speech():
    assert speaking(said(((8, 8.2),)))[2:-2].all()


@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_nobody_speaks_in_silence_or_in_steady_noise(noise: float):
    features = said(((0, 20),), noise=noise)
    assert not speaking(features).any()
    assert torch.equal(speech_amount(features), torch.zeros(20 * FPS))


def test_the_amount_goes_smoothly_from_none_to_all():
    amount = speech_amount(said(((6, 12),)))
    assert amount.min() == 0
    assert amount.max() == 1
    assert amount.diff().abs().max() < 0.2
    assert ((amount > 0.01) & (amount < 0.99)).sum() <= 2 * 0.7 * FPS


def test_other_features_do_not_tell():
    with pytest.raises(InputError, match=r"wav2vec2 features do not tell .*: leave idle at 1"):
        speaking(replace(said(()), kind="wav2vec2"))


def test_the_kind_is_that_of_the_mel_front_end():
    assert said(()).kind == FEATURE_KIND


def test_a_real_recording_has_its_pauses(samples: Path):
    audio = load_audio(samples / "speech" / "a02_en_m_libri5703_14.8s.ogg")
    features = mel_features(to_speech(audio), said(()).fps)
    heard = speaking(features)
    quiet = [range(0, 6), range(70, 78), range(190, 196), range(236, 243)]
    assert not heard[[frame for part in quiet for frame in part]].any()
    assert 0.75 < heard.float().mean() < 0.95
