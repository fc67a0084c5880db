"""`smplx_model`: equals the `smplx` package, and behaves as every `BodyModel` does."""

import re
import warnings
from pathlib import Path

import pytest
import roma
import torch
from synthetic_smplx import SHIFT, write_tiny

from vlogger_core.body.people import FACE_68_TO_MEDIAPIPE
from vlogger_core.body.protocol import BodyModel, PosedBody
from vlogger_core.body.smplx_file import read_smplx
from vlogger_core.body.smplx_model import SmplxBody
from vlogger_core.names import EXPRESSION_INDEX, JOINT_INDEX, PART_INDEX, SMPLX_JOINTS

FRAMES = 3


def posed(body: SmplxBody, joints: dict | None = None, channels: dict | None = None) -> PosedBody:
    joint_rotvec, expression = torch.zeros(1, 55, 3), torch.zeros(1, 52)
    for name, rotvec in (joints or {}).items():
        joint_rotvec[0, JOINT_INDEX[name]] = torch.tensor(rotvec)
    for name, value in (channels or {}).items():
        expression[0, EXPRESSION_INDEX[name]] = value
    return body.pose(body.rest(body.mean_shape()), joint_rotvec, torch.zeros(1, 3), expression)


def part_vertices(body: SmplxBody, name: str) -> torch.Tensor:
    return body.faces[body.face_parts == PART_INDEX[name]].unique()


@pytest.fixture(scope="module")
def package(smplx_file: Path):
    smplx = pytest.importorskip("smplx")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return smplx.create(
            str(smplx_file),
            "smplx",
            ext="npz",
            num_betas=300,
            num_expression_coeffs=100,
            use_pca=False,
            flat_hand_mean=True,
            use_face_contour=True,
            batch_size=FRAMES,
        )


@pytest.fixture(scope="module")
def whole(smplx_file: Path) -> SmplxBody:
    """With all identity coefficients, and without ARKit's expressions."""
    return SmplxBody.build(read_smplx(smplx_file), num_betas=300)


@pytest.mark.parametrize("moving", ["shape", "expression", "body", "left_hand", "right_hand", "face", "everything"])
def test_equals_the_smplx_package(whole: SmplxBody, package, moving: str) -> None:
    generator = torch.Generator().manual_seed(3)
    joints = {
        "body": range(22),
        "face": range(22, 25),
        "left_hand": range(25, 40),
        "right_hand": range(40, 55),
        "everything": range(55),
    }.get(moving, range(0))
    pose = torch.zeros(FRAMES, 55, 3)
    pose[:, list(joints)] = 0.5 * torch.randn(FRAMES, len(joints), 3, generator=generator)
    betas = torch.randn(300, generator=generator) * (moving in ("shape", "everything"))
    coefficients = torch.randn(FRAMES, 100, generator=generator) * (moving in ("expression", "everything"))
    translation = torch.randn(FRAMES, 3, generator=generator)
    with torch.no_grad():
        theirs = package(
            betas=betas.expand(FRAMES, -1),
            global_orient=pose[:, 0],
            body_pose=pose[:, 1:22].flatten(1),
            jaw_pose=pose[:, 22],
            leye_pose=pose[:, 23],
            reye_pose=pose[:, 24],
            left_hand_pose=pose[:, 25:40].flatten(1),
            right_hand_pose=pose[:, 40:].flatten(1),
            expression=coefficients,
            transl=translation,
        )
        # The package's translation is of the file's origin, ours of the pelvis.
        ours = whole.pose_native(whole.rest(betas), pose, theirs.joints[:, 0], coefficients)
    assert (ours.vertices - theirs.vertices).norm(dim=-1).max() < 1e-5
    assert (ours.joints - theirs.joints[:, :55]).norm(dim=-1).max() < 1e-5
    static = whole.face_landmarks(ours.vertices)[:, list(FACE_68_TO_MEDIAPIPE[17:])]
    assert (static - theirs.joints[:, 76:127]).norm(dim=-1).max() < 1e-5
    if moving in ("shape", "expression"):
        contour = whole.face_landmarks(ours.vertices)[:, list(FACE_68_TO_MEDIAPIPE[:17])]
        assert (contour - theirs.joints[:, 127:144]).norm(dim=-1).max() < 1e-5


def test_is_a_body_model(smplx_body: SmplxBody) -> None:
    assert isinstance(smplx_body, BodyModel)
    assert smplx_body.name == "smplx"
    assert smplx_body.shape_names == tuple(f"beta{i}" for i in range(16))
    assert smplx_body.shape_range.tolist() == [[-3.0, 3.0]] * 16
    assert smplx_body.faces.dtype == torch.int64
    assert torch.equal(smplx_body.template, smplx_body.rest(smplx_body.mean_shape()).vertices)


def test_pelvis_is_the_origin_and_the_translation(smplx_body: SmplxBody, smplx_file: Path) -> None:
    rest = smplx_body.rest(torch.randn(16, generator=torch.Generator().manual_seed(0)))
    assert torch.equal(rest.joints[0], torch.zeros(3))
    pose = 0.3 * torch.randn(2, 55, 3, generator=torch.Generator().manual_seed(1))
    translation = torch.tensor([[0.1, 0.2, -2.0], [0.0, 0.0, 1.0]])
    body = smplx_body.pose(rest, pose, translation, torch.rand(2, 52))
    assert torch.equal(body.joints[:, 0], translation)
    in_file = read_smplx(smplx_file).v_template - smplx_body.template
    assert torch.allclose(in_file, torch.tensor(SHIFT).expand_as(in_file), atol=1e-5)


def test_joints_follow_shape_and_expression(smplx_body: SmplxBody) -> None:
    rest = smplx_body.rest(smplx_body.mean_shape())
    other = smplx_body.rest(torch.ones(16))
    assert (other.joints - rest.joints).norm(dim=-1).max() > 0.01
    still, zero = torch.zeros(1, 55, 3), torch.zeros(1, 3)
    plain = smplx_body.pose_native(rest, still, zero, torch.zeros(1, 100)).joints
    moved = smplx_body.pose_native(rest, still, zero, torch.ones(1, 100)).joints
    assert (moved - plain)[0, JOINT_INDEX["jaw"]].norm() > 1e-4


def test_global_orientation_turns_about_the_pelvis(smplx_body: SmplxBody) -> None:
    rotvec = torch.tensor([0.2, 0.9, -0.3])
    plain, turned = posed(smplx_body), posed(smplx_body, {"pelvis": rotvec.tolist()})
    assert torch.allclose(turned.vertices, plain.vertices @ roma.rotvec_to_rotmat(rotvec).mT, atol=1e-5)


def test_signs_of_rotations(smplx_body: SmplxBody) -> None:
    plain = posed(smplx_body)
    eye = part_vertices(smplx_body, "left_eye")
    assert plain.vertices[0, eye, 0].mean() > 0.01, "the left is +X"
    nod = posed(smplx_body, {"head": (0.3, 0.0, 0.0)})
    assert (nod.vertices - plain.vertices)[0, eye, 1].mean() < -0.01, "positive x nods down"
    down = posed(smplx_body, {"left_shoulder": (0.0, 0.0, -1.2)})
    wrist = JOINT_INDEX["left_wrist"]
    assert down.joints[0, wrist, 1] < plain.joints[0, wrist, 1] - 0.3


@pytest.mark.parametrize(
    ("channel", "iris", "axis", "sign"),
    [
        ("eyeLookOutLeft", 473, 0, 1), ("eyeLookInLeft", 473, 0, -1),
        ("eyeLookOutRight", 468, 0, -1), ("eyeLookInRight", 468, 0, 1),
        ("eyeLookUpLeft", 473, 1, 1), ("eyeLookDownRight", 468, 1, -1),
    ],
)  # fmt: skip
def test_eyes_turn(smplx_body: SmplxBody, channel: str, iris: int, axis: int, sign: int) -> None:
    plain, looking = posed(smplx_body), posed(smplx_body, channels={channel: 1.0})
    moved = smplx_body.face_landmarks(looking.vertices - plain.vertices)[0, iris]
    assert moved[axis] * sign > 0.003


def test_gaze_comes_on_top_of_the_eye_joint(smplx_body: SmplxBody) -> None:
    turn = (0.0, 0.2, 0.0)
    joint = {"left_eye_smplhf": turn}
    both = posed(smplx_body, joint, {"eyeLookOutLeft": 1.0})
    one, other = posed(smplx_body, joint), posed(smplx_body, channels={"eyeLookOutLeft": 1.0})
    iris = 473
    places = [smplx_body.face_landmarks(body.vertices)[0, iris, 0] for body in (posed(smplx_body), one, other, both)]
    assert places[3] > max(places[1], places[2]) > places[0]


def test_every_face_has_a_part(smplx_body: SmplxBody) -> None:
    counts = torch.bincount(smplx_body.face_parts, minlength=len(PART_INDEX))
    empty = {name for name, i in PART_INDEX.items() if counts[i] == 0}
    assert empty == {"background", "ears", "teeth", "tongue", "hair"}
    for left, right in (("left_eye", "right_eye"), ("left_hand", "right_hand"), ("left_arm", "right_arm")):
        assert smplx_body.template[part_vertices(smplx_body, left), 0].min() > 0
        assert smplx_body.template[part_vertices(smplx_body, right), 0].max() < 0
    middle = {
        name: smplx_body.template[part_vertices(smplx_body, name)].mean(0) for name in PART_INDEX if name not in empty
    }
    assert middle["brows"][1] > middle["lids"][1] > middle["lips"][1] > middle["neck"][1] > middle["body"][1]
    assert middle["mouth_cavity"][2] < middle["lips"][2]
    assert (middle["lips"][:2] - smplx_body.face_landmarks(smplx_body.template[None])[0, 13, :2]).norm() < 0.005


def test_landmarks_are_finite_and_those_of_the_file_are_trusted(smplx_body: SmplxBody) -> None:
    points, weight = smplx_body.face_landmarks(smplx_body.template[None])[0], smplx_body.face_landmark_weight
    assert torch.isfinite(points).all()
    assert set(weight.nonzero()[:, 0].tolist()) == {*FACE_68_TO_MEDIAPIPE, 468, 473}
    assert (weight[list(FACE_68_TO_MEDIAPIPE[17:])] == 1).all()
    assert (weight[list(FACE_68_TO_MEDIAPIPE[:17])] == 0.5).all()
    for one, other in ((33, 263), (61, 291), (70, 300), (468, 473), (50, 280), (103, 332)):
        assert (points[one] * torch.tensor([-1.0, 1.0, 1.0]) - points[other]).norm() < 3e-3
    assert (points[10] - points[152])[1] > 0.12, "the untrusted top of the forehead is above the chin"


def test_file_without_jaw_line_has_no_weight_there(tmp_path: Path) -> None:
    body = SmplxBody.build(read_smplx(write_tiny(tmp_path / "SMPLX_MALE.npz")), num_betas=10)
    assert set(body.face_landmark_weight.nonzero()[:, 0].tolist()) <= {*FACE_68_TO_MEDIAPIPE[17:], 468, 473}
    assert torch.isfinite(body.face_landmarks(body.template[None])).all()


def test_gradients_are_finite_at_the_rest_pose(smplx_body: SmplxBody) -> None:
    shape = smplx_body.mean_shape().requires_grad_()
    joint_rotvec, expression = torch.zeros(2, 55, 3, requires_grad=True), torch.zeros(2, 52, requires_grad=True)
    translation = torch.zeros(2, 3, requires_grad=True)
    body = smplx_body.pose(smplx_body.rest(shape), joint_rotvec, translation, expression)
    (body.vertices.square().sum() + body.joints.square().sum()).backward()
    for tensor in (shape, joint_rotvec, translation, expression):
        assert tensor.grad is not None
        assert torch.isfinite(tensor.grad).all()
    assert shape.grad is not None
    assert joint_rotvec.grad is not None
    assert (shape.grad != 0).all()
    assert (joint_rotvec.grad != 0).any(-1).all()


def test_gradient_of_a_pose_equals_its_difference_quotient(smplx_body: SmplxBody) -> None:
    small = smplx_body.with_vertices(torch.arange(0, len(smplx_body.template), 500))
    rest = small.rest(small.mean_shape())
    start = 0.2 * torch.randn(1, 55, 3, generator=torch.Generator().manual_seed(0))
    step = torch.randn(1, 55, 3, generator=torch.Generator().manual_seed(1))

    def total(amount: torch.Tensor) -> torch.Tensor:
        body = small.pose(rest, start + amount * step, torch.zeros(1, 3), torch.full((1, 52), 0.2))
        return (body.vertices * torch.tensor([1.0, 2.0, 3.0])).mean()

    amount = torch.zeros((), requires_grad=True)
    (slope,) = torch.autograd.grad(total(amount), amount)
    with torch.inference_mode():
        quotient = (total(torch.tensor(1e-2)) - total(torch.tensor(-1e-2))) / 2e-2
    assert torch.allclose(slope, quotient, rtol=1e-2)


def test_reduced_body_is_the_same_body(smplx_body: SmplxBody) -> None:
    used = smplx_body.landmarks.vertices.flatten()
    kept = torch.cat((used, torch.arange(0, len(smplx_body.template), 50)))
    small = smplx_body.with_vertices(kept)
    generator = torch.Generator().manual_seed(0)
    pose, expression = 0.2 * torch.randn(2, 55, 3, generator=generator), torch.rand(2, 52, generator=generator)
    shape = torch.randn(16, generator=generator)
    whole = smplx_body.pose(smplx_body.rest(shape), pose, torch.zeros(2, 3), expression)
    part = small.pose(small.rest(shape), pose, torch.zeros(2, 3), expression)
    assert torch.allclose(part.vertices, whole.vertices[:, kept.unique()], atol=1e-5)
    assert torch.allclose(part.joints, whole.joints, atol=1e-6)
    assert torch.allclose(small.face_landmarks(part.vertices), smplx_body.face_landmarks(whole.vertices), atol=1e-5)
    assert torch.equal(small.face_landmark_weight, smplx_body.face_landmark_weight)
    assert torch.equal(small.template, smplx_body.template[kept.unique()])
    none = smplx_body.with_vertices(torch.tensor([0, 1, 2]))
    assert (none.face_landmark_weight == 0).all()


def test_moves_to_a_device_whole(smplx_body: SmplxBody) -> None:
    moved = smplx_body.to("meta")
    body = moved.pose(
        moved.rest(moved.mean_shape()),
        *(torch.zeros(1, *size, device="meta") for size in ((55, 3), (3,), (52,))),
    )
    assert body.vertices.device.type == moved.face_landmarks(body.vertices).device.type == "meta"


def test_joints_are_in_the_order_of_the_names(smplx_body: SmplxBody) -> None:
    joints = posed(smplx_body).joints[0]
    for side, sign in (("left", 1), ("right", -1)):
        at = {name: joints[i] for i, name in enumerate(SMPLX_JOINTS) if name.startswith(side)}
        assert sign * at[f"{side}_wrist"][0] > sign * at[f"{side}_elbow"][0] > sign * at[f"{side}_shoulder"][0] > 0
        assert at[f"{side}_index3"][2] > at[f"{side}_pinky3"][2]
        assert at[f"{side}_hip"][1] > at[f"{side}_knee"][1] > at[f"{side}_ankle"][1]


def test_errors(smplx_body: SmplxBody, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=re.escape("shape must have 16 entries. Got (3,).")):
        smplx_body.rest(torch.zeros(3))
    tiny = read_smplx(write_tiny(tmp_path / "tiny.npz"))
    with pytest.raises(ValueError, match=re.escape("num_betas must lie in 1 to 10. Got 11.")):
        SmplxBody.build(tiny, num_betas=11)
    other = SmplxBody.build(tiny, num_betas=10)
    with pytest.raises(ValueError, match=r"rest must come from this SmplxBody\.rest, with 55 joints and 10475"):
        smplx_body.pose(other.rest(other.mean_shape()), torch.zeros(1, 55, 3), torch.zeros(1, 3), torch.zeros(1, 52))
