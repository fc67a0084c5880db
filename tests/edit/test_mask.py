"""Masks of edits of a ball, an arm and a face: what changed is in them, what did not is not."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest
import torch

from tests.render.bodies import arm_fit, ball_fit, head_motion, shoulder_motion
from vlogger_core.datatypes import Motion
from vlogger_core.edit.mask import EditMask, EditMaskSettings, edited_frames
from vlogger_core.errors import InputError
from vlogger_core.evaluate.edit_mask import AREA_RATIO, COVERAGE, rendered_change, score_mask

SIZE = (96, 80)
PLAIN = EditMaskSettings(grow_px=0, feather_px=0, steady_frames=0)


def _still(count: int = 9) -> Motion:
    return head_motion([[0.0, 0.0, 0.0]] * count)


def _opened(motion: Motion, *frames: int) -> Motion:
    expression = motion.expression.clone()
    expression[list(frames), 24] = 0.8
    return replace(motion, expression=expression)


def _masks(before: Motion, after: Motion, settings: EditMaskSettings | None = None) -> torch.Tensor:
    return EditMask(ball_fit(), before, after, SIZE, settings=settings).frames(0, before.num_frames)


def test_covers_what_is_rendered_otherwise():
    before, after = _still(3), _opened(head_motion([[0.0, 0.0, 0.0], [0.0, 0.14, 0.0], [0.0, 0.0, 0.0]]), 2)
    # A pixel or so of this small picture: where the silhouette stays, the warp of what is beyond it leaks by a pixel.
    settings = EditMaskSettings(grow_px=8.0, steady_frames=0)
    masks = EditMask(ball_fit(), before, after, SIZE, settings=settings)
    truth = rendered_change(ball_fit(), before, after, SIZE)
    score = score_mask(truth, masks.frames(0, 3))
    assert score.changed_px > 1000
    assert score.coverage >= COVERAGE
    assert score.area_ratio <= AREA_RATIO


def test_an_arm_is_masked_where_it_was_and_where_it_is():
    fit, before, after = arm_fit(), shoulder_motion(0.0), shoulder_motion(0.5)
    mask = EditMask(fit, before, after).frames(0, 1)
    score = score_mask(rendered_change(fit, before, after, (128, 128)), mask)
    assert score.coverage >= COVERAGE
    assert score.area_ratio <= AREA_RATIO
    assert mask[0, 20, 20] == 0


def test_an_opening_mouth_leaves_the_upper_face_alone():
    mask = _masks(_still(1), _opened(_still(1), 0))[0]
    assert mask[60:66, 35:45].min() == 1
    assert mask[20:40, 25:55].max() == 0


def test_the_same_motion_gives_an_empty_mask_and_says_so(caplog):
    before = head_motion([[0.0, 0.1 * t, 0.0] for t in range(5)])
    masks = EditMask(ball_fit(), before, replace(before), SIZE)
    assert not masks.edited.any()
    with caplog.at_level(logging.WARNING):
        assert not any(chunk.any() for chunk in masks.chunks(frames_per_chunk=2))
    assert "changes nothing: both motions are the same" in caplog.text


def test_a_change_below_the_threshold_is_none(caplog):
    before, after = _still(2), head_motion([[0.0, 1e-3, 0.0]] * 2)
    masks = EditMask(ball_fit(), before, after, SIZE, settings=EditMaskSettings(threshold_px=2.0))
    assert masks.edited.all()
    with caplog.at_level(logging.WARNING):
        assert not any(chunk.any() for chunk in masks.chunks())
    assert "nothing that is seen" in caplog.text
    assert "2 px (of 512)" in caplog.text


def test_joints_that_are_named_and_rest_change_nothing():
    before = _still(3)
    after = replace(before, joint_names=("head", "left_wrist"), joint_rotvec=torch.cat((before.joint_rotvec,) * 2, 1))
    assert not edited_frames(before, after).any()
    assert edited_frames(before, _opened(after, 1)).tolist() == [False, True, False]


def test_grows_and_fades_outwards_only():
    before, after = _still(1), _opened(_still(1), 0)
    plain = _masks(before, after, PLAIN)
    grown = _masks(before, after, replace(PLAIN, grow_px=20.0))
    soft = _masks(before, after, replace(PLAIN, grow_px=20.0, feather_px=40.0))
    assert set(plain.unique().tolist()) <= {0.0, 1.0}
    assert (grown[plain == 1] == 1).all()
    assert grown.sum() > plain.sum()
    assert (soft[grown == 1] == 1).all()
    assert ((soft > 0) & (soft < 1)).any()


def test_is_steady_in_time():
    before, after = _still(9), _opened(_still(9), 4)
    alone = _masks(before, after, PLAIN)
    assert alone.flatten(1).any(1).nonzero().flatten().tolist() == [4]
    steady = _masks(before, after, replace(PLAIN, steady_frames=2))
    inside = steady[:, alone[4] == 1].amin(1)
    torch.testing.assert_close(inside, torch.tensor([0, 0, 1, 2, 3, 2, 1, 0, 0]) / 3)


def test_stays_between_two_changes():
    before, after = _still(9), _opened(_still(9), 2, 4, 8)
    changed = _masks(before, after, PLAIN)[2] == 1
    steady = _masks(before, after, replace(PLAIN, steady_frames=1))[:, changed].amin(1)
    torch.testing.assert_close(steady, torch.tensor([0, 0.5, 1, 1, 1, 0.5, 0, 0.5, 1]))


def test_is_the_same_however_it_is_asked_for():
    before, after = _still(9), _opened(_still(9), 2, 3, 7)
    masks = EditMask(ball_fit(), before, after, SIZE, settings=EditMaskSettings(steady_frames=2))
    whole = masks.frames(0, 9)
    assert torch.equal(torch.cat(list(masks.chunks(frames_per_chunk=4))), whole)
    assert torch.equal(masks.frames(3, 6), whole[3:6])


def test_before_and_after_are_alike_to_it():
    before, after = _still(3), head_motion([[0.0, 0.1 * t, 0.0] for t in range(3)])
    torch.testing.assert_close(_masks(before, after), _masks(after, before), atol=0.02, rtol=0)


def test_a_larger_picture_has_the_same_mask():
    before, after = _still(1), _opened(_still(1), 0)
    settings = EditMaskSettings(grow_px=12.0)
    small = EditMask(ball_fit(), before, after, (192, 160), settings=settings).frames(0, 1)[0]
    large = EditMask(ball_fit(), before, after, (576, 480), settings=settings).frames(0, 1)[0]
    assert large.shape == (576, 480)
    assert abs(float(large.mean() / small.mean()) - 1) < 0.25


def test_can_be_stopped():
    def stop(done: int, total: int) -> None:
        if done:
            raise KeyboardInterrupt

    masks = EditMask(ball_fit(), _still(9), _opened(_still(9), 1), SIZE)
    with pytest.raises(KeyboardInterrupt):
        list(masks.chunks(progress=stop))


def test_refusals():
    with pytest.raises(InputError, match="9 frames, the one after it 4"):
        EditMask(ball_fit(), _still(9), _still(4), SIZE)
    with pytest.raises(InputError, match="24 frames per second, the one after it 30"):
        EditMask(ball_fit(), _still(), replace(_still(), fps=_still().fps * 30 / 24), SIZE)
    with pytest.raises(InputError, match="another shape than the photo"):
        EditMask(ball_fit(), _still(), _still(), (96, 200))
    with pytest.raises(ValueError, match=r"EditMaskSettings\.grow_px"):
        EditMaskSettings(grow_px=-1.0)
    masks = EditMask(ball_fit(), _still(), _still(), SIZE)
    with pytest.raises(ValueError, match="start and stop"):
        masks.frames(3, 12)
    with pytest.raises(ValueError, match="frames_per_chunk"):
        next(masks.chunks(frames_per_chunk=0))
