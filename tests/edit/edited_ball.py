"""A short clip of a ball that turns and opens its mouth, and an edit that closes it."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from tests.render.bodies import ball_fit, head_motion
from vlogger_core.datatypes import BodyFit, Motion
from vlogger_core.edit.clip_source import TensorClip, TensorMask
from vlogger_core.edit.edit_stage import Edit
from vlogger_core.render.preview import render_preview


def ball_clip(num_frames: int = 7, size: tuple[int, int] = (48, 40)) -> tuple[BodyFit, Motion, Tensor]:
    """Its fit, motion and noisy pictures."""
    fit = ball_fit(*size)
    motion = head_motion([[0.0, 0.02 * t, 0.0] for t in range(num_frames)], jaw_open=0.6)
    noise = torch.Generator().manual_seed(0)
    frames = torch.stack(list(render_preview(fit, motion)))
    frames = (frames + 0.02 * torch.randn(frames.shape, generator=noise)).clamp(0, 1)
    return fit, motion, (frames * 255).round() / 255


def closed(motion: Motion) -> Motion:
    return replace(motion, expression=torch.zeros_like(motion.expression))


def soft_disc(num_frames: int, size: tuple[int, int]) -> Tensor:
    """Masks over the lower middle."""
    h, w = size
    y, x = torch.meshgrid(torch.arange(h) / h, torch.arange(w) / w, indexing="ij")
    disc = ((0.3 - torch.hypot(x - 0.5, y - 0.6)) / 0.08).clamp(0, 1)
    return disc.expand(num_frames, -1, -1)


def ball_edit(num_frames: int = 7, **changes: object) -> Edit:
    fit, motion, frames = ball_clip(num_frames)
    masks = TensorMask(soft_disc(num_frames, (48, 40)))
    edit = Edit(clip=TensorClip(frames), fit=fit, motion=closed(motion), before=motion, masks=masks)
    return replace(edit, **changes)
