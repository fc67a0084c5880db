"""A z-buffer: which face each pixel shows, where on it and how far. Several backends, the same face ids from each.

Triangles are rasterised in 2-D homogeneous coordinates (Olano and Greer, "Triangle Scan Conversion using 2D
Homogeneous Coordinates", 1997). With the rows (x_px w, y_px w, w) of the three vertices in a matrix M, the edge
functions at a pixel p = (x, y, 1) are e = adj(M) p. A pixel is inside where all e have the sign of det M; then
1/depth = sum(e) / det M and e / sum(e) are the perspective-correct barycentrics. Triangles that cross the near plane
need no clipping: the formula holds, and pixels nearer than `NEAR` are dropped.

Watertight: an edge function is computed from its two vertices alone and is exactly negated when the edge is walked
the other way, so a pixel centre near a shared edge falls to exactly one side; one that lies on it goes to the side
of the top-left rule.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ..datatypes import Camera
from ..errors import InputError

NEAR = 0.01
"""Metres. Nothing nearer to the camera is drawn."""
MAX_PAIRS = 1 << 17
"""Face-pixel pairs handled at once: bounds the memory at about 13 MB beyond the result."""
MAX_FACES = 1 << 24
"""What float32 counts exactly."""
SLACK_PX = 1e-5
"""Wider than the rounding error of a projected corner: boxes only preselect, the edge functions decide."""

_INSTALL = {
    "numba": "Install it with `pip install numba`",
    "warp": "Install it with `pip install warp-lang`",
    "pytorch3d": "Build it from https://github.com/facebookresearch/pytorch3d, since PyPI has no file of it",
}
DEFAULT_BACKEND = "torch"
BACKENDS: tuple[str, ...] = (DEFAULT_BACKEND, *_INSTALL)
"""Names of rasterisers; all but torch are optional packages of the same name."""


@dataclass(frozen=True, kw_only=True)
class Raster:
    """The nearest surface at each pixel centre."""

    face_id: Int[Tensor, "*t h w"]
    """Row of `faces`; -1 where there is no surface."""
    bary: Float[Tensor, "*t h w 3"]
    """Weights of the face's three vertices, perspective-correct, sum 1; 0 where there is no surface."""
    depth: Float[Tensor, "*t h w"]
    """Metres along the camera axis; infinity where there is no surface."""

    @property
    def covered(self) -> Bool[Tensor, "*t h w"]:
        return self.face_id >= 0


def rasterise(
    vertices: Float[Tensor, "v 3"] | Float[Tensor, "t v 3"],
    faces: Int[Tensor, "f 3"],
    camera: Camera,
    *,
    backend: str = DEFAULT_BACKEND,
    max_pairs: int = MAX_PAIRS,
    two_pass: bool = False,
) -> Raster:
    """Find the nearest triangle at every pixel centre. Not differentiable; both sides of a face are drawn.

    Where two faces have the same depth (float32) the lower face id wins, so results never depend on the order of
    work. All backends give the same face ids but at such ties; `torch` needs nothing but torch and runs on every
    device, the others are optional packages: `numba` (CPU only) and `warp` are faster, `pytorch3d` is there to compare
    with.

    Args:
        vertices: world frame of `datatypes`, metres; one mesh, or one a frame.
        camera: its size is the size of the result.
        backend: one of `BACKENDS`.
        max_pairs: bounds the memory of the torch backend; does not change the result.
        two_pass: let the torch backend work as on a device without 64-bit minima (MPS, where it always does).

    Raises:
        InputError: if the backend's package is missing, or it cannot work on the device of `vertices`.
    """
    if vertices.shape[-1] != 3 or vertices.ndim not in (2, 3):
        raise ValueError(f"vertices must have the shape [v 3] or [t v 3]. Got {tuple(vertices.shape)}.")
    if len(faces) > MAX_FACES:
        raise ValueError(f"faces must be at most {MAX_FACES}. Got {len(faces)}.")
    draw = _load(backend)
    if two_pass and backend != "torch":
        raise ValueError(f"two_pass must be False for every backend but torch. Got True for {backend}.")
    meshes = (vertices[None] if vertices.ndim == 2 else vertices).detach()
    options = {"max_pairs": max_pairs, "two_pass": two_pass} if backend == "torch" else {}
    face_id, bary, depth = draw(meshes, faces, camera, **options)
    if vertices.ndim == 2:
        face_id, bary, depth = face_id[0], bary[0], depth[0]
    return Raster(face_id=face_id, bary=bary, depth=depth)


def check_backend(backend: str) -> None:
    """Say at once what `rasterise` would say of a backend that cannot be loaded.

    Raises:
        InputError: if its package is missing.
    """
    _load(backend)


def _load(backend: str) -> Callable[..., tuple[Tensor, Tensor, Tensor]]:
    """The backend's `rasterise_meshes`."""
    if backend not in BACKENDS:
        raise ValueError(f"backend must be one of {', '.join(BACKENDS)}. Got {backend!r}.")
    try:
        module = import_module(f".raster_{backend}", __package__)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _INSTALL:
            raise
        raise InputError(
            f"The {backend} rasteriser needs the package {package}, which is not installed here. {_INSTALL[package]}, "
            "or choose the torch rasteriser."
        ) from error
    return module.rasterise_meshes


def interpolate(
    raster: Raster, faces: Int[Tensor, "f 3"], attributes: Float[Tensor, "v c"] | Float[Tensor, "t v c"]
) -> Float[Tensor, "*t h w c"]:
    """Vertex attributes at every pixel, perspective-correct; 0 where there is no surface.

    `attributes` is one table for all frames, or one a frame.
    """
    shape = raster.face_id.shape
    face_id = raster.face_id.reshape(-1)
    covered = (face_id >= 0).nonzero()[:, 0]
    corners = faces.to(face_id.device).index_select(0, face_id.index_select(0, covered))
    if attributes.ndim == 3:
        frame = covered // (shape[-1] * shape[-2])
        corners += (frame * attributes.shape[1])[:, None]
        attributes = attributes.reshape(-1, attributes.shape[-1])
    values = blend(corners, raster.bary.reshape(-1, 3).index_select(0, covered), attributes)
    out = attributes.new_zeros(shape.numel(), attributes.shape[-1]).index_copy(0, covered, values)
    return out.reshape(*shape, attributes.shape[-1])


def blend(
    corners: Int[Tensor, "n 3"], bary: Float[Tensor, "n 3"], attributes: Float[Tensor, "v c"]
) -> Float[Tensor, "n c"]:
    """Vertex attributes weighted with barycentrics."""
    weights = bary.to(attributes.dtype)
    if attributes.device.type == "mps":  # It lacks embedding_bag, the same sum without temporaries.
        return (attributes[corners] * weights[..., None]).sum(1)
    return F.embedding_bag(corners, attributes, per_sample_weights=weights, mode="sum")
