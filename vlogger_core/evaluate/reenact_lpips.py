"""LPIPS (Zhang et al. 2018), where the user has the weights of its backbone, which no package carries.

The package `lpips` brings the linear layers; the backbone is torchvision's AlexNet, trained on ImageNet. Nothing is
downloaded.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from ..errors import InputError, ToolError
from .reenact_scores import Distance


def open_lpips(backbone: Path) -> Distance:
    """LPIPS of two pictures, 0 for the same.

    Args:
        backbone: a safetensors file with the state of `torchvision.models.alexnet`.

    Raises:
        ToolError: if the package is missing.
        InputError: if the file cannot be used.
    """
    try:
        import lpips
    except ImportError as error:
        raise ToolError("LPIPS needs the package lpips: pip install lpips, or leave --lpips out.") from error
    if not backbone.is_file():
        raise InputError(f"There is no file {backbone} with AlexNet's weights.")
    try:
        state = load_file(backbone)
    except SafetensorError as error:
        raise InputError(f"{backbone} is damaged or no safetensors file ({error}).") from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False).eval()
    own = {name: f"features.{name.partition('.')[2]}" for name in network.net.state_dict()}
    missing = sorted(set(own.values()) - set(state))
    if missing:
        raise InputError(f"{backbone} is no AlexNet of torchvision: it lacks {', '.join(missing)}.")
    network.net.load_state_dict({name: state[theirs] for name, theirs in own.items()})

    @torch.no_grad()
    def distance(made: torch.Tensor, truth: torch.Tensor) -> float:
        return network(2 * made[None] - 1, 2 * truth[None] - 1).item()

    return distance
