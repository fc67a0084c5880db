"""`pose_keypoint`: every dialect of POSE_KEYPOINT gives the same landmarks; FACE_LANDMARKS too."""

import copy

import pytest
import torch

from vlogger_core.body.landmarks import BODY_POINTS, PhotoLandmarks, gather_landmarks, no_points
from vlogger_core.body.people import FACE_68_TO_MEDIAPIPE, OPENPOSE_18, person_of_face
from vlogger_core.body.pose_keypoint import (
    from_face_landmarks,
    from_pose_keypoint,
    num_frames,
    people_of_pose_keypoint,
    to_pose_keypoint,
)
from vlogger_core.errors import InputError

W, H = 640, 480
PARTS = ("pose_keypoints_2d", "face_keypoints_2d", "hand_left_keypoints_2d", "hand_right_keypoints_2d")


@pytest.fixture
def person() -> PhotoLandmarks:
    """Hands at the wrists, eyes where a face has them, everything seen."""
    generator = torch.Generator().manual_seed(0)

    def points(count: int, x: float, y: float, spread: float) -> torch.Tensor:
        xy = torch.tensor([x, y]) + spread * (torch.rand(count, 2, generator=generator) - 0.5)
        return torch.cat((xy, torch.ones(count, 1)), 1)

    body, face = points(17, 320, 250, 300), points(478, 320, 100, 60)
    for iris, eye in ((468, (33, 160, 158, 133, 153, 144)), (473, (362, 385, 387, 263, 373, 380))):
        face[list(eye), :2] = torch.tensor([300.0 if iris == 468 else 340.0, 90.0])
        face[iris, :2] = face[eye[0], :2] + 1
    body[BODY_POINTS.index("left_wrist"), :2] = torch.tensor([450.0, 300])
    body[BODY_POINTS.index("right_wrist"), :2] = torch.tensor([150.0, 320])
    return PhotoLandmarks(
        width=W,
        height=H,
        face=face,
        body=body,
        left_hand=points(21, 455, 310, 30),
        right_hand=points(21, 140, 330, 30),
        source="test",
    )


def _check(found: PhotoLandmarks, person: PhotoLandmarks) -> None:
    torch.testing.assert_close(found.body[:, :2], person.body[:, :2])
    torch.testing.assert_close(found.left_hand[:, :2], person.left_hand[:, :2])
    torch.testing.assert_close(found.right_hand[:, :2], person.right_hand[:, :2])
    known = [*FACE_68_TO_MEDIAPIPE, 468, 473]
    torch.testing.assert_close(found.face[known, :2], person.face[known, :2])
    assert (found.face[:, 2] > 0).sum() == 70


def _map_points(frames, function):
    frames = copy.deepcopy(frames)
    for part in PARTS:
        values = frames[0]["people"][0][part]
        frames[0]["people"][0][part] = [v for i in range(0, len(values), 3) for v in function(*values[i : i + 3])]
    return frames


def test_round_trip(person):
    frames = to_pose_keypoint(person)
    assert [len(frames[0]["people"][0][part]) for part in PARTS] == [54, 210, 63, 63]
    assert frames[0]["people"][0]["foot_keypoints_2d"] == [0.0] * 18
    _check(from_pose_keypoint(frames, W, H), person)
    assert to_pose_keypoint(from_pose_keypoint(frames, W, H)) == frames


def test_shares_of_the_canvas_and_another_canvas_size(person):
    shares = _map_points(to_pose_keypoint(person), lambda x, y, c: (x / W, y / H, c))
    _check(from_pose_keypoint(shares, W, H), person)
    half = _map_points(to_pose_keypoint(person), lambda x, y, c: (x / 2, y / 2, c))
    half[0].update(canvas_width=W // 2, canvas_height=H // 2)
    _check(from_pose_keypoint(half, W, H), person)


def test_one_frame_without_its_list_and_nested_points(person):
    frames = to_pose_keypoint(person)
    _check(from_pose_keypoint(frames[0], W, H), person)
    values = frames[0]["people"][0]["pose_keypoints_2d"]
    frames[0]["people"][0]["pose_keypoints_2d"] = [values[i : i + 3] for i in range(0, 54, 3)]
    _check(from_pose_keypoint(frames, W, H), person)


def test_exchanged_hand_names_and_pupils(person):
    frames = to_pose_keypoint(person)
    one = frames[0]["people"][0]
    one["hand_left_keypoints_2d"], one["hand_right_keypoints_2d"] = (
        one["hand_right_keypoints_2d"],
        one["hand_left_keypoints_2d"],
    )
    face = one["face_keypoints_2d"]
    face[204:207], face[207:210] = face[207:210], face[204:207]
    _check(from_pose_keypoint(frames, W, H), person)


@pytest.mark.parametrize("missing", [None, [], "left out", "zeros"])
def test_missing_parts(person, missing):
    frames = to_pose_keypoint(person)
    one = frames[0]["people"][0]
    for part in PARTS[1:]:
        if missing == "left out":
            del one[part]
        else:
            one[part] = [0.0] * len(one[part]) if missing == "zeros" else missing
    found = from_pose_keypoint(frames, W, H)
    torch.testing.assert_close(found.body[:, :2], person.body[:, :2])
    assert found.face.abs().sum() == found.left_hand.abs().sum() == 0


def test_real_scores_and_unseen_points(person):
    frames = to_pose_keypoint(person)
    values = frames[0]["people"][0]["pose_keypoints_2d"]
    values[2] = 0.4
    elbow = OPENPOSE_18.index("left_elbow")
    values[3 * elbow : 3 * elbow + 3] = [0.0, 0.0, 1.0]
    found = from_pose_keypoint(frames, W, H)
    assert found.point("nose")[2] == pytest.approx(0.4)
    assert found.point("left_elbow").abs().sum() == 0


def test_largest_person_first(person, caplog):
    frames = to_pose_keypoint(person)
    smaller = _map_points(frames, lambda x, y, c: (x / 3, y / 3, c))[0]["people"][0]
    frames[0]["people"].insert(0, smaller)
    _check(from_pose_keypoint(frames, W, H), person)
    assert "show 2 people" in caplog.text
    torch.testing.assert_close(from_pose_keypoint(frames, W, H, person=1).body[:, :2], person.body[:, :2] / 3)
    with pytest.raises(InputError, match="Person 2 was asked for, but the wired-in keypoints show 2"):
        from_pose_keypoint(frames, W, H, person=2)


def test_body_25(person):
    frames = to_pose_keypoint(person)
    values = frames[0]["people"][0]["pose_keypoints_2d"]
    frames[0]["people"][0]["pose_keypoints_2d"] = values[:24] + [1.0, 2.0, 1.0] + values[24:] + [0.0] * 18
    _check(from_pose_keypoint(frames, W, H), person)


def test_minus_one_is_unseen(person):
    frames = to_pose_keypoint(person)
    values = frames[0]["people"][0]["hand_left_keypoints_2d"]
    values[30:33] = [-1.0, -1.0, 1.0]
    found = from_pose_keypoint(frames, W, H)
    assert found.left_hand[10].tolist() == [0, 0, 0]
    torch.testing.assert_close(found.left_hand[11, :2], person.left_hand[11, :2])


def test_face_of_another_size_is_left_out(person, caplog):
    frames = to_pose_keypoint(person)
    frames[0]["people"][0]["face_keypoints_2d"] = [1.0] * 3 * 51
    found = from_pose_keypoint(frames, W, H)
    assert found.face.sum() == 0
    torch.testing.assert_close(found.body[:, :2], person.body[:, :2])
    assert "face_keypoints_2d must hold 68 x 3 or 70 x 3 numbers. Got 153" in caplog.text


def test_doubted_faces_are_given_on(person):
    person.face[:, 2] *= 0.2
    person.face[61, 2] = 0.01
    face = to_pose_keypoint(person)[0]["people"][0]["face_keypoints_2d"]
    assert face[2::3].count(1.0) == 69
    assert face[48 * 3 + 2] == 0


def test_several_frames(person):
    frames = to_pose_keypoint(person) + to_pose_keypoint(_beside(person, 20).resized(W, H))
    assert num_frames(frames) == 2
    assert from_pose_keypoint(frames, W, H, frame=1).body[0, 0] == pytest.approx(170)
    with pytest.raises(InputError, match="POSE_KEYPOINT hold 2 frames, but the portrait is one photo"):
        gather_landmarks(torch.rand(3, H, W), pose_keypoint=frames)


def test_errors_name_what_is_wrong(person):
    with pytest.raises(InputError, match="show no person"):
        from_pose_keypoint([{"canvas_width": W, "canvas_height": H, "people": []}], W, H)
    with pytest.raises(InputError, match="must be a list of frames"):
        from_pose_keypoint("x", W, H)
    with pytest.raises(InputError, match="Frame 1 was asked for"):
        from_pose_keypoint(to_pose_keypoint(person), W, H, frame=1)
    frames = to_pose_keypoint(person)
    frames[0]["people"][0]["hand_left_keypoints_2d"] = [1.0] * 60
    with pytest.raises(InputError, match=r"hand_left_keypoints_2d must hold 21 x 3 numbers\. Got 60"):
        from_pose_keypoint(frames, W, H)
    frames[0]["people"][0]["hand_left_keypoints_2d"] = ["a"] * 63
    with pytest.raises(InputError, match="hand_left_keypoints_2d must hold numbers"):
        from_pose_keypoint(frames, W, H)
    with pytest.raises(InputError, match="must be a dict of keypoints"):
        from_pose_keypoint({"people": [None]}, W, H)


def test_face_landmarks(person):
    small, large = person.face[:, :2].numpy() / 2, person.face[:, :2].numpy()
    detection = {"frames": [[{"landmarks_xy": small, "score": 0.9}, {"landmarks_xy": large}]], "image_size": (H, W)}
    torch.testing.assert_close(from_face_landmarks(detection, W, H).face[:, :2], person.face[:, :2])
    second = from_face_landmarks(detection, 2 * W, 2 * H, face_index=1)
    torch.testing.assert_close(second.face[:, :2], person.face[:, :2])
    assert second.face[0, 2] == pytest.approx(0.9)
    with pytest.raises(InputError, match="No face"):
        from_face_landmarks({"frames": [[]], "image_size": (H, W)}, W, H)
    with pytest.raises(InputError, match="lack"):
        from_face_landmarks({"faces": []}, W, H)


def _beside(person: PhotoLandmarks, shift: float, *, head: float = 1.0) -> PhotoLandmarks:
    """The person moved to the right, the head's points on the face and `head` times as far from its middle."""
    moved = {
        name: torch.where(points[:, 2:] > 0, points + torch.tensor([shift, 0.0, 0.0]), points)
        for name in ("face", "body", "left_hand", "right_hand")
        for points in [getattr(person, name)]
    }
    middle = torch.tensor([320.0 + shift, 100.0])
    moved["face"][:, :2] = middle + head * (moved["face"][:, :2] - middle)
    moved["body"][:5, :2] = middle
    return PhotoLandmarks(width=2 * W, height=H, source="test", **moved)


@pytest.mark.parametrize("exchanged", [False, True])
@pytest.mark.parametrize("faces_in_keypoints", [False, True])
def test_body_is_that_of_the_chosen_face(person, exchanged, faces_in_keypoints):
    """The person with the larger face has the smaller body, so that orders by size disagree."""
    near, far = _beside(person, 0, head=1.5), _beside(person, W)
    near.body[5:, :2] = near.body[0, :2] + 0.3 * (near.body[5:, :2] - near.body[0, :2])
    people = [one for who in (near, far) for one in to_pose_keypoint(who)[0]["people"]]
    faces = [{"landmarks_xy": who.face[:, :2].numpy()} for who in (near, far)]
    if not faces_in_keypoints:
        for one in people:
            one["face_keypoints_2d"] = None
    frames = [{"canvas_width": 2 * W, "canvas_height": H, "people": people[::-1] if exchanged else people}]
    detection = {"frames": [faces[::-1] if exchanged else faces], "image_size": (H, 2 * W)}
    assert from_pose_keypoint(frames, 2 * W, H).body[0, 0] > W
    for index, who in enumerate((near, far)):
        found = gather_landmarks(
            torch.rand(3, H, 2 * W), pose_keypoint=frames, face_landmarks=detection, face_index=index
        )
        torch.testing.assert_close(found.face[:, :2], who.face[:, :2])
        torch.testing.assert_close(found.body[:, :2], who.body[:, :2])


def test_keypoints_of_somebody_else_are_refused(person):
    people = people_of_pose_keypoint(to_pose_keypoint(_beside(person, 0)), 2 * W, H)
    assert person_of_face(people, _beside(person, 0).face_box) is people[0]
    # A little beside the face still is its person.
    assert person_of_face(people, _beside(person, 40).face_box) is people[0]
    with pytest.raises(InputError, match=r"None of the 1 people .* has the chosen face, which spans x 9\d\d to"):
        person_of_face(people, _beside(person, W).face_box)


def test_face_index_counts_people_with_faces(person):
    faceless = _beside(person, 0, head=3)
    faceless.face[:, 2] = 0
    people = [one for who in (faceless, _beside(person, W)) for one in to_pose_keypoint(who)[0]["people"]]
    frames = [{"canvas_width": 2 * W, "canvas_height": H, "people": people}]
    assert gather_landmarks(torch.rand(3, H, 2 * W), pose_keypoint=frames).body[0, 0] > W


def test_face_alone_without_detection_is_told(person, caplog):
    detection = {"frames": [[{"landmarks_xy": person.face[:, :2].numpy()}]], "image_size": (H, W)}
    found = gather_landmarks(torch.rand(3, H, W), face_landmarks=detection, source="cascade")
    torch.testing.assert_close(found.body, no_points(17))
    assert "No point of the body is known" in caplog.text
