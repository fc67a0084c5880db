"""Motion checkpoints: safetensors with the configuration in the metadata, read strictly."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields, replace
from fractions import Fraction
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from ..diffusion import DiffusionSchedule, cosine_schedule
from ..errors import InputError
from .face_backend import FaceBackend
from .lam_face import load_lam
from .network import MotionConfig, MotionDenoiser

FORMAT = "vlogger-motion-model"
VERSION = 1
SHIPPED_WEIGHTS = Path(__file__).parents[2] / "assets" / "weights" / "motion.safetensors"


@dataclass(frozen=True, kw_only=True)
class MotionModel:
    """A trained motion network, ready to sample from."""

    network: MotionDenoiser
    schedule: DiffusionSchedule
    face: FaceBackend | None = None
    """Makes the face in the network's stead."""

    @property
    def config(self) -> MotionConfig:
        return self.network.config

    def to(self, device: torch.device | str) -> MotionModel:
        """Move the network to a device."""
        self.network.to(device)
        return self


def save_motion_model(path: Path, network: MotionDenoiser, *, dtype: torch.dtype = torch.float16) -> None:
    """Write weights in `dtype` and normalisation in float32; the file appears only when it is complete."""
    buffers = {name for name, _ in network.named_buffers()}
    tensors = {
        name: value.detach().cpu().to(torch.float32 if name in buffers else dtype).contiguous()
        for name, value in network.state_dict().items()
    }
    config = {**asdict(network.config), "fps": str(network.config.fps)}
    metadata = {"format": FORMAT, "version": str(VERSION), "config": json.dumps(config)}
    partial = path.with_name(path.name + ".partial")
    save_file(tensors, partial, metadata)
    os.replace(partial, path)


def load_motion_model(path: Path | None = None, *, absolute: bool = False) -> MotionModel:
    """Read a checkpoint in float32, in evaluation mode, on the CPU; None is the one that ships with the pack.

    Args:
        absolute: whether a model may speak of absolute poses instead of residuals (ablation).

    An `.onnx` file is a face of LAM-Audio2Expression (`lam_face`), on the body of the one that ships.

    Raises:
        InputError: if the file is missing, truncated, of another kind or version, or does not fit its own config.
    """
    path = SHIPPED_WEIGHTS if path is None else Path(path)
    if path.suffix.lower() == ".onnx":
        return replace(load_motion_model(), face=load_lam(path))
    if not path.is_file():
        raise InputError(f"There is no motion model at {path}: choose an existing .safetensors file.")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise InputError(
                    f"{path} is not a VLOGGER motion model: choose one made by `python -m vlogger_core train motion`."
                )
            if metadata.get("version") != str(VERSION):
                raise InputError(
                    f"{path} is a motion model of version {metadata.get('version')}, this pack reads {VERSION}: "
                    "update the pack or train the model again."
                )
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118 (a safetensors file is no mapping)
    except SafetensorError as error:
        raise InputError(f"{path} is damaged or not a safetensors file ({error}): fetch it again.") from error
    config = _read_config(path, metadata.get("config", ""))
    if not (config.residual or absolute):
        raise InputError(f"{path} was trained on absolute poses, for comparison only: choose another motion model.")
    network = MotionDenoiser(config)
    try:
        network.load_state_dict(tensors, strict=True)
    except RuntimeError as error:
        raise InputError(f"{path} does not fit the configuration it carries: fetch it again.") from error
    network.eval().requires_grad_(False)
    return MotionModel(network=network, schedule=cosine_schedule(network.config.diffusion_steps))


def _read_config(path: Path, text: str) -> MotionConfig:
    try:
        values = json.loads(text)
        unknown = set(values) - {field.name for field in fields(MotionConfig)}
        if unknown:
            raise ValueError(f"unknown settings {', '.join(sorted(unknown))}")
        values["fps"] = Fraction(values["fps"])
        values["joint_names"] = tuple(values["joint_names"])
        return MotionConfig(**values)
    except (ValueError, KeyError, TypeError, ArithmeticError) as error:
        raise InputError(f"{path} carries no usable configuration ({error}): fetch it again.") from error
