"""`fitter`: a known body is found again from its landmarks; real photos are met; bad input is refused."""

import math
from dataclasses import replace

import pytest
import torch

from vlogger_core.body.anny_model import AnnyBody, load_anny
from vlogger_core.body.fit_joints3d import Joints3d
from vlogger_core.body.fit_priors import PosePrior, expression_cost, expression_sigma
from vlogger_core.body.fit_start import arm_guesses, start
from vlogger_core.body.fit_targets import FitBody, FitTargets, fingertips
from vlogger_core.body.fitter import MATTE_STEPS, FitSteps, fit_photo
from vlogger_core.body.landmarks import BODY_POINTS, PhotoLandmarks, no_points
from vlogger_core.data.random_bodies import random_body
from vlogger_core.datatypes import BodyFit, Camera
from vlogger_core.errors import InputError
from vlogger_core.image import load_image
from vlogger_core.names import EXPRESSION_INDEX, JOINT_INDEX, PART_INDEX, SMPLX_JOINTS
from vlogger_core.render.camera import project
from vlogger_core.rotation import compose_rotvec, rotvec_to_rotmat

SIZE = 256
FEW = FitSteps(head=4, trunk=4, arms=3, all=3)


@pytest.fixture(scope="module")
def anny() -> AnnyBody:
    return load_anny()


def _known(anny: AnnyBody) -> tuple[dict, PhotoLandmarks]:
    """A body whose every part differs from where a fit begins, and what a detector would see of it."""
    camera = Camera(fov_deg=42.0, width=SIZE, height=SIZE)
    pose = PosePrior.build().mean.clone()
    for joint, degrees in {
        "pelvis": (0, 12, 0),
        "neck": (5, 6, 0),
        "head": (4, 8, 5),
        "left_elbow": (0, -80, 0),
        "right_shoulder": (0, 20, 55),
    }.items():
        pose[JOINT_INDEX[joint]] = torch.tensor(degrees).deg2rad()
    expression = torch.zeros(52)
    for name, value in {"jawOpen": 0.3, "mouthSmileLeft": 0.5, "mouthSmileRight": 0.5}.items():
        expression[EXPRESSION_INDEX[name]] = value
    truth = {
        "shape": anny.shape(nose_hump_incr=0.3, head_fat_incr=0.3, gender=0.3),
        "joint_rotvec": pose,
        "translation": torch.tensor([0.02, -0.42, -1.5]),
        "expression": expression,
        "camera": camera,
    }
    face, joints, hands = _seen(anny, **truth)
    body = no_points(len(BODY_POINTS))
    for i, name in enumerate(BODY_POINTS):
        if name in JOINT_INDEX:
            body[i] = torch.cat((joints[JOINT_INDEX[name]], torch.ones(1)))
    inside = (body[:, :2] > 0).all(1) & (body[:, :2] < SIZE).all(1)
    body[~inside, 2] = 0
    landmarks = PhotoLandmarks(
        width=SIZE,
        height=SIZE,
        face=torch.cat((face, torch.ones(478, 1)), 1),
        body=body,
        left_hand=torch.cat((hands[0], torch.ones(21, 1)), 1),
        right_hand=no_points(21),
        source="test",
    )
    return truth, landmarks


def _seen(anny: AnnyBody, *, shape, joint_rotvec, translation, expression, camera):
    """Pixels of face points, joints and hands."""
    posed = anny.pose(anny.rest(shape), joint_rotvec[None], translation[None], expression[None])
    whole = FitBody(model=anny, tips=fingertips(anny))
    hands = [project(whole.hand(posed, side)[0], camera)[0] for side in ("left", "right")]
    return project(anny.face_landmarks(posed.vertices)[0], camera)[0], project(posed.joints[0], camera)[0], hands


def _image() -> torch.Tensor:
    return torch.rand(3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))


def _fit(anny: AnnyBody, landmarks: PhotoLandmarks, **options) -> BodyFit:
    return fit_photo(_image(), model=anny, landmarks=landmarks, mask=torch.ones(SIZE, SIZE), **options)


def _world_rotation(pose: torch.Tensor, *chain: str) -> torch.Tensor:
    rotation = torch.eye(3)
    for joint in chain:
        rotation = rotation @ rotvec_to_rotmat(pose[JOINT_INDEX[joint]])
    return rotation


@pytest.mark.slow
def test_known_body_is_found_again(anny):
    truth, landmarks = _known(anny)
    fit = _fit(anny, landmarks)
    face, joints, _ = _seen(
        anny,
        shape=fit.shape,
        joint_rotvec=fit.joint_rotvec,
        translation=fit.translation,
        expression=fit.expression,
        camera=fit.camera,
    )
    error = (face - landmarks.face[:, :2]).norm(dim=1)[anny.face_landmark_weight > 0]
    assert error.median() < 0.3
    assert error.quantile(0.95) < 0.8
    seen = landmarks.body[:, 2] > 0
    for i, name in enumerate(BODY_POINTS):
        if seen[i] and name.endswith(("shoulder", "elbow", "wrist")):
            assert (joints[JOINT_INDEX[name]] - landmarks.body[i, :2]).norm() < 0.02 * math.hypot(SIZE, SIZE), name
    chain = ("pelvis", "spine1", "spine2", "spine3", "neck", "head")
    difference = _world_rotation(fit.joint_rotvec, *chain).mT @ _world_rotation(truth["joint_rotvec"], *chain)
    assert math.degrees(math.acos(min(1.0, (difference.trace().item() - 1) / 2))) < 2
    jaw = EXPRESSION_INDEX["jawOpen"]
    assert abs(fit.expression[jaw] - truth["expression"][jaw]) < 0.05
    smile = [EXPRESSION_INDEX["mouthSmileLeft"], EXPRESSION_INDEX["mouthSmileRight"]]
    assert (fit.expression[smile] - 0.5).abs().max() < 0.25
    assert fit.confidence["face"] > 0.9
    assert fit.confidence["left_hand"] > 0.8
    assert fit.confidence["right_hand"] == 0


def test_result_is_a_complete_deterministic_fit_on_the_cpu(anny):
    _, landmarks = _known(anny)
    seen: list[tuple[int, int]] = []
    threads = torch.get_num_threads()
    fit = _fit(anny, landmarks, steps=FEW, progress=lambda done, total: seen.append((done, total)))
    assert torch.get_num_threads() == threads
    assert seen == sorted(seen)
    assert len(seen) >= FEW.arms
    assert seen[-1] == (FEW.total, FEW.total)
    assert fit.model.template.device == fit.shape.device == torch.device("cpu")
    assert fit.shape.shape == (len(anny.shape_names),)
    assert fit.joint_rotvec.shape == (len(SMPLX_JOINTS), 3)
    assert not fit.shape.requires_grad
    assert ((fit.expression >= 0) & (fit.expression <= 1)).all()
    assert set(fit.confidence) == {"face", "torso", "left_hand", "right_hand"}
    again = _fit(anny, landmarks, steps=FEW)
    for name in ("shape", "joint_rotvec", "translation", "expression"):
        assert torch.equal(getattr(fit, name), getattr(again, name)), name


def test_works_in_inference_mode(anny):
    _, landmarks = _known(anny)
    with torch.inference_mode():
        fit = _fit(anny, landmarks, steps=FEW)
    assert torch.equal(fit.shape, _fit(anny, landmarks, steps=FEW).shape)


def test_few_and_missing_points_stay_finite(anny):
    _, landmarks = _known(anny)
    face = landmarks.face.clone()
    face[torch.arange(478) % 8 != 0, 2] = 0
    face[face[:, 2] == 0, :2] = -1e4
    few = PhotoLandmarks(
        width=SIZE,
        height=SIZE,
        face=face,
        body=no_points(17),
        left_hand=no_points(21),
        right_hand=no_points(21),
        source="test",
    )
    # The eye distance is measured between corners; give it those.
    few.face[[33, 133, 263, 362]] = landmarks.face[[33, 133, 263, 362]]
    fit = _fit(anny, few, steps=FEW)
    for name in ("shape", "joint_rotvec", "translation", "expression"):
        assert torch.isfinite(getattr(fit, name)).all(), name
    assert fit.confidence["torso"] == 0


def test_no_face_wrong_size_and_cancel(anny):
    _, landmarks = _known(anny)
    unseen = PhotoLandmarks(**{**vars(landmarks), "face": no_points(478)})
    with pytest.raises(InputError, match="Too few face points"):
        _fit(anny, unseen, steps=FEW)
    lying = PhotoLandmarks(**{**vars(landmarks), "face": landmarks.face[:, [1, 0, 2]]})
    with pytest.raises(InputError, match=r"tilted by \d+ degrees\. Turn the photo upright"):
        _fit(anny, lying, steps=FEW)
    with pytest.raises(ValueError, match=r"landmarks must be those of the image, 256 x 256\. Got 100 x 50"):
        _fit(anny, landmarks.resized(100, 50), steps=FEW)
    with pytest.raises(ValueError, match="mask must be as large as the image"):
        fit_photo(_image(), model=anny, landmarks=landmarks, mask=torch.ones(2, 2), steps=FEW)

    def cancel(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _fit(anny, landmarks, steps=FEW, progress=cancel)


def test_matte_and_detection_count_in_the_progress(anny):
    _, landmarks = _known(anny)
    seen: list[tuple[int, int]] = []
    fit_photo(
        _image(),
        model=anny,
        landmarks=landmarks,
        steps=FEW,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == sorted(seen)
    assert {total for _, total in seen} == {FEW.total + MATTE_STEPS}
    assert seen[-1][0] == seen[-1][1]


def test_known_field_of_view_is_kept(anny):
    _, landmarks = _known(anny)
    assert _fit(anny, landmarks, steps=FEW, fov_deg=65.0).camera.fov_deg == pytest.approx(65, abs=1.5)


def test_start_places_the_head(anny):
    truth, landmarks = _known(anny)
    body = FitBody.build(anny)
    targets = FitTargets.build(landmarks, anny.face_landmark_weight)
    state = start(body, targets, SIZE, SIZE, 42.0, anny.mean_shape())
    posed = anny.pose(
        anny.rest(truth["shape"]), truth["joint_rotvec"][None], truth["translation"][None], truth["expression"][None]
    )
    assert (state.head[0] - posed.joints[0, JOINT_INDEX["head"]]).norm() < 0.12
    yaw = _world_rotation(state.joint_rotvec[0], "neck", "head")[0, 2]
    assert math.degrees(math.asin(yaw)) == pytest.approx(26, abs=8)


def test_arm_guesses_are_mirror_images(anny):
    _, landmarks = _known(anny)
    body = FitBody.build(anny)
    targets = FitTargets.build(landmarks, anny.face_landmark_weight)
    guesses = arm_guesses(start(body, targets, SIZE, SIZE, 42.0, anny.mean_shape())).joint_rotvec
    left, right = (guesses[:, [JOINT_INDEX[f"{s}_shoulder"], JOINT_INDEX[f"{s}_elbow"]]] for s in ("left", "right"))
    torch.testing.assert_close(left * torch.tensor([1.0, -1, -1]), right)
    assert len(guesses.flatten(1).unique(dim=0)) == len(guesses)


def test_fingertips_are_tips(anny):
    tips = fingertips(anny)
    assert len(tips.unique()) == 10
    for row, part in zip(tips, ("left_hand", "right_hand")):
        of_hand = anny.faces[anny.face_parts == PART_INDEX[part]].unique()
        assert torch.isin(row, of_hand).all()


def test_reduced_body_gives_the_same_points(anny):
    whole, reduced = FitBody(model=anny, tips=fingertips(anny)), FitBody.build(anny)
    assert len(reduced.model.template) < len(anny.template) / 5
    pose, zero = PosePrior.build().mean[None], torch.zeros(1, 3)
    points = []
    for body in (whole, reduced):
        posed = body.model.pose(body.model.rest(anny.mean_shape()), pose, zero, torch.full((1, 52), 0.1))
        points.append(torch.cat((body.face(posed), body.body(posed), body.hand(posed, "left")), 1))
    torch.testing.assert_close(*points, atol=1e-5, rtol=0)


def test_priors():
    prior = PosePrior.build()
    cost = prior.cost(prior.mean[None])
    torch.testing.assert_close(cost, torch.zeros_like(cost))
    assert (prior.low <= prior.mean).all()
    assert (prior.mean <= prior.high).all()
    bent = prior.mean.clone()
    bent[JOINT_INDEX["left_elbow"], 1] = 0.6
    assert prior.cost(bent[None])[0, JOINT_INDEX["left_elbow"]] > 50
    for side in ("left", "right"):
        # A bent forearm may be turned palm up.
        palm_up = prior.mean.clone()
        mirror = 1.0 if side == "left" else -1.0
        bend, twist = torch.tensor([[0.0, mirror * -1.8, 0.0], [-1.0, 0.0, 0.0]])
        palm_up[JOINT_INDEX[f"{side}_elbow"]] = compose_rotvec(bend, twist)
        assert prior.cost(palm_up[None])[0, JOINT_INDEX[f"{side}_elbow"]] < 20
    expression = torch.zeros(1, 52, requires_grad=True)
    expression_cost(expression, expression_sigma()).sum().backward()
    assert expression.grad is not None
    assert torch.isfinite(expression.grad).all()


@pytest.mark.slow
def test_a_smile_stays_out_of_the_shape(anny):
    """The same person with a neutral face, and with a wide open smile."""
    known = random_body(anny, 7)
    shapes, faces = [], []
    for values in ({}, {"mouthSmileLeft": 0.6, "mouthSmileRight": 0.6, "jawOpen": 0.3, "eyeBlinkLeft": 0.9}):
        expression = torch.zeros(52)
        for channel, value in values.items():
            expression[EXPRESSION_INDEX[channel]] = value
        seen = replace(known, expression=expression).points().face
        landmarks = replace(known.landmarks, face=torch.cat((seen, torch.ones(478, 1)), 1))
        image, mask = torch.rand(3, 512, 512), torch.ones(512, 512)
        fit = fit_photo(image, model=anny, landmarks=landmarks, mask=mask)
        for channel, value in values.items():
            assert abs(fit.expression[EXPRESSION_INDEX[channel]] - value) < 0.25, channel
        shapes.append(fit.shape)
        faces.append(anny.face_landmarks(anny.rest(fit.shape).vertices[None])[0])
    moved_m = (faces[0] - faces[1] - (faces[0] - faces[1]).mean(0)).norm(dim=1)
    assert moved_m[anny.face_landmark_weight > 0].median() < 0.002
    assert (shapes[0] - shapes[1]).abs().max() < 0.25


@pytest.mark.slow
def test_known_directions_turn_an_arm_that_is_not_seen(anny):
    truth, landmarks = _known(anny)
    body = landmarks.body.clone()
    body[[BODY_POINTS.index("left_elbow"), BODY_POINTS.index("left_wrist")], 2] = 0
    unseen = replace(landmarks, body=body, left_hand=no_points(21))
    posed = anny.pose(
        anny.rest(truth["shape"]), truth["joint_rotvec"][None], truth["translation"][None], truth["expression"][None]
    )
    names = ("left_shoulder", "left_elbow", "left_wrist")
    positions = posed.joints[0, [JOINT_INDEX[name] for name in names]]
    fit = _fit(anny, unseen, joints3d=Joints3d(names=names, positions=1.1 * positions, confidence=torch.ones(3)))
    found = anny.pose(anny.rest(fit.shape), fit.joint_rotvec[None], fit.translation[None], fit.expression[None])
    for near, far in ((0, 1), (1, 2)):
        bones = [p[far] - p[near] for p in (positions, found.joints[0, [JOINT_INDEX[name] for name in names]])]
        assert torch.cosine_similarity(*bones, dim=0) > 0.99


@pytest.mark.slow
@pytest.mark.parametrize("name", ["p01_astronaut_woman_512.png", "p05_flux_woman_openpalms_1024.png"])
def test_real_photos_are_met(anny, samples, name):
    pytest.importorskip("mediapipe", reason="mediapipe is not installed")
    from vlogger_core.body.landmarks import detect_landmarks

    image = load_image(samples / "portraits" / name)
    landmarks = detect_landmarks(image, source="mediapipe")
    face = landmarks.face.clone()
    held_out = torch.arange(478) % 3 == 0
    face[held_out, 2] = 0
    shown = PhotoLandmarks(**{**vars(landmarks), "face": face})
    fit = fit_photo(image, model=anny, landmarks=shown, mask=torch.ones(image.shape[1:]))
    posed = anny.pose(anny.rest(fit.shape), fit.joint_rotvec[None], fit.translation[None], fit.expression[None])
    pixels = project(anny.face_landmarks(posed.vertices)[0], fit.camera)[0]
    error = (pixels - landmarks.face[:, :2]).norm(dim=1)[held_out & (anny.face_landmark_weight > 0)]
    assert error.median() < 0.035 * landmarks.eye_distance
    assert error.quantile(0.95) < 0.09 * landmarks.eye_distance
    for side in ("left", "right"):
        pixel = project(posed.joints[0, JOINT_INDEX[f"{side}_shoulder"]], fit.camera)[0]
        error = (pixel - landmarks.point(f"{side}_shoulder")[:2]).norm()
        assert error < 0.02 * math.hypot(*image.shape[1:])
