"""What the motion model is tested on: held out, fully labelled, and the same each time."""

import numpy as np
import pytest
import torch

from vlogger_core.data.sentences import WORDS
from vlogger_core.data.voices import HELD_OUT_TIMBRES, TRAINING_TIMBRES
from vlogger_core.evaluate import motion_sets
from vlogger_core.evaluate.motion_figures import channel
from vlogger_core.evaluate.motion_flite_set import SOUND, TIMES, read_flite_set
from vlogger_core.evaluate.motion_metrics import closures_hit, false_presses
from vlogger_core.evaluate.motion_sentences import ESPEAK_STREAMS, FLITE_SENTENCES
from vlogger_core.evaluate.samples import Samples
from vlogger_core.speech.mel import SAMPLE_RATE


@pytest.fixture(scope="module")
def flite() -> list[motion_sets.SpokenClip]:
    return motion_sets.flite_clips()


def test_sentences_are_many_and_no_voice_of_training_says_them():
    assert sum(map(len, ESPEAK_STREAMS)) >= 24
    assert len(FLITE_SENTENCES) >= 24
    assert len({text for stream in ESPEAK_STREAMS for _, text in stream} | set(FLITE_SENTENCES)) >= 48
    assert {language for stream in ESPEAK_STREAMS for language, _ in stream} <= set(WORDS)
    assert not set(HELD_OUT_TIMBRES) & set(TRAINING_TIMBRES)


def test_the_bundled_recording_is_small_and_whole():
    assert SOUND.stat().st_size + TIMES.stat().st_size < 1.5e6
    said = read_flite_set()
    assert [text for text, _, _ in said] == list(FLITE_SENTENCES)
    assert sum(phone.text in "pbm" for _, _, phones in said for phone in phones) > 120
    for _, speech, phones in said:
        assert 1 < len(speech) / SAMPLE_RATE < 6
        assert np.abs(speech).max() < 1
        assert phones[-1].end_s == pytest.approx(len(speech) / SAMPLE_RATE, abs=0.02)


def _check(clip: motion_sets.SpokenClip) -> None:
    frames = len(clip.level)
    assert clip.expression is not None
    assert clip.expression.shape == (frames, 52)
    assert clip.features.features.shape == (frames, 320)
    press = channel(clip.expression, "mouthPress")
    assert len(clip.closures) >= 10
    assert closures_hit(press, clip.closures) == len(clip.closures)
    assert false_presses(press, clip.closures) == 0
    assert 0.1 < clip.listening.mean() < clip.silent.mean() < 0.6


def test_flite_clips_are_labelled_to_the_frame(flite):
    assert len(flite) == len(FLITE_SENTENCES) / 4
    for clip in flite:
        _check(clip)


def test_designed_motions_differ_by_seed_but_for_the_lips(flite):
    first, again, other = (flite[0].designed([seed])[0] for seed in (0, 0, 1))
    assert torch.equal(first.joint_rotvec, again.joint_rotvec)
    assert not torch.equal(first.joint_rotvec, other.joint_rotvec)
    a, b = (channel(motion.expression.double().numpy(), "mouthPress") for motion in (first, other))
    np.testing.assert_allclose(a, b, atol=1e-6)


def test_degraded_clips_keep_their_truth(flite):
    worse = motion_sets.degraded(flite[:3])
    assert [clip.kind for clip in worse] == [motion_sets.DEGRADED] * 3
    assert any(not torch.equal(a.features.features, b.features.features) for a, b in zip(flite[:3], worse, strict=True))
    assert all(a.closures == b.closures for a, b in zip(flite[:3], worse, strict=True))


@pytest.mark.slow
def test_espeak_clips_are_labelled_to_the_frame():
    clips = motion_sets.espeak_clips()
    assert [clip.name.split()[1] for clip in clips] == list(HELD_OUT_TIMBRES)
    for clip in clips:
        _check(clip)


def test_recordings_that_were_not_trained_on(samples):
    clips = motion_sets.recorded_clips(Samples.open(samples))
    assert clips
    for clip in clips:
        assert clip.name not in motion_sets.TRAINING_RECORDINGS
        assert clip.expression is not None
        assert len(clip.expression) == len(clip.level) == len(clip.features.features)
        assert clip.designed([0]) == []
    with pytest.raises(ValueError, match="clips must be synthetic speech"):
        motion_sets.degraded(clips)


def test_noisy_speech_takes_the_silence_of_its_clean_twin(samples):
    clips = {clip.name[:3]: clip for clip in motion_sets.speech_clips(Samples.open(samples))}
    assert np.array_equal(clips["a04"].silent, clips["a02"].silent)
    assert not torch.equal(clips["a04"].features.features, clips["a02"].features.features)
    assert clips["a01"].silent.sum() > 20
    assert motion_sets.is_singing(clips["a03"].name)
