from fractions import Fraction

import pytest
import roma
import torch

from vlogger_core.body.anny_model import load_anny
from vlogger_core.body.expression import compose_expression, motion_expression, pose_at
from vlogger_core.datatypes import BodyFit, Camera, Motion
from vlogger_core.names import EXPRESSION_INDEX, JOINT_INDEX


def face(**values: float) -> torch.Tensor:
    expression = torch.zeros(52)
    for name, value in values.items():
        expression[EXPRESSION_INDEX[name]] = value
    return expression


def value(expression: torch.Tensor, name: str) -> float:
    return float(expression[..., EXPRESSION_INDEX[name]])


def test_neutral_photo_leaves_the_motion_as_it_is():
    motion = torch.rand(6, 52, generator=torch.Generator().manual_seed(0)) * 0.5
    for side in ("Left", "Right"):
        for name in ("eyeLookIn", "eyeLookUp", "eyeWide"):
            motion[:, EXPRESSION_INDEX[name + side]] = 0
    motion[:, EXPRESSION_INDEX["mouthClose"]] = 0.5 * motion[:, EXPRESSION_INDEX["jawOpen"]]
    assert torch.allclose(compose_expression(torch.zeros(52), motion), motion, atol=1e-6)


def test_still_motion_keeps_a_closed_faces_own_look():
    own = face(mouthSmileLeft=0.4, browInnerUp=0.3, noseSneerLeft=0.6, mouthUpperUpLeft=0.5, eyeBlinkLeft=0.2)
    assert torch.allclose(compose_expression(own, torch.zeros(1, 52))[0], own, atol=1e-6)


def test_an_open_mouth_closes_and_the_smile_stays():
    own = face(jawOpen=0.4, mouthLowerDownLeft=0.3, mouthSmileLeft=0.7)
    composed = compose_expression(own, torch.zeros(1, 52))
    assert value(composed, "jawOpen") == 0
    assert value(composed, "mouthLowerDownLeft") == 0
    assert value(composed, "mouthSmileLeft") == pytest.approx(0.7)


def test_lips_never_pass_through_each_other():
    generator = torch.Generator().manual_seed(3)
    for _ in range(20):
        composed = compose_expression(torch.rand(52, generator=generator), torch.rand(4, 52, generator=generator))
        assert (composed[:, EXPRESSION_INDEX["mouthClose"]] <= composed[:, EXPRESSION_INDEX["jawOpen"]]).all()


def test_values_stay_between_0_and_1():
    generator = torch.Generator().manual_seed(1)
    for _ in range(50):
        composed = compose_expression(torch.rand(52, generator=generator), torch.rand(3, 52, generator=generator))
        assert composed.min() >= 0
        assert composed.max() <= 1


def test_blink_closes_half_closed_and_wide_eyes():
    composed = compose_expression(face(eyeBlinkLeft=0.3, eyeWideRight=0.5), face(eyeBlinkLeft=1, eyeBlinkRight=1)[None])
    assert value(composed, "eyeBlinkLeft") == pytest.approx(1)
    assert value(composed, "eyeWideRight") == pytest.approx(0)


def test_gaze_is_relative_to_the_photos():
    composed = compose_expression(face(eyeLookOutLeft=0.3, eyeLookUpRight=0.2), face(eyeLookInLeft=0.5)[None])
    assert value(composed, "eyeLookInLeft") == pytest.approx(0.2)
    assert value(composed, "eyeLookOutLeft") == 0
    assert value(composed, "eyeLookUpRight") == pytest.approx(0.2)


def test_photo_fades_out_of_the_mouth_without_a_jump():
    openings = torch.linspace(0, 0.3, 200)
    jaw = torch.stack([compose_expression(face(jawOpen=float(x)), torch.zeros(1, 52))[0] for x in openings])
    assert jaw[:, EXPRESSION_INDEX["jawOpen"]].diff().abs().max() < 0.01
    assert jaw[-1, EXPRESSION_INDEX["jawOpen"]] == 0


def test_the_inverse_gives_every_expression_that_can_be_reached():
    generator = torch.Generator().manual_seed(2)
    for _ in range(20):
        own = 0.5 * torch.rand(52, generator=generator)
        reached = compose_expression(own, torch.rand(4, 52, generator=generator))
        again = compose_expression(own, motion_expression(own, reached))
        torch.testing.assert_close(again, reached, atol=1e-5, rtol=0)


def test_the_inverse_stays_in_range_and_stops_at_what_the_photo_shows():
    generator = torch.Generator().manual_seed(4)
    own = face(mouthSmileLeft=0.6, browInnerUp=0.3, eyeLookUpLeft=0.5)
    motion = motion_expression(own, torch.rand(8, 52, generator=generator))
    assert motion.min() >= 0
    assert motion.max() <= 1
    relaxed = compose_expression(own, motion_expression(own, face(browInnerUp=0.1, eyeLookDownLeft=0.4)[None]))[0]
    assert value(relaxed, "mouthSmileLeft") == pytest.approx(0.6)
    assert value(relaxed, "browInnerUp") == pytest.approx(0.3)
    assert value(relaxed, "eyeLookDownLeft") == pytest.approx(0.4)
    assert value(relaxed, "eyeLookUpLeft") == 0


def small_fit() -> BodyFit:
    generator = torch.Generator().manual_seed(5)
    return BodyFit(
        model=load_anny(),
        shape=load_anny().mean_shape(),
        joint_rotvec=0.3 * torch.randn(55, 3, generator=generator),
        translation=torch.tensor([0.1, 0.0, -2.0]),
        expression=face(mouthSmileLeft=0.5),
        camera=Camera(fov_deg=40.0, width=4, height=4),
        image=torch.zeros(3, 4, 4),
        mask=torch.zeros(4, 4),
    )


def small_motion() -> Motion:
    generator = torch.Generator().manual_seed(6)
    return Motion(
        fps=Fraction(24),
        expression=torch.rand(5, 52, generator=generator),
        joint_names=("head", "neck"),
        joint_rotvec=0.2 * torch.randn(5, 2, 3, generator=generator),
        translation=0.01 * torch.randn(5, 3, generator=generator),
    )


def test_residuals_come_after_the_reference_rotation():
    fit, motion = small_fit(), small_motion()
    joint_rotvec, translation, expression = pose_at(fit, motion, 1, 4)
    assert joint_rotvec.shape == (3, 55, 3)
    assert expression.shape == (3, 52)
    head = JOINT_INDEX["head"]
    expected = roma.rotvec_to_rotmat(fit.joint_rotvec[head]) @ roma.rotvec_to_rotmat(motion.joint_rotvec[1:4, 0])
    assert torch.allclose(roma.rotvec_to_rotmat(joint_rotvec[:, head]), expected, atol=1e-5)
    still = JOINT_INDEX["left_elbow"]
    assert torch.equal(joint_rotvec[:, still], fit.joint_rotvec[still].expand(3, 3))
    assert torch.allclose(translation, fit.translation + motion.translation[1:4])


def test_frames_outside_the_motion_are_refused():
    with pytest.raises(ValueError, match=r"start and stop must lie in 0 to 5, in order\. Got 3 and 9"):
        pose_at(small_fit(), small_motion(), 3, 9)
