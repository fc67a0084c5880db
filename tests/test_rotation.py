"""Rotations: round trips and the order of composition."""

import torch

from vlogger_core.rotation import compose_rotvec, rotmat_to_rotvec, rotvec_to_rotmat

QUARTER = torch.pi / 2


def test_round_trip():
    rotvec = torch.rand(100, 3, generator=torch.Generator().manual_seed(0)) * 3 - 1.5
    assert torch.allclose(rotmat_to_rotvec(rotvec_to_rotmat(rotvec)), rotvec, atol=1e-5)


def test_the_second_turn_is_about_the_turned_axes():
    first, then = torch.tensor([0.0, 0.0, QUARTER]), torch.tensor([QUARTER, 0.0, 0.0])
    turned = rotvec_to_rotmat(compose_rotvec(first, then))
    # x leaves for y in the first turn, and the second, about that turned x, keeps it there.
    assert torch.allclose(turned @ torch.tensor([1.0, 0, 0]), torch.tensor([0.0, 1, 0]), atol=1e-6)


def test_gradient_is_finite_at_rest():
    rotvec = torch.zeros(3, requires_grad=True)
    rotvec_to_rotmat(rotvec).sum().backward()
    assert torch.isfinite(rotvec.grad).all()
