"""Triangle meshes with attributes: subdivision, smoothing, normals, cutting along a contour."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Mesh:
    """A surface in the world frame that remembers where its points lie on the template body."""

    vertices: Float[Tensor, "v 3"]
    faces: Int[Tensor, "f 3"]
    rest: Float[Tensor, "v 3"]
    """The same points on the mean body at rest: where patterns and masks are defined, so that they stick."""
    corner_uv: Float[Tensor, "f 3 2"]
    """Texture coordinates of each face's corners."""

    def compact(self) -> Mesh:
        """Drop vertices that no face uses."""
        used, faces = torch.unique(self.faces, return_inverse=True)
        return replace(self, vertices=self.vertices[used], rest=self.rest[used], faces=faces.reshape(-1, 3))

    def select(self, keep: Tensor) -> Mesh:
        """Only the faces for which `keep` holds."""
        return replace(self, faces=self.faces[keep], corner_uv=self.corner_uv[keep]).compact()


def vertex_normals(vertices: Float[Tensor, "v 3"], faces: Int[Tensor, "f 3"]) -> Float[Tensor, "v 3"]:
    """Unit normals, the mean of the adjoining faces weighted by area."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    normal = torch.linalg.cross(b - a, c - a)
    total = torch.zeros_like(vertices).index_add_(0, faces.reshape(-1), normal.repeat_interleave(3, 0))
    return torch.nn.functional.normalize(total, dim=1, eps=1e-20)


def adjacency(faces: Int[Tensor, "f 3"], num_vertices: int) -> sp.csr_matrix:
    """Which vertices share an edge (1), as a symmetric matrix."""
    f = faces.numpy()
    i, j = f[:, [0, 1, 2]].ravel(), f[:, [1, 2, 0]].ravel()
    matrix = sp.coo_matrix((np.ones(len(i), np.float32), (i, j)), shape=(num_vertices, num_vertices)).tocsr()
    matrix = matrix + matrix.T
    matrix.data[:] = 1
    return matrix


def smooth(
    values: Float[Tensor, "v c"], faces: Int[Tensor, "f 3"], steps: int, strength: Tensor | float = 1.0
) -> Tensor:
    """Move values `steps` times towards the mean of their neighbours, by `strength` 0 to 1 (one, or one a vertex)."""
    matrix = adjacency(faces, len(values))
    mean = sp.diags(1 / np.maximum(np.asarray(matrix.sum(1)).ravel(), 1)) @ matrix
    weight = strength.numpy()[:, None] if isinstance(strength, Tensor) else strength
    result = values.numpy()
    for _ in range(steps):
        result = result + weight * 0.5 * (mean @ result - result)
    return torch.from_numpy(result.astype(np.float32))


def subdivide(mesh: Mesh) -> Mesh:
    """Loop subdivision: every triangle becomes four and the surface smoother; borders keep their lines.

    C. Loop, "Smooth Subdivision Surfaces Based on Triangles" (1987), with Warren's weights.
    """
    f = mesh.faces.numpy()
    n = len(mesh.vertices)
    sides = np.stack((f[:, [0, 1]], f[:, [1, 2]], f[:, [2, 0]]), 1)
    key = np.sort(sides, -1)
    flat = key[..., 0].astype(np.int64) * n + key[..., 1]
    unique, inverse, counts = np.unique(flat, return_inverse=True, return_counts=True)
    inverse = inverse.reshape(-1, 3)
    a, b = unique // n, unique % n
    edge = np.arange(len(unique))
    opposite = np.stack((f[:, 2], f[:, 0], f[:, 1]), 1)
    inner = counts == 2
    rows = [edge, edge, inverse.ravel()]
    columns = [a, b, opposite.ravel()]
    ends = np.where(inner, 0.375, 0.5)
    values = [ends, ends, np.where(inner[inverse.ravel()], 0.125, 0.0)]
    odd = sp.coo_matrix((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), (len(unique), n))

    neighbours = adjacency(mesh.faces, n)
    degree = np.maximum(np.asarray(neighbours.sum(1)).ravel(), 1)
    border_edge = ~inner
    rim = sp.coo_matrix((np.ones(border_edge.sum()), (a[border_edge], b[border_edge])), (n, n))
    rim = (rim + rim.T).tocsr()
    on_rim = np.asarray(rim.sum(1)).ravel() > 0
    beta = np.where(degree == 3, 3 / 16, 3 / (8 * degree))
    own = np.where(on_rim, 0.75, 1 - degree * beta)
    even = sp.diags(own) + sp.diags(np.where(on_rim, 0, beta)) @ neighbours + sp.diags(np.where(on_rim, 0.125, 0)) @ rim
    matrix = sp.vstack((even, odd)).tocsr()

    p, q, r = f.T
    pq, qr, rp = (inverse + n).T
    faces = np.stack(
        (np.stack((p, pq, rp), 1), np.stack((q, qr, pq), 1), np.stack((r, rp, qr), 1), np.stack((pq, qr, rp), 1)), 1
    )
    u, v, w = mesh.corner_uv.unbind(1)
    uv, vw, wu = (u + v) / 2, (v + w) / 2, (w + u) / 2
    corner_uv = torch.stack(
        (
            torch.stack((u, uv, wu), 1),
            torch.stack((v, vw, uv), 1),
            torch.stack((w, wu, vw), 1),
            torch.stack((uv, vw, wu), 1),
        ),
        1,
    )

    def apply(values: Tensor) -> Tensor:
        return torch.from_numpy((matrix @ values.numpy().astype(np.float64)).astype(np.float32))

    return Mesh(
        vertices=apply(mesh.vertices),
        rest=apply(mesh.rest),
        faces=torch.from_numpy(faces.reshape(-1, 3)).long(),
        corner_uv=corner_uv.reshape(-1, 3, 2),
    )


def cut(mesh: Mesh, level: Float[Tensor, " v"]) -> tuple[Mesh, Float[Tensor, "b 3"]]:
    """The part where `level > 0`, its border exactly on `level = 0`; also the vertices of that border."""
    f = mesh.faces
    positive = level[f] > 0
    count = positive.sum(1)
    whole = count == 3
    points, rests = [mesh.vertices], [mesh.rest]
    faces, uvs = [f[whole]], [mesh.corner_uv[whole]]
    base = len(mesh.vertices)
    border = []
    for wanted in (1, 2):
        chosen = (count == wanted).nonzero()[:, 0]
        alone = positive[chosen].float().argmax(1) if wanted == 1 else (~positive[chosen]).float().argmax(1)
        order = (alone[:, None] + torch.arange(3)) % 3
        corner = f[chosen].gather(1, order)
        uv = mesh.corner_uv[chosen].gather(1, order[..., None].expand(-1, -1, 2))
        new_index, new_uv = [], []
        for other in (1, 2):
            share = level[corner[:, 0]] / (level[corner[:, 0]] - level[corner[:, other]])
            share = share[:, None].clamp(0, 1)
            points.append(torch.lerp(mesh.vertices[corner[:, 0]], mesh.vertices[corner[:, other]], share))
            rests.append(torch.lerp(mesh.rest[corner[:, 0]], mesh.rest[corner[:, other]], share))
            border.append(points[-1])
            new_index.append(torch.arange(base, base + len(chosen)))
            new_uv.append(torch.lerp(uv[:, 0], uv[:, other], share))
            base += len(chosen)
        if wanted == 1:
            faces.append(torch.stack((corner[:, 0], *new_index), 1))
            uvs.append(torch.stack((uv[:, 0], *new_uv), 1))
        else:
            faces.append(torch.stack((new_index[0], corner[:, 1], corner[:, 2]), 1))
            uvs.append(torch.stack((new_uv[0], uv[:, 1], uv[:, 2]), 1))
            faces.append(torch.stack((new_index[0], corner[:, 2], new_index[1]), 1))
            uvs.append(torch.stack((new_uv[0], uv[:, 2], new_uv[1]), 1))
    result = Mesh(vertices=torch.cat(points), rest=torch.cat(rests), faces=torch.cat(faces), corner_uv=torch.cat(uvs))
    return result.compact(), torch.cat(border)
