"""ARKit on SMPL-X: each channel moves the face as Anny's does, and what is known is recovered."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from synthetic_smplx import write_tiny

from vlogger_core.body.anny_model import AnnyBody, load_anny
from vlogger_core.body.smplx_expression import MAX_COEFFICIENT, FaceActions, face_actions, solve_arkit
from vlogger_core.body.smplx_file import SmplxArrays, read_smplx
from vlogger_core.body.smplx_landmarks import complete_landmarks, known_landmarks, nearest_on_surface, similarity
from vlogger_core.body.smplx_load import solve_face
from vlogger_core.body.smplx_model import SmplxBody
from vlogger_core.names import ARKIT_EXPRESSIONS, EXPRESSION_INDEX, JOINT_INDEX
from vlogger_core.rotation import rotvec_to_rotmat

SEEN = tuple(name for name in ARKIT_EXPRESSIONS if not name.startswith("eyeLook") and name != "tongueOut")
"""Channels that move landmarks of the skin by more than the lids' following of the gaze."""


@pytest.fixture(scope="module")
def anny() -> AnnyBody:
    return load_anny()


@pytest.fixture(scope="module")
def pattern(anny: AnnyBody) -> FaceActions:
    return face_actions(anny)


@pytest.fixture(scope="module")
def found(smplx_body: SmplxBody) -> FaceActions:
    return face_actions(smplx_body)


@pytest.fixture(scope="module")
def arrays(smplx_file: Path) -> SmplxArrays:
    return read_smplx(smplx_file)


def moved(body: AnnyBody | SmplxBody, **channels: float) -> torch.Tensor:
    """Displacement of the face landmarks."""
    expression = torch.zeros(2, 52)
    for name, value in channels.items():
        expression[1, EXPRESSION_INDEX[name]] = value
    posed = body.pose(body.rest(body.mean_shape()), torch.zeros(2, 55, 3), torch.zeros(2, 3), expression)
    points = body.face_landmarks(posed.vertices)
    return points[1] - points[0]


def skin(body: SmplxBody) -> torch.Tensor:
    """The trusted landmarks, without the irises."""
    known = body.face_landmark_weight > 0
    known[468:] = False
    return known


@pytest.mark.parametrize("name", [name for name in SEEN if name != "mouthClose"])
def test_each_channel_moves_the_face_as_the_pattern_does(smplx_body, pattern, found, name):
    asked = pattern.moves[EXPRESSION_INDEX[name]][skin(smplx_body)]
    miss = found.moves[EXPRESSION_INDEX[name]][skin(smplx_body)] - asked
    assert miss.norm(dim=-1).max() < 0.001
    assert miss.norm() < 0.15 * asked.norm()


def test_channels_compose(smplx_body, anny):
    channels = {"jawOpen": 0.5, "mouthSmileLeft": 0.7, "mouthSmileRight": 0.4, "eyeBlinkLeft": 0.8, "browInnerUp": 0.5}
    asked = moved(anny, **channels)[skin(smplx_body)]
    miss = moved(smplx_body, **channels)[skin(smplx_body)] - asked
    # The jaw moves on an arc, the pattern's on a line.
    assert miss.norm(dim=-1).max() < 0.003
    assert miss.norm() < 0.15 * asked.norm()


def test_jaw_open_turns_the_jaw_down(smplx_body):
    jaw = smplx_body.arkit.jaw_rotvec
    assert 0.25 < jaw[EXPRESSION_INDEX["jawOpen"], 0] < 0.45
    assert jaw[EXPRESSION_INDEX["jawLeft"], 1] > 0.03 > -0.03 > jaw[EXPRESSION_INDEX["jawRight"], 1]
    wide = moved(smplx_body, jawOpen=1.0)
    assert wide[152, 1] < -0.02, "the chin goes down"
    assert wide[14, 1] < -0.02
    assert wide[[1, 10, 133], 1].abs().max() < 0.003


def test_jaw_open_comes_on_top_of_the_jaw_joint(smplx_body):
    pose, expression = torch.zeros(2, 55, 3), torch.zeros(2, 52)
    pose[:, JOINT_INDEX["jaw"], 0] = 0.1
    expression[1, EXPRESSION_INDEX["jawOpen"]] = 0.5
    rest = smplx_body.rest(smplx_body.mean_shape())
    chin = smplx_body.face_landmarks(smplx_body.pose(rest, pose, torch.zeros(2, 3), expression).vertices)[:, 152, 1]
    plain = smplx_body.face_landmarks(smplx_body.template[None])[0, 152, 1]
    assert chin[1] < chin[0] < plain


@pytest.mark.parametrize("amount", [0.5, 1.0])
def test_mouth_close_shuts_what_jaw_open_parts(smplx_body, amount):
    both = moved(smplx_body, jawOpen=amount, mouthClose=amount)
    assert (both[13] - both[14]).norm() < 0.002
    wide = moved(smplx_body, jawOpen=amount)
    assert (wide[13] - wide[14])[1] > 0.015 * amount
    assert (both[152, 1] - wide[152, 1]).abs() < 0.002, "the chin stays down"


@pytest.mark.parametrize("name", [n for n in SEEN if n.endswith("Left") and n not in ("jawLeft", "mouthLeft")])
def test_left_channels_move_the_subjects_left(smplx_body, found, name):
    size = found.moves[EXPRESSION_INDEX[name]].norm(dim=-1)[skin(smplx_body)]
    side = found.points[skin(smplx_body), 0]
    assert size[side > 0.005].sum() > 1.5 * size[side < -0.005].sum()


def test_known_expressions_are_recovered(smplx_body, pattern, arrays):
    small = smplx_body.with_vertices(smplx_body.landmarks.vertices.flatten())
    rest = small.rest(small.mean_shape())

    def pose(coefficients, jaw):
        joint_rotvec = torch.zeros(len(jaw), 55, 3)
        joint_rotvec[:, JOINT_INDEX["jaw"]] = jaw
        return small.face_landmarks(
            small.pose_native(rest, joint_rotvec, torch.zeros(len(jaw), 3), coefficients).vertices
        )

    known, jaw = torch.zeros(52, 100), torch.zeros(52, 3)
    known[:, :20] = 1.2 * torch.randn(52, 20, generator=torch.Generator().manual_seed(0))
    jaw[EXPRESSION_INDEX["jawOpen"], 0] = 0.3
    jaw[EXPRESSION_INDEX["jawLeft"], 1] = 0.05
    known[EXPRESSION_INDEX["mouthClose"]] = 0
    moves = pose(known, jaw) - pose(torch.zeros(1, 100), torch.zeros(1, 3))
    moves[EXPRESSION_INDEX["mouthClose"]] = 0
    solved = solve_arkit(pose, moves, torch.ones(478), 100)
    assert torch.allclose(solved.jaw_rotvec, jaw, atol=0.01)
    assert (solved.coefficients - known)[:, :10].abs().max() < 0.25
    again = pose(solved.coefficients, solved.jaw_rotvec) - pose(torch.zeros(1, 100), torch.zeros(1, 3))
    assert (again - moves).norm() < 0.03 * moves.norm()


def test_weak_expression_space_is_not_overdriven(pattern, arrays):
    weak = replace(arrays, expression_dirs=0.1 * arrays.expression_dirs[..., :20])
    solved = solve_face(SmplxBody.build(weak), weak, pattern)
    assert solved.arkit.coefficients.abs().max() <= MAX_COEFFICIENT


def test_gaze_is_left_to_the_eyes(smplx_body):
    looks = [EXPRESSION_INDEX[name] for name in ARKIT_EXPRESSIONS if name.startswith("eyeLook")]
    assert (smplx_body.arkit.jaw_rotvec[looks] == 0).all()
    assert moved(smplx_body, eyeLookDownLeft=1.0)[386, 1] < -0.0015, "the lid follows"


def test_landmarks_of_the_pattern_are_carried_over(arrays, pattern):
    table, turn = complete_landmarks(known_landmarks(arrays), arrays, pattern.points)
    placed = table(arrays.v_template[None])[0]
    truth = pattern.points + placed[4] - pattern.points[4]
    assert (placed - truth)[:468].norm(dim=-1).quantile(0.9) < 0.002
    assert torch.allclose(turn, torch.eye(3), atol=0.01)


def test_a_turned_and_larger_face_is_moved_in_its_own_frame(arrays, pattern):
    turn = rotvec_to_rotmat(torch.tensor([0.3, 0.0, 0.0]))
    larger = 1.3
    turned = replace(
        arrays,
        v_template=larger * arrays.v_template @ turn.mT,
        expression_dirs=larger * torch.einsum("vck,dc->vdk", arrays.expression_dirs, turn),
    )
    table, found = complete_landmarks(known_landmarks(turned), turned, pattern.points)
    assert torch.allclose(found, larger * turn, atol=0.01)
    assert torch.isfinite(table(turned.v_template[None])).all()


def test_similarity_is_recovered():
    generator = torch.Generator().manual_seed(0)
    source = torch.randn(20, 3, generator=generator)
    turn, shift = rotvec_to_rotmat(torch.tensor([0.4, -1.0, 0.3])), torch.tensor([1.0, -2.0, 3.0])
    rotation, scale, moved_by = similarity(source, 1.7 * source @ turn.mT + shift, torch.rand(20, generator=generator))
    assert torch.allclose(rotation, turn, atol=1e-5)
    assert scale == pytest.approx(1.7, abs=1e-5)
    assert torch.allclose(moved_by, shift, atol=1e-5)


def test_points_on_a_surface_are_found(arrays):
    generator = torch.Generator().manual_seed(0)
    faces = arrays.faces[torch.randint(0, len(arrays.faces), (50,), generator=generator)]
    shares = torch.rand(50, 3, generator=generator)
    shares /= shares.sum(1, keepdim=True)
    points = (arrays.v_template[faces] * shares[..., None]).sum(1)
    corners, barycentric = nearest_on_surface(points, arrays.v_template, arrays.faces)
    assert torch.allclose((arrays.v_template[corners] * barycentric[..., None]).sum(1), points, atol=1e-5)
    assert (barycentric >= 0).all()


def test_a_face_of_any_form_is_solved(tmp_path: Path, pattern):
    arrays = read_smplx(write_tiny(tmp_path / "tiny.npz"))
    solved = solve_face(SmplxBody.build(arrays, 10), arrays, pattern)
    assert solved.arkit.coefficients.shape == (52, 10)
    assert solved.arkit.coefficients.isfinite().all()
    assert solved.arkit.jaw_rotvec.isfinite().all()
