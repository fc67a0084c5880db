import itertools
from dataclasses import replace

import pytest
import torch

from vlogger_core.errors import InputError
from vlogger_core.render.preview import render_preview

from .bodies import ball_fit, head_motion


def psnr(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(-10 * ((a - b) ** 2).mean().clamp(min=1e-12).log10())


def test_a_motion_that_changes_nothing_gives_the_photo() -> None:
    fit = ball_fit()
    (frame,) = render_preview(fit, head_motion([[0.0, 0.0, 0.0]]))
    assert frame.shape == fit.image.shape
    assert psnr(frame, fit.image) > 45


def test_the_background_stays_and_the_person_moves() -> None:
    fit = ball_fit()
    still, turned = render_preview(fit, head_motion([[0.0, 0.0, 0.0], [0.0, 0.25, 0.0]]))
    away = torch.nn.functional.max_pool2d((fit.mask > 0).float()[None], 17, 1, 8)[0] == 0
    assert away.sum() > 500
    torch.testing.assert_close(turned[:, away], fit.image[:, away], atol=1e-4, rtol=0)
    assert (turned - still).abs()[:, fit.mask > 0.9].mean() > 0.02
    assert torch.isfinite(turned).all()
    assert ((turned >= 0) & (turned <= 1)).all()


def test_the_body_is_shown_where_the_motion_puts_it() -> None:
    """Red is the column of the photo: at the ball's middle it must be that of the point that has turned there."""
    fit = ball_fit(128, 128)
    (frame,) = render_preview(fit, head_motion([[0.0, 0.25, 0.0]]))
    offset = 0.12 * torch.tensor(0.25).sin() / (1 - 0.12 * torch.tensor(0.25).cos()) * fit.camera.f_px / 128
    assert abs(float(frame[0, 64, 64]) - (0.5 - float(offset))) < 0.02


def test_flow_beyond_the_silhouette_follows_the_body() -> None:
    """A band of matte around the ball, as hair is, moves with the ball and leaves no hole."""
    fit = ball_fit(128, 128)
    moved = replace(head_motion([[0.0, 0.0, 0.0]]), translation=torch.tensor([[0.03, 0.0, 0.0]]))
    (frame,) = render_preview(fit, moved)
    shift = 0.03 * fit.camera.f_px
    y, x = 64, 64 + int(128 * 0.36 + shift)
    assert fit.mask[y, x] < 0.05
    assert abs(float(frame[0, y, x]) - (x - shift) / 128) < 0.03


def test_an_opening_mouth_shows_its_dark_inside() -> None:
    fit = ball_fit(128, 128)
    closed, opened = (next(iter(render_preview(fit, head_motion([[0.0, 0.0, 0.0]], jaw)))) for jaw in (0.0, 0.8))
    column, rows = 64, slice(72, 98)
    assert opened[:, rows, column].mean(0).min() < 0.6 * closed[:, rows, column].mean(0).min()


@pytest.mark.parametrize("size", [(48, 40), (192, 160)])
def test_frames_come_at_the_asked_size_with_progress(size: tuple[int, int]) -> None:
    calls: list[tuple[int, int]] = []
    frames = list(
        render_preview(ball_fit(), head_motion([[0.0, 0.1, 0.0]] * 2), size=size, progress=lambda *c: calls.append(c))
    )
    assert [tuple(frame.shape) for frame in frames] == [(3, *size)] * 2
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)
    assert set(calls) == {(0, 2), (1, 2), (2, 2)}
    assert calls.count((2, 2)) == 1
    assert torch.equal(frames[0], frames[1])


def test_frames_are_made_when_asked_for_and_progress_can_stop_them() -> None:
    class Cancelled(Exception):
        pass

    def cancel(done: int, total: int) -> None:
        if done == cancel_at:
            raise Cancelled

    motion = head_motion([[0.0, 0.1, 0.0]] * 1000)
    threads = torch.get_num_threads()
    cancel_at = 1
    frames = render_preview(ball_fit(), motion, progress=cancel)
    assert next(frames).shape == (3, 96, 80)
    with pytest.raises(Cancelled):
        next(frames)
    assert torch.get_num_threads() == threads
    cancel_at = 0
    with pytest.raises(Cancelled):
        render_preview(ball_fit(), motion, progress=cancel)
    assert torch.get_num_threads() == threads


def test_a_small_turn_does_not_flicker() -> None:
    """Equal steps of a slow turn change the picture by nearly equal amounts."""
    frames = list(render_preview(ball_fit(128, 128), head_motion([[0.0, 0.01 * t, 0.0] for t in range(6)])))
    steps = torch.stack([(b - a).abs().mean() for a, b in itertools.pairwise(frames[1:])])
    assert steps.max() < 1.5 * steps.min()


def test_a_motion_that_cannot_be_shown_is_told() -> None:
    fit = ball_fit()
    with pytest.raises(InputError, match="another shape than the photo"):
        render_preview(fit, head_motion([[0.0, 0.0, 0.0]]), size=(100, 300))
    behind = replace(head_motion([[0.0, 0.0, 0.0]] * 2), translation=torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.0, 2.0]]))
    frames = render_preview(fit, behind)
    next(frames)
    with pytest.raises(InputError, match="behind the camera in frame 1"):
        next(frames)
