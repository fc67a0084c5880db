import math

import torch

from vlogger_core.datatypes import Camera
from vlogger_core.render.camera import project, unproject, window

CAMERA = Camera(fov_deg=60.0, width=320, height=240)


def test_the_axis_meets_the_image_centre_and_directions_are_right() -> None:
    points = torch.tensor([[0.0, 0.0, -2.0], [0.5, 0.0, -2.0], [0.0, 0.5, -2.0]])
    pixels, depth = project(points, CAMERA)
    torch.testing.assert_close(pixels[0], torch.tensor([160.0, 120.0]))
    assert pixels[1, 0] > 160
    assert pixels[1, 1] == 120
    assert pixels[2, 1] < 120
    assert pixels[2, 0] == 160
    assert (depth == 2).all()


def test_the_field_of_view_is_diagonal() -> None:
    corner = torch.tensor([160.0, 120.0, 0.0]) / CAMERA.f_px
    assert math.isclose(2 * math.degrees(math.atan(corner.norm())), 60.0, rel_tol=1e-5)
    pixels, _ = project(corner + torch.tensor([0.0, 0.0, -1.0]), CAMERA)
    torch.testing.assert_close(pixels, torch.tensor([320.0, 0.0]), atol=1e-4, rtol=0)


def test_unproject_inverts_project() -> None:
    points = torch.randn(5, 7, 3, generator=torch.Generator().manual_seed(0)) - torch.tensor([0.0, 0.0, 5.0])
    pixels, depth = project(points, CAMERA)
    torch.testing.assert_close(unproject(pixels, depth, CAMERA), points)


def test_projection_is_differentiable() -> None:
    points = (torch.randn(3, 3, dtype=torch.float64) - torch.tensor([0.0, 0.0, 5.0])).requires_grad_()
    assert torch.autograd.gradcheck(lambda p: project(p, CAMERA), (points,))


def test_a_window_is_the_rectangle_scaled_to_the_new_size() -> None:
    points = torch.randn(50, 3, generator=torch.Generator().manual_seed(1)) - torch.tensor([0.0, 0.0, 5.0])
    pixels, depth = project(points, CAMERA)
    seen, seen_depth = project(*window(points, CAMERA, left=30.0, top=-12.5, width=100.0, height=60.0, size=(90, 125)))
    expected = (pixels - torch.tensor([30.0, -12.5])) * torch.tensor([1.25, 1.5])
    torch.testing.assert_close(seen, expected, atol=1e-3, rtol=1e-5)
    assert torch.equal(seen_depth, depth)


def test_the_whole_window_at_the_same_size_changes_nothing() -> None:
    points = torch.randn(50, 3, generator=torch.Generator().manual_seed(1)) - torch.tensor([0.0, 0.0, 5.0])
    same, camera = window(points, CAMERA, size=(240, 320))
    torch.testing.assert_close(same, points)
    assert math.isclose(camera.f_px, CAMERA.f_px, rel_tol=1e-9)
