from collections.abc import Sequence

import torch

from vlogger_core.datatypes import MapFrames
from vlogger_core.video.controls import CONTROL_MAPS
from vlogger_core.video.map_source import MapSource


class _Renderer:
    size = (8, 12)
    num_frames = 5

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []

    def frames(self, start: int, stop: int, maps: Sequence[str]) -> MapFrames:
        assert tuple(maps) == CONTROL_MAPS
        self.asked.append((start, stop))
        number = torch.arange(start, stop)[:, None, None].expand(-1, 8, 12)
        return MapFrames(
            dense=torch.rand(stop - start, 3, 8, 12),
            parts=number,
            warp_flow=torch.rand(stop - start, 3, 8, 12),
            warp_flow_confidence=torch.rand(stop - start, 8, 12),
        )


def test_renders_what_is_asked_for_in_small_pieces():
    renderer, seen = _Renderer(), []
    photo, background = torch.rand(2, 3, 8, 12)
    source = MapSource(renderer, reference=photo, background=background)
    controls = source.frames(1, 4, lambda done, total: seen.append((done, total)))
    assert renderer.asked == [(1, 3), (3, 4)]
    assert seen == [(0, 3), (2, 3), (3, 3)]
    assert (source.size, source.num_frames) == ((8, 12), 5)
    assert controls.parts[0].argmax(1)[:, 0, 0].tolist() == [1, 2, 3]
    assert torch.equal(controls.reference[0], photo)
    assert torch.equal(controls.background[0], background)
