import importlib
from types import ModuleType

import pytest
import torch


@pytest.fixture(scope="module")
def shots(pack: ModuleType) -> ModuleType:
    return importlib.import_module(f"{pack.__name__}.shots")


def _clip() -> torch.Tensor:
    """Two views, of six and nine frames."""
    generator = torch.Generator().manual_seed(0)
    views = [torch.rand(1, 6, 8, 3, generator=generator).repeat_interleave(8, 1).repeat_interleave(8, 2)] * 2
    views[1] = views[0].flip(2) * torch.tensor([1.0, 0.2, 0.6])
    return torch.cat([views[0].expand(6, -1, -1, -1), views[1].expand(9, -1, -1, -1)])


def test_gives_the_frames_of_each_shot(shots: ModuleType) -> None:
    clip = _clip()
    parts, first, count = shots.VloggerSplitShots.execute(clip, 1).args
    assert (first, count) == ([0, 6], [6, 9])
    torch.testing.assert_close(torch.cat(parts), clip)


def test_short_shots_are_left_out_and_all_short_is_refused(shots: ModuleType) -> None:
    _, first, count = shots.VloggerSplitShots.execute(_clip(), 7).args
    assert (first, count) == ([6], [9])
    with pytest.raises(ValueError, match="No shot has 20 frames: the longest of 2 has 9"):
        shots.VloggerSplitShots.execute(_clip(), 20)
