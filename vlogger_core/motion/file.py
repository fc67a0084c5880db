"""Motion files: safetensors with the names of channels and joints in the metadata."""

from __future__ import annotations

import json
import os
from fractions import Fraction
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from ..clock import as_fps
from ..datatypes import Motion
from ..errors import InputError
from ..names import ARKIT_EXPRESSIONS

FORMAT = "vlogger-motion"
VERSION = 1
_TENSORS = ("expression", "joint_rotvec", "translation")


def save_motion(path: Path, motion: Motion) -> None:
    """Write a motion in float32; the file appears only when it is complete."""
    tensors = {name: getattr(motion, name).detach().cpu().float().contiguous() for name in _TENSORS}
    metadata = {
        "format": FORMAT,
        "version": str(VERSION),
        "fps": str(motion.fps),
        "expression_names": json.dumps(ARKIT_EXPRESSIONS),
        "joint_names": json.dumps(motion.joint_names),
    }
    path = Path(path)
    partial = path.with_name(path.name + ".partial")
    try:
        save_file(tensors, partial, metadata)
        os.replace(partial, path)
    except (OSError, SafetensorError) as error:
        partial.unlink(missing_ok=True)
        raise InputError(f"Cannot write the motion to {path} ({error}): choose a writable folder.") from error


def load_motion(path: Path) -> Motion:
    """Read a motion. Expression channels are matched by name; channels that the file lacks are 0.

    Raises:
        InputError: if the file is missing, damaged, not a motion, of a newer version, or holds impossible values.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"There is no motion file at {path}: choose an existing .safetensors file.")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise InputError(f"{path} is not a VLOGGER motion: choose a file that `save_motion` wrote.")
            version = metadata.get("version", "")
            if not version.isdecimal() or int(version) > VERSION:
                raise InputError(
                    f"{path} is a motion of version {version or 'unknown'}, this pack reads up to {VERSION}: "
                    "update the pack."
                )
            tensors = {name: file.get_tensor(name) for name in _TENSORS}
    except SafetensorError as error:
        raise InputError(f"{path} is damaged or not a safetensors file ({error}): save the motion again.") from error
    try:
        expression = torch.zeros(len(tensors["expression"]), len(ARKIT_EXPRESSIONS))
        names = json.loads(metadata["expression_names"])
        expression[:, [ARKIT_EXPRESSIONS.index(name) for name in names]] = tensors["expression"].float()
        return Motion(
            fps=as_fps(Fraction(metadata["fps"])),
            expression=expression,
            joint_names=tuple(json.loads(metadata["joint_names"])),
            joint_rotvec=tensors["joint_rotvec"].float(),
            translation=tensors["translation"].float(),
        )
    except (ValueError, KeyError, TypeError, RuntimeError, IndexError, ArithmeticError) as error:
        raise InputError(f"{path} does not hold a valid motion ({error}): save it again.") from error
