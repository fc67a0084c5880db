"""A body in the file format of SMPL-X that nobody's licence covers: Anny's surface, moved by SMPL-X's formulas.

Its blendshapes are principal components of Anny's shapes and facial actions, its skinning weights are Anny's, summed
over the bones of each SMPL-X joint. So fits and expressions can be judged on it as on the real one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vlogger_core.body.anny_model import JAW_OPEN_RAD, AnnyBody, load_anny
from vlogger_core.body.fit_priors import shape_sigma
from vlogger_core.body.people import FACE_68_TO_MEDIAPIPE
from vlogger_core.body.smplx_file import PARENTS
from vlogger_core.body.smplx_landmarks import nearest_on_surface
from vlogger_core.names import EXPRESSION_INDEX, JOINT_INDEX, PART_INDEX

FULL_SIZE = 10_475
"""Vertices of SMPL-X."""
SHIFT = (0.001, -0.35, 0.02)
"""Where the pelvis lies in the file, as in SMPL-X: not at the origin."""
NUM_SHAPES, NUM_EXPRESSIONS = 300, 100
_SAMPLES = 160


def write_synthetic(path: Path, num_vertices: int = FULL_SIZE, seed: int = 0) -> Path:
    """Write a humanoid SMPL-X file of 1,500 to 13,000 vertices. 117 MB at full size; takes some seconds."""
    np.savez(path, **synthetic_arrays(num_vertices, seed))
    return path


def write_tiny(path: Path, seed: int = 0, num_vertices: int = 120, **changes: Any) -> Path:
    """Write a file of random numbers in the right shapes, with some arrays replaced (None leaves one out)."""
    arrays = {**tiny_arrays(seed, num_vertices), **changes}
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    return path


def tiny_arrays(seed: int = 0, num_vertices: int = 120) -> dict[str, np.ndarray]:
    """Double precision, 10 + 10 blendshapes and no jaw line: the older form of the file."""
    rng = np.random.default_rng(seed)
    faces = rng.integers(0, num_vertices, (200, 3))
    weights = rng.random((num_vertices, 55)) ** 8
    regressor = rng.random((55, num_vertices)) ** 8
    return {
        "v_template": rng.normal(size=(num_vertices, 3)),
        "f": faces.astype(np.uint32),
        "shapedirs": 0.1 * rng.normal(size=(num_vertices, 3, 20)),
        "posedirs": 0.01 * rng.normal(size=(num_vertices, 3, 486)),
        "J_regressor": regressor / regressor.sum(1, keepdims=True),
        "weights": weights / weights.sum(1, keepdims=True),
        "kintree_table": _kintree(),
        "lmk_faces_idx": rng.permutation(200)[:51],
        "lmk_bary_coords": np.full((51, 3), 1 / 3),
    }


def synthetic_arrays(num_vertices: int = FULL_SIZE, seed: int = 0) -> dict[str, np.ndarray]:
    """The arrays of `write_synthetic`, single precision."""
    rng = np.random.default_rng(seed)
    surface = _Surface.build(load_anny(), num_vertices)
    anny, template, joints = surface.anny, surface.template, surface.joints
    faces, weights = surface.faces, surface.weights()
    static, static_barycentric = surface.landmarks(FACE_68_TO_MEDIAPIPE[17:])
    contour, contour_barycentric = surface.landmarks(FACE_68_TO_MEDIAPIPE[:17])

    turned = [rng.permutation(17) for _ in range(79)]
    turned[0] = np.arange(17)
    shapes = np.concatenate((_shape_components(anny, rng), _ripples(template, rng, NUM_SHAPES, 5e-4)), 2)
    expressions = np.concatenate(
        (_expression_components(surface, weights), _ripples(template, rng, NUM_EXPRESSIONS, 2e-4)), 2
    )
    # Only the head has expressions.
    expressions *= weights[:, [JOINT_INDEX["head"], JOINT_INDEX["jaw"]]].sum(1)[:, None, None]
    blends = np.concatenate((shapes[..., :NUM_SHAPES], expressions[..., :NUM_EXPRESSIONS]), 2)
    return {
        "v_template": (template + SHIFT).astype(np.float32),
        "f": faces.astype(np.uint32),
        "shapedirs": blends.astype(np.float32),
        "posedirs": _pose_blends(weights, rng),
        "J_regressor": _regressor(template, joints).astype(np.float32),
        "weights": weights.astype(np.float32),
        "kintree_table": _kintree(),
        "lmk_faces_idx": static,
        "lmk_bary_coords": static_barycentric,
        "dynamic_lmk_faces_idx": np.stack([contour[row] for row in turned]),
        "dynamic_lmk_bary_coords": np.stack([contour_barycentric[row] for row in turned]),
        "hands_componentsl": np.eye(45),
        "hands_componentsr": np.eye(45),
        "hands_meanl": 0.1 * rng.normal(size=45),
        "hands_meanr": 0.1 * rng.normal(size=45),
        "joint2num": np.array({"pelvis": 0}, dtype=object),
    }


@dataclass
class _Surface:
    """Anny's skin and eyeballs in the T-pose, with fewer vertices."""

    anny: AnnyBody
    """Reduced to the same vertices."""
    faces: np.ndarray
    template: np.ndarray
    joints: np.ndarray

    @staticmethod
    def build(anny: AnnyBody, num_vertices: int) -> _Surface:
        unwanted = [PART_INDEX[part] for part in ("teeth", "tongue")]
        faces = anny.faces[~torch.isin(anny.face_parts, torch.tensor(unwanted))].numpy()
        assert anny.landmarks is not None
        eyes = [PART_INDEX[part] for part in ("left_eye", "right_eye", "iris")]
        kept = torch.cat(
            (anny.landmarks.vertices.flatten(), anny.faces[torch.isin(anny.face_parts, torch.tensor(eyes))].flatten())
        )
        posed = _t_poses(anny, torch.zeros(1, 52))
        faces = _fewer(faces, posed.vertices[0].numpy(), kept.unique().numpy(), num_vertices)
        index = np.unique(faces)
        small = anny.with_vertices(torch.from_numpy(index))
        return _Surface(
            anny=small,
            faces=np.searchsorted(index, faces),
            template=posed.vertices[0].numpy()[index],
            joints=posed.joints[0].numpy(),
        )

    def joint_weights(self) -> np.ndarray:
        """Anny's, of each SMPL-X joint's bones; nothing hangs on the jaw."""
        rig = self.anny.rig
        joint_of_bone: list[int] = []
        for bone, parent in enumerate(rig.parents.tolist()):
            driven = float(rig.fraction[bone]) > 0
            joint_of_bone.append(int(rig.driver[bone]) if driven or parent < 0 else joint_of_bone[parent])
        weights = np.zeros((len(self.template), 55))
        np.add.at(weights.T, joint_of_bone, self.anny.skinning.numpy().T)
        return weights / weights.sum(1, keepdims=True)

    def weights(self) -> np.ndarray:
        """As `joint_weights`, with the jaw's from what jawOpen does."""
        weights = self.joint_weights()
        jaw, head = JOINT_INDEX["jaw"], JOINT_INDEX["head"]
        rigid = self.jaw_turn(JAW_OPEN_RAD, np.ones(len(self.template)))
        share = np.clip((self.moves()[EXPRESSION_INDEX["jawOpen"]] * rigid).sum(1) / (rigid**2).sum(1), 0, 1)
        weights[:, jaw] = share * weights[:, head]
        weights[:, head] -= weights[:, jaw]
        return weights

    def moves(self) -> np.ndarray:
        """What each ARKit channel does, `52 v 3`, eyeballs at rest."""
        posed = _t_poses(self.anny, torch.cat((torch.zeros(1, 52), torch.eye(52)))).vertices.numpy()
        moves = posed[1:] - posed[0]
        eyes = [JOINT_INDEX[f"{side}_eye_smplhf"] for side in ("left", "right")]
        moves[:, self.joint_weights()[:, eyes].sum(1) > 0.5] = 0
        return moves

    def jaw_turn(self, angle: float, share: np.ndarray, axis: int = 0) -> np.ndarray:
        """How far a turn of the jaw joint moves vertices that follow it by a share."""
        at = self.template - self.joints[JOINT_INDEX["jaw"]]
        unit = np.eye(3)[axis]
        turned = (
            at * np.cos(angle) + np.cross(unit, at) * np.sin(angle) + np.outer(at @ unit, unit) * (1 - np.cos(angle))
        )
        return share[:, None] * (turned - at)

    def landmarks(self, points: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Face and weights of some of MediaPipe's 478."""
        table = self.anny.landmarks
        assert table is not None
        place = {tuple(sorted(face)): i for i, face in enumerate(self.faces.tolist())}
        index, shares = [], []
        for point in points:
            corners, share = table.vertices[point], table.barycentric[point]
            face = place.get(tuple(sorted(corners.tolist())))
            if face is None:
                at = (torch.from_numpy(self.template)[corners] * share[:, None]).sum(0)
                vertices, faces = torch.from_numpy(self.template), torch.from_numpy(self.faces)
                near, found = nearest_on_surface(at[None], vertices, faces)
                corners, share = near[0], found[0]
                face = place[tuple(sorted(corners.tolist()))]
            by_corner = dict(zip(corners.tolist(), share.tolist()))
            index.append(face)
            shares.append([by_corner[corner] for corner in self.faces[face].tolist()])
        return np.array(index), np.array(shares)


def _t_poses(anny: AnnyBody, expression: torch.Tensor, shape: torch.Tensor | None = None) -> Any:
    rest = anny.rest(anny.mean_shape() if shape is None else shape)
    count = len(expression)
    with torch.no_grad():
        return anny.pose(rest, torch.zeros(count, 55, 3), torch.zeros(count, 3), expression)


def _fewer(faces: np.ndarray, vertices: np.ndarray, kept: np.ndarray, count: int) -> np.ndarray:
    """Collapse short edges until `count` vertices remain; those of `kept` stay."""
    fixed = np.zeros(len(vertices), bool)
    fixed[kept] = True
    while (surplus := len(np.unique(faces)) - count) > 0:
        around: dict[int, set[int]] = {}
        for a, b, c in faces.tolist():
            for u, v, w in ((a, b, c), (b, c, a), (c, a, b)):
                around.setdefault(u, set()).update((v, w))
        edges = np.concatenate((faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]))
        edges = edges[~fixed[edges[:, 1]]]
        length = np.linalg.norm(vertices[edges[:, 0]] - vertices[edges[:, 1]], axis=1)
        into = np.arange(len(vertices))
        busy: set[int] = set()
        done = 0
        for u, v in edges[np.argsort(length)].tolist():
            if done == surplus:
                break
            if u in busy or v in busy or len(around[u] & around[v]) != 2:
                continue
            into[v] = u
            busy |= {u, v} | around[u] | around[v]
            done += 1
        if done == 0:
            raise ValueError(f"count must be at least {len(np.unique(faces))}. Got {count}.")
        faces = into[faces]
        a, b, c = faces.T
        faces = faces[(a != b) & (b != c) & (c != a)]
    return faces


def _shape_components(anny: AnnyBody, rng: np.random.Generator) -> np.ndarray:
    """Principal components of likely Anny bodies in the T-pose, for one standard deviation each, `v 3 k`."""
    mean, sigma = anny.mean_shape(), shape_sigma(anny.shape_names)
    bodies = []
    for _ in range(_SAMPLES):
        noise = torch.from_numpy(rng.normal(size=len(mean))).float()
        shape = (mean + sigma * noise).clamp(*anny.shape_range.unbind(1))
        bodies.append(_t_poses(anny, torch.zeros(1, 52), shape).vertices[0].numpy().ravel())
    spread = np.stack(bodies) - np.mean(bodies, 0)
    _, sizes, rows = np.linalg.svd(spread, full_matrices=False)
    components = rows[:-1] * sizes[:-1, None] / np.sqrt(_SAMPLES - 1)
    return components.reshape(len(components), -1, 3).transpose(1, 2, 0)


def _expression_components(surface: _Surface, weights: np.ndarray) -> np.ndarray:
    """Principal components of Anny's facial actions without what the jaw joint does, `v 3 k`."""
    moves = surface.moves().astype(np.float64)
    jaw = weights[:, JOINT_INDEX["jaw"]]
    for name, axis in (("jawOpen", 0), ("jawLeft", 1), ("jawRight", 1)):
        move = moves[EXPRESSION_INDEX[name]]
        unit = surface.jaw_turn(0.01, jaw, axis) / 0.01
        angle = (unit * move).sum() / (unit**2).sum()
        move -= surface.jaw_turn(angle, jaw, axis)
    flat = moves.reshape(len(moves), -1)
    _, sizes, rows = np.linalg.svd(flat, full_matrices=False)
    # A full action is two or three standard deviations.
    components = rows * sizes[:, None] / np.sqrt(len(moves)) * 2
    components = components[sizes > 1e-3 * sizes[0]]
    return components.reshape(len(components), -1, 3).transpose(1, 2, 0)


def _ripples(template: np.ndarray, rng: np.random.Generator, count: int, size: float) -> np.ndarray:
    """Smooth random displacements."""
    waves, phase = rng.normal(size=(3, 3 * count)) * 8, rng.random(3 * count) * 6.28
    return size * np.sin(template @ waves + phase).reshape(len(template), 3, count)


def _pose_blends(weights: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Near a joint, a few millimetres where it bends."""
    blends = np.empty((len(weights), 3, 486), np.float32)
    for joint in range(1, 55):
        share = weights[:, joint] * weights[:, PARENTS[joint]] * 4
        directions = 0.004 * rng.normal(size=(3, 9))
        blends[..., 9 * (joint - 1) : 9 * joint] = share[:, None, None] * directions
    return blends


def _regressor(template: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """Weights of the 40 vertices nearest to each joint, as even as can be, that give its place and sum to 1."""
    regressor = np.zeros((len(joints), len(template)))
    for row, joint in zip(regressor, joints):
        near = np.argsort(np.linalg.norm(template - joint, axis=1))[:40]
        conditions = np.concatenate((template[near].T, np.ones((1, 40))))
        row[near] = np.linalg.pinv(conditions) @ np.append(joint, 1)
    return regressor


def _kintree() -> np.ndarray:
    """As published: the pelvis's parent is the largest 32-bit number."""
    return np.stack((np.array(PARENTS) % 2**32, np.arange(55))).astype(np.uint32)
