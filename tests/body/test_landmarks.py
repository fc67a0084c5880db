"""`landmarks`: the container, the choice of a face, detection on real photos."""

import sys

import pytest
import torch

from vlogger_core.body.landmarks import (
    PhotoLandmarks,
    choose_face,
    detect_landmarks,
    gather_landmarks,
    how_to_get_mediapipe,
    merge_landmarks,
    no_points,
    why_no_mediapipe,
)
from vlogger_core.body.pose_keypoint import to_pose_keypoint
from vlogger_core.errors import InputError
from vlogger_core.image import load_image


def _landmarks(**parts) -> PhotoLandmarks:
    groups = {"face": 478, "body": 17, "left_hand": 21, "right_hand": 21}
    return PhotoLandmarks(
        width=200, height=100, source="test", **{name: parts.get(name, no_points(n)) for name, n in groups.items()}
    )


def _seen(count: int) -> torch.Tensor:
    return torch.cat((torch.rand(count, 2) * 100, torch.ones(count, 1)), 1)


def test_resized_scales_positions_only():
    small = _landmarks(face=_seen(478)).resized(100, 25)
    big = small.resized(200, 100)
    torch.testing.assert_close(big.face, _landmarks(face=small.face * torch.tensor([2, 4, 1])).face)
    assert (small.face[:, 2] == 1).all()


def test_merge_takes_only_missing_groups():
    first, second = _landmarks(face=_seen(478)), _landmarks(face=_seen(478), left_hand=_seen(21)).resized(400, 200)
    merged = merge_landmarks(first, second)
    assert merged.face is first.face
    torch.testing.assert_close(merged.left_hand, second.resized(200, 100).left_hand)
    assert merged.right_hand.sum() == 0
    assert "left_hand" in merged.source


def test_roll_of_the_head():
    face = no_points(478)
    face[[33, 133]] = torch.tensor([50.0, 50, 1])
    face[[263, 362]] = torch.tensor([60.0, 60, 1])
    assert _landmarks(face=face).roll_deg == pytest.approx(45)
    assert _landmarks(face=face).eye_distance == pytest.approx(200**0.5)


def test_not_finite_is_refused():
    with pytest.raises(ValueError, match=r"PhotoLandmarks\.face must be finite"):
        _landmarks(face=torch.full((478, 3), torch.nan))


def test_choose_face_orders_by_size_and_tells(caplog):
    boxes = [(0.0, 0.0, 60.0, 60.0), (100.0, 0.0, 200.0, 100.0)]
    assert choose_face(boxes, 0) == boxes[1]
    assert choose_face(boxes, 1) == boxes[0]
    assert "shows 2 faces" in caplog.text
    with pytest.raises(InputError, match=r"Face 2 was asked for, but the portrait shows 2 faces\. Choose 0 to 1"):
        choose_face(boxes, 2)
    with pytest.raises(InputError, match="No face was found"):
        choose_face([], 0)
    with pytest.raises(InputError, match="too small: 20 px wide"):
        choose_face([(0.0, 0.0, 20.0, 20.0)], 0)


def test_unknown_source_is_refused():
    with pytest.raises(ValueError, match=r"source must be one of auto, mediapipe, cascade\. Got 'x'"):
        detect_landmarks(torch.rand(3, 64, 64), source="x")


def test_cascade_says_no_face():
    with pytest.raises(InputError, match="No face was found"):
        detect_landmarks(torch.rand(3, 128, 128), source="cascade")


class TestMediapipe:
    @pytest.fixture(autouse=True)
    def _needs_mediapipe(self):
        pytest.importorskip("mediapipe", reason="mediapipe is not installed")

    def test_finds_face_body_and_hands(self, samples):
        image = load_image(samples / "portraits" / "p05_flux_woman_openpalms_1024.png")
        found = detect_landmarks(image, source="mediapipe")
        assert found.source.startswith("mediapipe")
        assert 60 < found.eye_distance < 110
        # Sides are the subject's: the left shoulder and hand lie to the right of the right ones.
        assert found.point("left_shoulder")[0] > found.point("right_shoulder")[0] + 200
        assert found.left_hand[0, 0] > found.right_hand[0, 0] + 200
        assert found.left_hand[:, 2].min() > 0.5
        torch.testing.assert_close(found.point("left_wrist"), found.left_hand[0])
        assert found.face[473, 0] > found.face[468, 0]

    def test_full_pixels_whatever_the_size(self, samples):
        image = load_image(samples / "portraits" / "p01_astronaut_woman_512.png")
        found = detect_landmarks(image, source="mediapipe")
        large = torch.nn.functional.interpolate(image[None], scale_factor=6, mode="bilinear")[0]
        again = detect_landmarks(large, source="mediapipe").resized(512, 512)
        assert (found.face - again.face)[:, :2].norm(dim=1).max() < 0.12 * found.eye_distance

    def test_two_faces(self, samples, caplog):
        image = load_image(samples / "portraits" / "p01_astronaut_woman_512.png")
        small = torch.nn.functional.interpolate(image[None], size=(300, 300), mode="area")[0]
        both = torch.cat((image, torch.nn.functional.pad(small, (0, 0, 0, 212), value=0.5)), 2)
        assert detect_landmarks(both, source="mediapipe").face_box[0] < 512
        assert "shows 2 faces" in caplog.text
        other = detect_landmarks(both, source="mediapipe", face_index=1)
        assert other.face_box[0] > 512
        assert other.point("right_shoulder")[0] > 512
        with pytest.raises(InputError, match="shows 2 faces"):
            detect_landmarks(both, source="mediapipe", face_index=2)

    def test_wired_faces_and_bodies_are_joined_by_place(self, samples, caplog):
        image = load_image(samples / "portraits" / "p01_astronaut_woman_512.png")
        small = torch.nn.functional.interpolate(image[None], size=(400, 400), mode="area")[0]
        both = torch.cat((image, torch.nn.functional.pad(small, (0, 0, 0, 112), value=0.5)), 2)
        people = [detect_landmarks(both, source="mediapipe", face_index=index) for index in (0, 1)]
        faces = [{"landmarks_xy": one.face[:, :2].numpy()} for one in people]
        for order in (1, -1):
            detection = {"frames": [faces[::order]], "image_size": both.shape[1:]}
            keypoints = [to_pose_keypoint(one)[0] for one in people[::order]]
            for person in (one["people"][0] for one in keypoints):
                person["face_keypoints_2d"] = None
            frames = [{**keypoints[0], "people": [one["people"][0] for one in keypoints]}]
            for index, wanted in enumerate(people):
                shoulder = wanted.point("right_shoulder")[:2]
                # The face alone: its body is looked for. Bodies alone: the face is.
                alone = gather_landmarks(both, face_landmarks=detection, source="mediapipe", face_index=index)
                torch.testing.assert_close(alone.face[:, :2], wanted.face[:, :2])
                assert (alone.point("right_shoulder")[:2] - shoulder).norm() < 1.5 * wanted.eye_distance
                bodies = gather_landmarks(both, pose_keypoint=frames, source="mediapipe", face_index=index)
                torch.testing.assert_close(bodies.face[:, :2], wanted.face[:, :2])
                torch.testing.assert_close(bodies.point("right_shoulder")[:2], shoulder)
        assert "No point of the body is known" not in caplog.text

    def test_progress_is_told_and_cancels(self, samples):
        image = load_image(samples / "portraits" / "p01_astronaut_woman_512.png")
        seen: list[tuple[int, int]] = []
        gather_landmarks(image, source="mediapipe", progress=lambda done, total: seen.append((done, total)))
        shares = [done / total for done, total in seen]
        assert shares == sorted(shares)
        assert len(shares) > 6
        assert shares[-1] == 1

        def cancel(done: int, total: int) -> None:
            if done > 0:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            gather_landmarks(image, source="mediapipe", progress=cancel)

    def test_cat_and_noise_have_no_face(self, samples):
        cat = load_image(samples / "portraits" / "p11_nohuman_cat_451x300.png")
        for image in (cat, torch.rand(3, 128, 128, generator=torch.Generator().manual_seed(0))):
            with pytest.raises(InputError, match="No face was found"):
                gather_landmarks(image, source="mediapipe")


class TestCascade:
    def test_points_lie_near_mediapipes(self, samples):
        pytest.importorskip("mediapipe", reason="mediapipe is not installed")
        image = load_image(samples / "portraits" / "p05_flux_woman_openpalms_1024.png")
        found, wanted = (detect_landmarks(image, source=source) for source in ("cascade", "mediapipe"))
        error = (found.face - wanted.face)[:, :2].norm(dim=1) / wanted.eye_distance
        assert error.median() < 0.03
        assert error.max() < 0.12
        assert found.body.abs().sum() == found.left_hand.abs().sum() == 0
        assert 0 < found.face[:, 2].max() < wanted.face[:, 2].max()

    def test_other_faces_and_the_cat(self, samples):
        for name in ("p01_astronaut_woman_512.png", "p08_painting_monalisa_720x1280.jpg"):
            found = detect_landmarks(load_image(samples / "portraits" / name), source="cascade")
            assert found.eye_distance > 30
        with pytest.raises(InputError, match="No face was found"):
            detect_landmarks(load_image(samples / "portraits" / "p11_nohuman_cat_451x300.png"), source="cascade")

    def test_missing_mediapipe_is_told(self, monkeypatch, samples, caplog):
        monkeypatch.setitem(sys.modules, "mediapipe", None)
        image = load_image(samples / "portraits" / "p05_flux_woman_openpalms_1024.png")
        assert detect_landmarks(image).source == "frontal-face cascade"
        assert "pip install --no-deps mediapipe" in caplog.text
        with pytest.raises(InputError, match="pip install --no-deps mediapipe"):
            detect_landmarks(image, source="mediapipe")


def test_how_to_get_mediapipe_depends_on_the_python():
    for python in ((3, 10), (3, 12)):
        assert "pip install --no-deps mediapipe==0.10.21" in how_to_get_mediapipe(python)
    told = how_to_get_mediapipe((3, 13))
    assert "only for Python 3.10 to 3.12, and this is Python 3.13" in told
    assert "Detect Face Landmarks (MediaPipe)" in told
    assert "pip install" not in told


def test_mediapipe_for_another_numpy_is_told(monkeypatch, tmp_path):
    (tmp_path / "mediapipe").mkdir()
    (tmp_path / "mediapipe" / "__init__.py").write_text("raise ValueError('numpy.dtype size changed')")
    for name in [name for name in sys.modules if name.split(".")[0] == "mediapipe"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    assert why_no_mediapipe() == (
        "The package mediapipe is installed but cannot be imported (numpy.dtype size changed)."
    )
