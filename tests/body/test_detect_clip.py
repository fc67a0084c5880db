"""`detect_clip`: one person is followed through a clip, from pictures or from what is wired in."""

from collections.abc import Iterator
from pathlib import Path

import av
import pytest
import torch

from vlogger_core.body.clip_frames import ShotWatch, unseen
from vlogger_core.body.detect_clip import clip_landmarks, with_landmarks
from vlogger_core.body.detect_clip_wired import PersonFollower, keypoint_clip
from vlogger_core.body.landmarks import PhotoLandmarks, why_no_mediapipe
from vlogger_core.body.pose_keypoint import to_pose_keypoint
from vlogger_core.errors import InputError

needs_mediapipe = pytest.mark.skipif(why_no_mediapipe() is not None, reason="mediapipe is not installed")


@pytest.fixture(scope="module")
def clip(samples: Path) -> list[torch.Tensor]:
    """The first frames of a talking person, whose eyes then close."""
    with av.open(str(samples / "video/grid_bbaf2n.mpg")) as container:
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return [torch.from_numpy(picture).permute(2, 0, 1).float() / 255 for picture in pictures[36:48]]


def person_at(x: float, y: float, size: float = 40.0) -> PhotoLandmarks:
    """A face of a grid of points."""
    points = unseen(200, 100, "test")
    grid = torch.arange(478)
    points.face[:, 0] = x + size * (grid % 22) / 22
    points.face[:, 1] = y + size * (grid // 22) / 22
    points.face[:, 2] = 1
    return points


@needs_mediapipe
def test_a_blinking_face_is_followed(clip: list[torch.Tensor]):
    found = list(clip_landmarks(clip))
    assert len(found) == len(clip)
    assert all(one.face[:, 2].min() > 0.5 for one in found)
    lids = torch.stack([(one.face[159, :2] - one.face[145, :2]).norm() / one.eye_distance for one in found])
    assert lids[:5].min() > 0.12
    assert lids[7:9].max() < 0.05
    places = torch.stack([one.face[:, :2] for one in found])
    trembling = places[2:] - 2 * places[1:-1] + places[:-2]
    assert trembling.norm(dim=-1).median() < 0.02 * found[0].eye_distance
    assert all(one.point("left_eye")[2] > 0.5 for one in found)


@needs_mediapipe
def test_a_face_that_goes_and_comes_back(clip: list[torch.Tensor]):
    blank = torch.full_like(clip[0], 0.5)
    frames = [blank, blank, *clip[:2], blank, blank, *clip[2:6]]
    seen = [bool(one.face[:, 2].any()) for one in clip_landmarks(frames)]
    assert seen[:2] == [False, False]
    assert seen[4:6] == [False, False]
    assert seen[-1]
    assert sum(seen) >= 4


@needs_mediapipe
def test_frames_stream_through(clip: list[torch.Tensor]):
    read = 0

    def frames() -> Iterator[torch.Tensor]:
        nonlocal read
        for frame in clip:
            read += 1
            yield frame

    stream = with_landmarks(frames())
    first, _ = next(stream)
    assert first is clip[0]
    assert read <= 4


@needs_mediapipe
def test_detection_is_cancelled(clip: list[torch.Tensor]):
    class Cancelled(Exception):
        pass

    def cancel(done: int, total: int) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        list(clip_landmarks(clip, progress=cancel))


def test_wired_keypoints_follow_the_person_that_was_chosen():
    frames = [torch.zeros(3, 100, 200)] * 3
    wired = [to_pose_keypoint(person_at(150 - 2 * t, 20, 30))[0] for t in range(3)]
    for t, frame in enumerate(wired):
        frame["people"] += to_pose_keypoint(person_at(20 + 2 * t, 20, 30 + 3 * t))[0]["people"]
    # The second grows and becomes the largest; the first stays the one.
    found = list(clip_landmarks(frames, pose_keypoint=wired, source="cascade"))
    assert [one.face_box[0] > 100 for one in found] == [True] * 3


def test_wired_faces_are_read_frame_by_frame():
    frames = [torch.zeros(3, 100, 200)] * 2
    faces = [[{"landmarks_xy": person_at(20 + t, 20).face[:, :2].tolist(), "score": 0.9}] for t in range(2)]
    found = list(clip_landmarks(frames, face_landmarks={"frames": faces, "image_size": (100, 200)}, source="cascade"))
    assert [round(one.face_box[0]) for one in found] == [20, 21]
    with pytest.raises(InputError, match="FACE_LANDMARKS hold 2 frames, the clip more"):
        list(clip_landmarks(frames * 2, face_landmarks={"frames": faces, "image_size": (100, 200)}, source="cascade"))


def test_keypoints_without_pictures():
    wired = [to_pose_keypoint(person_at(20, 20))[0], {"canvas_width": 200, "canvas_height": 100, "people": []}]
    found = keypoint_clip(pose_keypoint=wired)
    assert (found[0].width, found[0].height) == (200, 100)
    assert found[0].face[:, 2].any()
    assert not found[1].face[:, 2].any()
    with pytest.raises(InputError, match="either pose_keypoint or dwposes"):
        keypoint_clip()
    with pytest.raises(InputError, match="do not tell the size of their pictures"):
        keypoint_clip(dwposes={"poses": []})


def test_a_follower_does_not_change_persons():
    follower = PersonFollower(0)
    big, small = person_at(20, 20, 60), person_at(150, 20, 30)
    assert follower.choose([big, small], with_face=True) is big
    assert follower.choose([small], with_face=True) is None
    assert follower.choose([small, person_at(25, 20, 55)], with_face=True) is not small


def test_cuts_and_sizes_are_noticed():
    watch = ShotWatch()
    dark, bright = torch.zeros(3, 100, 200), torch.ones(3, 100, 200)
    watch.check(0, dark, person_at(20, 20))
    watch.check(1, bright, person_at(22, 20))  # A flash: the face stays where it was.
    watch.check(2, bright, person_at(100, 20))  # A quick move: the picture stays.
    with pytest.raises(InputError, match="The clip is cut at frame 3"):
        watch.check(3, dark, person_at(20, 20))
    with pytest.raises(InputError, match=r"Frame 4 is 64 x 64 px, those before it are 200 x 100 px"):
        watch.check(4, torch.zeros(3, 64, 64), person_at(20, 20))


def test_an_unknown_source_is_refused():
    with pytest.raises(ValueError, match="source must be one of"):
        clip_landmarks([], source="magic")
