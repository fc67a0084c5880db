from dataclasses import replace
from typing import Any

import pytest
import torch

from tests.motion.tiny_motion import tiny_config, tiny_network
from vlogger_core.motion.layout import NUM_EXPRESSIONS
from vlogger_core.motion.network import (
    LIP_CHANNELS,
    MotionConfig,
    MotionDenoiser,
    Past,
    rotary_table,
    rotate,
    sinusoidal,
)
from vlogger_core.names import ARKIT_EXPRESSIONS


def _inputs(num_frames: int = 10) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    config = tiny_config()
    x = torch.randn(2, num_frames, config.motion_dim, generator=generator)
    audio = torch.randn(2, num_frames + config.audio_behind + config.audio_ahead, 8, generator=generator)
    return x, torch.tensor([3, 40]), audio


def test_shape_with_and_without_audio():
    network = tiny_network()
    x, t, audio = _inputs()
    assert network(x, t, audio=audio).shape == x.shape
    assert network(x, t, audio=None).shape == x.shape


def test_future_motion_is_not_seen():
    network = tiny_network()
    x, t, audio = _inputs()
    changed = x.clone()
    changed[:, 6:] += 1
    torch.testing.assert_close(network(x, t, audio=audio)[:, :6], network(changed, t, audio=audio)[:, :6])


def test_audio_is_heard_up_to_the_look_ahead_and_no_further():
    network = tiny_network()
    config = network.config
    x, t, audio = _inputs()
    frame = 6
    changed = audio.clone()
    changed[:, config.audio_behind + frame :] += 1
    before = network(x, t, audio=audio)
    after = network(x, t, audio=changed)
    first = frame - config.audio_ahead
    torch.testing.assert_close(after[:, :first], before[:, :first])
    assert (after[:, first] - before[:, first]).abs().max() > 1e-6


def test_one_step_for_all_frames_equals_a_step_for_each():
    network = tiny_network()
    x, t, audio = _inputs()
    torch.testing.assert_close(
        network(x, t, audio=audio), network(x, t[:, None].expand(2, x.shape[1]), audio=audio)
    )  # fmt: skip


def test_windows_of_any_length_agree_with_each_other():
    network = tiny_network()
    x, t, audio = _inputs(10)
    reach = network.config.audio_behind + network.config.audio_ahead
    torch.testing.assert_close(
        network(x[:, :7], t, audio=audio[:, : 7 + reach]), network(x, t, audio=audio)[:, :7]
    )  # fmt: skip


def test_remembered_frames_count_as_if_they_were_given_again():
    network = tiny_network()
    x, _, audio = _inputs(10)
    t = torch.tensor([0, 0, 0, 0, 2, 9, 20, 30, 40, 50])[None].expand(2, 10)
    embedded = network.encode_audio(audio)
    whole = network.denoise(x, t, embedded)
    past = Past(limit=20)
    for span in (slice(0, 3), slice(3, 4)):
        network.denoise(x[:, span], t[:, span], embedded[:, span], past)
    assert past.frames == 4
    torch.testing.assert_close(network.denoise(x[:, 4:], t[:, 4:], embedded[:, 4:], past), whole[:, 4:])


def test_only_finished_frames_are_remembered_and_no_more_than_the_limit():
    network = tiny_network()
    x, _, audio = _inputs(10)
    t = torch.tensor([0, 0, 0, 0, 0, 5, 6, 7, 8, 9])[None].expand(2, 10)
    past = Past(limit=3)
    network.denoise(x, t, network.encode_audio(audio), past)
    assert past.frames == 5
    assert past.seen == 3


def test_what_is_forgotten_changes_nothing_and_memory_does_not_grow():
    """Frame by frame over a long time, as if only the last three frames before had been given."""
    network = tiny_network()
    x, _, audio = _inputs(40)
    t = torch.zeros(2, 40, dtype=torch.long)
    embedded = network.encode_audio(audio)
    past = Past(limit=3)
    for i in range(0, 40, 2):
        network.denoise(x[:, i : i + 2], t[:, i : i + 2], embedded[:, i : i + 2], past)
        assert past.seen <= 3
    assert past.frames == 40
    assert past.buffers[0][0].shape[2] < 20
    first = past.buffers[0][0][:, :, past.held - 3 : past.held]
    alone = Past(limit=3, frames=37)
    network.denoise(x[:, 37:], t[:, 37:], embedded[:, 37:], alone)
    torch.testing.assert_close(first, alone.buffers[0][0][:, :, :3])


def test_with_skip_finished_frames_of_slow_channels_pass_through():
    network = MotionDenoiser(replace(tiny_config(), skip=True)).eval().requires_grad_(False)
    network.load_state_dict(tiny_network().state_dict())
    x, _, audio = _inputs(3)
    t = torch.tensor([0, 10, 50])[None].expand(2, 3)
    out, raw = network(x, t, audio=audio), tiny_network()(x, t, audio=audio)
    slow = network.slow
    torch.testing.assert_close(out[:, 0, slow], x[:, 0, slow])
    torch.testing.assert_close(out[:, 2], raw[:, 2], atol=0.1, rtol=0)
    assert not torch.allclose(out[:, 1, slow], raw[:, 1, slow])
    torch.testing.assert_close(out[..., ~slow], raw[..., ~slow])


def test_slow_channels_have_slow_noise():
    config = replace(tiny_config(), pose_noise_s=0.4, eyes_noise_s=0.1)
    response = config.noise_response()
    settled = (response.square().cumsum(0) < 0.99).sum(0)
    assert response.shape[1] == config.motion_dim
    assert settled[ARKIT_EXPRESSIONS.index("jawOpen")] == 0
    assert 0 < settled[ARKIT_EXPRESSIONS.index("eyeLookInLeft")] < settled[NUM_EXPRESSIONS]
    assert settled[ARKIT_EXPRESSIONS.index("browInnerUp")] == settled[-1] == settled[NUM_EXPRESSIONS]


def test_lids_are_sampled_from_livelier_noise_and_lips_from_calmer():
    config = replace(tiny_config(), lid_temperature=1.5, lip_temperature=0.5)
    spread = config.sampling_response().square().sum(0).sqrt()
    lids = [i for i, name in enumerate(ARKIT_EXPRESSIONS) if name.startswith(("eyeBlink", "eyeSquint", "eyeWide"))]
    assert len(lids) == 6
    torch.testing.assert_close(spread[lids], torch.full((6,), 1.5))
    torch.testing.assert_close(spread[list(LIP_CHANNELS)], torch.full((len(LIP_CHANNELS),), 0.5))
    rest = [i for i in range(config.motion_dim) if i not in lids and i not in LIP_CHANNELS]
    torch.testing.assert_close(spread[rest], torch.ones(len(rest)))


def test_normalise_round_trip():
    network = tiny_network()
    network.motion_mean.uniform_(-1, 1)
    network.motion_std.uniform_(0.1, 2)
    x, _, _ = _inputs()
    torch.testing.assert_close(network.denormalise(network.normalise(x)), x)


def test_rotation_scores_depend_on_distance_only():
    table = rotary_table(0, 20, 8, torch.device("cpu"))
    q, k = torch.randn(2, 1, 1, 1, 8, generator=torch.Generator().manual_seed(0))
    q, k = rotate(q.expand(1, 1, 20, 8), table), rotate(k.expand(1, 1, 20, 8), table)
    scores = (q @ k.transpose(-1, -2))[0, 0]
    torch.testing.assert_close(scores[3, 1], scores[15, 13])
    torch.testing.assert_close(q.norm(dim=-1), q[:, :, :1].norm(dim=-1).expand(1, 1, 20))


def test_steps_are_told_apart():
    embedded = sinusoidal(torch.arange(0, 1001, 10), 16)
    assert torch.pdist(embedded).min() > 1e-2


def test_lip_channels():
    names = {ARKIT_EXPRESSIONS[i] for i in LIP_CHANNELS}
    assert {"jawOpen", "mouthClose", "mouthPucker", "mouthPressLeft", "tongueOut"} <= names
    assert not any("eye" in name or "brow" in name for name in names)


def test_golden_output():
    """Regenerate only with a commit that says why the network changed."""
    network = tiny_network(seed=1)
    x, t, audio = _inputs()
    out = network(x, t, audio=audio)
    golden = [-0.072495, -0.077715, 0.272818, 0.000427, -0.2943, 1.540215]
    torch.testing.assert_close(out[0, [0, 9], :3].flatten(), torch.tensor(golden), atol=2e-5, rtol=0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width": 18, "heads": 4}, r"width must be a multiple of 2 \* heads. Got 18, 4"),
        ({"audio_ahead": 3}, r"audio_ahead must be even and at least 2. Got 4 and 3"),
        ({"ramp_frames": 0}, r"ramp_frames must be a whole number of at least 1. Got 0"),
        ({"heads": 0}, r"heads must be a whole number of at least 1. Got 0"),
        ({"pose_noise_s": -1.0}, r"pose_noise_s must lie in 0 to 10. Got -1"),
        ({"lid_temperature": float("nan")}, r"lid_temperature must lie in 0 to 10. Got nan"),
        ({"joint_names": ("tail",)}, r"joint_names must be SMPL-X joints. Got tail"),
    ],
)
def test_refuses_impossible_settings(settings: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        MotionConfig(**settings)


def test_default_size():
    network = MotionDenoiser(MotionConfig())
    assert 2.5e6 < sum(parameter.numel() for parameter in network.parameters()) < 4e6
    assert len(network.blocks) == 4
