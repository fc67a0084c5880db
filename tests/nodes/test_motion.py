from types import ModuleType

import pytest
import torch


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_torch_takes_every_seed_of_the_widget(pack: ModuleType, share: float) -> None:
    (widget,) = (put for put in pack.VloggerMotionSampler.define_schema().inputs if put.id == "seed")
    seed = widget.min if share == 0 else widget.max if share == 1 else widget.max // 2 + 1
    numbers = [torch.rand(4, generator=torch.Generator().manual_seed(seed)) for _ in range(2)]
    assert torch.equal(*numbers)
