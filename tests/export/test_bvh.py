"""`bvh_write`, `bvh_file`, `bvh_motion`: what is written comes back, and what others write is understood."""

import logging
from fractions import Fraction
from pathlib import Path

import pytest
import roma
import torch

from vlogger_core.body.expression import pose_at
from vlogger_core.body.smplx_file import PARENTS
from vlogger_core.datatypes import BodyFit, Motion
from vlogger_core.errors import InputError
from vlogger_core.export.bvh_file import parse_bvh
from vlogger_core.export.bvh_motion import bvh_to_motion, load_bvh
from vlogger_core.export.bvh_names import DIALECTS, match_joints
from vlogger_core.export.bvh_write import bvh_text, save_bvh
from vlogger_core.names import SMPLX_JOINTS

from ..render.people import poses


def angle_deg(a: torch.Tensor, b: torch.Tensor) -> float:
    apart = roma.rotvec_to_rotmat(a.double()).mT @ roma.rotvec_to_rotmat(b.double())
    return float(roma.rotmat_to_rotvec(apart).norm(dim=-1).max().rad2deg())


def rotvecs(motion: Motion, *joints: str) -> torch.Tensor:
    return motion.joint_rotvec[:, [motion.joint_names.index(joint) for joint in joints]]


def test_round_trip(fit: BodyFit, motion: Motion, tmp_path: Path) -> None:
    save_bvh(tmp_path / "a.bvh", fit, motion)
    back = load_bvh(tmp_path / "a.bvh", fit)
    assert back.fps == motion.fps
    assert back.joint_names == SMPLX_JOINTS
    assert angle_deg(rotvecs(back, *motion.joint_names), motion.joint_rotvec) < 0.01
    still = [joint for joint in SMPLX_JOINTS if joint not in motion.joint_names]
    assert rotvecs(back, *still).norm(dim=-1).rad2deg().max() < 0.01
    torch.testing.assert_close(back.translation, motion.translation, atol=1e-5, rtol=0)
    assert not back.expression.any()


def test_broadcast_rates_come_back(fit: BodyFit, motion: Motion) -> None:
    for fps in (Fraction(30000, 1001), Fraction(24), Fraction(25, 2)):
        changed = Motion(**{**vars(motion), "fps": fps})
        assert bvh_to_motion(parse_bvh(bvh_text(fit, changed), "a.bvh"), "a.bvh").fps == fps


def test_without_a_body_the_first_frame_is_where_it_begins(fit: BodyFit) -> None:
    moves = poses({"head": (0.0, 0.2, 0.0)}, {"head": (0.0, 0.5, 0.0)})
    back = bvh_to_motion(parse_bvh(bvh_text(fit, moves), "a.bvh"), "a.bvh")
    assert back.joint_rotvec[0].abs().max() < 1e-6
    torch.testing.assert_close(rotvecs(back, "head")[1, 0], torch.tensor([0.0, 0.3, 0.0]), atol=1e-5, rtol=0)


def test_the_file_has_the_joints_where_the_body_has_them(fit: BodyFit, motion: Motion) -> None:
    bvh = parse_bvh(bvh_text(fit, motion), "a.bvh")
    joints = fit.model.pose(fit.model.rest(fit.shape), *pose_at(fit, motion, 0, 3)).joints
    turned, place = {}, {}
    for joint, (name, parent) in enumerate(zip(bvh.names, bvh.parents, strict=True)):
        turned[joint] = bvh.rotmat[:, joint] if parent < 0 else turned[parent] @ bvh.rotmat[:, joint]
        place[joint] = bvh.root if parent < 0 else place[parent] + turned[parent] @ bvh.offsets[joint]
        if name in ("left_wrist", "right_index3", "head", "right_ankle"):
            wanted = 100 * (joints[:, SMPLX_JOINTS.index(name)] - joints[:, 0])
            torch.testing.assert_close(place[joint] - bvh.root, wanted, atol=1.0, rtol=0)


MIXAMO = """HIERARCHY
ROOT mixamorig:Hips
{
  OFFSET 0 95 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Yrotation Xrotation
  JOINT mixamorig:Spine
  {
    OFFSET 0 10 0
    CHANNELS 3 Zrotation Yrotation Xrotation
    JOINT mixamorig:Spine1
    {
      OFFSET 0 10 0
      CHANNELS 3 Zrotation Yrotation Xrotation
      JOINT mixamorig:LeftShoulder
      {
        OFFSET 5 20 0
        CHANNELS 3 Zrotation Yrotation Xrotation
        JOINT mixamorig:LeftArm
        {
          OFFSET 12 0 0
          CHANNELS 3 Zrotation Yrotation Xrotation
          JOINT mixamorig:LeftForeArm
          {
            OFFSET %s
            CHANNELS 3 Zrotation Yrotation Xrotation
            End Site
            {
              OFFSET 20 0 0
            }
          }
        }
      }
    }
  }
  JOINT mixamorig:LeftUpLeg
  {
    OFFSET 10 0 0
    CHANNELS 3 Zrotation Yrotation Xrotation
  }
  JOINT mixamorig:RightUpLeg
  {
    OFFSET -10 0 0
    CHANNELS 3 Zrotation Yrotation Xrotation
  }
  JOINT Tail_Root
  {
    OFFSET 0 0 -10
    CHANNELS 3 Zrotation Yrotation Xrotation
  }
}
MOTION
Frames: 2
Frame Time: 0.033333
%s
%s
"""
REST = ["0 95 0", *["0 0 0"] * 9]


def mixamo(forearm: str = "28 0 0", **second: str) -> str:
    rows = [list(REST), list(REST)]
    for place, numbers in second.items():
        rows[1][int(place[1:])] = numbers
    return MIXAMO % (forearm, *(" ".join(row) for row in rows))


def test_mixamo(caplog: pytest.LogCaptureFixture) -> None:
    # Row: position, Hips, Spine, Spine1, LeftShoulder, LeftArm, LeftForeArm, two legs, tail.
    text = mixamo(_0="0 95 50", _2="0 30 0", _5="-40 0 0")
    with caplog.at_level(logging.WARNING):
        motion = bvh_to_motion(parse_bvh(text, "m.bvh"), "m.bvh")
    assert "left out: Tail_Root" in caplog.text
    assert motion.fps == 30
    assert "left_collar" in motion.joint_names
    turned = rotvecs(motion, "spine1", "left_shoulder", "spine2")[1].rad2deg()
    torch.testing.assert_close(turned[0], torch.tensor([0.0, 30.0, 0.0]), atol=1e-3, rtol=0)
    torch.testing.assert_close(turned[1], torch.tensor([0.0, 0.0, -40.0]), atol=1e-3, rtol=0)
    assert turned[2].abs().max() < 1e-3
    torch.testing.assert_close(motion.translation[1], torch.tensor([0.0, 0.0, 0.5]), atol=1e-4, rtol=0)


def test_another_rest_pose_is_brought_to_the_t_pose(fit: BodyFit) -> None:
    """An arm that rests hanging and is raised by 90 degrees is one in the T-pose."""
    text = mixamo(forearm="0 -28 0", _5="90 0 0")
    motion = bvh_to_motion(parse_bvh(text, "m.bvh"), "m.bvh", fit)
    posed = roma.rotvec_composition([fit.joint_rotvec[16].double(), rotvecs(motion, "left_shoulder")[1, 0].double()])
    assert posed.norm().rad2deg() < 0.01
    first = roma.rotvec_composition([fit.joint_rotvec[16].double(), rotvecs(motion, "left_shoulder")[0, 0].double()])
    torch.testing.assert_close(first.rad2deg(), torch.tensor([0.0, 0.0, -90.0]).double(), atol=0.01, rtol=0)


def test_axes_with_z_up() -> None:
    upright = bvh_to_motion(parse_bvh(mixamo(_2="0 30 0"), "m"), "m")
    lying = []
    for line in mixamo(_2="30 0 0").splitlines():
        words = line.split()
        if words[:1] == ["OFFSET"]:
            x, y, z = words[1:]
            line = f"OFFSET {x} {-float(z):g} {y}"
        lying.append(line)
    turned = bvh_to_motion(parse_bvh("\n".join(lying), "m"), "m")
    assert angle_deg(rotvecs(turned, "spine1"), rotvecs(upright, "spine1")) < 1e-3


@pytest.mark.parametrize(
    ("names", "dialect", "joints"),
    [
        (["pelvis", "left_hip", "spine1"], "SMPL-X", ["pelvis", "left_hip", "spine1"]),
        (["m_avg_Pelvis", "m_avg_L_Hip", "m_avg_L_Shoulder"], "SMPL", ["pelvis", "left_hip", "left_shoulder"]),
        (["mixamorig:Hips", "mixamorig:Spine", "mixamorig:LeftShoulder", "mixamorig:LeftArm", "mixamorig:Spine2"],
         "Mixamo", ["pelvis", "spine1", "left_collar", "left_shoulder", "spine3"]),
        (["Hips", "LowerBack", "Spine", "Spine1", "LeftArm"], "CMU",
         ["pelvis", "spine1", "spine2", "spine3", "left_shoulder"]),
        (["hips", "upperChest", "leftUpperArm", "leftIndexProximal", "leftThumbIntermediate", "leftLittleDistal"],
         "VRM 0", ["pelvis", "spine3", "left_shoulder", "left_index1", "left_thumb2", "left_pinky3"]),
        (["hips", "leftThumbMetacarpal", "leftThumbProximal", "leftUpperArm"], "VRM 1",
         ["pelvis", "left_thumb1", "left_thumb2", "left_shoulder"]),
        (["J_Bip_C_Hips", "J_Bip_L_UpperArm", "J_Bip_R_Little2", "J_Bip_C_UpperChest"], "VRoid",
         ["pelvis", "left_shoulder", "right_pinky2", "spine3"]),
        (["Hips", "Chest", "LeftCollar", "LeftShoulder", "LeftElbow"], "Biovision",
         ["pelvis", "spine1", "left_collar", "left_shoulder", "left_elbow"]),
    ],
)  # fmt: skip
def test_names(names: list[str], dialect: str, joints: list[str]) -> None:
    assert match_joints(names) == (dialect, {joint: i for i, joint in enumerate(joints)})


def test_dialects_name_joints_of_smplx() -> None:
    assert len(PARENTS) == 55
    for table in DIALECTS.values():
        assert set(table.values()) <= set(SMPLX_JOINTS)


def test_messages(fit: BodyFit, motion: Motion, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no BVH file at"):
        load_bvh(tmp_path / "none.bvh")
    renamed = parse_bvh(mixamo().replace("mixamorig:", "part"), "x")
    with pytest.raises(InputError, match=r"None of the joints in x has a name that is known \(partHips"):
        bvh_to_motion(renamed, "x")
    with pytest.raises(InputError, match="The motion has no frames"):
        bvh_text(fit, motion.slice(0, 0))
    slow = parse_bvh(mixamo().replace("0.033333", "0.5"), "x")
    with pytest.raises(InputError, match="fps must lie in 8 to 120"):
        bvh_to_motion(slow, "x")
    for broken, said in (
        ("", "begins with HIERARCHY"),
        (mixamo().replace("ROOT", "BONE"), "ROOT with a name, or MOTION, was expected"),
        (mixamo().replace("OFFSET 5 20 0", "OFFSET 5 20"), "OFFSET with three numbers"),
        (mixamo().replace("OFFSET 5 20 0", "OFFSET 5 x 0"), "numbers were expected"),
        (mixamo().replace("CHANNELS 3", "CHANNELS 4"), "CHANNELS with their number and names"),
        (mixamo().replace("Frames: 2", "Frames: 3"), "3 frames were announced, the file ends after 2"),
        (mixamo().replace("Frames: 2", "Frames: 0"), "frames were expected"),
        (mixamo(_1="0 0"), "a frame of 30 numbers was expected. Got 29"),
        (mixamo(_1="0 0 nan"), "finite numbers"),
        (mixamo().replace("0.033333", "-1"), "frame time must be positive"),
        (mixamo().split("MOTION")[0], "MOTION, was expected"),
        (mixamo()[:300], "was expected"),
    ):
        with pytest.raises(InputError, match=f"x.bvh is not a BVH file that can be read: line .*{said}"):
            parse_bvh(broken, "x.bvh")
