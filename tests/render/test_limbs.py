import pytest
import torch

from vlogger_core.render import limbs


def test_a_mask_is_refined_in_strips_as_in_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    photo, share = torch.rand(3, 40, 24, generator=generator), torch.rand(40, 24, generator=generator)
    whole = limbs._along_edges(photo, share, 3, lambda: None)
    monkeypatch.setattr(limbs, "STRIP_PIXELS", 24 * 7)
    calls: list[None] = []
    assert torch.equal(limbs._along_edges(photo, share, 3, lambda: calls.append(None)), whole)
    assert len(calls) == 6
