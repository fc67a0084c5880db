import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import functional_call

from tests.video.tiny_video import tiny_config, tiny_controls, tiny_network, tiny_sd15
from vlogger_core.video.adapters import STILL, adapted, adapted_names, changed_weights, new_adapter, scaled
from vlogger_core.video.network import VideoNetwork, group_of
from vlogger_core.video.sd15 import sd15_config

STEP = torch.tensor([20])


def random_adapter(network: VideoNetwork, rank: int | None, *, size: float = 0.2) -> dict[str, Tensor]:
    """One that changes something."""
    generator = torch.Generator().manual_seed(3)
    adapter = new_adapter(network, rank, generator=generator)
    return {name: value + size * torch.randn(value.shape, generator=generator) for name, value in adapter.items()}


def said(network: VideoNetwork) -> Tensor:
    controls = tiny_controls()
    return network(torch.zeros(1, 3, 48, 4, 4), STEP, controls=controls, reference=controls.reference)


@pytest.mark.parametrize("rank", [1, 4, None])
def test_a_new_adapter_changes_nothing(rank: int | None):
    network = tiny_network()
    adapter = new_adapter(network, rank, generator=torch.Generator().manual_seed(0))
    assert torch.equal(said(adapted(network, adapter)), said(network))


@pytest.mark.parametrize("rank", [3, None])
def test_strength_goes_from_the_base_to_what_was_trained(rank: int | None):
    network = tiny_network()
    adapter = random_adapter(network, rank)
    base, half, whole = (said(adapted(network, adapter, strength)) for strength in (0.0, 0.5, 1.0))
    assert torch.equal(base, said(network))
    assert not torch.equal(half, base)
    assert (whole - base).abs().mean() > (half - base).abs().mean()


@pytest.mark.parametrize("rank", [3, None])
def test_a_scaled_adapter_is_a_strength(rank: int | None):
    network = tiny_network()
    adapter = random_adapter(network, rank)
    weaker = said(adapted(network, scaled(adapter, 0.5)))
    torch.testing.assert_close(weaker, said(adapted(network, adapter, 0.5)), atol=1e-5, rtol=1e-4)


def test_training_runs_what_a_copy_runs():
    network = tiny_network()
    adapter = random_adapter(network, 2)
    controls = tiny_controls()
    live = functional_call(
        network,
        changed_weights(network, adapter),
        (torch.zeros(1, 3, 48, 4, 4), STEP),
        {"controls": controls, "reference": controls.reference},
    )
    torch.testing.assert_close(live, said(adapted(network, adapter)))


def test_a_convolutions_change_is_two_convolutions():
    network = tiny_network()
    adapter = random_adapter(network, 2)
    name, conv = "base.conv_out.weight", network.base.conv_out
    changed = changed_weights(network, adapter)[name]
    x = torch.randn(1, conv.in_channels, 6, 6)
    down = adapter[f"{name}.down"].view(2, conv.in_channels, 3, 3)
    up = adapter[f"{name}.up"][:, :, None, None]
    whole = F.conv2d(x, conv.weight, padding=1) + F.conv2d(F.conv2d(x, down, padding=1), up)
    torch.testing.assert_close(F.conv2d(x, changed, padding=1), whole, atol=1e-5, rtol=1e-4)


def test_the_given_network_stays_as_it_is():
    network = tiny_network()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    adapted(network, random_adapter(network, 2))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_a_low_rank_is_small_and_never_above_the_matrix():
    network = tiny_network()
    small, large = (new_adapter(network, rank, generator=torch.Generator()) for rank in (1, 1000))
    whole = new_adapter(network, None, generator=torch.Generator())
    count = [sum(value.numel() for value in adapter.values()) for adapter in (small, whole)]
    assert count[0] < count[1] / 4
    assert all(len(value) <= value.shape[1] for name, value in large.items() if name.endswith(".down"))


def test_time_and_autoencoder_are_left_alone():
    base = tiny_sd15()
    network = VideoNetwork(sd15_config(base, clip_frames=4, size=16), base=base.unet, autoencoder=base.autoencoder)
    names = adapted_names(network)
    assert {group_of(name) for name in names} == {"base", "control", "reference"}
    assert not any(name.startswith("autoencoder.") for name in names)


def test_number_formats_are_kept():
    network = tiny_network().half()
    made = adapted(network, random_adapter(network, 2))
    assert made.dtype == torch.float16


def test_another_networks_adapter_is_refused():
    other = random_adapter(tiny_network(tiny_config(channels=(16, 32))), 2)
    with pytest.raises(ValueError, match="adapter must fit the network"):
        adapted(tiny_network(), other)
    with pytest.raises(ValueError, match="rank must be at least 1"):
        new_adapter(tiny_network(), 0, generator=torch.Generator())
    own = random_adapter(tiny_network(), 2)
    own.pop("base.conv_out.weight.up")
    with pytest.raises(ValueError, match="down and up of one rank"):
        adapted(tiny_network(), own)


def test_a_person_is_known_where_nothing_moves_too():
    network = tiny_network(tiny_config(still=0.08))
    adapter = random_adapter(network, 2) | {STILL: torch.tensor(0.02)}
    limits = [adapted(network, adapter, strength).config.still for strength in (0.0, 0.5, 1.0, 1.5)]
    assert limits == pytest.approx([0.08, 0.05, 0.02, 0.02])
    assert adapted(network, scaled(adapter, 0.5)).config.still == pytest.approx(0.02)
    assert network.config.still == 0.08


def test_a_base_that_changes_everything_goes_on_doing_so():
    assert adapted(tiny_network(), {STILL: torch.tensor(0.02)}).config.still == 0
