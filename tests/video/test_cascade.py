from dataclasses import replace

import pytest
import torch

from tests.render.bodies import head_motion
from tests.video.tiny_cascade import SETTINGS, somebody, tiny_models
from vlogger_core.errors import InputError
from vlogger_core.render.preview import render_preview
from vlogger_core.video.cascade import CascadeChunk, CascadeSettings, sample_cascade
from vlogger_core.video.models import VideoModels
from vlogger_core.video.sampler import SamplerSettings

LEVEL = 1 / 255


def _chunks(
    models: VideoModels | None = None, size: tuple[int, int] = (80, 64), num_frames: int = 7, **more: object
) -> list[CascadeChunk]:
    fit, motion = somebody(num_frames)
    return list(sample_cascade(models or tiny_models(), fit, motion, size, SETTINGS, **more))


def _video(chunks: list[CascadeChunk]) -> torch.Tensor:
    return torch.cat([chunk.frames for chunk in chunks])


@pytest.mark.parametrize("size", [(96, 64), (192, 128), (384, 256)])
def test_untrained_is_the_warp_preview(size: tuple[int, int]):
    """At the size of the last stage and beyond, whatever the stages before may blur."""
    fit, motion = somebody(3, (96, 64))
    video = _video(list(sample_cascade(tiny_models(trained=False), fit, motion, size, SETTINGS)))
    preview = torch.stack(list(render_preview(fit, motion, size=size)))
    torch.testing.assert_close(video, preview, atol=LEVEL / 2, rtol=0)


def test_detail_comes_back_also_where_the_picture_has_to_be_extended():
    """At the photo's own pose, at a size that no stride divides."""
    fit, _ = somebody(size=(78, 64))
    still = head_motion([[0.0, 0.0, 0.0]] * 2)
    (*chunks,) = sample_cascade(tiny_models(trained=False), fit, still, (78, 64), SETTINGS)
    inside = (..., slice(2, -2), slice(2, -2))
    shown = _video(chunks)
    assert shown.shape == (2, 3, 78, 64)
    # The ball's mouth is drawn, so all but that is the photo.
    wrong = (shown[0] - fit.image)[inside].abs().amax(0) > LEVEL
    assert wrong.float().mean() < 0.05


@pytest.mark.parametrize("size", [(20, 16), (25, 20), (40, 32), (50, 41), (77, 63), (80, 64)])
def test_every_size_comes_out_and_only_the_stages_that_it_needs_run(size: tuple[int, int]):
    chunks = _chunks(None, size)
    assert _video(chunks).shape == (7, 3, *size)
    assert len(chunks[0].state.stages) == (1 if size[1] <= 16 else 2 if size[1] <= 32 else 3)
    assert [chunk.start for chunk in chunks] == [0, *[chunk.state.done for chunk in chunks[:-1]]]


def test_smaller_sizes_show_the_same_view():
    shown = _video(_chunks(tiny_models(trained=False), (55, 44), 2))
    preview = torch.stack(list(render_preview(*somebody(2), size=(55, 44))))
    assert (shown - preview).abs().mean() < 0.01


@pytest.mark.parametrize("size", [(80, 64), (96, 77)])
def test_a_stopped_video_goes_on_to_the_same_frames(size: tuple[int, int]):
    chunks = _chunks(None, size)
    assert any(len(frames) for chunk in chunks for frames in chunk.state.pending)
    for i in (0, 1, len(chunks) - 2):
        rest = _chunks(None, size, state=chunks[i].state)
        assert [chunk.start for chunk in rest] == [chunk.start for chunk in chunks[i + 1 :]]
        assert torch.equal(_video(rest), _video(chunks[i + 1 :]))
    assert _chunks(None, size, state=chunks[-1].state) == []


def test_stages_draw_noise_of_their_own():
    settings = CascadeSettings(base=SamplerSettings(seed=5), upscalers=SamplerSettings(steps=1, seed=9))
    seeds = [settings.of_stage(index).seed for index in range(3)]
    assert seeds[0] == 5
    assert len(set(seeds)) == 3
    assert settings.of_stage(1).steps == 1
    again = replace(settings, upscalers=SamplerSettings(steps=1, seed=10))
    assert [again.of_stage(index).seed for index in range(3)] == seeds


def test_one_frame():
    assert _video(_chunks(num_frames=1)).shape == (1, 3, 80, 64)


def test_twenty_thousand_frames_begin_at_once():
    fit, short = somebody(1)
    motion = replace(
        short,
        expression=short.expression.expand(20_000, -1).contiguous(),
        joint_rotvec=short.joint_rotvec.expand(20_000, -1, -1).contiguous(),
        translation=short.translation.expand(20_000, -1).contiguous(),
    )
    chunks = sample_cascade(tiny_models(), fit, motion, (80, 64), SETTINGS)
    first = next(chunks)
    assert (first.start, len(first.frames)) == (0, 2)
    assert first.state.stages[0].done <= 8


def test_progress_counts_frames_to_the_end_also_where_a_video_goes_on():
    seen: list[tuple[int, int]] = []
    chunks = _chunks(progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == ((0, 7), (7, 7))
    assert len({done for done, _ in seen}) >= 5
    seen.clear()
    _chunks(state=chunks[1].state, progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[0][0] >= 3
    assert seen[-1] == (7, 7)


def test_can_be_stopped_anywhere():
    class Stop(Exception):
        pass

    def progress(done: int, total: int) -> None:
        if done >= stop_at:
            raise Stop

    threads = torch.get_num_threads()
    for stop_at in (0, 3, 6):  # noqa: B007 (progress reads it)
        with pytest.raises(Stop):
            _chunks(progress=progress)
    assert torch.get_num_threads() == threads


def test_refuses_sizes_and_motions_that_cannot_be_shown():
    fit, motion = somebody()
    with pytest.raises(InputError, match=r"The size 64 x 64 has another shape than the photo \(64 x 80\)"):
        sample_cascade(tiny_models(), fit, motion, (64, 64), SETTINGS)
    with pytest.raises(InputError, match=r"must be 16 to 8192 pixels on each side. Got 8 x 10"):
        sample_cascade(tiny_models(), fit, motion, (10, 8), SETTINGS)
    with pytest.raises(InputError, match=r"no frames"):
        sample_cascade(tiny_models(), fit, motion.slice(0, 0), (80, 64), SETTINGS)
