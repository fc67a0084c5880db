"""What the training commands share: their options, their configuration files, and where a run goes on."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any

from ..errors import InputError

Sections = tuple[dict[str, Any], dict[str, Any], dict[str, Any]]


def add_run_arguments(parser: argparse.ArgumentParser, *, threads: str) -> None:
    """Options of every training.

    Args:
        threads: advice on how many.
    """
    parser.add_argument("--steps", type=int, help="instead of the configuration's")
    parser.add_argument("--seed", type=int, help="instead of the configuration's")
    parser.add_argument("--threads", type=int, default=1, help=f"torch threads{threads}")
    parser.add_argument("--resume", action="store_true", help="go on from --out/state.pt")


def overrides(args: argparse.Namespace) -> dict[str, int]:
    """What the command line says instead of the configuration."""
    return {name: getattr(args, name) for name in ("steps", "seed") if getattr(args, name) is not None}


def state_path(out: Path, *, resume: bool) -> Path:
    """Where the state of a run is.

    Raises:
        InputError: if there is none to resume from, or one that a new run would overwrite.
    """
    state = out / "state.pt"
    if resume and not state.is_file():
        raise InputError(f"There is no {state} to resume from: leave --resume out to begin.")
    if not resume and state.is_file():
        raise InputError(f"{state} exists: give --resume to go on from it, or another --out.")
    return state


def read_sections(path: Path, *, training: Set[str], network: Set[str], loss: Set[str]) -> Sections:
    """The settings of training, network and loss in `{"training": {..., "loss": {...}}, "network": {...}}`.

    Args:
        training, network, loss: the settings that there are.

    Raises:
        ValueError, TypeError, AttributeError, OSError: if the file is no such JSON, or has others.
    """
    content = json.loads(path.read_text(encoding="utf-8"))
    given = {"training": dict(content.pop("training", {})), "network": dict(content.pop("network", {}))}
    given["loss"] = dict(given["training"].pop("loss", {}))
    known = {"training": training, "network": network, "loss": loss}
    for name, own, there in (("the file", content, frozenset()), *((name, given[name], known[name]) for name in given)):
        if unknown := set(own) - there:
            raise ValueError(f"{name} has no setting {', '.join(sorted(unknown))}")
    return given["training"], given["network"], given["loss"]


def check_same_network(config: object, settings: Mapping[str, Any], *, free: Set[str] = frozenset()) -> None:
    """See that settings ask for the network that a trained one is.

    Args:
        config: of the trained one.
        free: settings that may differ.

    Raises:
        InputError: if they do not.
    """
    changed = {name for name, value in settings.items() if getattr(config, name) != value} - free
    if changed:
        raise InputError(
            f"--config asks for another network than --init has ({', '.join(sorted(changed))}): leave these settings "
            "out, or train without --init."
        )
