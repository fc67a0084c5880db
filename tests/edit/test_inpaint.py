from collections.abc import Iterator
from itertools import islice

import pytest
import torch

from tests.edit.edited_ball import ball_edit, soft_disc
from tests.video.tiny_cascade import SETTINGS, tiny_models
from tests.video.tiny_video import tiny_config, tiny_network, tiny_upscaler_config
from vlogger_core.edit.clip_source import TensorMask
from vlogger_core.edit.edit_stage import Edit
from vlogger_core.edit.inpaint import UNTOUCHED, inpaint_video, stages_for
from vlogger_core.video.cascade import CascadeChunk
from vlogger_core.video.models import VideoModels


def small_models(*, trained: bool = True) -> VideoModels:
    """16 and 32 pixels, less than the clip has."""
    upscaler = tiny_network(tiny_upscaler_config(clip_frames=3), trained=trained)
    return VideoModels(base=tiny_network(tiny_config(), trained=trained), upscalers=(upscaler,))


def joined(chunks: Iterator[CascadeChunk]) -> torch.Tensor:
    return torch.cat([chunk.frames for chunk in chunks])


def outside(edit: Edit) -> torch.Tensor:
    return (edit.masks.frames(0, edit.clip.num_frames, lambda *_: None) == 0)[:, None].expand(-1, 3, -1, -1)


@pytest.fixture(scope="module")
def preview() -> torch.Tensor:
    return joined(inpaint_video(ball_edit(), None, SETTINGS))


@pytest.mark.parametrize("models", [None, small_models(), tiny_models()], ids=["carried", "below", "above"])
def test_outside_the_mask_every_pixel_is_the_clips(models: VideoModels | None):
    edit = ball_edit()
    frames = joined(inpaint_video(edit, models, SETTINGS))
    clip, is_outside = edit.clip.frames(0, 7, lambda *_: None), outside(edit)
    assert frames.shape == clip.shape
    assert torch.equal(frames[is_outside], clip[is_outside])
    assert (frames - clip)[~is_outside].abs().mean() > 0.02


def test_an_untrained_model_gives_the_carried_frames(preview: torch.Tensor):
    frames = joined(inpaint_video(ball_edit(), small_models(trained=False), SETTINGS))
    torch.testing.assert_close(frames, preview, atol=1e-4, rtol=0)
    trained = joined(inpaint_video(ball_edit(), small_models(), SETTINGS))
    assert (trained - preview).abs().max() > 0.05


def test_the_person_moves_as_the_edited_motion_does(preview: torch.Tensor):
    """As if the ball had been filmed with its mouth closed."""
    edit = ball_edit()
    assert edit.before is not None
    wanted = joined(inpaint_video(ball_edit(before=None), None, SETTINGS))
    inside = soft_disc(7, (48, 40))[:, None].expand(-1, 3, -1, -1) == 1
    clip = edit.clip.frames(0, 7, lambda *_: None)
    assert (preview - wanted)[inside].abs().mean() < 0.5 * (clip - wanted)[inside].abs().mean()


@pytest.mark.parametrize("models", [None, small_models()], ids=["carried", "model"])
def test_a_stopped_edit_goes_on_to_the_same_frames(models: VideoModels | None):
    edit = ball_edit(11)
    whole = list(inpaint_video(edit, models, SETTINGS))
    first = list(islice(inpaint_video(edit, models, SETTINGS), 1))
    rest = list(inpaint_video(edit, models, SETTINGS, state=first[-1].state))
    assert torch.equal(joined(iter(whole)), joined(iter(first + rest)))
    assert not list(inpaint_video(edit, models, SETTINGS, state=whole[-1].state))


def test_where_nothing_is_to_be_made_the_model_does_not_run_and_the_log_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    models = small_models()

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError

    for network in models.networks:
        monkeypatch.setattr(network, "denoise", refuse)
    edit = ball_edit(masks=TensorMask(torch.zeros(7, 48, 40)))
    frames = joined(inpaint_video(edit, models, SETTINGS))
    assert torch.equal(frames, edit.clip.frames(0, 7, lambda *_: None))
    assert caplog.messages == [UNTOUCHED]


def test_frames_without_a_mask_do_not_run_the_model(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture):
    models = small_models()
    seen: list[int] = []
    denoise = models.base.denoise
    monkeypatch.setattr(models.base, "denoise", lambda *a, **k: seen.append(1) or denoise(*a, **k))
    masks = soft_disc(12, (48, 40)).clone()
    masks[4:] = 0
    list(inpaint_video(ball_edit(12, masks=TensorMask(masks)), models, SETTINGS))
    some = len(seen)
    masks[:] = soft_disc(1, (48, 40))
    list(inpaint_video(ball_edit(12, masks=TensorMask(masks)), models, SETTINGS))
    assert 0 < some < len(seen) - some
    assert not caplog.messages


def test_no_stage_runs_that_the_clip_does_not_need():
    models = small_models()
    assert len(stages_for(models, (18, 20)).networks) == 1
    assert len(stages_for(models, (40, 48)).networks) == 2


@pytest.mark.parametrize("models", [None, small_models()], ids=["carried", "model"])
def test_progress_counts_frames_and_may_stop(models: VideoModels | None):
    told: list[tuple[int, int]] = []
    list(inpaint_video(ball_edit(), models, SETTINGS, progress=lambda done, total: told.append((done, total))))
    assert told == sorted(told)
    assert told[-1] == (7, 7)
    assert {total for _, total in told} == {7}

    def stop(done: int, total: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        list(inpaint_video(ball_edit(), models, SETTINGS, progress=stop))


def test_the_same_pose_gives_nearly_the_clip():
    edit = ball_edit()
    assert edit.before is not None
    same = ball_edit(motion=edit.before)
    frames = joined(inpaint_video(same, None, SETTINGS))
    assert (frames - edit.clip.frames(0, 7, lambda *_: None)).abs().max() < 0.01
