from dataclasses import replace

import torch

from tests.edit.edited_ball import ball_clip, closed
from tests.render.bodies import arm_fit, shoulder_motion
from vlogger_core.edit.recarry import open_recarrier, with_shut_lids
from vlogger_core.names import EXPRESSION_INDEX
from vlogger_core.render.preview import render_preview
from vlogger_core.render.stage import open_stage

SIZE = (48, 40)


def test_a_pose_that_does_not_change_gives_the_frame_back():
    fit, motion, frames = ball_clip(4)
    recarrier = open_recarrier(open_stage(fit, motion, SIZE), motion)
    for t in (0, 3):
        recarried = recarrier.carry(t, frames[t])
        torch.testing.assert_close(recarried.picture, frames[t], atol=2e-3, rtol=0)


def test_a_frame_is_carried_with_its_own_light():
    fit, motion, frames = ball_clip(2)
    stage = open_stage(fit, closed(motion), SIZE)
    dark = 0.5 * frames[1]
    own = open_recarrier(stage, motion).carry(1, dark).picture
    reference = open_recarrier(stage, None).carry(1, dark).picture
    *_, wanted = render_preview(fit, closed(motion))
    torch.testing.assert_close(reference, wanted)
    assert (own - 0.5 * wanted).abs().mean() < 0.3 * (reference - 0.5 * wanted).abs().mean()


def test_only_what_moves_is_carried():
    fit, motion, frames = ball_clip(2)
    picture = open_recarrier(open_stage(fit, closed(motion), SIZE), motion).carry(1, frames[1]).picture
    change = (picture - frames[1]).abs().amax(0)
    assert change[:16].max() < 0.03  # Noise, sampled between its pixels.
    assert change[24:40, 12:28].max() > 0.1


def test_arms_are_a_layer_of_their_own_where_they_move():
    fit = arm_fit(64)
    raised, hanging = shoulder_motion(0.6), shoulder_motion(0.0)
    stage = open_stage(fit, raised, (64, 64))
    assert open_recarrier(stage, hanging).arms_move
    assert not open_recarrier(stage, raised).arms_move
    unnamed = replace(hanging, joint_names=(), joint_rotvec=torch.zeros(1, 0, 3))
    assert open_recarrier(stage, unnamed).arms_move
    assert not open_recarrier(stage.moved(hanging), unnamed).arms_move
    picture = open_recarrier(stage, hanging).carry(0, fit.image).picture
    blue, old = picture[2] > 0.5, fit.image[2] > 0.5
    assert (blue & ~old).sum() > 20
    assert (old & ~blue).sum() > 20


def test_lips_that_close_are_the_photos_and_lips_that_stay_open_are_the_frames():
    fit, motion, frames = ball_clip(2)
    frame = frames[1].clone()
    frame[0, 20:44, 8:32], frame[2, 20:44, 8:32] = 0, 0
    jaw = motion.expression.clone()
    jaw[:, EXPRESSION_INDEX["jawOpen"]] = 0.55
    for wanted, closes in ((closed(motion), True), (replace(motion, expression=jaw), False)):
        recarrier = open_recarrier(open_stage(fit, wanted, SIZE), motion)
        posed = recarrier.stage.maps.posed(1)
        lips = posed.picture(posed.at(recarrier.near_lips[:, None]))[0] > 0.9
        red = recarrier.carry(1, frame).picture[0][lips].mean()
        assert lips.any()
        assert (red > 0.1) == closes


def test_lids_that_are_shut_are_not_closed_further():
    _, motion, _ = ball_clip(3)
    lids = [EXPRESSION_INDEX[name] for name in ("eyeBlinkLeft", "eyeSquintLeft")]
    before, after = motion.expression.clone(), motion.expression.clone()
    before[:, lids] = torch.tensor([[0.2, 0.1], [0.8, 0.1], [0.8, 0.1]])
    after[:, lids] = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.1, 0.0]])
    kept = with_shut_lids(replace(motion, expression=before), replace(motion, expression=after))
    torch.testing.assert_close(kept.expression[:, lids], torch.tensor([[1.0, 0.0], [0.8, 0.1], [0.1, 0.0]]))
    assert torch.equal(kept.joint_rotvec, motion.joint_rotvec)
