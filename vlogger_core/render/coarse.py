"""A coarse grid of cells over a picture, on which what is smooth is computed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from .scene import sample

COARSE_SIDE = 128
"""About this many cells on the shorter side."""


@dataclass(frozen=True, kw_only=True)
class CoarseGrid:
    """Square cells from the top left corner on; those of the last row and column may reach beyond the picture."""

    size: tuple[int, int]
    """(h, w) of the picture."""

    @property
    def factor(self) -> int:
        """Pixels of a cell in each direction."""
        return max(1, round(min(self.size) / COARSE_SIDE))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of cells."""
        h, w = (-(-side // self.factor) for side in self.size)
        return h, w

    def pool(self, image: Float[Tensor, "c h w"]) -> Float[Tensor, "c hc wc"]:
        """Means over the cells."""
        return F.avg_pool2d(image[None], self.factor, ceil_mode=True, count_include_pad=False)[0]

    def pool_max(self, image: Float[Tensor, "c h w"]) -> Float[Tensor, "c hc wc"]:
        """Maxima over the cells."""
        return F.max_pool2d(image[None], self.factor, ceil_mode=True)[0]

    def gather(self, values: Float[Tensor, "n c"], pixels: Int[Tensor, " n"]) -> Float[Tensor, "c hc wc"]:
        """`pool` of a picture that is 0 but at some pixels, which are indices into the flat picture."""
        h, w = self.shape
        cell, area = self._cells
        total = values.new_zeros(h * w, values.shape[-1])
        total.index_add_(0, cell.to(values.device).index_select(0, pixels), values)
        return rearrange(total, "(h w) c -> c h w", h=h) / area.to(values)

    @cached_property
    def _cells(self) -> tuple[Int[Tensor, " p"], Int[Tensor, "hc wc"]]:
        """The cell of every pixel, and how many pixels each has."""
        rows, columns = (torch.arange(side) // self.factor for side in self.size)
        cell = (rows[:, None] * self.shape[1] + columns).flatten()
        return cell, torch.outer(rows.bincount(), columns.bincount())

    def centres(self, device: torch.device) -> Float[Tensor, "hc wc 2"]:
        """Pixel positions of the middles of the cells."""
        h, w = self.shape
        y, x = torch.meshgrid(torch.arange(h, device=device), torch.arange(w, device=device), indexing="ij")
        return (torch.stack((x, y), -1) + 0.5) * self.factor

    def grow(self, image: Float[Tensor, "c hc wc"]) -> Float[Tensor, "c h w"]:
        """Values of the cells at every pixel, linear between their middles."""
        h, w = (cells * self.factor for cells in self.shape)
        grown = F.interpolate(image[None], (h, w), mode="bilinear", align_corners=False)[0]
        return grown[:, : self.size[0], : self.size[1]]

    def at(self, image: Float[Tensor, "c hc wc"], positions: Float[Tensor, "*n 2"]) -> Float[Tensor, "*n c"]:
        """`grow`, at some positions only."""
        return sample(image, positions / self.factor, "bilinear")

    def nearest(self, image: Shaped[Tensor, "hc wc"]) -> Shaped[Tensor, "h w"]:
        """Each cell's value at all its pixels."""
        (h, w), factor = image.shape, self.factor
        grown = image[:, None, :, None].expand(h, factor, w, factor).reshape(h * factor, w * factor)
        return grown[: self.size[0], : self.size[1]]
