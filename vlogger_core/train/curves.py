"""Where a training draws its figures."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

log = logging.getLogger(__name__)


@runtime_checkable
class Curves(Protocol):
    """Where a figure of a step is drawn, such as TensorBoard's SummaryWriter."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None: ...


def open_curves(out: Path, step: int) -> AbstractContextManager[Any]:
    """TensorBoard's SummaryWriter in `out/curves`, without what was drawn after `step`; None where it is missing."""
    try:
        from torch.utils.tensorboard.writer import SummaryWriter
    except ImportError:
        log.warning("No curves for TensorBoard, because it is not installed (pip install tensorboard); see log.jsonl.")
        return nullcontext()
    return SummaryWriter(str(out / "curves"), purge_step=step + 1)
