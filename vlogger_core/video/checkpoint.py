"""Video checkpoints: what was trained, with the configuration; of a foreign base only its place is known."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import torch

from ..errors import InputError
from ..names import PARTS
from ..weights import WeightsKind, fill_network, parse_config, read_weights, save_weights
from .config import VideoConfig
from .network import VideoNetwork, group_of
from .sd15 import load_sd15

KIND = WeightsKind(noun="video model", version=1, command="train video")
_WEIGHTS = Path(__file__).parents[2] / "assets" / "weights"
SHIPPED_BASE = _WEIGHTS / "video_128.safetensors"
SHIPPED_UPSCALERS = (_WEIGHTS / "video_256.safetensors", _WEIGHTS / "video_512.safetensors")


def save_video_model(path: Path, network: VideoNetwork, *, dtype: torch.dtype = torch.float16) -> None:
    """Write the weights in `dtype`, without those of a foreign base; the file appears only when it is complete."""
    own = _own_names(network)
    tensors = {name: value.to(dtype) for name, value in network.state_dict().items() if name in own}
    save_weights(path, KIND, asdict(network.config), tensors)


def load_video_model(path: Path | None = None, *, base: Path | None = None) -> VideoNetwork:
    """Read a checkpoint in float32, in evaluation mode, on the CPU; None is the one that ships with the pack.

    Args:
        base: Stable Diffusion 1.5, for checkpoints trained on it, see `sd15.load_sd15`.

    Raises:
        InputError: if the file is missing, truncated, of another kind, version or control layout, does not fit its
            own configuration, or there is no base where it needs one.
    """
    path = SHIPPED_BASE if path is None else Path(path)
    text, tensors = read_weights(path, KIND)
    config = parse_config(path, text, VideoConfig, {})
    if config.parts != PARTS:
        raise InputError(
            f"{path} was trained for another control layout ({len(config.parts)} parts, this pack renders "
            f"{len(PARTS)}): choose a checkpoint made with this version of the pack, or train it again."
        )
    if config.space == "pixel":
        network = VideoNetwork(config)
        fill_network(path, network, tensors)
    else:
        if base is None:
            raise InputError(
                f"{path} needs the Stable Diffusion 1.5 that it was trained on: choose its diffusers folder or "
                ".safetensors file as the base."
            )
        sd15 = load_sd15(base)
        network = VideoNetwork(config, base=sd15.unet, autoencoder=sd15.autoencoder)
        foreign = set(network.state_dict()) - _own_names(network)
        fill_network(path, network, {**tensors, **{name: network.state_dict()[name] for name in foreign}})
    return network.eval().requires_grad_(False)


def _own_names(network: VideoNetwork) -> set[str]:
    """All weights but those of a base, and its autoencoder, that come from elsewhere."""
    names = set(network.state_dict())
    if network.config.space == "pixel":
        return names
    return {name for name in names if group_of(name) != "base" and not name.startswith("autoencoder.")}
