"""The one signature of every denoiser, and wrappers that keep it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

Denoiser = Callable[..., Tensor]
"""Called as `denoise(x, t, **cond)`, returns x0 of the shape of `x`; `t` is `[b]`, or `[b t]` where frames differ."""


def classifier_free_guidance(denoise: Denoiser, scale: float, null: Mapping[str, Any]) -> Denoiser:
    """x0 = x0(null) + scale * (x0(cond) - x0(null)), after Ho and Salimans (2022).

    Args:
        scale: 1 is no guidance and costs one evaluation; other values cost two.
        null: the conditions to replace, with their unconditional values.
    """
    if scale == 1:
        return denoise

    def guided(x: Tensor, t: Tensor, **cond: Any) -> Tensor:
        unconditional = denoise(x, t, **{**cond, **null})
        return torch.lerp(unconditional, denoise(x, t, **cond), scale)

    return guided


def known_prefix(denoise: Denoiser, known: Float[Tensor, "b k d"]) -> Denoiser:
    """Hold the first `k` frames of `[b t d]` at known clean values, marked by step 0."""
    k = known.shape[1]
    if k == 0:
        return denoise

    def continued(x: Tensor, t: Tensor, **cond: Any) -> Tensor:
        steps = t[:, None].expand(x.shape[:2]).clone()
        steps[:, :k] = 0
        x0 = denoise(torch.cat([known, x[:, k:]], dim=1), steps, **cond)
        return torch.cat([known, x0[:, k:]], dim=1)

    return continued
