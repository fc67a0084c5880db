"""The figures of `evaluate fit` on what is known exactly, and the command as a user meets it."""

import math
from dataclasses import replace
from fractions import Fraction

import pytest
import torch

from vlogger_core.body.anny_model import AnnyBody, load_anny
from vlogger_core.cli import main
from vlogger_core.data.random_bodies import SIZE, KnownBody, random_body
from vlogger_core.datatypes import Audio, BodyFit
from vlogger_core.evaluate import fit_photos, fit_recovery
from vlogger_core.evaluate.fit_clips import best_correlation, largest_jump, loudness
from vlogger_core.names import EXPRESSION_INDEX, JOINT_INDEX
from vlogger_core.rotation import compose_rotvec


@pytest.fixture(scope="module")
def anny() -> AnnyBody:
    return load_anny()


def _exact(known: KnownBody) -> BodyFit:
    names = ("model", "shape", "joint_rotvec", "translation", "expression", "camera")
    parts = {name: getattr(known, name) for name in names}
    return BodyFit(**parts, image=torch.zeros(3, SIZE, SIZE), mask=torch.ones(SIZE, SIZE))


def test_random_bodies_are_plausible_and_the_same_each_time(anny):
    known = [random_body(anny, seed) for seed in range(6)]
    again = random_body(anny, 3)
    assert torch.equal(known[3].landmarks.face, again.landmarks.face)
    assert not torch.equal(known[3].shape, known[4].shape)
    for body in known:
        assert body.landmarks.face[:, 2].min() == 1
        assert 20 < body.landmarks.eye_distance < 70
        assert (body.joint_rotvec[JOINT_INDEX["jaw"]] == 0).all()
    assert any(body.landmarks.point("left_hip")[2] == 0 for body in known)
    assert any(body.landmarks.left_hand[:, 2].any() for body in known)


def test_the_truth_has_no_error_and_a_wrong_fit_has_its_own(anny):
    known = random_body(anny, 0)
    exact = _exact(known)
    errors = fit_recovery.compare(known, exact)
    assert errors.head_deg < 0.1
    assert errors.jaw_open == 0
    assert errors.near_mm.max() == 0
    assert errors.projection_px.max() == 0
    pose, expression = exact.joint_rotvec.clone(), exact.expression.clone()
    turn = torch.tensor([0.0, math.radians(5), 0.0])
    pose[JOINT_INDEX["head"]] = compose_rotvec(pose[JOINT_INDEX["head"]], turn)
    expression[EXPRESSION_INDEX["jawOpen"]] = 0.9
    wrong = fit_recovery.compare(known, replace(exact, joint_rotvec=pose, expression=expression))
    assert wrong.head_deg == pytest.approx(5, abs=0.05)
    assert wrong.jaw_open == pytest.approx(0.9 - known.expression[EXPRESSION_INDEX["jawOpen"]].item(), abs=1e-5)
    assert wrong.projection_px.max() > 3
    figures = fit_recovery.figures_of([errors, wrong])
    assert figures[0].reached == pytest.approx(2.5, abs=0.1)
    assert not figures[0].met


def test_photo_errors_are_of_the_points_that_were_held_out(anny):
    known = random_body(anny, 1)
    shown = fit_photos.hold_out(known.landmarks)
    assert (shown.face[::3, 2] == 0).all()
    assert (shown.face[1::3, 2] == 1).all()
    clean = replace(known.landmarks, face=torch.cat((known.points().face, torch.ones(478, 1)), 1))
    errors = fit_photos.compare(_exact(known), clean, "known")
    assert errors.face.max() < 1e-4
    moved = clean.face.clone()
    moved[1::3, 0] += 50
    elsewhere = fit_photos.compare(_exact(known), replace(clean, face=moved), "known")
    assert elsewhere.face.max() < 0.1 * 50 / clean.eye_distance
    assert 0 < max(errors.joints.values()) < 0.01
    assert all(len(hand) == 21 for hand in errors.hands.values())


def test_jumps_and_their_absence():
    time = torch.arange(60.0)
    swinging = torch.sin(time / 5)[:, None, None] * torch.rand(1, 20, 3)
    smooth = swinging + 1e-3 * torch.randn(60, 20, 3, generator=torch.Generator().manual_seed(0))
    assert largest_jump(smooth) < 2
    jerked = smooth.clone()
    jerked[30] += 0.05
    assert largest_jump(jerked) > 5


def test_loudness_and_the_lag_of_the_lips():
    fps, rate = Fraction(25), 16000
    time = torch.arange(3 * rate) / rate
    beat = (torch.sin(2 * math.pi * 2 * time) > 0).float()
    sound = Audio(waveform=(beat * torch.sin(2 * math.pi * 220 * time))[None], sample_rate=rate)
    loud = loudness(sound, fps, 75)
    assert loud.shape == (75,)
    assert loud.min() == 0
    assert loud.max() == 1
    correlation, lag = best_correlation(loud.roll(-2), loud)
    assert lag == 2
    assert correlation > 0.95
    late = loudness(sound, fps, 75, delay_s=0.08)
    torch.testing.assert_close(late[2:], loud[:-2], atol=0.02, rtol=0)
    assert best_correlation(torch.zeros(75), loud)[0] == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--data", "nowhere"], "There is no folder nowhere"),
        (["--only", "recovery", "--bodies", "0"], "--bodies must be at least 1. Got 0"),
    ],
)
def test_bad_options_are_one_line(options, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate", "fit", *options]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.slow
def test_command_prints_writes_and_returns(capsys, tmp_path):
    path = tmp_path / "figures.json"
    code = main(["evaluate", "fit", "--only", "recovery", "--bodies", "1", "--json", str(path)])
    out = capsys.readouterr().out
    assert "head rotation" in out
    assert "<= 2 deg" in out
    assert code == (1 if "MISSED" in out else 0)
    assert path.is_file()
