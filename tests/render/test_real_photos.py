"""What the renderer promises about a real photo."""

from dataclasses import replace

import pytest
import torch

from vlogger_core.body.anny_model import load_anny
from vlogger_core.body.expression import compose_expression
from vlogger_core.body.fitter import fit_photo
from vlogger_core.body.landmarks import gather_landmarks
from vlogger_core.image import load_image
from vlogger_core.render.maps import ControlMaps
from vlogger_core.render.preview import render_preview

from .bodies import head_motion

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def fit(samples):
    pytest.importorskip("mediapipe")
    image = load_image(samples / "portraits" / "p01_astronaut_woman_512.png")
    return fit_photo(image, model=load_anny(), landmarks=gather_landmarks(image))


@pytest.fixture(scope="module")
def own_pose(fit):
    """The motion that leaves the person as the photo has them."""
    own = torch.zeros(1, 52)
    for _ in range(50):
        own = (own + fit.expression - compose_expression(fit.expression, own)).clamp(0, 1)
    return replace(head_motion([[0.0, 0.0, 0.0]]), expression=own)


def psnr(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(-10 * ((a - b) ** 2).mean().clamp(min=1e-14).log10())


def test_the_photo_comes_back_at_its_own_pose(fit, own_pose) -> None:
    maps = ControlMaps(fit, own_pose).frames(0, 1, ("warp", "warp_flow", "parts"))
    assert maps.warp is not None
    assert maps.warp_flow is not None
    assert maps.warp_valid is not None
    assert maps.parts is not None
    valid, body = maps.warp_valid[0], maps.parts[0] > 0
    assert psnr(maps.warp[0][:, valid], fit.image[:, valid]) >= 45
    assert valid.sum() >= 0.95 * body.sum()
    assert psnr(maps.warp_flow[0][:, valid | ~body], fit.image[:, valid | ~body]) >= 45
    (preview,) = render_preview(fit, own_pose)
    assert psnr(preview, fit.image) >= 45
