"""`dwposes`: every maker's DWPOSES gives the same people; sequences in npz files are read, and bad ones named."""

import copy
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from vlogger_core.body.dwposes import num_frames, people_of_dwposes, read_pose_npz
from vlogger_core.body.landmarks import PhotoLandmarks, gather_landmarks
from vlogger_core.body.pose_keypoint import from_pose_keypoint, people_of_pose_keypoint
from vlogger_core.errors import InputError

W, H = 640, 480
GROUPS = ("face", "body", "left_hand", "right_hand")


def _person(seed: int, x: float = 0.5, size: float = 1.0) -> dict[str, np.ndarray]:
    """OpenPose's arrays as shares of the picture: hands at the wrists, eyes in the face."""
    rng = np.random.default_rng(seed)

    def points(count: int, cx: float, cy: float, spread: float) -> np.ndarray:
        return np.array([x + size * (cx - 0.5), cy]) + size * spread * (rng.random((count, 2)) - 0.5)

    body = points(18, 0.5, 0.5, 0.3)
    body[0] = x, 0.25
    body[[4, 7]] = [x - 0.1 * size, 0.7], [x + 0.1 * size, 0.7]
    left, right = points(21, 0.6, 0.72, 0.04), points(21, 0.4, 0.72, 0.04)
    left[0], right[0] = body[7], body[4]
    return {"body": body, "face": points(68, 0.5, 0.25, 0.1), "left": left, "right": right}


@pytest.fixture
def person() -> dict[str, np.ndarray]:
    return _person(0)


def _scail(*people: dict[str, np.ndarray], swapped: bool = True) -> dict:
    """As Pose Detection VitPose to DWPose makes it (right hand first), or Convert OpenPose Keypoints (left first)."""
    names = ("right", "left") if swapped else ("left", "right")
    frame = {
        "bodies": {
            "candidate": np.stack([one["body"] for one in people]),
            "subset": np.stack([np.arange(18.0) for _ in people]),
        },
        "hands": np.stack([one[name] for one in people for name in names]),
        "faces": np.stack([one["face"] for one in people]),
        "body_score": np.full((len(people), 18), 0.9),
        "hand_score": np.full((2 * len(people), 21), 0.8),
        "face_score": np.full((len(people), 68), 1.2),
    }
    return {"poses": [frame], "swap_hands": swapped}


def _wanted(person: dict[str, np.ndarray]) -> PhotoLandmarks:
    def flat(xy: np.ndarray) -> list[float]:
        return np.concatenate((xy * (W, H), np.ones((len(xy), 1))), 1).ravel().tolist()

    parts = {"pose": "body", "face": "face", "hand_left": "left", "hand_right": "right"}
    frame = {f"{key}_keypoints_2d": flat(person[name]) for key, name in parts.items()}
    return from_pose_keypoint({"canvas_width": W, "canvas_height": H, "people": [frame]}, W, H)


def _check(found: PhotoLandmarks, wanted: PhotoLandmarks) -> None:
    for group in GROUPS:
        torch.testing.assert_close(getattr(found, group)[:, :2], getattr(wanted, group)[:, :2], atol=1e-3, rtol=0)


@pytest.mark.parametrize("swapped", [True, False])
def test_same_person_as_pose_keypoint(person, swapped):
    dwposes = _scail(person, swapped=swapped)
    assert num_frames(dwposes) == 1
    (found,) = people_of_dwposes(dwposes, W, H)
    _check(found, _wanted(person))
    assert found.body[:, 2].unique().tolist() == [pytest.approx(0.9)]
    assert found.face[:, 2].max() == 1
    assert found.source == "DWPOSES"


def test_old_forms(person):
    """A list without its dict; one frame alone; people and points in one axis, with feet, scores as indices."""
    new = _scail(person)
    _check(people_of_dwposes(new["poses"], W, H)[0], _wanted(person))
    frame = copy.deepcopy(new["poses"][0])
    _check(people_of_dwposes(frame, W, H)[0], _wanted(person))
    subset = np.arange(20.0)[None]
    subset[0, 10] = -1
    frame["bodies"] = {"candidate": np.concatenate((person["body"], [[-1, -1], [-1, -1]])), "subset": subset}
    frame["bodies"]["score"] = subset
    del frame["body_score"], frame["hand_score"], frame["face_score"]
    (found,) = people_of_dwposes([frame], W, H)
    assert found.point("right_ankle")[2] == 0
    assert found.point("right_knee")[2] == 1
    assert found.point("nose")[2] == 1


def test_unseen_points(person):
    dwposes = _scail(person)
    frame = dwposes["poses"][0]
    frame["bodies"]["subset"][0, 0] = -1
    frame["body_score"][0, 5] = 0.2
    frame["faces"][0, :17] = -1
    # The left hand has been moved with its arm by retargeting.
    frame["hands"][1] = -0.9
    (found,) = people_of_dwposes(dwposes, W, H)
    assert found.point("nose").tolist() == found.point("left_shoulder").tolist() == [0, 0, 0]
    assert (found.face[:, 2] > 0).sum() == 51
    assert found.left_hand.sum() == 0 < found.right_hand.sum()


@pytest.mark.parametrize("hands", ["left right", "all left first", "only seen"])
def test_two_people(person, hands):
    other = _person(1, x=0.15, size=0.5)
    dwposes = _scail(person, other)
    frame = dwposes["poses"][0]
    if hands == "all left first":
        frame["hands"] = np.stack([person["left"], other["left"], person["right"], other["right"]])
    if hands == "only seen":
        frame["hands"] = np.stack([other["right"], person["left"], person["right"]])
        frame["hand_score"] = frame["hand_score"][:3]
        frame["faces"], frame["face_score"] = other["face"][None], frame["face_score"][:1]
    large, small = people_of_dwposes(dwposes, W, H)
    torch.testing.assert_close(large.left_hand, people_of_dwposes(_scail(person), W, H)[0].left_hand)
    wanted = _wanted(other)
    torch.testing.assert_close(small.right_hand[:, :2], wanted.right_hand[:, :2], atol=1e-3, rtol=0)
    torch.testing.assert_close(small.face[:, :2], wanted.face[:, :2], atol=1e-3, rtol=0)
    assert (small.left_hand.sum() == 0) == (hands == "only seen")
    assert (large.face.sum() == 0) == (hands == "only seen")


@pytest.mark.parametrize(
    "frame", [np.zeros((4, 4, 3)), {}, {"bodies": {"candidate": np.zeros(0), "subset": np.zeros(0)}}, None]
)
def test_frames_with_nobody(frame, person):
    assert people_of_dwposes({"poses": [frame]}, W, H) == []
    with pytest.raises(InputError, match=r"\(DWPOSES\) show no person"):
        gather_landmarks(torch.rand(3, H, W), dwposes={"poses": [frame]})
    with pytest.raises(InputError, match="hold 2 frames, but the portrait is one photo"):
        gather_landmarks(torch.rand(3, H, W), dwposes={"poses": _scail(person)["poses"] * 2})


def test_a_body_without_its_row_of_subset_is_read(person):
    dwposes = _scail(person)
    dwposes["poses"][0]["bodies"]["subset"] = np.zeros((0, 18))
    found = people_of_dwposes(dwposes, W, H)
    torch.testing.assert_close(found[0].body, people_of_dwposes(_scail(person), W, H)[0].body)


def test_messages(person):
    with pytest.raises(InputError, match="DWPOSES must be"):
        num_frames("x")
    with pytest.raises(InputError, match="Frame 1 was asked for"):
        people_of_dwposes(_scail(person), W, H, frame=1)

    def spoilt(**changes) -> dict:
        dwposes = _scail(person)
        dwposes["poses"][0].update(changes)
        return dwposes

    with pytest.raises(InputError, match=r"at least 18 x 2 points .* Got \[1, 17, 2\] for 1 people"):
        people_of_dwposes(spoilt(bodies={"candidate": np.zeros((1, 17, 2))}), W, H)
    with pytest.raises(InputError, match=r"hands in DWPOSES must hold 21 points each\. Got the shape \[2, 20, 2\]"):
        people_of_dwposes(spoilt(hands=np.zeros((2, 20, 2))), W, H)
    with pytest.raises(InputError, match=r"face_score in DWPOSES must have the shape \[1, 68\]\. Got \[1, 5\]"):
        people_of_dwposes(spoilt(face_score=np.zeros((1, 5))), W, H)
    with pytest.raises(InputError, match="faces in DWPOSES must be numbers"):
        people_of_dwposes(spoilt(faces="x"), W, H)
    with pytest.raises(InputError, match=r"shares of the picture, 0 to 1\. Got 640"):
        people_of_dwposes(spoilt(faces=np.full((1, 68, 2), 640.0)), W, H)


def _sequence(person: dict[str, np.ndarray], frames: int = 3) -> dict[str, np.ndarray]:
    one = {
        "body": person["body"],
        "hands": np.stack((person["left"], person["right"])),
        "face": person["face"],
        "body_score": np.ones(18),
        "hands_score": np.ones((2, 21)),
        "face_score": np.ones(68),
    }
    arrays = {name: np.repeat(array[None], frames, 0).astype(np.float32) for name, array in one.items()}
    return {**arrays, "canvas": np.array([H, W, 0, H, 0, W])}


def _save(path: Path, arrays: dict[str, np.ndarray]) -> None:
    np.savez(path, **arrays)  # pyright: ignore[reportArgumentType]


def test_npz_sequence(person, tmp_path):
    arrays = _sequence(person)
    arrays["face_score"][1] = 0.1
    _save(tmp_path / "s.npz", arrays)
    frames = read_pose_npz(tmp_path / "s.npz")
    assert len(frames) == 3
    assert (frames[0].width, frames[0].height) == (W, H)
    _check(frames[2], _wanted(person))
    assert frames[1].face.sum() == 0 < frames[1].body.sum()


def test_npz_messages(person, tmp_path):
    path = tmp_path / "s.npz"
    with pytest.raises(InputError, match="There is no keypoint sequence at"):
        read_pose_npz(path)
    arrays = _sequence(person)
    _save(path, {**arrays, "hands": arrays["hands"][:2]})
    with pytest.raises(InputError, match=r"hands in .* here \[3, 2, 21, 2\]\. Got \[2, 2, 21, 2\]"):
        read_pose_npz(path)
    _save(path, {**arrays, "canvas": np.array([0, W])})
    with pytest.raises(InputError, match=r"canvas in .* must begin with height and width"):
        read_pose_npz(path)
    del arrays["face"]
    _save(path, arrays)
    with pytest.raises(InputError, match=r"lacks face\. Got body, hands"):
        read_pose_npz(path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match="cannot be read"):
        read_pose_npz(path)


def test_pickles_do_not_run(person, tmp_path):
    """A sequence as EchoMimicV2 keeps it, in pickled objects, is refused without being opened."""

    class Plant:
        def __reduce__(self):
            return (open, (str(tmp_path / "planted"), "w"))

    _save(tmp_path / "s.npz", {**_sequence(person), "body": np.array([Plant()], dtype=object)})
    (tmp_path / "p.npz").write_bytes(pickle.dumps(Plant()))
    (tmp_path / "planted").unlink(missing_ok=True)
    for name in ("s.npz", "p.npz"):
        with pytest.raises(InputError, match="must be an npz file of plain number arrays"):
            read_pose_npz(tmp_path / name)
    assert not (tmp_path / "planted").exists()


def test_real_sequences(samples):
    for name, count in (("emv2_01_336f", 336), ("emv2_good_102f", 102), ("emv2_salute_97f", 97)):
        frames = read_pose_npz(samples / "pose2d" / f"{name}.npz")
        assert len(frames) == count
        for frame in frames[::20]:
            assert 50 < frame.eye_distance < 90
            # Sides are the subject's, who faces the camera.
            assert frame.point("left_shoulder")[0] > frame.point("right_shoulder")[0] + 200
            for side in ("left", "right"):
                wrist, hand = frame.point(f"{side}_wrist"), getattr(frame, f"{side}_hand")
                assert (wrist[:2] - hand[0, :2]).norm() < 60


def test_people_of_pose_keypoint_agree_on_order(person):
    other = _person(1, x=0.15, size=0.5)
    large, small = people_of_dwposes(_scail(other, person), W, H)
    assert large.body[0, 0] > small.body[0, 0]
    assert people_of_pose_keypoint({"people": []}, W, H) == []
