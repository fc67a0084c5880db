import pytest
import torch

from tests.edit.edited_ball import ball_clip, ball_edit, soft_disc
from tests.render.bodies import ball_fit
from vlogger_core.edit.clip_source import TensorMask
from vlogger_core.edit.edit_stage import EditStage, open_edit
from vlogger_core.errors import InputError
from vlogger_core.progress import silent
from vlogger_core.render.view import View
from vlogger_core.video.controls import ControlSource


def test_outside_the_mask_the_controls_show_the_clip():
    edit = ball_edit(4)
    stage = EditStage(edit, edit.size, backend="torch")
    assert isinstance(stage, ControlSource)
    controls = stage.frames(1, 3)
    assert (controls.num_frames, controls.size) == (2, (48, 40))
    assert controls.fresh is not None
    outside = (controls.fresh[0] == 0).expand(-1, 3, -1, -1)
    clip = edit.clip.frames(1, 3, silent)
    assert torch.equal(controls.composite()[0][outside], clip[outside])
    assert (controls.composite()[0] - clip)[~outside].abs().max() > 0.1
    assert torch.equal(stage.pictures(1, 3), controls.composite()[0])


def test_other_sizes_show_the_same():
    edit = ball_edit(2)
    stage = EditStage(edit, (32, 32), view=View(left=-4.0, top=0.0, width=48.0, height=48.0), backend="torch")
    controls = stage.frames(0, 2)
    assert controls.size == (32, 32)
    assert controls.fresh is not None
    share = controls.fresh.mean()
    assert abs(float(share) - float((soft_disc(1, (48, 40)) > 0).sum()) / 48**2) < 0.03


def test_frames_with_nothing_to_make_are_not_rendered():
    masks = soft_disc(2, (48, 40)).clone()
    masks[1] = 0
    edit = ball_edit(2, masks=TensorMask(masks))
    controls = EditStage(edit, edit.size, backend="torch").frames(0, 2)
    assert controls.fresh is not None
    assert not controls.fresh[0, 1].any()
    assert torch.equal(controls.composite()[0, 1], edit.clip.frames(1, 2, silent)[0])
    assert controls.warp_valid[0, 1].min() == 1


def test_what_does_not_belong_together_is_told():
    _, motion, _ = ball_clip(3)
    with pytest.raises(
        InputError, match="The clip has 7 frames, and the edited motion has 3: edit the motion that was"
    ):
        ball_edit(motion=motion)
    with pytest.raises(InputError, match="7 frames, and the motion before the edit has 3: track this clip"):
        ball_edit(before=motion)
    with pytest.raises(InputError, match=r"each of the clip's 7 frames, 40 x 48 px\. Got 6 of 40 x 48 px"):
        ball_edit(masks=TensorMask(soft_disc(6, (48, 40))))
    with pytest.raises(InputError, match=r"Got 7 of 20 x 24 px: make it from this clip"):
        ball_edit(masks=TensorMask(soft_disc(7, (24, 20))))
    with pytest.raises(InputError, match="fitted to a picture of 80 x 96 px: track this clip at this size"):
        ball_edit(fit=ball_fit())


def test_masks_are_made_where_there_are_none():
    edit = ball_edit(2)
    opened = open_edit(edit.clip, edit.fit, edit.before, edit.motion)
    assert opened.masks.frames(0, 2, silent).max() == 1
    assert open_edit(edit.clip, edit.fit, edit.before, edit.motion, masks=edit.masks).masks is edit.masks
    with pytest.raises(ValueError, match="masks must be given where before is None"):
        open_edit(edit.clip, edit.fit, None, edit.motion)


def test_an_edit_knows_that_it_changes_nothing():
    edit = ball_edit(2)
    assert edit.before is not None
    assert not edit.changes_nothing
    assert ball_edit(2, masks=TensorMask(torch.full((2, 48, 40), 0.001))).changes_nothing
    assert open_edit(edit.clip, edit.fit, edit.before, edit.before).changes_nothing
    assert not open_edit(edit.clip, edit.fit, edit.before, edit.motion).changes_nothing
