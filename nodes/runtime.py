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
from PIL import Image
from torch import Tensor

from .node_text import NodeText

NO_FILE = "none"
"""A loader's choice of nothing."""

_PREVIEW_SIDE_PX = 512
_PREVIEW_INTERVAL_S = 0.5
_SAME_COUNT_INTERVAL_S = 0.25
_TIME_LEFT_AFTER_S = 3.0


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

VIDEOS = ModelFolder(
    shipped="embedded",
    name="video",
    endings=(".safetensors",),
    missing=(
        'There are no video weights named "{choice}". Put that file into {folder} and refresh the page, or choose '
        '"{shipped}" for the weights that come with VLOGGER.'
    ),
)
PEOPLE = ModelFolder(
    shipped=NO_FILE,
    name="person",
    endings=(".safetensors",),
    missing=(
        'There is no person named "{choice}". VLOGGER Personalise puts such files into {folder}; put yours there and '
        "refresh the page."
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


def sd15_choices() -> list[str]:
    """No base, then the single files in models/checkpoints and the folders in models/diffusers."""
    files = [name for name in folder_paths.get_filename_list("checkpoints") if name.endswith(".safetensors")]
    return [NO_FILE, *files, *_diffusers_folders()]


def sd15_path(choice: str) -> Path | None:
    """The file or folder of a choice; None for no base.

    Raises:
        InputError: if it is not there.
    """
    from ..vlogger_core.errors import InputError

    if choice == NO_FILE:
        return None
    path = folder_paths.get_full_path("checkpoints", choice) or _diffusers_folders().get(choice)
    if path is None:
        raise InputError(
            f'There is no Stable Diffusion 1.5 named "{choice}". Put a .safetensors file into models/checkpoints, or a '
            "diffusers folder into models/diffusers, and refresh the page."
        )
    return Path(path)


def _diffusers_folders() -> dict[str, str]:
    """Every folder in models/diffusers that holds a model, by its name there."""
    found = {}
    for parent in folder_paths.get_folder_paths("diffusers"):
        for folder, _, files in os.walk(parent, followlinks=True):
            if "model_index.json" in files:
                found.setdefault(os.path.relpath(folder, parent), folder)
    return found


def device() -> torch.device:
    """Where ComfyUI computes."""
    return comfy.model_management.get_torch_device()


def result_device() -> torch.device:
    """Where ComfyUI keeps what nodes hand on."""
    return comfy.model_management.intermediate_device()


class Reporter:
    """A core `Progress` that moves the node's progress bar, shows frames and the time left, and obeys Cancel."""

    def __init__(self, text: NodeText | None = None) -> None:
        self._bar = comfy.utils.ProgressBar(1)
        self._text = text
        self._frame: Tensor | None = None
        self._shown_s = self._sent_s = -float("inf")
        self._sent: tuple[int, int] | None = None
        self._from: tuple[int, int, float] | None = None

    def __call__(self, done: int, total: int) -> None:
        comfy.model_management.throw_exception_if_processing_interrupted()
        now_s = time.monotonic()
        preview = None
        if self._frame is not None and now_s - self._shown_s > _PREVIEW_INTERVAL_S:
            preview = ("JPEG", _to_picture(self._frame), _PREVIEW_SIDE_PX)
            self._shown_s = now_s
            self._frame = None
        # The core may call a thousand times a second, with the same count.
        if preview is None and (done, total) == self._sent and now_s - self._sent_s < _SAME_COUNT_INTERVAL_S:
            return
        self._tell_time_left(done, total, now_s)
        self._sent, self._sent_s = (done, total), now_s
        self._bar.update_absolute(done, total, preview)

    def show(self, frame: Tensor) -> None:
        """Show this `[3 h w]` picture at the next step, if the last one has been seen long enough."""
        self._frame = frame

    def note(self, said: str) -> None:
        """Write a line on the node."""
        if self._text is not None:
            self._text.note(said)

    def _tell_time_left(self, done: int, total: int, now_s: float) -> None:
        """Counted from the first finished step on: what went before was preparation."""
        if self._text is None or self._sent is None:
            return
        if self._sent[1] != total or done < self._sent[0]:  # Other work has begun.
            self._from = None
        elif self._from is None:
            if done > self._sent[0]:
                self._from = (done, total, now_s)
        elif done > self._from[0] and now_s - self._from[2] > _TIME_LEFT_AFTER_S:
            left_s = (total - done) * (now_s - self._from[2]) / (done - self._from[0])
            self._text.tell_time_left(left_s)


@contextmanager
def work(*, grad: bool = False) -> Iterator[Reporter]:
    """Run core code: outside ComfyUI's inference mode, whose tensors could never be fitted to, with a progress bar."""
    core = logging.getLogger(f"{__name__.rsplit('.', 2)[0]}.vlogger_core")
    text = NodeText()
    core.addHandler(text)
    try:
        with torch.inference_mode(False), torch.set_grad_enabled(grad):
            yield Reporter(text)
        text.tell_end("Done in")
    except BaseException:
        text.tell_end("Stopped after")
        raise
    finally:
        core.removeHandler(text)


@contextmanager
def memory_advice(advice: str) -> Iterator[None]:
    """Say which widgets to lower where a device has not enough memory.

    Raises:
        InputError: instead of the device's own error.
    """
    from ..vlogger_core.errors import InputError
    from ..vlogger_core.video.memory import is_out_of_memory

    try:
        yield
    except (RuntimeError, MemoryError, InputError) as error:
        # The core may have explained it already, in words that know no widgets.
        if not is_out_of_memory(error.__cause__ or error):
            raise
        comfy.model_management.soft_empty_cache()
        raise InputError(f"There is not enough memory on {device()} for this. {advice}") from error


def _to_picture(frame: Tensor) -> Image.Image:
    pixels = frame.detach().clamp(0, 1).mul(255).round().byte().movedim(0, -1).cpu().numpy()
    return Image.fromarray(np.ascontiguousarray(pixels))
