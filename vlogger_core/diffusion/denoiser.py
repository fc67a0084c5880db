"""The one signature of every denoiser, and wrappers that keep it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from .schedule import DiffusionSchedule

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


def chained_guidance(denoise: Denoiser, chain: Sequence[tuple[float, Mapping[str, Any]]]) -> Denoiser:
    """x0 = x0_0 + sum of scale_i * (x0_i - x0_(i - 1)), where x0_i has the first i groups of conditions.

    Brooks et al., "InstructPix2Pix" (2023), eq. 3, for any number of groups. Only what counts is evaluated: with all
    scales 1 that is x0 with all conditions, with equal scales that and x0 with none.

    Args:
        chain: of each group its scale, and its conditions with their unconditional values.
    """
    scales = [1.0, *(scale for scale, _ in chain), 0.0]
    weights = [now - then for now, then in pairwise(scales)]
    nulls: list[dict[str, Any]] = [{}]
    for _, null in reversed(chain):
        nulls.insert(0, {**nulls[0], **null})

    def guided(x: Tensor, t: Tensor, **cond: Any) -> Tensor:
        parts = [
            weight * denoise(x, t, **{**cond, **null})
            for weight, null in zip(weights, nulls, strict=True)
            if weight != 0
        ]
        return torch.stack(parts).sum(0)

    return denoise if weights[-1] == 1 and not any(weights[:-1]) else guided


def known_prefix(denoise: Denoiser, known: Float[Tensor, "b k *d"]) -> Denoiser:
    """Hold the first `k` frames of `[b t ...]` at known clean values, marked by step 0."""
    k = known.shape[1]
    if k == 0:
        return denoise

    def continued(x: Tensor, t: Tensor, **cond: Any) -> Tensor:
        steps = t[:, None].expand(x.shape[:2]).clone()
        steps[:, :k] = 0
        x0 = denoise(torch.cat([known, x[:, k:]], dim=1), steps, **cond)
        return torch.cat([known, x0[:, k:]], dim=1)

    return continued


def noised_prefix(
    denoise: Denoiser, known: Float[Tensor, "b k *d"], noise: Float[Tensor, "b k *d"], schedule: DiffusionSchedule
) -> Denoiser:
    """Hold the first `k` frames of `[b t ...]` at known clean values, which the denoiser sees as noisy as the others.

    For denoisers that have never seen frames of different steps. Lugmayr et al., "RePaint" (2022), eq. 8.

    Args:
        noise: what the known frames are noised with.
    """
    k = known.shape[1]
    if k == 0:
        return denoise

    def continued(x: Tensor, t: Tensor, **cond: Any) -> Tensor:
        x0 = denoise(torch.cat([schedule.add_noise(known, noise, t), x[:, k:]], dim=1), t, **cond)
        return torch.cat([known, x0[:, k:]], dim=1)

    return continued


def known_values(
    denoise: Denoiser,
    known: Float[Tensor, "b t *d"],
    fresh: Float[Tensor, "b t *d"],
    noise: Float[Tensor, "b t *d"],
    schedule: DiffusionSchedule,
) -> Denoiser:
    """Hold all values of `[b t ...]` at known clean ones where `fresh` is 0, which the denoiser sees as noisy as the
    others, so that what it makes suits what surrounds it. Lugmayr et al., "RePaint" (2022), eq. 8.

    Args:
        fresh: 0 or 1.
        noise: what the known values are noised with.
    """
    is_fresh = fresh > 0

    def inside(x: Tensor, t: Tensor, **cond: Any) -> Tensor:
        x0 = denoise(torch.where(is_fresh, x, schedule.add_noise(known, noise, t)), t, **cond)
        return torch.where(is_fresh, x0, known)

    return inside
