import pytest
import torch
from torch import Tensor

from vlogger_core.body.people import OPENPOSE_18
from vlogger_core.render.draw_pose import SHOWN, STYLES, draw_pose

W, H = 320, 400
BODY = {
    "nose": (160, 60), "neck": (160, 120), "right_shoulder": (110, 120), "right_elbow": (80, 180),
    "right_wrist": (60, 240), "left_shoulder": (210, 120), "left_elbow": (240, 180), "left_wrist": (260, 240),
    "right_hip": (130, 240), "right_knee": (130, 310), "right_ankle": (130, 380), "left_hip": (190, 240),
    "left_knee": (190, 310), "left_ankle": (190, 380), "right_eye": (145, 45), "left_eye": (175, 45),
    "right_ear": (125, 55), "left_ear": (195, 55),
}  # fmt: skip
FEET = [(205, 395), (215, 395), (185, 385), (115, 395), (105, 395), (135, 385)]


def frame(*, without: tuple[str, ...] = (), scale: int = 1) -> dict:
    """A person from the front: left hand to the right of the picture, one face point at (150, 80)."""

    def flat(points: list[tuple[int, int] | None]) -> list[float]:
        return [v for p in points for v in ((0.0, 0.0, 0.0) if p is None else (scale * p[0], scale * p[1], 1.0))]

    hand = [(0, 0)] + [(10 * f - 20, 10 * i) for f in range(5) for i in (1, 2, 3, 4)]
    person = {
        "pose_keypoints_2d": flat([None if name in without else BODY[name] for name in OPENPOSE_18]),
        "foot_keypoints_2d": flat(list(FEET)),
        "face_keypoints_2d": flat([(150, 80)] + [None] * 67 + [(145, 46), (175, 46)]),
        "hand_left_keypoints_2d": flat([(265 + x, 250 + y) for x, y in hand]),
        "hand_right_keypoints_2d": flat([(40 + x, 250 + y) for x, y in hand]),
    }
    return {"canvas_width": scale * W, "canvas_height": scale * H, "people": [person]}


def colour(picture: Tensor, x: int, y: int) -> tuple[int, int, int]:
    r, g, b = (round(255 * value) for value in picture[:, y, x].tolist())
    return r, g, b


def test_limbs_are_dimmed_joints_are_not() -> None:
    picture = draw_pose(frame(), STYLES["DWPose"])
    assert picture.shape == (3, H, W)
    assert colour(picture, 160, 120) == (255, 85, 0)  # neck
    assert colour(picture, 110, 120) == (255, 170, 0)  # right shoulder
    assert colour(picture, 135, 120) == (153, 0, 0)  # neck to right shoulder
    assert colour(picture, 95, 150) == (153, 102, 0)  # right upper arm
    assert colour(picture, 190, 275) == (0, 102, 153)  # left thigh
    assert colour(picture, 160, 90) == (0, 0, 153)  # neck to nose
    assert colour(picture, 195, 55) == (255, 0, 85)  # left ear
    assert colour(picture, 5, 5) == (0, 0, 0)


def test_hands_are_rainbows_with_blue_knuckles_and_the_face_is_white() -> None:
    picture = draw_pose(frame(), STYLES["DWPose"])
    assert colour(picture, 265, 290) == (0, 0, 255)  # tip of the middle finger
    assert colour(picture, 265, 285) == (0, 178, 255)  # its last bone: the twelfth of 20 hues
    assert colour(picture, 150, 80) == (255, 255, 255)
    assert colour(picture, 153, 80) == (255, 255, 255)
    assert colour(picture, 154, 80) == (0, 0, 0)


def test_thickness_in_pixels() -> None:
    picture = draw_pose(frame(), STYLES["DWPose"])
    thigh = (picture[:, 275] > 0).any(0)
    assert thigh[186:195].all()
    assert not thigh[185]
    assert not thigh[195]
    disc = (draw_pose(frame(), STYLES["DWPose"], "body")[:, 240, 256:265] > 0).any(0)
    assert disc.all()


@pytest.mark.parametrize(("scale", "half_width"), [(1, 4), (2, 8), (4, 12)])
def test_thick_limbs_grow_with_the_picture_and_joints_do_not(scale: int, half_width: int) -> None:
    picture = draw_pose(frame(scale=scale), STYLES["DWPose, thick"], "body")
    row = (picture[:, 275 * scale, 160 * scale :] > 0).any(0)
    assert int(row.sum()) == 2 * half_width + 1
    assert int((picture[0, 380 * scale] > 0).sum()) <= 9 + 9


def test_what_is_unseen_is_not_drawn_nor_are_limbs_that_end_there() -> None:
    whole, part = (draw_pose(frame(without=w), STYLES["DWPose"]) for w in ((), ("right_elbow",)))
    assert colour(part, 80, 180) == colour(part, 95, 150) == colour(part, 70, 210) == (0, 0, 0)
    assert colour(part, 60, 240) == colour(whole, 60, 240) == (170, 255, 0)


def test_parts_of_a_drawing() -> None:
    drawn = {name: draw_pose(frame(), STYLES["DWPose"], name) for name in SHOWN}
    spots = {"torso": (110, 120), "head": (195, 55), "hand": (265, 285), "face": (150, 80)}
    shown = {name: {s for s, (x, y) in spots.items() if any(colour(p, x, y))} for name, p in drawn.items()}
    assert shown == {
        "full": {"torso", "head", "hand", "face"},
        "body": {"torso", "head"},
        "body and hands": {"torso", "head", "hand"},
        "body and face": {"torso", "head", "face"},
        "head": {"head", "face"},
        "face": {"face"},
        "hands": {"hand"},
    }
    assert any(colour(drawn["head"], 160, 120))
    assert (drawn["full"] >= drawn["hands"]).all()


def test_toes_are_drawn_for_the_models_that_know_them() -> None:
    for style, left, right in (
        ("UniAnimate", (170, 255, 255), (255, 255, 0)),
        ("Wan-Animate", (200, 200, 0), (100, 100, 0)),
    ):
        picture = draw_pose(frame(), STYLES[style])
        assert colour(picture, 210, 395) == left
        assert colour(picture, 110, 395) == right
        assert colour(picture, 150, 80) == (0, 0, 0), "and no face"
        assert not any(colour(draw_pose(frame(), STYLES[style], "head"), 210, 395))
    assert not any(colour(draw_pose(frame(), STYLES["DWPose"]), 210, 395))


@pytest.mark.parametrize(("scale", "radius"), [(1, 1), (2, 2), (4, 5)])
def test_wan_animate_draws_thin_lines(scale: int, radius: int) -> None:
    picture = draw_pose(frame(scale=scale), STYLES["Wan-Animate"], "body")
    assert int((picture[:, 275 * scale, 160 * scale :] > 0).any(0).sum()) == 2 * radius + 1


def test_an_empty_frame_is_black() -> None:
    empty = {"canvas_width": W, "canvas_height": H, "people": []}
    assert not draw_pose(empty, STYLES["DWPose"]).any()


def test_the_input_is_not_changed_and_the_drawing_is_the_same_every_time() -> None:
    one = frame()
    assert torch.equal(draw_pose(one, STYLES["DWPose"]), draw_pose(one, STYLES["DWPose"]))
    assert one == frame()


def test_unknown_part() -> None:
    with pytest.raises(ValueError, match=r"show must be one of full, body.* Got 'legs'"):
        draw_pose(frame(), STYLES["DWPose"], "legs")
