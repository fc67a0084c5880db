"""Recordings of a made-up speaker: a humming sound whose syllables open the jaw."""

import json
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np

from vlogger_core.names import ARKIT_EXPRESSIONS, SMPLX_JOINTS

RATE = 16000
_COLUMNS = ("HeadYaw", "HeadPitch", "HeadRoll")


def jaw(times_s: np.ndarray) -> np.ndarray:
    """Three syllables a second, every other one loud, and a pause in every fourth second."""
    swing = np.sin(2 * np.pi * 1.5 * times_s)
    return np.where(times_s % 4 < 3, np.where(swing > 0, 0.6, 0.3), 0.0) * np.abs(swing)


def write_sound(path: Path, seconds: float, *, loud: float = 0.1) -> None:
    times_s = np.arange(round(seconds * RATE)) / RATE
    tone = sum(np.sin(2 * np.pi * 140 * k * times_s) / k for k in range(1, 12))
    samples = (loud * jaw(times_s) * tone * 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())


def timecode(seconds: float, rate: int) -> str:
    """As Live Link Face counts: hours, minutes, seconds, frames and thousandths of a frame."""
    whole = int(seconds)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}:{(seconds - whole) * rate:06.3f}"


def write_live_link(
    path: Path,
    seconds: float,
    *,
    rate: int = 60,
    first_s: float = 36000.0,
    written: Callable[[float, int], str] = timecode,
    **channels: Callable[[np.ndarray], np.ndarray],
) -> None:
    """A csv whose channels are functions of the time, 0 where not given; the jaw is `jaw`."""
    times_s = np.arange(round(seconds * rate)) / rate
    names = [*(name[0].upper() + name[1:] for name in ARKIT_EXPRESSIONS), *_COLUMNS]
    table = np.zeros((len(times_s), len(names)))
    for name, function in {"JawOpen": jaw, **channels}.items():
        table[:, names.index(name)] = function(times_s)
    rows = [
        ",".join([written((first_s + time_s) % 86400, rate), "61", *(f"{value:.8f}" for value in row)])
        for time_s, row in zip(times_s, table, strict=True)
    ]
    path.write_text("\n".join([",".join(["Timecode", "BlendshapeCount", *names]), *rows]) + "\n")


def write_beat_face(path: Path, seconds: float, *, rate: int = 60) -> None:
    """As BEAT has it: 51 names, without the tongue."""
    times_s = np.arange(round(seconds * rate)) / rate
    names = [name for name in ARKIT_EXPRESSIONS if name != "tongueOut"]
    frames = []
    for time_s, opened in zip(times_s, jaw(times_s), strict=True):
        weights = [float(opened) if name == "jawOpen" else 0.0 for name in names]
        frames.append({"weights": weights, "time": float(time_s), "rotation": []})
    path.write_text(json.dumps({"names": names, "frames": frames}))


def write_smplx(
    path: Path,
    seconds: float,
    *,
    rate: int = 30,
    walked_m: float = 0.0,
    **joints: Callable[[np.ndarray], np.ndarray],
) -> None:
    """An npz whose joints' rotation vectors are functions `[t] -> [t 3]` of the time at frame centres."""
    times_s = (np.arange(round(seconds * rate)) + 0.5) / rate
    poses = np.zeros((len(times_s), 55, 3))
    for name, function in joints.items():
        poses[:, SMPLX_JOINTS.index(name)] = function(times_s)
    np.savez(
        path,
        poses=poses.reshape(len(times_s), 165),
        expressions=np.zeros((len(times_s), 100)),
        trans=np.array((0.1, 1.2, 0.3)) + np.linspace(0, walked_m, len(times_s))[:, None],
        betas=np.zeros(300),
        mocap_frame_rate=rate,
    )
