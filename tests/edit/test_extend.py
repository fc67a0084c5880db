from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch

from tests.motion.lively_motion import FPS, lively
from vlogger_core.edit.extend import extended, ping_pong
from vlogger_core.motion.blinks import find_blinks
from vlogger_core.names import ARKIT_EXPRESSIONS, EXPRESSION_INDEX

EYES = torch.tensor([name.startswith("eye") for name in ARKIT_EXPRESSIONS])
JAW, CLOSE = EXPRESSION_INDEX["jawOpen"], EXPRESSION_INDEX["mouthClose"]


@pytest.mark.parametrize("known", [2, 7, 75, 200])
def test_time_runs_back_and_forth_without_a_jerk(known: int):
    positions = ping_pong(known, 5 * known + 50, Fraction(25))
    assert (positions[:known] == np.arange(known)).all()
    assert positions.min() >= 0
    assert positions.max() <= known - 1
    beyond = np.diff(positions[known - 1 :])
    assert np.abs(beyond).max() <= 1 + 1e-9
    if known > 20:
        assert np.abs(np.diff(beyond)).max() < np.pi / 20 + 1e-9
        assert positions[known:].min() < 1e-2
        assert positions[known + 30 :].max() > known - 1.01


def test_what_is_not_longer_is_cut():
    motion = lively(2.0)
    assert torch.equal(extended(motion, 30).joint_rotvec, motion.joint_rotvec[:30])
    assert extended(motion, 48).num_frames == 48


def test_the_join_is_no_faster_than_the_motion_itself():
    motion = lively(4.0, blinks_s=(1.0, 2.5))
    longer = extended(motion, 300)
    assert longer.num_frames == 300
    for name in ("expression", "joint_rotvec", "translation"):
        before, after = getattr(motion, name), getattr(longer, name)
        assert torch.equal(after[:96], before)
        if name == "expression":
            before, after = before[:, ~EYES], after[:, ~EYES]
        assert after.diff(dim=0).abs().max() < 1.1 * before.diff(dim=0).abs().max()
        # Changes of speed at the join: those that the motion has anyway, and what it takes to turn within 0.8 s.
        bend, usual = (values.diff(dim=0).diff(dim=0).abs() for values in (after, before))
        assert bend.max() < usual.max() + 6 * before.diff(dim=0).abs().max() / (0.8 * FPS)
    assert (longer.expression[:, CLOSE] <= longer.expression[:, JAW]).all()
    assert longer.expression.min() >= 0


def test_blinks_close_faster_than_they_open_and_come_as_often():
    motion = lively(12.0, blinks_s=(2.0, 5.0, 9.0))
    longer = extended(motion, 4 * motion.num_frames)
    blinks = find_blinks(longer)
    assert blinks[:3] == find_blinks(motion)
    assert 8 <= len(blinks[3:]) <= 10
    for blink in blinks:
        assert blink.peak - blink.onset < blink.end - blink.peak
    assert not find_blinks(extended(lively(4.0), 300))


def test_a_still_picture_stays_still():
    still = lively(1.0).slice(5, 6)
    longer = extended(still, 40)
    torch.testing.assert_close(longer.joint_rotvec, still.joint_rotvec.expand(40, -1, -1), atol=1e-6, rtol=0)
    assert torch.equal(longer.translation, still.translation.expand(40, -1))
    assert extended(lively(1.0).slice(5, 7), 40).num_frames == 40


def test_a_motion_without_joints():
    faceless = replace(lively(1.0), joint_names=(), joint_rotvec=torch.zeros(24, 0, 3))
    assert extended(faceless, 60).joint_rotvec.shape == (60, 0, 3)
