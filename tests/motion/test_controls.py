from dataclasses import replace
from typing import Any

import pytest
import torch

from tests.motion.lively_motion import FPS, lively, said
from vlogger_core.body.expression import LIP_GAP
from vlogger_core.datatypes import Motion
from vlogger_core.errors import InputError
from vlogger_core.motion.blinks import find_blinks
from vlogger_core.motion.controls import MOST_DEG, MotionControls, apply_controls, region_of
from vlogger_core.motion.gaze_control import gaze_directions
from vlogger_core.names import ARKIT_EXPRESSIONS, EXPRESSION_INDEX, SMPLX_JOINTS

FEATURES = said(((0, 3), (12, 16)))
FACE = [i for i, name in enumerate(ARKIT_EXPRESSIONS) if not name.startswith("eye")]
BROWS = [i for i, name in enumerate(ARKIT_EXPRESSIONS) if name.startswith("brow")]
LIPS = [i for i in FACE if i not in BROWS]
EYES = [i for i in range(52) if i not in FACE]


def controlled(motion: Motion, **controls: Any) -> Motion:
    return apply_controls(motion, MotionControls(**controls), FEATURES, seed=0)


def joints_of(region: str | None) -> list[int]:
    return [index for index, name in enumerate(SMPLX_JOINTS) if region_of(name) == region]


def same(one: Motion, other: Motion) -> bool:
    names = ("expression", "joint_rotvec", "translation")
    return all(torch.equal(getattr(one, name), getattr(other, name)) for name in names)


def test_every_joint_has_its_region():
    assert {SMPLX_JOINTS[i] for i in joints_of("head")} == {"neck", "head"}
    assert {SMPLX_JOINTS[i] for i in joints_of("face")} == {"jaw"}
    assert {SMPLX_JOINTS[i] for i in joints_of(None)} == {"left_eye_smplhf", "right_eye_smplhf"}
    assert {SMPLX_JOINTS[i] for i in joints_of("torso")} >= {"spine1", "spine3", "left_collar", "pelvis", "left_hip"}
    assert len(joints_of("hands")) == 2 * (3 + 15)


def test_the_defaults_change_nothing():
    motion = lively(blinks_s=(3.0, 7.0))
    assert same(controlled(motion), motion)


@pytest.mark.parametrize("region", ["head", "torso", "hands"])
def test_a_region_at_0_stays_at_the_reference_and_the_others_as_they_are(region: str):
    motion = lively()
    result = controlled(motion, **{region: 0.0})
    own = joints_of(region)
    assert not result.joint_rotvec[:, own].any()
    others = [index for index in range(55) if index not in own]
    assert torch.equal(result.joint_rotvec[:, others], motion.joint_rotvec[:, others])
    assert torch.equal(result.translation, 0 * motion.translation if region == "torso" else motion.translation)
    assert torch.equal(result.expression[:, FACE], motion.expression[:, FACE])


def test_the_face_at_0_is_the_photos_and_the_eyes_go_on():
    motion = lively(blinks_s=(3.0,))
    result = controlled(motion, face=0.0)
    assert not result.expression[:, FACE].any()
    assert not result.joint_rotvec[:, joints_of("face")].any()
    assert torch.equal(result.expression[:, EYES], motion.expression[:, EYES])


@pytest.mark.parametrize("region", ["face", "head", "torso", "hands"])
def test_amounts_are_proportional(region: str):
    motion = lively()
    result = controlled(motion, **{region: 1.5})
    torch.testing.assert_close(
        result.joint_rotvec[:, joints_of(region)], 1.5 * motion.joint_rotvec[:, joints_of(region)]
    )


def test_too_much_goes_ever_less_beyond_what_bodies_bear():
    motion = lively()
    wild = replace(motion, joint_rotvec=6 * motion.joint_rotvec)
    turned = [controlled(wild, head=head, energy=energy) for head, energy in ((1, 1), (1.3, 1), (2, 1), (2, 2))]
    angles = torch.stack([each.joint_rotvec[:, joints_of("head")].norm(dim=-1) for each in turned])
    assert same(turned[0], wild)
    assert (angles.diff(dim=0) >= -1e-6).all()
    most = torch.maximum(angles[0], torch.tensor(MOST_DEG["head"]).deg2rad())
    assert (angles[-1] <= most + 1e-6).all()
    directions = [each.joint_rotvec / each.joint_rotvec.norm(dim=-1, keepdim=True) for each in turned]
    torch.testing.assert_close(directions[-1], directions[0])


@pytest.mark.parametrize("amount", [0.3, 1.4, 2.0])
def test_closed_lips_stay_closed(amount: float):
    motion = lively()
    jaw, close = EXPRESSION_INDEX["jawOpen"], EXPRESSION_INDEX["mouthClose"]
    expression = 0 * motion.expression
    expression[:, jaw] = motion.expression[:, jaw]
    expression[:, close] = motion.expression[:, jaw]
    expression[:, EXPRESSION_INDEX["mouthPressLeft"]] = 0.8
    result = controlled(replace(motion, expression=expression), face=amount).expression
    weights = torch.tensor([LIP_GAP.get(name, 0.0) for name in ARKIT_EXPRESSIONS])
    assert (result @ weights).max() <= 1e-6
    torch.testing.assert_close(result[:, close], result[:, jaw])
    assert result[:, jaw].max() > min(1.0, amount * expression[:, jaw].max()) - 1e-6


def test_the_mouth_closes_as_far_as_before_in_proportion():
    motion = lively()
    result = controlled(motion, face=2.0).expression
    jaw, close = EXPRESSION_INDEX["jawOpen"], EXPRESSION_INDEX["mouthClose"]
    before = motion.expression[:, close] / motion.expression[:, jaw]
    torch.testing.assert_close(result[:, close] / result[:, jaw], before)
    assert result.max() <= 1


def test_energy_is_monotone_and_spares_the_lips():
    motion = lively()
    body = joints_of("head") + joints_of("torso") + joints_of("hands")
    travel, raised = [], []
    for energy in (0.0, 0.4, 0.8, 1.0, 1.5, 2.0):
        result = controlled(motion, energy=energy)
        travel.append(result.joint_rotvec[:, body].diff(dim=0).abs().sum() + result.translation.diff(dim=0).abs().sum())
        raised.append(result.expression[:, BROWS].sum())
        assert torch.equal(result.expression[:, LIPS], motion.expression[:, LIPS])
    assert travel == sorted(travel)
    assert raised == sorted(raised)
    assert travel[0] == 0
    assert travel[0] < travel[1]


def test_idle_0_is_still_where_nobody_speaks_and_changes_nothing_else():
    motion = lively()
    result = controlled(motion, idle=0.0)
    quiet, loud = slice(13 * FPS, 15 * FPS), slice(5 * FPS, 11 * FPS)
    body = joints_of("head") + joints_of("torso") + joints_of("hands")
    assert not result.joint_rotvec[quiet][:, body].any()
    assert not result.translation[quiet].any()
    assert not result.expression[quiet][:, BROWS].any()
    assert same(result.slice(5 * FPS, 11 * FPS), motion.slice(5 * FPS, 11 * FPS))
    assert torch.equal(result.expression[:, LIPS], motion.expression[:, LIPS])
    assert result.joint_rotvec[loud].any()
    jumps, before = (m.joint_rotvec[:, body].diff(dim=0).abs().max() for m in (result, motion))
    assert jumps < 2 * before


def test_idle_1_and_silence_keep_the_motion_alive():
    motion = lively()
    silent = said(((0, 20),))
    assert same(apply_controls(motion, MotionControls(), silent, 0), motion)
    doubled = apply_controls(motion, MotionControls(idle=2.0), silent, 0)
    torch.testing.assert_close(doubled.translation, 2 * motion.translation)


@pytest.mark.parametrize("head", [0.0, 0.5, 2.0])
def test_the_eyes_stay_on_what_they_looked_at(head: float):
    motion = lively()
    result = controlled(motion, head=head)
    torch.testing.assert_close(gaze_directions(result), gaze_directions(motion), atol=2e-3, rtol=0)


def test_gaze_camera_holds_with_a_livelier_head():
    result = controlled(lively(60.0).slice(0, 480), head=1.5, gaze="camera", blinks_per_minute=30.0)
    assert gaze_directions(result)[..., 2].min() > torch.tensor(2.0).deg2rad().cos()
    assert len(find_blinks(result)) in (9, 10)


def test_blinks_need_no_mel_features_but_idle_does():
    motion, other = lively(), replace(FEATURES, kind="wav2vec2")
    assert find_blinks(apply_controls(motion, MotionControls(blinks_per_minute=20.0), other, 0))
    with pytest.raises(InputError, match="leave idle at 1"):
        apply_controls(motion, MotionControls(idle=0.5), other, 0)


@pytest.mark.parametrize(
    ("controls", "message"),
    [
        ({"head": 2.5}, "head must lie in 0 to 2. Got 2.5"),
        ({"idle": -0.1}, "idle must lie in 0 to 2. Got -0.1"),
        ({"energy": float("nan")}, "energy must lie in 0 to 2. Got nan"),
        ({"blinks_per_minute": 100.0}, "blinks_per_minute must lie in 0 to 60. Got 100"),
        ({"gaze": "away"}, 'gaze must be "free" or "camera". Got "away"'),
    ],
)
def test_controls_out_of_range(controls: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        MotionControls(**controls)


def test_features_of_another_length():
    with pytest.raises(ValueError, match=r"one frame for each of the motion's 24\. Got 480"):
        controlled(lively(1.0))
