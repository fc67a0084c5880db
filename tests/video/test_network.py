from collections import Counter
from dataclasses import replace

import pytest
import torch

from tests.video.tiny_video import (
    tiny_config,
    tiny_controls,
    tiny_network,
    tiny_sd15,
    tiny_upscaler_config,
    wake,
)
from vlogger_core.video.config import EMBEDDED_256, EMBEDDED_512, EMBEDDED_BASE
from vlogger_core.video.network import VideoNetwork, group_of, start_frames, train_only
from vlogger_core.video.sd15 import sd15_config


def _noisy(network: VideoNetwork, num_frames: int = 3, batch: int = 1, seed: int = 0) -> torch.Tensor:
    config, generator = network.config, torch.Generator().manual_seed(seed)
    return torch.randn(batch, num_frames, config.signal_channels, 4, 4, generator=generator)


def _x0(network: VideoNetwork, x: torch.Tensor | None = None, **changes: object) -> torch.Tensor:
    controls = tiny_controls()
    given = {"controls": controls, "reference": controls.reference, **changes}
    return network(_noisy(network) if x is None else x, torch.tensor([12]), **given)


def _latent_network(**changes: object) -> VideoNetwork:
    base = tiny_sd15()
    config = sd15_config(base, size=8, token_grid=2, diffusion_steps=20, **changes)
    return VideoNetwork(config, base=base.unet, autoencoder=base.autoencoder).eval().requires_grad_(False)


def _latent_x0(network: VideoNetwork, **changes: object) -> torch.Tensor:
    controls = tiny_controls(size=8)
    return _x0(network, **{"controls": controls, "reference": controls.reference, **changes})


@pytest.mark.parametrize("entry", ["copy", "input"])
def test_untrained_gives_the_composite(entry: str):
    network = tiny_network(tiny_config(control_entry=entry), trained=False)
    assert torch.equal(_x0(network), network.space.encode(tiny_controls().composite()))


def test_untrained_upscaler_lays_the_stage_before_over_the_composite():
    network = tiny_network(tiny_upscaler_config(), trained=False)
    controls = tiny_controls(size=32)
    previous = torch.rand(1, 3, 3, 16, 16)
    x0 = _x0(network, controls=controls, reference=controls.reference, previous=previous)
    assert torch.equal(x0, network.space.encode(start_frames(controls, previous)))
    small = torch.nn.functional.interpolate(
        controls.composite()[0], (16, 16), mode="bilinear", align_corners=False, antialias=True
    )
    torch.testing.assert_close(start_frames(controls, small[None]), controls.composite())


def test_what_did_not_move_stays_the_photo():
    network = tiny_network(tiny_config(still=0.05))
    all_of_it = tiny_network()
    controls = tiny_controls()
    resting = replace(
        controls,
        warp=controls.reference[:, None].expand_as(controls.warp),
        background=controls.reference,
    )
    assert torch.equal(_x0(network, controls=resting), network.space.encode(resting.composite()))
    assert not torch.equal(_x0(all_of_it, controls=resting), network.space.encode(resting.composite()))
    elsewhere = replace(resting, reference=(resting.reference + 0.5) % 1)
    same = {"controls": elsewhere, "reference": elsewhere.reference}
    torch.testing.assert_close(_x0(network, **same), _x0(all_of_it, **same))


def test_a_network_may_go_without_the_reference():
    network, blind = (tiny_network(tiny_config(sees_reference=sees)) for sees in (True, False))
    blind.load_state_dict(network.state_dict())
    assert torch.equal(_x0(blind), _x0(network, reference=None))
    assert not torch.equal(_x0(blind), _x0(network))


def test_same_input_same_output():
    assert torch.equal(_x0(tiny_network()), _x0(tiny_network()))
    assert not torch.equal(_x0(tiny_network()), _x0(tiny_network(seed=1)))


def test_reference_and_its_absence_count():
    network = tiny_network()
    whole = _x0(network)
    assert not torch.allclose(whole, _x0(network, reference=1 - tiny_controls().reference))
    assert not torch.allclose(whole, _x0(network, reference=None))
    assert not torch.allclose(whole, _x0(network, controls=None))


@pytest.mark.parametrize("entry", ["copy", "input"])
def test_dropped_conditions_are_absent_ones(entry: str):
    network = tiny_network(tiny_config(control_entry=entry))
    controls, x = tiny_controls(batch=2), _noisy(network, batch=2)
    t, keep = torch.tensor([5, 12]), torch.tensor([True, False])
    given = {"controls": controls, "reference": controls.reference}
    both = network(x, t, **given)
    no_controls = network(x, t, **given, keep_controls=keep)
    no_reference = network(x, t, **given, keep_reference=keep)
    for dropped in (no_controls, no_reference):
        torch.testing.assert_close(dropped[0], both[0])
    torch.testing.assert_close(no_controls[1], network(x, t, **{**given, "controls": None})[1])
    torch.testing.assert_close(no_reference[1], network(x, t, **{**given, "reference": None})[1])


def test_frames_may_stand_at_different_steps():
    network = tiny_network()
    controls, x = tiny_controls(), _noisy(network)
    given = {"controls": controls, "reference": controls.reference}
    alike = network(x, torch.full((1, 3), 12), **given)
    torch.testing.assert_close(alike, network(x, torch.tensor([12]), **given))
    assert not torch.allclose(alike, network(x, torch.tensor([[0, 12, 12]]), **given))


def test_frames_see_their_neighbours_only_through_time():
    network = tiny_network(trained=False)
    wake(network, "conv_out")
    x = _noisy(network)
    changed = x.clone()
    changed[:, 2] += 1
    torch.testing.assert_close(_x0(network, x)[:, :2], _x0(network, changed)[:, :2])
    wake(network, "temporal")
    assert not torch.allclose(_x0(network, x)[:, :2], _x0(network, changed)[:, :2])


def test_pictures_need_not_be_square_nor_multiples_of_all_levels():
    network = tiny_network()
    controls = tiny_controls()
    cut = {name: value[..., :12] for name, value in controls.__dict__.items() if value is not None}
    tall = controls.__class__(**cut)
    x = _noisy(network)[..., :3]
    assert _x0(network, x, controls=tall, reference=tall.reference).shape == x.shape


def test_epsilon_and_v_are_told_as_x0():
    network = _latent_network()
    x = _noisy(network)
    alpha, sigma = network.schedule.alpha_sigma(torch.tensor([12]), x)
    x0 = _latent_x0(network)
    epsilon = (x - alpha * x0) / sigma
    v_network = _latent_network()
    object.__setattr__(v_network.config, "prediction", "v")
    torch.testing.assert_close(_latent_x0(v_network), alpha * x - sigma * epsilon, atol=1e-4, rtol=1e-3)


def test_untrained_on_a_foreign_base_is_that_base():
    network = _latent_network()
    x = _noisy(network)
    tokens = network.encode_reference(tiny_controls(size=8).reference).repeat(3, 1, 1)
    plain = tiny_sd15().unet(x[0], torch.full((3,), 11), tokens).sample
    alpha, sigma = network.schedule.alpha_sigma(torch.tensor([12]), x)
    torch.testing.assert_close(_latent_x0(network), (x - sigma * plain[None]) / alpha)


@pytest.mark.parametrize("part", ["base", "control", "temporal"])
def test_each_part_of_a_foreign_base_s_model_counts(part: str):
    untouched = _latent_x0(_latent_network())
    network = _latent_network()
    if part == "base":
        network.base.conv_in.weight.mul_(1.1)
    else:
        wake(network, {"control": "", "temporal": "base.down_blocks.0.resnets.0.norm2.temporal"}[part])
    assert not torch.allclose(_latent_x0(network), untouched)


def test_copy_begins_with_the_base_s_encoder():
    network = _latent_network()
    base, control = network.base.state_dict(), network.control.state_dict()
    shared = set(base) & set(control)
    assert {name.partition(".")[0] for name in shared} == {"conv_in", "time_embedding", "down_blocks", "mid_block"}
    assert all(torch.equal(base[name], control[name]) for name in shared)


def test_training_a_group_leaves_the_others_alone():
    network = tiny_network().requires_grad_(True)
    names = {group: [] for group in ("base", "control", "reference", "temporal")}
    for name, _ in network.named_parameters():
        names[group_of(name)].append(name)
    assert all(names.values())
    trained = train_only(network, ["temporal"])
    assert len(trained) == len(names["temporal"]) == 8
    _x0(network).square().mean().backward()
    for name, parameter in network.named_parameters():
        assert (parameter.grad is not None) == (name in names["temporal"]), name


def test_every_weight_learns():
    network = tiny_network().requires_grad_(True)
    controls = tiny_controls(batch=2)
    keep = torch.tensor([True, False])
    x = _noisy(network, batch=2)
    x0 = network(x, torch.tensor([5, 12]), controls=controls, reference=controls.reference, keep_reference=keep)
    x0.square().mean().backward()
    still = [
        name for name, parameter in network.named_parameters() if parameter.grad is None or not parameter.grad.any()
    ]
    assert still == []


@pytest.mark.parametrize(
    ("config", "low", "high"), [(EMBEDDED_BASE, 4e6, 12e6), (EMBEDDED_256, 8e5, 2e6), (EMBEDDED_512, 8e5, 2e6)]
)
def test_embedded_sizes(config, low: float, high: float):
    sizes = Counter()
    with torch.device("meta"):
        for name, parameter in VideoNetwork(config).named_parameters():
            sizes[group_of(name)] += parameter.numel()
    assert low <= sizes.total() <= high


def test_refuses_what_does_not_suit_the_model():
    with pytest.raises(ValueError, match=r"autoencoder must be given for a latent model only. Got space latent"):
        VideoNetwork(tiny_config(space="latent"))
    with pytest.raises(ValueError, match=r"previous must be given to upscalers only. Got a model of upscale 1"):
        tiny_network().encode_controls(tiny_controls(), torch.rand(1, 3, 3, 8, 8))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_precisions(dtype: torch.dtype):
    network = tiny_network()
    x0 = _x0(network)
    other = _x0(network.to(dtype))
    assert other.dtype == torch.float32
    torch.testing.assert_close(other, x0, atol=0.1, rtol=0)


def test_golden():
    """The output of fixed weights; a change needs a reason."""
    network = tiny_network(trained=False)
    with torch.no_grad():
        for i, parameter in enumerate(network.parameters()):
            values = torch.arange(parameter.numel(), dtype=torch.float64)
            parameter.copy_((0.3 * torch.sin(values + i)).view_as(parameter))
    controls = tiny_controls()
    x = torch.linspace(-2, 2, 3 * 48 * 16).view(1, 3, 48, 4, 4)
    x0 = network(x, torch.tensor([7]), controls=controls, reference=controls.reference)
    golden = torch.tensor([-0.9433, -0.3417, -0.7313, 0.1664])
    torch.testing.assert_close(x0[0, 1, ::12, 2, 1], golden, atol=1e-3, rtol=0)
