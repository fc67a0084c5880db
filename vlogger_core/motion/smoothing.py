"""Removal of the sampler's jitter from what moves slowly."""

from __future__ import annotations

import torch
from jaxtyping import Float
from scipy.signal import firwin
from torch import Tensor

PASS_HZ, STOP_HZ = 2.5, 6.0
"""Frequencies kept within a tenth, and frequencies removed."""
_SPAN_S = 0.5


def low_pass(values: Float[Tensor, "t d"], fps: float) -> Float[Tensor, "t d"]:
    """Zero-phase low-pass along time, so that motion stays on its beat; the ends are held.

    Heads, torsos and brows hardly move above `PASS_HZ`; what the sampler leaves there is noise, small but visible as
    trembling.
    """
    half = max(1, round(_SPAN_S * fps / 2))
    cutoff_hz = min((PASS_HZ + STOP_HZ) / 2, 0.45 * fps)
    kernel = torch.from_numpy(firwin(2 * half + 1, cutoff_hz, fs=fps)).tolist()
    padded = torch.cat([values[:1].expand(half, -1), values, values[-1:].expand(half, -1)])
    out = torch.zeros_like(values)
    for tap, weight in enumerate(kernel):
        out.add_(padded[tap : tap + len(values)], alpha=weight)
    return out


def median(values: Float[Tensor, "t d"], width: int = 5) -> Float[Tensor, "t d"]:
    """Running median over `width` frames (odd), the ends held: removes trembling and keeps the steps of saccades."""
    half = width // 2
    padded = torch.cat([values[:1].expand(half, -1), values, values[-1:].expand(half, -1)])
    return padded.unfold(0, width, 1).median(dim=-1).values
