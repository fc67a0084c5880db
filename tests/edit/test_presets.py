import logging
from dataclasses import replace

import pytest
import torch

from tests.motion.lively_motion import FPS, lively, put_blink
from vlogger_core.body.anny_model import AnnyBody, load_anny
from vlogger_core.body.expression import LIP_GAP, compose_expression
from vlogger_core.datatypes import Motion
from vlogger_core.edit.presets import PRESETS, apply_preset
from vlogger_core.edit.regions import select
from vlogger_core.edit.timing import Scope
from vlogger_core.errors import InputError
from vlogger_core.motion.blinks import find_blinks
from vlogger_core.motion.gaze_control import gaze_directions
from vlogger_core.names import ARKIT_EXPRESSIONS, EXPRESSION_INDEX, SMPLX_JOINTS

LIDS = [EXPRESSION_INDEX["eyeBlinkLeft"], EXPRESSION_INDEX["eyeBlinkRight"]]
UPPER_LIP, LOWER_LIP, UPPER_LID, LOWER_LID = 13, 14, 159, 145


def talking() -> Motion:
    """Eight seconds of lively talk at modest amplitude, with two blinks."""
    motion = lively(8.0, blinks_s=(2.0, 5.0))
    eyes = torch.tensor([name.startswith("eye") for name in ARKIT_EXPRESSIONS])
    return replace(motion, expression=torch.where(eyes, motion.expression, 0.5 * motion.expression))


def gap(anny: AnnyBody, expression: torch.Tensor, upper: int, lower: int) -> torch.Tensor:
    """How far two points of the face are apart, metres."""
    still = torch.zeros(len(expression), 55, 3)
    vertices = anny.pose(anny.rest(anny.mean_shape()), still, still[:, 0], expression).vertices
    marks = anny.face_landmarks(vertices)
    return marks[:, upper, 1] - marks[:, lower, 1]


@pytest.fixture(scope="module")
def anny() -> AnnyBody:
    return load_anny()


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_changes_its_regions_within_its_range_and_nothing_else(name: str):
    motion = talking()
    edited = apply_preset(motion, name, Scope(start_s=1.0, end_s=6.0))
    own = select(PRESETS[name][1])
    others = ~own.joint_mask(SMPLX_JOINTS)
    assert torch.equal(edited.expression[:, ~own.expressions], motion.expression[:, ~own.expressions])
    assert torch.equal(edited.joint_rotvec[:, others], motion.joint_rotvec[:, others])
    for outside in (slice(0, FPS), slice(6 * FPS, None)):
        assert torch.equal(edited.expression[outside], motion.expression[outside])
        assert torch.equal(edited.joint_rotvec[outside], motion.joint_rotvec[outside])
    assert not torch.equal(edited.expression, motion.expression) or name == "calm hands"
    nothing = apply_preset(motion, name, Scope(), 0.0)
    assert torch.equal(nothing.joint_rotvec, motion.joint_rotvec) or name == "more expressive"


def test_a_closed_mouth_is_closed_on_the_body_and_keeps_its_smile(anny: AnnyBody):
    motion = talking()
    closed = apply_preset(motion, "close mouth", Scope()).expression
    for name in (*LIP_GAP, "jawForward", "jawLeft", "tongueOut", "cheekPuff"):
        assert not closed[:, EXPRESSION_INDEX[name]].any()
    assert gap(anny, closed[::8], UPPER_LIP, LOWER_LIP).max() < 1e-4
    assert gap(anny, motion.expression[::8], UPPER_LIP, LOWER_LIP).max() > 5e-3
    smile = EXPRESSION_INDEX["mouthSmileLeft"]
    assert abs(closed[:, smile].mean() - motion.expression[:, smile].mean()) < 0.02
    assert closed[:, smile].diff().abs().max() < motion.expression[:, smile].diff().abs().max()


@pytest.mark.parametrize("jaw", [0.0, 0.3])
def test_a_closed_mouth_is_closed_whatever_the_photo_shows(jaw: float):
    photo = torch.zeros(52)
    photo[EXPRESSION_INDEX["jawOpen"]] = jaw
    composed = compose_expression(photo, apply_preset(talking(), "close mouth", Scope()).expression)
    weight = torch.tensor([LIP_GAP.get(name, 0.0) for name in ARKIT_EXPRESSIONS])
    assert (composed @ weight).max() < 1e-6


def test_half_a_closed_mouth_and_lips_that_close_over_an_open_jaw():
    motion = talking()
    jaw, close = EXPRESSION_INDEX["jawOpen"], EXPRESSION_INDEX["mouthClose"]
    half = apply_preset(motion, "close mouth", Scope(), 0.5).expression
    torch.testing.assert_close(half[:, jaw], 0.5 * motion.expression[:, jaw])
    lips = apply_preset(motion, "close mouth", Scope(regions=("mouth",))).expression
    assert torch.equal(lips[:, jaw], motion.expression[:, jaw])
    assert torch.equal(lips[:, close], motion.expression[:, jaw])


def test_closed_eyes_are_closed_on_the_body_and_relaxed(anny: AnnyBody):
    motion = talking()
    closed = apply_preset(motion, "close eyes", Scope()).expression
    assert (closed[:, LIDS] == 1).all()
    assert not closed[:, EXPRESSION_INDEX["eyeSquintLeft"]].any()
    neutral = gap(anny, torch.zeros(1, 52), UPPER_LID, LOWER_LID)
    assert gap(anny, closed[::16], UPPER_LID, LOWER_LID).max() < 0.15 * neutral
    looks = [i for i, name in enumerate(ARKIT_EXPRESSIONS) if name.startswith("eyeLook")]
    assert torch.equal(closed[:, looks], motion.expression[:, looks])


def test_eyes_that_are_kept_open_neither_blink_nor_droop_and_go_on_looking():
    motion = talking()
    expression = motion.expression.clone()
    put_blink(expression, 100, depth=0.6)
    droop = torch.sin(torch.linspace(0, 3.1416, 60)).clamp(min=0)
    expression[120:180, LIDS] = torch.maximum(expression[120:180, LIDS], 0.9 * droop[:, None])
    expression[30:40, LIDS[0]] = 0.9  # A wink.
    tired = replace(motion, expression=expression)
    awake = apply_preset(tired, "keep eyes open", Scope())
    assert find_blinks(tired)
    assert not find_blinks(awake, min_rise=0.1)
    assert awake.expression[:, LIDS].max() < 0.15
    assert (awake.expression[:, LIDS] <= tired.expression[:, LIDS]).all()
    assert awake.expression[:, EXPRESSION_INDEX["eyeSquintLeft"]].max() < 0.12
    assert torch.equal(gaze_directions(awake), gaze_directions(tired))


def test_lids_that_rest_low_stay_as_low_and_follow_the_gaze():
    motion = lively(4.0, blinks_s=(2.0,))
    expression = motion.expression.clone()
    expression[:, LIDS] = (expression[:, LIDS] + 0.2).clamp(max=1)
    down = [EXPRESSION_INDEX[f"eyeLookDown{side}"] for side in ("Left", "Right")]
    expression[:, down] = 0
    expression[70:90, down] = 0.9
    expression[70:90, LIDS] += 0.19 * 0.9 * 0.77
    awake = apply_preset(replace(motion, expression=expression), "keep eyes open", Scope()).expression
    torch.testing.assert_close(awake[:40, LIDS], expression[:40, LIDS])
    assert (awake[75:85, LIDS] > 0.3).all()


def test_eyes_that_are_never_open_are_opened_with_a_word(caplog: pytest.LogCaptureFixture):
    asleep = apply_preset(lively(2.0), "close eyes", Scope())
    with caplog.at_level(logging.WARNING):
        awake = apply_preset(asleep, "keep eyes open", Scope())
    assert awake.expression[:, LIDS].max() < 0.5
    assert "closed most of the time" in caplog.text


def test_eyes_on_the_camera():
    motion = talking()
    directions = gaze_directions(apply_preset(motion, "look at camera", Scope()))
    assert directions[..., 2].min() > torch.tensor(2.0).deg2rad().cos()


def test_calm_hands_stay_where_they_were_and_move_less():
    motion = talking()
    hands = select(["arms", "hands"]).joint_mask(SMPLX_JOINTS)
    before, after = (m.joint_rotvec[:, hands] for m in (motion, apply_preset(motion, "calm hands", Scope())))
    assert after.std(0).mean() < 0.4 * before.std(0).mean()
    torch.testing.assert_close(after.mean(0), before.mean(0), atol=4e-3, rtol=0)


def test_more_expressive_grows_with_its_amount_and_keeps_the_gaze():
    motion = talking()
    head = SMPLX_JOINTS.index("head")
    swings = [apply_preset(motion, "more expressive", Scope(), amount) for amount in (0.0, 1.0, 2.0)]
    widths = [swing.joint_rotvec[:, head].std(0).mean() for swing in swings]
    assert widths[0] < 0.8 * widths[1]
    assert widths[1] < 0.9 * widths[2]
    torch.testing.assert_close(gaze_directions(swings[1]), gaze_directions(motion), atol=5e-3, rtol=0)
    assert find_blinks(swings[2]) == find_blinks(motion)


@pytest.mark.parametrize(
    ("name", "scope", "amount", "message"),
    [
        ("close mouth", Scope(), 1.5, r'"close mouth" must lie in 0 \(nothing\) to 1\. Got 1\.5'),
        ("more expressive", Scope(), 3.0, r"0 \(nothing\) to 2\. Got 3"),
        ("close eyes", Scope(regions=("head",)), 1.0, '"close eyes" changes lids, and none of that is in head'),
        ("close eyes", Scope(start_s=99.0), 1.0, "outside the motion"),
    ],
)
def test_what_cannot_be_done(name: str, scope: Scope, amount: float, message: str):
    with pytest.raises(InputError, match=message):
        apply_preset(lively(1.0), name, scope, amount)


@pytest.mark.parametrize("name", PRESETS)
def test_one_frame_and_none(name: str):
    motion = lively(1.0)
    assert apply_preset(motion.slice(3, 4), name, Scope()).num_frames == 1
    with pytest.raises(InputError, match="has no frames"):
        apply_preset(motion.slice(0, 0), name, Scope())


def test_an_unknown_preset():
    with pytest.raises(ValueError, match=r"one of close mouth.*Got wink\."):
        apply_preset(lively(1.0), "wink", Scope())
