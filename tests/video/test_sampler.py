from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from tests.video.tiny_video import TinySource, tiny_config, tiny_controls, tiny_network, tiny_sd15, tiny_upscaler_config
from vlogger_core.errors import InputError
from vlogger_core.video.controls import join_frames
from vlogger_core.video.network import VideoNetwork
from vlogger_core.video.sampler import SamplerSettings, VideoChunk, changes_of, frames_of, sample_video
from vlogger_core.video.sd15 import sd15_config

SETTINGS = SamplerSettings(steps=2)


def _chunks(network: VideoNetwork, settings: SamplerSettings, num_frames: int = 10, **more: object) -> list[VideoChunk]:
    return list(sample_video(network, TinySource(tiny_controls(num_frames)), settings, **more))


def _video(*args, **more: object) -> torch.Tensor:
    return torch.cat([chunk.frames for chunk in _chunks(*args, **more)])


@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.5])
@pytest.mark.parametrize("num_frames", [1, 4, 10])
def test_every_frame_comes_once_in_order(overlap: float, num_frames: int):
    chunks = _chunks(tiny_network(), replace(SETTINGS, overlap=overlap), num_frames)
    assert [chunk.start for chunk in chunks] == [0, *[chunk.state.done for chunk in chunks[:-1]]]
    frames = torch.cat([chunk.frames for chunk in chunks])
    assert frames.shape == (num_frames, 3, 16, 16)
    assert frames.min() >= 0
    assert frames.max() <= 1


def test_untrained_shows_the_composite_whatever_the_overlap():
    network = tiny_network(trained=False)
    for overlap in (0.0, 0.25, 0.5):
        video = _video(network, replace(SETTINGS, overlap=overlap))
        torch.testing.assert_close(video, tiny_controls(10).composite()[0], atol=1e-5, rtol=0)


@pytest.mark.parametrize("solver", ["ddpm", "ddim", "dpm++"])
@pytest.mark.parametrize("fixed_noise", [True, False])
def test_same_seed_same_video(solver: str, fixed_noise: bool):
    settings = replace(SETTINGS, solver=solver, fixed_noise=fixed_noise)
    video = _video(tiny_network(), settings)
    assert torch.equal(video, _video(tiny_network(), settings))
    assert not torch.equal(video, _video(tiny_network(), replace(settings, seed=1)))


@pytest.mark.parametrize("solver", ["ddpm", "ddim", "dpm++"])
def test_without_temperature_the_seed_does_not_count(solver: str):
    cold = replace(SETTINGS, solver=solver, temperature=0.0)
    video = _video(tiny_network(), cold)
    assert torch.equal(video, _video(tiny_network(), replace(cold, seed=1)))
    of_model = _video(tiny_network(tiny_config(temperature=0.0)), replace(SETTINGS, solver=solver))
    assert torch.equal(video, of_model)
    assert not torch.equal(video, _video(tiny_network(), replace(cold, temperature=0.5)))


@pytest.mark.parametrize("known_frames", ["clean", "noised"])
def test_a_clip_goes_on_from_the_one_before(known_frames: str):
    """With overlap the first new frames depend on the last known ones, through time only."""
    network = tiny_network(tiny_config(known_frames=known_frames))
    chunks = _chunks(network, SETTINGS)
    state = chunks[0].state
    assert state.known.shape == (2, 48, 4, 4)
    torch.testing.assert_close(network.space.decode(state.known[None])[0].clamp(0, 1), chunks[0].frames[-2:])
    other = replace(state, known=state.known + 1)
    gone_on = _video(network, SETTINGS, state=other)
    assert not torch.equal(gone_on[:2], torch.cat([chunk.frames for chunk in chunks[1:]])[:2])


@pytest.mark.parametrize(
    "changes", [{}, {"overlap": 0.0}, {"solver": "ddpm", "fixed_noise": False, "colour_hold": 0.5}]
)
def test_a_stopped_video_goes_on_to_the_same_frames(changes: dict):
    network, settings = tiny_network(), replace(SETTINGS, **changes)
    chunks = _chunks(network, settings)
    for i, chunk in enumerate(chunks[:-1]):
        rest = _chunks(network, settings, state=chunk.state)
        assert [c.start for c in rest] == [c.start for c in chunks[i + 1 :]]
        assert all(torch.equal(a.frames, b.frames) for a, b in zip(rest, chunks[i + 1 :], strict=True))


def test_the_start_does_not_depend_on_the_length():
    network, controls = tiny_network(), tiny_controls(10)
    long, short = (
        torch.cat(list(frames_of(sample_video(network, TinySource(controls.slice(0, count)), SETTINGS))))
        for count in (10, 8)
    )
    assert torch.equal(long[:8], short)


def test_a_cascade_runs_piece_by_piece():
    base, upscaler = tiny_network(), tiny_network(tiny_upscaler_config(clip_frames=3))
    small, large = TinySource(tiny_controls(9)), TinySource(tiny_controls(9, 32))
    pulled: list[int] = []

    def watched() -> Iterator[torch.Tensor]:
        for changes in changes_of(sample_video(base, small, SETTINGS)):
            pulled.append(len(changes))
            yield changes

    chunks = sample_video(upscaler, large, SETTINGS, previous=watched())
    first = next(chunks)
    assert pulled == [4]
    assert first.frames.shape == (3, 3, 32, 32)
    rest = list(chunks)
    assert sum(len(chunk.frames) for chunk in rest) == 6

    whole = torch.cat(list(changes_of(sample_video(base, small, SETTINGS))))
    again = sample_video(upscaler, large, SETTINGS, previous=iter([whole[first.state.done :]]), state=first.state)
    assert torch.equal(torch.cat([c.frames for c in again]), torch.cat([c.frames for c in rest]))


def test_latent_models_give_pictures():
    base = tiny_sd15()
    config = sd15_config(base, size=16, token_grid=2, diffusion_steps=20, clip_frames=4)
    network = VideoNetwork(config, base=base.unet, autoencoder=base.autoencoder).eval().requires_grad_(False)
    video = _video(network, replace(SETTINGS, control_guidance=2.0, reference_guidance=1.5, colour_hold=1.0), 6)
    assert video.shape == (6, 3, 16, 16)
    assert video.isfinite().all()


def test_guidance_counts_apart():
    network = tiny_network()
    videos = [
        _video(network, replace(SETTINGS, control_guidance=controls, reference_guidance=reference), 4)
        for controls, reference in ((1.0, 1.0), (1.5, 1.0), (1.0, 1.5))
    ]
    for i, one in enumerate(videos):
        assert all(not torch.allclose(one, other, atol=1e-4) for other in videos[i + 1 :])


def test_fixed_noise_is_the_same_for_all_frames():
    """Frames of the same controls come out the same where time adds nothing."""
    network = tiny_network(trained=False)
    torch.nn.init.normal_(network.base.conv_out.weight, std=0.1)
    still = TinySource(join_frames([tiny_controls(1)] * 6))
    settings = replace(SETTINGS, overlap=0.0, solver="ddpm")
    fixed, free = (
        torch.cat(list(frames_of(sample_video(network, still, replace(settings, fixed_noise=fixed)))))
        for fixed in (True, False)
    )
    torch.testing.assert_close(fixed, fixed[:1].expand_as(fixed), atol=1e-5, rtol=0)
    assert not torch.allclose(free[0], free[1], atol=1e-3)


def test_known_frames_are_rendered_once():
    source = TinySource(tiny_controls(10))
    list(sample_video(tiny_network(), source, SETTINGS))
    assert source.asked == [(0, 4), (4, 6), (6, 8), (8, 10)]


def test_progress_counts_to_the_end_also_where_a_video_goes_on():
    seen: list[tuple[int, int]] = []
    chunks = _chunks(tiny_network(), SETTINGS, progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == ((0, 8), (8, 8))
    seen.clear()
    _chunks(tiny_network(), SETTINGS, state=chunks[1].state, progress=lambda done, total: seen.append((done, total)))
    assert (seen[0], seen[-1]) == ((4, 8), (8, 8))


def test_is_stopped_within_a_pass_of_the_network():
    class Stop(Exception):
        pass

    network, calls = tiny_network(), 0

    def progress(done: int, total: int) -> None:
        nonlocal calls
        calls += 1
        if calls == 6:
            raise Stop

    with pytest.raises(Stop):
        _chunks(network, SETTINGS, progress=progress)
    calls = 100
    reached = _video(network, SETTINGS, progress=progress)
    assert len(reached) == 10


def test_no_gradients_are_kept():
    network = tiny_network().requires_grad_(True)
    assert not _video(network, SETTINGS, 4).requires_grad


def test_refuses_sizes_that_the_model_cannot_make():
    with pytest.raises(InputError, match=r"18 x 18 px, .* multiples of 4: render the controls at 16 x 16 px"):
        sample_video(tiny_network(), TinySource(tiny_controls(2, 18)), SETTINGS)


def test_refuses_an_empty_motion():
    with pytest.raises(InputError, match=r"The motion has no frames"):
        sample_video(tiny_network(), TinySource(tiny_controls(2).slice(0, 0)), SETTINGS)


def test_refuses_a_stage_before_that_ends_early():
    upscaler = tiny_network(tiny_upscaler_config())
    with pytest.raises(ValueError, match=r"previous must give frame 3 of the stage before"):
        list(
            sample_video(
                upscaler, TinySource(tiny_controls(5, 32)), SETTINGS, previous=iter([torch.rand(2, 3, 16, 16)])
            )
        )
    with pytest.raises(ValueError, match=r"previous must be given to upscalers only"):
        sample_video(upscaler, TinySource(tiny_controls(5, 32)), SETTINGS)


def test_refuses_a_state_of_other_settings():
    state = _chunks(tiny_network(), SETTINGS)[0].state
    with pytest.raises(ValueError, match=r"state must hold 1 known frames, as the settings have it. Got 2"):
        sample_video(tiny_network(), TinySource(tiny_controls(10)), replace(SETTINGS, overlap=0.25), state=state)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"overlap": 1.0}, r"overlap must lie in 0 to 0.9. Got 1"),
        ({"colour_hold": -0.1}, r"colour_hold must lie in 0 to 1. Got -0.1"),
        ({"steps": 0}, r"at least 1 step .* Got seed 0, steps 0"),
    ],
)
def test_refuses_impossible_settings(changes: dict, message: str):
    with pytest.raises(ValueError, match=message):
        SamplerSettings(**changes)


@pytest.mark.parametrize("solver", ["ddpm", "ddim", "dpm++"])
@pytest.mark.parametrize("space", ["pixel", "latent"])
def test_of_an_edit_only_what_is_fresh_changes(solver: str, space: str):
    if space == "pixel":
        network = tiny_network()
    else:
        base = tiny_sd15()
        network = VideoNetwork(sd15_config(base, clip_frames=4, size=16), base=base.unet, autoencoder=base.autoencoder)
        network = network.eval().requires_grad_(False)
    plain = tiny_controls(7)
    fresh = torch.zeros_like(plain.matte)
    fresh[:, :, :, 4:11, 5:9] = 1
    edited = replace(plain, picture=torch.rand_like(plain.warp), fresh=fresh)
    chunks = list(sample_video(network, TinySource(edited), replace(SETTINGS, solver=solver)))
    change = torch.cat([chunk.change for chunk in chunks])
    inside = (fresh[0] > 0).expand_as(change)
    assert not change[~inside].any()
    assert change[inside].abs().mean() > 0.01


def test_an_edit_with_nothing_fresh_asks_no_network(monkeypatch: pytest.MonkeyPatch):
    network = tiny_network()
    plain = tiny_controls(10)
    fresh = torch.zeros_like(plain.matte)
    fresh[:, 9] = 1
    edited = replace(plain, picture=torch.rand_like(plain.warp), fresh=fresh)
    asked = []
    denoise = network.denoise
    monkeypatch.setattr(network, "denoise", lambda *args, **more: asked.append(1) or denoise(*args, **more))
    counts: list[tuple[int, int]] = []
    progress = lambda done, total: counts.append((done, total))  # noqa: E731
    frames = torch.cat([c.frames for c in sample_video(network, TinySource(edited), SETTINGS, progress=progress)])
    torch.testing.assert_close(frames[:9], edited.picture[0, :9])
    assert len(asked) == SETTINGS.steps
    assert counts[-1] == (8, 8)
