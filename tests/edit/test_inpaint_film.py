"""An edit that is stopped and started again gives the same video, and another edit is refused."""

from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path

import pytest
import torch

from tests.edit.edited_ball import ball_clip, ball_edit, soft_disc
from tests.edit.test_inpaint import small_models
from tests.video.tiny_cascade import SETTINGS
from vlogger_core.edit.clip_source import FileClip, TensorMask
from vlogger_core.edit.edit_stage import Edit
from vlogger_core.edit.inpaint_film import describe_edit, open_edit_film
from vlogger_core.edit.mask import EditMask, EditMaskSettings
from vlogger_core.errors import InputError
from vlogger_core.video.models import VideoModels
from vlogger_core.video.writer import write_video

NUM_FRAMES = 36


def _made(folder: Path, stop_after: int | None = None) -> torch.Tensor:
    with open_edit_film(folder, ball_edit(NUM_FRAMES), VideoModels(base=small_models().base), SETTINGS) as film:
        list(islice(film.chunks(), stop_after))
        return torch.stack(list(film.frames()))


def test_a_stopped_run_goes_on_to_the_same_frames(tmp_path: Path):
    whole = _made(tmp_path / "whole")
    assert len(whole) == NUM_FRAMES
    assert len(_made(tmp_path / "stopped", stop_after=16)) == 32
    resumed = _made(tmp_path / "stopped")
    assert torch.equal(resumed, whole)
    edit = ball_edit(NUM_FRAMES)
    same = (edit.masks.frames(0, NUM_FRAMES, lambda *_: None) == 0)[:, None].expand_as(whole)
    assert torch.equal(whole[same], edit.clip.frames(0, NUM_FRAMES, lambda *_: None)[same])


def test_another_edit_in_the_same_folder_is_refused(tmp_path: Path):
    edit = ball_edit(2)
    with open_edit_film(tmp_path / "run", edit, None, SETTINGS) as film:
        list(film.chunks())
    other = replace(edit, masks=TensorMask(0.5 * soft_disc(2, (48, 40))))
    with (
        pytest.raises(InputError, match=r"holds another video: mask differs\. Choose another folder"),
        open_edit_film(tmp_path / "run", other, None, SETTINGS),
    ):
        pass


def test_two_runs_in_one_folder_are_refused(tmp_path: Path):
    with (
        open_edit_film(tmp_path / "run", ball_edit(2), None, SETTINGS),
        pytest.raises(InputError, match="Another run is writing"),
        open_edit_film(tmp_path / "run", ball_edit(2), None, SETTINGS),
    ):
        pass


def test_everything_that_counts_is_described(tmp_path: Path):
    fit, motion, frames = ball_clip(3)
    clip = FileClip(write_video(tmp_path / "clip.mp4", frames, Fraction(25)))
    edit = ball_edit(3, clip=clip)
    described = describe_edit(edit, None, SETTINGS, backend="torch")
    assert (described["frames"], described["height"], described["width"]) == (3, 48, 40)
    assert described["models"] is None

    def differing(other: Edit, models: VideoModels | None = None) -> set[str]:
        found = describe_edit(other, models, SETTINGS, backend="torch")
        return {name for name in found if described.get(name) != found[name]}

    assert differing(edit) == set()
    assert differing(replace(edit, motion=motion)) == {"motion"}
    assert differing(replace(edit, before=None)) == {"motion before"}
    assert differing(ball_edit(3)) == {"clip"}
    assert differing(edit, small_models()) == {"models", "base", "upscalers"}
    masks = [
        EditMask(fit, motion, edit.motion, settings=EditMaskSettings(grow_px=grow, steady_frames=0)) for grow in (2, 3)
    ]
    described = describe_edit(replace(edit, masks=masks[0]), None, SETTINGS, backend="torch")
    assert differing(replace(edit, masks=masks[1])) == {"mask"}
