"""One member of the video corpus: a reference picture with some target frames and their controls, in plain files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import cv2
import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

from ..errors import InputError

KINDS = ("frames", "clip")
"""Frames that have nothing to do with each other, and consecutive ones."""
DEEP = 4095
_SHIFT = 4
"""Deep pictures have 12 bits, in the upper ones of 16: half as many bytes as all 16 would take."""
_PNG = (cv2.IMWRITE_PNG_COMPRESSION, 3)


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Pictures are sRGB, 0 to 1, and all of one size."""

    target: Float[Tensor, "t 3 h w"]
    warp: Float[Tensor, "t 3 h w"]
    """As `ControlFrames.warp`."""
    matte: Float[Tensor, "t h w"]
    """How much of each pixel of `warp` shows the person."""
    valid: Float[Tensor, "t h w"]
    dense: Float[Tensor, "t 3 h w"]
    parts: Int[Tensor, "t h w"]
    """Index into `names.PARTS`."""
    background: Float[Tensor, "3 h w"]
    reference: Float[Tensor, "3 h w"]
    kind: str
    """One of `KINDS`."""
    info: Mapping[str, object] = field(default_factory=dict)
    """Where it comes from; of no use to a training."""

    def to_files(self) -> dict[str, bytes]:
        """Its files by their endings. Frames stand below each other; dense positions have 12 bits, all else 8."""
        return {
            "json": json.dumps({"kind": self.kind, "frames": len(self.target), **self.info}).encode(),
            "target.png": _picture(self.target),
            "warp.png": _picture(self.warp),
            "matte.png": _png(_levels(self.matte, 255).reshape(-1, self.matte.shape[-1])),
            "valid.png": _png(_levels(self.valid, 255).reshape(-1, self.valid.shape[-1])),
            "dense.png": _picture(self.dense, DEEP),
            "parts.png": _png(self.parts.byte().numpy().reshape(-1, self.parts.shape[-1])),
            "background.png": _picture(self.background[None]),
            "reference.png": _picture(self.reference[None]),
        }

    @classmethod
    def from_files(cls, files: Mapping[str, bytes], name: str) -> Sample:
        """Read what `to_files` gave.

        Args:
            name: of the sample, for errors.

        Raises:
            InputError: if files are missing, no pictures, or do not fit each other.
        """
        try:
            info = json.loads(files["json"])
            count = int(info.pop("frames"))
            sample = cls(
                target=_frames(files["target.png"], count),
                warp=_frames(files["warp.png"], count),
                matte=_frames(files["matte.png"], count)[:, 0],
                valid=_frames(files["valid.png"], count)[:, 0],
                dense=_frames(files["dense.png"], count),
                parts=rearrange(torch.from_numpy(_read(files["parts.png"])), "(t h) w -> t h w", t=count).short(),
                background=_frames(files["background.png"], 1)[0],
                reference=_frames(files["reference.png"], 1)[0],
                kind=str(info.pop("kind")),
                info=info,
            )
        except KeyError as error:
            raise InputError(f"{name} lacks {error}: make the corpus anew with `data video-corpus`.") from error
        except (ValueError, TypeError, cv2.error) as error:
            raise InputError(f"{name} cannot be read ({error}): make the corpus anew.") from error
        size = sample.target.shape[-2:]
        if any(
            getattr(sample, name).shape[-2:] != size
            for name in ("warp", "matte", "valid", "dense", "parts", "background", "reference")
        ):
            raise InputError(f"{name} has pictures of several sizes: make the corpus anew.")
        return sample


def _levels(values: Tensor, highest: int) -> np.ndarray:
    levels = (values.clamp(0, 1) * highest).round().numpy()
    return levels.astype(np.uint8) if highest == 255 else levels.astype(np.uint16) << _SHIFT


def _picture(frames: Float[Tensor, "t 3 h w"], highest: int = 255) -> bytes:
    return _png(_levels(rearrange(frames, "t c h w -> (t h) w c").flip(-1), highest))


def _png(pixels: np.ndarray) -> bytes:
    written, data = cv2.imencode(".png", np.ascontiguousarray(pixels), _PNG)
    if not written:
        raise ValueError(f"pixels must be a picture. Got the shape {pixels.shape}.")
    return data.tobytes()


def _read(data: bytes) -> np.ndarray:
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise ValueError("a picture is damaged")
    return pixels


def _frames(data: bytes, count: int) -> Float[Tensor, "t c h w"]:
    pixels = _read(data)
    highest = DEEP << _SHIFT if pixels.dtype == np.uint16 else 255
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels[..., ::-1]
    values = torch.from_numpy(pixels.astype(np.float32) / highest)
    return rearrange(values, "(t h) w c -> t c h w", t=count).contiguous()
