"""The face of LAM-Audio2Expression, which hears the waveform itself (Apache-2.0, optional).

LAM-A2E (He et al. 2025, https://github.com/aigc3d/LAM_Audio2Expression, weights 3DAIGC/LAM_audio2exp) is a fine-tuned
wav2vec 2.0 with a convolutional decoder: 16 kHz in, the 52 ARKit coefficients in alphabetical order out, at 30 frames
a second, `ceil(30 n / 16000)` frames of n samples. It was trained in windows of 64 frames, for 12 speakers. Its
authors publish PyTorch weights only. The ONNX file that is read here is

    https://huggingface.co/myned-ai/wav2arkit_cpu, revision 48b7d27a, Apache-2.0:
    wav2arkit_cpu.onnx (1.9 MB) and wav2arkit_cpu.onnx.data (402 MB), both in one folder;
    `audio_waveform [1, n]` to `blendshapes [1, t, 52]`, the speaker fixed to number 11.

An export of one's own with the authors' names (`input_audio_array`, `id_idx`, `pred_exp`) is read too, with speaker 0
as in their configuration. Nothing here was ever run on the real weights, only on small networks with the same names.

What follows the network is the authors' (`engines/infer.py`): mouth movement in silence goes to a tenth, a
Savitzky-Golay filter of 5 frames and second order, left and right made equal. Where we differ: windows overlap and
are cross-faded, each with sound before and after, where theirs begin one second apart with the past only; `mouthClose`
rests in silence with the other channels; their random blinks are left out, for lids are ours.
"""

from __future__ import annotations

import importlib.util
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from scipy.ndimage import binary_opening, convolve1d
from torch import Tensor

from .. import clock
from ..clock import frame_start
from ..errors import InputError, ToolError
from ..names import ARKIT_EXPRESSIONS, EXPRESSION_INDEX
from ..progress import Progress, silent

SAMPLE_RATE = 16000
FPS = Fraction(30)
WINDOW = 34133
"""Samples of 64 frames, for files that take any number."""

_NAMES = {"audio_waveform": "blendshapes", "input_audio_array": "pred_exp"}
"""The output that goes with each name of the waveform."""
_SPEAKER_INPUT, _SPEAKERS, _SPEAKER = "id_idx", 12, 0
_PACKAGE = "onnxruntime"

_SAVITZKY_GOLAY = np.array([-3, 12, 17, 12, -3]) / 35
_SILENT_RMS, _SHORTEST_SILENCE, _RAMP, _REST = 1e-3, 7, 4, 0.1
_MOUTH = [
    i
    for i, name in enumerate(ARKIT_EXPRESSIONS)
    if name.startswith(("mouth", "jaw", "noseSneer")) or name == "cheekPuff"
]
_LEFT = [i for i, name in enumerate(ARKIT_EXPRESSIONS) if name.endswith("Left")]
_RIGHT = [EXPRESSION_INDEX[ARKIT_EXPRESSIONS[i].replace("Left", "Right")] for i in _LEFT]


@dataclass(frozen=True, kw_only=True)
class LamFace:
    """A loaded network, as a `FaceBackend`."""

    infer: Callable[[Float[np.ndarray, " n"]], Float[np.ndarray, "t 52"]]
    """Runs the network on `window` samples."""
    window: int = WINDOW
    name: str = "LAM-Audio2Expression"

    @property
    def window_frames(self) -> int:
        return clock.num_frames(self.window, SAMPLE_RATE, FPS)

    def expression(
        self, speech_16k: Float[Tensor, " n"], fps: Fraction, num_frames: int, progress: Progress = silent
    ) -> Float[Tensor, "t 52"]:
        """The coefficients, 0 to 1, of the frames `[i, i + 1) / fps` of mono speech at 16 kHz, as loud as it came.

        `progress` counts frames at 30 a second. Memory beyond the result does not grow with the length.

        Raises:
            ToolError: if the network returns another number of frames, or NaN.
            ValueError: if there is no sample or no frame.
        """
        if speech_16k.numel() == 0 or num_frames < 1:
            raise ValueError(f"There must be samples and frames. Got {speech_16k.numel()} and {num_frames}.")
        speech = speech_16k.detach().to("cpu", torch.float32).numpy()
        shapes = self._windows(speech, progress)
        shapes[:, _MOUTH] *= _openness(speech, len(shapes))[:, None]
        shapes = convolve1d(shapes, _SAVITZKY_GOLAY, axis=0, mode="mirror").clip(0, 1)
        shapes[:, _LEFT] = shapes[:, _RIGHT] = (shapes[:, _LEFT] + shapes[:, _RIGHT]) / 2
        wanted_s = (np.arange(num_frames) + 0.5) / float(fps)
        own_s = (np.arange(len(shapes)) + 0.5) / float(FPS)
        return torch.from_numpy(np.stack([np.interp(wanted_s, own_s, column) for column in shapes.T], axis=1)).float()

    def _windows(self, speech: Float[np.ndarray, " n"], progress: Progress) -> Float[np.ndarray, "t 52"]:
        """Windows cross-faded into one another; silence lies around the speech."""
        total = clock.num_frames(len(speech), SAMPLE_RATE, FPS)
        length = self.window_frames
        edge, fade = length * 9 // 64, length // 4
        ramp = (np.arange(fade) + 0.5) / fade
        weight = np.concatenate([np.zeros(edge), ramp, np.ones(length - 2 * (edge + fade)), ramp[::-1], np.zeros(edge)])
        out = np.zeros((total, len(ARKIT_EXPRESSIONS)))
        for first in range(-edge - fade, total - edge, length - 2 * edge - fade):
            progress(max(first, 0), total)
            start = frame_start(first, SAMPLE_RATE, FPS)
            inside = speech[max(start, 0) : max(start + self.window, 0)]
            before = max(-start, 0)
            heard = np.pad(inside, (before, self.window - before - len(inside)))
            frames = slice(max(first, 0), min(first + length, total))
            own = slice(frames.start - first, frames.stop - first)
            out[frames] += weight[own, None] * self.run_window(heard)[own]
        progress(total, total)
        return out

    def run_window(self, heard: Float[np.ndarray, " n"]) -> Float[np.ndarray, "t 52"]:
        """What the network makes of one window, as it is.

        Raises:
            ToolError: if that is another number of frames than the window has, or not finite.
        """
        length = self.window_frames
        shapes = self.infer(heard)
        if shapes.shape != (length, len(ARKIT_EXPRESSIONS)) or not np.isfinite(shapes).all():
            raise ToolError(
                f"{self.name} must return {length} frames of 52 finite coefficients for {self.window} samples. "
                f"Got {shapes.shape}{'' if np.isfinite(shapes).all() else ' with NaN'}."
            )
        return shapes


def load_lam(path: Path) -> LamFace:
    """Open an `.onnx` file of LAM-Audio2Expression with onnxruntime, on the CPU.

    Raises:
        InputError: if onnxruntime is not installed, or the file is missing, damaged or another network.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"There is no file {path}: choose the .onnx file of LAM-Audio2Expression.")
    if importlib.util.find_spec(_PACKAGE) is None:
        raise InputError(f"{path.name} needs the package {_PACKAGE}: install it with `pip install {_PACKAGE}`.")
    session = _open(path)
    inputs = {value.name: value for value in session.get_inputs()}
    outputs = {value.name: value for value in session.get_outputs()}
    waveform = next((name for name in _NAMES if name in inputs), None)
    if waveform is None or _NAMES[waveform] not in outputs or set(inputs) - {waveform, _SPEAKER_INPUT}:
        wanted = " or ".join(f"{heard} to {shapes}" for heard, shapes in _NAMES.items())
        raise InputError(
            f"{path.name} is no LAM-Audio2Expression: it maps {', '.join(inputs)} to {', '.join(outputs)}, "
            f"not {wanted}."
        )
    shape = inputs[waveform].shape
    samples = shape[-1] if shape else None
    face = LamFace(
        infer=_infer(session, waveform, inputs.get(_SPEAKER_INPUT)),
        window=samples if isinstance(samples, int) else WINDOW,
    )
    try:
        face.run_window(np.zeros(face.window))
    except Exception as error:  # onnxruntime's own kinds have no common class.
        raise InputError(f"{path.name} does not run as LAM-Audio2Expression does ({error}): fetch it again.") from error
    return face


def _open(path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own kinds have no common class.
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"{path.name} cannot be opened ({reason}): fetch it again, and put its weights, {path.name}.data, "
            "beside it."
        ) from error


def _infer(session: Any, waveform: str, speaker: Any) -> Callable[[Float[np.ndarray, " n"]], Float[np.ndarray, "t 52"]]:
    fixed: Mapping[str, np.ndarray] = {}
    if speaker is not None:
        kind = np.int64 if "int64" in speaker.type else np.float32
        fixed = {_SPEAKER_INPUT: np.eye(_SPEAKERS, dtype=kind)[_SPEAKER : _SPEAKER + 1]}

    def infer(heard: Float[np.ndarray, " n"]) -> np.ndarray:
        (shapes,) = session.run([_NAMES[waveform]], {waveform: heard[None].astype(np.float32), **fixed})
        return shapes[0].astype(float)

    return infer


def _openness(speech: Float[np.ndarray, " n"], num_frames: int) -> Float[np.ndarray, " t"]:
    """How much of the mouth's movement each frame keeps: 1 where there is sound, little within a silence."""
    edges = [min(frame_start(i, SAMPLE_RATE, FPS), len(speech)) for i in range(num_frames + 1)]
    power = np.array([np.square(speech[first:last]).mean() for first, last in itertools.pairwise(edges)])
    quiet = np.asarray(binary_opening(np.sqrt(power) < _SILENT_RMS, np.ones(_SHORTEST_SILENCE)), dtype=bool)
    if quiet.all():
        return np.full(num_frames, _REST)
    loud, frames = np.flatnonzero(~quiet), np.arange(num_frames)
    after = np.searchsorted(loud, frames)
    neighbours = loud[np.clip([after - 1, after], 0, len(loud) - 1)]
    depth = np.abs(neighbours - frames).min(0) / _RAMP
    return 1 - (1 - _REST) * depth.clip(0, 1)
