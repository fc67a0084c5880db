import argparse
import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch

from vlogger_core.data.shards import ShardInfo, Stream, save_shard
from vlogger_core.diffusion import cosine_schedule
from vlogger_core.errors import InputError
from vlogger_core.motion.checkpoint import load_motion_model, save_motion_model
from vlogger_core.motion.network import MotionConfig, MotionDenoiser
from vlogger_core.train import motion as training
from vlogger_core.train.motion import read_config, train
from vlogger_core.train.motion_data import (
    MotionWindows,
    load_windows,
    silent_features,
    vary_microphone,
    vary_throat,
)
from vlogger_core.train.motion_loss import LossWeights, draw_batch, motion_loss
from vlogger_core.train.motion_trainer import MotionTrainer, MotionTraining
from vlogger_core.train.pace import learning_rate

CONFIG = MotionConfig(joint_names=("head",), width=16, layers=1, heads=2, feedforward_width=16, diffusion_steps=20)
SETTINGS = MotionTraining(
    steps=6, frames_per_step=32, window_lengths=(8, 16), warmup=2, learning_rate=1e-2, log_every=2, save_every=3
)
WHITE = torch.ones(1, 3)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Speech whose first band opens the jaw."""
    generator = torch.Generator().manual_seed(0)
    info = ShardInfo(feature_kind="mel80x4", fps=Fraction(24), joint_names=("head",))
    for split in ("train", "validation"):
        (tmp_path / split).mkdir()
        streams = []
        for length in (40, 30):
            features = torch.randn(length, 320, generator=generator)
            motion = torch.zeros(length, 58)
            motion[:, 24] = features[:, 0].sigmoid()
            streams.append(Stream(features=features, motion=motion))
        save_shard(tmp_path / split / "0.safetensors", streams, info)
    return tmp_path


@pytest.fixture
def data(corpus: Path) -> MotionWindows:
    return load_windows(corpus / "train", behind=CONFIG.audio_behind, ahead=CONFIG.audio_ahead)


def test_windows_fit_motion_to_sound(data: MotionWindows):
    features, motion = data.draw(20, 16, torch.Generator().manual_seed(0))
    assert features.shape == (20, 16 + 8, 320)
    assert motion.shape == (20, 16, 58)
    torch.testing.assert_close(features[:, 4:-4, 0].sigmoid(), motion[..., 24], atol=2e-3, rtol=0)


def test_silence_surrounds_each_stream(data: MotionWindows):
    features, _ = data.draw(50, 40, torch.Generator().manual_seed(0))
    assert torch.equal(features[:, :4], silent_features().half().float().expand(50, 4, 320))


def test_statistics(data: MotionWindows):
    statistics = data.statistics()
    assert statistics["feature_mean"].abs().max() < 0.6
    assert statistics["motion_std"][24] > 0.1
    assert statistics["motion_std"][0] == pytest.approx(1e-3)


def test_windows_too_long(data: MotionWindows):
    with pytest.raises(ValueError, match=r"num_frames must not exceed the longest stream, 40\. Got 41"):
        data.draw(1, 41, torch.Generator())


def test_no_shards(tmp_path: Path):
    with pytest.raises(InputError, match="holds no training shards: make them with"):
        load_windows(tmp_path, behind=4, ahead=4)


def test_another_microphone_leaves_silence_and_shape():
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(6, 5, 320, generator=generator)
    varied = vary_microphone(features, generator)
    assert varied.shape == features.shape
    assert torch.isfinite(varied).all()
    assert varied.min() >= silent_features().min() - 1e-3


def test_another_throat_moves_the_spectrum():
    peak = torch.zeros(40, 3, 4, 80)
    peak[..., 40] = 1
    varied = vary_throat(peak.flatten(2), torch.Generator().manual_seed(0), reach=0.15, mask_bands=0)
    heard = varied.unflatten(2, (4, 80))
    places = heard.argmax(dim=-1)
    assert (places == places[:, :1, :1]).all()
    assert 30 < places.min() < 38
    assert 42 < places.max() < 50
    assert heard.amax(-1).min() > 0.45

    plain = torch.randn(2, 3, 320)
    torch.testing.assert_close(vary_throat(plain, torch.Generator(), reach=0, mask_bands=0), plain, atol=0.01, rtol=0.1)


def test_hidden_bands_show_the_mean_of_the_window():
    features = torch.randn(60, 2, 320, generator=torch.Generator().manual_seed(0))
    hidden = vary_throat(features, torch.Generator().manual_seed(0), reach=0, mask_bands=20).unflatten(2, (4, 80))
    constant = (hidden == hidden[:, :1, :1]).all(dim=(1, 2)).sum(dim=-1)
    assert constant.max() > 20
    assert constant.float().mean() > 8


def test_shares_of_the_sources(tmp_path: Path):
    info = ShardInfo(feature_kind="mel80x4", fps=Fraction(24), joint_names=("head",))
    for name, level, lengths in (("loud-0", 1.0, (40,)), ("soft-0", 0.0, (30, 90)), ("soft-1", 0.0, (60,))):
        streams = [Stream(features=torch.full((n, 320), level), motion=torch.zeros(n, 58)) for n in lengths]
        save_shard(tmp_path / f"{name}.safetensors", streams, info)
    windows = load_windows(tmp_path, behind=2, ahead=2)
    assert windows.sources == ("loud", "soft", "soft", "soft")

    def loud(shares: dict[str, float] | None) -> float:
        features, _ = windows.draw(2000, 10, torch.Generator().manual_seed(0), shares)
        return float((features[:, 5, 0] > 0.5).float().mean())

    assert loud({"loud": 3, "soft": 1}) == pytest.approx(0.75, abs=0.04)
    assert loud({"soft": 1}) == 0
    assert loud(None) == pytest.approx(31 / (31 + 21 + 81 + 51), abs=0.04)


def test_batch_rises_from_clean_frames_to_noise():
    generator = torch.Generator().manual_seed(0)
    batch = draw_batch(torch.zeros(200, 60, 3), torch.zeros(200, 68, 320), 1000, generator, noise_response=WHITE)
    assert (batch.t.diff(dim=1) >= 0)[~batch.known[:, :-1]].all()
    assert (batch.known.long().diff(dim=1) <= 0).all()
    assert batch.t[batch.known].max() <= 40
    assert (batch.t[~batch.known] >= 1).all()
    level = (batch.t == batch.t[:, :1]).all(dim=1) & (batch.t[:, 0] < 1000)
    assert 20 < level.sum() < 70
    assert 5 < (~batch.heard).sum() < 40


def test_perfect_prediction_has_no_x0_loss():
    network = MotionDenoiser(CONFIG)
    generator = torch.Generator().manual_seed(0)
    batch = draw_batch(
        torch.zeros(4, 8, CONFIG.motion_dim),
        torch.zeros(4, 16, 320),
        20,
        generator,
        noise_response=CONFIG.noise_response(),
    )
    torch.nn.init.zeros_(network.motion_out.weight)
    torch.nn.init.zeros_(network.motion_out.bias)
    terms = motion_loss(network, cosine_schedule(20), batch, LossWeights())
    assert terms["x0"] == 0
    assert terms["temporal"] == 0


def _state(trainer: MotionTrainer) -> dict[str, torch.Tensor]:
    return {**trainer.network.state_dict(), **{f"ema.{k}": v for k, v in trainer.ema.state_dict().items()}}


def test_resumed_training_is_the_same_bit_for_bit(data: MotionWindows, tmp_path: Path):
    straight = MotionTrainer(CONFIG, SETTINGS, data)
    train(straight, tmp_path / "straight")

    first = MotionTrainer(CONFIG, SETTINGS, data)
    train(first, tmp_path / "resumed", until=4)
    second = MotionTrainer(CONFIG, SETTINGS, data)
    second.load(tmp_path / "resumed" / "state.pt")
    assert second.step == 4
    train(second, tmp_path / "resumed")
    assert second.step == 6
    for name, value in _state(straight).items():
        assert torch.equal(value, _state(second)[name]), name


def test_training_learns(data: MotionWindows):
    trainer = MotionTrainer(CONFIG, SETTINGS, data)
    losses = [trainer.train_step()["total"] for _ in range(60)]
    assert sum(losses[-10:]) < 0.8 * sum(losses[:10])


def _arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    training.add_arguments(parser)
    return parser.parse_args(words)


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    path = tmp_path / "config.json"
    training = {"frames_per_step": 32, "window_lengths": [8, 16], "log_every": 2, "save_every": 3, "loss": {"lips": 3}}
    network = {"width": 16, "layers": 1, "heads": 2, "feedforward_width": 16, "diffusion_steps": 20}
    path.write_text(json.dumps({"training": training, "network": network}))
    return path


def test_the_command_writes_log_state_and_checkpoint(corpus: Path, config_file: Path, tmp_path: Path):
    out = tmp_path / "run"
    words = ["--data", str(corpus), "--out", str(out), "--config", str(config_file)]
    training.run(_arguments(*words, "--steps", "4"))
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert lines[-1]["step"] == 4
    assert "r_jawOpen" in lines[-1]
    model = load_motion_model(out / "motion.safetensors")
    assert model.config.joint_names == ("head",)
    assert model.config.width == 16

    with pytest.raises(InputError, match="give --resume to go on"):
        training.run(_arguments(*words, "--steps", "6"))
    training.run(_arguments(*words, "--steps", "6", "--resume"))
    assert json.loads((out / "log.jsonl").read_text().splitlines()[-1])["step"] == 6


def test_going_on_from_a_trained_model(corpus: Path, config_file: Path, tmp_path: Path):
    words = ["--data", str(corpus), "--config", str(config_file)]
    training.run(_arguments(*words, "--out", str(tmp_path / "a"), "--steps", "2"))
    first = tmp_path / "a" / "motion.safetensors"
    config_file.write_text(
        json.dumps(
            {
                "training": {"frames_per_step": 32, "window_lengths": [8], "learning_rate": 1e-9, "weight_decay": 0},
                "network": {"lip_expectation": 0.5},
            }
        )
    )
    training.run(_arguments(*words, "--out", str(tmp_path / "b"), "--steps", "1", "--init", str(first)))
    then, now = load_motion_model(first), load_motion_model(tmp_path / "b" / "motion.safetensors")
    assert now.config == replace(then.config, lip_expectation=0.5)
    for name, value in then.network.state_dict().items():
        torch.testing.assert_close(now.network.state_dict()[name], value, atol=1e-4, rtol=1e-3)

    config_file.write_text(json.dumps({"network": {"width": 32}}))
    with pytest.raises(InputError, match=r"asks for another network than --init has \(width\)"):
        training.run(_arguments(*words, "--out", str(tmp_path / "c"), "--init", str(first)))


def test_a_start_that_does_not_fit_the_corpus(corpus: Path, tmp_path: Path):
    other = tmp_path / "other.safetensors"
    save_motion_model(other, MotionDenoiser(replace(CONFIG, joint_names=("neck",))))
    with pytest.raises(InputError, match="knows other speech features, joints or frame rate"):
        training.run(_arguments("--data", str(corpus), "--out", str(tmp_path / "d"), "--init", str(other)))


def test_shares_of_what_the_corpus_lacks(corpus: Path, config_file: Path, tmp_path: Path):
    config_file.write_text(json.dumps({"training": {"shares": {"flite": 1}}}))
    with pytest.raises(InputError, match="has shares for flite, of which the corpus has nothing; it has 0"):
        training.run(_arguments("--data", str(corpus), "--out", str(tmp_path / "e"), "--config", str(config_file)))


def test_curves_for_tensorboard(corpus: Path, config_file: Path, tmp_path: Path):
    pytest.importorskip("tensorboard", reason="curves need tensorboard: pip install tensorboard")
    out = tmp_path / "run"
    training.run(
        _arguments("--data", str(corpus), "--out", str(out), "--config", str(config_file), "--steps", "2")
    )  # fmt: skip
    assert list((out / "curves").glob("events.*"))


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parents[2] / "configs").glob("motion*.json")), ids=lambda p: p.stem
)
def test_shipped_configurations(path: Path):
    settings, network = read_config(path)
    assert settings.steps > 0
    assert MotionConfig(**network).context_frames <= max(settings.window_lengths)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not a training configuration"),
        ('{"optimiser": {}}', "the file has no setting optimiser"),
        ('{"network": {"depth": 3}}', "network has no setting depth"),
        ('{"network": {"fps": 25}}', "network has no setting fps"),
        ('{"training": {"stepz": 3}}', "stepz"),
        ('{"network": {"width": 18}}', "width must be a multiple"),
        ("[]", "is not a training configuration"),
    ],
)
def test_bad_configuration(tmp_path: Path, text: str, message: str):
    path = tmp_path / "c.json"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_config(path)


def test_without_residuals_the_network_learns_absolute_poses(data: MotionWindows):
    absolute = MotionTrainer(replace(CONFIG, residual=False), SETTINGS, data).validation_batch(data)
    residual = MotionTrainer(CONFIG, SETTINGS, data).validation_batch(data)
    assert torch.equal(absolute.x0[..., :52], residual.x0[..., :52])
    assert residual.x0[..., 52:55].abs().max() < 1e-6
    assert absolute.x0[..., 52:55].std() > 0.3
    torch.testing.assert_close(absolute.x0[:, 1:, 52:55], absolute.x0[:, :-1, 52:55])


def test_learning_rate_stays_and_then_falls():
    settings = replace(SETTINGS, steps=100, cooldown=0.5)

    def rate(step: int, steps: int = 100) -> float:
        return learning_rate(replace(settings, steps=steps), step)

    assert rate(0) < rate(10) == rate(49) == settings.learning_rate == rate(49, steps=300)
    assert rate(99) < 0.1 * rate(49)


def test_the_log_of_a_run_that_was_cut_off_goes_on_where_the_state_is(data: MotionWindows, tmp_path: Path):
    settings = replace(SETTINGS, steps=8, log_every=2, save_every=3)
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    train(MotionTrainer(CONFIG, settings, data), straight)
    train(MotionTrainer(CONFIG, settings, data), broken, until=3)
    state = (broken / "state.pt").read_bytes()
    train(MotionTrainer(CONFIG, settings, data), tmp_path / "further", until=5)
    (broken / "log.jsonl").write_text((tmp_path / "further" / "log.jsonl").read_text())
    (broken / "state.pt").write_bytes(state)
    resumed = MotionTrainer(CONFIG, settings, data)
    resumed.load(broken / "state.pt")
    train(resumed, broken)

    def totals(folder: Path) -> list[tuple[int, float]]:
        lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
        return [(line["step"], line["total"]) for line in lines if "total" in line]

    assert totals(broken) == totals(straight)


@pytest.mark.parametrize(
    ("config", "settings"),
    [
        (replace(CONFIG, width=32), SETTINGS),
        (CONFIG, replace(SETTINGS, weight_decay=0.5)),
        (CONFIG, replace(SETTINGS, seed=9)),
    ],
)
def test_a_state_of_another_training(
    config: MotionConfig, settings: MotionTraining, data: MotionWindows, tmp_path: Path
):  # fmt: skip
    MotionTrainer(CONFIG, SETTINGS, data).save(tmp_path / "state.pt")
    with pytest.raises(InputError, match="is of another network, training or corpus"):
        MotionTrainer(config, settings, data).load(tmp_path / "state.pt")
    MotionTrainer(CONFIG, replace(SETTINGS, steps=99), data).load(tmp_path / "state.pt")


def test_a_damaged_state(data: MotionWindows, tmp_path: Path):
    (tmp_path / "state.pt").write_bytes(b"PK")
    with pytest.raises(InputError, match="is not a state of this training"):
        MotionTrainer(CONFIG, SETTINGS, data).load(tmp_path / "state.pt")


def test_short_recordings_shorten_the_windows(corpus: Path, config_file: Path, tmp_path: Path):
    content = json.loads(config_file.read_text())
    words = ["--data", str(corpus), "--steps", "2", "--config", str(config_file)]
    content["training"]["window_lengths"] = [8, 35, 400]
    config_file.write_text(json.dumps(content))
    training.run(_arguments(*words, "--out", str(tmp_path / "a")))
    content["training"]["window_lengths"] = [400]
    config_file.write_text(json.dumps(content))
    with pytest.raises(InputError, match="The longest recording has 40 frames, the shortest window 400"):
        training.run(_arguments(*words, "--out", str(tmp_path / "b")))
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"warmup": 0}, "warmup must be at least 1. Got 0"),
        ({"log_every": 0}, "log_every must be at least 1"),
        ({"cooldown": 0}, "cooldown must lie above 0"),
        ({"shares": {}}, "shares must all be above 0"),
        ({"throat": -0.1}, "throat and mask_bands must be at least 0"),
        ({"window_lengths": ()}, "window_lengths must be at least 1 each"),
    ],
)
def test_impossible_trainings(settings: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        MotionTraining(**settings)


def test_a_device_that_is_not_there(tmp_path: Path):
    with pytest.raises(InputError, match="--device nonsense cannot be used here"):
        training.run(_arguments("--data", str(tmp_path), "--out", str(tmp_path / "o"), "--device", "nonsense"))


def test_nothing_to_resume(tmp_path: Path):
    with pytest.raises(InputError, match="to resume from: leave --resume out"):
        training.run(_arguments("--data", str(tmp_path), "--out", str(tmp_path), "--resume"))
