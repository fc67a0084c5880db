import importlib
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
import torch

from vlogger_core.body.people import OPENPOSE_18
from vlogger_core.render.draw_pose import SHOWN, STYLES, draw_pose
from vlogger_core.render.pose_video import DRAWINGS

from ..render.bodies import ball_fit, head_motion

W, H = 480, 640


def test_the_node_offers_every_drawing(pack: ModuleType) -> None:
    assert tuple(pack.pose_render._STYLES) == DRAWINGS
    assert list(SHOWN) == pack.pose_render._SHOW


def frame(seed: int) -> dict:
    """Points of one person anywhere in the picture, a fifth of them unseen; the hands apart from each other."""
    rng = np.random.default_rng(seed)

    def points(count: int, low: tuple[int, int], high: tuple[int, int]) -> list[float]:
        xy = rng.uniform(low, high, (count, 2))
        seen = rng.uniform(size=(count, 1)) < 0.8
        return np.where(seen, np.concatenate((xy, np.ones((count, 1))), 1), 0.0).ravel().tolist()

    person = {
        "pose_keypoints_2d": points(len(OPENPOSE_18), (1, 1), (W, H)),
        "foot_keypoints_2d": points(6, (1, 1), (W, H)),
        "face_keypoints_2d": points(70, (100, 50), (200, 150)),
        "hand_left_keypoints_2d": points(21, (300, 300), (450, 450)),
        "hand_right_keypoints_2d": points(21, (20, 300), (170, 450)),
    }
    return {"canvas_width": W, "canvas_height": H, "people": [person]}


@pytest.mark.parametrize(
    ("show", "core"),
    [
        ("full", {}),
        ("body", {"draw_hands": False, "draw_face": False}),
        ("head", {"draw_body": False, "draw_hands": False}),
        ("face", {"draw_body": False, "draw_head": False, "draw_hands": False}),
        ("hands", {"draw_body": False, "draw_head": False, "draw_face": False}),
    ],
)
def test_the_drawing_is_that_of_comfyui_itself_but_for_the_dimmed_limbs(
    pack: ModuleType, show: str, core: dict
) -> None:
    """SDPose Draw Keypoints leaves limbs in full hues, ControlNet and DWPose dim them."""
    sdpose = importlib.import_module("comfy_extras.nodes_sdpose")
    choices = {"draw_body": True, "draw_hands": True, "draw_face": True, "draw_feet": False, "draw_head": True} | core
    bright = replace(STYLES["DWPose"], limb_shade=1.0)
    frames = [frame(seed) for seed in range(8)]
    theirs = sdpose.SDPoseDrawKeypoints.execute(
        frames, **choices, stick_width=4, face_point_size=3, score_threshold=0.3
    ).args[0]
    ours = torch.stack([draw_pose(one, bright, show).permute(1, 2, 0) for one in frames])
    assert ours.any()
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=0)


def test_the_face_video_wants_a_frame_for_each_of_the_motion(pack: ModuleType) -> None:
    with pytest.raises(ValueError, match=r"frames must be as many as the motion has, 2\. Got 3"):
        pack.pose_render.VloggerFaceVideo.execute(ball_fit(), head_motion([[0.0] * 3] * 2), 0, torch.rand(3, 96, 80, 3))
