"""What an edit changed, drawn: for each region the one value that changed most, before and after."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from ..datatypes import Motion
from ..names import ARKIT_EXPRESSIONS
from .regions import REGIONS, select

WIDTH, ROW = 512, 72
_MARGIN, _TITLE = 8, 16
_GROUND, _LINE, _BEFORE, _AFTER, _TEXT = "#1c1e22", "#33363c", "#8a8f99", "#ffb347", "#d8dbe0"
_AXES = ("pitch", "yaw", "roll")
_TRACE = 1e-5

Course = tuple[str, Float[np.ndarray, " t"], Float[np.ndarray, " n"]]
"""A value's name and what it is in each frame, before and after."""


def changed(before: Motion, after: Motion) -> list[Course]:
    """Of each region that changed the value that changed most: 0 to 1, degrees or centimetres."""
    common = min(before.num_frames, after.num_frames)
    found = []
    for region in REGIONS:
        courses = _courses(before, after, region)
        change = [float(np.abs(one[:common] - two[:common]).max()) / scale for _, one, two, scale in courses]
        if change and max(change) > _TRACE:
            name, one, two, _ = courses[int(np.argmax(change))]
            found.append((f"{region}: {name}", one, two))
    return found


def plot_change(before: Motion, after: Motion) -> Float[Tensor, "3 h w"]:
    """Those values over time, before the edit (grey) and after it (orange); one row where nothing changed."""
    courses = changed(before, after)
    picture = Image.new("RGB", (WIDTH, ROW * max(1, len(courses)) + _MARGIN), _GROUND)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(size=12)
    frames = max(before.num_frames, after.num_frames)
    seconds = float(frames / before.fps)
    if not courses:
        draw.text((_MARGIN, _MARGIN), "nothing changed", _TEXT, font)
    for row, (name, one, two) in enumerate(courses):
        top, bottom = ROW * row + _TITLE + _MARGIN, ROW * (row + 1)
        low, high = min(one.min(), two.min()), max(one.max(), two.max())
        for second in range(1, int(seconds) + 1):
            x = _MARGIN + (WIDTH - 2 * _MARGIN) * second / seconds
            draw.line((x, top, x, bottom), _LINE)
        for values, colour in ((one, _BEFORE), (two, _AFTER)):
            x = _MARGIN + (WIDTH - 2 * _MARGIN) * np.arange(len(values)) / max(1, frames - 1)
            y = bottom - (bottom - top) * (values - low) / max(float(high - low), 1e-9)
            points = list(zip(x.tolist(), y.tolist()))
            draw.line(points if len(points) > 1 else points * 2, colour, width=2)
        draw.text((_MARGIN, top - _TITLE), f"{name}   {low:.2f} to {high:.2f}", _TEXT, font)
    return torch.from_numpy(np.asarray(picture, dtype=np.float32) / 255).permute(2, 0, 1).contiguous()


def _courses(before: Motion, after: Motion, region: str) -> list[tuple[str, np.ndarray, np.ndarray, float]]:
    """All values of a region, and how much of each is as much as 1 of an expression."""
    selection = select([region])
    courses = []
    for index in selection.expressions.nonzero()[:, 0].tolist():
        courses.append((ARKIT_EXPRESSIONS[index], *(_numbers(m.expression[:, index]) for m in (before, after)), 1.0))
    for name in sorted(selection.joints & set(after.joint_names)):
        one, two = (_degrees(motion, name) for motion in (before, after))
        courses += [(f"{name} {_AXES[axis]}, degrees", one[:, axis], two[:, axis], 45.0) for axis in range(3)]
    if selection.translation:
        one, two = (100 * _numbers(motion.translation) for motion in (before, after))
        courses += [(f"place {'xyz'[axis]}, cm", one[:, axis], two[:, axis], 10.0) for axis in range(3)]
    return courses


def _degrees(motion: Motion, joint: str) -> Float[np.ndarray, "t 3"]:
    if joint not in motion.joint_names:
        return np.zeros((motion.num_frames, 3))
    return np.rad2deg(_numbers(motion.joint_rotvec[:, motion.joint_names.index(joint)]))


def _numbers(values: Tensor) -> np.ndarray:
    return values.detach().cpu().double().numpy()
