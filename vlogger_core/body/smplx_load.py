"""Loads SMPL-X with its ARKit expressions, which are found once for each file and kept beside it."""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from ..errors import InputError
from ..names import JOINT_INDEX
from ..progress import Progress, silent
from ..threads import one_thread
from .anny_model import load_anny
from .landmark_table import LandmarkTable
from .smplx_expression import ArkitMap, FaceActions, face_actions, landmark_weight, solve_arkit
from .smplx_file import NUM_JOINTS, PARENTS, SmplxArrays, read_smplx
from .smplx_landmarks import complete_landmarks
from .smplx_model import NUM_BETAS, SmplxBody
from .smplx_parts import face_parts

SOLVER_VERSION = 1
"""Raised whenever the same file would be solved differently: what older versions kept is then solved again."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class SolvedFace:
    """What is found out about the face of one file."""

    arkit: ArkitMap
    landmarks: LandmarkTable


def load_smplx(path: Path, *, num_betas: int | None = None, progress: Progress = silent) -> SmplxBody:
    """SMPL-X from the user's `SMPLX_{NEUTRAL,MALE,FEMALE}.npz`.

    The first call for a file finds how ARKit's expressions look on it and keeps that beside it as
    `<name>.arkit.safetensors`. It needs the Anny body for that, whose own first use takes about two minutes.

    Args:
        num_betas: how many identity coefficients the shape code has: 1 to 300 (to 10 in an older file). None takes
            `NUM_BETAS`, or all that an older file has.
        progress: called about five times a second while the face is solved; what it raises stops the work.

    Raises:
        InputError: if the file is missing, damaged, of another model or has fewer identity coefficients; or if Anny is
            needed and cannot be had.
    """
    path = Path(path)
    arrays = read_smplx(path)
    available = arrays.shape_dirs.shape[2]
    if num_betas is None:
        num_betas = min(NUM_BETAS, available)
    if not 1 <= num_betas <= available:
        raise InputError(f"{path} has {available} shape components (betas): choose 1 to {available}. Got {num_betas}.")
    body = SmplxBody.build(arrays, num_betas)
    mark = fingerprint(arrays)
    solved = read_solved(solved_path(path), mark, body)
    if solved is None:
        solved = solve_face(body, arrays, face_actions(load_anny(progress)), progress)
        write_solved(solved_path(path), mark, solved)
    parts = face_parts(arrays.faces, arrays.weights, arrays.v_template, solved.landmarks)
    return replace(body, arkit=solved.arkit, landmarks=solved.landmarks, face_parts=parts)


def solve_face(body: SmplxBody, arrays: SmplxArrays, actions: FaceActions, progress: Progress = silent) -> SolvedFace:
    """All landmarks and the ARKit expressions of a body, after the face actions of another."""
    with torch.no_grad(), one_thread():
        landmarks, turn = complete_landmarks(body.landmarks, arrays, actions.points)
        weight = landmark_weight(actions, landmarks.weight)
        small = replace(body, landmarks=landmarks).with_vertices(landmarks.vertices.flatten())
        rest = small.rest(small.mean_shape())

        def pose(coefficients: Tensor, jaw: Tensor) -> Tensor:
            joint_rotvec = jaw.new_zeros(len(jaw), NUM_JOINTS, 3)
            joint_rotvec[:, JOINT_INDEX["jaw"]] = jaw
            posed = small.pose_native(rest, joint_rotvec, jaw.new_zeros(len(jaw), 3), coefficients)
            return small.face_landmarks(posed.vertices)

        arkit = solve_arkit(pose, actions.moves @ turn.mT, weight, arrays.expression_dirs.shape[2], progress)
    return SolvedFace(arkit=arkit, landmarks=landmarks)


def solved_path(path: Path) -> Path:
    """Where what is found out about a file is kept."""
    return path.with_name(f"{path.stem}.arkit.safetensors")


def fingerprint(arrays: SmplxArrays) -> str:
    """Of what the file has to do with the solution: the mean body, its expressions and its jaw."""
    jaw = 9 * (JOINT_INDEX["jaw"] - 1)
    digest = hashlib.sha256(f"{SOLVER_VERSION} {PARENTS}".encode())
    for name, tensor in vars(arrays).items():
        if name != "shape_dirs":
            part = tensor[..., jaw : jaw + 9] if name == "pose_dirs" else tensor
            digest.update(f"{name} {tuple(part.shape)}".encode())
            digest.update(part.contiguous().numpy().tobytes())
    return digest.hexdigest()


def read_solved(path: Path, mark: str, body: SmplxBody) -> SolvedFace | None:
    """What was kept; None if there is nothing, or it is damaged, of an older version or of another file."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            if (file.metadata() or {}).get("fingerprint") != mark:
                return None
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        _log.warning("%s is damaged (%s): the expressions are solved again.", path, error)
        return None
    for name, like in _tensors(SolvedFace(arkit=body.arkit, landmarks=body.landmarks)).items():
        found = tensors.get(name, torch.empty(0))
        fits = found.shape == like.shape and found.dtype == like.dtype and bool(found.isfinite().all())
        if fits and name == "landmark_vertices":
            fits = bool(((found >= 0) & (found < len(body.skinning))).all())
        if not fits:
            _log.warning("%s is damaged (%s): the expressions are solved again.", path, name)
            return None
    return SolvedFace(
        arkit=ArkitMap(coefficients=tensors["coefficients"], jaw_rotvec=tensors["jaw_rotvec"]),
        landmarks=LandmarkTable(
            vertices=tensors["landmark_vertices"],
            barycentric=tensors["landmark_barycentric"],
            weight=tensors["landmark_weight"],
        ),
    )


def write_solved(path: Path, mark: str, solved: SolvedFace) -> None:
    """Keep a solution; where the folder cannot be written, say so and go on."""
    from safetensors.torch import save_file

    try:
        with tempfile.TemporaryDirectory(prefix=f".{path.stem}-", dir=path.parent) as scratch:
            part = Path(scratch) / path.name
            save_file(_tensors(solved), part, {"fingerprint": mark})
            os.replace(part, path)
    except OSError as error:
        _log.warning(
            "The expressions found for SMPL-X cannot be kept (%s): they are solved again each time it is loaded. Make "
            "the folder %s writable to avoid that.",
            error,
            path.parent,
        )


def _tensors(solved: SolvedFace) -> dict[str, Tensor]:
    return {
        "coefficients": solved.arkit.coefficients,
        "jaw_rotvec": solved.arkit.jaw_rotvec,
        "landmark_vertices": solved.landmarks.vertices,
        "landmark_barycentric": solved.landmarks.barycentric,
        "landmark_weight": solved.landmarks.weight,
    }
