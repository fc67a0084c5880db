"""Pictures from files: every kind that users have, as upright sRGB, and which of them a portrait can be."""

from __future__ import annotations

import io
import logging
import math
import os
import warnings

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError
from torch import Tensor

from .errors import InputError

MIN_SIDE, MAX_SIDE = 64, 8192
"""Pixels a portrait's sides must have."""
MAX_ASPECT = 4.0
VALUE_TOLERANCE, MAX_OVERSHOOT = 0.01, 0.35
"""How far a portrait's values may leave 0 to 1 without a word, and with a warning: bicubic and Lanczos resizing
overshoots at hard edges."""
NEUTRAL_GREY = 0.5
"""What shows through transparent pixels."""

_SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N")
_FULL_FRAME_DIAGONAL_MM = math.hypot(36, 24)
_EXIF_SUB_DIRECTORY, _FOCAL_LENGTH_35MM = 0x8769, 0xA405

_log = logging.getLogger(__name__)


def load_image(path: str | os.PathLike[str]) -> Float[Tensor, "3 h w"]:
    """Read a picture upright as sRGB, 0 to 1.

    EXIF orientation is applied, an embedded colour profile is converted to sRGB, palette, greyscale, CMYK and 16-bit
    pictures become RGB, transparent ones are laid over neutral grey, and of an animation the first frame is taken;
    the last two are logged as warnings.

    Raises:
        InputError: if there is no such file, it is no picture, it is damaged, or a side exceeds `MAX_SIDE`.
    """
    name = os.fspath(path)
    if not os.path.exists(name):
        raise InputError(f"There is no image at {name}. Give the path of a photo (PNG, JPEG, WebP).")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            picture = Image.open(name)
        with picture:
            _check_size(picture.width, picture.height, f"The image {name}")
            if getattr(picture, "n_frames", 1) > 1:
                _log.warning("%s is animated: its first frame is used.", name)
            picture.load()
            return torch.from_numpy(_to_srgb(ImageOps.exif_transpose(picture), name)).permute(2, 0, 1).contiguous()
    except UnidentifiedImageError as error:
        raise InputError(f"{name} is not an image that can be read. Give a photo as PNG, JPEG or WebP.") from error
    except Image.DecompressionBombError as error:
        raise InputError(f"The image {name} is too large. Its sides may have up to {MAX_SIDE} px.") from error
    except (OSError, SyntaxError, EOFError) as error:
        raise InputError(f"The image {name} cannot be read: {error}. Save it again as PNG or JPEG.") from error


def check_portrait(image: Float[Tensor, "3 h w"]) -> Float[Tensor, "3 h w"]:
    """The picture, if a person can be fitted to it: 64 to 8192 px a side, not longer than 4:1, finite, 0 to 1.

    Values up to `MAX_OVERSHOOT` below 0 or above 1 come back clamped, with a warning beyond `VALUE_TOLERANCE`.

    Raises:
        InputError: if it cannot be used, with the size or the values found.
    """
    height, width = image.shape[-2:]
    _check_size(width, height, "The portrait")
    if min(width, height) < MIN_SIDE:
        raise InputError(
            f"The portrait is too small: {width} x {height} px. Its shorter side needs {MIN_SIDE} px at least, "
            "512 px or more for a good result."
        )
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise InputError(
            f"The portrait is too narrow: {width} x {height} px. Crop it so that no side is more than "
            f"{MAX_ASPECT:g} times the other."
        )
    low, high = image.aminmax()
    if not (torch.isfinite(low) and torch.isfinite(high)):
        raise InputError("The portrait holds NaN or infinite values. Check the nodes or files that made it.")
    overshoot = max(-low.item(), high.item() - 1)
    found = f"{low.item():.3g} to {high.item():.3g}"
    if overshoot > MAX_OVERSHOOT:
        raise InputError(
            f"The portrait's values must lie in 0 to 1. Got {found}. Divide values of 0 to 255 by 255; halve values of "
            "-1 to 1 and add 0.5."
        )
    if overshoot > VALUE_TOLERANCE:
        _log.warning("The portrait's values reach from %s, as resizing makes them: they are clamped to 0 to 1.", found)
    return image if overshoot <= 0 else image.clamp(0, 1)


def exif_fov_deg(path: str | os.PathLike[str]) -> float | None:
    """The diagonal field of view that the camera wrote into the file, or None where it wrote none.

    From FocalLengthIn35mmFilm, which refers to the diagonal of 36 x 24 mm; wrong for a photo that was cropped later.
    """
    try:
        with Image.open(path) as picture:
            focal_mm = picture.getexif().get_ifd(_EXIF_SUB_DIRECTORY).get(_FOCAL_LENGTH_35MM, 0)
    except (OSError, SyntaxError, ValueError, KeyError):
        return None
    try:
        focal_mm = float(focal_mm)
    except (TypeError, ValueError):
        return None
    if not 8 <= focal_mm <= 1200:
        return None
    return math.degrees(2 * math.atan(_FULL_FRAME_DIAGONAL_MM / 2 / focal_mm))


def _check_size(width: int, height: int, what: str) -> None:
    if max(width, height) > MAX_SIDE:
        raise InputError(f"{what} is too large: {width} x {height} px. Scale it down to {MAX_SIDE} px a side at most.")


def _to_srgb(picture: Image.Image, name: str) -> np.ndarray:
    """`h w 3` float32, 0 to 1."""
    if picture.mode in _SIXTEEN_BIT or picture.mode == "I":
        grey = np.asarray(picture).astype(np.float32) / 65535
        return np.repeat(grey.clip(0, 1)[..., None], 3, axis=2)
    if picture.mode == "F":
        grey = np.asarray(picture, dtype=np.float32)
        if not np.isfinite(grey).all() or grey.min() < 0 or grey.max() > 1:
            raise InputError(f"The float image {name} must hold values from 0 to 1. Save it as 8-bit or 16-bit PNG.")
        return np.repeat(grey[..., None], 3, axis=2)

    alpha = None
    if picture.has_transparency_data:
        if picture.mode not in ("LA", "RGBA"):
            picture = picture.convert("RGBA")
        alpha = np.asarray(picture.getchannel("A"), dtype=np.float32)[..., None] / 255
    colour = np.asarray(_without_profile(picture, name), dtype=np.float32) / 255
    if alpha is None or alpha.min() == 1:
        return colour
    _log.warning("%s is transparent in places: it is laid over neutral grey.", name)
    return colour * alpha + NEUTRAL_GREY * (1 - alpha)


def _without_profile(picture: Image.Image, name: str) -> Image.Image:
    """RGB in sRGB, without alpha."""
    profile = picture.info.get("icc_profile")
    plain = {"RGBA": "RGB", "LA": "L", "P": "RGB", "PA": "RGB", "1": "L"}.get(picture.mode, picture.mode)
    picture = picture.convert(plain)
    if profile and plain in ("RGB", "L", "CMYK"):
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
            if converted is not None:
                return converted
        except (ImageCms.PyCMSError, OSError) as error:
            _log.warning("The colour profile of %s cannot be used (%s): colours are taken as sRGB.", name, error)
    return picture.convert("RGB")
