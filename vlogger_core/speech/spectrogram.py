"""A picture of what the motion model hears."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw
from torch import Tensor

from ..datatypes import SpeechFeatures
from .mel import FEATURE_KIND, NUM_MELS

MAX_WIDTH = 2048
HEIGHT = 240
_AXIS_PX = 20
_MARGIN_TOP_PX = 6
_STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 3600)
_LABEL_PX = 64
_INK, _PAPER = (215, 215, 215), (24, 24, 28)
# From dark to bright with growing lightness, so that it reads in grey too.
_COLOURS = np.array(
    [(8, 8, 28), (52, 16, 90), (120, 28, 109), (186, 54, 85), (236, 105, 37), (251, 180, 26), (252, 255, 190)]
)


def draw_spectrogram(speech: SpeechFeatures) -> Float[Tensor, "3 h w"]:
    """Time to the right with a scale in seconds, low to high pitch upwards, loud bright; at most 2048 pixels wide.

    Mel features show their four spectra a frame one beside the other; features of another kind show one column a
    frame, each value between its own least and greatest.

    Raises:
        ValueError: if there is no frame.
    """
    if len(speech.features) == 0:
        raise ValueError("speech must have one frame at least. Got none.")
    columns = _columns(speech)
    duration_s = len(speech.features) / float(speech.fps)
    width = min(max(2 * len(columns), 512), MAX_WIDTH)
    heat = _to_size(columns, HEIGHT - _AXIS_PX - _MARGIN_TOP_PX, width)
    picture = np.empty((HEIGHT, width, 3), np.uint8)
    picture[:] = _PAPER
    picture[_MARGIN_TOP_PX : HEIGHT - _AXIS_PX] = _colour(heat)
    image = Image.fromarray(picture)
    _draw_axis(ImageDraw.Draw(image), width, duration_s)
    return torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1).float() / 255


def _columns(speech: SpeechFeatures) -> Float[Tensor, "n rows"]:
    """0 to 1, the lowest pitch first."""
    features = speech.features.detach().cpu().float()
    if speech.kind == FEATURE_KIND:
        features = features.reshape(-1, NUM_MELS)
        low, high = features.min(), features.max()
    else:
        low, high = features.amin(0), features.amax(0)
    return (features - low) / (high - low).clamp(min=1e-6)


def _to_size(columns: Float[Tensor, "n rows"], height: int, width: int) -> Float[np.ndarray, "h w"]:
    """The loudest of the columns that fall on one pixel; rows are stretched, the first at the bottom."""
    if len(columns) > width:
        columns = torch.nn.functional.adaptive_max_pool1d(columns.T[None], width)[0].T
    heat = columns.T.flip(0).numpy()
    rows = np.arange(height) * heat.shape[0] // height
    return heat[rows][:, np.arange(width) * heat.shape[1] // width]


def _colour(heat: Float[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w 3"]:
    places = np.linspace(0, 1, len(_COLOURS))
    channels = [np.interp(heat, places, _COLOURS[:, channel]) for channel in range(3)]
    return np.stack(channels, axis=-1).round().astype(np.uint8)


def _draw_axis(draw: ImageDraw.ImageDraw, width: int, duration_s: float) -> None:
    top = HEIGHT - _AXIS_PX
    step_s = next((step for step in _STEPS_S if step / duration_s * width >= _LABEL_PX), _STEPS_S[-1])
    for index in range(int(duration_s / step_s) + 1):
        x = round(index * step_s / duration_s * width)
        draw.line([(x, top), (x, top + 4)], fill=_INK)
        text = f"{index * step_s:g} s"
        if x + draw.textlength(text) + 3 < width:
            draw.text((x + 3, top + 5), text, fill=_INK)
