import pytest
import torch

from vlogger_core.render.scene import channels_together, sample

pytest.importorskip("numba")


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("size", [(3, 17, 23), (5, 2, 1)])
def test_it_is_torchs_bicubic_inside_and_beyond_the_picture(size: tuple[int, int, int], together: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(size, generator=generator)
    pixels = (3 * torch.rand(500, 2, generator=generator) - 1) * torch.tensor([size[2], size[1]])
    wanted = sample(image, pixels, "bicubic")
    got = sample(channels_together(image) if together else image, pixels, "bicubic", backend="numba")
    torch.testing.assert_close(got, wanted, atol=1e-4, rtol=0)
    assert got.shape == wanted.shape


def test_pixel_centres_are_the_pixels_and_nowhere_is_outside() -> None:
    image = channels_together(torch.rand(4, 9, 7))
    y, x = torch.meshgrid(torch.arange(9), torch.arange(7), indexing="ij")
    centres = torch.stack((x, y), -1) + 0.5
    torch.testing.assert_close(sample(image, centres, "bicubic", backend="numba").movedim(-1, 0), image)
    astray = torch.tensor([[float("inf"), -1e30], [float("nan"), 3.5], [-1e6, 1e9]])
    corners = sample(image, astray, "bicubic", backend="numba")
    torch.testing.assert_close(corners[0], image[:, 0, -1])
    torch.testing.assert_close(corners[2], image[:, -1, 0])
    assert torch.isfinite(corners).all()
