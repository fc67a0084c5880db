"""`follow`: points go where the picture goes, and say when they are lost."""

import pytest
import torch
import torch.nn.functional as F

from vlogger_core.body.follow import SIDE, Follower


def textured(height: int = 120, width: int = 160, seed: int = 0) -> torch.Tensor:
    noise = torch.rand(1, 3, height // 4, width // 4, generator=torch.Generator().manual_seed(seed))
    return F.interpolate(noise, (height, width), mode="bicubic").clamp(0, 1)[0]


def moved(image: torch.Tensor, x: float, y: float) -> torch.Tensor:
    """The picture as many pixels further to the right and down."""
    h, w = image.shape[-2:]
    rows, columns = torch.meshgrid(torch.arange(h) + 0.5 - y, torch.arange(w) + 0.5 - x, indexing="ij")
    grid = torch.stack((2 * columns / w - 1, 2 * rows / h - 1), -1)
    return F.grid_sample(image[None], grid[None], padding_mode="border", align_corners=False)[0].clamp(0, 1)


@pytest.mark.parametrize("scale", [1, 6])
def test_points_go_with_the_picture_to_a_fraction_of_a_pixel(scale):
    image = F.interpolate(textured()[None], scale_factor=scale, mode="bilinear")[0]
    assert scale == 1 or min(image.shape[-2:]) > SIDE
    follower = Follower(image)
    start = follower.start
    assert start[:, 2].all()
    assert len(start) > 100
    for step in (1, 2):
        found = follower.follow(moved(image, 3.4 * step * scale, -2.2 * step * scale))
        seen = found[:, 2] > 0
        assert seen.float().mean() > 0.7
        way = (found - start)[seen, :2].median(0).values
        assert torch.allclose(way, step * scale * torch.tensor([3.4, -2.2]), atol=0.1 * scale)


def test_what_is_covered_is_lost_and_found_again():
    image = textured()
    follower = Follower(image)
    covered = image.clone()
    covered[:, :, :80] = textured(seed=1)[:, :, :80]
    lost = follower.follow(covered)
    left = follower.start[:, 0] < 70
    right = follower.start[:, 0] > 90
    assert lost[left, 2].mean() < 0.1
    assert lost[right, 2].mean() > 0.95
    assert follower.follow(image)[:, 2].mean() > 0.95


def test_a_grey_picture_has_no_points():
    follower = Follower(torch.full((3, 64, 64), 0.5))
    assert follower.start.shape == follower.follow(torch.rand(3, 64, 64)).shape == (0, 3)
