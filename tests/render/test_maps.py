import pytest
import torch

from vlogger_core.errors import InputError
from vlogger_core.names import PART_INDEX
from vlogger_core.render.camera import project
from vlogger_core.render.maps import ControlMaps
from vlogger_core.render.preview import render_preview

from .bodies import arm_fit, ball_fit, head_motion, shoulder_motion

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
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)
    assert set(calls) == {(done, 3) for done in range(4)}
    assert calls.count((3, 3)) == 1
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
    with pytest.raises(ValueError, match=r"maps must be some of dense, dense_head, .*\. Got normals"):
        maps.frames(0, 1, ("normals",))
    with pytest.raises(ValueError, match=r"0 <= start <= stop <= 3\. Got 2, 4"):
        maps.frames(2, 4)


def test_the_heads_own_colours_use_the_whole_range() -> None:
    fit = arm_fit()
    fit.model.face_parts[fit.model.template[fit.model.faces].mean(1)[:, 1] > 0.04] = PART_INDEX["head"]
    maps = ControlMaps(fit, shoulder_motion(0.0)).frames(0, 1, ("dense", "dense_head", "parts"))
    assert maps.dense is not None
    assert maps.dense_head is not None
    assert maps.parts is not None
    head = maps.parts[0] == PART_INDEX["head"]
    assert (maps.dense_head[0][:, ~head] == 0).all()
    low, high = maps.dense_head[0][:2, head].aminmax(dim=1)
    assert (low < 0.1).all()
    assert (high > 0.9).all()
    rows = maps.dense[0][1, head].aminmax()
    assert rows.max - rows.min < 0.6


def test_depth_normals_silhouette_and_joints_agree() -> None:
    controls = ControlMaps(ball_fit(), head_motion(TURN))
    frames = controls.frames(0, 3, ("depth", "normal", "silhouette", "joint_parts", "parts"))
    assert frames.depth is not None
    assert frames.normal is not None
    assert frames.silhouette is not None
    assert frames.joint_parts is not None
    assert frames.parts is not None
    body = frames.silhouette
    assert torch.equal(body, frames.parts > 0)
    assert torch.equal(body, torch.isfinite(frames.depth))
    assert torch.equal(body, frames.joint_parts > 0)
    normals = frames.normal.movedim(1, -1)
    torch.testing.assert_close(normals[body].norm(dim=-1), torch.ones(int(body.sum())), atol=1e-4, rtol=0)
    assert (normals[~body] == 0).all()
    near, far = controls.depth_range
    assert near <= frames.depth[body].min()
    assert far >= frames.depth[body].max()


def test_a_posed_frame_is_what_the_maps_are_made_of() -> None:
    controls = ControlMaps(ball_fit(), head_motion(TURN), (48, 40))
    frame = controls.posed(1)
    assert frame.joints.shape == (55, 3)
    maps = controls.of(frame, ("dense", "depth"))
    again = controls.frames(1, 2, ("dense", "depth"))
    assert maps.dense is not None
    assert again.dense is not None
    assert torch.equal(maps.dense, again.dense)
    torch.testing.assert_close(frame.picture(frame.at(frame.vertices))[2], -frame.raster.depth.nan_to_num(posinf=0))


def test_memory_does_not_grow_with_the_motion() -> None:
    controls = ControlMaps(ball_fit(), head_motion([[0.0, 0.001 * t, 0.0] for t in range(10_000)]))
    chunks = controls.chunks(("dense", "warp_flow"), frames_per_chunk=2)
    first = next(chunks)
    assert first.dense is not None
    assert first.dense.shape[0] == 2


@pytest.mark.parametrize("backend", ["numba", "warp"])
def test_every_rasteriser_gives_the_same_pictures(backend: str) -> None:
    pytest.importorskip(backend)
    fit, motion = ball_fit(), head_motion([[0.0, 0.2, 0.0]], jaw_open=0.5)
    wanted, got = (
        ControlMaps(fit, motion, backend=name).frames(0, 1, ("dense", "warp_flow")) for name in ("torch", backend)
    )
    for name in ("dense", "warp_flow"):
        torch.testing.assert_close(getattr(got, name), getattr(wanted, name), atol=1e-4, rtol=0)
    (expected,), (shown,) = (render_preview(fit, motion, backend=name) for name in ("torch", backend))
    torch.testing.assert_close(shown, expected, atol=1e-4, rtol=0)


def test_an_unknown_rasteriser_is_refused_before_anything_is_rendered() -> None:
    with pytest.raises(ValueError, match=r"backend must be one of torch, numba, warp, pytorch3d\. Got 'opengl'"):
        ControlMaps(ball_fit(), head_motion(TURN), backend="opengl")
