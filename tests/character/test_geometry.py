import pytest
import torch

from vlogger_core.character.distance import distance_field
from vlogger_core.character.geometry import Mesh, cut, smooth, subdivide, vertex_normals
from vlogger_core.character.noise import NoiseField, smoothstep


def octahedron() -> Mesh:
    vertices = torch.tensor([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], dtype=torch.float32)
    faces = torch.tensor([[0, 2, 4], [2, 1, 4], [1, 3, 4], [3, 0, 4], [2, 0, 5], [1, 2, 5], [3, 1, 5], [0, 3, 5]])
    return Mesh(vertices=vertices, faces=faces, rest=vertices.clone(), corner_uv=torch.zeros(8, 3, 2))


def test_normals_of_a_centred_solid_point_outwards():
    mesh = octahedron()
    torch.testing.assert_close(vertex_normals(mesh.vertices, mesh.faces), mesh.vertices)


def test_subdivision_makes_four_faces_of_one_and_keeps_the_surface_closed():
    fine = subdivide(octahedron())
    assert len(fine.faces) == 32
    edges = torch.cat((fine.faces[:, [0, 1]], fine.faces[:, [1, 2]], fine.faces[:, [2, 0]]))
    opposite = {(int(b), int(a)) for a, b in edges}
    assert {(int(a), int(b)) for a, b in edges} == opposite
    radius = fine.vertices.norm(dim=1)
    assert radius.max() <= 1
    assert radius.min() > 0.4


def test_subdivision_keeps_children_of_a_face_together():
    mesh = octahedron()
    fine = subdivide(mesh)
    parent = mesh.vertices[mesh.faces].mean(1).repeat_interleave(4, 0)
    child = fine.vertices[fine.faces].mean(1)
    assert (torch.sign(parent) == torch.sign(child)).all()


def test_cut_ends_on_the_contour():
    mesh = subdivide(subdivide(octahedron()))
    part, border = cut(mesh, mesh.vertices[:, 1] - 0.13)
    assert part.vertices[:, 1].min() >= 0.13 - 1e-6
    torch.testing.assert_close(border[:, 1], torch.full((len(border),), 0.13))
    whole = vertex_normals(mesh.vertices, mesh.faces)
    assert torch.isfinite(whole).all()


def test_cut_keeps_faces_turned_the_same_way():
    mesh = subdivide(octahedron())
    part, _ = cut(mesh, mesh.vertices[:, 0] + 0.05)
    corner = part.vertices[part.faces]
    normal = torch.linalg.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    assert ((normal * corner.mean(1)).sum(1) > -1e-7).all()


def test_smoothing_leaves_constants_alone():
    mesh = octahedron()
    torch.testing.assert_close(smooth(torch.ones(6, 2), mesh.faces, 3), torch.ones(6, 2))


def test_distance_to_a_sphere():
    points = (
        torch.nn.functional.normalize(torch.randn(20000, 3, generator=torch.Generator().manual_seed(0)), dim=1) * 0.05
    )
    field = distance_field(points, points / 0.05, torch.tensor([-0.1] * 3), torch.tensor([0.1] * 3))
    distance, away = field(torch.tensor([[0.08, 0.0, 0.0], [0.0, 0.03, 0.0]]))
    torch.testing.assert_close(distance, torch.tensor([0.03, -0.02]), atol=2e-3, rtol=0)
    torch.testing.assert_close(away, torch.tensor([[1.0, 0, 0], [0, 1.0, 0]]), atol=0.05, rtol=0)


def test_noise_is_the_seeds_and_smooth():
    points = torch.rand(500, 3, generator=torch.Generator().manual_seed(1))
    first = NoiseField(3, 2)(points, 0.1, 3)
    torch.testing.assert_close(first, NoiseField(3, 2)(points, 0.1, 3))
    assert (first - NoiseField(4, 2)(points, 0.1, 3)).abs().max() > 0.1
    assert first.abs().max() < 3
    assert first.mean().abs() < 0.2
    near = NoiseField(3, 2)(points + 1e-5, 0.1, 3)
    assert (near - first).abs().max() < 0.01


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (1.0, 0.0)])
def test_smoothstep_ends(low: float, high: float):
    assert smoothstep(low, high, torch.tensor([low, high])).tolist() == [0, 1]
