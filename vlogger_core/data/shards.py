"""Training streams on disk: features and motion of several recordings in one safetensors file."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..errors import InputError

SHARD_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Stream:
    """One continuous recording: what was heard, and how the body moved."""

    features: Float[Tensor, "t d"]
    motion: Float[Tensor, "t m"]
    """As `motion.layout` orders it."""


@dataclass(frozen=True, kw_only=True)
class ShardInfo:
    """What the streams of a shard have in common."""

    feature_kind: str
    fps: Fraction
    joint_names: tuple[str, ...]


def save_shard(path: Path, streams: Sequence[Stream], info: ShardInfo) -> None:
    """Write streams in half precision; the file appears only when it is complete."""
    tensors = {
        "features": torch.cat([stream.features for stream in streams]).half(),
        "motion": torch.cat([stream.motion for stream in streams]).half(),
        "lengths": torch.tensor([len(stream.features) for stream in streams]),
    }
    metadata = {
        "version": str(SHARD_VERSION),
        "feature_kind": info.feature_kind,
        "fps": str(info.fps),
        "joint_names": json.dumps(info.joint_names),
    }
    partial = path.with_suffix(".partial")
    save_file(tensors, partial, metadata)
    os.replace(partial, path)


def load_shard(path: Path) -> tuple[list[Stream], ShardInfo]:
    """Read streams, still in half precision.

    Raises:
        InputError: if the file is not a shard of this version.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("version") != str(SHARD_VERSION) or "feature_kind" not in metadata:
                raise InputError(f"{path} is not a training shard of version {SHARD_VERSION}: make the corpus anew.")
            features, motion, lengths = (file.get_tensor(name) for name in ("features", "motion", "lengths"))
    except SafetensorError as error:
        raise InputError(f"{path} cannot be read ({error}): make the corpus anew.") from error
    info = ShardInfo(
        feature_kind=metadata["feature_kind"],
        fps=Fraction(metadata["fps"]),
        joint_names=tuple(json.loads(metadata["joint_names"])),
    )
    sizes = lengths.tolist()
    return [
        Stream(features=f, motion=m) for f, m in zip(features.split(sizes), motion.split(sizes), strict=True)
    ], info  # fmt: skip
