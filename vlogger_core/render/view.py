"""A rectangle of a picture as a picture of its own, which may reach beyond it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

_SHARPNESS = -0.5
"""Of the bicubic kernel, as PyTorch's antialiased one has it (Keys, 1981)."""


@dataclass(frozen=True, kw_only=True)
class View:
    """In pixels of the picture, whose corner is 0, 0; pixel centres lie at +0.5. Nothing need be whole."""

    left: float
    top: float
    width: float
    height: float

    @classmethod
    def whole(cls, size: tuple[int, int]) -> View:
        """All of a picture of `size` (h, w)."""
        return cls(left=0.0, top=0.0, width=size[1], height=size[0])

    def scaled(self, x: float, y: float) -> View:
        """The same rectangle where the picture is `x` times as wide and `y` times as high."""
        return View(left=self.left * x, top=self.top * y, width=self.width * x, height=self.height * y)

    def seen_from_inside(self, size: tuple[int, int], inner: tuple[int, int]) -> View:
        """Where the picture, of `inner` (h, w), lies in this view of it that has `size` (h, w) pixels of its own."""
        x, y = size[1] / self.width, size[0] / self.height
        return View(left=-self.left * x, top=-self.top * y, width=inner[1] * x, height=inner[0] * y)


def cut(image: Float[Tensor, "*batch _ _"], view: View, size: tuple[int, int]) -> Float[Tensor, "*batch h w"]:
    """What a view shows, at `size` (h, w): bicubic, antialiased when smaller, the picture's border continued outwards.

    Whole pixels that are not scaled are copied. Values may leave the picture's range a little.
    """
    image = _along(image, view.top, view.height, size[0], -2)
    return _along(image, view.left, view.width, size[1], -1)


def _along(image: Tensor, start: float, extent: float, count: int, dim: int) -> Tensor:
    """The same along one axis."""
    length = image.shape[dim]
    if extent == count and start == round(start):
        places = (torch.arange(count, device=image.device) + round(start)).clamp(0, length - 1)
        return image if length == count and start == 0 else image.index_select(dim, places)
    weights = _weights(length, start, extent, count).to(image)
    return weights @ image if dim == -2 else image @ weights.T


def _weights(length: int, start: float, extent: float, count: int) -> Float[Tensor, "count length"]:
    """How much of each old place is in each new one."""
    scale = extent / count
    reach = max(1.0, scale)
    centre = start + (torch.arange(count, dtype=torch.float64) + 0.5) * scale
    first = (centre - 2 * reach).floor()
    places = first[:, None] + torch.arange(int(4 * reach) + 2)
    taken = _kernel((places + 0.5 - centre[:, None]) / reach)
    taken /= taken.sum(1, keepdim=True)
    weights = torch.zeros(count, length, dtype=torch.float64)
    return weights.scatter_add_(1, places.long().clamp(0, length - 1), taken)


def _kernel(x: Tensor) -> Tensor:
    a, x = _SHARPNESS, x.abs()
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return torch.where(x <= 1, near, torch.where(x < 2, far, 0.0))
