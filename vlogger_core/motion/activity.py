"""When somebody speaks, as the features tell it."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from scipy.ndimage import binary_closing, binary_opening
from torch import Tensor

from ..datatypes import SpeechFeatures
from ..errors import InputError

KIND = "mel80x4"
"""The features that tell it: log mel energies of about zero mean and unit deviation over clean speech."""

_SILENT = -0.6
"""Mean over the bands of a frame; digital silence is at -0.8."""
_THRESHOLD, _MIN_CONTRAST = 0.25, 0.15
"""Where speech begins between the floor and the loudest, and how far above the floor at least."""
_FLOOR_QUANTILE = 0.05
_LOUD_S, _BURST_S, _GAP_S = 0.5, 0.1, 0.35
_TRANSITION_S = 0.5


def speaking(features: SpeechFeatures) -> Bool[Tensor, " t"]:
    """Whether somebody speaks in each frame. Pauses shorter than a word count as speech, clicks do not.

    What is heard is judged against the recording's own floor, so that steady noise is no speech.

    Raises:
        InputError: if the features are no mel energies.
    """
    if features.kind != KIND:
        raise InputError(
            f"{features.kind} features do not tell when nobody speaks: leave idle at 1, or let the audio encoder "
            f"make {KIND} features."
        )
    fps = float(features.fps)
    level = features.features.detach().float().cpu().mean(1)
    floor = level.quantile(_FLOOR_QUANTILE)
    loud = _smooth(level, _LOUD_S * fps).max()
    threshold = max(float(floor) + max(_THRESHOLD * float(loud - floor), _MIN_CONTRAST), _SILENT)
    heard = (_smooth(level, 2) > threshold).numpy()
    gap = max(1, round(_GAP_S * fps))
    heard = binary_opening(heard, np.ones(max(1, round(_BURST_S * fps))))
    padded = np.pad(heard, gap)
    return torch.from_numpy(binary_closing(padded, np.ones(gap))[gap : gap + len(heard)].copy())


def speech_amount(features: SpeechFeatures) -> Float[Tensor, " t"]:
    """1 while somebody speaks and 0 while nobody does, with smooth transitions of about half a second around them."""
    return _smooth(speaking(features).float(), _TRANSITION_S * float(features.fps)).clamp(0, 1)


def _smooth(values: Float[Tensor, " t"], width: float) -> Float[Tensor, " t"]:
    """Weighted mean under a raised cosine that rises and falls over `width` frames, the ends held."""
    half = max(1, round(width / 2))
    kernel = torch.hann_window(2 * half + 3, periodic=False)[1:-1]
    padded = F.pad(values[None, None], (half, half), mode="replicate")
    return F.conv1d(padded, (kernel / kernel.sum())[None, None])[0, 0]
