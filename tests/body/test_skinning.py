import roma
import torch

from vlogger_core.body.skinning import JointTree, skin_vertices


def test_tree_equals_a_walk_from_joint_to_joint() -> None:
    parents = (-1, 0, 0, 1, 3, 3, 2, 0)
    generator = torch.Generator().manual_seed(0)
    local = roma.rotvec_to_rotmat(torch.randn(3, 8, 3, generator=generator))
    offsets, root = torch.randn(3, 8, 3, generator=generator), torch.randn(3, 3, generator=generator)
    rotations, places = [local[:, 0]], [root]
    for joint in range(1, 8):
        above = parents[joint]
        rotations.append(rotations[above] @ local[:, joint])
        places.append(places[above] + (rotations[above] @ offsets[:, joint, :, None])[..., 0])
    found = JointTree.build(parents).forward(local, offsets, root)
    assert torch.allclose(found[0], torch.stack(rotations, 1), atol=1e-5)
    assert torch.allclose(found[1], torch.stack(places, 1), atol=1e-5)


def test_skin_equals_a_sum_over_joints() -> None:
    generator = torch.Generator().manual_seed(1)
    vertices, weights = torch.randn(2, 20, 3, generator=generator), torch.rand(20, 4, generator=generator)
    rotations = roma.rotvec_to_rotmat(torch.randn(2, 4, 3, generator=generator))
    shifts = torch.randn(2, 4, 3, generator=generator)
    expected = torch.zeros(2, 20, 3)
    for joint in range(4):
        moved = vertices @ rotations[:, joint].mT + shifts[:, joint, None]
        expected += weights[:, joint, None] * moved
    assert torch.allclose(skin_vertices(vertices, weights, rotations, shifts), expected, atol=1e-5)
