import torch

from vlogger_core.datatypes import MapFrames
from vlogger_core.progress import Progress
from vlogger_core.video.map_source import MapSource


class _Renderer:
    size = (8, 12)
    num_frames = 5

    def __init__(self) -> None:
        self.reference, self.background = torch.rand(2, 3, 8, 12)

    def frames(self, start: int, stop: int, progress: Progress) -> MapFrames:
        progress(1, stop - start)
        number = torch.arange(start, stop)[:, None, None].expand(-1, 8, 12)
        return MapFrames(
            dense=torch.rand(stop - start, 3, 8, 12),
            parts=number,
            warp_flow=self.background.expand(stop - start, -1, -1, -1),
            warp_flow_confidence=torch.rand(stop - start, 8, 12),
            warp_flow_matte=(torch.arange(12) < 4).float().expand(stop - start, 8, -1),
        )


def test_renders_what_is_asked_for():
    renderer, seen = _Renderer(), []
    source = MapSource(renderer)
    controls = source.frames(1, 4, lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3)]
    assert (source.size, source.num_frames) == ((8, 12), 5)
    assert controls.parts[0].argmax(1)[:, 0, 0].tolist() == [1, 2, 3]
    assert torch.equal(controls.reference[0], renderer.reference)
    assert torch.equal(controls.background[0], renderer.background)
    assert torch.equal(controls.matte[0, :, 0, 0], (torch.arange(12) < 4).float().expand(3, -1))
