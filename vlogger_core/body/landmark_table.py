"""Points on a mesh that stand for MediaPipe's 478 face landmarks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class LandmarkTable:
    """Fixed weighted triples of vertices."""

    vertices: Int[Tensor, "478 3"]
    barycentric: Float[Tensor, "478 3"]
    weight: Float[Tensor, "478"]
    """How far to trust each: 0 (unreliable) to 1."""

    def __call__(self, vertices: Float[Tensor, "t v 3"]) -> Float[Tensor, "t 478 3"]:
        return (vertices[:, self.vertices] * self.barycentric[..., None]).sum(-2)

    def on_vertices(self, base_vertices: Int[Tensor, " v"]) -> LandmarkTable:
        """The table for a mesh that keeps the given base-mesh vertices."""
        place = torch.full((int(base_vertices.max()) + 1,), -1)
        place[base_vertices] = torch.arange(len(base_vertices))
        return self.renumbered(place)

    def renumbered(self, place: Int[Tensor, " v"]) -> LandmarkTable:
        """The table after vertex `i` became `place[i]`; landmarks that lost a vertex weigh 0."""
        vertices = place[self.vertices]
        lost = (vertices < 0).any(1)
        return replace(self, vertices=vertices.clamp(min=0), weight=self.weight.masked_fill(lost, 0.0))

    def to(self, device: Any) -> LandmarkTable:
        return LandmarkTable(**{key: value.to(device) for key, value in vars(self).items()})
