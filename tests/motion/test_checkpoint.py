import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.motion.tiny_motion import tiny_config, tiny_network
from vlogger_core.errors import InputError
from vlogger_core.motion.checkpoint import SHIPPED_WEIGHTS, load_motion_model, save_motion_model


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.safetensors"
    save_motion_model(path, tiny_network(), dtype=torch.float32)
    return path


def test_round_trip(saved: Path):
    model = load_motion_model(saved)
    assert model.config == tiny_config()
    for name, value in tiny_network().state_dict().items():
        assert torch.equal(model.network.state_dict()[name], value)
    assert not model.network.training
    assert model.schedule.num_steps == 50


def test_half_precision_keeps_normalisation_exact(tmp_path: Path):
    network = tiny_network()
    network.motion_std.fill_(0.0012345)
    save_motion_model(tmp_path / "half.safetensors", network)
    loaded = load_motion_model(tmp_path / "half.safetensors").network
    assert torch.equal(loaded.motion_std, network.motion_std)
    torch.testing.assert_close(loaded.motion_out.weight, network.motion_out.weight, atol=1e-3, rtol=1e-3)


def test_missing(tmp_path: Path):
    with pytest.raises(InputError, match="There is no motion model at"):
        load_motion_model(tmp_path / "none.safetensors")


@pytest.mark.parametrize("keep", [0, 5, 200, 0.5])
def test_truncated(saved: Path, keep: float):
    data = saved.read_bytes()
    saved.write_bytes(data[: int(keep if keep != 0.5 else len(data) // 2)])
    with pytest.raises(InputError, match="is damaged or not a safetensors file"):
        load_motion_model(saved)


def test_foreign_safetensors(tmp_path: Path):
    path = tmp_path / "foreign.safetensors"
    save_file({"weight": torch.zeros(2)}, path)
    with pytest.raises(InputError, match="is not a VLOGGER motion model"):
        load_motion_model(path)


def _rewrite(path: Path, **changes: str) -> None:
    config = {**tiny_config().__dict__, "fps": "24"}
    metadata = {"format": "vlogger-motion-model", "version": "1", "config": json.dumps(config), **changes}
    save_file(load_file(path), path, metadata)


def test_newer_version(saved: Path):
    _rewrite(saved, version="2")
    with pytest.raises(InputError, match="of version 2, this pack reads 1: update the pack"):
        load_motion_model(saved)


@pytest.mark.parametrize("config", ["", "[]", '{"width": 16}', '{"speed": 1, "fps": "24", "joint_names": []}'])
def test_unusable_configuration(saved: Path, config: str):
    _rewrite(saved, config=config)
    with pytest.raises(InputError, match="carries no usable configuration"):
        load_motion_model(saved)


def test_weights_that_do_not_fit(saved: Path):
    config = {**tiny_config().__dict__, "fps": "24", "width": 32}
    _rewrite(saved, config=json.dumps(config))
    with pytest.raises(InputError, match="does not fit the configuration it carries"):
        load_motion_model(saved)


def test_shipped_weights_load_and_are_small():
    model = load_motion_model()
    assert model.config.feature_kind == "mel80x4"
    assert SHIPPED_WEIGHTS.stat().st_size <= 8_000_000
