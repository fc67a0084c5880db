"""The sound of a clip, beginning with its first frame."""

from __future__ import annotations

import os
from dataclasses import replace
from fractions import Fraction

import av
import torch.nn.functional as F

from ..datatypes import Audio
from ..progress import Progress, silent
from ..speech.audio import load_audio
from ..video.reader import VideoReader


def clip_sound(path: str | os.PathLike[str], *, progress: Progress = silent) -> Audio | None:
    """The first sound track of a video file, silent or cut where it begins after or before the picture; None without.

    Raises:
        InputError: see `VideoReader` and `speech.audio.load_audio`.
    """
    reader = VideoReader(path)
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return None
    audio = load_audio(path, progress=progress)
    late = round(Fraction(reader.sound_delay_s) * audio.sample_rate)
    return audio if late == 0 else replace(audio, waveform=F.pad(audio.waveform, (late, 0)))
