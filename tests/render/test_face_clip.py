import pytest
import torch

from vlogger_core.body.anny_model import AnnyBody, load_anny
from vlogger_core.body.wholebody import face_68
from vlogger_core.errors import InputError
from vlogger_core.render.camera import project
from vlogger_core.render.face_clip import crop_faces, face_boxes, square_boxes

from .bodies import ball_fit, head_motion
from .people import person_fit, poses


@pytest.fixture(scope="module")
def anny() -> AnnyBody:
    return load_anny()


def faces(frames: int) -> torch.Tensor:
    """100 x 80 px at (300, 200)."""
    corners = torch.tensor([[250.0, 160.0], [350.0, 240.0], [300.0, 200.0]])
    return corners.expand(frames, -1, -1).clone()


def test_the_square_has_the_published_area_and_more_room_above() -> None:
    left, top, side = square_boxes(faces(5), 25.0)[2].tolist()
    assert side == pytest.approx(100 * 1.3**0.5, abs=1e-3)
    assert left + side / 2 == pytest.approx(300, abs=1e-3)
    added = (1.3**0.5 - 1) * 80
    assert top + side / 2 == pytest.approx(200 - added / 4, abs=1e-3)


def test_an_opening_mouth_does_not_make_the_square_pump() -> None:
    talking = faces(50)
    talking[::4, 1, 1] += 20
    boxes = square_boxes(talking, 25.0)
    assert (boxes[:, 2] - boxes[0, 2]).abs().max() < 0.5
    assert (boxes[1:, 1] - boxes[:-1, 1]).abs().max() < 1.5


def test_the_square_follows_a_face_that_goes_away() -> None:
    walking = faces(100) + torch.linspace(0, 300, 100)[:, None, None] * torch.tensor([1.0, 0.0])
    boxes = square_boxes(walking, 25.0)
    middle = boxes[:, 0] + boxes[:, 2] / 2
    torch.testing.assert_close(middle[20:80], walking[20:80, 2, 0], atol=0.1, rtol=0)


def test_boxes_of_a_motion_hold_the_face_and_lie_in_the_picture(anny: AnnyBody) -> None:
    fit = person_fit(anny, close=True)
    motion = poses(*({"head": (0.02 * t, 0.03 * t, 0.0), "jawOpen": (t % 3) / 3} for t in range(12)))
    reported = []
    boxes = face_boxes(fit, motion, (720, 640), progress=lambda done, total: reported.append((done, total)))
    assert boxes.shape == (12, 3)
    assert reported[-1] == (12, 12)
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, 0] + boxes[:, 2] <= 640).all()
    posed = anny.pose(anny.rest(fit.shape), fit.joint_rotvec[None], fit.translation[None], fit.expression[None])
    points = project(face_68(anny, posed.vertices)[0], fit.camera.resized(640, 720))[0]
    left, top, side = boxes[0].tolist()
    assert ((points > torch.tensor([left, top])) & (points < torch.tensor([left + side, top + side]))).all()
    assert torch.equal(boxes, face_boxes(fit, motion, (720, 640)))


def test_at_the_border_the_square_moves_inside_and_shrinks_where_it_must(anny: AnnyBody) -> None:
    fit = person_fit(anny, close=True)
    (left, top, side) = face_boxes(fit, poses({"pelvis": (0.0, 0.0, 0.4)}))[0].tolist()
    assert left >= 0
    assert top >= 0
    narrow = person_fit(anny, close=True, size=(360, 40))
    (left, top, side) = face_boxes(narrow, poses({}))[0].tolist()
    assert (left, side) == (0, 40)
    assert 0 < top < 320


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_a_crop_shows_what_is_in_its_box(scale: float) -> None:
    """Red and green show the position of a pixel of the frame, as a share of it."""
    h, w = 240, 200
    y, x = torch.meshgrid((torch.arange(h) + 0.5) / h, (torch.arange(w) + 0.5) / w, indexing="ij")
    frame = torch.stack((x, y, torch.zeros_like(x)))
    left, top, side = 40.3, 50.7, 100.0
    crop_side = round(side * scale)
    (crop,) = crop_faces([frame], torch.tensor([[left, top, side]]), side=crop_side)
    assert crop.shape == (3, crop_side, crop_side)
    steps = (torch.arange(crop_side) + 0.5) / crop_side * side
    inner = slice(3, -3)
    torch.testing.assert_close(crop[0, 10, inner], ((left + steps) / w)[inner], atol=2e-3, rtol=0)
    torch.testing.assert_close(crop[1, inner, 10], ((top + steps) / h)[inner], atol=2e-3, rtol=0)


def test_the_clip_has_wan_animates_size() -> None:
    (crop,) = crop_faces([torch.rand(3, 50, 40)], torch.tensor([[0.0, 5.0, 40.0]]))
    assert crop.shape == (3, 512, 512)
    assert ((crop >= 0) & (crop <= 1)).all()


def test_frames_and_boxes_must_belong_together(anny: AnnyBody) -> None:
    boxes = torch.tensor([[0.0, 0.0, 8.0]] * 2)
    with pytest.raises(ValueError, match=r"as many as the boxes, 2\. Got 1"):
        list(crop_faces([torch.rand(3, 9, 9)], boxes))
    with pytest.raises(ValueError, match=r"as many as the boxes, 2\. Got more"):
        list(crop_faces([torch.rand(3, 9, 9)] * 3, boxes))
    with pytest.raises(InputError, match="another shape than the photo"):
        face_boxes(person_fit(anny), poses({}), (320, 640))
    with pytest.raises(ValueError, match=r"must have face points\. Got ball"):
        face_boxes(ball_fit(), head_motion([[0.0, 0.0, 0.0]]))
