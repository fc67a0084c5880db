"""The z-buffer against a naive one, pixel by pixel."""

import numpy as np
import pytest
import torch

from vlogger_core.datatypes import Camera
from vlogger_core.render.camera import project
from vlogger_core.render.raster import NEAR, interpolate, rasterise

from .meshes import CAMERA, plane_mesh, random_mesh


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
    for max_pairs in (1, 13, 997):
        pieces = rasterise(vertices, faces, CAMERA, max_pairs=max_pairs)
        assert torch.equal(whole.face_id, pieces.face_id)
        assert torch.equal(whole.bary, pieces.bary)
        assert torch.equal(whole.depth, pieces.depth)


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


def test_interpolation_agrees_with_a_weighted_sum() -> None:
    vertices, faces = random_mesh(3)
    raster = rasterise(vertices, faces, CAMERA)
    attributes = torch.randn(len(vertices), 5, generator=torch.Generator().manual_seed(0))
    values = interpolate(raster, faces, attributes)
    corners = attributes[faces[raster.face_id.clamp(min=0)]]
    wanted = torch.where(raster.covered[..., None], (corners * raster.bary[..., None]).sum(-2), 0.0)
    torch.testing.assert_close(values, wanted, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("size", [(1, 1), (2, 9), (9, 2)])
def test_interpolation_of_pictures_without_a_surface_is_0(size: tuple[int, int]) -> None:
    vertices, faces = random_mesh(1)
    camera = Camera(fov_deg=40.0, width=size[1], height=size[0])
    values = interpolate(rasterise(vertices + 100.0, faces, camera), faces, vertices)
    assert values.shape == (*size, 3)
    assert (values == 0).all()


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
