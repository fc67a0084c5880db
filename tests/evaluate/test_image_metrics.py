"""`image_metrics`: as libraries have them where they do, and what they mean."""

import math

import pytest
import torch
import torch.nn.functional as F
from skimage.metrics import structural_similarity

from vlogger_core.evaluate import image_metrics

SIZE = (180, 176)


@pytest.fixture(scope="module")
def truth() -> torch.Tensor:
    noise = torch.rand(1, 3, 45, 44, generator=torch.Generator().manual_seed(0))
    return F.interpolate(noise, SIZE, mode="bicubic").clamp(0, 1)[0]


@pytest.fixture(scope="module")
def made(truth) -> torch.Tensor:
    noise = torch.randn(3, *SIZE, generator=torch.Generator().manual_seed(1))
    return (0.9 * truth + 0.05 * noise).clamp(0, 1)


@pytest.fixture(scope="module")
def regions() -> dict[str, torch.Tensor]:
    left = torch.zeros(SIZE, dtype=torch.bool)
    left[:, :80] = True
    return {"left": left, "full": torch.ones(SIZE, dtype=torch.bool)}


def test_ssim_is_scikit_image_s(made, truth):
    x, y = image_metrics.luma(made), image_metrics.luma(truth)
    found, _ = image_metrics.ssim_maps(x, y)
    _, wanted = structural_similarity(
        x.numpy(), y.numpy(), data_range=1.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True
    )
    border = 6
    inside = (slice(border, -border), slice(border, -border))
    assert torch.allclose(found[inside], torch.from_numpy(wanted)[inside].float(), atol=1e-4)


def test_the_same_picture_is_perfect(truth, regions):
    assert image_metrics.psnr(truth, truth, regions["left"]) == image_metrics.MAX_PSNR
    assert image_metrics.mean_difference(truth, truth, regions["left"]) == 0
    for metric in (image_metrics.ssim, image_metrics.ms_ssim, image_metrics.gradient_similarity):
        assert metric(truth, truth, regions) == pytest.approx({"left": 1.0, "full": 1.0}, abs=1e-4)


def test_psnr_and_l1_are_of_the_region_only(truth, regions):
    changed = truth.clone()
    changed[:, :, 80:] = 0
    changed[:, :, :80] += 0.1
    assert image_metrics.psnr(changed, truth, regions["left"]) == pytest.approx(20, abs=1e-3)
    assert image_metrics.mean_difference(changed, truth, regions["left"]) == pytest.approx(0.1, abs=1e-5)


def test_a_region_says_nothing_about_what_lies_far_from_it(truth, regions):
    changed = truth.clone()
    changed[:, :, 120:] = torch.rand(3, SIZE[0], SIZE[1] - 120, generator=torch.Generator().manual_seed(2))
    assert image_metrics.ssim(changed, truth, regions)["left"] > 0.999
    assert image_metrics.gradient_similarity(changed, truth, regions)["left"] > 0.999
    assert image_metrics.ssim(changed, truth, regions)["full"] < 0.9


def test_coarse_scales_forgive_noise(made, truth, regions):
    assert image_metrics.ms_ssim(made, truth, regions)["full"] > image_metrics.ssim(made, truth, regions)["full"]


def test_gradients_tell_a_blurred_picture_from_a_sharp_one(truth, regions):
    blurred = F.avg_pool2d(F.pad(truth[None], (4, 4, 4, 4), mode="replicate"), 9, 1)[0]
    brighter = truth + 0.05
    found = [image_metrics.gradient_similarity(one, truth, regions)["full"] for one in (blurred, brighter)]
    assert found[0] < 0.9
    assert found[1] == pytest.approx(1, abs=1e-4)


def test_the_gradient_of_a_ramp(truth):
    ramp = torch.arange(20.0).repeat(10, 1) / 20
    # Prewitt's kernel spans two pixels.
    assert torch.allclose(image_metrics.gradient(ramp)[2:-2, 2:-2], torch.tensor(0.1))
    assert math.isclose(sum(image_metrics.SCALE_WEIGHTS), 1, abs_tol=1e-3)
