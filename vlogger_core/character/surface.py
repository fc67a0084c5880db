"""Everything that is drawn as triangles, in one mesh, with the light that reaches it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ..datatypes import Camera
from ..progress import Progress
from ..render.camera import project
from .clothing import Clothing, neckline
from .eyes import eyeball
from .figure import Figure
from .geometry import Mesh, vertex_normals
from .lighting import Lights, Scene, visibility
from .strands import Strands

SKIN, SWEATER, COLLAR, EYE_LEFT, EYE_RIGHT = range(5)
_HAIR_NODES_LIT = 7
"""Every how many-th node of a strand is lit; between them light is interpolated."""


@dataclass(frozen=True, kw_only=True)
class Surface:
    """All meshes in one, with what the shader needs at each vertex and face."""

    mesh: Mesh
    material: Int[Tensor, " f"]
    """`SKIN`, `SWEATER`, `COLLAR`, `EYE_LEFT` or `EYE_RIGHT`."""
    inside: Bool[Tensor, " f"]
    """Lining of the mouth and the eye sockets."""
    normals: Float[Tensor, "v 3"]
    reached: Float[Tensor, "v 4"]
    """Share of each group of lights that arrives."""


def shadow_scene(figure: Figure, clothing: Clothing, hair: Strands) -> Scene:
    """What casts shadows, in light meshes."""
    vertices, faces, base = [], [], 0
    bare = neckline(figure.coarse.rest, figure.rest_eye) < 0.0
    body = figure.coarse.select(bare[figure.coarse.faces].any(1))
    for mesh in (body, clothing.shadow_caster, clothing.collar):
        vertices.append(mesh.vertices)
        faces.append(mesh.faces + base)
        base += len(mesh.vertices)
    return Scene(vertices=torch.cat(vertices), faces=torch.cat(faces), hair=hair)


def light_surface(
    figure: Figure, clothing: Clothing, scene: Scene, lights: Lights, camera: Camera, progress: Progress
) -> tuple[Surface, Tensor]:
    """The meshes with the light that reaches them, and the light that reaches some nodes of the hair [s k 4]."""
    skin = figure.skin
    bare = neckline(skin.rest, figure.rest_eye) < 0.018
    shown = bare[skin.faces].any(1)
    meshes = (skin.select(shown), clothing.sweater, clothing.collar, *(eyeball(eye) for eye in figure.eyes))
    normals = torch.cat([vertex_normals(mesh.vertices, mesh.faces) for mesh in meshes])
    offsets = np.cumsum([0] + [len(mesh.vertices) for mesh in meshes])
    whole = Mesh(
        vertices=torch.cat([mesh.vertices for mesh in meshes]),
        faces=torch.cat([mesh.faces + int(offset) for mesh, offset in zip(meshes, offsets, strict=False)]),
        rest=torch.cat([mesh.rest for mesh in meshes]),
        corner_uv=torch.cat([mesh.corner_uv for mesh in meshes]),
    )
    material = torch.cat([torch.full((len(mesh.faces),), kind) for kind, mesh in enumerate(meshes)])
    inside = torch.zeros(len(whole.faces), dtype=torch.bool)
    inside[: int(shown.sum())] = figure.inside[shown]
    nodes = scene.hair.points[:, ::_HAIR_NODES_LIT]
    needed = _in_view(whole.vertices, normals, camera).nonzero()[:, 0]
    points = torch.cat((whole.vertices[needed], nodes.reshape(-1, 3)))
    # A fibre has no normal: it takes light from all around.
    facing = torch.cat((normals[needed], torch.zeros(nodes.shape[0] * nodes.shape[1], 3)))
    lit = visibility(scene, lights, points, facing, progress=progress)
    reached = torch.zeros(len(normals), lit.shape[1])
    reached[needed] = lit[: len(needed)]
    surface = Surface(mesh=whole, material=material, inside=inside, normals=normals, reached=reached)
    return surface, lit[len(needed) :].reshape(*nodes.shape[:2], -1)


def _in_view(vertices: Tensor, normals: Tensor, camera: Camera) -> Tensor:
    """Whether a vertex can colour a pixel: turned to the camera and about inside the picture."""
    pixels, _ = project(vertices, camera)
    margin = 0.05 * camera.height
    size = torch.tensor([camera.width, camera.height])
    inside = ((pixels > -margin) & (pixels < size + margin)).all(1)
    return inside & ((normals * torch.nn.functional.normalize(-vertices, dim=1)).sum(1) > -0.3)
