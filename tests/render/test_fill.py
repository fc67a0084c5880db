import pytest
import torch
import torch.nn.functional as F

from vlogger_core.render.fill import box_blur, box_max, fill_holes


def test_known_values_stay_and_holes_lie_between_them() -> None:
    generator = torch.Generator().manual_seed(0)
    values = torch.rand(2, 33, 47, generator=generator)
    weight = (torch.rand(33, 47, generator=generator) < 0.1).float()
    filled = fill_holes(values, weight)
    torch.testing.assert_close(filled * weight, values * weight)
    known = values[:, weight > 0]
    assert (filled.amin((1, 2)) >= known.amin(1) - 1e-5).all()
    assert (filled.amax((1, 2)) <= known.amax(1) + 1e-5).all()


def test_what_lies_in_a_hole_does_not_matter() -> None:
    values = torch.rand(1, 20, 20, generator=torch.Generator().manual_seed(1))
    weight = torch.ones(20, 20)
    weight[5:15, 5:15] = 0
    other = torch.where(weight > 0, values, 99.0)
    torch.testing.assert_close(fill_holes(values, weight), fill_holes(other, weight))


def test_a_constant_is_continued_as_a_constant_and_nothing_known_gives_zero() -> None:
    weight = torch.zeros(31, 17)
    assert (fill_holes(torch.ones(1, 31, 17), weight) == 0).all()
    weight[3, 4] = 1
    torch.testing.assert_close(fill_holes(torch.full((1, 31, 17), 0.3), weight), torch.full((1, 31, 17), 0.3))


def test_box_blur_is_a_mean_up_to_the_border() -> None:
    blurred = box_blur(torch.arange(5.0).reshape(1, 1, 5), 1)
    torch.testing.assert_close(blurred, torch.tensor([[[0.5, 1.0, 2.0, 3.0, 3.5]]]))


def test_box_blur_is_the_mean_of_a_square() -> None:
    image = torch.rand(2, 21, 30, generator=torch.Generator().manual_seed(2))
    square = F.avg_pool2d(image[None], 7, stride=1, padding=3, count_include_pad=False)[0]
    torch.testing.assert_close(box_blur(image, 3), square)


def test_box_max_is_the_maximum_of_a_square() -> None:
    image = torch.randn(2, 21, 30, generator=torch.Generator().manual_seed(3))
    assert torch.equal(box_max(image, (4, 4), (4, 4)), F.max_pool2d(image[None], 9, stride=1, padding=4)[0])


def test_box_max_reaches_up_down_left_and_right() -> None:
    image = torch.zeros(1, 9, 9)
    image[0, 4, 4] = 1
    y, x = box_max(image, (1, 2), (3, 0))[0].nonzero(as_tuple=True)
    # A pixel that looks one up and two down sees the middle from one below it to two above it.
    assert (int(y.min()), int(y.max()), int(x.min()), int(x.max())) == (2, 5, 4, 7)


@pytest.mark.parametrize("size", [(7, 9), (1, 5), (2, 1)])
def test_the_smallest_blur_is_a_mean_over_what_there_is(size: tuple[int, int]) -> None:
    image = torch.rand(2, *size)
    wanted = F.avg_pool2d(image[None], 3, stride=1, padding=1, count_include_pad=False)[0]
    torch.testing.assert_close(box_blur(image, 1), wanted)
