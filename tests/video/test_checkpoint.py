import json
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from tests.video.sd15_files import write_folder
from tests.video.tiny_video import tiny_config, tiny_network, tiny_sd15, wake
from vlogger_core.errors import InputError
from vlogger_core.video.checkpoint import load_video_model, save_video_model
from vlogger_core.video.network import VideoNetwork
from vlogger_core.video.sd15 import sd15_config


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.safetensors"
    save_video_model(path, tiny_network(), dtype=torch.float32)
    return path


def _rewrite(path: Path, **changes: object) -> None:
    config = {**asdict(tiny_config()), **changes}
    save_file(load_file(path), path, {"format": "vlogger-video-model", "version": "1", "config": json.dumps(config)})


def test_round_trip(saved: Path):
    network = load_video_model(saved)
    assert network.config == tiny_config()
    for name, value in tiny_network().state_dict().items():
        assert torch.equal(network.state_dict()[name], value)
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_half_precision_is_the_default(tmp_path: Path):
    path = tmp_path / "half.safetensors"
    save_video_model(path, tiny_network())
    assert {value.dtype for value in load_file(path).values()} == {torch.float16}
    wanted = tiny_network().base.conv_in.weight
    torch.testing.assert_close(load_video_model(path).base.conv_in.weight, wanted, atol=1e-3, rtol=1e-3)


def test_on_a_foreign_base_only_what_was_trained_is_kept(tmp_path: Path):
    base = tiny_sd15()
    config = sd15_config(base, size=8, token_grid=2)
    network = VideoNetwork(config, base=base.unet, autoencoder=base.autoencoder)
    for part in ("control", "embed", "temporal"):
        wake(network, part)
    path, folder = tmp_path / "trained.safetensors", write_folder(tmp_path / "sd15", tiny_sd15())
    save_video_model(path, network, dtype=torch.float32)
    with safe_open(path, framework="pt") as file:
        names = set(file.keys())
    assert not any(name.startswith("autoencoder.") for name in names)
    assert all(".temporal." in name for name in names if name.startswith("base."))

    loaded = load_video_model(path, base=folder)
    assert loaded.config == config
    for name, value in network.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value), name
    with pytest.raises(InputError, match=r"needs the Stable Diffusion 1.5 that it was trained on"):
        load_video_model(path)


def test_missing(tmp_path: Path):
    with pytest.raises(InputError, match="There is no video model at"):
        load_video_model(tmp_path / "none.safetensors")


def test_truncated(saved: Path):
    saved.write_bytes(saved.read_bytes()[:500])
    with pytest.raises(InputError, match="is damaged or not a safetensors file"):
        load_video_model(saved)


def test_another_kind_of_file(tmp_path: Path):
    save_file({"weight": torch.zeros(2)}, tmp_path / "foreign.safetensors")
    with pytest.raises(InputError, match="is not a VLOGGER video model"):
        load_video_model(tmp_path / "foreign.safetensors")


def test_another_control_layout(saved: Path):
    _rewrite(saved, parts=["background", "body"])
    with pytest.raises(InputError, match=r"another control layout \(2 parts, this pack renders 19\)"):
        load_video_model(saved)


@pytest.mark.parametrize("changes", [{"speed": 1}, {"space": "sound"}, {"channels": "wide"}, {"patch": 3}])
def test_unusable_configuration(saved: Path, changes: dict):
    _rewrite(saved, **changes)
    with pytest.raises(InputError, match="carries no usable configuration"):
        load_video_model(saved)


def test_weights_that_do_not_fit(saved: Path):
    _rewrite(saved, control_width=12)
    with pytest.raises(InputError, match="does not fit the configuration it carries"):
        load_video_model(saved)
