"""What the motion viewer draws under the body: the speech's waveform, and jaw, lids and head over time."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from ..datatypes import Audio, Motion
from ..motion.gaze_control import head_rotation
from ..names import EXPRESSION_INDEX

_MAX_BARS, _BARS_PER_S = 4000, 100
_LEAST_DEG = 10.0
_SILENT = 1e-3
_DIGITS = {"": 3, "°": 1}


def write_viewer_curves(path: Path, motion: Motion, audio: Audio | None = None) -> None:
    """Write the JSON that `web/motion_viewer` reads: a few hundred bytes a second of motion."""
    Path(path).write_text(json.dumps(viewer_curves(motion, audio), separators=(",", ":")), encoding="utf-8")


def viewer_curves(motion: Motion, audio: Audio | None = None) -> dict[str, Any]:
    """What that file holds.

    Returns:
        `fps`; `duration_s`, of the longer of motion and speech; `rows`, each with `id`, `label`, `unit`, the `digits`
        to show, the range `low` to `high`, and `lines` of `label` and `values`. Values come one for each frame, those
        of the speech evenly over the whole duration.
    """
    motion = motion.to("cpu")
    motion_s = float(motion.num_frames / motion.fps)
    duration_s = max(motion_s, audio.duration_s if audio else 0.0)
    rows = []
    if audio is not None:
        rows.append(_row("speech", "Speech", {"": speech_bars(audio, duration_s)}, 0.0, 1.0))
    jaw, left, right = (
        motion.expression[:, EXPRESSION_INDEX[name]] for name in ("jawOpen", "eyeBlinkLeft", "eyeBlinkRight")
    )
    turn, nod, tilt = head_angles_deg(motion).unbind(1)
    reach = max(_LEAST_DEG, *(float(angle.abs().max()) for angle in (turn, nod, tilt)))
    rows += [
        _row("jaw", "Jaw open", {"": jaw}, 0.0, 1.0),
        _row("lids", "Lids closed", {"left": left, "right": right}, 0.0, 1.0),
        _row("head", "Head", {"turn": turn, "nod": nod, "tilt": tilt}, -reach, reach, unit="°"),
    ]
    return {"fps": float(motion.fps), "duration_s": duration_s, "rows": rows}


def head_angles_deg(motion: Motion) -> Float[Tensor, "t 3"]:
    """How far the head is turned to its own left, nodded down and tilted to its own right, from the photo's pose.

    Euler angles about y, x and z, in this order, each about axes that the one before has turned.
    """
    rotmat = head_rotation(motion)
    turn = torch.atan2(rotmat[:, 0, 2], rotmat[:, 2, 2])
    nod = torch.asin(-rotmat[:, 1, 2].clamp(-1, 1))
    tilt = torch.atan2(rotmat[:, 1, 0], rotmat[:, 1, 1])
    return torch.rad2deg(torch.stack([turn, nod, tilt], 1))


def speech_bars(audio: Audio, duration_s: float) -> Float[Tensor, " bars"]:
    """The loudest sample in each of equal parts of the duration, 1 for the loudest of all, 0 after the sound's end."""
    bars = max(1, min(_MAX_BARS, math.ceil(duration_s * _BARS_PER_S)))
    loud = audio.waveform.detach().float().cpu().abs().amax(0)
    wanted = max(bars, round(duration_s * audio.sample_rate))
    peaks = F.adaptive_max_pool1d(F.pad(loud, (0, max(0, wanted - len(loud))))[None], bars)[0]
    return peaks / peaks.amax().clamp(min=_SILENT)


def _row(row_id: str, label: str, lines: dict[str, Tensor], low: float, high: float, unit: str = "") -> dict[str, Any]:
    digits = _DIGITS[unit]
    drawn = [
        {"label": name, "values": [round(value, digits) for value in line.tolist()]} for name, line in lines.items()
    ]
    shown = {"unit": unit, "digits": min(digits, 2), "low": low, "high": high}
    return {"id": row_id, "label": label, **shown, "lines": drawn}
