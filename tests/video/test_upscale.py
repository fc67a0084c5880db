import pytest
import torch

from tests.video.tiny_video import tiny_config, tiny_network
from vlogger_core.video.cascade import CascadeSettings, sample_cascade
from vlogger_core.video.models import VideoModels
from vlogger_core.video.sampler import SamplerSettings
from vlogger_core.video.upscale import upscale_video

from ..render.bodies import ball_fit, head_motion

SETTINGS = CascadeSettings(base=SamplerSettings(seed=5, steps=2), upscalers=SamplerSettings(steps=1))
SIZES = ((38, 32), (76, 64), (154, 128))


def tiny_models(*, trained: bool) -> VideoModels:
    """32, 64 and 128 px."""
    larger = {"upscale": 2, "patch": 8, "coarse": 4, "control_entry": "input"}
    return VideoModels(
        base=tiny_network(tiny_config(size=32), trained=trained),
        upscalers=tuple(tiny_network(tiny_config(size=size, **larger), trained=trained) for size in (64, 128)),
    )


@pytest.fixture(scope="module")
def fit():
    return ball_fit()


@pytest.fixture(scope="module")
def motion():
    return head_motion([[0.0, 0.03 * t, 0.0] for t in range(6)])


def cascade(models: VideoModels, fit, motion, size: tuple[int, int]) -> torch.Tensor:
    return torch.cat([chunk.frames for chunk in sample_cascade(models, fit, motion, size, SETTINGS)])


def upscale(models: VideoModels, frames: torch.Tensor, fit, motion, size: tuple[int, int], **more) -> torch.Tensor:
    return torch.cat(list(upscale_video(models, frames, fit, motion, size, SETTINGS, **more)))


@pytest.mark.parametrize("before", [0, 1])
def test_untrained_models_give_the_warp_at_the_new_size(fit, motion, before: int) -> None:
    models = tiny_models(trained=False)
    frames = cascade(models, fit, motion, SIZES[before])
    torch.testing.assert_close(
        upscale(models, frames, fit, motion, SIZES[2]), cascade(models, fit, motion, SIZES[2]), atol=1e-5, rtol=0
    )


def test_what_a_stage_changed_is_carried_on(fit, motion) -> None:
    models = tiny_models(trained=False)
    frames = cascade(models, fit, motion, SIZES[0])
    lighter = (frames + 0.1).clamp(0, 1)
    plain, changed = (upscale(models, one, fit, motion, SIZES[1]) for one in (frames, lighter))
    middle = (plain > 0.05) & (plain < 0.85)
    brighter = (changed - plain)[middle]
    assert (brighter - 0.1).abs().mean() < 1e-3


def test_stage_after_stage_is_nearly_all_at_once(fit, motion) -> None:
    models = tiny_models(trained=True)
    frames = cascade(models, fit, motion, SIZES[0])
    larger = upscale(models, frames, fit, motion, SIZES[1])
    largest, at_once = (upscale(models, one, fit, motion, SIZES[2]) for one in (larger, frames))
    assert largest.shape == (6, 3, *SIZES[2])
    assert (largest - at_once).abs().mean() < 0.05
    assert (upscale(tiny_models(trained=False), frames, fit, motion, SIZES[2]) - at_once).abs().mean() > 0.02


def test_progress_counts_frames_to_the_end(fit, motion) -> None:
    told: list[tuple[int, int]] = []
    models = tiny_models(trained=False)
    upscale(models, torch.zeros(6, 3, *SIZES[0]), fit, motion, SIZES[2], progress=lambda *count: told.append(count))
    assert told[-1] == (6, 6)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert {total for _, total in told} == {6}


@pytest.mark.parametrize(
    ("shape", "size", "said"),
    [
        ((5, *SIZES[0]), SIZES[1], "as many as the motion has, 6. Got 5"),
        ((6, 60, 50), SIZES[1], "goes on from frames of 32 or 64 px on the shorter side. Got frames of 50 px"),
        ((6, 32, 32), SIZES[1], "has another shape than the photo"),
        ((6, *SIZES[0]), (240, 200), "up to 128 px on the shorter side. Got 200 px"),
        ((6, *SIZES[1]), SIZES[0], "makes frames of 64 px larger"),
    ],
)
def test_frames_that_do_not_fit_are_refused(fit, motion, shape, size: tuple[int, int], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        upscale_video(tiny_models(trained=False), torch.zeros(shape[0], 3, *shape[1:]), fit, motion, size, SETTINGS)


def test_a_base_alone_has_no_upscaler(fit, motion) -> None:
    alone = VideoModels(base=tiny_models(trained=False).base)
    with pytest.raises(ValueError, match="has no upscaler"):
        upscale_video(alone, torch.zeros(6, 3, *SIZES[0]), fit, motion, SIZES[1], SETTINGS)
