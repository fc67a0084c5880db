"""`matte`: soft where hair is, firm elsewhere, one person only, at the photo's size."""

import cv2
import numpy as np
import pytest
import torch

from vlogger_core.body.landmarks import CASCADE, PhotoLandmarks, detect_landmarks, no_points
from vlogger_core.body.matte import guided_filter, person_matte
from vlogger_core.image import load_image


def _drawn(size: int = 192) -> tuple[torch.Tensor, torch.Tensor, PhotoLandmarks]:
    """A red head and shoulders before blue, with the face points that such a head has."""
    y, x = np.mgrid[:size, :size] / size
    person = ((x - 0.5) / 0.13) ** 2 + ((y - 0.33) / 0.2) ** 2 < 1
    person |= (np.abs(x - 0.5) < 0.32) & (y > 0.6)
    person |= (np.abs(x - 0.5) < 0.06) & (y > 0.4)
    noise = np.random.default_rng(0).normal(0, 0.02, (size, size, 3))
    picture = np.where(person[..., None], (0.8, 0.3, 0.2), (0.2, 0.3, 0.7)) + noise
    angle = torch.linspace(0, 2 * np.pi, 478)
    face = torch.stack((0.5 + 0.12 * angle.cos(), 0.36 + 0.16 * angle.sin()), 1) * size
    landmarks = PhotoLandmarks(
        width=size,
        height=size,
        face=torch.cat((face, torch.ones(478, 1)), 1),
        body=no_points(17),
        left_hand=no_points(21),
        right_hand=no_points(21),
        source=CASCADE,
    )
    return torch.from_numpy(picture.clip(0, 1)).permute(2, 0, 1).float(), torch.from_numpy(person), landmarks


def test_grabcut_finds_the_drawn_person(caplog):
    image, person, landmarks = _drawn()
    matte = person_matte(image, landmarks)
    assert matte.shape == person.shape
    assert matte.dtype == torch.float32
    assert 0 <= matte.min() < matte.max() <= 1
    assert "GrabCut" in caplog.text
    inside = (matte > 0.5) == person
    assert inside.float().mean() > 0.97
    assert matte[:20].max() < 0.1
    assert matte[-5:, 90:100].min() > 0.9


def test_silhouette_tells_where_the_body_is():
    image, person, landmarks = _drawn()
    matte = person_matte(image, landmarks, person.float())
    assert ((matte > 0.5) == person).float().mean() > 0.98


def test_same_matte_again_and_at_twice_the_size():
    image, _, landmarks = _drawn()
    matte = person_matte(image, landmarks)
    assert torch.equal(matte, person_matte(image, landmarks))
    large = torch.nn.functional.interpolate(image[None], scale_factor=8, mode="nearest")[0]
    big = person_matte(large, landmarks.resized(1536, 1536))
    assert big.shape == (1536, 1536)
    assert (torch.nn.functional.avg_pool2d(big[None], 8)[0] - matte).abs().mean() < 0.03


def test_guided_filter_keeps_constants_and_follows_edges():
    guide = np.zeros((40, 40, 3), np.float32)
    guide[:, 20:] = 1
    np.testing.assert_allclose(guided_filter(guide, np.full((40, 40), 0.3, np.float32), 4, 1e-4), 0.3, atol=1e-5)
    blurred = np.clip((np.arange(40) - 14) / 12, 0, 1).astype(np.float32) * np.ones((40, 1), np.float32)
    sharp = guided_filter(guide, blurred, 8, 1e-5)
    assert sharp[:, 18].max() < blurred[0, 18]
    assert sharp[20, 21] - sharp[20, 18] > 0.5


def test_grabcut_takes_no_window_for_hair(samples):
    """The closer look at this head finds the window beside it as bright as the shirt."""
    image = load_image(samples / "portraits" / "p02_obama_upperbody_910x1137.jpg")
    body = [(257, 38), (211, 29), (176, 50), (158, 120), (184, 195), (74, 261), (0, 511), (54, 511), (122, 332)]
    body += [(124, 511), (324, 511), (326, 338), (383, 490), (409, 511), (409, 400), (375, 265), (265, 200), (288, 111)]
    silhouette = cv2.fillPoly(np.zeros((512, 410), np.float32), [np.array(body)], 1.0)
    matte = person_matte(image, detect_landmarks(image, source="cascade"), torch.from_numpy(silhouette))
    assert matte[20:180, 640].max() < 0.1
    assert matte[60:400, 500].min() > 0.9


def test_real_photo(samples):
    pytest.importorskip("mediapipe", reason="mediapipe is not installed")
    image = load_image(samples / "portraits" / "p01_astronaut_woman_512.png")
    matte = person_matte(image, detect_landmarks(image, source="mediapipe"))
    # Face, hair and suit; flag, wall and rocket.
    for row, column in ((120, 225), (40, 225), (350, 180)):
        assert matte[row, column] > 0.95
    for row, column in ((60, 30), (60, 350), (120, 430)):
        assert matte[row, column] < 0.05
    assert ((matte > 0.05) & (matte < 0.95)).float().mean() < 0.06
