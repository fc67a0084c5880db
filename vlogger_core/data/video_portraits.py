"""Portraits with their fits: each photo is fitted once and kept, since that takes longer than a thousand samples."""

from __future__ import annotations

import hashlib
import logging
import os
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..body.anny_model import AnnyBody
from ..body.fitter import fit_photo
from ..datatypes import BodyFit, Camera
from ..errors import InputError
from ..image import load_image
from ..progress import Progress, silent
from ..render.scene import resize

log = logging.getLogger(__name__)

PHOTO_SIDE = 1024
"""Pixels of the shorter side that photos are fitted at and taken from."""
_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
_VERSION = "2"
_TENSORS = ("shape", "joint_rotvec", "translation", "expression", "image", "mask")


def fit_portraits(
    folder: Path, cache: Path, model: AnnyBody, *, progress: Progress = silent
) -> list[tuple[str, BodyFit]]:
    """The fits of all photos of a folder, by name, in the order of their names. Photos without a face are left out.

    Args:
        cache: folder for the fits; those that are there are not made again.

    Raises:
        InputError: if the folder holds no photo that can be fitted.
    """
    paths = sorted(path for path in folder.glob("*") if path.suffix.lower() in _SUFFIXES)
    cache.mkdir(parents=True, exist_ok=True)
    fits = []
    for done, path in enumerate(paths):
        progress(done, len(paths))
        kept = cache / f"{path.stem}-{_digest(path)}.safetensors"
        if not kept.is_file():
            try:
                image = _smaller(load_image(path))
                fit = fit_photo(image, model=model, progress=lambda _d, _t, at=done: progress(at, len(paths)))
            except InputError as error:
                log.warning("%s is left out: %s", path, error)
                continue
            _save(kept, fit)
            log.info("fitted %s (%d of %d)", path.name, done + 1, len(paths))
        fits.append((path.stem, _load(kept, model)))
    progress(len(paths), len(paths))
    if not fits:
        raise InputError(
            f"{folder} holds no portrait that can be used: put photos (PNG, JPEG, WebP) there, each of one person who "
            "faces the camera."
        )
    return fits


def _digest(path: Path) -> str:
    return hashlib.sha256(_VERSION.encode() + path.read_bytes()).hexdigest()[:12]


def _smaller(image: Float[Tensor, "3 h w"]) -> Float[Tensor, "3 h w"]:
    h, w = image.shape[-2:]
    scale = min(1.0, PHOTO_SIDE / min(h, w))
    return resize(image, (round(h * scale), round(w * scale))).clamp(0, 1)


def _save(path: Path, fit: BodyFit) -> None:
    tensors = {name: getattr(fit, name).contiguous() for name in _TENSORS}
    tensors["image"] = (tensors["image"] * 255).round().byte()
    tensors["mask"] = (tensors["mask"] * 255).round().byte()
    camera = {"fov_deg": str(fit.camera.fov_deg), "width": str(fit.camera.width), "height": str(fit.camera.height)}
    partial = path.with_suffix(".partial")
    save_file(tensors, partial, camera)
    os.replace(partial, path)


def _load(path: Path, model: AnnyBody) -> BodyFit:
    try:
        with safe_open(path, framework="pt") as file:
            camera = file.metadata()
            tensors = {name: file.get_tensor(name) for name in _TENSORS}
    except SafetensorError as error:
        raise InputError(f"{path} cannot be read ({error}): delete it, and it is made anew.") from error
    tensors["image"], tensors["mask"] = tensors["image"].float() / 255, tensors["mask"].float() / 255
    shown = Camera(fov_deg=float(camera["fov_deg"]), width=int(camera["width"]), height=int(camera["height"]))
    with torch.no_grad():
        return BodyFit(model=model, camera=shown, **tensors)
