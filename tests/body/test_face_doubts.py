"""`face_doubts`: what covers, shrinks or turns a face lowers its confidence; what is no usable face is refused."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from vlogger_core.body.anny_model import load_anny
from vlogger_core.body.detect_cascade import detect
from vlogger_core.body.face_doubts import MAX_YAW_DEG, doubt_face, head_yaw_deg, yaw_trust
from vlogger_core.body.landmarks import PhotoLandmarks, detect_landmarks, gather_landmarks, no_points
from vlogger_core.datatypes import Camera
from vlogger_core.errors import InputError
from vlogger_core.image import load_image
from vlogger_core.names import JOINT_INDEX
from vlogger_core.render.camera import project

PORTRAIT = Path(__file__).parents[2] / "assets/character/portrait.png"
MOUTH, CHIN, FOREHEAD, LIDS = [0, 13, 14, 17, 61, 291], 152, 10, [159, 145, 386, 374]


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    picture = load_image(PORTRAIT).permute(1, 2, 0).mul(255).round().byte().numpy()
    return cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)


@pytest.fixture(scope="module")
def found(pixels) -> PhotoLandmarks:
    return detect(pixels, 0)


def _at(found: PhotoLandmarks, *points: int) -> tuple[int, int]:
    x, y = found.face[list(points), :2].mean(0).round().int().tolist()
    return x, y


def _share(found: PhotoLandmarks, doubted: PhotoLandmarks) -> torch.Tensor:
    return doubted.face[:, 2] / found.face[:, 2]


def test_a_plain_face_is_not_doubted(pixels, found, caplog):
    torch.testing.assert_close(doubt_face(found, pixels, detected=True).face, found.face)
    assert not caplog.text


def _covered(pixels: np.ndarray, found: PhotoLandmarks, kind: str) -> np.ndarray:
    picture, unit = pixels.copy(), found.eye_distance
    skin = [int(v) for v in pixels[_at(found, 205)[1], _at(found, 205)[0]]]
    x, y = _at(found, 13, 14)
    if kind == "cloth":
        cv2.ellipse(picture, (x, y), (round(0.62 * unit), round(0.42 * unit)), 0, 0, 360, (40, 90, 160), -1)
    if kind == "hand":
        for i in range(4):
            start = (round(x + (i - 1.5) * 0.33 * unit), round(y - 0.35 * unit))
            end = (start[0] + round(0.25 * unit), round(y + 1.1 * unit))
            cv2.line(picture, start, end, [v // 2 for v in skin], round(0.34 * unit), cv2.LINE_AA)
            cv2.line(picture, start, end, skin, round(0.30 * unit), cv2.LINE_AA)
    if kind == "mask":
        around = [195, 50, 123, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 352, 280]
        outline = cv2.convexHull(found.face[around, :2].numpy().astype(np.int32))
        cv2.fillPoly(picture, [outline], (225, 225, 230), cv2.LINE_AA)
    if kind == "microphone":
        cv2.circle(picture, (x, round(y + 0.1 * unit)), round(0.4 * unit), (40, 40, 42), -1, cv2.LINE_AA)
    if kind == "sunglasses":
        for eye in ((33, 133), (263, 362)):
            cv2.ellipse(picture, _at(found, *eye), (round(0.42 * unit), round(0.3 * unit)), 0, 0, 360, (25, 25, 30), -1)
    return picture


@pytest.mark.parametrize("kind", ["cloth", "hand", "mask", "microphone"])
def test_covered_mouth(pixels, found, caplog, kind):
    share = _share(found, doubt_face(found, _covered(pixels, found, kind), detected=True))
    assert "Something seems to cover the mouth" in caplog.text
    assert share[MOUTH].max() < 0.03
    # All of the face is doubted: BodyFit's confidence, which goes with the root, stays below a half.
    assert 0.02 < share[FOREHEAD] < 0.25


def test_covered_eyes(pixels, found, caplog):
    share = _share(found, doubt_face(found, _covered(pixels, found, "sunglasses"), detected=True))
    assert "Something seems to cover the eyes" in caplog.text
    assert share[LIDS].max() < 0.1
    assert share[CHIN] == pytest.approx(0.2)


def test_no_face_and_upside_down(pixels, found):
    noise = np.random.default_rng(0).integers(0, 256, pixels.shape, dtype=np.uint8)
    with pytest.raises(InputError, match=r"No face was found|upside down"):
        doubt_face(found, noise, detected=True)
    turned = np.ascontiguousarray(pixels[::-1, ::-1])
    with pytest.raises(InputError, match="seems to be upside down"):
        doubt_face(_turned(found), pixels, detected=True)
    # A face that the user has wired in is kept, with a warning.
    assert doubt_face(found, turned, detected=False).face[:, 2].max() < 0.2


def _turned(found: PhotoLandmarks) -> PhotoLandmarks:
    """An upright face where an upside-down one is, as detectors give it."""
    face = found.face.clone()
    middle = (face[:, :2].amin(0) + face[:, :2].amax(0)) / 2
    face[:, :2] = 2 * middle - face[:, :2]
    others = {"body": found.body, "left_hand": found.left_hand, "right_hand": found.right_hand}
    return PhotoLandmarks(width=found.width, height=found.height, face=face, source="test", **others)


def test_small_faces(pixels, found, caplog):
    def confidence(width_px: float) -> float:
        left, _, right, _ = found.face_box
        scale = width_px / (right - left)
        small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        marks = found.resized(small.shape[1], small.shape[0])
        return (doubt_face(marks, small, detected=True).face[:, 2].max() / found.face[:, 2].max()).item()

    assert confidence(90) == pytest.approx(1)
    assert "px wide" not in caplog.text
    assert 0.1 < confidence(36) < 0.14 < confidence(60) < 0.8
    assert "The face is only 36 px wide" in caplog.text
    with pytest.raises(InputError, match="too small: 20 px wide"):
        confidence(20)


def test_yaw_of_a_turned_body():
    """About right: Anny has no points exactly where MediaPipe's cheeks are."""
    anny = load_anny()
    pose = torch.zeros(9, 55, 3)
    yaws = torch.arange(-80, 81, 20.0)
    pose[:, JOINT_INDEX["pelvis"], 1] = yaws.deg2rad()
    posed = anny.pose(anny.rest(anny.mean_shape()), pose, torch.tensor([[0.0, -0.6, -2]] * 9), torch.zeros(9, 52))
    pixels = project(anny.face_landmarks(posed.vertices), Camera(fov_deg=40.0, width=512, height=512))[0]
    estimated = [head_yaw_deg(face.double().numpy()) for face in pixels]
    for yaw, estimate in zip(yaws.tolist(), estimated):
        if abs(yaw) <= 40:
            assert estimate == pytest.approx(yaw, abs=10)
        else:
            assert np.sign(estimate) == np.sign(yaw)
            assert abs(estimate) > MAX_YAW_DEG if abs(yaw) == 80 else abs(estimate) == pytest.approx(60, abs=5)


def test_yaw_lowers_confidence(caplog):
    assert yaw_trust(20) == 1
    assert not caplog.text
    assert 1 > yaw_trust(-45) > yaw_trust(55) > yaw_trust(60) > 0
    assert "turned by about 45 degrees" in caplog.text


def test_profile_is_refused_only_if_found_here(pixels, found):
    face = found.face.clone()
    # The nose's tip far beyond the cheek.
    face[4, 0] += 2 * (face[454, 0] - face[234, 0])
    others = {"body": found.body, "left_hand": found.left_hand, "right_hand": found.right_hand}
    profile = PhotoLandmarks(width=found.width, height=found.height, face=face, source="test", **others)
    with pytest.raises(InputError, match=r"turned away by about 80 degrees\. Use a photo in which it is turned less"):
        doubt_face(profile, pixels, detected=True)
    assert 0 < doubt_face(profile, pixels, detected=False).face[:, 2].max() <= 0.1


def test_sparse_faces_are_judged_by_size_alone(pixels, found):
    face = no_points(478)
    face[:60] = found.face[:60]
    others = {"body": found.body, "left_hand": found.left_hand, "right_hand": found.right_hand}
    sparse = PhotoLandmarks(width=found.width, height=found.height, face=face, source="test", **others)
    noise = np.random.default_rng(0).integers(0, 256, pixels.shape, dtype=np.uint8)
    torch.testing.assert_close(doubt_face(sparse, noise, detected=True).face, face)


def test_real_faces_pass_and_face_free_pictures_do_not(samples, caplog):
    """With the cascade, which needs no other package."""
    for path in sorted((samples / "portraits").glob("p0[17]*")):
        assert detect_landmarks(load_image(path), source="cascade").face[:, 2].max() == pytest.approx(0.6), path.name
    assert "seems to cover" not in caplog.text
    photo = load_image(samples / "portraits" / "p03_flux_man_hands_1024.png")
    rng = torch.Generator().manual_seed(0)
    clouds = torch.nn.functional.interpolate(torch.rand(1, 3, 12, 12, generator=rng), 256, mode="bicubic")[0]
    for picture in (photo[:, 400:, :600], clouds.clamp(0, 1), torch.zeros(3, 256, 256)):
        with pytest.raises(InputError, match="No face was found"):
            detect_landmarks(picture, source="cascade")


def test_bad_photos_with_mediapipe(samples):
    pytest.importorskip("mediapipe", reason="mediapipe is not installed")
    photo = load_image(samples / "portraits" / "p05_flux_woman_openpalms_1024.png")
    with pytest.raises(InputError, match="No face was found"):
        gather_landmarks(torch.zeros(3, 256, 256), source="mediapipe")
    photo = torch.nn.functional.interpolate(photo[None], scale_factor=0.5, mode="area")[0]
    try:
        doubted = gather_landmarks(photo.flip(-2), source="mediapipe")
    except InputError as error:
        assert "upside down" in str(error)  # noqa: PT017
    else:
        assert doubted.face[:, 2].max() < 0.25
