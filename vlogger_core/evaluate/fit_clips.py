"""How well bodies are tracked through clips: steadiness, lips against sound, and speed."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from ..body.detect_clip import clip_landmarks
from ..body.expression import pose_at
from ..body.landmarks import RIGHT_IRIS
from ..body.protocol import BodyModel
from ..body.track import Track, track_clip
from ..clock import frame_start
from ..data.lag import best_lag
from ..datatypes import Audio
from ..errors import InputError
from ..names import EXPRESSION_INDEX, PART_INDEX
from ..progress import Progress, silent
from ..speech.audio import load_audio, to_speech
from ..speech.mel import SAMPLE_RATE
from ..video.reader import VideoReader
from .table import Figure

AVERAGED = 5
"""Frames of the moving average that jumps are measured over."""
MAX_LAG = 3
"""Frames by which the lips may lead or follow the sound: vowels are shaped before they are heard, and recordings are
not exactly in step."""
SMOOTHED = 5
"""Frames of the window over which opening and loudness are smoothed before they are compared: syllables stay."""
QUIET_DB = 35.0
"""Below the loud frames of a clip: what is quieter is silence."""
_FACE_PARTS = ("head", "lips", "lids", "brows")
_MOST_VERTICES, _CHUNK = 1000, 64


@dataclass(frozen=True, kw_only=True)
class ClipErrors:
    """What one clip tells."""

    name: str
    jump: float
    """The largest frame-to-frame jump of the face over the median one."""
    detected_jump: float
    """The same of the face points as they were detected, in the picture: what speech and the detector bring."""
    correlation: float | None
    """Of jawOpen with the loudness of the sound, at the best lag; None without sound."""
    lag: int
    """Frames by which the sound follows the jaw at that lag."""
    frames_per_s: float


def clip_figures(clips: Sequence[Path], model: BodyModel, progress: Progress = silent) -> list[Figure]:
    """Track every clip once."""
    measured: list[ClipErrors] = []
    told: list[Figure] = []
    for i, path in enumerate(clips):

        def part(done: int, total: int, i: int = i) -> None:
            progress(1000 * i + 1000 * done // max(1, total), 1000 * len(clips))

        part(0, 1)
        try:
            measured.append(clip_errors(path, model, part))
        except InputError as error:
            told.append(
                Figure(what="clip tracked", on=path.stem, reached=None, asked=1.0, note=str(error).partition(". ")[0])
            )
    progress(1, 1)
    for clip in measured:
        detected = f"of the detected points {clip.detected_jump:.3g}"
        note = "no sound" if clip.correlation is None else lag_in_words(clip.lag)
        told += [
            Figure(what="largest jump over median jump", on=clip.name, reached=clip.jump, unit="x", note=detected),
            Figure(what="jawOpen with loudness", on=clip.name, reached=clip.correlation, unit="r", note=note),
        ]
    if not measured:
        return told
    heard = [clip for clip in measured if clip.correlation is not None]
    jumpy = max(measured, key=lambda clip: clip.jump)
    slow = min(measured, key=lambda clip: clip.frames_per_s)
    told.append(
        Figure(
            what="largest jump over median jump", on="clips, worst", reached=jumpy.jump, unit="x", asked=3.0,
            note=jumpy.name,
        )
    )  # fmt: skip
    if heard:
        mute = min(heard, key=lambda clip: clip.correlation or 0.0)
        told.append(
            Figure(
                what="jawOpen with loudness", on="clips, worst", reached=mute.correlation, unit="r", asked=0.5,
                at_least=True, note=mute.name,
            )
        )  # fmt: skip
    told.append(
        Figure(
            what="speed of tracking", on="clips, worst", reached=slow.frames_per_s, unit="frames/s", asked=1.5,
            at_least=True, note=slow.name,
        )
    )  # fmt: skip
    return told


def clip_errors(path: Path, model: BodyModel, progress: Progress = silent) -> ClipErrors:
    """Track one clip.

    Raises:
        InputError: as `VideoReader` and `track_clip` do.
    """
    reader = VideoReader(path)
    started = time.perf_counter()
    landmarks = list(clip_landmarks(reader, progress=lambda *_: progress(0, 1)))
    track = track_clip(reader, fps=reader.fps, model=model, landmarks=landmarks, progress=progress)
    wall = time.perf_counter() - started
    try:
        audio = load_audio(path)
    except InputError:
        audio = None
    correlation, lag = None, 0
    if audio is not None:
        loud = loudness(audio, reader.fps, track.motion.num_frames, reader.sound_delay_s)
        expression = pose_at(track.fit, track.motion, 0, track.motion.num_frames)[2]
        jaw = expression[:, EXPRESSION_INDEX["jawOpen"]]
        correlation, lag = best_correlation(jaw, loud)
    return ClipErrors(
        name=path.stem,
        jump=largest_jump(face_vertices(track)),
        detected_jump=largest_jump(torch.stack([points.face[:RIGHT_IRIS, :2] for points in landmarks])),
        correlation=correlation,
        lag=lag,
        frames_per_s=track.motion.num_frames / wall,
    )


def lag_in_words(lag: int) -> str:
    """Which comes first."""
    if lag == 0:
        return "in step"
    return f"jaw {abs(lag)} frame{'s' if abs(lag) > 1 else ''} {'before' if lag > 0 else 'after'} the sound"


def face_vertices(track: Track) -> Float[Tensor, "t v 3"]:
    """Vertices of the tracked face, a thousand of them at most, in the world."""
    model = track.fit.model
    parts = torch.tensor([PART_INDEX[name] for name in _FACE_PARTS])
    vertices = model.faces[torch.isin(model.face_parts, parts)].unique()
    vertices = vertices[:: math.ceil(len(vertices) / _MOST_VERTICES)]
    rest = model.rest(track.fit.shape)
    pieces = []
    for start in range(0, track.motion.num_frames, _CHUNK):
        stop = min(start + _CHUNK, track.motion.num_frames)
        pieces.append(model.pose(rest, *pose_at(track.fit, track.motion, start, stop)).vertices[:, vertices])
    return torch.cat(pieces)


def largest_jump(vertices: Float[Tensor, "t v d"]) -> float:
    """The largest step of the vertices' residuals over their centred moving average, over the median step."""
    if len(vertices) < AVERAGED + 2:
        raise InputError(f"A clip must have {AVERAGED + 2} frames at least to tell jumps. Got {len(vertices)}.")
    half = AVERAGED // 2
    smooth = vertices.unfold(0, AVERAGED, 1).mean(-1)
    residual = vertices[half : len(vertices) - half] - smooth
    steps = (residual[1:] - residual[:-1]).norm(dim=-1).mean(-1)
    return (steps.max() / steps.median().clamp(min=1e-9)).item()


def loudness(audio: Audio, fps: Fraction, num_frames: int, delay_s: float = 0.0) -> Float[Tensor, " t"]:
    """How loud the sound is during each video frame: decibels, 0 for silence to 1 for the loudest twentieth.

    Args:
        delay_s: how much later than the first frame the sound begins.
    """
    speech = to_speech(audio)
    late = round(delay_s * SAMPLE_RATE)
    speech = F.pad(speech, (max(late, 0), 0))[max(-late, 0) :]
    ends = [frame_start(i, SAMPLE_RATE, fps) for i in range(num_frames + 1)]
    speech = F.pad(speech, (0, max(0, ends[-1] - len(speech))))
    power = torch.stack([speech[a:b].square().mean() for a, b in itertools.pairwise(ends)])
    decibels = 10 * torch.log10(power + 1e-12)
    return ((decibels - decibels.quantile(0.95)) / QUIET_DB + 1).clamp(0, 1)


def best_correlation(jaw: Float[Tensor, " t"], loud: Float[Tensor, " t"]) -> tuple[float, int]:
    """Pearson's r of the two after smoothing, over all frames, speech and pauses, at the lag where it is largest.

    The lag is of the loudness, in frames.
    """
    lag, r = best_lag(_smooth(loud).double().numpy(), _smooth(jaw).double().numpy(), MAX_LAG)
    return r, lag


def _smooth(values: Float[Tensor, " t"]) -> Float[Tensor, " t"]:
    """A triangular window, the ends held."""
    half = SMOOTHED // 2
    kernel = torch.bartlett_window(SMOOTHED + 2, periodic=False)[1:-1]
    padded = torch.cat((values[:1].expand(half), values, values[-1:].expand(half)))
    return F.conv1d(padded[None, None], (kernel / kernel.sum())[None, None])[0, 0]
