from types import ModuleType
from typing import Any

import pytest
import torch

from tests.video.tiny_video import tiny_config, tiny_network, tiny_sd15
from vlogger_core.video.models import VideoModels
from vlogger_core.video.network import VideoNetwork
from vlogger_core.video.sd15 import sd15_config


@pytest.fixture
def elsewhere(pack: ModuleType, monkeypatch: pytest.MonkeyPatch) -> torch.device:
    """A device that is not the CPU."""
    import comfy.model_management as management

    device = torch.device("meta")
    monkeypatch.setattr(management, "get_torch_device", lambda: device)
    return device


def devices(network: torch.nn.Module) -> set[str]:
    return {weight.device.type for weight in network.parameters()}


def test_a_network_is_computed_with_as_comfyui_says(pack: ModuleType) -> None:
    network = tiny_network()
    model = pack.managed.managed(network)
    assert model.model is network
    assert model.load_device == pack.runtime.device()
    assert network.dtype == torch.float32  # As ComfyUI computes on a CPU.


def test_only_what_a_video_needs_is_loaded(pack: ModuleType) -> None:
    import comfy.model_management as management

    larger = {"upscale": 2, "patch": 8, "coarse": 4, "control_entry": "input"}
    networks = VideoModels(
        base=tiny_network(tiny_config(size=32)),
        upscalers=tuple(tiny_network(tiny_config(size=size, **larger)) for size in (64, 128)),
    )
    video = pack.managed.video_model(networks)
    said: list[str] = []
    assert video.to_device((80, 64), None, said.append) is networks
    assert [patcher.loaded_size() > 0 for patcher in video.patchers] == [True, True, False]
    other = pack.managed.video_model(networks)
    other.to_device((160, 128), None, said.append, above=64)
    loaded = [patcher.model for patcher in management.loaded_models()]
    assert networks.upscalers[1] in loaded
    assert not said


def test_a_video_that_may_not_fit_is_told(pack: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    import comfy.model_management as management

    video = pack.managed.video_model(VideoModels(base=tiny_network(tiny_config(size=32))))
    monkeypatch.setattr(management, "get_free_memory", lambda *_: 2**24)
    said: list[str] = []
    video.to_device((40, 32), 2, said.append)
    assert not said
    video.to_device((40, 32), 256, said.append)
    assert "GiB of memory, and cpu has 0.0 GiB free" in said[0]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_network_takes_the_format_that_a_user_asks_for(
    pack: ModuleType, monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype
) -> None:
    import comfy.model_management as management
    from comfy.cli_args import args

    monkeypatch.setattr(args, "fp16_unet" if dtype == torch.float16 else "bf16_unet", True)
    monkeypatch.setattr(management, "should_use_fp16", lambda *_, **__: dtype == torch.float16)
    monkeypatch.setattr(management, "should_use_bf16", lambda *_, **__: dtype == torch.bfloat16)
    base = tiny_sd15()
    network = VideoNetwork(sd15_config(base, clip_frames=4), base=base.unet, autoencoder=base.autoencoder)
    pack.managed.managed(network)
    assert network.dtype == dtype
    assert {weight.dtype for weight in network.autoencoder.parameters()} == {
        torch.bfloat16 if dtype == torch.bfloat16 else torch.float32
    }


def test_a_network_is_on_the_device_as_a_whole_or_not(pack: ModuleType, elsewhere: torch.device) -> None:
    model = pack.managed.managed(tiny_network())
    model.partially_load(elsewhere, 0.1)  # As ComfyUI loads with --novram.
    assert devices(model.model) == {"meta"}
    assert model.partially_unload(torch.device("cpu"), 1) == 0
    assert devices(model.model) == {"meta"}


def test_half_precision_gives_nearly_the_same_video(pack: ModuleType) -> None:
    from tests.video.tiny_video import TinySource, tiny_controls
    from vlogger_core.video.sampler import SamplerSettings, frames_of, sample_video

    source = TinySource(tiny_controls(num_frames=6))
    made: list[Any] = []
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        network = tiny_network(tiny_config()).to(dtype)
        made.append(torch.cat(list(frames_of(sample_video(network, source, SamplerSettings(steps=2))))))
    assert (made[0] - made[1]).abs().max() < 0.02
    assert (made[0] - made[2]).abs().max() < 0.1
