from fractions import Fraction
from pathlib import Path

import pytest
import torch

from vlogger_core.edit.clip_source import ClipSource, FileClip, KeptMasks, MaskSource, TensorClip, TensorMask
from vlogger_core.errors import InputError
from vlogger_core.progress import Progress
from vlogger_core.video.reader import VideoReader
from vlogger_core.video.writer import write_video


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    frames = torch.rand(12, 3, 1, 1, generator=torch.Generator().manual_seed(0)).expand(-1, -1, 32, 48)
    return write_video(tmp_path_factory.mktemp("clip") / "clip.mp4", frames, Fraction(25))


def test_a_file_gives_the_readers_frames_in_any_order(film: Path):
    clip = FileClip(film)
    wanted = torch.stack(list(VideoReader(film)))
    assert isinstance(clip, ClipSource)
    assert (clip.num_frames, clip.size) == (12, (32, 48))
    for start, stop in [(0, 4), (0, 2), (4, 8), (2, 5), (8, 12), (1, 3), (11, 12)]:
        assert torch.equal(clip.frames(start, stop), wanted[start:stop])


def test_stages_that_read_on_never_begin_anew(film: Path):
    clip = FileClip(film)
    for start in range(0, 12, 4):
        for _ in range(3):
            clip.frames(start, start + 4)
    assert len(clip._cursors) == 3


def test_a_file_that_ends_early_is_told(film: Path):
    with pytest.raises(InputError, match=r"clip\.mp4 ends at frame 12, and frame 13 was asked for"):
        FileClip(film).frames(10, 14)


def test_reading_can_be_stopped(film: Path):
    def stop(done: int, total: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        FileClip(film).frames(8, 9, stop)


def test_what_is_in_memory_comes_as_it_is():
    pictures, planes = torch.rand(5, 3, 4, 6), torch.rand(5, 4, 6)
    clip, masks = TensorClip(pictures), TensorMask(planes)
    assert isinstance(clip, ClipSource)
    assert isinstance(masks, MaskSource)
    assert (clip.num_frames, clip.size, masks.num_frames, masks.size) == (5, (4, 6), 5, (4, 6))
    assert torch.equal(clip.frames(1, 3), pictures[1:3])
    assert torch.equal(masks.frames(4, 5), planes[4:])


def test_masks_are_made_once_for_stages_that_follow_each_other():
    asked = []

    class Slow(TensorMask):
        def frames(self, start: int, stop: int, progress: Progress) -> torch.Tensor:
            asked.append((start, stop))
            return super().frames(start, stop, progress)

    planes = torch.rand(200, 2, 2)
    kept = KeptMasks(Slow(planes))
    for start, stop in [(0, 16), (0, 8), (8, 20), (0, 4), (4, 20)]:
        assert (kept.frames(start, stop) - planes[start:stop]).abs().max() <= 0.5 / 255 + 1e-6
    assert asked == [(0, 16), (16, 20)]
    for start in range(20, 200, 20):
        kept.frames(start, start + 20)
    assert len(kept._kept) == 64
