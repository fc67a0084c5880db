"""Weights of our networks: safetensors with the configuration in the metadata, read strictly."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from .errors import InputError

Config = TypeVar("Config")


@dataclass(frozen=True, kw_only=True)
class WeightsKind:
    """A kind of checkpoint of this package."""

    noun: str
    """What messages call it, such as `motion model`."""
    version: int
    command: str
    """What makes such files, such as `train motion`."""

    @property
    def format(self) -> str:
        """What the metadata call it."""
        return f"vlogger-{self.noun.replace(' ', '-')}"


def save_weights(path: Path, kind: WeightsKind, config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Write a checkpoint; the file appears only when it is complete.

    Args:
        config: what JSON can hold.
    """
    metadata = {"format": kind.format, "version": str(kind.version), "config": json.dumps(config)}
    partial = path.with_name(path.name + ".partial")
    save_file({name: value.detach().cpu().contiguous() for name, value in tensors.items()}, partial, metadata)
    os.replace(partial, path)


def read_weights(path: Path, kind: WeightsKind) -> tuple[str, dict[str, Tensor]]:
    """The configuration, for `parse_config`, and the tensors in float32.

    Raises:
        InputError: if the file is missing, truncated, or of another kind or version.
    """
    if not path.is_file():
        raise InputError(f"There is no {kind.noun} at {path}: choose an existing .safetensors file.")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != kind.format:
                raise InputError(
                    f"{path} is not a VLOGGER {kind.noun}: choose one made by `python -m vlogger_core {kind.command}`."
                )
            if metadata.get("version") != str(kind.version):
                raise InputError(
                    f"{path} is a {kind.noun} of version {metadata.get('version')}, this pack reads {kind.version}: "
                    "update the pack or train the model again."
                )
            return metadata.get("config", ""), {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118 (a safetensors file is no mapping)
    except SafetensorError as error:
        raise InputError(f"{path} is damaged or not a safetensors file ({error}): fetch it again.") from error


def parse_config(
    path: Path, text: str, config: Callable[..., Config], convert: Mapping[str, Callable[[Any], Any]]
) -> Config:
    """A configuration (a dataclass) from JSON; its lists are made tuples.

    Args:
        convert: makes of the JSON of some settings what the dataclass holds; these must be there.

    Raises:
        InputError: if the text is no such JSON, or has settings that the dataclass lacks or refuses.
    """
    try:
        values = {name: tuple(value) if isinstance(value, list) else value for name, value in json.loads(text).items()}
        unknown = set(values) - {field.name for field in fields(config)}  # pyright: ignore[reportArgumentType]
        if unknown:
            raise ValueError(f"unknown settings {', '.join(sorted(unknown))}")
        return config(**{**values, **{name: make(values[name]) for name, make in convert.items()}})
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError) as error:
        raise InputError(f"{path} carries no usable configuration ({error}): fetch it again.") from error


def fill_network(path: Path, network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Put all weights of a file in their places.

    Raises:
        InputError: if a name or a shape differs.
    """
    try:
        network.load_state_dict(tensors, strict=True)
    except RuntimeError as error:
        raise InputError(f"{path} does not fit the configuration it carries: fetch it again.") from error
