"""`fit_joints3d`: bones are turned to where they are said to point, at any scale and from any origin."""

import pytest
import torch

from vlogger_core.body.fit_joints3d import BoneTargets, Joints3d, known_bones
from vlogger_core.names import JOINT_INDEX, SMPLX_JOINTS

BONES = (("left_shoulder", "left_elbow"), ("left_elbow", "left_wrist"))
ARM = ("left_shoulder", "left_elbow", "left_wrist")


def _arm(positions=((0.2, 0, 0), (0.45, 0, 0), (0.45, 0.25, 0)), confidence=(1.0, 1.0, 1.0)) -> Joints3d:
    return Joints3d(names=ARM, positions=torch.tensor(positions), confidence=torch.tensor(confidence))


def _body(joints: Joints3d) -> torch.Tensor:
    body = torch.zeros(1, len(SMPLX_JOINTS), 3)
    body[0, [JOINT_INDEX[name] for name in joints.names]] = joints.positions
    return body


def test_scale_and_place_do_not_matter_but_direction_does():
    joints = _arm()
    targets = BoneTargets.build(joints, BONES)
    body = _body(joints)
    torch.testing.assert_close(targets.cost(1.4 * body + torch.tensor([3.0, -1, 2])), torch.zeros(1))
    bent = body.clone()
    bent[0, JOINT_INDEX["left_wrist"], 2] = 0.25
    turned = body.clone()
    turned[0, JOINT_INDEX["left_wrist"]] = torch.tensor([0.45, -0.25, 0])
    assert 5 < targets.cost(bent).item() < targets.cost(turned).item()


def test_gradient_turns_the_bone():
    joints = _arm()
    body = _body(joints)
    body[0, JOINT_INDEX["left_wrist"], 2] = 0.1
    body.requires_grad_()
    known_bones(joints)["left"].cost(body).sum().backward()
    assert body.grad is not None
    assert torch.isfinite(body.grad).all()
    assert body.grad[0, JOINT_INDEX["left_wrist"], 2] > 0


def test_unknown_and_doubtful_joints_say_nothing():
    doubtful = _arm(confidence=(1.0, 1.0, 0.1))
    assert len(BoneTargets.build(doubtful, BONES).weight) == 1
    bones = known_bones(_arm(confidence=(0.0, 0.0, 0.0)))
    assert set(bones) == {"trunk", "left", "right"}
    for targets in bones.values():
        torch.testing.assert_close(targets.cost(torch.rand(2, 55, 3)), torch.zeros(2))
    together = _arm(positions=((0.2, 0, 0), (0.2, 0, 0), (0.45, 0.25, 0)))
    assert len(BoneTargets.build(together, BONES).weight) == 1


def test_messages():
    with pytest.raises(ValueError, match=r"must be SMPL-X joints\. Got left_horn"):
        Joints3d(names=("left_horn",), positions=torch.zeros(1, 3), confidence=torch.ones(1))
    with pytest.raises(ValueError, match="must name each joint once"):
        Joints3d(names=("neck", "neck"), positions=torch.zeros(2, 3), confidence=torch.ones(2))
    with pytest.raises(ValueError, match=r"a row for each of the 2 names\. Got 1 and 1"):
        Joints3d(names=("neck", "head"), positions=torch.zeros(1, 3), confidence=torch.ones(1))
    with pytest.raises(ValueError, match="must be finite"):
        Joints3d(names=("neck",), positions=torch.full((1, 3), float("nan")), confidence=torch.ones(1))
