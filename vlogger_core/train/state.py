"""The complete state of a training on disk."""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ..errors import InputError


def save_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write it; the file appears only when it is complete."""
    partial = path.with_suffix(".partial")
    torch.save(dict(state), partial)
    os.replace(partial, path)


def read_state(path: Path, mark: str) -> dict[str, Any]:
    """Read it, on the CPU.

    Args:
        mark: the entry that tells which training it is of.

    Raises:
        InputError: if it is damaged or has no such entry.
    """
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
        state[mark]
    except (OSError, EOFError, RuntimeError, KeyError, pickle.UnpicklingError) as error:
        raise InputError(f"{path} is not a state of this training ({error}): begin anew in another folder.") from error
    return state
