"""Small meshes to rasterise."""

from __future__ import annotations

import torch

from vlogger_core.datatypes import Camera

CAMERA = Camera(fov_deg=50.0, width=37, height=29)


def random_mesh(seed: int, num_faces: int = 40) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    centre = torch.randn(num_faces, 1, 3, generator=generator) * torch.tensor([0.5, 0.4, 0.4])
    corners = centre + 0.3 * torch.randn(num_faces, 3, 3, generator=generator) + torch.tensor([0.0, 0.0, -2.0])
    return corners.reshape(-1, 3), torch.arange(3 * num_faces).reshape(-1, 3)


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
