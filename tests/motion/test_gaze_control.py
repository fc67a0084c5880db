import math
from dataclasses import replace

import pytest
import torch

from tests.motion.lively_motion import lively
from vlogger_core.body.gaze import GAZE_DEG
from vlogger_core.datatypes import Motion
from vlogger_core.motion.gaze_control import LID_FOLLOW, gaze_directions, head_rotation, keep_gaze, look_at_camera
from vlogger_core.names import EXPRESSION_INDEX, JOINT_INDEX
from vlogger_core.rotation import rotvec_to_rotmat


def off_camera_deg(motion: Motion) -> torch.Tensor:
    directions = gaze_directions(motion)
    return torch.rad2deg(torch.atan2(directions[..., :2].norm(dim=-1), directions[..., 2]))


def turned(motion: Motion, axis: int, degrees: float, joint: str = "head") -> Motion:
    joints = motion.joint_rotvec.clone()
    joints[:, JOINT_INDEX[joint], axis] += math.radians(degrees)
    return replace(motion, joint_rotvec=joints)


def resting(motion: Motion) -> Motion:
    return replace(
        motion, expression=torch.zeros_like(motion.expression), joint_rotvec=torch.zeros_like(motion.joint_rotvec)
    )


def test_the_head_is_carried_by_the_whole_spine():
    motion = lively(1.0)
    total = torch.eye(3)
    for name in ("pelvis", "spine1", "spine2", "spine3", "neck", "head"):
        total = total @ rotvec_to_rotmat(motion.joint_rotvec[7, JOINT_INDEX[name]])
    torch.testing.assert_close(head_rotation(motion)[7], total)


def test_joints_that_a_motion_lacks_are_at_rest():
    motion = lively(1.0)
    index = JOINT_INDEX["head"]
    only = replace(motion, joint_names=("head",), joint_rotvec=motion.joint_rotvec[:, index : index + 1])
    torch.testing.assert_close(head_rotation(only), rotvec_to_rotmat(motion.joint_rotvec[:, index]))


@pytest.mark.parametrize(
    ("axis", "degrees", "channels"),
    [
        (1, 10.0, {"eyeLookInLeft": 10 / GAZE_DEG["In"], "eyeLookOutRight": 10 / GAZE_DEG["Out"]}),
        (1, -10.0, {"eyeLookOutLeft": 10 / GAZE_DEG["Out"], "eyeLookInRight": 10 / GAZE_DEG["In"]}),
        (0, 9.0, {"eyeLookUpLeft": 9 / GAZE_DEG["Up"], "eyeLookUpRight": 9 / GAZE_DEG["Up"]}),
        (0, -9.0, {"eyeLookDownLeft": 9 / GAZE_DEG["Down"], "eyeLookDownRight": 9 / GAZE_DEG["Down"]}),
    ],
)
def test_eyes_turn_against_the_head(axis: int, degrees: float, channels: dict[str, float]):
    motion = resting(lively(0.5))
    held = keep_gaze(turned(motion, axis, degrees), motion).expression[0]
    looks = {name: held[index].item() for name, index in EXPRESSION_INDEX.items() if name.startswith("eyeLook")}
    for name, value in looks.items():
        assert value == pytest.approx(channels.get(name, 0.0), abs=1e-4)


def test_the_camera_is_met_wherever_the_eyes_can_reach():
    motion = lively(60.0)
    assert off_camera_deg(motion).max() > 5
    held = look_at_camera(motion)
    assert off_camera_deg(held).max() < 2
    assert off_camera_deg(held).std() > 0.01
    assert held.expression.diff(dim=0).abs()[:, EXPRESSION_INDEX["eyeLookOutLeft"]].max() < 0.1


def test_beyond_their_reach_the_eyes_stop():
    held = look_at_camera(turned(resting(lively(1.0)), 1, 60.0))
    assert held.expression[:, EXPRESSION_INDEX["eyeLookInLeft"]].min() == 1
    torch.testing.assert_close(off_camera_deg(held), torch.full((24, 2), 60.0 - GAZE_DEG["In"]), atol=1e-2, rtol=0)


def test_lids_follow_and_blinks_stay_closed():
    blink, wide = EXPRESSION_INDEX["eyeBlinkLeft"], EXPRESSION_INDEX["eyeWideLeft"]
    motion = resting(lively(2.0))
    expression = motion.expression.clone()
    expression[20, blink] = 1.0
    motion = replace(motion, expression=expression)
    down = keep_gaze(turned(motion, 0, -20.0), motion).expression
    assert down[0, blink] == pytest.approx(LID_FOLLOW, abs=1e-3)
    assert down[20, blink] == 1
    up = keep_gaze(turned(motion, 0, 15.0), motion).expression
    assert up[0, wide] == pytest.approx(LID_FOLLOW, abs=1e-3)
    assert up[0, blink] == 0


def test_a_gaze_is_kept_however_the_head_moves():
    motion = lively(10.0)
    other = replace(motion, joint_rotvec=0.3 * motion.joint_rotvec)
    torch.testing.assert_close(gaze_directions(keep_gaze(other, motion)), gaze_directions(motion), atol=1e-4, rtol=0)


def test_frames_in_which_the_head_did_not_move_are_untouched():
    motion = lively(2.0)
    joints = motion.joint_rotvec.clone()
    joints[30:] *= 0.5
    kept = keep_gaze(replace(motion, joint_rotvec=joints), motion)
    assert torch.equal(kept.expression[:30], motion.expression[:30])
    assert not torch.equal(kept.expression[30:], motion.expression[30:])
