"""Signed distance to the dressed figure on a grid: what hair slides along."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from scipy.ndimage import gaussian_filter
from scipy.spatial import KDTree
from torch import Tensor

_SPACING_M = 0.006


@dataclass(frozen=True, kw_only=True)
class DistanceField:
    """Metres to a surface, negative inside, read between grid points."""

    grid: Float[Tensor, "4 z y x"]
    """Distance and unit direction away from the surface."""
    low: Float[Tensor, "3"]
    """World position of the grid's first point."""

    def __call__(self, points: Float[Tensor, "n 3"]) -> tuple[Float[Tensor, " n"], Float[Tensor, "n 3"]]:
        """Distance and direction away from the surface at points; the border's values outside the grid."""
        size = torch.tensor(self.grid.shape[:0:-1])
        place = (points - self.low) / (_SPACING_M * (size - 1)) * 2 - 1
        value = torch.nn.functional.grid_sample(
            self.grid[None], place[None, None, None], mode="bilinear", padding_mode="border", align_corners=True
        )[0, :, 0, 0]
        return value[0], torch.nn.functional.normalize(value[1:].T, dim=1, eps=1e-9)


def distance_field(
    points: Float[Tensor, "n 3"], normals: Float[Tensor, "n 3"], low: Float[Tensor, "3"], high: Float[Tensor, "3"]
) -> DistanceField:
    """The distance to a surface given by dense points and normals, slightly rounded."""
    axes = [np.arange(float(a), float(b), _SPACING_M) for a, b in zip(low, high, strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    distance, index = KDTree(points.numpy()).query(grid, k=1)
    offset = grid - points.numpy()[index]
    side = (offset * normals.numpy()[index]).sum(1)
    signed = np.where(side < 0, -distance, distance).reshape([len(axis) for axis in axes])
    signed = gaussian_filter(signed, 0.8)
    slope = np.stack([np.gradient(signed, _SPACING_M, axis=axis) for axis in range(3)])
    table = np.concatenate((signed[None], slope)).transpose(0, 3, 2, 1).astype(np.float32)
    return DistanceField(grid=torch.from_numpy(np.ascontiguousarray(table)), low=low.clone())
