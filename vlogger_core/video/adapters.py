"""What one person adds to the weights of a video network: changes of low rank, or whole ones.

Hu et al., "LoRA: low-rank adaptation of large language models" (2021), `W' = W + up down`. Of a convolution, `down` is
one of the same kernel to `rank` channels and `up` one of 1 x 1 after it. Vectors (biases, the scales of
normalisations) are small and change as a whole. All is added to the weights themselves: what runs is a network like
any other, as fast as the one it was made from.

A base leaves alone what did not move (`VideoConfig.still`), since there the photo is all it knows. Who knows the person
knows better than one photo there as well, so an adapter may bring a lower limit.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from .network import VideoNetwork, group_of

Adapter = Mapping[str, Tensor]
"""By name: `<parameter>.down` (rank, inputs) and `<parameter>.up` (outputs, rank), or `<parameter>.change`, which has
the parameter's shape. `STILL` is a single number: what `VideoConfig.still` becomes, if it is not lower."""

DOWN, UP, CHANGE = "down", "up", "change"
STILL = "still"


def adapted_names(network: VideoNetwork) -> list[str]:
    """The parameters that a person changes: all but those over time, which single frames tell nothing of, and an
    autoencoder's."""
    return [
        name
        for name, _ in network.named_parameters()
        if group_of(name) != "temporal" and not name.startswith("autoencoder.")
    ]


def new_adapter(
    network: VideoNetwork, rank: int | None, *, generator: torch.Generator, device: torch.device | str = "cpu"
) -> dict[str, Tensor]:
    """An adapter that changes nothing yet.

    Args:
        rank: at least 1; smaller where a matrix is. None changes every parameter as a whole.
        generator: of the CPU, so that it is the same everywhere.
    """
    if rank is not None and rank < 1:
        raise ValueError(f"rank must be at least 1, or None for whole changes. Got {rank}.")
    parameters = dict(network.named_parameters())
    adapter: dict[str, Tensor] = {}
    for name in adapted_names(network):
        shape = parameters[name].shape
        if rank is None or len(shape) < 2:
            adapter[f"{name}.{CHANGE}"] = torch.zeros(shape, device=device)
            continue
        outputs, inputs = shape[0], math.prod(shape[1:])
        own_rank = min(rank, outputs, inputs)
        down = torch.randn(own_rank, inputs, generator=generator) / math.sqrt(inputs)
        adapter[f"{name}.{DOWN}"] = down.to(device)
        adapter[f"{name}.{UP}"] = torch.zeros(outputs, own_rank, device=device)
    return adapter


def changed_weights(network: VideoNetwork, adapter: Adapter, strength: float = 1.0) -> dict[str, Tensor]:
    """The parameters that an adapter changes, as they become; for `torch.func.functional_call`.

    Sums are taken in single precision.

    Args:
        strength: 0 is the network as it is, 1 what was trained.

    Raises:
        ValueError: if the adapter does not fit the network.
    """
    parameters = dict(network.named_parameters())
    changed = {}
    for name, kind in (entry.rpartition(".")[::2] for entry in adapter):
        if kind == UP or not name:
            continue
        weight = parameters.get(name)
        change = _change(adapter, name, kind)
        if weight is None or weight.numel() != change.numel():
            raise ValueError(
                f"adapter must fit the network. Got a change of {name}, which is not there or has another size."
            )
        # Convolutions are laid out channels last: the sum takes the layout of its first term.
        changed[name] = (weight.float() + strength * change.view(weight.shape)).to(weight.dtype)
    return changed


def adapted(network: VideoNetwork, adapter: Adapter, strength: float = 1.0) -> VideoNetwork:
    """A copy of the network with the changes in its weights, in its number format and where it is."""
    made = copy.deepcopy(network)
    with torch.no_grad():
        changed = changed_weights(network, adapter, strength)
        for name, parameter in made.named_parameters():
            if name in changed:
                parameter.copy_(changed[name])
    if STILL in adapter:
        own = made.config.still
        lowered = min(own, float(adapter[STILL]))
        made.config = replace(made.config, still=own + min(strength, 1.0) * (lowered - own))
    return made


def scaled(adapter: Adapter, strength: float) -> dict[str, Tensor]:
    """The adapter that does at full strength what this one does at `strength`."""
    kept = (f".{DOWN}", STILL)
    return {name: value if name.endswith(kept) else strength * value for name, value in adapter.items()}


def _change(adapter: Adapter, name: str, kind: str) -> Tensor:
    if kind == CHANGE:
        return adapter[f"{name}.{CHANGE}"].float()
    down, up = adapter.get(f"{name}.{DOWN}"), adapter.get(f"{name}.{UP}")
    if down is None or up is None or up.shape[-1] != down.shape[0]:
        raise ValueError(f"adapter must hold {DOWN} and {UP} of one rank for each matrix. Got others for {name}.")
    return up.float() @ down.float()
