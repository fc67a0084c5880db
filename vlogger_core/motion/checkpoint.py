"""Motion checkpoints: safetensors with the configuration in the metadata, read strictly."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path

import torch

from ..diffusion import DiffusionSchedule, cosine_schedule
from ..errors import InputError
from ..weights import WeightsKind, fill_network, parse_config, read_weights, save_weights
from .face_backend import FaceBackend
from .lam_face import load_lam
from .network import MotionConfig, MotionDenoiser

KIND = WeightsKind(noun="motion model", version=1, command="train motion")
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
        name: value.to(torch.float32 if name in buffers else dtype) for name, value in network.state_dict().items()
    }
    save_weights(path, KIND, {**asdict(network.config), "fps": str(network.config.fps)}, tensors)


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
    text, tensors = read_weights(path, KIND)
    config = parse_config(path, text, MotionConfig, {"fps": Fraction, "joint_names": tuple})
    if not (config.residual or absolute):
        raise InputError(f"{path} was trained on absolute poses, for comparison only: choose another motion model.")
    network = MotionDenoiser(config)
    fill_network(path, network, tensors)
    network.eval().requires_grad_(False)
    return MotionModel(network=network, schedule=cosine_schedule(network.config.diffusion_steps))
