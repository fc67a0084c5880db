"""Everything asked of the running ComfyUI: model folders, devices, progress bar, Cancel button."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import comfy.model_management
import comfy.utils
import folder_paths
import numpy as np
import torch
from comfy_execution.utils import get_executing_context
from PIL import Image
from torch import Tensor

EMBEDDED = "embedded"
"""What a loader's widget says for the weights that the pack ships."""

_MOTION_FOLDER = "vlogger_motion"
_WEIGHTS = {".safetensors"}
_PREVIEW_SIDE_PX = 512
_PREVIEW_INTERVAL_S = 0.5


def register_model_folders() -> None:
    """Tell ComfyUI of models/vlogger/motion; extra_model_paths.yaml may add others under `vlogger_motion`."""
    folder_paths.add_model_folder_path(_MOTION_FOLDER, motion_folder(), is_default=True)
    folder_paths.folder_names_and_paths[_MOTION_FOLDER][1].update(_WEIGHTS)


def motion_folder() -> str:
    """Where a user puts motion weights. It need not exist."""
    return os.path.join(folder_paths.models_dir, "vlogger", "motion")


def motion_choices() -> list[str]:
    """The embedded weights, then the files that are there."""
    return [EMBEDDED, *folder_paths.get_filename_list(_MOTION_FOLDER)]


def motion_path(choice: str) -> Path | None:
    """The file of a choice; None for the embedded weights and for a file that is not there (see `motion_problem`)."""
    path = None if choice == EMBEDDED else folder_paths.get_full_path(_MOTION_FOLDER, choice)
    return path if path is None else Path(path)


def motion_problem(choice: str) -> str | None:
    """What to do about a choice that cannot be loaded; None where it can."""
    if choice == EMBEDDED or motion_path(choice) is not None:
        return None
    return (
        f'There are no motion weights named "{choice}". Put that file into {motion_folder()} and refresh the page, '
        f'or choose "{EMBEDDED}" for the weights that come with VLOGGER.'
    )


def device() -> torch.device:
    """Where ComfyUI computes."""
    return comfy.model_management.get_torch_device()


def result_device() -> torch.device:
    """Where ComfyUI keeps what nodes hand on."""
    return comfy.model_management.intermediate_device()


class Reporter:
    """A core `Progress` that moves the node's progress bar, shows frames in it and obeys Cancel."""

    def __init__(self) -> None:
        self._bar = comfy.utils.ProgressBar(1)
        self._frame: Tensor | None = None
        self._shown_s = -float("inf")

    def __call__(self, done: int, total: int) -> None:
        comfy.model_management.throw_exception_if_processing_interrupted()
        preview = None
        if self._frame is not None and time.monotonic() - self._shown_s > _PREVIEW_INTERVAL_S:
            preview = ("JPEG", _to_picture(self._frame), _PREVIEW_SIDE_PX)
            self._shown_s = time.monotonic()
            self._frame = None
        self._bar.update_absolute(done, total, preview)

    def show(self, frame: Tensor) -> None:
        """Show this `[3 h w]` picture at the next step, if the last one has been seen long enough."""
        self._frame = frame


@contextmanager
def work(*, grad: bool = False) -> Iterator[Reporter]:
    """Run core code: outside ComfyUI's inference mode, whose tensors could never be fitted to, with a progress bar."""
    core = logging.getLogger(f"{__name__.rsplit('.', 2)[0]}.vlogger_core")
    notes = _Notes(logging.WARNING)
    core.addHandler(notes)
    try:
        with torch.inference_mode(False), torch.set_grad_enabled(grad):
            yield Reporter()
    finally:
        core.removeHandler(notes)


class _Notes(logging.Handler):
    """Writes the core's warnings on the running node, where a user sees them."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self._said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        context = get_executing_context()
        if context is None:  # Not within a running server.
            return
        from server import PromptServer

        self._said.append(record.getMessage())
        PromptServer.instance.send_progress_text("\n".join(self._said), context.node_id)


def _to_picture(frame: Tensor) -> Image.Image:
    pixels = frame.detach().clamp(0, 1).mul(255).round().byte().movedim(0, -1).cpu().numpy()
    return Image.fromarray(np.ascontiguousarray(pixels))
