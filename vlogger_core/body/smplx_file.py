"""Reads the SMPL-X file that a user has from its makers: named arrays only, never anything that could run.

The published files also hold pickled objects (`joint2num`, `part2num`). Those keys are not touched.
"""

from __future__ import annotations

import itertools
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..errors import InputError
from ..names import JOINT_INDEX, SMPLX_JOINTS

NUM_JOINTS = len(SMPLX_JOINTS)
NUM_POSE_FEATURES = 9 * (NUM_JOINTS - 1)
SHAPE_SPACES = {400: 300, 20: 10}
"""Blendshapes in `shapedirs`, and how many of them are of identity; the rest are of expression."""
NUM_STATIC, NUM_CONTOUR = 51, 17
"""Face landmarks: brows, nose, eyes and mouth lie still on the skin; the jaw line depends on the view."""

GET_IT = (
    "Get SMPLX_NEUTRAL.npz of SMPL-X v1.1 from https://smpl-x.is.tue.mpg.de (its licence: non-commercial research, "
    "education and art only)."
)
_OTHER_MODELS = {5: "FLAME", 16: "MANO", 24: "SMPL", 35: "SMAL", 52: "SMPL+H"}
"""By their number of joints."""
_REQUIRED = (
    "v_template", "f", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table",
    "lmk_faces_idx", "lmk_bary_coords",
)  # fmt: skip
_CONTOUR = ("dynamic_lmk_faces_idx", "dynamic_lmk_bary_coords")
_Shape = tuple[int | tuple[int, ...] | None, ...]
"""Sizes; several where any of them will do, None for any number but none."""
_READ_ERRORS = (
    ValueError, OSError, EOFError, KeyError, MemoryError, NotImplementedError, RuntimeError,
    zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""What reading a file that is cut off, garbled or something else may end in."""
_TOLERANCE = 1e-3
"""How far weights may be from summing to 1."""


def _parents() -> tuple[int, ...]:
    """The parent of each joint; -1 for the pelvis."""
    chains: list[tuple[str, ...]] = [("pelvis", "spine1", "spine2", "spine3", "neck", "head", "jaw")]
    for side in ("left", "right"):
        chains.append(("pelvis", *(f"{side}_{joint}" for joint in ("hip", "knee", "ankle", "foot"))))
        chains.append(("spine3", *(f"{side}_{joint}" for joint in ("collar", "shoulder", "elbow", "wrist"))))
        chains.append(("head", f"{side}_eye_smplhf"))
        for finger in ("index", "middle", "pinky", "ring", "thumb"):
            chains.append((f"{side}_wrist", *(f"{side}_{finger}{i}" for i in (1, 2, 3))))
    parent = {child: JOINT_INDEX[above] for chain in chains for above, child in itertools.pairwise(chain)}
    return tuple(parent.get(joint, -1) for joint in SMPLX_JOINTS)


PARENTS = _parents()


@dataclass(frozen=True, kw_only=True)
class SmplxArrays:
    """What the body is computed from (Pavlakos et al., CVPR 2019, section 3.1). Metres, Y up, facing +Z."""

    v_template: Float[Tensor, "v 3"]
    faces: Int[Tensor, "f 3"]
    shape_dirs: Float[Tensor, "v 3 s"]
    expression_dirs: Float[Tensor, "v 3 e"]
    pose_dirs: Float[Tensor, "v 3 486"]
    joint_regressor: Float[Tensor, "55 v"]
    weights: Float[Tensor, "v 55"]
    landmark_faces: Int[Tensor, " n"]
    """The 51 landmarks that lie still, then the 17 of the jaw line seen from the front, where the file has them."""
    landmark_barycentric: Float[Tensor, "n 3"]


def read_smplx(path: Path) -> SmplxArrays:
    """Read and check `SMPLX_{NEUTRAL,MALE,FEMALE}.npz`, whose blendshapes are 300 + 100 (v1.1) or 10 + 10.

    Raises:
        InputError: if there is no such file, it is damaged, it is another model, or an array cannot be used.
    """
    if not path.is_file():
        raise InputError(f"There is no SMPL-X file at {path}. {GET_IT}")
    arrays = _read(path)
    check = _Checker(path, arrays)
    joints = _num_joints(arrays)
    if joints in _OTHER_MODELS:
        raise InputError(
            f"{path} is a {_OTHER_MODELS[joints]} model: it has {joints} joints, SMPL-X has {NUM_JOINTS}. {GET_IT}"
        )
    missing = [name for name in _REQUIRED if name not in arrays]
    if missing:
        raise InputError(f"{path} is not an SMPL-X model: it lacks the arrays {', '.join(missing)}. {GET_IT}")

    v_template = check.real("v_template", (None, 3))
    num_vertices = len(v_template)
    faces = check.index("f", (None, 3), num_vertices)
    shape_dirs = check.real("shapedirs", (num_vertices, 3, tuple(SHAPE_SPACES)))
    num_shapes = SHAPE_SPACES[shape_dirs.shape[2]]
    landmark_faces = check.index("lmk_faces_idx", (NUM_STATIC,), len(faces))
    barycentric = check.shares("lmk_bary_coords", (NUM_STATIC, 3))
    if present := [name for name in _CONTOUR if name in arrays]:
        if len(present) < len(_CONTOUR):
            raise check.wrong(present[0], f"must come with its partner ({' and '.join(_CONTOUR)}). Got it alone")
        # One row for each degree of turning the head; row 0 is the view from the front.
        contour = check.index(_CONTOUR[0], (None, NUM_CONTOUR), len(faces))
        landmark_faces = torch.cat((landmark_faces, contour[0]))
        barycentric = torch.cat((barycentric, check.shares(_CONTOUR[1], (len(contour), NUM_CONTOUR, 3))[0]))
    tree = check.index("kintree_table", (2, NUM_JOINTS), None)[0]
    for joint in range(1, NUM_JOINTS):
        if tree[joint] != PARENTS[joint]:
            raise check.wrong(
                "kintree_table",
                f"must have {PARENTS[joint]} ({SMPLX_JOINTS[PARENTS[joint]]}) as the parent of joint {joint} "
                f"({SMPLX_JOINTS[joint]}). Got {int(tree[joint])}",
            )
    return SmplxArrays(
        v_template=v_template,
        faces=faces,
        shape_dirs=shape_dirs[..., :num_shapes],
        expression_dirs=shape_dirs[..., num_shapes:],
        pose_dirs=check.real("posedirs", (num_vertices, 3, NUM_POSE_FEATURES)),
        joint_regressor=check.real("J_regressor", (NUM_JOINTS, num_vertices)),
        weights=check.shares("weights", (num_vertices, NUM_JOINTS)),
        landmark_faces=landmark_faces,
        landmark_barycentric=barycentric,
    )


def _read(path: Path) -> dict[str, np.ndarray]:
    """The arrays that are needed and there, and no others. Pickled ones stay closed: an empty one is in their place."""
    arrays: dict[str, np.ndarray] = {}
    try:
        # np.load leaves a file that it cannot read open.
        with path.open("rb") as opened:
            file = np.load(opened, allow_pickle=False)
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise ValueError("it is a single array")
            for name in set(file.files).intersection(_REQUIRED + _CONTOUR):
                try:
                    arrays[name] = file[name]
                except ValueError as error:
                    if "allow_pickle" not in str(error):
                        raise
                    arrays[name] = np.empty((), dtype=object)
    except _READ_ERRORS as error:
        # np.load takes whatever it does not know for a pickle.
        reason = "it is no zip archive" if "allow_pickle" in str(error) else error
        raise InputError(f"{path} is damaged or not an .npz file ({reason}). {GET_IT}") from error
    return arrays


def _num_joints(arrays: Mapping[str, np.ndarray]) -> int:
    """Of whatever body this is; 0 if that cannot be told."""
    tree = arrays.get("kintree_table")
    return tree.shape[1] if tree is not None and tree.ndim == 2 else 0


class _Checker:
    """Takes arrays out of a file that must have a certain form."""

    def __init__(self, path: Path, arrays: Mapping[str, np.ndarray]) -> None:
        self._path, self._arrays = path, arrays

    def wrong(self, name: str, what: str) -> InputError:
        return InputError(f"{self._path}: the array {name} {what}. {GET_IT}")

    def _shaped(self, name: str, shape: _Shape, kinds: str, wanted: str) -> np.ndarray:
        array = self._arrays[name]
        if array.dtype.hasobject:
            raise self.wrong(name, f"must hold {wanted}. Got a pickled Python object, which could run any program")
        fits = array.ndim == len(shape) and all(
            size > 0 if want is None else size in want if isinstance(want, tuple) else size == want
            for size, want in zip(array.shape, shape)
        )
        if not fits:
            words = ["any" if s is None else str(s) if isinstance(s, int) else " or ".join(map(str, s)) for s in shape]
            raise self.wrong(name, f"must have the shape ({', '.join(words)}). Got {array.shape}")
        if array.dtype.kind not in kinds:
            raise self.wrong(name, f"must hold {wanted}. Got {array.dtype}")
        return array

    def real(self, name: str, shape: _Shape) -> Tensor:
        array = self._shaped(name, shape, "f", "floating-point numbers")
        with np.errstate(over="ignore"):
            tensor = torch.from_numpy(array.astype(np.float32))
        if not torch.isfinite(tensor).all():
            raise self.wrong(name, "must be finite. Got NaN, infinity or numbers beyond float32")
        return tensor

    def shares(self, name: str, shape: _Shape) -> Tensor:
        """Numbers that sum to 1 along the last axis."""
        tensor = self.real(name, shape)
        worst = (tensor.sum(-1) - 1).abs().max().item()
        if worst > _TOLERANCE:
            raise self.wrong(name, f"must sum to 1 along its last axis. Got sums that are off by up to {worst:.3g}")
        return tensor

    def index(self, name: str, shape: _Shape, count: int | None) -> Tensor:
        """Whole numbers, whatever their type, from 0 up to, not including, `count`; of any size if that is None."""
        array = self._shaped(name, shape, "iuf", "whole numbers")
        if array.dtype.kind == "f" and not (np.isfinite(array).all() and (array == np.round(array)).all()):
            raise self.wrong(name, "must hold whole numbers. Got fractions, NaN or infinity")
        tensor = torch.from_numpy(array.astype(np.int64))
        if count is not None and (tensor.min() < 0 or tensor.max() >= count):
            raise self.wrong(name, f"must lie in 0 to {count - 1}. Got {int(tensor.min())} to {int(tensor.max())}")
        return tensor
