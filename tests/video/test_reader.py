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

from .clips import corners, set_matrix, write_timed

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


def _levels(reader):
    return [round(float(frame.mean()) * 255) for frame in reader]


def test_a_variable_rate_becomes_constant_by_the_time_stamps(tmp_path, caplog):
    times_ms = (0, 40, 80, 120, 600, 640, 900, 1500)
    shades = [20 * (i + 1) for i in range(len(times_ms))]
    pictures = (np.full((48, 64, 3), shade, np.uint8) for shade in shades)
    reader = VideoReader(write_timed(tmp_path / "variable.mkv", pictures, times_ms))
    fps = float(reader.fps)
    with caplog.at_level(logging.WARNING):
        levels = _levels(reader)
    assert "variable frame rate" in caplog.text
    assert len(caplog.records) == 1
    assert len(levels) == round(1.5 * fps) + 1
    for place, level in enumerate(levels):
        shown = times_ms[int(np.argmin([abs(level - shade) for shade in shades]))]
        assert shown <= 1000 * (place + 1) / fps
        assert not any(shown < later <= 1000 * (place - 1) / fps for later in times_ms)


def test_missing_frames_do_not_change_the_usual_rate(tmp_path, caplog):
    kept = [i for i in range(40) if i not in (7, 8, 9, 21)]
    pictures = (np.full((48, 64, 3), 5 * i + 20, np.uint8) for i in kept)
    reader = VideoReader(write_timed(tmp_path / "holes.mp4", pictures, [round(i * 1000 / 30) for i in kept], 30))
    assert float(reader.fps) == pytest.approx(30, rel=2e-3)
    with caplog.at_level(logging.WARNING):
        levels = _levels(reader)
    expected = [5 * (i if i in kept else 6 if i < 10 else 20) + 20 for i in range(40)]
    np.testing.assert_allclose(levels, expected, atol=2)
    assert "variable frame rate" in caplog.text


def test_even_frames_are_neither_repeated_nor_told_of(tmp_path, caplog):
    times_ms = [round(1000 * i * 1001 / 24000) for i in range(40)]
    pictures = (np.full((48, 64, 3), 5 * i + 20, np.uint8) for i in range(40))
    reader = VideoReader(write_timed(tmp_path / "even.mkv", pictures, times_ms))
    with caplog.at_level(logging.WARNING):
        np.testing.assert_allclose(_levels(reader), [5 * i + 20 for i in range(40)], atol=2)
    assert float(reader.fps) == pytest.approx(24000 / 1001, rel=2e-3)
    assert not caplog.records


@pytest.mark.parametrize(
    ("matrix", "upright"),
    [
        ((1, 0, 0, 1), lambda p: p),
        ((0, 1, -1, 0), lambda p: np.rot90(p, -1)),
        ((-1, 0, 0, -1), lambda p: np.rot90(p, 2)),
        ((0, -1, 1, 0), lambda p: np.rot90(p, 1)),
        ((-1, 0, 0, 1), lambda p: p[:, ::-1]),
        ((0, 1, 1, 0), lambda p: p.swapaxes(0, 1)),
    ],
)
def test_a_phone_s_picture_is_upright(tmp_path, matrix, upright):
    path = write_timed(tmp_path / "phone.mp4", [corners()] * 3, (0, 40, 80))
    frames = list(VideoReader(set_matrix(path, *matrix)))
    wanted = torch.from_numpy(upright(corners()).copy()).permute(2, 0, 1) / 255
    assert len(frames) == 3
    torch.testing.assert_close(frames[1], wanted, atol=0.08, rtol=0)


def test_ten_bits_keep_their_steps(tmp_path):
    path = tmp_path / "deep.mkv"
    ramp = np.linspace(0.4, 0.5, 256)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = 256, 32, "yuv444p10le"
        deep = np.broadcast_to((ramp * 65535).astype(np.uint16)[None, :, None], (32, 256, 3))
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(deep), format="rgb48le")
        container.mux(stream.encode(frame.reformat(format="yuv444p10le")))
        container.mux(stream.encode())
    (frame,) = VideoReader(path)
    row = frame.mean((0, 1))
    torch.testing.assert_close(row, torch.from_numpy(ramp).float(), atol=0.004, rtol=0)
    assert len(row.mul(1000).round().unique()) > 60


def test_one_frame_without_sound(tmp_path):
    reader = VideoReader(write_timed(tmp_path / "one.mp4", [corners()], [0]))
    assert reader.sound_delay_s == 0
    assert len(list(reader)) == 1


def test_hdr_is_told(tmp_path, caplog):
    path = tmp_path / "hlg.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=24, options={"x264-params": "transfer=arib-std-b67"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p10le"
        frame = av.VideoFrame.from_ndarray(corners(), format="rgb24").reformat(format="yuv420p10le")
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with caplog.at_level(logging.WARNING):
        list(VideoReader(path))
    assert "HDR video (HLG)" in caplog.text


def test_the_sample_clips_are_even(samples, caplog):
    with caplog.at_level(logging.WARNING):
        for path in sorted((samples / "video").glob("*.mpg")):
            reader = VideoReader(path)
            assert reader.fps == 25
            assert sum(1 for _ in reader) == 75
    assert not caplog.records


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
