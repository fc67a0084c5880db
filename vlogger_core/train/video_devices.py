"""Where a training runs: on one device, or on several through Hugging Face's accelerate."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from ..devices import usable_device
from ..errors import InputError


@runtime_checkable
class Devices(Protocol):
    """What the trainer needs to know of its devices."""

    device: torch.device
    rank: int
    """Of this process, 0 for the one that writes."""
    world: int
    """How many there are."""

    def prepare(self, network: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[nn.Module, Any]:
        """The network to call in training, and the optimiser to step."""
        ...

    def backward(self, loss: Tensor) -> None: ...


class OneDevice:
    """Plain torch."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.rank, self.world = device, 0, 1

    def prepare(self, network: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[nn.Module, Any]:
        return network, optimizer

    def backward(self, loss: Tensor) -> None:
        loss.backward()


class Accelerated:
    """All devices that `accelerate launch` gave, each with its share of the samples and the same gradients."""

    def __init__(self) -> None:
        try:
            from accelerate import Accelerator
        except ImportError as error:
            raise InputError("--device accelerate needs the package accelerate: pip install accelerate.") from error
        self._accelerator = Accelerator()
        self.device = self._accelerator.device
        self.rank, self.world = self._accelerator.process_index, self._accelerator.num_processes

    def prepare(self, network: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[nn.Module, Any]:
        return self._accelerator.prepare(network, optimizer)

    def backward(self, loss: Tensor) -> None:
        self._accelerator.backward(loss)


def open_devices(name: str) -> Devices:
    """`accelerate`, or the name of a torch device.

    Raises:
        InputError: if it cannot be used.
    """
    if name == "accelerate":
        return Accelerated()
    return OneDevice(usable_device(name))
