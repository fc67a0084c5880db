import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.video.sd15_files import on_meta, original_autoencoder_shapes, original_unet_shapes, write_folder
from tests.video.tiny_video import tiny_sd15
from vlogger_core.errors import InputError
from vlogger_core.video.config import SD15
from vlogger_core.video.network import VideoNetwork, group_of
from vlogger_core.video.sd15 import (
    AUTOENCODER,
    UNET,
    StableDiffusion,
    build_autoencoder,
    build_unet,
    load_sd15,
    original_autoencoder,
    original_unet,
    sd15_config,
)


def _shapes(tensors: dict[str, torch.Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in tensors.items()}


def test_published_unet_fits_strictly():
    published = original_unet_shapes()
    assert len(published) == 686
    assert sum(math.prod(shape) for shape in published.values()) == 859_520_964
    with torch.device("meta"):
        unet = build_unet(UNET)
    converted = original_unet(on_meta(published), unet.config)
    assert _shapes(converted) == _shapes(unet.state_dict())
    unet.load_state_dict(converted, strict=True, assign=True)


def test_published_autoencoder_fits_strictly():
    published = original_autoencoder_shapes()
    assert len(published) == 248
    assert sum(math.prod(shape) for shape in published.values()) == 83_653_863
    with torch.device("meta"):
        autoencoder = build_autoencoder(AUTOENCODER)
    converted = original_autoencoder(on_meta(published), autoencoder.config)
    assert _shapes(converted) == _shapes(autoencoder.state_dict())
    autoencoder.load_state_dict(converted, strict=True, assign=True)


def test_video_model_of_the_published_size():
    with torch.device("meta"):
        base = StableDiffusion(unet=build_unet(UNET), autoencoder=build_autoencoder(AUTOENCODER), prediction="epsilon")
        config = sd15_config(base)
        network = VideoNetwork(config, base=base.unet, autoencoder=base.autoencoder)
    assert config == SD15
    shapes = _shapes(network.state_dict())
    base_names = {name for name in shapes if name.startswith("base.") and ".temporal." not in name}
    assert base_names == {f"base.{name}" for name in build_names(base)}
    assert shapes["base.down_blocks.3.resnets.0.norm2.temporal.weight"] == (1280, 1280, 3)
    assert shapes["control.controlnet_mid_block.weight"] == (1280, 1280, 1, 1)
    assert {group_of(name) for name in shapes if not name.startswith("autoencoder.")} == {
        "base", "control", "reference", "temporal",
    }  # fmt: skip


def build_names(base: StableDiffusion) -> set[str]:
    """The U-Net's own names, without what time adds."""
    return {name for name in base.unet.state_dict() if ".temporal." not in name}


def test_reads_a_folder(tmp_path: Path):
    base = tiny_sd15()
    folder = write_folder(tmp_path / "sd15", base, prediction="v_prediction")
    loaded = load_sd15(folder)
    assert loaded.prediction == "v"
    for one, other in ((loaded.unet, base.unet), (loaded.autoencoder, base.autoencoder)):
        assert all(torch.equal(value, other.state_dict()[name]) for name, value in one.state_dict().items())
        assert not any(parameter.requires_grad for parameter in one.parameters())


def test_reads_the_published_folder_s_old_names(tmp_path: Path):
    folder = write_folder(tmp_path / "sd15", tiny_sd15())
    path = folder / "vae" / "diffusion_pytorch_model.safetensors"
    new = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    old = {}
    for name, value in load_file(path).items():
        for now, then in new.items():
            name = name.replace(f"attentions.0.{now}.", f"attentions.0.{then}.")
        old[name] = value
    assert any(".query." in name for name in old)
    save_file(old, path)
    wanted = tiny_sd15().autoencoder.state_dict()
    assert all(torch.equal(value, wanted[name]) for name, value in load_sd15(folder).autoencoder.state_dict().items())


def test_refuses_other_models(tmp_path: Path):
    path = tmp_path / "other.safetensors"
    save_file({"model.diffusion_model.out.2.weight": torch.zeros(4, 320, 3, 3), "lora_a": torch.zeros(1)}, path)
    with pytest.raises(InputError, match=r"The U-Net in .* is not that of Stable Diffusion 1.5: \d+ tensors"):
        load_sd15(path)


def test_refuses_what_is_not_there(tmp_path: Path):
    with pytest.raises(InputError, match=r"There is no Stable Diffusion 1.5 at"):
        load_sd15(tmp_path / "none.safetensors")
    with pytest.raises(InputError, match=r"There is no .*config.json: choose the folder that holds unet, vae"):
        load_sd15(tmp_path)
    folder = write_folder(tmp_path / "sd15", tiny_sd15())
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(InputError, match=r"is damaged or not a safetensors file"):
        load_sd15(folder)
    weights.unlink()
    with pytest.raises(InputError, match=r"has no diffusion_pytorch_model.safetensors"):
        load_sd15(folder)


def test_refuses_an_unknown_prediction(tmp_path: Path):
    folder = write_folder(tmp_path / "sd15", tiny_sd15(), prediction="flow")
    with pytest.raises(InputError, match=r"names the prediction flow. Choose a base of epsilon, v_prediction, sample"):
        load_sd15(folder)
