import torch
from torch import nn

from tests.video.tiny_video import tiny_config, tiny_controls, tiny_network, tiny_upscaler_config, wake
from vlogger_core.video.blocks import ReferenceEncoder, TemporalGroupNorm, add_time
from vlogger_core.video.network import make_base


def _norm() -> TemporalGroupNorm:
    norm = nn.GroupNorm(2, 6)
    nn.init.normal_(norm.weight)
    return TemporalGroupNorm(norm, 3)


def test_time_begins_as_identity():
    norm = _norm()
    x = torch.randn(8, 6, 5, 4)
    norm.num_frames = 4
    plain = nn.GroupNorm(2, 6)
    plain.load_state_dict({"weight": norm.weight, "bias": norm.bias})
    torch.testing.assert_close(norm(x), plain(x))


def test_time_is_a_convolution_along_the_frames_of_each_clip():
    norm = _norm()
    wake(norm)
    norm.num_frames = 4
    x = torch.randn(8, 6, 5, 4)
    slow = torch.stack(
        [
            torch.stack([norm.temporal(clip[:, :, i, j].T) for i in range(5) for j in range(4)], -1).unflatten(
                -1, (5, 4)
            )
            for clip in x.unflatten(0, (2, 4))
        ]
    )
    mixed = x + slow.movedim(2, 1).flatten(0, 1)
    torch.testing.assert_close(norm(x), nn.functional.group_norm(mixed, 2, norm.weight, norm.bias), atol=1e-5, rtol=0)


def test_clips_of_a_batch_do_not_see_each_other():
    norm = _norm()
    wake(norm)
    norm.num_frames = 4
    x = torch.randn(8, 6, 4, 4)
    changed = x.clone()
    changed[4:] += 1
    assert torch.equal(norm(x)[:4], norm(changed)[:4])
    assert not torch.equal(norm(x)[3:4], norm(torch.cat([x[:2], x[2:3] + 1, x[3:]]))[3:4])


def test_time_is_added_once_a_level_and_leaves_the_image_model_s_names():
    base = make_base(tiny_config())
    before = set(base.state_dict())
    add_time(base.down_blocks, 3)
    added = set(base.state_dict()) - before
    assert before <= set(base.state_dict())
    assert added == {
        f"down_blocks.{i}.resnets.0.norm2.temporal.{kind}" for i in range(2) for kind in ("weight", "bias")
    }


def test_reference_of_any_size_becomes_the_same_tokens():
    encoder = ReferenceEncoder(tiny_config())
    photo = torch.rand(1, 3, 24, 16)
    larger = nn.functional.interpolate(photo, scale_factor=4, mode="nearest")
    assert encoder(photo).shape == (1, 4, 12)
    torch.testing.assert_close(encoder(photo), encoder(larger), atol=0.3, rtol=0)
    assert not torch.allclose(encoder(photo), encoder(photo.flip(-1)), atol=1e-3)


def test_every_control_is_seen():
    network = tiny_network(tiny_upscaler_config())
    controls, previous = tiny_controls(2, 32), torch.rand(1, 2, 3, 16, 16)
    features = network.encode_controls(controls, previous).features
    assert features.shape == (2, 8, 4, 4)
    for name in ("dense", "parts", "warp", "warp_valid", "matte", "background"):
        other = controls.__class__(**{**controls.__dict__, name: 1 - getattr(controls, name)})
        assert not torch.allclose(network.encode_controls(other, previous).features, features), name
    assert not torch.allclose(network.encode_controls(controls, 1 - previous).features, features)
