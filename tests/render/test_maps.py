import pytest
import torch

from vlogger_core.errors import InputError
from vlogger_core.names import PART_INDEX
from vlogger_core.render.camera import project
from vlogger_core.render.maps import ControlMaps

from .bodies import ball_fit, head_motion

TURN = [[0.0, 0.0, 0.0], [0.0, 0.4, 0.0], [0.3, 0.0, 0.0]]


def psnr(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(-10 * ((a - b) ** 2).mean().log10())


def test_the_warp_at_the_photos_own_pose_is_the_photo() -> None:
    fit = ball_fit()
    maps = ControlMaps(fit, head_motion(TURN)).frames(0, 1, ("warp", "parts"))
    assert maps.warp is not None
    assert maps.warp_valid is not None
    assert maps.parts is not None
    valid = maps.warp_valid[0]
    assert valid.sum() >= 0.95 * (maps.parts[0] > 0).sum()
    assert psnr(maps.warp[0][:, valid], fit.image[:, valid]) > 45
    assert (maps.warp[0][:, ~valid] == 0).all()


def test_the_warp_carries_each_surface_point_with_its_colour() -> None:
    """The photo shows, in red and green, the position of each pixel: the warp must show where a point has been."""
    fit = ball_fit(128, 128)
    maps = ControlMaps(fit, head_motion([[0.0, 0.3, 0.0]])).frames(0, 1, ("warp",))
    assert maps.warp is not None
    assert maps.warp_valid is not None
    body = fit.model
    ids = (body.template[:, 2] > 0.09).nonzero()[:, 0]
    before, _ = project(body.template[ids] + fit.translation, fit.camera)
    pose = torch.zeros(1, 55, 3)
    pose[:, 15, 1] = 0.3
    moved = body.pose(body.rest(fit.shape), pose, fit.translation[None], fit.expression[None]).vertices[0, ids]
    after, _ = project(moved, fit.camera)
    x, y = after.long().unbind(-1)
    keep = maps.warp_valid[0, y, x]
    assert keep.float().mean() > 0.9
    seen = maps.warp[0, :2, y, x].T[keep] * 128 + 0.5
    assert (seen - before[keep]).abs().max() < 1.5


def test_what_the_photo_does_not_show_is_not_valid() -> None:
    maps = ControlMaps(ball_fit(), head_motion([[0.0, 3.1, 0.0]])).frames(0, 1, ("warp",))
    assert maps.warp_valid is not None
    assert maps.warp_valid.float().mean() < 0.02


def test_dense_is_the_template_position_and_turns_with_the_body() -> None:
    fit = ball_fit()
    maps = ControlMaps(fit, head_motion(TURN)).frames(0, 2, ("dense", "depth", "parts"))
    assert maps.dense is not None
    assert maps.depth is not None
    assert maps.parts is not None
    body = maps.parts > 0
    assert ((maps.dense >= 0) & (maps.dense <= 1)).all()
    assert (maps.dense.movedim(1, -1)[~body] == 0).all()
    assert torch.isinf(maps.depth[~body]).all()
    h, w = fit.camera.height, fit.camera.width
    left = maps.dense[0, 0, h // 2, w // 2 - 10], maps.dense[0, 0, h // 2, w // 2 + 10]
    assert left[0] < 0.5 < left[1]
    # Turned to its left (+X), the body shows a point of its right side in the middle of the picture.
    assert maps.dense[1, 0, h // 2, w // 2] < maps.dense[0, 0, h // 2, w // 2] - 0.1
    assert set(maps.parts.unique().tolist()) == {PART_INDEX[n] for n in ("background", "head", "lips", "mouth_cavity")}


def test_ranges_and_chunks_are_the_same_frames() -> None:
    maps = ControlMaps(ball_fit(), head_motion(TURN), (48, 40))
    assert maps.num_frames == 3
    whole = maps.frames(0, 3, ("dense", "parts", "warp", "depth"))
    calls: list[tuple[int, int]] = []
    chunks = list(
        maps.chunks(("dense", "parts", "warp", "depth"), frames_per_chunk=2, progress=lambda *c: calls.append(c))
    )
    assert calls == [(0, 3), (1, 3), (1, 3), (2, 3), (2, 3), (3, 3)]
    for name in ("dense", "parts", "warp", "warp_valid", "depth"):
        joined = torch.cat([getattr(chunk, name) for chunk in chunks])
        assert torch.equal(joined, getattr(whole, name))
        assert torch.equal(getattr(maps.frames(1, 2, ("dense", "parts", "warp", "depth")), name)[0], joined[1])
    assert maps.frames(1, 1).dense is None
    assert maps.frames(0, 1, ("parts",)).dense is None


@pytest.mark.parametrize("size", [(96, 80), (192, 160), (48, 40), (98, 80)])
def test_any_size_of_nearly_the_same_shape(size: tuple[int, int]) -> None:
    fit = ball_fit()
    maps = ControlMaps(fit, head_motion(TURN), size).frames(0, 1, ("dense", "warp"))
    assert maps.dense is not None
    assert maps.dense.shape == (1, 3, *size)
    assert maps.warp_valid is not None
    y, x = maps.warp_valid[0].nonzero(as_tuple=True)
    assert abs(float(y.float().mean()) / size[0] - 0.5) < 0.02
    assert abs(float(x.float().mean()) / size[1] - 0.5) < 0.02


def test_bad_requests_are_told() -> None:
    fit = ball_fit()
    with pytest.raises(
        InputError, match=r"The size 128 x 72 has another shape than the photo \(80 x 96\)\. Ask for 60 x 72"
    ):
        ControlMaps(fit, head_motion(TURN), (72, 128))
    with pytest.raises(InputError, match="16 to 8192 pixels on each side"):
        ControlMaps(fit, head_motion(TURN), (10, 8))
    with pytest.raises(InputError, match="has no frames"):
        ControlMaps(fit, head_motion(TURN).slice(0, 0))
    maps = ControlMaps(fit, head_motion(TURN))
    with pytest.raises(ValueError, match=r"maps must be some of dense, parts, warp, depth\. Got normal"):
        maps.frames(0, 1, ("normal",))
    with pytest.raises(ValueError, match=r"0 <= start <= stop <= 3\. Got 2, 4"):
        maps.frames(2, 4)
