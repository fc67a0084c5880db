"""An edited clip that is made into a run folder, and goes on where it was stopped."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from ..progress import Progress, silent
from ..render.raster import DEFAULT_BACKEND
from ..video.cascade import CascadeSettings
from ..video.film import Film
from ..video.fingerprint import describe_body, describe_models, describe_motion, describe_size, fingerprint
from ..video.models import VideoModels
from ..video.run_folder import open_run
from .clip_source import ClipSource, FileClip, MaskSource, TensorClip, TensorMask
from .edit_stage import Edit
from .extended_clip import ExtendedClip
from .inpaint import inpaint_video, stages_for
from .mask import EditMask

_AT_ONCE = 16
_BLOCK = 1 << 22


def describe_edit(
    edit: Edit,
    models: VideoModels | None,
    settings: CascadeSettings,
    *,
    backend: str,
    progress: Progress = silent,
) -> dict[str, Any]:
    """The arguments of `inpaint.inpaint_video` in few words, as `fingerprint.describe_video` has them."""
    described = {
        **describe_size(edit.motion, edit.size),
        **describe_body(edit.fit),
        "models": None,
        "rasteriser": backend,
        "clip": _of_clip(edit.clip, progress),
        "motion": describe_motion(edit.motion),
        "motion before": None if edit.before is None else describe_motion(edit.before),
        "mask": _of_mask(edit.masks, progress),
    }
    if models is not None:
        described |= describe_models(stages_for(models, edit.size), edit.size, settings, progress)
    return json.loads(json.dumps(described))


@contextmanager
def open_edit_film(
    folder: str | os.PathLike[str],
    edit: Edit,
    models: VideoModels | None,
    settings: CascadeSettings,
    *,
    backend: str = DEFAULT_BACKEND,
    described: Mapping[str, Any] | None = None,
    progress: Progress = silent,
) -> Iterator[Film]:
    """The video of `inpaint.inpaint_video` in a folder, which is held against other runs.

    Args:
        described: `describe_edit` of these arguments, where it is at hand: large models and clips take seconds.

    Raises:
        InputError, ToolError: see `run_folder.open_run`.
    """

    def poll(*_: int) -> None:
        progress(0, edit.motion.num_frames)

    if described is None:
        described = describe_edit(edit, models, settings, backend=backend, progress=poll)
    with open_run(folder, described) as run:
        yield Film(run=run, _sample=partial(inpaint_video, edit, models, settings, backend=backend))


def _of_clip(clip: ClipSource, progress: Progress) -> str:
    if isinstance(clip, ExtendedClip):
        return fingerprint({"clip": _of_clip(clip.clip, progress), "shown": clip.shown})
    if isinstance(clip, FileClip):
        return _of_file(clip.reader.path, progress)
    if isinstance(clip, TensorClip):
        return fingerprint({"pictures": clip.pictures}, progress)
    return _of_frames(clip, progress)


def _of_mask(masks: MaskSource, progress: Progress) -> str:
    """Of masks that follow from the motions, what else they are made of."""
    if isinstance(masks, EditMask):
        return fingerprint({"settings": asdict(masks.settings), "size": list(masks.size)}, progress)
    if isinstance(masks, TensorMask):
        return fingerprint({"planes": masks.planes}, progress)
    return _of_frames(masks, progress)


def _of_file(path: Path, progress: Progress) -> str:
    digest, size, done = hashlib.sha256(), max(1, path.stat().st_size), 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            done += len(block)
            progress(min(done, size), size)
    return digest.hexdigest()


def _of_frames(source: ClipSource | MaskSource, progress: Progress) -> str:
    """Of every frame, some in memory at a time."""
    found = []
    for start in range(0, source.num_frames, _AT_ONCE):
        progress(start, source.num_frames)
        stop = min(source.num_frames, start + _AT_ONCE)
        found.append(fingerprint({"frames": source.frames(start, stop, lambda *_: progress(0, 1))}))
    return fingerprint({"frames": found})
