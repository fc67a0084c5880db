"""PyTorch3D's rasteriser in our frame: a peer to compare with, slow on a CPU.

Its arithmetic is float32 and a pixel centre that lies on an edge belongs to no face, so along edges a few pixels may
differ from the other backends.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from pytorch3d.renderer.mesh.rasterize_meshes import rasterize_meshes
from pytorch3d.structures import Meshes
from torch import Tensor

from ..datatypes import Camera
from .raster import NEAR


def rasterise_meshes(
    vertices: Float[Tensor, "t v 3"], faces: Int[Tensor, "f 3"], camera: Camera
) -> tuple[Int[Tensor, "t h w"], Float[Tensor, "t h w 3"], Float[Tensor, "t h w"]]:
    """Face ids, barycentrics and depths; see `raster.rasterise`.

    Its normalised coordinates have x to the left and y upwards, -1 to 1 over the shorter side of the picture, and z is
    the depth.
    """
    shape = (len(vertices), camera.height, camera.width)
    face_id = torch.full(shape, -1, device=vertices.device)
    bary = torch.zeros(*shape, 3, device=vertices.device)
    depth = torch.full(shape, torch.inf, device=vertices.device)
    if not len(faces):
        return face_id, bary, depth
    faces = faces.to(vertices.device, torch.int64)
    zoom = 2 * camera.f_px / min(camera.height, camera.width)
    for t, mesh in enumerate(vertices.double()):
        x, y, z = mesh.unbind(-1)
        distance = -z
        # A vertex behind the camera keeps its sign: clipping multiplies by the depth again.
        divisor = torch.where(distance == 0, 1e-12, distance)
        points = torch.stack((-zoom * x / divisor, zoom * y / divisor, distance), -1).float()
        pixel_face, pixel_depth, pixel_bary, _ = rasterize_meshes(
            Meshes([points], [faces]),
            image_size=(camera.height, camera.width),
            blur_radius=0.0,
            faces_per_pixel=1,
            bin_size=0,  # Bins drop faces where there are many.
            perspective_correct=True,
            z_clip_value=NEAR,
        )
        covered = pixel_face[0, ..., 0] >= 0
        face_id[t] = pixel_face[0, ..., 0]
        bary[t, covered] = pixel_bary[0, ..., 0, :][covered]
        depth[t, covered] = pixel_depth[0, ..., 0][covered]
    return face_id, bary, depth
