"""Diffusion over any tensor; knows no stage.

Everything here speaks of a denoiser: `denoise(x, t, **cond) -> x0`, where `x` is `[b ...]` and `t` holds the
diffusion step of each sample (or of each frame). Guidance and constraints wrap a denoiser and return one.
"""

from .denoiser import Denoiser, chained_guidance, classifier_free_guidance, known_prefix, known_values, noised_prefix
from .noise import NoiseStream, draw_noise, noise_response
from .rolling import num_rolling_steps, rolling_sample
from .samplers import ddim_sample, sampling_steps
from .schedule import DiffusionSchedule, cosine_schedule, scaled_linear_schedule
from .solvers import SOLVERS, solve

__all__ = [
    "SOLVERS",
    "Denoiser",
    "DiffusionSchedule",
    "NoiseStream",
    "chained_guidance",
    "classifier_free_guidance",
    "cosine_schedule",
    "ddim_sample",
    "draw_noise",
    "known_prefix",
    "known_values",
    "noise_response",
    "noised_prefix",
    "num_rolling_steps",
    "rolling_sample",
    "sampling_steps",
    "scaled_linear_schedule",
    "solve",
]
