"""Cuts are found at their frame; movement, blinks and light are no cuts."""

from fractions import Fraction

import pytest
import torch
from torch import Tensor

from vlogger_core.errors import InputError
from vlogger_core.video.reader import VideoReader
from vlogger_core.video.shots import OneShot, find_cuts, split_shots

FPS = Fraction(25)
SIZE = (72, 96)


def _scene(seed: int, count: int = 12) -> list[Tensor]:
    """A smooth picture that drifts a little."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 5, 6, generator=generator)
    large = torch.nn.functional.interpolate(coarse, (SIZE[0], SIZE[1] + count), mode="bicubic")[0].clamp(0, 1)
    return [large[..., t // 2 : t // 2 + SIZE[1]] for t in range(count)]


def _lit(frame: Tensor, gain: float) -> Tensor:
    return (frame * gain).clamp(0, 1)


@pytest.mark.parametrize("lengths", [(12, 12), (1, 12), (12, 1), (6, 5, 7), (1, 1)])
def test_cuts_are_found_exactly(lengths):
    clip = [frame for seed, count in enumerate(lengths) for frame in _scene(seed, count)]
    starts = [sum(lengths[:i]) for i in range(1, len(lengths))]
    assert list(find_cuts(clip)) == starts
    assert split_shots(clip) == list(zip([0, *starts], [*starts, len(clip)], strict=True))


def test_light_is_no_cut():
    clip = _scene(0, 40)
    clip[8] = _lit(clip[8], 3.0)
    clip[15:17] = [torch.ones_like(clip[0])] * 2
    clip[22:] = [_lit(frame, 0.6) for frame in clip[22:]]
    clip[30] = torch.zeros_like(clip[0])
    clip[-1] = _lit(clip[-1], 0.8)
    assert list(find_cuts(clip)) == []


def test_a_quick_arm_and_a_hand_before_the_lens_are_no_cuts():
    clip = [frame.clone() for frame in _scene(1, 30)]
    for t, top in zip(range(8, 16), (60, 48, 36, 24, 24, 36, 48, 60), strict=True):
        clip[t][:, top:, 20:45] = torch.tensor([0.8, 0.6, 0.5])[:, None, None]
    clip[22][:, :, :80] = 0.2
    assert list(find_cuts(clip)) == []


def test_a_sweep_of_the_camera_is_no_cut():
    wide = torch.cat([_scene(seed, 1)[0] for seed in range(6)], -1)
    assert list(find_cuts([wide[..., 20 * t : 20 * t + SIZE[1]] for t in range(20)])) == []


def test_another_size_is_a_cut():
    clip = _scene(0, 6)
    assert list(find_cuts([*clip, *(frame[:, :-8] for frame in clip)])) == [6]


def test_a_cut_clip_is_refused_with_frame_and_time():
    clip = _scene(0) + _scene(1)
    seen = []
    with pytest.raises(InputError, match=r"talk\.mp4 is cut at frame 12 \(0\.48 s\)"):
        seen.extend(OneShot(clip, FPS, name="talk.mp4"))
    assert len(seen) <= 12
    assert all(one is other for one, other in zip(seen, clip, strict=False))


@pytest.mark.parametrize("count", [0, 1, 3, 20])
def test_one_shot_comes_back_whole(count):
    clip = _scene(0, max(1, count))[:count]
    back = list(OneShot(clip, FPS))
    assert len(back) == count
    assert all(one is other for one, other in zip(back, clip, strict=True))
    assert split_shots(clip) == ([(0, count)] if count else [])


@pytest.mark.slow
def test_real_clips(samples):
    clips = [[f[:, ::4, ::4] for f in VideoReader(p)] for p in sorted((samples / "video").glob("*.mpg"))]
    for clip in clips:
        assert list(find_cuts(clip)) == []
    joined = [frame for clip in clips for frame in clip]
    lengths = torch.tensor([len(clip) for clip in clips]).cumsum(0).tolist()
    assert list(find_cuts(joined)) == lengths[:-1]
