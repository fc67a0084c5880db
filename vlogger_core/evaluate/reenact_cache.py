"""Fits and tracks on disk, because they take minutes and a model is measured many times."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from ..body import track as tracker
from ..body.detect_clip import clip_landmarks
from ..body.fitter import fit_photo
from ..body.protocol import BodyModel
from ..body.track import track_clip
from ..datatypes import BodyFit, Camera, Motion
from ..errors import InputError
from ..image import load_image
from ..progress import Progress, silent
from ..video.reader import VideoReader

_FIT = ("shape", "joint_rotvec", "translation", "expression", "image", "mask")
_MOTION = ("expression", "joint_rotvec", "translation")


@dataclass(frozen=True, kw_only=True)
class Tracked:
    """The person in a photo or a clip."""

    path: Path
    fit: BodyFit
    """Of the photo, or of the clip's reference frame."""
    motion: Motion | None = None
    """Of a clip, for all its frames."""
    reference_frame: int = 0

    @property
    def name(self) -> str:
        return self.path.stem


class FitCache:
    """A folder of fits. What was made from another file, or by other code, is made anew."""

    def __init__(self, folder: Path | None, model: BodyModel) -> None:
        """
        Args:
            folder: None keeps nothing.

        Raises:
            InputError: if the folder cannot be made.
        """
        self.folder, self.model = folder, model
        if folder is not None:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise InputError(
                    f"The folder {folder} for fits cannot be made ({error.strerror or error}). Choose a place you may "
                    "write to with --cache."
                ) from error

    def photo(self, path: Path, progress: Progress = silent) -> BodyFit:
        """The body in a photo."""
        found = self.find(path)
        if found is not None:
            return found.fit
        fit = fit_photo(load_image(path), model=self.model, progress=progress)
        self.keep(Tracked(path=path, fit=fit))
        return fit

    def clip(self, path: Path, progress: Progress = silent) -> Tracked:
        """The body in every frame of a clip.

        Raises:
            InputError: as `VideoReader` and `track_clip` do.
        """
        found = self.find(path)
        if found is not None:
            return found
        reader = VideoReader(path)
        landmarks = list(clip_landmarks(reader, progress=lambda *_: progress(0, 1)))
        track = track_clip(reader, fps=reader.fps, model=self.model, landmarks=landmarks, progress=progress)
        tracked = Tracked(path=path, fit=track.fit, motion=track.motion, reference_frame=track.reference_frame)
        self.keep(tracked)
        return tracked

    def clips(self, paths: Sequence[Path], progress: Progress = silent) -> list[Tracked]:
        """The body in every frame of several clips."""
        tracked = []
        for i, path in enumerate(paths):

            def part(done: int, total: int, i: int = i) -> None:
                progress(1000 * i + 1000 * done // max(1, total), 1000 * len(paths))

            tracked.append(self.clip(path, part))
        progress(1, 1)
        return tracked

    def find(self, path: Path) -> Tracked | None:
        """What was kept of a file.

        Raises:
            InputError: if it is damaged.
        """
        place = self._place(path)
        if place is None or not place.is_file():
            return None
        try:
            with safe_open(place, framework="pt") as file:
                told = json.loads(file.metadata()["fit"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (a safetensors file is no mapping)
        except SafetensorError as error:
            raise InputError(f"{place} is damaged ({error}): delete it.") from error
        fit = BodyFit(
            model=self.model,
            camera=Camera(**told["camera"]),
            confidence=told["confidence"],
            **{name: tensors[f"fit.{name}"] for name in _FIT},
        )
        motion = None
        if told["fps"] is not None:
            motion = Motion(
                fps=Fraction(told["fps"]),
                joint_names=tuple(told["joint_names"]),
                **{name: tensors[f"motion.{name}"] for name in _MOTION},
            )
        return Tracked(path=path, fit=fit, motion=motion, reference_frame=told["reference_frame"])

    def keep(self, tracked: Tracked) -> None:
        """Write what was found in a file; it appears only when it is complete."""
        place = self._place(tracked.path)
        if place is None:
            return
        fit, motion = tracked.fit, tracked.motion
        told = {
            "camera": {"fov_deg": fit.camera.fov_deg, "width": fit.camera.width, "height": fit.camera.height},
            "confidence": dict(fit.confidence),
            "reference_frame": tracked.reference_frame,
            "fps": None if motion is None else str(motion.fps),
            "joint_names": [] if motion is None else motion.joint_names,
        }
        tensors = {f"fit.{name}": getattr(fit, name) for name in _FIT}
        tensors |= {} if motion is None else {f"motion.{name}": getattr(motion, name) for name in _MOTION}
        partial = place.with_name(place.name + ".partial")
        whole = {name: value.detach().float().contiguous() for name, value in tensors.items()}
        save_file(whole, partial, {"fit": json.dumps(told)})
        os.replace(partial, place)

    def _place(self, path: Path) -> Path | None:
        if self.folder is None:
            return None
        made_from = hashlib.sha256(path.read_bytes())
        for source in sorted(Path(tracker.__file__).parent.glob("*.py")):
            made_from.update(source.read_bytes())
        return self.folder / f"{path.stem}-{made_from.hexdigest()[:16]}.safetensors"
