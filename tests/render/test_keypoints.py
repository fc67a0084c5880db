import math

import pytest
import torch

from vlogger_core.body.anny_model import AnnyBody, load_anny
from vlogger_core.body.landmarks import BODY_POINTS, LEFT_IRIS, RIGHT_IRIS
from vlogger_core.body.people import OPENPOSE_18
from vlogger_core.body.pose_keypoint import people_of_pose_keypoint
from vlogger_core.body.wholebody import WholeBody
from vlogger_core.errors import InputError
from vlogger_core.render.camera import project
from vlogger_core.render.keypoints import pose_keypoints, pose_points

from .bodies import ball_fit, head_motion
from .people import person_fit, poses

LENGTHS = {
    "pose_keypoints_2d": 18,
    "foot_keypoints_2d": 6,
    "face_keypoints_2d": 70,
    "hand_left_keypoints_2d": 21,
    "hand_right_keypoints_2d": 21,
}
BEHIND = {"left_shoulder": (0.0, math.radians(120), 0.0)}


@pytest.fixture(scope="module")
def anny() -> AnnyBody:
    return load_anny()


def parts_of(frame: dict) -> dict[str, torch.Tensor]:
    (person,) = frame["people"]
    return {name: torch.tensor(person[name]).reshape(-1, 3) for name in LENGTHS}


def seen(frame: dict) -> dict[str, bool]:
    return {name: bool(c) for name, c in zip(OPENPOSE_18, parts_of(frame)["pose_keypoints_2d"][:, 2])}


def test_frames_have_full_arrays_in_pixels_and_confidence_0_or_1(anny: AnnyBody) -> None:
    frames = pose_keypoints(person_fit(anny), poses({}, BEHIND), (720, 640))
    assert len(frames) == 2
    for frame in frames:
        assert (frame["canvas_width"], frame["canvas_height"]) == (640, 720)
        (person,) = frame["people"]
        assert {name: len(values) for name, values in person.items()} == {n: 3 * k for n, k in LENGTHS.items()}
        for points in parts_of(frame).values():
            assert set(points[:, 2].tolist()) <= {0.0, 1.0}
            assert (points[points[:, 2] == 0] == 0).all()
            assert (points[:, 0] < 640).all()
            assert (points[:, 1] < 720).all()
            assert (points >= 0).all()


def test_points_lie_where_the_body_has_them(anny: AnnyBody) -> None:
    fit = person_fit(anny)
    frame = parts_of(pose_keypoints(fit, poses({}))[0])
    posed = anny.pose(anny.rest(fit.shape), fit.joint_rotvec[None], fit.translation[None], fit.expression[None])
    pixels, _ = project(WholeBody.build(anny).points(posed)[0], fit.camera)
    body = dict(zip(BODY_POINTS, pixels))
    body["neck"] = (body["left_shoulder"] + body["right_shoulder"]) / 2
    expected = {
        "pose_keypoints_2d": torch.stack([body[name] for name in OPENPOSE_18]),
        "foot_keypoints_2d": pixels[17:23],
        "face_keypoints_2d": pixels[23:91],
        "hand_left_keypoints_2d": pixels[91:112],
        "hand_right_keypoints_2d": pixels[112:133],
    }
    for name, points in expected.items():
        got = frame[name][: len(points)]
        visible = got[:, 2] > 0
        assert visible.float().mean() > 0.6, name
        torch.testing.assert_close(got[visible, :2], points[visible], atol=1e-2, rtol=0)
    irises, _ = project(anny.face_landmarks(posed.vertices)[0, [RIGHT_IRIS, LEFT_IRIS]], fit.camera)
    torch.testing.assert_close(frame["face_keypoints_2d"][68:, :2], irises, atol=1e-2, rtol=0)


def test_a_person_from_the_front_is_seen_whole(anny: AnnyBody) -> None:
    for name, points in parts_of(pose_keypoints(person_fit(anny), poses({}))[0]).items():
        assert points[:, 2].eq(1).all(), name


def test_round_trip(anny: AnnyBody) -> None:
    fit, motion = person_fit(anny), poses({"head": (0.0, 0.4, 0.0)})
    (points,) = pose_points(fit, motion)
    (frame,) = pose_keypoints(fit, motion)
    (person,) = people_of_pose_keypoint([frame], fit.camera.width, fit.camera.height)
    for name in ("body", "left_hand", "right_hand"):
        ours = getattr(points.landmarks, name)
        torch.testing.assert_close(getattr(person, name), ours * ours[:, 2:])


def test_a_hand_behind_the_back_is_left_out(anny: AnnyBody) -> None:
    frame = pose_keypoints(person_fit(anny), poses(BEHIND))[0]
    assert parts_of(frame)["hand_left_keypoints_2d"].eq(0).all()
    assert parts_of(frame)["hand_right_keypoints_2d"][:, 2].eq(1).all()
    assert not seen(frame)["left_wrist"]
    assert seen(frame)["left_shoulder"]
    assert seen(frame)["right_wrist"]


def test_an_arm_that_points_at_the_viewer_hides_neither_its_elbow_nor_its_shoulder(anny: AnnyBody) -> None:
    frame = pose_keypoints(person_fit(anny), poses({"left_shoulder": (0.0, math.radians(-85), 0.0)}))[0]
    assert all(seen(frame)[f"left_{joint}"] for joint in ("shoulder", "elbow", "wrist"))
    assert parts_of(frame)["hand_left_keypoints_2d"][:, 2].eq(1).all()


@pytest.mark.parametrize(("yaw_deg", "far", "near"), [(60, "left", "right"), (-60, "right", "left")])
def test_the_far_ear_of_a_turned_head_is_left_out(anny: AnnyBody, yaw_deg: int, far: str, near: str) -> None:
    turned = {"neck": (0.0, math.radians(yaw_deg / 3), 0.0), "head": (0.0, math.radians(yaw_deg * 2 / 3), 0.0)}
    shown = seen(pose_keypoints(person_fit(anny, close=True), poses(turned))[0])
    assert not shown[f"{far}_ear"]
    assert shown[f"{near}_ear"]
    assert shown["nose"]
    assert shown[f"{near}_eye"]


def test_both_ears_of_a_slightly_turned_head_are_seen(anny: AnnyBody) -> None:
    shown = seen(pose_keypoints(person_fit(anny, close=True), poses({"head": (0.0, math.radians(20), 0.0)}))[0])
    assert shown["left_ear"]
    assert shown["right_ear"]


def test_a_back_shows_no_face(anny: AnnyBody) -> None:
    frame = pose_keypoints(person_fit(anny), poses({"pelvis": (0.0, math.pi, 0.0)}))[0]
    assert parts_of(frame)["face_keypoints_2d"][:68, 2].mean() < 0.1
    assert not any(seen(frame)[name] for name in ("nose", "left_eye", "right_eye"))
    assert all(seen(frame)[f"{side}_{joint}"] for side in ("left", "right") for joint in ("shoulder", "elbow", "hip"))


def test_what_lies_outside_the_picture_is_left_out(anny: AnnyBody) -> None:
    frame = pose_keypoints(person_fit(anny, close=True), poses({}))[0]
    shown = seen(frame)
    assert shown["nose"]
    assert not any(shown[f"{side}_{joint}"] for side in ("left", "right") for joint in ("wrist", "hip", "knee"))
    assert parts_of(frame)["foot_keypoints_2d"].eq(0).all()


def test_the_size_of_the_picture_changes_only_the_scale(anny: AnnyBody) -> None:
    fit, motion = person_fit(anny), poses({"head": (0.0, 0.8, 0.0), "left_shoulder": (0.0, 1.2, 0.0)})
    small, large = (parts_of(pose_keypoints(fit, motion, size)[0]) for size in ((360, 320), (1440, 1280)))
    for name, points in small.items():
        torch.testing.assert_close(points * torch.tensor([4.0, 4.0, 1.0]), large[name], atol=0.05, rtol=0)


def test_ranges_are_parts_of_the_whole_and_the_same_every_time(anny: AnnyBody) -> None:
    fit, motion = person_fit(anny), poses({}, {"head": (0.0, 0.5, 0.0)}, BEHIND)
    reported = []
    every = pose_keypoints(fit, motion, progress=lambda done, total: reported.append((done, total)))
    assert reported == sorted(reported)
    assert set(reported) == {(0, 3), (1, 3), (2, 3), (3, 3)}
    assert pose_keypoints(fit, motion, start=1, stop=3) == every[1:]
    assert pose_keypoints(fit, motion, start=2, stop=2) == []


def test_a_body_without_a_face_has_no_face_points() -> None:
    frame = pose_keypoints(ball_fit(), head_motion([[0.0, 0.0, 0.0]]))[0]
    assert parts_of(frame)["face_keypoints_2d"].eq(0).all()


def test_what_cannot_be_rendered_is_said_at_once(anny: AnnyBody) -> None:
    fit = person_fit(anny)
    with pytest.raises(ValueError, match=r"0 <= start <= stop <= 1\. Got 0, 2"):
        pose_points(fit, poses({}), stop=2)
    with pytest.raises(InputError, match="another shape than the photo"):
        pose_points(fit, poses({}), (320, 640))
