"""The figures of `evaluate motion` on motions that are known, and the command as a user meets it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from vlogger_core.cli import main
from vlogger_core.datatypes import Motion
from vlogger_core.evaluate import motion, motion_ablation, motion_figures, motion_speed
from vlogger_core.evaluate.motion_figures import Sampled
from vlogger_core.evaluate.motion_sets import ESPEAK, RECORDING, SpokenClip, flite_clips
from vlogger_core.evaluate.table import chosen_parts
from vlogger_core.motion.checkpoint import save_motion_model
from vlogger_core.motion.network import MotionConfig, MotionDenoiser
from vlogger_core.names import EXPRESSION_INDEX


@pytest.fixture(scope="module")
def clip() -> SpokenClip:
    return flite_clips()[0]


@pytest.fixture(scope="module")
def copy(clip) -> Sampled:
    designed = clip.designed(range(3))
    return Sampled(clip=clip, motions=designed, designed=designed)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    config = MotionConfig(width=16, layers=1, heads=2, feedforward_width=16)
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_motion_model(path, MotionDenoiser(config))
    return path


def _changed(item: Sampled, change) -> Sampled:
    return replace(item, motions=[change(made) for made in item.motions])


def _by_name(figures) -> dict:
    return {figure.what: figure for figure in figures}


def test_the_generator_itself_meets_every_figure(copy):
    figures = motion_figures.correlation_figures([copy], ESPEAK, 0.9)
    figures += motion_figures.closure_figures([copy], ESPEAK, 82.0, 2.0)
    figures += [motion_figures.lag_figure([copy], ESPEAK), *motion_figures.spread_figures([copy], ESPEAK)]
    figures += motion_figures.jerk_figures([copy], ESPEAK, [copy])
    figures.append(motion_figures.silence_figure([copy], ESPEAK, asked=True))
    named = _by_name(figures)
    assert all(figure.met for figure in figures)
    assert named["jawOpen correlation"].reached > 0.98
    assert named["  of loudness alone"].reached < 0.9
    assert named["lip closures hit"].reached == 100
    assert named["false lip closures"].reached == 0
    assert named["best audio-motion lag"].reached == 0
    assert named["deviation of head"].reached == pytest.approx(1)
    assert named["jerk of head"].reached == pytest.approx(1)


def test_what_does_not_move_misses(copy):
    def still(made: Motion) -> Motion:
        return replace(
            made, expression=torch.zeros_like(made.expression), joint_rotvec=torch.zeros_like(made.joint_rotvec)
        )

    item = _changed(copy, still)
    named = _by_name(
        [
            *motion_figures.correlation_figures([item], ESPEAK, 0.9),
            *motion_figures.closure_figures([item], ESPEAK, 82.0, 2.0),
            *motion_figures.spread_figures([item], ESPEAK),
            *motion_figures.blink_figures([item] * 10, ESPEAK),
        ]
    )
    assert named["jawOpen correlation"].reached == named["lip closures hit"].reached == 0
    assert named["deviation of head"].reached == named["blinks, speaking"].reached == 0
    missed = {name for name, figure in named.items() if not figure.met}
    assert missed >= {"jawOpen correlation", "lip closures hit", "deviation of gaze", "blinks, speaking"}


def test_late_and_trembling_motion_is_told(copy):
    late = _changed(copy, lambda made: replace(made, expression=made.expression.roll(3, 0)))
    figure = motion_figures.lag_figure([late], ESPEAK)
    assert (figure.reached, figure.met, figure.note) == (3, False, "the motion is late")
    generator = torch.Generator().manual_seed(0)

    def tremble(made: Motion) -> Motion:
        noise = 0.01 * torch.randn(made.joint_rotvec.shape, generator=generator)
        return replace(made, joint_rotvec=made.joint_rotvec + noise)

    assert not _by_name(motion_figures.jerk_figures([_changed(copy, tremble)], ESPEAK, [copy]))["jerk of head"].met


def test_missing_joints_are_missed_and_said(copy):
    def headless(made: Motion) -> Motion:
        return replace(made, joint_names=("head", "neck"), joint_rotvec=made.joint_rotvec[:, :2])

    figures = _by_name(motion_figures.spread_figures([_changed(copy, headless)], ESPEAK))
    hands = figures["deviation of hands"]
    assert (hands.reached, hands.met, hands.note) == (None, False, "this model lacks some of its joints")
    assert figures["deviation of head"].reached is not None


def test_a_real_recording_is_asked_to_beat_its_own_loudness(copy):
    named = _by_name(motion_figures.correlation_figures([copy], f"{RECORDING} x", None))
    asked = named["jawOpen correlation"].asked
    assert asked == pytest.approx(named["  of loudness alone"].reached + 0.05)


def test_a_jaw_that_hangs_in_silence_is_told(copy):
    def hanging(made: Motion) -> Motion:
        expression = made.expression.clone()
        expression[:, EXPRESSION_INDEX["jawOpen"]] = 0.3
        return replace(made, expression=expression)

    figure = motion_figures.silence_figure([_changed(copy, hanging)], ESPEAK, asked=True)
    assert figure.reached == pytest.approx(1, abs=1e-6)
    assert figure.asked == motion_figures.JAW_IN_SILENCE
    noisy = replace(copy, clip=replace(copy.clip, name="a_noisy_room"))
    assert motion_figures.silence_figure([noisy], "noisy", asked=True).asked == motion_figures.JAW_IN_NOISE
    singing = replace(copy, clip=replace(copy.clip, name="singing"))
    assert motion_figures.silence_figure([singing], "singing", asked=True).asked is None


def test_landmark_error_of_the_truth_is_nothing_and_an_absolute_pose_shows(clip):
    stage = motion_ablation.Stage(motion_ablation.load_anny())
    truth = clip.designed([0])[0].slice(0, 24)
    points = stage.points(truth, residual=True)
    assert points.world.shape == (24, motion_ablation.FACE_POINTS, 3)
    same = motion_ablation.compare(points, points, 24.0)
    assert (same.landmark_mm, same.lips_mm) == (0, 0)
    assert same.jitter > 0
    absolute = motion_ablation.compare(stage.points(truth, residual=False), points, 24.0)
    assert absolute.landmark_mm > 20
    assert absolute.lips_mm == 0
    placed = replace(truth, joint_rotvec=stage.pose(truth, residual=True)[:, _places(truth)])
    right = motion_ablation.compare(stage.points(placed, residual=False), points, 24.0)
    assert right.landmark_mm < 0.01
    shut = replace(truth, expression=torch.zeros_like(truth.expression))
    assert motion_ablation.compare(stage.points(shut, residual=True), points, 24.0).lips_mm > 0.1


def _places(made: Motion) -> list[int]:
    return [motion_ablation.JOINT_INDEX[name] for name in made.joint_names]


def test_jitter_of_steady_motion_is_nothing():
    steady = torch.arange(20.0)[:, None, None] * torch.ones(1, 5, 3)
    assert motion_ablation.jitter(steady, 24.0) == 0
    cubic = torch.arange(20.0, dtype=torch.float64)[:, None, None] ** 3 / 24**3 * torch.tensor([1.0, 0.0, 0.0])
    assert motion_ablation.jitter(cubic, 24.0) == pytest.approx(6)


def test_missing_ablation_checkpoints_are_told(monkeypatch, tmp_path, clip):
    monkeypatch.setattr(motion_ablation, "FOLDER", tmp_path)
    short = replace(clip, features=replace(clip.features, features=clip.features.features[:24]))
    figures = motion_ablation.ablation_figures([short], steps=1, guidance=1.1)
    assert {figure.on for figure in figures} > {f"ablation, {row.name}" for row in motion_ablation.ROWS}
    assert all(figure.met for figure in figures)
    assert sum(figure.reached is None for figure in figures) == 3 * len(motion_ablation.ROWS)
    assert "no_residual.safetensors" in figures[1].note


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--only", "hands"], "--only takes espeak, flite"),
        (["--seeds", "1"], "--seeds must be at least 2. Got 1"),
        (["--steps", "0"], "--steps must be at least 1. Got 0"),
        (["--steps", "2000"], "--steps must be at most 1000 for this model. Got 2000"),
        (["--weights", "nowhere.safetensors"], "There is no motion model at nowhere.safetensors"),
        (["--data", "nowhere"], "There is no folder nowhere"),
    ],
)
def test_bad_options_are_one_line(options, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate", "motion", *options]) == 2
    assert message in capsys.readouterr().err


def test_parts_keep_their_order():
    assert chosen_parts(None, motion.PARTS) == motion.PARTS
    assert chosen_parts("speed, espeak", motion.PARTS) == ("espeak", "speed")


@pytest.mark.slow
def test_command_prints_writes_and_returns(capsys, tmp_path, weights):
    path = tmp_path / "figures.json"
    options = ["--only", "flite", "--weights", str(weights), "--seeds", "2", "--steps", "1", "--json", str(path)]
    assert main(["evaluate", "motion", *options]) == 1
    out = capsys.readouterr().out
    for what in ("jawOpen correlation", "of loudness alone", "lip closures hit", ">= 65 %", "jerk of head", "MISSED"):
        assert what in out
    assert path.is_file()


@pytest.mark.slow
def test_speed_is_taken_in_a_process_of_its_own(weights):
    figures = motion_speed.speed_figures(weights, steps=1, guidance=1.0, long_s=20)
    assert 0 < figures[0].reached < 60
    assert figures[1].asked == 2
    assert figures[2].reached is None or np.isfinite(figures[2].reached)
