"""The portrait that the project ships, and the code that drew it."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from vlogger_core.body.anny_model import load_anny
from vlogger_core.character.__main__ import save_character
from vlogger_core.character.compose import render_character

FOLDER = Path(__file__).parents[2] / "assets" / "character"


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    return np.array(Image.open(FOLDER / "portrait.png"))


def test_shipped_portrait_is_small_and_says_how_it_was_made(portrait: np.ndarray):
    path = FOLDER / "portrait.png"
    assert path.stat().st_size < 1.6e6
    height, width, channels = portrait.shape
    assert channels == 3
    assert height > width >= 512
    note = Image.open(path).text
    assert note["Command"].startswith(f"python -m vlogger_core.character --seed {note['Seed']} ")


def test_sentence_is_one_line():
    text = (FOLDER / "sentence.txt").read_text(encoding="utf-8")
    assert text == text.strip() + "\n"
    assert "\n" not in text.strip()
    assert 60 < len(text) < 200


def test_mediapipe_finds_the_face(portrait: np.ndarray):
    mediapipe = pytest.importorskip("mediapipe")
    with mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=True, refine_landmarks=True) as mesh:
        faces = mesh.process(portrait).multi_face_landmarks
    assert faces is not None
    assert len(faces) == 1
    x = np.array([point.x for point in faces[0].landmark])
    assert x.min() > 0.2
    assert x.max() < 0.8


def test_a_cascade_finds_the_face(portrait: np.ndarray):
    from skimage.data import lbp_frontal_face_cascade_filename
    from skimage.feature import Cascade

    scale = 360 / max(portrait.shape[:2])
    small = cv2.resize(portrait, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    found = Cascade(lbp_frontal_face_cascade_filename()).detect_multi_scale(
        small, scale_factor=1.15, step_ratio=1, min_size=(32, 32), max_size=(300, 300)
    )
    assert found
    height, width = small.shape[:2]
    best = max(found, key=lambda box: box["width"])
    assert 0.2 * width < best["c"] + best["width"] / 2 < 0.8 * width
    assert 0.1 * height < best["r"] + best["height"] / 2 < 0.6 * height


@pytest.mark.slow
def test_rendering_is_deterministic_and_follows_the_seed():
    model = load_anny()
    pictures = [render_character(seed, height=64, supersampling=1, num_strands=3000, model=model) for seed in (1, 1, 2)]
    assert pictures[0].shape == (3, 64, 52)
    assert torch.equal(pictures[0], pictures[1])
    assert (pictures[0] - pictures[2]).abs().mean() > 0.01
    assert all(picture.min() >= 0 and picture.max() <= 1 for picture in pictures)


def test_too_small():
    with pytest.raises(ValueError, match=r"height must be at least 64\. Got 32"):
        render_character(1, height=32)
    with pytest.raises(ValueError, match=r"num_strands must be at least 3000\. Got 10"):
        render_character(1, num_strands=10)


def test_file_names_its_origin(tmp_path: Path):
    save_character(torch.rand(3, 8, 6), tmp_path / "deep" / "a.png", seed=4, command="python -m x --seed 4")
    picture = Image.open(tmp_path / "deep" / "a.png")
    assert picture.size == (6, 8)
    assert picture.text["Seed"] == "4"
    assert picture.text["Command"].endswith("--seed 4")
