"""Files are whole or absent, and say what they hold."""

from fractions import Fraction

import av
import numpy as np
import pytest
import torch

from vlogger_core.datatypes import Audio
from vlogger_core.errors import InputError
from vlogger_core.video.writer import check_writable, write_video

FPS = Fraction(24)


def colour_bars(count: int, height: int = 63, width: int = 49):
    """Frames whose grey level is the frame index, of odd sizes."""
    for index in range(count):
        yield torch.full((3, height, width), index / count)


def tone(seconds: float, channels: int = 1, sample_rate: int = 22050) -> Audio:
    time = torch.arange(int(seconds * sample_rate)) / sample_rate
    return Audio(waveform=0.5 * torch.sin(2 * torch.pi * 440 * time).expand(channels, -1), sample_rate=sample_rate)


def test_video_and_sound_read_back(tmp_path):
    path = write_video(tmp_path / "a.mp4", colour_bars(48), FPS, tone(2.0, channels=2))
    with av.open(str(path)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, audio.codec_context.name) == ("h264", "aac")
        assert video.average_rate == FPS
        assert (video.height, video.width) == (64, 50)
        frames = [frame.to_ndarray(format="gray") for frame in container.decode(video)]
        levels = [float(frame.mean()) for frame in frames]
    assert len(frames) == 48
    assert np.all(np.diff(levels) > 0)
    with av.open(str(path)) as container:
        samples = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)
    assert samples.shape[0] == 2
    assert samples.shape[1] / 48000 == pytest.approx(2.0, abs=0.05)
    assert np.sqrt((samples[:, 5000:-5000] ** 2).mean()) == pytest.approx(0.5 / np.sqrt(2), rel=0.05)


def test_colours_survive(tmp_path):
    colour = torch.tensor([0.8, 0.3, 0.2])[:, None, None].expand(3, 64, 64)
    path = write_video(tmp_path / "a.mp4", [colour] * 3, FPS)
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0)).to_ndarray(format="rgb24", src_colorspace="ITU709")
    assert np.abs(frame.mean((0, 1)) / 255 - colour[:, 0, 0].numpy()).max() < 0.02


def test_a_cancelled_run_leaves_nothing(tmp_path):
    def cancelled():
        yield from colour_bars(3)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_video(tmp_path / "a.mp4", cancelled(), FPS)
    assert list(tmp_path.iterdir()) == []


def test_an_older_file_survives_a_failed_run(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"older")
    with pytest.raises(InputError, match="no frame"):
        write_video(path, [], FPS)
    assert path.read_bytes() == b"older"


@pytest.mark.parametrize("name", ["a.avi", "folder.mp4", "file/a.mp4"])
def test_unwritable_output_is_named(tmp_path, name):
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(InputError, match=name.split("/")[-1]):
        check_writable(tmp_path / name)


def test_a_voice_in_the_centre_channel_is_heard(tmp_path):
    voice = tone(1.0)
    surround = torch.zeros(6, voice.waveform.shape[1])
    surround[2] = voice.waveform[0]
    path = write_video(tmp_path / "a.mp4", colour_bars(24), FPS, Audio(waveform=surround, sample_rate=22050))
    with av.open(str(path)) as container:
        samples = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)
    assert np.sqrt((samples**2).mean()) > 0.04


def test_two_runs_into_one_file_do_not_meet(tmp_path):
    path = tmp_path / "a.mp4"

    def disturbed():
        yield from colour_bars(3)
        write_video(path, colour_bars(5), FPS)
        yield from colour_bars(3)

    write_video(path, disturbed(), FPS)
    with av.open(str(path)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 6
    assert list(tmp_path.iterdir()) == [path]
