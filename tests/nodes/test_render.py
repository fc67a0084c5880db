from types import ModuleType

import torch

from vlogger_core.names import PARTS


def test_every_part_has_a_colour_of_its_own(pack: ModuleType) -> None:
    pictures = pack.sockets.parts_to_colours(torch.arange(len(PARTS)).reshape(1, 1, -1))
    assert pictures.shape == (1, 3, 1, len(PARTS))
    colours = {tuple(colour.tolist()) for colour in pictures[0, :, 0].T}
    assert len(colours) == len(PARTS)
    assert not pictures[0, :, 0, 0].any()
