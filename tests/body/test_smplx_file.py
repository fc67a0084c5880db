"""`smplx_file`: a user's file is read by name, checked whole, and nothing in it can run."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from synthetic_smplx import tiny_arrays, write_tiny

from vlogger_core.body.smplx_file import PARENTS, read_smplx
from vlogger_core.errors import InputError


class _Trap:
    """Unpickling this creates a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "SMPLX_NEUTRAL.npz"


def _changed(name: str, array: np.ndarray, place: tuple, value: Any) -> dict[str, np.ndarray]:
    array = array.copy()
    array[place] = value
    return {name: array}


def test_older_file_without_jaw_line_is_read(path: Path) -> None:
    stored = tiny_arrays()
    arrays = read_smplx(write_tiny(path))
    assert arrays.v_template.dtype == arrays.pose_dirs.dtype == torch.float32
    assert torch.allclose(arrays.v_template, torch.from_numpy(stored["v_template"]).float())
    assert arrays.shape_dirs.shape == arrays.expression_dirs.shape == (120, 3, 10)
    assert arrays.landmark_faces.shape == (51,)


def test_full_blendshapes_and_jaw_line_are_read(path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 200, (79, 17))
    shares = np.full((79, 17, 3), 1 / 3, np.float32)
    dirs = rng.normal(size=(120, 3, 400)).astype(np.float32)
    write_tiny(path, shapedirs=dirs, dynamic_lmk_faces_idx=rows, dynamic_lmk_bary_coords=shares)
    arrays = read_smplx(path)
    assert arrays.shape_dirs.shape[2] == 300
    assert torch.equal(arrays.expression_dirs, torch.from_numpy(dirs[..., 300:]))
    assert arrays.landmark_faces[51:].tolist() == rows[0].tolist()


def test_the_tree_is_that_of_smplx() -> None:
    """As published in `kintree_table`, by number."""
    body = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 15, 15, 15)
    left = (20, 25, 26, 20, 28, 29, 20, 31, 32, 20, 34, 35, 20, 37, 38)
    right = (21, 40, 41, 21, 43, 44, 21, 46, 47, 21, 49, 50, 21, 52, 53)
    assert (*body, *left, *right) == PARENTS


@pytest.mark.parametrize("dtype", [np.uint32, np.int64, np.float32, np.float64])
def test_indices_are_read_whatever_their_type(path: Path, dtype: type) -> None:
    stored = tiny_arrays()
    plain = read_smplx(write_tiny(path))
    names = ("f", "kintree_table", "lmk_faces_idx")
    arrays = read_smplx(write_tiny(path, **{name: stored[name].astype(dtype) for name in names}))
    assert torch.equal(arrays.faces, plain.faces)
    assert torch.equal(arrays.landmark_faces, plain.landmark_faces)


@pytest.mark.parametrize("key", ["joint2num", "vt", "hands_meanl"])
def test_pickles_under_keys_that_are_not_needed_stay_closed(path: Path, key: str) -> None:
    trap = path.with_name("sprung")
    read_smplx(write_tiny(path, **{key: np.array(_Trap(trap), dtype=object)}))
    assert not trap.exists()
    with np.load(path, allow_pickle=True) as file:
        file[key]
    assert trap.exists(), "the trap works where pickles are opened"


@pytest.mark.parametrize("key", ["v_template", "weights", "f", "kintree_table", "dynamic_lmk_faces_idx"])
def test_pickles_under_needed_keys_are_refused_unopened(path: Path, key: str) -> None:
    trap = path.with_name("sprung")
    write_tiny(path, **{key: np.array(_Trap(trap), dtype=object)})
    with pytest.raises(InputError, match=r"SMPLX_NEUTRAL\.npz.*(pickled Python object|partner)"):
        read_smplx(path)
    assert not trap.exists()


STORED = tiny_arrays()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"v_template": np.zeros((120, 2))}, "v_template must have the shape (any, 3). Got (120, 2)"),
        ({"v_template": np.zeros((0, 3))}, "v_template must have the shape (any, 3). Got (0, 3)"),
        ({"posedirs": np.zeros((120, 3, 207))}, "posedirs must have the shape (120, 3, 486). Got (120, 3, 207)"),
        ({"shapedirs": np.zeros((120, 3, 30))}, "shapedirs must have the shape (120, 3, 400 or 20). Got (120, 3, 30)"),
        ({"weights": STORED["weights"][:99]}, "weights must have the shape (120, 55). Got (99, 55)"),
        ({"J_regressor": np.zeros((55, 119))}, "J_regressor must have the shape (55, 120). Got (55, 119)"),
        ({"lmk_faces_idx": np.zeros(68, int)}, "lmk_faces_idx must have the shape (51). Got (68,)"),
        ({"v_template": np.zeros((120, 3), int)}, "v_template must hold floating-point numbers. Got int64"),
        ({"f": STORED["f"] + 0.5}, "f must hold whole numbers. Got fractions, NaN or infinity"),
        ({"f": STORED["f"].astype(str)}, "f must hold whole numbers. Got <U"),
        (_changed("v_template", STORED["v_template"], (3, 1), np.nan), "v_template must be finite"),
        (_changed("posedirs", STORED["posedirs"], (0, 0, 0), 1e300), "posedirs must be finite"),
        (_changed("f", STORED["f"], (0, 0), 120), "f must lie in 0 to 119. Got 0 to 120"),
        (_changed("f", STORED["f"].astype(int), (0, 0), -1), "f must lie in 0 to 119. Got -1 to 119"),
        (_changed("lmk_faces_idx", STORED["lmk_faces_idx"], 5, 200), "lmk_faces_idx must lie in 0 to 199"),
        ({"weights": 1.01 * STORED["weights"]}, "weights must sum to 1 along its last axis. Got sums that are off by"),
        (
            _changed("kintree_table", STORED["kintree_table"], (0, 15), 40),
            "kintree_table must have 12 (neck) as the parent of joint 15 (head). Got 40",
        ),
        ({"dynamic_lmk_faces_idx": np.zeros((79, 17), int)}, "dynamic_lmk_faces_idx must come with its partner"),
    ],
)  # fmt: skip
def test_every_array_is_checked(path: Path, changes: dict, said: str) -> None:
    write_tiny(path, **changes)
    with pytest.raises(
        InputError, match=rf"SMPLX_NEUTRAL\.npz: the array {re.escape(said)}.*\. Get SMPLX_NEUTRAL\.npz"
    ):
        read_smplx(path)


def test_missing_arrays_are_named(path: Path) -> None:
    write_tiny(path, posedirs=None, lmk_bary_coords=None)
    with pytest.raises(InputError, match="is not an SMPL-X model: it lacks the arrays posedirs, lmk_bary_coords"):
        read_smplx(path)
    np.savez(path, poses=np.zeros((10, 165)), betas=np.zeros(16))
    with pytest.raises(InputError, match="is not an SMPL-X model: it lacks the arrays v_template"):
        read_smplx(path)


@pytest.mark.parametrize(("name", "joints"), [("SMPL", 24), ("SMPL+H", 52), ("FLAME", 5), ("MANO", 16)])
def test_other_models_are_named(path: Path, name: str, joints: int) -> None:
    tree, regressor = np.zeros((2, joints), np.uint32), np.array({"sparse": 1}, dtype=object)
    np.savez(path, v_template=np.zeros((9, 3)), kintree_table=tree, J_regressor=regressor)
    with pytest.raises(InputError, match=re.escape(f"is a {name} model: it has {joints} joints, SMPL-X has 55.")):
        read_smplx(path)


def test_missing_file_says_what_to_get(path: Path) -> None:
    with pytest.raises(InputError, match=r"no SMPL-X file at .*Get SMPLX_NEUTRAL\.npz of SMPL-X v1\.1 from https"):
        read_smplx(path)


@pytest.mark.parametrize("kept", [0, 3, 1000, 200_000, -500, -5])
def test_truncated_file_is_damaged(path: Path, kept: int) -> None:
    whole = write_tiny(path).read_bytes()
    path.write_bytes(whole[:kept])
    with pytest.raises(InputError, match=r"SMPLX_NEUTRAL\.npz is damaged or not an \.npz file .*Get SMPLX_NEUTRAL"):
        read_smplx(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04 and then nothing", "File is not a zip file"),
        (b"\x80\x04K\x01.", "it is no zip archive"),
        (b"<html>Please log in</html>", "it is no zip archive"),
    ],
)
def test_something_else_is_not_an_npz(path: Path, content: bytes, said: str) -> None:
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"is damaged or not an \.npz file \({said}\)"):
        read_smplx(path)


def test_garbled_array_is_damaged(path: Path) -> None:
    whole = bytearray(write_tiny(path).read_bytes())
    middle = len(whole) // 2
    whole[middle : middle + 64] = bytes(64)
    path.write_bytes(whole)
    with pytest.raises(InputError, match=r"is damaged or not an \.npz file"):
        read_smplx(path)


def test_single_array_and_folder_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", np.zeros(3))
    with pytest.raises(InputError, match="it is a single array"):
        read_smplx(tmp_path / "one.npy")
    with pytest.raises(InputError, match="There is no SMPL-X file at"):
        read_smplx(tmp_path)
