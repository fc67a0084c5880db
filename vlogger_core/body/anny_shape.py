"""Anny's shape code to a rest body: a compact phenotype basis, ancestries, and local changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

VARIATIONS: tuple[tuple[str | None, tuple[float, ...]], ...] = (
    (None, (1 / 3, 1 / 3, 1 / 3)),
    ("gender", (0.0, 1.0)),
    ("age", (-1 / 3, 0.0, 1 / 3, 2 / 3, 1.0)),
    ("muscle", (0.0, 0.5, 1.0)),
    ("weight", (0.0, 0.5, 1.0)),
    ("height", (0.0, 1.0)),
    ("proportions", (0.0, 1.0)),
    (None, (0.0, 1.0, 0.0)),
    (None, (0.0, 1.0, 0.0)),
)
"""The columns of Anny's phenotype mask, group by group: the values at which each sculpted variation is reached alone,
or constant coefficients for what we leave at its default (ancestry, cup size, firmness)."""


@dataclass(frozen=True, kw_only=True)
class AnnyShape:
    """Linear blendshapes behind a piecewise-linear code.

    The code holds the phenotypes (`gender` 0 male to 1 female; `age` 0 baby, 1/3 child, 2/3 young adult, 1 old; the
    others low to high), the ancestries and the local changes. Phenotypes beyond 0 to 1 stop at the border. An ancestry
    adds its difference to the even mixture, as sculpted for the average adult, 0 (none) to 1 (all). A local change has
    one sculpt for each direction, so its slope may break at 0.
    """

    names: tuple[str, ...]
    num_phenotypes: int
    num_ancestries: int
    mean: Float[Tensor, " d"]
    range: Float[Tensor, "d 2"]
    mask: Float[Tensor, "m 26"]
    projection: Float[Tensor, "m p"]
    template_vertices: Float[Tensor, "v 3"]
    template_heads: Float[Tensor, "k 3"]
    template_orientations: Float[Tensor, "k 3 3"]
    vertices: Float[Tensor, "s v3"]
    heads: Float[Tensor, "s k3"]
    orientations: Float[Tensor, "s k9"]
    reference_orientations: Float[Tensor, "k 3 3"]
    """Of the bones in the pose that all shapes share."""

    @staticmethod
    def build(tensors: Mapping[str, Tensor], info: Mapping) -> AnnyShape:
        phenotypes, ancestries, changes = info["phenotypes"], info["ancestries"], info["changes"]
        mean = [info["adult"][name] for name in phenotypes] + [0.0] * (len(ancestries) + len(changes))
        positive = len(phenotypes) + len(ancestries)
        return AnnyShape(
            names=(*phenotypes, *ancestries, *changes),
            num_phenotypes=len(phenotypes),
            num_ancestries=len(ancestries),
            mean=torch.tensor(mean),
            range=torch.tensor([[0.0, 1.0]] * positive + [[-1.0, 1.0]] * len(changes)),
            mask=tensors["phenotype_mask"],
            projection=tensors["phenotype_projection"],
            template_vertices=tensors["template_vertices"],
            template_heads=tensors["template_heads"],
            template_orientations=tensors["template_orientations"],
            vertices=tensors["shape_vertices"].flatten(1),
            heads=tensors["shape_heads"].flatten(1),
            orientations=tensors["shape_orientations"].flatten(1),
            reference_orientations=tensors["reference_orientations"],
        )

    def coefficients(self, shape: Float[Tensor, " d"]) -> Float[Tensor, " s"]:
        """Weight of each blendshape."""
        phenotypes = iter(shape[: self.num_phenotypes])
        columns = [
            shape.new_tensor(anchors) if name is None else hat_weights(next(phenotypes), shape.new_tensor(anchors))
            for name, anchors in VARIATIONS
        ]
        products = torch.where(self.mask > 0, torch.cat(columns), 1.0).prod(-1)
        end = self.num_phenotypes + self.num_ancestries
        changes = shape[end:]
        # Not relu: its slope at 0 is 0, and a change that starts there would never move.
        both_ways = torch.stack((changes * (changes >= 0), -changes * (changes <= 0)), -1).flatten()
        return torch.cat((products @ self.projection, shape[self.num_phenotypes : end], both_ways))

    def __call__(
        self, shape: Float[Tensor, " d"]
    ) -> tuple[Float[Tensor, "v 3"], Float[Tensor, "k 3"], Float[Tensor, "k 3 3"]]:
        """Rest vertices, bone heads, and the matrices whose nearest rotations are the bones' orientations."""
        weights = self.coefficients(shape)
        return (
            self.template_vertices + (weights @ self.vertices).unflatten(0, (-1, 3)),
            self.template_heads + (weights @ self.heads).unflatten(0, (-1, 3)),
            self.template_orientations + (weights @ self.orientations).unflatten(0, (-1, 3, 3)),
        )

    def with_vertices(self, kept: Int[Tensor, " n"]) -> AnnyShape:
        vertices = self.vertices.unflatten(1, (-1, 3))[:, kept].flatten(1).contiguous()
        return replace(self, template_vertices=self.template_vertices[kept], vertices=vertices)

    def to(self, device: Any) -> AnnyShape:
        moved = {key: value.to(device) for key, value in vars(self).items() if isinstance(value, Tensor)}
        return replace(self, **moved)


def hat_weights(value: Float[Tensor, ""], anchors: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """Linear interpolation weights of the anchors, which ascend; outside them the nearest has all the weight."""
    inside = torch.where(value < anchors[0], anchors[0], torch.where(value > anchors[-1], anchors[-1], value))
    place = torch.searchsorted(anchors, inside.detach()).clamp(1, len(anchors) - 1)
    low, high = anchors[place - 1], anchors[place]
    alpha = (inside - low) / (high - low)
    index = torch.arange(len(anchors), device=anchors.device)
    return torch.where(index == place - 1, 1 - alpha, 0.0) + torch.where(index == place, alpha, 0.0)
