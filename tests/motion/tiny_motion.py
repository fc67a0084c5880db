"""A motion network small enough for tests, with random weights."""

from fractions import Fraction

import torch

from vlogger_core.datatypes import SpeechFeatures
from vlogger_core.diffusion import cosine_schedule
from vlogger_core.motion.checkpoint import MotionModel
from vlogger_core.motion.network import MotionConfig, MotionDenoiser


def tiny_config() -> MotionConfig:
    return MotionConfig(
        feature_dim=8,
        joint_names=("neck", "head"),
        width=16,
        layers=2,
        heads=2,
        feedforward_width=24,
        diffusion_steps=50,
        context_frames=4,
        ramp_frames=6,
    )


def tiny_network(seed: int = 0) -> MotionDenoiser:
    torch.manual_seed(seed)
    return MotionDenoiser(tiny_config()).eval().requires_grad_(False)


def tiny_model(seed: int = 0) -> MotionModel:
    network = tiny_network(seed)
    return MotionModel(network=network, schedule=cosine_schedule(network.config.diffusion_steps))


def tiny_features(num_frames: int, seed: int = 0) -> SpeechFeatures:
    generator = torch.Generator().manual_seed(seed)
    return SpeechFeatures(
        features=torch.randn(num_frames, 8, generator=generator), fps=Fraction(24), kind="mel80x4"
    )  # fmt: skip
