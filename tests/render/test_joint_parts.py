import torch

from vlogger_core.body.anny_model import load_anny
from vlogger_core.names import JOINT_INDEX
from vlogger_core.render.joint_parts import SMPL_JOINTS, SMPL_PARENTS, joint_weights

from .bodies import BallBody


def test_the_tree_is_smpls() -> None:
    assert len(SMPL_JOINTS) == len(SMPL_PARENTS) == 24
    assert all(parent < joint for joint, parent in enumerate(SMPL_PARENTS))
    names = {SMPL_JOINTS[j]: SMPL_JOINTS[p] for j, p in enumerate(SMPL_PARENTS) if p >= 0}
    assert names["left_hand"] == "left_wrist"
    assert names["right_collar"] == names["neck"] == "spine3"


def test_what_only_one_joint_turns_is_its_own() -> None:
    weights = joint_weights(BallBody())
    assert weights.shape == (len(BallBody().template), 24)
    torch.testing.assert_close(weights[:, JOINT_INDEX["head"]], torch.ones(len(weights)), atol=1e-3, rtol=0)


def test_annys_parts_lie_where_they_belong_and_on_both_sides_alike() -> None:
    body = load_anny()
    weights = joint_weights(body)
    torch.testing.assert_close(weights.sum(1), torch.ones(len(weights)), atol=0.15, rtol=0)
    part = weights.argmax(1)
    middle = {name: body.template[part == joint].mean(0) for joint, name in enumerate(SMPL_JOINTS)}
    heights = [
        float(middle[name][1]) for name in ("left_ankle", "left_knee", "left_hip", "pelvis", "spine3", "neck", "head")
    ]
    assert heights == sorted(heights)
    reach = [float(middle[name][0]) for name in ("spine3", "left_collar", "left_shoulder", "left_elbow", "left_wrist")]
    assert reach == sorted(reach)
    for name in SMPL_JOINTS:
        if name.startswith("left_"):
            mirrored = middle[name] * torch.tensor([-1.0, 1.0, 1.0])
            torch.testing.assert_close(mirrored, middle[name.replace("left_", "right_")], atol=0.01, rtol=0)
