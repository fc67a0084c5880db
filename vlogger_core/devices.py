"""The device that a command is told to compute on."""

import torch

from .errors import InputError


def usable_device(name: str) -> torch.device:
    """A device by torch's name, such as `cuda:1`.

    Raises:
        InputError: if it is not there.
    """
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InputError(
            f"--device {name} cannot be used here: {str(error).splitlines()[0]}. Try --device cpu."
        ) from error
    return device
