import math

import pytest
import torch
from scipy.ndimage import label
from torch import Tensor

from vlogger_core.body.anny_model import AnnyBody, load_anny
from vlogger_core.body.landmarks import LEFT_IRIS, RIGHT_IRIS
from vlogger_core.render.draw_face import CONTOURS, draw_face
from vlogger_core.render.keypoints import PosePoints, pose_points

from .bodies import ball_fit, head_motion
from .people import person_fit, poses

COLOURS = {
    10: (10, 200, 10), 263: (10, 200, 180), 282: (10, 220, 180),
    33: (180, 200, 10), 52: (180, 220, 10), 61: (10, 180, 10),
}  # fmt: skip
"""The published ones at the top of the outline, left lid, left brow, right lid, right brow and corner of the lips."""


@pytest.fixture(scope="module")
def anny() -> AnnyBody:
    return load_anny()


def face(anny: AnnyBody, turn: tuple[float, float, float] = (0.0, 0.0, 0.0), size=(720, 640)) -> PosePoints:
    (points,) = pose_points(person_fit(anny, close=True), poses({"head": turn}), size)
    return points


def colour(picture: Tensor, xy: Tensor) -> tuple[int, ...]:
    x, y = xy.long().tolist()
    return tuple(round(255 * value) for value in picture[:, y, x].tolist())


def test_each_feature_has_its_published_colour(anny: AnnyBody) -> None:
    points = face(anny)
    picture = draw_face(points)
    assert picture.shape == (3, 720, 640)
    for landmark, wanted in COLOURS.items():
        assert colour(picture, points.face[landmark]) == wanted
    right, left = points.face[RIGHT_IRIS], points.face[LEFT_IRIS]
    assert right[0] < left[0], "the right eye is on the left of the picture"
    assert colour(picture, right) == (250, 200, 10)
    assert colour(picture, left) == (10, 200, 250)
    x, y = right.long().tolist()
    iris = (picture * 255).round() == torch.tensor([250.0, 200.0, 10.0])[:, None, None]
    assert iris.all(0).sum() == 16
    assert iris.all(0)[y - 2 : y + 2, x - 2 : x + 2].all()


def test_the_outline_is_closed(anny: AnnyBody) -> None:
    points = face(anny)
    regions, _ = label((draw_face(points) == 0).all(0).numpy())
    x, y = points.face[1].long().tolist()  # The nose, which has no lines.
    assert regions[y, x] > 0
    assert regions[y, x] != regions[0, 0]


def test_the_far_side_of_a_turned_face_is_drawn_too_as_mediapipe_does(anny: AnnyBody) -> None:
    points = face(anny, (0.0, math.radians(45), 0.0))
    picture = draw_face(points)
    hidden = [i for edges, _ in CONTOURS for edge in edges for i in edge if points.landmarks.face[i, 2] == 0]
    assert len(hidden) > 4
    assert all(any(colour(picture, points.face[i])) for i in hidden)


def test_nothing_is_drawn_where_mediapipe_finds_no_face(anny: AnnyBody) -> None:
    assert not draw_face(face(anny, (0.0, math.radians(85), 0.0))).any()
    assert not draw_face(face(anny, (0.0, math.pi, 0.0))).any()
    assert not draw_face(face(anny, size=(90, 80))).any(), "too small"
    (without,) = pose_points(ball_fit(), head_motion([[0.0, 0.0, 0.0]]))
    assert not draw_face(without).any()
