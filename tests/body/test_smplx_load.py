"""`smplx_load`: expressions are solved once for each file, and again where what was kept cannot be used."""

import logging
import re
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from synthetic_smplx import tiny_arrays, write_tiny

from vlogger_core.body.fitter import fit_photo
from vlogger_core.body.landmarks import gather_landmarks
from vlogger_core.body.overlay import draw_overlay
from vlogger_core.body.smplx_load import load_smplx, solved_path
from vlogger_core.body.smplx_model import SmplxBody
from vlogger_core.errors import InputError
from vlogger_core.image import load_image
from vlogger_core.names import JOINT_INDEX
from vlogger_core.render.camera import project


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_tiny(tmp_path / "SMPLX_NEUTRAL.npz")


def _load(path: Path) -> SmplxBody:
    return load_smplx(path, num_betas=10)


def _mark(path: Path) -> dict[str, str]:
    with safe_open(solved_path(path), framework="pt") as file:
        return file.metadata()


def test_solution_is_kept_beside_the_file_and_used(path: Path) -> None:
    first = _load(path)
    kept = path.with_name("SMPLX_NEUTRAL.arkit.safetensors")
    assert [entry.name for entry in sorted(path.parent.iterdir())] == [kept.name, path.name]
    tensors = load_file(kept)
    assert torch.equal(tensors["coefficients"], first.arkit.coefficients)
    tensors["coefficients"] += 1
    save_file(tensors, kept, _mark(path))
    second = _load(path)
    assert torch.equal(second.arkit.coefficients, first.arkit.coefficients + 1)
    assert torch.equal(second.landmarks.vertices, first.landmarks.vertices)
    assert torch.equal(second.face_parts, first.face_parts)


def test_solution_of_another_file_is_replaced(path: Path) -> None:
    first = _load(path)
    mark = _mark(path)
    write_tiny(path, v_template=1.1 * tiny_arrays()["v_template"])
    second = _load(path)
    assert not torch.equal(second.arkit.coefficients, first.arkit.coefficients)
    assert _mark(path) != mark


@pytest.mark.parametrize("damage", ["truncated", "missing", "nan", "range"])
def test_damaged_solution_is_replaced(path: Path, caplog: pytest.LogCaptureFixture, damage: str) -> None:
    first = _load(path)
    kept, mark = solved_path(path), _mark(path)
    tensors = load_file(kept)
    if damage == "missing":
        del tensors["jaw_rotvec"]
    elif damage == "nan":
        tensors["jaw_rotvec"][3] = torch.nan
    elif damage == "range":
        tensors["landmark_vertices"][7] = 10**6
    save_file(tensors, kept, mark)
    if damage == "truncated":
        kept.write_bytes(kept.read_bytes()[:100])
    with caplog.at_level(logging.WARNING):
        second = _load(path)
    assert "SMPLX_NEUTRAL.arkit.safetensors is damaged" in caplog.text
    assert torch.equal(second.arkit.coefficients, first.arkit.coefficients)
    assert _load(path).arkit.coefficients.isfinite().all()


def test_folder_that_cannot_be_written_is_only_a_warning(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    # A folder in the place of the file stops even a superuser.
    solved_path(path).mkdir()
    with caplog.at_level(logging.WARNING):
        body = _load(path)
    assert body.arkit.coefficients.abs().max() > 0
    assert re.search(r"cannot be kept .*solved again each time it is loaded", caplog.text)
    assert [entry.name for entry in path.parent.iterdir() if entry.name.startswith(".")] == []


def test_too_many_coefficients_are_refused(path: Path) -> None:
    for count in (0, 11):
        with pytest.raises(InputError, match=rf"has 10 shape components \(betas\): choose 1 to 10\. Got {count}"):
            load_smplx(path, num_betas=count)


def test_an_older_file_gives_all_coefficients_that_it_has(path: Path) -> None:
    assert len(load_smplx(path).shape_names) == 10


def test_work_can_be_stopped(path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_smplx(path, num_betas=10, progress=stop)
    assert not solved_path(path).exists()


@pytest.mark.slow
def test_a_photo_is_fitted(smplx_body: SmplxBody, samples: Path) -> None:
    pytest.importorskip("mediapipe")
    image = load_image(samples / "portraits/p03_flux_man_hands_1024.png")
    landmarks = gather_landmarks(image)
    fit = fit_photo(image, model=smplx_body, landmarks=landmarks, mask=torch.ones(image.shape[1:]))
    rest = smplx_body.rest(fit.shape)
    posed = smplx_body.pose(rest, fit.joint_rotvec[None], fit.translation[None], fit.expression[None])
    assert torch.isfinite(posed.vertices).all()
    assert -4 < fit.translation[2] < -0.7
    assert fit.shape.abs().max() <= 3
    known = smplx_body.face_landmark_weight == 1
    points = project(smplx_body.face_landmarks(posed.vertices)[0], fit.camera)[0]
    error = (points - landmarks.face[:, :2]).norm(dim=1)[known] / landmarks.eye_distance
    assert error.median() < 0.035
    assert error.quantile(0.95) < 0.09
    for side in ("left", "right"):
        for joint in ("shoulder", "wrist"):
            pixel = project(posed.joints[0, JOINT_INDEX[f"{side}_{joint}"]], fit.camera)[0]
            error = (pixel - landmarks.point(f"{side}_{joint}")[:2]).norm()
            assert error < 0.02 * (landmarks.width**2 + landmarks.height**2) ** 0.5
    assert draw_overlay(fit, landmarks).shape == image.shape
