"""The photo carried along by the moving body, over a backdrop that is painted once (paper section 3.1, extended).

A frame is made of layers, back to front: the backdrop, the person without arms, the arms. Each layer of the person is
seen through a backward flow of its own: that of its part of the body's surface, continued smoothly to what belongs to
it but is not in the mesh (hair, clothes, what a hand holds).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ..names import PART_INDEX
from .ahead import Poll
from .backdrop import PERSON, fill_backdrop
from .coarse import CoarseGrid
from .fill import box_max
from .flow import Extended, border_hold, extend, hold_border, pixel_centres, silhouette_ramp
from .limbs import LIMB_PARTS, open_limbs, shows_limbs
from .posed import PosedFrame, reference_frame
from .scene import Scene, channels_together, sample, smoothstep
from .visibility import vertex_visibility

INNER_PARTS = ("mouth_cavity", "teeth", "tongue")
"""What a photo of a mouth cannot lend to another mouth."""
SAME_LIMB_M = (0.05, 0.1)
"""A pixel and the photo's pixel that it is taken from belong to the same place of an arm if they are nearer to each
other on the template than the first, to another if they are further than the second."""
APART = 0.01
"""Share of the shorter side: arms that have moved this far against the body take only along what surely is theirs."""
VISIBLE = 0.002
"""Half a step of eight bits."""
BEHIND_M = 0.03
"""What is this much nearer than an arm hides it."""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A part of the person in the photo."""

    picture: Float[Tensor, "c h w"]
    """Premultiplied colour and matte: over what lies behind it in the photo it gives the photo exactly. Of the arms
    also `limbs.Limbs.picture`'s fifth channel."""
    is_own: Bool[Tensor, " f"]
    """The faces whose flow carries it."""
    around: Float[Tensor, "1 hc wc"]
    """1 where the photo's cell shows it, or one nearby does."""


@dataclass(frozen=True, kw_only=True)
class Carrier:
    """What a video needs once. Made by `open_carrier`."""

    scene: Scene
    backdrop: Float[Tensor, "3 h w"]
    painted: Float[Tensor, "h w"]
    """Where the photo told nothing about the backdrop."""
    body: Layer
    limbs: Layer | None
    limb_origin: Float[Tensor, "3 hc wc"] | None
    """The place on the template that each cell of the photo belongs to, as seen from the arms."""
    visibility: Float[Tensor, " v"]
    """How well the photo shows each vertex."""
    surface: Float[Tensor, "v 4"]
    """That, and each vertex' place on the template."""
    is_inner: Bool[Tensor, " f"]
    grid: CoarseGrid
    centres: Float[Tensor, "p 2"]
    """Of all pixels."""
    border: Float[Tensor, "4 hc wc"]
    """See `flow.border_hold`."""


@dataclass(frozen=True, kw_only=True)
class Surface:
    """What the covered pixels of a frame say about where they come from."""

    frame: PosedFrame
    flow: Float[Tensor, "n 2"]
    weight: Float[Tensor, " n"]
    origin: Float[Tensor, "n 3"]
    """Place on the template."""
    ramp: Float[Tensor, "hc wc"]


@dataclass(frozen=True, kw_only=True)
class Seen:
    """Which pixels of a frame may show a layer, m of them."""

    pixels: Int[Tensor, " m"]
    """Indices into the flat picture, first those that show the layer's own surface."""
    num_own: int
    source: Float[Tensor, "m 2"]
    """The photo's pixel that each is taken from."""
    field: Float[Tensor, "m c"]
    """The continued values, their trust, and what else was asked for."""


@dataclass(frozen=True, kw_only=True)
class Carried:
    """The layers of a frame, in premultiplied colour and matte. 0 where they are not seen."""

    surface: Surface
    body: Float[Tensor, "m 4"]
    body_at: Seen
    limbs: Float[Tensor, "k 4"] | None = None
    limbs_at: Seen | None = None


def open_carrier(
    scene: Scene,
    poll: Poll = lambda: None,
    *,
    backdrop: Float[Tensor, "3 h w"] | None = None,
    apart: bool = True,
) -> Carrier:
    """Take the photo apart. `poll` is called between the steps, which take long on large pictures.

    Args:
        backdrop: what is behind the person, where it is known; None paints it.
        apart: whether arms are a layer of their own, which counts only where they move against the body.
    """
    model = scene.fit.model
    reference = reference_frame(scene)
    visibility = vertex_visibility(scene)
    poll()
    if backdrop is None:
        backdrop = fill_backdrop(scene.photo, scene.matte)
    poll()
    is_limb = is_part(model.face_parts, LIMB_PARTS)
    grid = CoarseGrid(size=scene.size)
    carrier = Carrier(
        scene=scene,
        grid=grid,
        centres=pixel_centres(scene.size, scene.photo.device),
        border=border_hold(grid.pool_max(scene.matte[None])[0]),
        visibility=visibility,
        surface=torch.cat((visibility[:, None], model.template), -1),
        is_inner=is_part(model.face_parts, INNER_PARTS),
        backdrop=backdrop,
        painted=(scene.matte > PERSON).float(),
        body=_layer(_over(scene.photo, scene.matte, backdrop), torch.ones_like(is_limb)),
        limbs=None,
        limb_origin=None,
    )
    if not apart or not shows_limbs(reference, is_limb):
        return carrier
    poll()
    surface = own_surface(carrier, reference)
    field = _limb_field(carrier, surface, _rows(reference, is_limb))
    hidden = _in_front(reference, is_limb, grid.grow(field.values[5:])[0])
    limbs = open_limbs(reference, is_limb, hidden, backdrop, poll)
    return replace(
        carrier,
        body=_layer(_over(limbs.behind, limbs.matte, backdrop), ~is_limb),
        limbs=_layer(limbs.picture, is_limb),
        limb_origin=field.values[2:5],
    )


def is_part(face_parts: Int[Tensor, " f"], names: tuple[str, ...]) -> Bool[Tensor, " f"]:
    """Which faces belong to one of some parts."""
    return torch.isin(face_parts, torch.tensor([PART_INDEX[name] for name in names], device=face_parts.device))


def _over(photo: Float[Tensor, "3 h w"], matte: Float[Tensor, "h w"], behind: Tensor) -> Float[Tensor, "4 h w"]:
    """What lies over `behind` in a photo, premultiplied."""
    return torch.cat((photo - (1 - matte) * behind, matte[None]))


def _layer(picture: Float[Tensor, "c h w"], is_own: Bool[Tensor, " f"]) -> Layer:
    _, h, w = picture.shape
    shows = (picture.abs().amax(0, keepdim=True) > VISIBLE).float()
    near = box_max(CoarseGrid(size=(h, w)).pool_max(shows), (1, 1), (1, 1))
    return Layer(picture=channels_together(picture), is_own=is_own, around=near)


def own_surface(carrier: Carrier, frame: PosedFrame) -> Surface:
    values = frame.at(carrier.surface)
    inner = carrier.is_inner.index_select(0, frame.face_id)
    weight = values[:, 0].masked_fill(inner, 0.0)
    # Up to the mouth's inside the lips keep their own flow; what the photo does not show is as good as not covered.
    known = carrier.grid.gather((weight + inner)[:, None], frame.pixels)[0]
    return Surface(
        frame=frame,
        flow=frame.in_photo.pixels - carrier.centres.index_select(0, frame.pixels),
        weight=weight,
        origin=values[:, 1:],
        ramp=silhouette_ramp(known),
    )


def _limb_field(carrier: Carrier, surface: Surface, own: Int[Tensor, " k"]) -> Extended:
    """Flow, place on the template and depth of the arms, continued over the picture."""
    frame = surface.frame
    depth = frame.raster.depth.reshape(-1, 1).index_select(0, frame.pixels)
    return _field(carrier, surface, own, surface.origin, depth)


def _field(carrier: Carrier, surface: Surface, own: Int[Tensor, " k"], *more: Float[Tensor, "n _"]) -> Extended:
    """The flow of some of the covered pixels, and more of what they say, continued over the picture."""
    values = torch.cat([some.index_select(0, own) for some in (surface.flow, *more)], -1)
    weight = surface.weight.index_select(0, own)[:, None]
    total = carrier.grid.gather(torch.cat((values * weight, weight), -1), surface.frame.pixels.index_select(0, own))
    return extend(total[:-1], total[-1], surface.ramp)


def _rows(frame: PosedFrame, faces: Bool[Tensor, " f"]) -> Int[Tensor, " k"]:
    """Which of the covered pixels show one of the chosen faces."""
    return faces.index_select(0, frame.face_id).nonzero()[:, 0]


def _in_front(frame: PosedFrame, is_limb: Bool[Tensor, " f"], limb_depth: Float[Tensor, "h w"]) -> Bool[Tensor, "h w"]:
    """Where another part of the body is nearer than the arms."""
    return (frame.raster.depth < limb_depth - BEHIND_M) & frame.shows(~is_limb)


def carry(carrier: Carrier, frame: PosedFrame, poll: Poll = lambda: None) -> Carried:
    """See the layers of the person through the flows of a frame. `poll` is called between the steps."""
    surface = own_surface(carrier, frame)
    poll()
    own = _rows(frame, carrier.body.is_own)
    field = _field(carrier, surface, own)
    poll()
    seen = _through(carrier, surface, carrier.body, own, field, torch.zeros_like(field.trust))
    poll()
    colour = _colours(carrier, carrier.body, seen)
    carried = Carried(surface=surface, body=colour, body_at=seen)
    poll()
    if carrier.limbs is None or carrier.limb_origin is None or not len(own := _rows(frame, carrier.limbs.is_own)):
        return carried

    body_flow = field.values
    field = _limb_field(carrier, surface, own)
    from_cells = _from_cells(carrier, field)
    astray = _length(field.values[2:5] - carrier.grid.at(carrier.limb_origin, from_cells).movedim(-1, 0))
    astray = smoothstep((astray - SAME_LIMB_M[0]) / (SAME_LIMB_M[1] - SAME_LIMB_M[0]))
    moved = smoothstep(_length(field.values[:2] - body_flow) / (APART * min(carrier.scene.size)))
    seen = _through(carrier, surface, carrier.limbs, own, field, astray, moved)
    *_, depth, _, astray, moved = seen.field.unbind(-1)
    hidden = frame.raster.depth.reshape(-1).index_select(0, seen.pixels) < depth - BEHIND_M
    lost = torch.where(hidden, 1.0, astray)
    lost[: seen.num_own] = 0.0
    *_, may_be, sure = (limbs := _colours(carrier, carrier.limbs, seen)).unbind(-1)
    # What only may be the arm's, at its edge, follows it as long as that hides what would come to light.
    share = torch.lerp(torch.ones_like(sure), (sure / may_be.clamp(min=1e-3)).clamp(0, 1), moved)
    return replace(carried, limbs=limbs[:, :4] * (share * (1 - lost))[:, None], limbs_at=seen)


def _through(
    carrier: Carrier,
    surface: Surface,
    layer: Layer,
    own: Int[Tensor, " k"],
    field: Extended,
    astray: Float[Tensor, "hc wc"],
    *more: Tensor,
) -> Seen:
    """Find the pixels that may show a layer, and the photo's pixels that they are taken from.

    Args:
        own: which of the covered pixels show its own surface.
        astray: 1 in cells that cannot show it.
        more: other values on the coarse grid that are wanted at those pixels.
    """
    grid = carrier.grid
    near = (grid.at(layer.around, _from_cells(carrier, field))[..., 0] > 0) & (astray < 1)
    beyond = grid.nearest(box_max(near[None].float(), (1, 1), (1, 1))[0] > 0).flatten()
    own_pixels = surface.frame.pixels.index_select(0, own)
    beyond = beyond.index_fill(0, own_pixels, False).nonzero()[:, 0]

    pixels = torch.cat((own_pixels, beyond))
    at = carrier.centres.index_select(0, pixels)
    keep = hold_border(field.values[:2], carrier.border)
    values = grid.at(torch.cat((field.values, torch.stack((field.trust, astray, *more)), keep)), at)
    flow, num_own = values[:, :2].clone(), len(own)
    weight = values[:num_own, len(field.values)] * surface.weight.index_select(0, own)
    flow[:num_own].lerp_(surface.flow.index_select(0, own), weight[:, None])
    return Seen(pixels=pixels, source=at + flow * values[:, -2:], num_own=num_own, field=values[:, :-2])


def _colours(carrier: Carrier, layer: Layer, seen: Seen) -> Float[Tensor, "m c"]:
    return sample(layer.picture, seen.source, "bicubic", backend=carrier.scene.backend)


def _from_cells(carrier: Carrier, field: Extended) -> Float[Tensor, "hc wc 2"]:
    """The photo's positions that the cells of a frame are taken from."""
    return carrier.grid.centres(field.values.device) + field.values[:2].movedim(0, -1)


def _length(vectors: Float[Tensor, "c h w"]) -> Float[Tensor, "h w"]:
    return vectors.square().sum(0).sqrt()


def compose(carrier: Carrier, carried: Carried) -> Float[Tensor, "3 h w"]:
    """The layers over the backdrop."""
    flat = carrier.backdrop.flatten(1).clone()
    for layer, seen in ((carried.body, carried.body_at), (carried.limbs, carried.limbs_at)):
        if layer is not None and seen is not None:
            colour, matte = layer.T.split((3, 1))
            behind = flat.index_select(1, seen.pixels) * (1 - matte.clamp(0, 1))
            flat.index_copy_(1, seen.pixels, behind.add_(colour).clamp_(0, 1))
    return flat.view_as(carrier.backdrop)


def carried_matte(carrier: Carrier, carried: Carried) -> Float[Tensor, "h w"]:
    """How much of each pixel of a composed frame shows the person, not the backdrop."""
    clear = torch.ones_like(carrier.backdrop[0]).flatten()
    for layer, seen in ((carried.body, carried.body_at), (carried.limbs, carried.limbs_at)):
        if layer is not None and seen is not None:
            left = clear.index_select(0, seen.pixels) * (1 - layer[:, 3].clamp(0, 1))
            clear.index_copy_(0, seen.pixels, left)
    return (1 - clear).view_as(carrier.backdrop[0])
