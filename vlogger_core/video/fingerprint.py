"""What a video is made of, in few words: two videos with the same description have the same frames."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from ..datatypes import BodyFit, Motion
from ..progress import Progress, silent
from .cascade import CascadeSettings
from .models import VideoModels

_LENGTH = 16
"""Hexadecimal digits of a fingerprint."""


def describe_video(
    models: VideoModels,
    fit: BodyFit,
    motion: Motion,
    size: tuple[int, int],
    settings: CascadeSettings,
    *,
    backend: str,
    progress: Progress = silent,
) -> dict[str, Any]:
    """The arguments of `cascade.sample_cascade` as JSON has them: numbers as they are, all else as fingerprints.

    Args:
        progress: called between the tensors, since large models take seconds.
    """
    described = {
        **describe_size(motion, size),
        **describe_models(models, size, settings, progress),
        **describe_body(fit),
        "rasteriser": backend,
        "motion": describe_motion(motion),
    }
    return json.loads(json.dumps(described))


def describe_size(motion: Motion, size: tuple[int, int]) -> dict[str, Any]:
    """Length and size of a video."""
    return {"frames": motion.num_frames, "fps": str(motion.fps), "height": size[0], "width": size[1]}


def describe_models(
    models: VideoModels, size: tuple[int, int], settings: CascadeSettings, progress: Progress = silent
) -> dict[str, Any]:
    """The networks that a video of a size needs, and how they are sampled."""
    models = models.up_to(min(size))
    return {
        "base": asdict(settings.base),
        "upscalers": asdict(settings.upscalers) if models.upscalers else None,
        "models": [
            fingerprint({"config": asdict(network.config), **network.state_dict()}, progress)
            for network in models.networks
        ],
    }


def describe_body(fit: BodyFit) -> dict[str, Any]:
    """The photo, and the body in it."""
    return {
        "photo": fingerprint({"image": fit.image, "mask": fit.mask}),
        "body": fingerprint(
            {
                "name": fit.model.name,
                "faces": fit.model.faces,
                "template": fit.model.template,
                "camera": asdict(fit.camera),
                **{name: getattr(fit, name) for name in ("shape", "joint_rotvec", "translation", "expression")},
            }
        ),
    }


def describe_motion(motion: Motion) -> str:
    """How the body moves."""
    return fingerprint(
        {
            "joints": list(motion.joint_names),
            **{name: getattr(motion, name) for name in ("expression", "joint_rotvec", "translation")},
        }
    )


def fingerprint(values: Mapping[str, Any], progress: Progress = silent) -> str:
    """Of tensors, wherever they are, and of what JSON can hold: the start of a SHA-256."""
    digest = hashlib.sha256()
    for i, (name, value) in enumerate(sorted(values.items())):
        progress(i, len(values))
        if isinstance(value, Tensor):
            digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
            plain = value.detach().cpu().contiguous().reshape(-1)
            digest.update(plain.view(torch.uint8).numpy().data)
        else:
            digest.update(json.dumps([name, value]).encode())
    return digest.hexdigest()[:_LENGTH]
