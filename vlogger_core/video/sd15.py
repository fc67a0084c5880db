"""Stable Diffusion 1.5 and its fine-tunes as a frozen base, from a diffusers folder or a single .safetensors file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from ..errors import InputError
from .config import SD15, VideoConfig
from .network import Diffuser

UNET: dict[str, Any] = {"sample_size": 64, "cross_attention_dim": 768, "attention_head_dim": 8}
"""Where the U-Net of Stable Diffusion 1.5 differs from, or must not depend on, diffusers' own defaults."""
AUTOENCODER: dict[str, Any] = {
    "sample_size": 512,
    "block_out_channels": (128, 256, 512, 512),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "layers_per_block": 2,
    "latent_channels": 4,
    "scaling_factor": 0.18215,
}
"""Its autoencoder."""
_UNET_PREFIX, _AUTOENCODER_PREFIX = "model.diffusion_model.", "first_stage_model."
_PREDICTIONS = {"epsilon": "epsilon", "v_prediction": "v", "sample": "x0"}
_OLD_ATTENTION = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}
"""What diffusers once called the autoencoder's attention; the published folder still does."""


@dataclass(frozen=True, kw_only=True)
class StableDiffusion:
    """A base, in float32."""

    unet: Diffuser
    autoencoder: Diffuser
    prediction: str
    """Of `config.PREDICTIONS`."""


def load_sd15(path: Path) -> StableDiffusion:
    """Read U-Net and autoencoder; the text encoder is not needed, because the reference takes the text's place.

    Args:
        path: a diffusers folder (`unet/`, `vae/`), or one .safetensors file in the original layout.

    Raises:
        InputError: if something is missing or damaged, or it is another kind of model.
    """
    if path.is_dir():
        return _read_folder(path)
    if path.suffix.lower() != ".safetensors" or not path.is_file():
        raise InputError(
            f"There is no Stable Diffusion 1.5 at {path}: choose a diffusers folder or a .safetensors file."
        )
    tensors = _read_tensors(path)
    unet, autoencoder = _empty(build_unet, UNET), _empty(build_autoencoder, AUTOENCODER)
    _fill(unet, original_unet(tensors, unet.config), path, "U-Net")
    _fill(autoencoder, original_autoencoder(tensors, autoencoder.config), path, "autoencoder")
    return StableDiffusion(unet=unet, autoencoder=autoencoder, prediction="epsilon")


def sd15_config(base: StableDiffusion, **changes: Any) -> VideoConfig:
    """The configuration of a video model on a base, trained from here on.

    Args:
        changes: of other settings, such as `clip_frames`.
    """
    unet = base.unet.config
    patch = 2 ** (len(base.autoencoder.config["block_out_channels"]) - 1)
    return replace(
        SD15,
        patch=patch,
        latent_channels=unet["in_channels"],
        channels=tuple(unet["block_out_channels"]),
        attention=tuple("CrossAttn" in name for name in unet["down_block_types"]),
        layers=unet["layers_per_block"],
        heads=unet["attention_head_dim"],
        groups=unet["norm_num_groups"],
        token_width=unet["cross_attention_dim"],
        control_width=unet["block_out_channels"][0],
        prediction=base.prediction,
        **changes,
    )


def build_unet(config: Mapping[str, Any]) -> Diffuser:
    """diffusers' U-Net with random weights."""
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel.from_config(dict(config))


def build_autoencoder(config: Mapping[str, Any]) -> Diffuser:
    """diffusers' autoencoder with random weights."""
    from diffusers import AutoencoderKL

    return AutoencoderKL.from_config(dict(config))


def original_unet(tensors: Mapping[str, Tensor], config: Mapping[str, Any]) -> dict[str, Tensor]:
    """The U-Net of a file in the original layout, under diffusers' names; empty if the file has none."""
    from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint

    own = {name: value for name, value in tensors.items() if name.startswith(_UNET_PREFIX)}
    return convert_ldm_unet_checkpoint(own, config=config) if own else {}


def original_autoencoder(tensors: Mapping[str, Tensor], config: Mapping[str, Any]) -> dict[str, Tensor]:
    """The autoencoder of such a file."""
    from diffusers.loaders.single_file_utils import convert_ldm_vae_checkpoint

    own = {name: value for name, value in tensors.items() if name.startswith(_AUTOENCODER_PREFIX)}
    return convert_ldm_vae_checkpoint(own, config=config) if own else {}


def _read_folder(path: Path) -> StableDiffusion:
    unet = _empty(build_unet, _read_json(path / "unet" / "config.json"))
    autoencoder = _empty(build_autoencoder, _read_json(path / "vae" / "config.json"))
    _fill(unet, _read_tensors(_weights_in(path / "unet")), path, "U-Net")
    _fill(autoencoder, _renamed(_read_tensors(_weights_in(path / "vae"))), path, "autoencoder")
    scheduler = path / "scheduler" / "scheduler_config.json"
    prediction = _read_json(scheduler).get("prediction_type", "epsilon") if scheduler.is_file() else "epsilon"
    if prediction not in _PREDICTIONS:
        raise InputError(f"{scheduler} names the prediction {prediction}. Choose a base of {', '.join(_PREDICTIONS)}.")
    return StableDiffusion(unet=unet, autoencoder=autoencoder, prediction=_PREDICTIONS[prediction])


def _empty(build: Callable[[Mapping[str, Any]], Diffuser], config: Mapping[str, Any]) -> Diffuser:
    """A model whose weights are yet to come: random ones would take a minute and gigabytes."""
    with torch.device("meta"):
        return build(config)


def _weights_in(folder: Path) -> Path:
    for name in ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.fp16.safetensors"):
        if (folder / name).is_file():
            return folder / name
    raise InputError(
        f"{folder} has no diffusion_pytorch_model.safetensors: fetch the safetensors version of the model."
    )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise InputError(
            f"There is no {path}: choose the folder that holds unet, vae and scheduler (diffusers' layout)."
        ) from error
    except ValueError as error:
        raise InputError(f"{path} is damaged ({error}): fetch it again.") from error


def _read_tensors(path: Path) -> dict[str, Tensor]:
    try:
        with safe_open(path, framework="pt") as file:
            return {
                name: file.get_tensor(name).float()
                for name in file.keys()  # noqa: SIM118 (a safetensors file is no mapping)
                if not name.startswith("cond_stage_model.")
            }
    except SafetensorError as error:
        raise InputError(f"{path} is damaged or not a safetensors file ({error}): fetch it again.") from error


def _renamed(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """An autoencoder's tensors under diffusers' present names."""
    out = {}
    for name, value in tensors.items():
        owner, _, kind = name.rpartition(".")
        parent, _, layer = owner.rpartition(".")
        if ".attentions." in name and layer in _OLD_ATTENTION:
            out[f"{parent}.{_OLD_ATTENTION[layer]}.{kind}"] = value
        else:
            out[name] = value
    return out


def _fill(network: nn.Module, tensors: Mapping[str, Tensor], path: Path, what: str) -> None:
    wanted = network.state_dict()
    wrong = [name for name, value in wanted.items() if name not in tensors or tensors[name].shape != value.shape]
    wrong += sorted(set(tensors) - set(wanted))
    if wrong:
        raise InputError(
            f"The {what} in {path} is not that of Stable Diffusion 1.5: {len(wrong)} tensors are missing, additional "
            f"or of another shape, first {wrong[0]}. Choose an SD 1.5 model (not SD 2, SDXL or a LoRA)."
        )
    network.load_state_dict(tensors, strict=True, assign=True)
    network.eval().requires_grad_(False)
