"""What the super-resolution brings back: a photo at its own pose, beside the photo."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch

from ..body.expression import motion_expression
from ..data.training_clock import FPS
from ..datatypes import BodyFit, Motion
from ..pipeline import video_size
from ..progress import Progress, silent
from ..render.scene import resize
from .image_metrics import gradient_similarity, mean_difference
from .reenact_cache import FitCache
from .reenact_clips import BETTER
from .reenact_models import Cascade
from .table import Figure

SIZE, SMALL = 512, 128
FRAMES = 4
"""Of a video in which nothing moves."""
L1_RATIO = 0.5


def still_motion(fit: BodyFit, num_frames: int) -> Motion:
    """The motion that leaves a person as the photo shows it."""
    own = motion_expression(fit.expression, fit.expression[None])
    return Motion(
        fps=FPS,
        expression=own.repeat(num_frames, 1),
        joint_names=("head",),
        joint_rotvec=torch.zeros(num_frames, 1, 3),
        translation=torch.zeros(num_frames, 3),
    )


def detail_figures(
    portraits: Sequence[Path], cascade: Cascade, cache: FitCache, progress: Progress = silent
) -> list[Figure]:
    """The video at `SIZE` beside the one at `SMALL`, enlarged."""
    figures, ratios, gains = [], [], []
    for i, path in enumerate(portraits):

        def part(done: int, total: int, i: int = i, base: int = 0) -> None:
            progress(300 * i + 100 * base + 100 * done // max(1, total), 300 * len(portraits))

        fit = cache.photo(path, part)
        motion = still_motion(fit, FRAMES)
        size, small = (video_size(fit.camera.width, fit.camera.height, side) for side in (SIZE, SMALL))
        photo = resize(fit.image, size).clamp(0, 1)
        whole = {"full": torch.ones(size, dtype=torch.bool)}
        errors, edges = [], []
        for base, shape in enumerate((size, small), start=1):
            frames = list(cascade.sample(fit, motion, shape, partial(part, base=base)))
            made = resize(frames[-1], size).clamp(0, 1)
            errors.append(mean_difference(made, photo, whole["full"]))
            edges.append(gradient_similarity(made, photo, whole)["full"])
        ratios.append(errors[0] / max(errors[1], 1e-9))
        gains.append(edges[0] - edges[1])
        figures.append(
            Figure(
                what="L1 to the photo", on=path.stem, reached=errors[0],
                note=f"enlarged {errors[1]:.4f}; gradient similarity {edges[0]:.3f}, enlarged {edges[1]:.3f}",
            )
        )  # fmt: skip
    progress(1, 1)
    worst = max(range(len(ratios)), key=lambda i: ratios[i])
    return [
        *figures,
        Figure(
            what=f"L1 at {SIZE} px over {SMALL} px enlarged", on="portraits, worst", reached=ratios[worst], unit="x",
            asked=L1_RATIO, note=f"{portraits[worst].stem}; {cascade.told}",
        ),
        Figure(
            what="gradient similarity over enlarged", on="portraits, worst", reached=min(gains), asked=BETTER,
            at_least=True,
        ),
    ]  # fmt: skip
