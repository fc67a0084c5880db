import math

import roma
import torch

from vlogger_core.motion.paths import (
    at_frames,
    blend,
    mean_rotation,
    smooth_rotations,
    smooth_values,
    to_path,
    to_rotvec,
)
from vlogger_core.rotation import rotvec_to_rotmat


def turning(frames: int = 60, degrees: float = 6.0) -> torch.Tensor:
    """A steady turn about a slanting axis, as rotation vectors whose angle is at most pi: they jump on the way."""
    axis = torch.tensor([0.6, 0.0, 0.8])
    rotvec = torch.deg2rad(torch.arange(frames) * degrees)[:, None] * axis
    return roma.rotmat_to_rotvec(roma.rotvec_to_rotmat(rotvec))


def angles_deg(one: torch.Tensor, two: torch.Tensor) -> torch.Tensor:
    return torch.rad2deg(roma.rotmat_geodesic_distance(rotvec_to_rotmat(one), rotvec_to_rotmat(two)))


def test_a_path_passes_pi_without_a_jump():
    rotvec = turning(50)
    assert rotvec.diff(dim=0).norm(dim=-1).max() > 3
    back = to_rotvec(to_path(rotvec), rotvec)
    assert back.diff(dim=0).norm(dim=-1).max() < math.radians(6.1)
    assert angles_deg(back, rotvec).max() < 0.05


def test_whole_frames_come_back_to_the_bit_and_others_lie_between():
    rotvec = turning()
    assert torch.equal(at_frames(rotvec, torch.tensor([3.0, 59.0, 31.0])), rotvec[[3, 59, 31]])
    between = at_frames(rotvec, torch.arange(0, 59) + 0.25)
    torch.testing.assert_close(angles_deg(between, rotvec[:-1]), torch.full((59,), 1.5), atol=0.05, rtol=0)


def test_blending_keeps_its_side_and_its_ends():
    before = torch.zeros(60, 1, 3)
    after = turning()[:, None]
    weights = torch.full((60,), 0.5)
    weights[0], weights[-1] = 0, 1
    mixed = blend(before, after, weights)
    assert torch.equal(mixed[0], before[0])
    assert torch.equal(mixed[-1], after[-1])
    # Half way to what turns by 6 degrees a frame, also where that has turned by more than 180.
    steps = angles_deg(mixed[1:-2, 0], mixed[2:-1, 0])
    torch.testing.assert_close(steps, torch.full_like(steps, 3.0), atol=0.05, rtol=0)


def test_the_short_way_is_taken_where_a_blend_begins():
    before, after = turning(40), turning(40).flip(0)
    weights = torch.zeros(40)
    weights[39] = 0.5
    mixed = blend(before, after, weights)
    assert torch.equal(mixed[:39], before[:39])
    apart = angles_deg(before, after)[39]
    assert abs(angles_deg(mixed, before)[39] - apart / 2) < 0.05


def test_smoothing_delays_nothing_and_stays_on_the_path():
    rotvec = turning()
    assert angles_deg(smooth_rotations(rotvec, 3.0), rotvec)[15:-15].max() < 0.05
    pulse = torch.zeros(41, 2)
    pulse[20] = 1
    smoothed = smooth_values(pulse, 3.0)
    torch.testing.assert_close(smoothed, smoothed.flip(0))
    torch.testing.assert_close(smoothed.sum(0), torch.ones(2))


def test_the_mean_lies_in_the_middle():
    rotvec = turning(11)
    middle = mean_rotation(rotvec, torch.ones(11, dtype=torch.bool))
    assert angles_deg(middle, rotvec[5:6]).max() < 0.05


def test_tiny_turns_survive():
    rotvec = 1e-5 * torch.randn(8, 4, 3, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(to_rotvec(to_path(rotvec), rotvec), rotvec, atol=1e-10, rtol=1e-5)
