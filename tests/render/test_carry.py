import pytest
import torch
from torch import Tensor

from vlogger_core.render.carry import carry, compose, open_carrier
from vlogger_core.render.confidence import confidence
from vlogger_core.render.maps import ControlMaps
from vlogger_core.render.posed import pose_frame, reference_frame
from vlogger_core.render.scene import open_scene

from .bodies import arm_fit, ball_fit, head_motion, shoulder_motion


def psnr(a: Tensor, b: Tensor) -> float:
    return float(-10 * ((a - b) ** 2).mean().clamp(min=1e-14).log10())


@pytest.mark.parametrize("fit", [ball_fit(), arm_fit()], ids=["ball", "arm"])
def test_at_the_photos_own_pose_the_layers_are_the_photo(fit) -> None:
    scene = open_scene(fit, head_motion([[0.0, 0.0, 0.0]]))
    carrier = open_carrier(scene)
    frame = compose(carrier, carry(carrier, reference_frame(scene)))
    assert psnr(frame, fit.image) > 80


def test_a_raised_arm_leaves_no_copy_and_no_hole() -> None:
    """The arm is blue, the trunk red, the wall green: where the arm was there is none left, and the trunk is whole."""
    fit = arm_fit()
    scene = open_scene(fit, shoulder_motion(1.0))
    carrier = open_carrier(scene)
    assert carrier.limbs is not None
    posed = pose_frame(scene, shoulder_motion(1.0), 0)
    frame = compose(carrier, carry(carrier, posed))
    is_arm = posed.shows(carrier.limbs.is_own)
    blue = frame[2] > 0.5
    assert blue[is_arm].float().mean() > 0.9
    was_arm = reference_frame(scene).shows(carrier.limbs.is_own)
    around = torch.nn.functional.max_pool2d(is_arm[None].float(), 9, 1, 4)[0] > 0
    assert was_arm[~around].sum() > 100
    assert blue[was_arm & ~around].float().mean() < 0.02
    trunk = posed.shows(~carrier.limbs.is_own) & ~around & was_arm
    assert (frame[0, trunk] > 0.5).float().mean() > 0.9


def test_few_arms_stay_with_the_body() -> None:
    assert open_carrier(open_scene(ball_fit(), head_motion([[0.0, 0.0, 0.0]]))).limbs is None


def test_confidence_tells_what_the_photo_showed() -> None:
    fit = ball_fit(128, 128)
    motion = head_motion([[0.0, 0.0, 0.0], [0.0, 0.8, 0.0]])
    scene = open_scene(fit, motion)
    carrier = open_carrier(scene)
    still, turned = (confidence(carrier, carry(carrier, pose_frame(scene, motion, t))) for t in (0, 1))
    assert ((turned >= 0) & (turned <= 1)).all()
    assert still[64, 50] > 0.999
    away = torch.nn.functional.max_pool2d((fit.mask > 0)[None].float(), 9, 1, 4)[0] == 0
    assert (still[away] > 0.999).all()
    mouth = pose_frame(scene, motion, 0).shows(carrier.is_inner)
    assert mouth.sum() > 10
    assert (still[mouth] == 0).all()
    # Turned to its left, the ball shows on the picture's left what the photo did not.
    column = int(pose_frame(scene, motion, 1).raster.covered[64].nonzero()[0, 0]) + 2
    assert turned[64, column] == 0
    assert still[64, column] > 0.4


def test_the_mouth_is_never_taken_from_the_photo() -> None:
    maps = ControlMaps(ball_fit(), head_motion([[0.0, 0.0, 0.0]], jaw_open=0.5))
    frames = maps.frames(0, 1, ("warp", "warp_flow"))
    assert frames.warp_flow is not None
    assert frames.warp_valid is not None
    assert frames.warp_flow_confidence is not None
    mouth = maps.posed(0).shows(open_carrier(maps.scene).is_inner)
    assert mouth.sum() > 10
    assert (frames.warp_flow[0, :, mouth] == 0).all()
    assert not frames.warp_valid[0, mouth].any()
    assert (frames.warp_flow_confidence[0, mouth] == 0).all()


def test_the_same_inputs_give_the_same_bytes() -> None:
    fit, motion = arm_fit(), shoulder_motion(0.7)
    first, second = (ControlMaps(fit, motion).frames(0, 1, ("warp", "warp_flow")) for _ in range(2))
    for name in ("warp", "warp_flow", "warp_flow_confidence"):
        assert torch.equal(getattr(first, name), getattr(second, name))
