import re

import pytest
import roma
import torch

from vlogger_core.body.anny_model import (
    ACTION_SCALE,
    JAW_OPEN_RAD,
    LIP_SEAL,
    AnnyBody,
    load_anny,
    packed_path,
    read_packed,
)
from vlogger_core.body.anny_rig import _twist
from vlogger_core.body.skinning import skin_vertices
from vlogger_core.body.trace_landmarks import LOWER_INNER_LIP, LOWER_LIP_DROP_M, UPPER_INNER_LIP
from vlogger_core.errors import InputError
from vlogger_core.names import ARKIT_EXPRESSIONS, EXPRESSION_INDEX, JOINT_INDEX, PART_INDEX, SMPLX_JOINTS


@pytest.fixture(scope="session")
def anny() -> AnnyBody:
    return load_anny()


@pytest.fixture(scope="session")
def own_results() -> dict:
    return {key: value for key, value in read_packed(packed_path())[0].items() if key.startswith("own_")}


def posed(anny: AnnyBody, joints: dict | None = None, actions: dict | None = None, rest=None):
    joint_rotvec, expression = torch.zeros(1, 55, 3), torch.zeros(1, 52)
    for name, rotvec in (joints or {}).items():
        joint_rotvec[0, JOINT_INDEX[name]] = torch.tensor(rotvec)
    for name, value in (actions or {}).items():
        expression[0, EXPRESSION_INDEX[name]] = value
    return anny.pose(rest or anny.rest(anny.mean_shape()), joint_rotvec, torch.zeros(1, 3), expression)


def joint(body, name: str) -> torch.Tensor:
    return body.joints[0, JOINT_INDEX[name]]


def part_vertices(anny: AnnyBody, name: str) -> torch.Tensor:
    return anny.faces[anny.face_parts == PART_INDEX[name]].unique()


@pytest.mark.parametrize("case", [0, 1, 2])
def test_equals_annys_own_forward(anny, own_results, case):
    rest = anny.rest(own_results["own_shape"][case])
    # Anny turns each bone about its parent; ours are about the T-pose, so take out what leads there.
    turns = own_results["own_turns"][case]
    world = []
    for bone, parent in enumerate(anny.rig.parents.tolist()[: len(turns)]):
        world.append(turns[bone] if parent < 0 else world[parent] @ turns[bone])
    jaw_parent = int(anny.rig.parents[-1])
    accumulated = torch.stack([*world, world[jaw_parent]]) @ anny.rig.to_tpose.mT
    local = accumulated.clone()
    local[1:] = accumulated[anny.rig.parents[1:]].mT @ accumulated[1:]
    rotations, heads = anny.rig.forward(local[None], rest.offsets, own_results["own_shifts"][case][None])

    actions = own_results["own_actions"][case][None].clone()
    for name, scale in ACTION_SCALE.items():
        actions[:, EXPRESSION_INDEX[name]] /= scale
    actions[:, EXPRESSION_INDEX["mouthClose"]] -= LIP_SEAL
    delta = (actions @ anny.action_deltas).unflatten(1, (-1, 3))
    vertices = rest.vertices[None].index_add(1, anny.action_vertices, delta)
    skin, shift = anny._bone_transforms(rest, rotations, heads)
    ours = skin_vertices(vertices, anny.skinning, skin, shift)[0]
    assert (ours - own_results["own_vertices"][case]).norm(dim=-1).max() < 1e-5


def test_identity_is_the_t_pose(anny):
    body = posed(anny)
    assert torch.allclose(joint(body, "pelvis"), torch.zeros(3), atol=1e-6)
    for side, sign in (("left", 1), ("right", -1)):
        names = ("shoulder", "elbow", "wrist", "middle1")
        shoulder, elbow, wrist, knuckle = (joint(body, f"{side}_{name}") for name in names)
        for start, end in ((shoulder, elbow), (elbow, wrist), (wrist, knuckle)):
            direction = torch.nn.functional.normalize(end - start, dim=0)
            assert direction[0] * sign > 0.9995
        assert joint(body, f"{side}_index1")[2] > joint(body, f"{side}_pinky1")[2]
        hip, ankle = joint(body, f"{side}_hip"), joint(body, f"{side}_ankle")
        assert (hip - ankle)[1] > 0.7
        assert (hip - ankle)[[0, 2]].norm() < 0.01
    assert joint(body, "left_eye_smplhf")[2] > joint(body, "head")[2]


@pytest.mark.parametrize("values", [{"gender": 0.0, "height": 0.7}, {"gender": 1.0, "weight": 0.9, "age": 0.95}])
def test_arms_stay_nearly_horizontal_for_other_shapes(anny, values):
    body = posed(anny, rest=anny.rest(anny.shape(**values)))
    arm = torch.nn.functional.normalize(joint(body, "left_wrist") - joint(body, "left_shoulder"), dim=0)
    assert arm[0] > 0.995


def test_signs_of_rotations(anny):
    rest = posed(anny)
    nose = part_vertices(anny, "left_eye")
    nod = posed(anny, {"head": (0.3, 0.0, 0.0)})
    assert (nod.vertices - rest.vertices)[0, nose, 1].mean() < -0.01, "positive x nods down"
    turn = posed(anny, {"head": (0.0, 0.3, 0.0)})
    assert (turn.vertices - rest.vertices)[0, nose, 0].mean() > 0.01, "positive y turns to the subject's left"
    down = posed(anny, {"left_shoulder": (0.0, 0.0, -1.2)})
    assert joint(down, "left_wrist")[1] < joint(rest, "left_wrist")[1] - 0.3
    assert torch.allclose(joint(down, "right_wrist"), joint(rest, "right_wrist"), atol=1e-6)
    bent = posed(anny, {"left_elbow": (0.0, -1.0, 0.0)})
    assert joint(bent, "left_wrist")[2] > joint(rest, "left_wrist")[2] + 0.15, "negative y bends the left arm forward"


def test_shared_joints_accumulate_to_the_whole_rotation(anny):
    rotvec = torch.randn(4, 55, 3, generator=torch.Generator().manual_seed(1)) * 0.7
    local = anny.rig.local_rotations(rotvec, torch.zeros(4, 2, 3))
    rest = anny.rest(anny.mean_shape())
    world, _ = anny.rig.forward(local, rest.offsets, torch.zeros(4, 3))
    whole = roma.rotvec_to_rotmat(rotvec)
    expected = whole[:, 0]
    for name in ("spine1", "spine2", "spine3", "left_collar", "left_shoulder", "left_elbow", "left_wrist"):
        expected = expected @ whole[:, JOINT_INDEX[name]]
    assert torch.allclose(world[:, anny.rig.bone("wrist.L")], expected, atol=1e-5)
    expected = whole[:, 0]
    for name in ("spine1", "spine2", "spine3", "neck", "head"):
        expected = expected @ whole[:, JOINT_INDEX[name]]
    assert torch.allclose(world[:, anny.rig.bone("head")], expected, atol=1e-5)


def test_twist_leaves_a_swing_without_twist():
    rotvec = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    axis = torch.tensor([1.0, 0.0, 0.0])
    swing = roma.rotvec_to_rotmat(rotvec) @ roma.rotvec_to_rotmat(_twist(rotvec, axis)).mT
    assert torch.allclose(roma.rotmat_to_rotvec(swing)[:, 0], torch.zeros(50), atol=1e-5)


def test_global_orientation_turns_about_the_pelvis(anny):
    rotvec = torch.zeros(1, 55, 3)
    rotvec[0, 0] = torch.tensor([0.2, 0.9, -0.3])
    shift = torch.tensor([[0.1, 0.2, -2.0]])
    rest = anny.rest(anny.mean_shape())
    plain, turned = posed(anny, rest=rest), anny.pose(rest, rotvec, shift, torch.zeros(1, 52))
    expected = plain.vertices @ roma.rotvec_to_rotmat(rotvec[0, 0]).mT + shift
    assert torch.allclose(turned.vertices, expected, atol=1e-5)


def test_mirrored_pose_gives_the_mirrored_body(anny):
    pose = 0.3 * torch.randn(1, 55, 3, generator=torch.Generator().manual_seed(2))
    pose[:, [JOINT_INDEX["jaw"], *(i for i, n in enumerate(SMPLX_JOINTS) if "eye" in n)]] = 0
    rest, still = anny.rest(anny.mean_shape()), torch.zeros(1, 52)
    one = anny.pose(rest, pose, torch.zeros(1, 3), still).joints
    names = [n.replace("left_", "x_").replace("right_", "left_").replace("x_", "right_") for n in SMPLX_JOINTS]
    partner = [JOINT_INDEX[name] for name in names]
    in_mirror = pose[:, partner] * torch.tensor([1.0, -1.0, -1.0])
    other = anny.pose(rest, in_mirror, torch.zeros(1, 3), still).joints
    mirrored = other[:, partner] * torch.tensor([-1.0, 1.0, 1.0])
    assert (one - mirrored).norm(dim=-1).max() < 2e-3


def test_landmarks_of_each_lip_stay_on_it(anny):
    shut, wide = (anny.face_landmarks(posed(anny, actions={"jawOpen": jaw}).vertices)[0, :, 1] for jaw in (0.0, 1.0))
    assert (shut - wide)[list(LOWER_INNER_LIP)].min() > LOWER_LIP_DROP_M
    assert (shut - wide)[list(UPPER_INNER_LIP)].max() < LOWER_LIP_DROP_M


def test_jaw_takes_lower_teeth_tongue_and_lip_along(anny):
    rest, wide = posed(anny), posed(anny, actions={"jawOpen": 1.0})
    drop = (rest.vertices - wide.vertices)[0, :, 1]
    teeth = part_vertices(anny, "teeth")
    lower = teeth[drop[teeth] > 0.005]
    upper = teeth[drop[teeth] < 0.001]
    assert len(lower) == len(upper) == len(teeth) // 2
    assert drop[lower].mean() > 0.015
    landmarks = anny.face_landmarks(wide.vertices)[0]
    assert landmarks[13, 1] - landmarks[14, 1] > 0.02
    closed = anny.face_landmarks(rest.vertices)[0]
    assert abs(closed[13, 1] - closed[14, 1]) < 0.002
    bone = posed(anny, {"jaw": (JAW_OPEN_RAD, 0.0, 0.0)})
    assert torch.allclose(bone.vertices, wide.vertices, atol=1e-5)


def test_blink_closes_the_named_eye_only(anny):
    gaps = {}
    for side in ("Left", "Right"):
        points = anny.face_landmarks(posed(anny, actions={f"eyeBlink{side}": 1.0}).vertices)[0]
        gaps[side] = {"Right": points[159, 1] - points[145, 1], "Left": points[386, 1] - points[374, 1]}
    for side, other in (("Left", "Right"), ("Right", "Left")):
        assert gaps[side][side] < 0.35 * gaps[side][other]


@pytest.mark.parametrize(
    ("channel", "eye", "axis", "sign"),
    [
        ("eyeLookOutLeft", 473, 0, 1), ("eyeLookInLeft", 473, 0, -1),
        ("eyeLookOutRight", 468, 0, -1), ("eyeLookInRight", 468, 0, 1),
        ("eyeLookUpLeft", 473, 1, 1), ("eyeLookDownRight", 468, 1, -1),
    ],
)  # fmt: skip
def test_eyes_turn_rigidly(anny, channel, eye, axis, sign):
    rest, looking = posed(anny), posed(anny, actions={channel: 1.0})
    moved = anny.face_landmarks(looking.vertices)[0, eye] - anny.face_landmarks(rest.vertices)[0, eye]
    assert moved[axis] * sign > 0.003
    name = "left" if channel.endswith("Left") else "right"
    centre = joint(rest, f"{name}_eye_smplhf")
    ball = part_vertices(anny, f"{name}_eye")
    radius = (rest.vertices[0, ball] - centre).norm(dim=-1)
    assert torch.allclose((looking.vertices[0, ball] - centre).norm(dim=-1), radius, atol=2e-4)


@pytest.mark.parametrize("name", [n for n in ARKIT_EXPRESSIONS if n.endswith("Left") and "Look" not in n])
def test_left_channels_move_the_subjects_left(anny, name):
    moved = (posed(anny, actions={name: 1.0}).vertices - posed(anny).vertices)[0].norm(dim=-1)
    side = anny.template[:, 0]
    if name in ("jawLeft", "mouthLeft"):
        shifted = (posed(anny, actions={name: 1.0}).vertices - posed(anny).vertices)[0, :, 0]
        assert shifted.sum() > 0
    else:
        assert moved[side > 0.005].sum() > 2 * moved[side < -0.005].sum()


def test_every_face_has_a_part(anny):
    assert anny.face_parts.shape == anny.faces.shape[:1]
    counts = torch.bincount(anny.face_parts, minlength=len(PART_INDEX))
    empty = {name for name, i in PART_INDEX.items() if counts[i] == 0}
    assert empty == {"background", "hair"}
    for left, right in (("left_eye", "right_eye"), ("left_hand", "right_hand"), ("left_arm", "right_arm")):
        assert counts[PART_INDEX[left]] == counts[PART_INDEX[right]]
        assert anny.template[part_vertices(anny, left), 0].min() > 0
    centre = {name: anny.template[part_vertices(anny, name)].mean(0) for name in ("brows", "lips", "left_eye", "neck")}
    assert centre["brows"][1] > centre["left_eye"][1] > centre["lips"][1] > centre["neck"][1]


def test_faces_are_seen_from_outside(anny):
    corners = anny.template[anny.faces[anny.face_parts == PART_INDEX["body"]]]
    volume = (corners[:, 0] * torch.linalg.cross(corners[:, 1], corners[:, 2])).sum() / 6
    assert volume > 0


def test_landmarks_are_symmetric_and_mostly_usable(anny):
    points, weight = anny.face_landmarks(anny.template[None])[0], anny.face_landmark_weight
    assert (weight > 0).sum() > 440
    assert torch.isfinite(points).all()
    assert ((weight >= 0) & (weight <= 1)).all()
    for one, other in ((33, 263), (133, 362), (61, 291), (70, 300), (159, 386), (145, 374), (468, 473), (78, 308)):
        assert (points[one] * torch.tensor([-1.0, 1.0, 1.0]) - points[other]).norm() < 1e-3
    assert points[[1, 152, 10], 0].abs().max() < 1e-3
    assert points[1, 2] > points[[33, 263, 152], 2].max(), "the tip of the nose is in front"


def test_gradients_are_finite_at_the_rest_pose(anny):
    shape = anny.mean_shape().requires_grad_()
    joint_rotvec, expression = torch.zeros(2, 55, 3, requires_grad=True), torch.zeros(2, 52, requires_grad=True)
    translation = torch.zeros(2, 3, requires_grad=True)
    body = anny.pose(anny.rest(shape), joint_rotvec, translation, expression)
    (anny.face_landmarks(body.vertices).square().sum() + body.joints.square().sum()).backward()
    for tensor in (shape, joint_rotvec, translation, expression):
        assert tensor.grad is not None
        assert torch.isfinite(tensor.grad).all()
    assert shape.grad is not None
    still = [anny.shape_names[i] for i in (shape.grad == 0).nonzero()[:, 0]]
    assert not still, f"the shape does not depend on {still}"


def test_gradient_of_a_pose_equals_its_difference_quotient(anny):
    small = anny.with_vertices(torch.arange(0, len(anny.template), 500))
    rest = small.rest(anny.mean_shape())
    start = 0.2 * torch.randn(1, 55, 3, generator=torch.Generator().manual_seed(0))
    step = torch.randn(1, 55, 3, generator=torch.Generator().manual_seed(1))

    def total(amount):
        body = small.pose(rest, start + amount * step, torch.zeros(1, 3), torch.full((1, 52), 0.2))
        return (body.vertices * torch.tensor([1.0, 2.0, 3.0])).mean()

    amount = torch.zeros((), requires_grad=True)
    (slope,) = torch.autograd.grad(total(amount), amount)
    with torch.inference_mode():
        quotient = (total(torch.tensor(1e-2)) - total(torch.tensor(-1e-2))) / 2e-2
    assert torch.allclose(slope, quotient, rtol=1e-2)


def test_reduced_body_is_the_same_body(anny):
    kept = torch.cat((anny.landmarks.vertices.flatten(), torch.arange(0, len(anny.template), 50)))
    small = anny.with_vertices(kept)
    pose, expression = 0.2 * torch.randn(2, 55, 3), torch.rand(2, 52)
    shape = anny.shape(gender=0.2, nose_hump_incr=0.5)
    whole = anny.pose(anny.rest(shape), pose, torch.zeros(2, 3), expression)
    part = small.pose(small.rest(shape), pose, torch.zeros(2, 3), expression)
    assert torch.allclose(part.vertices, whole.vertices[:, kept.unique()], atol=1e-5)
    assert torch.allclose(part.joints, whole.joints, atol=1e-6)
    assert torch.allclose(small.face_landmarks(part.vertices), anny.face_landmarks(whole.vertices), atol=1e-5)
    assert torch.equal(small.face_landmark_weight, anny.face_landmark_weight)


def test_average_adult_is_of_average_height(anny):
    body = posed(anny).vertices[0]
    assert 1.62 < (body[:, 1].max() - body[:, 1].min()) < 1.78


def test_errors(anny):
    with pytest.raises(ValueError, match=re.escape(f"shape must have {len(anny.shape_names)} entries")):
        anny.rest(torch.zeros(3))
    with pytest.raises(ValueError, match=r"must be one of shape_names\. Got wings"):
        anny.shape(wings=1.0)


@pytest.mark.parametrize("kept", [0, 100, 1 << 20])
def test_damaged_packed_file_says_what_to_do(anny, tmp_path, kept):
    path = tmp_path / "anny.safetensors"
    with packed_path().open("rb") as whole:
        path.write_bytes(whole.read(kept))
    with pytest.raises(InputError, match=r"anny\.safetensors is damaged .*Delete this file: it is built again"):
        read_packed(path)
