import pytest
import torch

from tests.edit.edited_ball import ball_clip, closed
from vlogger_core.edit.clip_source import ClipSource, TensorClip
from vlogger_core.edit.edit_stage import open_edit
from vlogger_core.edit.extend import extended
from vlogger_core.edit.extended_clip import extended_clip
from vlogger_core.edit.inpaint import inpaint_video
from vlogger_core.errors import InputError


def test_a_clip_runs_back_and_forth_beyond_its_end():
    _, motion, frames = ball_clip(5)
    clip, before = extended_clip(TensorClip(frames), motion, 14)
    assert isinstance(clip, ClipSource)
    assert (clip.num_frames, clip.size, before.num_frames) == (14, (48, 40), 14)
    assert torch.equal(clip.frames(0, 5), frames)
    whole = clip.frames(0, 14)
    for t in range(14):
        shown = next(s for s in range(5) if torch.equal(whole[t], frames[s]))
        assert torch.equal(before.joint_rotvec[t], motion.joint_rotvec[shown])
        assert torch.equal(clip.frames(t, t + 1)[0], whole[t])
    assert (whole[13] - whole[4]).abs().max() > 0


def test_lengths_must_suit():
    _, motion, frames = ball_clip(5)
    for count, clip_frames in ((5, 5), (4, 5), (9, 3)):
        with pytest.raises(ValueError, match=r"motion must be as long as the clip, and frames more\. Got"):
            extended_clip(TensorClip(frames[:clip_frames]), motion, count)


def test_a_longer_motion_is_refused_or_extends_the_clip():
    fit, motion, frames = ball_clip(3)
    longer, clip = extended(closed(motion), 6), TensorClip(frames)
    with pytest.raises(InputError, match=r"3 frames, and the edited motion has 6: .* or extend"):
        open_edit(clip, fit, motion, longer)
    edit = open_edit(clip, fit, motion, longer, extend=True)
    made = torch.cat([chunk.frames for chunk in inpaint_video(edit)])
    assert made.shape == (6, 3, 48, 40)
    outside = (edit.masks.frames(0, 6, lambda *_: None) == 0)[:, None].expand_as(made)
    assert torch.equal(made[outside], edit.clip.frames(0, 6, lambda *_: None)[outside])
    with pytest.raises(InputError, match="has 3 frames, and the edited motion has 2"):
        open_edit(clip, fit, motion, motion.slice(0, 2), extend=True)
