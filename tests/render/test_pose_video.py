import pytest
import torch

from vlogger_core.body.anny_model import AnnyBody, load_anny
from vlogger_core.errors import InputError
from vlogger_core.render.draw_face import draw_face
from vlogger_core.render.draw_pose import STYLES, draw_pose
from vlogger_core.render.keypoints import pose_keypoints, pose_points
from vlogger_core.render.pose_video import DRAWINGS, render_poses

from .bodies import ball_fit, head_motion
from .people import person_fit, poses

MOTION = poses({}, {"head": (0.0, 0.3, 0.0)})


@pytest.fixture(scope="module")
def anny() -> AnnyBody:
    return load_anny()


def test_every_frame_comes_as_a_drawing_and_as_keypoints(anny: AnnyBody) -> None:
    fit = person_fit(anny, close=True)
    reported = []
    frames = list(render_poses(fit, MOTION, (720, 640), progress=lambda done, total: reported.append((done, total))))
    assert [keypoints for _, keypoints in frames] == pose_keypoints(fit, MOTION, (720, 640))
    for picture, keypoints in frames:
        assert torch.equal(picture, draw_pose(keypoints, STYLES["DWPose"]))
    assert reported == sorted(reported)
    assert set(reported) == {(0, 2), (1, 2), (2, 2)}


def test_the_face_is_a_style_like_the_others(anny: AnnyBody) -> None:
    fit = person_fit(anny, close=True)
    pictures = [picture for picture, _ in render_poses(fit, MOTION, style="MediaPipe face")]
    for picture, points in zip(pictures, pose_points(fit, MOTION)):
        assert picture.any()
        assert torch.equal(picture, draw_face(points))


def test_what_is_unknown_is_said_at_once(anny: AnnyBody) -> None:
    fit = person_fit(anny)
    with pytest.raises(ValueError, match=f"style must be one of {', '.join(DRAWINGS)}. Got 'stick'"):
        render_poses(fit, MOTION, style="stick")
    with pytest.raises(ValueError, match=r"show must be one of full.* Got 'legs'"):
        render_poses(fit, MOTION, show="legs")


def test_a_body_without_mediapipes_points_cannot_be_drawn_as_its_face() -> None:
    with pytest.raises(InputError, match="The body ball has too few of MediaPipe's face points"):
        render_poses(ball_fit(), head_motion([[0.0, 0.0, 0.0]]), style="MediaPipe face")
