"""The z-buffer against a naive one, pixel by pixel."""

import numpy as np
import pytest
import torch

from vlogger_core.datatypes import Camera
from vlogger_core.render.camera import project
from vlogger_core.render.raster import NEAR, interpolate, rasterise

CAMERA = Camera(fov_deg=50.0, width=37, height=29)


def random_mesh(seed: int, num_faces: int = 40) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    centre = torch.randn(num_faces, 1, 3, generator=generator) * torch.tensor([0.5, 0.4, 0.4])
    corners = centre + 0.3 * torch.randn(num_faces, 3, 3, generator=generator) + torch.tensor([0.0, 0.0, -2.0])
    return corners.reshape(-1, 3), torch.arange(3 * num_faces).reshape(-1, 3)


def naive(vertices: torch.Tensor, faces: torch.Tensor, camera: Camera) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ray through every pixel centre against every triangle (Moeller and Trumbore), float64."""
    h, w = camera.height, camera.width
    triangles = vertices.double().numpy()[faces.numpy()]
    face_id, bary, depth = np.full((h, w), -1), np.zeros((h, w, 3)), np.full((h, w), np.inf)
    for row in range(h):
        for column in range(w):
            ray = np.array([(column + 0.5 - w / 2) / camera.f_px, (h / 2 - row - 0.5) / camera.f_px, -1.0])
            for i, (a, b, c) in enumerate(triangles):
                solution = np.linalg.solve(np.stack([a, b, c], 1), ray)  # ray = sum of weights, scaled by 1 / depth
                weights = solution / solution.sum()
                distance = 1 / solution.sum()
                if distance >= NEAR and (weights >= 0).all() and distance < depth[row, column]:
                    face_id[row, column], bary[row, column], depth[row, column] = i, weights, distance
    return face_id, bary, depth


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_a_ray_caster(seed: int) -> None:
    vertices, faces = random_mesh(seed)
    raster = rasterise(vertices, faces, CAMERA)
    face_id, bary, depth = naive(vertices, faces, CAMERA)
    np.testing.assert_array_equal(raster.face_id.numpy(), face_id)
    np.testing.assert_allclose(raster.bary.numpy(), bary, atol=1e-5)
    np.testing.assert_allclose(raster.depth.numpy(), depth, rtol=1e-6)
    assert raster.bary.dtype == raster.depth.dtype == torch.float32


def test_triangles_across_the_camera_plane_are_drawn_up_to_the_near_plane() -> None:
    generator = torch.Generator().manual_seed(5)
    vertices = torch.randn(36, 3, generator=generator)
    faces = torch.arange(36).reshape(-1, 3)
    raster = rasterise(vertices, faces, CAMERA)
    face_id, bary, _ = naive(vertices, faces, CAMERA)
    np.testing.assert_array_equal(raster.face_id.numpy(), face_id)
    np.testing.assert_allclose(raster.bary.numpy(), bary, atol=1e-4)
    assert raster.covered.any()


def test_what_lies_behind_the_camera_is_not_drawn() -> None:
    vertices = torch.tensor([[-1.0, -1.0, 0.5], [1.0, -1.0, 0.5], [0.0, 1.0, 0.5]])
    assert not rasterise(vertices, torch.tensor([[0, 1, 2]]), CAMERA).covered.any()


def plane_mesh(grid_step_px: float, camera: Camera) -> tuple[torch.Tensor, torch.Tensor]:
    """A plane at depth 1 that covers the view, its vertices `grid_step_px` apart."""
    xs = torch.arange(0, camera.width + grid_step_px, grid_step_px, dtype=torch.float64) - camera.width / 2
    ys = torch.arange(0, camera.height + grid_step_px, grid_step_px, dtype=torch.float64) - camera.height / 2
    y, x = torch.meshgrid(ys, xs, indexing="ij")
    vertices = torch.stack((x / camera.f_px, -y / camera.f_px, -torch.ones_like(x)), -1).reshape(-1, 3)
    index = torch.arange(len(ys) * len(xs)).reshape(len(ys), len(xs))
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]
    faces = torch.cat((torch.stack((a, c, b), -1).reshape(-1, 3), torch.stack((b, c, d), -1).reshape(-1, 3)))
    return vertices, faces


@pytest.mark.parametrize("step", [0.5, 2.5, 1.0, 3.7, 11.3])
def test_each_pixel_belongs_to_exactly_one_face_of_a_plane(step: float) -> None:
    """Also where vertices (0.5) and edges (the diagonals) hit pixel centres exactly."""
    vertices, faces = plane_mesh(step, CAMERA)
    count = torch.zeros(CAMERA.height, CAMERA.width)
    for half in faces.chunk(len(faces)):
        count += rasterise(vertices, half, CAMERA).covered
        if len(faces) > 2000:
            break
    if len(faces) <= 2000:
        assert (count == 1).all()
    assert rasterise(vertices, faces, CAMERA).covered.all()


def test_interpolation_is_perspective_correct() -> None:
    """On a slanted quad an attribute that is the position itself must project back to the pixel it is seen at."""
    vertices = torch.tensor([[-2.0, -0.6, -1.0], [2.0, -0.6, -1.2], [3.0, 1.5, -6.0], [-3.0, 1.5, -5.0]])
    faces = torch.tensor([[0, 1, 2], [0, 2, 3]])
    raster = rasterise(vertices, faces, CAMERA)
    seen, depth = project(interpolate(raster, faces, vertices), CAMERA)
    y, x = raster.covered.nonzero(as_tuple=True)
    assert len(x) > 200
    torch.testing.assert_close(seen[y, x], torch.stack((x, y), -1) + 0.5, atol=1e-3, rtol=0)
    torch.testing.assert_close(depth[y, x], raster.depth[y, x], atol=1e-4, rtol=1e-5)


def test_the_nearer_face_wins_whatever_the_order() -> None:
    near = torch.tensor([[-0.2, -0.2, -1.0], [0.2, -0.2, -1.0], [0.0, 0.2, -1.0]])
    vertices = torch.cat((near * 2, near))
    faces = torch.tensor([[0, 1, 2], [3, 4, 5]])
    assert set(rasterise(vertices, faces, CAMERA).face_id.unique().tolist()) == {-1, 1}
    assert set(rasterise(vertices, faces.flip(0), CAMERA).face_id.unique().tolist()) == {-1, 0}
    assert set(rasterise(vertices, faces[[0, 0]], CAMERA).face_id.unique().tolist()) == {-1, 0}


def test_work_in_pieces_changes_nothing() -> None:
    vertices, faces = random_mesh(7, 200)
    whole = rasterise(vertices, faces, CAMERA)
    pieces = rasterise(vertices, faces, CAMERA, max_pairs=13)
    again = rasterise(vertices, faces, CAMERA)
    for other in (pieces, again):
        assert torch.equal(whole.face_id, other.face_id)
        assert torch.equal(whole.bary, other.bary)
        assert torch.equal(whole.depth, other.depth)


def test_frames_are_rasterised_one_by_one() -> None:
    vertices, faces = random_mesh(1)
    moved = torch.stack((vertices, vertices + 0.1, vertices - 0.1))
    raster = rasterise(moved, faces, CAMERA)
    attributes = torch.rand(3, len(vertices), 4)
    values = interpolate(raster, faces, attributes)
    assert values.shape == (3, CAMERA.height, CAMERA.width, 4)
    for t in range(3):
        single = rasterise(moved[t], faces, CAMERA)
        assert torch.equal(single.face_id, raster.face_id[t])
        torch.testing.assert_close(interpolate(single, faces, attributes[t]), values[t])
    assert rasterise(moved[:0], faces, CAMERA).face_id.shape == (0, CAMERA.height, CAMERA.width)


def test_no_faces_or_none_in_view_gives_an_empty_picture() -> None:
    vertices, faces = random_mesh(1)
    assert not rasterise(vertices, faces[:0], CAMERA).covered.any()
    away = rasterise(vertices + 100.0, faces, CAMERA)
    assert (away.face_id == -1).all()
    assert torch.isinf(away.depth).all()
    assert (away.bary == 0).all()


def test_threads_are_given_back() -> None:
    vertices, faces = random_mesh(1)
    before = torch.get_num_threads()
    rasterise(vertices, faces, CAMERA)
    assert torch.get_num_threads() == before
