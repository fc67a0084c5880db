"""Frames come as they were written, any number of times, one by one; what is no video is refused in a sentence."""

import logging
from fractions import Fraction
from operator import length_hint

import av
import numpy as np
import pytest
import torch

from vlogger_core.datatypes import Audio
from vlogger_core.errors import InputError
from vlogger_core.video.reader import VideoReader
from vlogger_core.video.writer import write_video

FPS = Fraction(24)


def _write(path, count=12):
    frames = (torch.full((3, 48, 64), (i + 1) / (count + 1)) for i in range(count))
    return write_video(path, frames, FPS, Audio(waveform=torch.rand(1, 8000) - 0.5, sample_rate=16000))


def test_frames_come_back_in_order_and_again(tmp_path):
    reader = VideoReader(_write(tmp_path / "a.mp4"))
    assert reader.fps == FPS
    assert length_hint(reader) == 12
    assert abs(reader.sound_delay_s) < 0.05
    for _ in range(2):
        frames = list(reader)
        assert [tuple(frame.shape) for frame in frames] == [(3, 48, 64)] * 12
        levels = torch.stack(frames).mean((1, 2, 3))
        torch.testing.assert_close(levels, torch.arange(1, 13) / 13, atol=0.02, rtol=0)


def test_a_variable_rate_is_told(tmp_path, caplog):
    path = tmp_path / "variable.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for time_ms in (0, 40, 80, 120, 600, 640, 900, 1500):
            frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
            frame.pts, frame.time_base = time_ms, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with caplog.at_level(logging.WARNING):
        assert len(list(VideoReader(path))) == 8
    assert "variable frame rate" in caplog.text
    assert len(caplog.records) == 1


def test_refusals(tmp_path):
    with pytest.raises(InputError, match="There is no video file"):
        VideoReader(tmp_path / "missing.mp4")
    text = tmp_path / "text.mp4"
    text.write_text("no video")
    with pytest.raises(InputError, match=r"Cannot read .* as video"):
        VideoReader(text)
    sound = tmp_path / "sound.wav"
    with av.open(str(sound), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=16000, layout="mono")
        block = av.AudioFrame.from_ndarray(np.zeros((1, 1600), np.int16), format="s16", layout="mono")
        block.sample_rate = 16000
        container.mux(stream.encode(block))
    with pytest.raises(InputError, match="holds no video"):
        VideoReader(sound)
    whole = _write(tmp_path / "whole.mp4").read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole[: len(whole) // 3])
    with pytest.raises(InputError, match=r"cut\.mp4"):
        list(VideoReader(cut))
