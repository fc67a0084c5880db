import pytest
import torch
from synthetic_smplx import write_synthetic

from vlogger_core.body.anny_model import AnnyBody, load_anny
from vlogger_core.body.people import FACE_68_TO_MEDIAPIPE
from vlogger_core.body.smplx_file import read_smplx
from vlogger_core.body.smplx_model import SmplxBody
from vlogger_core.body.vertex_points import FINGERS, VERTEX_POINTS, VertexPoints
from vlogger_core.body.wholebody import WHOLEBODY_133, WholeBody, face_68, face_68_weight
from vlogger_core.names import JOINT_INDEX, PART_INDEX

from ..render.bodies import BallBody


@pytest.fixture(scope="module")
def anny() -> AnnyBody:
    return load_anny()


@pytest.fixture(scope="module")
def whole(anny) -> WholeBody:
    return WholeBody.build(anny)


def posed(anny, expression: float = 0.0, frames: int = 1, seed: int | None = None):
    pose = torch.zeros(frames, 55, 3)
    if seed is not None:
        pose = 0.2 * torch.randn(frames, 55, 3, generator=torch.Generator().manual_seed(seed))
    return anny.pose(anny.rest(anny.mean_shape()), pose, torch.zeros(frames, 3), torch.full((frames, 52), expression))


def mirrored(name: str) -> str:
    """The published counterpart on the other side; face points pair up by their picture positions."""
    if name.startswith("left_"):
        return name.replace("left_", "right_")
    if name.startswith("right_"):
        return name.replace("right_", "left_")
    if not name.startswith("face-"):
        return name
    pairs = {**{i: 16 - i for i in range(17)}, **{i: 43 - i for i in range(17, 27)}, **{i: i for i in range(27, 31)}}
    pairs |= {i: 66 - i for i in range(31, 36)} | {36: 45, 37: 44, 38: 43, 39: 42, 40: 47, 41: 46}
    pairs |= {v: k for k, v in pairs.items() if 36 <= k <= 41} | {i: 102 - i for i in range(48, 55)}
    pairs |= {i: 114 - i for i in range(55, 60)} | {i: 124 - i for i in range(60, 65)}
    pairs |= {i: 132 - i for i in range(65, 68)}
    return f"face-{pairs[int(name.removeprefix('face-'))]}"


def test_names_are_the_published_ones():
    assert len(WHOLEBODY_133) == len(set(WHOLEBODY_133)) == 133
    known = {0: "nose", 3: "left_ear", 9: "left_wrist", 16: "right_ankle", 17: "left_big_toe", 22: "right_heel"}
    known |= {23: "face-0", 90: "face-67", 91: "left_hand_root", 92: "left_thumb1", 96: "left_forefinger1"}
    known |= {111: "left_pinky_finger4", 112: "right_hand_root", 132: "right_pinky_finger4"}
    assert {i: WHOLEBODY_133[i] for i in known} == known
    assert len(FACE_68_TO_MEDIAPIPE) == 68


def test_points_are_finite_and_follow_the_pose(anny, whole):
    body = posed(anny, 0.3, frames=3, seed=0)
    points = whole.points(body)
    assert points.shape == (3, 133, 3)
    assert torch.isfinite(points).all()
    assert ((whole.weight >= 0) & (whole.weight <= 1)).all()
    for name in ("left_wrist", "right_hip", "left_shoulder", "right_knee"):
        assert torch.equal(points[:, WHOLEBODY_133.index(name)], body.joints[:, JOINT_INDEX[name]])
    assert torch.equal(points[:, 91], body.joints[:, JOINT_INDEX["left_wrist"]])
    assert torch.equal(points[:, 23:91], face_68(anny, body.vertices))


def test_only_the_ends_of_the_jaw_line_are_in_doubt(anny, whole):
    doubtful = {WHOLEBODY_133[i] for i in (whole.weight == 0).nonzero()[:, 0].tolist()}
    assert doubtful <= {f"face-{i}" for i in (0, 1, 2, 14, 15, 16)}
    assert torch.equal(whole.weight[23:91], face_68_weight(anny))


def test_sides_mirror_each_other(anny, whole):
    points = whole.points(posed(anny))[0]
    other = points[[WHOLEBODY_133.index(mirrored(name)) for name in WHOLEBODY_133]] * torch.tensor([-1.0, 1.0, 1.0])
    distance = (points - other).norm(dim=1)
    assert distance.max() < 0.003, [WHOLEBODY_133[i] for i in (distance > 0.003).nonzero()[:, 0]]


@pytest.fixture(scope="module")
def smplx_like(tmp_path_factory) -> SmplxBody:
    path = write_synthetic(tmp_path_factory.mktemp("smplx") / "SMPLX_NEUTRAL.npz", num_vertices=6000)
    return SmplxBody.build(read_smplx(path))


def test_an_smplx_body_has_all_points(smplx_like):
    whole = WholeBody.build(smplx_like)
    assert whole.vertices.found.all()
    assert (whole.weight > 0).all()
    assert torch.isfinite(whole.points(posed(smplx_like, seed=1))).all()


@pytest.mark.parametrize("name", ["anny", "smplx_like"])
def test_points_lie_where_their_names_say(name, request):
    model = request.getfixturevalue(name)
    body = posed(model)
    points = WholeBody.build(model).points(body)[0]
    at = dict(zip(WHOLEBODY_133, points))
    lowest = body.vertices[0, :, 1].min()
    for side, sign in (("left", 1.0), ("right", -1.0)):
        assert sign * at[f"{side}_ear"][0] > sign * at[f"{side}_eye"][0] + 0.02
        assert at[f"{side}_ear"][2] < at[f"{side}_eye"][2] - 0.05
        assert abs(at[f"{side}_ear"][1] - at["nose"][1]) < 0.05
        big, small, heel, ankle = (at[f"{side}_{name}"] for name in ("big_toe", "small_toe", "heel", "ankle"))
        assert heel[2] < ankle[2] < small[2] < big[2]
        assert sign * big[0] < sign * small[0]
        assert max(big[1], small[1], heel[1]) < lowest + 0.04
        for finger in ("thumb", "forefinger", "middle_finger", "ring_finger", "pinky_finger"):
            chain = torch.stack([at[f"{side}_hand_root"], *(at[f"{side}_{finger}{i}"] for i in (1, 2, 3, 4))])
            assert ((chain[1:] - chain[:-1])[:, 0] * sign > 0).all(), "fingers lead outwards in the T-pose"
    assert at["nose"][2] > max(at["left_eye"][2], at["right_eye"][2])
    assert at["face-8"][1] < at["face-57"][1] < at["face-51"][1] < at["nose"][1] < at["face-27"][1] < at["face-19"][1]


def test_vertex_points_lie_on_their_parts(anny):
    index = VertexPoints.build(anny)
    assert index.found.all()
    assert len(index.index.unique()) == len(VERTEX_POINTS)
    for side in ("left", "right"):
        for part, names in (("ears", [f"{side}_ear"]), (f"{side}_hand", [f"{side}_{f}_tip" for f in FINGERS])):
            of_part = anny.faces[anny.face_parts == PART_INDEX[part]].unique()
            assert torch.isin(index.of(*names), of_part).all()


def test_gradient_reaches_the_pose(anny, whole):
    pose = torch.zeros(1, 55, 3, requires_grad=True)
    body = anny.pose(anny.rest(anny.mean_shape()), pose, torch.zeros(1, 3), torch.zeros(1, 52))
    whole.points(body).square().sum().backward()
    assert pose.grad is not None
    assert torch.isfinite(pose.grad).all()
    assert (pose.grad.abs().sum((0, 2)) > 0).sum() > 40


def test_a_body_without_limbs_has_weight_0_there():
    ball = BallBody()
    whole = WholeBody.build(ball)
    vertices = ball.rest(ball.mean_shape()).vertices[None]
    assert (whole.weight[23:91] == 0).all()
    assert whole.weight[WHOLEBODY_133.index("left_forefinger4")] == 0
    assert torch.isfinite(face_68(ball, vertices)).all()
