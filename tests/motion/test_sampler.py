from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
import torch

from tests.motion.tiny_motion import tiny_config, tiny_features, tiny_model
from vlogger_core.datatypes import Motion, SpeechFeatures
from vlogger_core.diffusion import num_rolling_steps
from vlogger_core.errors import InputError
from vlogger_core.motion.checkpoint import load_motion_model
from vlogger_core.motion.layout import motion_to_vector
from vlogger_core.motion.network import Past
from vlogger_core.motion.sampler import sample_motion, sample_variations
from vlogger_core.names import EXPRESSION_INDEX


@pytest.mark.parametrize("num_frames", [1, 3, 12, 13, 40])
def test_one_frame_for_every_frame_of_speech(num_frames: int):
    motion = sample_motion(tiny_model(), tiny_features(num_frames), seed=0, steps=2)
    assert motion.num_frames == num_frames
    assert motion.fps == Fraction(24)
    assert motion.joint_names == ("neck", "head")
    assert motion.expression.min() >= 0
    assert motion.expression.max() <= 1


def test_same_seed_same_motion():
    def draw(seed: int) -> torch.Tensor:
        return motion_to_vector(sample_motion(tiny_model(), tiny_features(30), seed=seed, steps=2))

    assert torch.equal(draw(3), draw(3))
    assert not torch.equal(draw(3), draw(4))


def test_variations_are_what_each_seed_gives_alone():
    together = sample_variations(tiny_model(), tiny_features(20), seeds=[5, 2], steps=2)
    for seed, motion in zip((5, 2), together, strict=True):
        alone = sample_motion(tiny_model(), tiny_features(20), seed=seed, steps=2)
        torch.testing.assert_close(motion_to_vector(motion), motion_to_vector(alone), atol=1e-5, rtol=1e-4)


def test_a_longer_speech_begins_with_the_same_motion():
    """What is said later than the look-ahead (and the reach of the low-pass) changes nothing before it."""
    features = tiny_features(60)
    short = features.features[: 20 + tiny_config().audio_ahead]
    long = sample_motion(tiny_model(), features, seed=1, steps=2)
    part = sample_motion(tiny_model(), replace(features, features=short), seed=1, steps=2)
    torch.testing.assert_close(part.joint_rotvec[:14], long.joint_rotvec[:14], atol=1e-4, rtol=1e-4)


def test_lips_are_drawn_to_what_the_speech_alone_tells():
    features, sure = tiny_features(30), tiny_model()
    sure.network.config = replace(sure.config, lip_expectation=1.0)
    jaw = EXPRESSION_INDEX["jawOpen"]
    plain = [sample_motion(tiny_model(), features, seed=seed, steps=2) for seed in (0, 1)]
    drawn = [sample_motion(sure, features, seed=seed, steps=2) for seed in (0, 1)]
    assert not torch.equal(plain[0].expression[:, jaw], plain[1].expression[:, jaw])
    assert torch.equal(drawn[0].expression[:, jaw], drawn[1].expression[:, jaw])
    torch.testing.assert_close(drawn[1].joint_rotvec, plain[1].joint_rotvec)


def test_guidance_changes_the_motion_and_one_is_the_plain_model():
    model = tiny_model()
    heard: list[bool] = []
    denoise = model.network.denoise

    def spy(x: torch.Tensor, t: torch.Tensor, embedded: torch.Tensor, past: Past) -> torch.Tensor:
        heard.append(not torch.equal(embedded[0, 0], model.network.null_audio))
        return denoise(x, t, embedded, past)

    torch.nn.init.ones_(model.network.null_audio)
    object.__setattr__(model.network, "denoise", spy)
    plain = sample_motion(model, tiny_features(8), seed=0, steps=2, guidance=1.0)
    assert all(heard)
    guided = sample_motion(model, tiny_features(8), seed=0, steps=2, guidance=2.0)
    assert heard.count(False) == len(heard) / 3
    assert not torch.equal(plain.joint_rotvec, guided.joint_rotvec)


def test_progress_rises_to_the_total():
    seen: list[tuple[int, int]] = []
    sample_motion(
        tiny_model(), tiny_features(30), seed=0, steps=3, progress=lambda done, total: seen.append((done, total))
    )
    total = num_rolling_steps(30, tiny_config().ramp_frames, 3)
    assert seen == [(done, total) for done in range(total + 1)]


def test_progress_cancels():
    before = torch.get_num_threads()

    class Cancelled(Exception):
        pass

    def cancel(done: int, total: int) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        sample_motion(tiny_model(), tiny_features(30), seed=0, progress=cancel)
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: replace(f, kind="wav2vec2"), "hears mel80x4 features, these are wav2vec2"),
        (lambda f: replace(f, fps=Fraction(30)), "moves at 24 frames a second, these features come at 30"),
    ],
)
def test_features_of_another_kind(change: Callable[[SpeechFeatures], SpeechFeatures], message: str):
    with pytest.raises(InputError, match=message):
        sample_motion(tiny_model(), change(tiny_features(5)), seed=0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"seed": -1}, r"seeds must be at least 0, and one at least. Got \[-1\]"),
        ({"seed": 0, "steps": 0}, "steps must lie in 1 to 50. Got 0"),
        ({"seed": 0, "steps": 51}, "steps must lie in 1 to 50. Got 51"),
    ],
)
def test_settings_out_of_range(settings: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        sample_motion(tiny_model(), tiny_features(5), **settings)


def test_no_frame():
    with pytest.raises(ValueError, match=r"features must be \[t, 8\] with t > 0. Got \[0, 8\]"):
        sample_motion(tiny_model(), tiny_features(0), seed=0)


@pytest.fixture(scope="module")
def shipped_motion() -> Motion:
    """Fifteen seconds of silence and noise bursts."""
    model = load_motion_model()
    generator = torch.Generator().manual_seed(0)
    silence = model.network.feature_silence
    speech = silence + 2.0 * torch.rand(360, model.config.feature_dim, generator=generator)
    loud = (torch.arange(360) // 60 % 2 == 1)[:, None]
    features = SpeechFeatures(
        features=torch.where(loud, speech, silence), fps=model.config.fps, kind=model.config.feature_kind
    )
    return sample_motion(model, features, seed=0)


def test_long_motion_has_no_jump(shipped_motion: Motion):
    speed = shipped_motion.joint_rotvec.diff(dim=0).flatten(1).norm(dim=1)
    assert speed.max() < 4 * speed.quantile(0.9)


def test_silence_keeps_the_mouth_shut_and_the_body_alive(shipped_motion: Motion):
    quiet = shipped_motion.slice(10, 50)
    assert quiet.expression[:, EXPRESSION_INDEX["jawOpen"]].mean() < 0.05
    assert shipped_motion.joint_rotvec.std(dim=0).norm() > 0.01
