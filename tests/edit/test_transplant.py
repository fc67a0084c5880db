from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
import torch

from tests.edit.tidy_motion import tidy
from tests.motion.lively_motion import FPS
from vlogger_core.datatypes import Motion
from vlogger_core.edit.operations import retime
from vlogger_core.edit.regions import select
from vlogger_core.edit.timing import Scope
from vlogger_core.edit.transplant import LENGTHS, transplant
from vlogger_core.errors import InputError
from vlogger_core.names import EXPRESSION_INDEX, SMPLX_JOINTS

JAW, CLOSE = EXPRESSION_INDEX["jawOpen"], EXPRESSION_INDEX["mouthClose"]
LIPS = Scope(regions=("mouth_and_jaw",))
MOUTH = select(["mouth_and_jaw"]).expressions


def other(seconds: float = 4.0) -> Motion:
    return tidy(seconds, seed=5)


def test_the_mouth_is_the_others_and_the_rest_its_own():
    motion, new = tidy(), other()
    dubbed = transplant(motion, new, LIPS)
    assert torch.equal(dubbed.expression[:, MOUTH], new.expression[:, MOUTH])
    assert torch.equal(dubbed.expression[:, ~MOUTH], motion.expression[:, ~MOUTH])
    jaw = select(["jaw"]).joint_mask(SMPLX_JOINTS)
    assert torch.equal(dubbed.joint_rotvec[:, jaw], new.joint_rotvec[:, jaw])
    assert torch.equal(dubbed.joint_rotvec[:, ~jaw], motion.joint_rotvec[:, ~jaw])
    assert torch.equal(dubbed.translation, motion.translation)


def test_another_frame_rate_is_resampled_on_the_clock():
    motion, new = tidy(8.0), other(8.0)
    quick = replace(retime(new, Scope(), 0.5), fps=Fraction(2 * FPS))
    torch.testing.assert_close(
        transplant(motion, quick, LIPS).expression[:, MOUTH], new.expression[:, MOUTH], atol=1e-5, rtol=0
    )
    slow = replace(new, fps=Fraction(24000, 1001))
    dubbed = transplant(motion, slow, LIPS)
    assert dubbed.fps == motion.fps
    assert dubbed.num_frames == 193  # 8.008 s
    torch.testing.assert_close(dubbed.expression[100, JAW], new.expression[100, JAW], atol=0.02, rtol=0)


def test_a_longer_speech_extends_the_motion():
    motion, new = tidy(), other(9.0)
    dubbed = transplant(motion, new, LIPS)
    assert dubbed.num_frames == 216
    assert torch.equal(dubbed.expression[:, MOUTH], new.expression[:, MOUTH])
    assert torch.equal(dubbed.joint_rotvec[:96, :20], motion.joint_rotvec[:, :20])
    assert dubbed.joint_rotvec[96:, :20].std(0).mean() > 0.3 * motion.joint_rotvec[:, :20].std(0).mean()
    assert (dubbed.expression[:, CLOSE] <= dubbed.expression[:, JAW]).all()


def test_after_a_shorter_speech_the_mouth_rests_and_the_rest_goes_on():
    motion, new = tidy(), other(2.0)
    dubbed = transplant(motion, new, LIPS)
    assert dubbed.num_frames == 96
    assert torch.equal(dubbed.expression[:48, JAW], new.expression[:, JAW])
    assert not dubbed.expression[58:, JAW].any()
    assert not dubbed.expression[58:, EXPRESSION_INDEX["mouthFunnel"]].any()
    assert dubbed.expression[47:60, JAW].diff().max() <= 0
    assert dubbed.expression[47:60, JAW].diff().abs().max() < 0.2
    assert torch.equal(dubbed.joint_rotvec[:, 10], motion.joint_rotvec[:, 10])
    head = transplant(motion, new, Scope(regions=("head",)))
    assert torch.equal(head.joint_rotvec[58:], motion.joint_rotvec[58:])


def test_lengths():
    motion = tidy()
    counts = {
        kind: [transplant(motion, other(s), LIPS, length=kind).num_frames for s in (2.0, 6.0)] for kind in LENGTHS
    }
    assert counts == {"longest": [96, 144], "clip": [96, 96], "other": [48, 144]}


def test_a_speech_that_begins_later_and_a_range():
    motion, new = tidy(), other(1.0)
    dubbed = transplant(motion, new, LIPS, other_start_s=1.0)
    assert torch.equal(dubbed.expression[24:48, JAW], new.expression[:, JAW])
    assert torch.equal(dubbed.expression[:15], motion.expression[:15])
    part = transplant(motion, other(9.0), Scope(regions=("mouth_and_jaw",), start_s=1.0, end_s=2.0))
    assert part.num_frames == 96
    assert torch.equal(part.expression[48:], motion.expression[48:])
    assert transplant(motion, other(9.0), Scope(regions=("mouth",), start_s=3.0, end_s=6.0)).num_frames == 144


def test_joints_that_only_one_of_the_two_has():
    motion, new = tidy(), other()
    arms = select(["arms"]).joint_mask(SMPLX_JOINTS)
    armless = replace(
        motion,
        joint_names=tuple(name for name, arm in zip(SMPLX_JOINTS, arms.tolist()) if not arm),
        joint_rotvec=motion.joint_rotvec[:, ~arms],
    )
    given = transplant(armless, new, Scope(regions=("arms",)))
    left = given.joint_rotvec[:, given.joint_names.index("left_elbow")]
    assert torch.equal(left, new.joint_rotvec[:, SMPLX_JOINTS.index("left_elbow")])
    taken = transplant(motion, armless, Scope(regions=("arms",)))
    assert not taken.joint_rotvec[:, arms].any()


def test_lips_alone_close_another_jaw_as_far_as_their_own():
    motion, new = tidy(), other()
    dubbed = transplant(motion, new, Scope(regions=("mouth",))).expression
    assert torch.equal(dubbed[:, JAW], motion.expression[:, JAW])
    wanted = new.expression[:, CLOSE] / new.expression[:, JAW]
    torch.testing.assert_close(dubbed[:, CLOSE] / dubbed[:, JAW], wanted)
    opened = transplant(motion, new, Scope(regions=("jaw",))).expression
    torch.testing.assert_close(
        opened[:, CLOSE] / opened[:, JAW], motion.expression[:, CLOSE] / motion.expression[:, JAW]
    )


def test_one_frame_each():
    assert transplant(tidy().slice(0, 1), other(1.0), LIPS).num_frames == 24
    assert transplant(tidy(), other().slice(0, 1), LIPS).num_frames == 96


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"amount": 2.0}, r"0 \(nothing\) to 1 \(all\)\. Got 2"),
        ({"other_start_s": -1.0}, "begin at 0 s or later. Got -1 s"),
        ({"scope": Scope(start_s=9.0)}, "begins at 9 s, outside"),
        ({"motion": tidy().slice(0, 0)}, "The motion has no frames"),
        ({"other": tidy().slice(0, 0)}, "The other motion has no frames"),
    ],
)
def test_what_cannot_be_done(inputs: dict[str, Any], message: str):
    with pytest.raises(InputError, match=message):
        transplant(**{"motion": tidy(), "other": other(), "scope": LIPS, **inputs})


def test_an_unknown_length():
    with pytest.raises(ValueError, match=r"one of longest, clip, other\. Got shortest"):
        transplant(tidy(), other(), LIPS, length="shortest")
