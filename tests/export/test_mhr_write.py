"""`mhr_write`: what core's nodes make of the data, by their own formulas, is our body."""

from typing import Any

import numpy as np
import pytest
import roma
import torch

from vlogger_core.body.expression import pose_at
from vlogger_core.body.mhr import MHR_70, num_frames, people_of_mhr
from vlogger_core.datatypes import BodyFit, Motion
from vlogger_core.errors import InputError
from vlogger_core.export.mhr_write import to_mhr_pose_data
from vlogger_core.names import JOINT_INDEX, PART_INDEX
from vlogger_core.render.camera import project

FLIP = np.array([1.0, -1.0, -1.0])


@pytest.fixture(scope="module")
def data(fit: BodyFit, motion: Motion) -> dict[str, Any]:
    return to_mhr_pose_data(fit, motion)


def test_layout(data: dict[str, Any], fit: BodyFit, motion: Motion) -> None:
    assert num_frames(data) == motion.num_frames
    assert data["image_size"] == (fit.camera.height, fit.camera.width)
    (person,) = data["frames"][1]
    count, joints = len(fit.model.template), len(data["_skeleton_override"]["parents"])
    shapes = {
        "bbox": (4,), "pred_cam_t": (3,), "pred_keypoints_3d": (70, 3), "pred_keypoints_2d": (70, 2),
        "pred_vertices": (count, 3), "pred_joint_coords": (joints, 3), "pred_global_rots": (joints, 3, 3),
        "shape_params": (45,), "expr_params": (72,),
    }  # fmt: skip
    assert {name: person[name].shape for name in shapes} == shapes
    assert all(person[name].dtype == np.float32 for name in shapes)
    assert data["hand_vert_mask"].shape == (count,)
    assert 0.1 < data["hand_vert_mask"].mean() < 0.5


def test_the_mesh_is_seen_where_ours_is(data: dict[str, Any], fit: BodyFit, motion: Motion) -> None:
    """`focal * (x, y) / z + size / 2`, as core's rasteriser has it."""
    posed = fit.model.pose(fit.model.rest(fit.shape), *pose_at(fit, motion, 0, 3))
    for t in range(3):
        person = data["frames"][t][0]
        there = person["pred_vertices"] + person["pred_cam_t"]
        middle = np.array([fit.camera.width / 2, fit.camera.height / 2])
        pixels = person["focal_length"] * there[:, :2] / there[:, 2:] + middle
        np.testing.assert_allclose(pixels, project(posed.vertices[t], fit.camera)[0].numpy(), atol=1e-2)
        assert (pixels >= person["bbox"][:2] - 1e-2).all()


def test_the_skeleton_carries_the_mesh(data: dict[str, Any], fit: BodyFit) -> None:
    """Skinned from rest by the stored places and turns of the joints, as core's GLB export does."""
    rig, still = data["_skeleton_override"], data["frames"][0][0]
    bind = rig["bind_global_m"]
    turned = roma.unitquat_to_rotmat(torch.from_numpy(bind[:, 3:7])).numpy()
    heads = still["pred_joint_coords"] * FLIP
    out = np.zeros_like(rig["rest_verts_m"])
    for slot in range(rig["lbs_compact_max_inf"]):
        joint, weight = rig["lbs_compact_joints"][:, slot], rig["lbs_compact_weights"][:, slot, None]
        own = np.einsum("vji,vj->vi", turned[joint], rig["rest_verts_m"] - bind[joint, :3])
        out += weight * (np.einsum("vij,vj->vi", still["pred_global_rots"][joint], own) + heads[joint])
    apart = np.linalg.norm(out - still["pred_vertices"] * FLIP, axis=1)
    teeth = fit.model.faces[fit.model.face_parts == PART_INDEX["teeth"]].unique()
    used = np.setdiff1d(np.unique(data["faces"]), teeth)
    assert apart[used].max() < 2e-3


def test_openpose_points(data: dict[str, Any], fit: BodyFit) -> None:
    rig = data["_skeleton_override"]
    names = [rig["joint_names"][joint] for joint, none in rig["openpose18_joint_indices"] if none == -1]
    assert names[:5] == ["nose", "neck", "right_shoulder", "right_elbow", "right_wrist"]
    assert names[8:14] == ["right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle"]
    person = data["frames"][0][0]
    right, left = (person["pred_joint_coords"][rig["openpose18_joint_indices"][i, 0]] for i in (16, 17))
    assert right[0] < left[0]
    for side in "lr":
        assert rig[f"openpose_hand21_{side}_joint_indices"].shape == (21, 2)


def test_our_own_reader_understands_it(data: dict[str, Any], fit: BodyFit, motion: Motion) -> None:
    (person,) = people_of_mhr(data, fit.camera.width, fit.camera.height, frame=2)
    assert person.fov_deg == pytest.approx(fit.camera.fov_deg, abs=1e-3)
    posed = fit.model.pose(fit.model.rest(fit.shape), *pose_at(fit, motion, 2, 3))
    place = dict(zip(person.joints3d.names, person.joints3d.positions, strict=True))
    wanted = posed.joints[0, JOINT_INDEX["left_wrist"]] - posed.joints[0, JOINT_INDEX["left_elbow"]]
    torch.testing.assert_close(place["left_wrist"] - place["left_elbow"], wanted, atol=2e-2, rtol=0)
    assert len(MHR_70) == 70


def test_messages(fit: BodyFit, motion: Motion) -> None:
    with pytest.raises(InputError, match="The motion has no frames"):
        to_mhr_pose_data(fit, motion.slice(0, 0))
