"""`mhr`: MHR_POSE_DATA of a known body gives back its points, its joints in our world frame and its camera."""

import math

import numpy as np
import pytest
import torch

from vlogger_core.body.anny_model import AnnyBody, load_anny
from vlogger_core.body.landmarks import BODY_POINTS, PhotoLandmarks, gather_landmarks, no_points
from vlogger_core.body.mhr import MHR_70, num_frames, people_of_mhr, space_of_mhr
from vlogger_core.body.wholebody import WHOLEBODY_133, WholeBody
from vlogger_core.datatypes import Camera
from vlogger_core.errors import InputError
from vlogger_core.names import JOINT_INDEX
from vlogger_core.render.camera import project

W, H = 640, 480
CAMERA = Camera(fov_deg=47.0, width=W, height=H)
COCO_FINGERS = {"index": "forefinger", "middle": "middle_finger", "ring": "ring_finger", "pinky": "pinky_finger"}
FINGERS = ("thumb", *COCO_FINGERS)


@pytest.fixture(scope="module")
def anny() -> AnnyBody:
    return load_anny()


def _known(anny: AnnyBody, x: float = 0.0) -> tuple[dict, torch.Tensor, torch.Tensor, torch.Tensor]:
    """A body with one forearm towards the camera: its person dict, joints, COCO-WholeBody pixels, face box."""
    pose = torch.zeros(1, 55, 3)
    for joint, degrees in {
        "left_shoulder": (0, 0, -70),
        "left_elbow": (0, -80, 0),
        "right_shoulder": (10, 20, 55),
        "head": (0, 10, 0),
    }.items():
        pose[0, JOINT_INDEX[joint]] = torch.tensor(degrees).deg2rad()
    place = torch.tensor([[x, -0.35, -1.8]])
    posed = anny.pose(anny.rest(anny.mean_shape()), pose, place, torch.zeros(1, 52))
    points = WholeBody.build(anny).points(posed)[0]
    rows = []
    for name in MHR_70:
        side, _, part = name.partition("_")
        if name == "neck":
            rows.append(posed.joints[0, JOINT_INDEX["neck"]])
        elif part in ("olecranon", "cubital_fossa", "acromion"):
            rows.append(points[WHOLEBODY_133.index(f"{side}_{'shoulder' if part == 'acromion' else 'elbow'}")])
        elif part[:-1] in FINGERS:
            rows.append(points[WHOLEBODY_133.index(f"{side}_{COCO_FINGERS.get(part[:-1], 'thumb')}{part[-1]}")])
        else:
            rows.append(points[WHOLEBODY_133.index(name)])
    # From our axes to core's: Y down, Z away from the camera.
    there = torch.stack(rows) * torch.tensor([1.0, -1.0, -1.0])
    cam_t = there.mean(0)
    space = there - cam_t
    flat = CAMERA.f_px * there[:, :2] / there[:, 2:] + torch.tensor([W / 2, H / 2])
    person = {
        "pred_keypoints_3d": space.numpy(),
        "pred_keypoints_2d": flat.numpy(),
        "pred_cam_t": cam_t.numpy(),
        "focal_length": np.float32(CAMERA.f_px),
        "bbox": np.zeros(4),
    }
    pixels = project(points, CAMERA)[0]
    face = pixels[23:91]
    return person, posed.joints[0], pixels, torch.cat((face.amin(0), face.amax(0)))


@pytest.fixture(scope="module")
def known(anny) -> tuple[dict, torch.Tensor, torch.Tensor, torch.Tensor]:
    return _known(anny)


def _data(*people: dict, **changes) -> dict:
    return {"frames": [list(people)], "image_size": (H, W), "faces": None, "canonical_colors": None, **changes}


def _face(box: torch.Tensor) -> PhotoLandmarks:
    angle = torch.linspace(0, 2 * math.pi, 478)
    middle, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2
    face = torch.cat((middle + half * torch.stack((angle.cos(), angle.sin()), 1), torch.ones(478, 1)), 1)
    empty = {"body": no_points(17), "left_hand": no_points(21), "right_hand": no_points(21)}
    return PhotoLandmarks(width=W, height=H, face=face, source="test", **empty)


def test_projection_agrees_with_ours(known):
    """Core's 2D points are its 3D points seen by our camera, once the axes are turned."""
    person = known[0]
    world = torch.from_numpy(person["pred_keypoints_3d"] + person["pred_cam_t"]) * torch.tensor([1.0, -1.0, -1.0])
    torch.testing.assert_close(project(world, CAMERA)[0], torch.from_numpy(person["pred_keypoints_2d"]))


def test_points_lie_where_the_body_has_them(known):
    person, _, pixels, _ = known
    (found,) = people_of_mhr(_data(person), W, H)
    marks = found.landmarks
    inside = ((pixels >= 0) & (pixels <= torch.tensor([W, H]))).all(1)
    assert marks.face.sum() == 0
    for row, name in enumerate(BODY_POINTS):
        assert bool(marks.body[row, 2] > 0) == bool(inside[row])
        torch.testing.assert_close(marks.body[row, :2], pixels[row], msg=name)
    torch.testing.assert_close(marks.left_hand[:, :2], pixels[91:112])
    torch.testing.assert_close(marks.right_hand[:, :2], pixels[112:133])
    double = people_of_mhr(_data(person), 2 * W, 2 * H)[0].landmarks
    torch.testing.assert_close(double.left_hand[:, :2], 2 * pixels[91:112])


def test_joints_have_our_axes_and_the_camera_is_known(known):
    person, joints, _, box = known
    joints3d, fov_deg = space_of_mhr(_data(person), _face(box))
    assert fov_deg == pytest.approx(CAMERA.fov_deg, abs=1e-3)
    assert joints3d is not None
    place = dict(zip(joints3d.names, joints3d.positions))
    for start, end in (
        ("left_elbow", "left_wrist"),
        ("right_shoulder", "right_elbow"),
        ("left_index1", "left_index3"),
        ("right_thumb1", "right_thumb3"),
        ("neck", "left_shoulder"),
    ):
        wanted = joints[JOINT_INDEX[end]] - joints[JOINT_INDEX[start]]
        torch.testing.assert_close(place[end] - place[start], wanted, atol=1e-5, rtol=0, msg=f"{start} to {end}")
    # The left forearm points at the viewer.
    assert place["left_wrist"][2] > place["left_elbow"][2] + 0.15


def test_default_focal_length_says_nothing(known):
    person, _, _, box = known
    for focal in (math.hypot(W, H), np.array([math.hypot(W, H)])):
        assert space_of_mhr(_data({**person, "focal_length": focal}), _face(box))[1] is None
    assert space_of_mhr(None, _face(box)) == (None, None)


def test_person_is_that_of_the_face(anny, known):
    person, _, _, box = known
    other, _, _, other_box = _known(anny, x=0.6)
    for data in (_data(person, other), _data(other, person)):
        for one, face in ((person, box), (other, other_box)):
            joints3d, _ = space_of_mhr(data, _face(face))
            wanted, _ = space_of_mhr(_data(one), _face(face))
            assert joints3d is not None
            assert wanted is not None
            torch.testing.assert_close(joints3d.positions, wanted.positions)
    with pytest.raises(InputError, match=r"None of the 1 people .*MHR_POSE_DATA.* has the chosen face"):
        space_of_mhr(_data(person), _face(other_box + 60))


def test_wired_into_the_landmarks(known):
    person, _, pixels, box = known
    face = {"landmarks_xy": _face(box).face[:, :2].numpy()}
    detection = {"frames": [[face]], "image_size": (H, W)}
    found = gather_landmarks(
        torch.rand(3, H, W), mhr_pose_data=_data(person), face_landmarks=detection, source="cascade"
    )
    torch.testing.assert_close(found.body[5, :2], pixels[5])
    assert found.face[:, 2].any()
    assert found.source == "MHR_POSE_DATA + FACE_LANDMARKS (face)"


def test_messages(known):
    person = known[0]
    for wrong in ("x", {}, {"frames": 3}, {"frames": [None]}):
        with pytest.raises(InputError, match="MHR_POSE_DATA must be"):
            num_frames(wrong)
    with pytest.raises(InputError, match="Frame 1 was asked for"):
        people_of_mhr(_data(person), W, H, frame=1)
    with pytest.raises(InputError, match="made from a picture of 640 x 480 px, but the portrait has 480 x 480"):
        people_of_mhr(_data(person), H, H)
    with pytest.raises(InputError, match="lack image_size"):
        people_of_mhr(_data(person, image_size=None), W, H)
    with pytest.raises(InputError, match=r"pred_keypoints_2d .* shape \[70, 2\]\. Got \[60, 2\]"):
        people_of_mhr(_data({**person, "pred_keypoints_2d": np.zeros((60, 2))}), W, H)
    with pytest.raises(InputError, match="lack pred_keypoints_3d"):
        people_of_mhr(_data({"pred_keypoints_2d": np.zeros((70, 2))}), W, H)
    with pytest.raises(InputError, match="pred_keypoints_3d in MHR_POSE_DATA must be finite"):
        people_of_mhr(_data({**person, "pred_keypoints_3d": np.full((70, 3), np.nan)}), W, H)
    with pytest.raises(InputError, match=r"focal_length in MHR_POSE_DATA must be positive\. Got 0"):
        people_of_mhr(_data({**person, "focal_length": 0.0}), W, H)
    with pytest.raises(InputError, match="must be a dict"):
        people_of_mhr(_data(None), W, H)  # pyright: ignore[reportArgumentType]
    image = torch.rand(3, H, W)
    with pytest.raises(InputError, match=r"\(MHR_POSE_DATA\) show no person"):
        gather_landmarks(image, mhr_pose_data=_data())
    with pytest.raises(InputError, match="MHR_POSE_DATA hold 2 frames"):
        gather_landmarks(image, mhr_pose_data={**_data(), "frames": [[], []]})
