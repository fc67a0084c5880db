"""The inside of the mouth, drawn from the body's own mesh: a photo of a closed mouth has none to lend."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ..names import PART_INDEX
from .camera import project, window
from .carry import INNER_PARTS, is_part
from .fill import box_blur, box_max
from .posed import PosedFrame, reference_frame
from .raster import NEAR, Raster, interpolate, rasterise
from .scene import Scene, sample, smoothstep
from .visibility import vertex_normals

ALBEDO = {"mouth_cavity": (0.36, 0.13, 0.12), "teeth": (0.93, 0.86, 0.75), "tongue": (0.74, 0.41, 0.39)}
"""sRGB under the light that makes a face's brightest skin 0.8."""
BRIGHT_SKIN = 0.8
REACH_M = 0.07
"""Faces this near to the mouth may cover it."""
FALLOFF_M = 0.022
"""Light in the mouth falls by e over this depth behind the lips."""
WARMTH = (0.8, 1.1, 1.2)
"""Exponents of the light for red, green and blue: what falls between the teeth has been reflected by red flesh."""
AMBIENT = 0.16
"""Share of the light that does not fall."""
OPEN_SHARE = 0.02
"""A photo whose mouth shows at least this much of its inside, in squared mouth widths, is one of an open mouth."""
CHANGE_OPEN, CHANGE_CLOSED = (0.012, 0.04), (0.003, 0.015)
"""Movement of the lips, in mouth widths, over which the drawn inside replaces what an open or closed mouth shows."""
TEETH_SHOWN_M = 0.003
"""How far the upper teeth reach below the upper lip at rest; less would hide them from every opening of speech."""
INCISORS_M = 0.008
"""They reach this far to either side."""
TOOTH_GREYNESS = 0.75
"""Least over greatest channel from which a bright colour may be that of teeth."""
SUPERSAMPLING = 3


@dataclass(frozen=True, kw_only=True)
class Mouth:
    """What the mouth of a scene looks like from inside. Made by `open_mouth`."""

    scene: Scene
    is_near: Bool[Tensor, " f"]
    """The faces that are drawn, not warped, and all that may cover them."""
    faces: Int[Tensor, "g 3"]
    """The faces of `is_near`."""
    parts: Int[Tensor, " g"]
    is_inner: Bool[Tensor, " g"]
    """Which of them are drawn."""
    lip_vertices: Int[Tensor, " l"]
    upper_teeth: Int[Tensor, " u"]
    lower_teeth: Int[Tensor, " w"]
    drop_m: float
    """How much lower the upper teeth are drawn than the mesh has them."""
    light: Float[Tensor, "3"]
    """Brightness relative to the light of `ALBEDO`."""
    teeth: Float[Tensor, "3"]
    """Their colour in full light: the photo's where it shows teeth."""
    change: tuple[float, float]
    """Movement of the lips, in mouth widths, from which the inside is drawn a little and from which fully."""


def open_mouth(scene: Scene) -> Mouth:
    """Find the mouth of a body and how much light falls on the face around it."""
    model = scene.fit.model
    is_inner = is_part(model.face_parts, INNER_PARTS)
    lips = model.faces[model.face_parts == PART_INDEX["lips"]].unique()
    if not len(lips):
        lips = model.faces[is_inner].unique()
    near = torch.zeros_like(is_inner)
    if len(lips):
        centre = model.template[lips].mean(0)
        near = ((model.template - centre).norm(dim=-1) < REACH_M)[model.faces].any(1)
    width_px = 1.0
    if len(lips):
        x = project(scene.vertices[lips], scene.camera)[0][:, 0]
        width_px = float(x.max() - x.min())
    is_open = int(is_inner[reference_frame(scene).face_id].sum()) > OPEN_SHARE * width_px**2
    light = _face_light(scene)
    upper, lower, drop_m = _teeth(scene, lips)
    return Mouth(
        scene=scene,
        is_near=near | is_inner,
        faces=model.faces[near | is_inner],
        parts=model.face_parts[near | is_inner],
        is_inner=is_inner[near | is_inner],
        lip_vertices=lips,
        upper_teeth=upper,
        lower_teeth=lower,
        drop_m=drop_m,
        light=light,
        teeth=_tooth_colour(scene, light) if is_open else light * light.new_tensor(ALBEDO["teeth"]),
        change=CHANGE_OPEN if is_open else CHANGE_CLOSED,
    )


def _teeth(scene: Scene, lips: Int[Tensor, " l"]) -> tuple[Tensor, Tensor, float]:
    """The vertices of the upper and of the lower teeth, and how far the upper ones are to be lowered.

    So far that the incisors reach below where the lips meet, both in the body at rest and in the photo, whose
    expression may have drawn the upper lip down; the lips meet where they meet the mouth's inside.
    """
    model = scene.fit.model
    x, y, _ = model.template.unbind(-1)
    teeth = model.faces[is_part(model.face_parts, ("teeth",))].unique()
    inside = model.faces[is_part(model.face_parts, ("mouth_cavity",))].unique()
    seam = lips[torch.isin(lips, inside)]
    is_upper = y[teeth] > y[teeth].mean()
    upper, lower = teeth[is_upper], teeth[~is_upper]
    incisors, between = (some[x[some].abs() < INCISORS_M] for some in (upper, seam))
    if not len(incisors) or not len(lower) or not len(between):
        return upper, lower, 0.0
    above = []
    for body in (scene.rest.vertices, scene.vertices):
        down = _direction(body, upper, lower)
        above.append(float(body[between].mean(0) @ down - (body[incisors] @ down).max()))
    return upper, lower, max(0.0, *above) + TEETH_SHOWN_M


def _direction(body: Float[Tensor, "v 3"], start: Int[Tensor, " a"], end: Int[Tensor, " b"]) -> Float[Tensor, "3"]:
    return F.normalize(body[end].mean(0) - body[start].mean(0), dim=0)


def _lowered(mouth: Mouth, vertices: Float[Tensor, "v 3"]) -> Float[Tensor, "v 3"]:
    """A body with its upper teeth where they show."""
    if mouth.drop_m == 0:
        return vertices
    lowered = vertices.clone()
    lowered[mouth.upper_teeth] += mouth.drop_m * _direction(vertices, mouth.upper_teeth, mouth.lower_teeth)
    return lowered


def draw_mouth(
    mouth: Mouth,
    picture: Float[Tensor, "3 h w"],
    frame: PosedFrame,
    visibility: Float[Tensor, " v"],
) -> Float[Tensor, "3 h w"]:
    """Paint the inside of the mouth over the picture of a frame and smooth the edges of the lips, supersampled.

    What the photo shows between the lips stays while they are shaped as in the photo and gives way as they move.

    Args:
        visibility: how well the photo shows each vertex.
    """
    vertices, raster = _lowered(mouth, frame.vertices), frame.raster
    share = _change(mouth, vertices) if len(mouth.lip_vertices) else 0.0
    box = _box(mouth, vertices)
    if share == 0 or box is None:
        return picture
    left, top, right, bottom = box
    # What the mouth's faces do not know of, such as a hand before it, still covers it.
    own = mouth.is_near[raster.face_id[top:bottom, left:right].clamp(min=0)] & raster.covered[top:bottom, left:right]
    if not own.any():
        return picture
    zoom = max(1, min(SUPERSAMPLING, 768 // max(right - left, bottom - top)))
    patch = picture[:, top:bottom, left:right]
    seen, camera = window(
        vertices,
        mouth.scene.camera,
        left=float(left),
        top=float(top),
        width=float(right - left),
        height=float(bottom - top),
        size=((bottom - top) * zoom, (right - left) * zoom),
    )
    fine = rasterise(seen, mouth.faces, camera, backend=mouth.scene.backend)
    inner = mouth.is_inner[fine.face_id.clamp(min=0)] & fine.covered
    source, known = _source(mouth, fine, visibility)
    lips = sample(mouth.scene.photo, source, "bilinear").movedim(-1, 0)
    below = patch.repeat_interleave(zoom, 1).repeat_interleave(zoom, 2)
    known = known * ~inner
    colour = torch.lerp(below, lips, known)
    colour = torch.where(inner, torch.lerp(below, _shade(mouth, vertices, fine, inner), share), colour)
    mean = F.avg_pool2d(colour[None], zoom)[0]

    # Only where lips meet each other or the inside: elsewhere the frame is as sharp as the photo.
    inside = F.avg_pool2d(inner[None].float(), zoom)[0]
    jump = _jump(source.movedim(-1, 0), known > 0.5, zoom)
    edge = smoothstep((jump - 1.5) / 1.5).maximum((inside > 0).float() * share)
    covered = box_max(own[None].float(), (1, 1), (1, 1)) * own
    out = picture.clone()
    out[:, top:bottom, left:right] = torch.lerp(patch, mean, edge * covered)
    return out


def _box(mouth: Mouth, vertices: Tensor) -> tuple[int, int, int, int] | None:
    """Left, top, right, bottom of the lips in the frame with a margin; None outside it."""
    h, w = mouth.scene.size
    pixels, depth = project(vertices[mouth.lip_vertices], mouth.scene.camera)
    if not len(pixels) or depth.min() <= NEAR:
        return None
    low, high = pixels.amin(0).floor().long() - 3, pixels.amax(0).ceil().long() + 3
    left, top = (max(int(x), 0) for x in low)
    right, bottom = min(int(high[0]), w), min(int(high[1]), h)
    return (left, top, right, bottom) if right > left and bottom > top else None


def _source(mouth: Mouth, fine: Raster, visibility: Tensor) -> tuple[Float[Tensor, "h w 2"], Float[Tensor, "h w"]]:
    """The photo pixel of each surface point of a patch, and how well the photo shows it."""
    scene = mouth.scene
    values = interpolate(fine, mouth.faces, torch.cat((scene.vertices, visibility[:, None]), -1))
    point = torch.where(fine.covered[..., None], values[..., :3], values.new_tensor([0.0, 0.0, -1.0]))
    return project(point, scene.camera)[0], values[..., 3]


def _jump(source: Float[Tensor, "2 h w"], known: Bool[Tensor, "h w"], zoom: int) -> Float[Tensor, "1 _ _"]:
    """How far apart in the photo the samples of one pixel lie, in pixels."""
    far = 1e6
    high = F.max_pool2d(torch.where(known, source, -far)[None], zoom)[0]
    low = -F.max_pool2d(torch.where(known, -source, -far)[None], zoom)[0]
    return torch.where(high > low, high - low, 0.0).amax(0, keepdim=True)


def _shade(mouth: Mouth, vertices: Tensor, fine: Raster, inner: Bool[Tensor, "h w"]) -> Float[Tensor, "3 h w"]:
    """Colour of the mouth's inside."""
    part = mouth.parts[fine.face_id.clamp(min=0)]
    albedo = torch.zeros(3, *part.shape, device=vertices.device)
    for name, colour in ALBEDO.items():
        lit = mouth.teeth if name == "teeth" else mouth.light * mouth.light.new_tensor(colour)
        albedo += (part == PART_INDEX[name]) * lit[:, None, None]
    lip_depth = -vertices[mouth.lip_vertices, 2].mean()
    behind = (torch.where(fine.covered, fine.depth, lip_depth) - lip_depth).clamp(min=0)
    normals = interpolate(fine, mouth.faces, vertex_normals(vertices, mouth.faces))
    facing = F.normalize(normals, dim=-1)[..., 2].abs()
    light = (AMBIENT + (1 - AMBIENT) * torch.exp(-behind / FALLOFF_M)) * (0.6 + 0.4 * facing)
    # Lips shade what lies just behind their edge.
    radius = max(1, round(0.05 * part.shape[1]))
    light = light * (0.6 + 0.4 * smoothstep(1.6 * box_blur(inner[None].float(), radius)[0] - 0.3))
    return albedo * torch.stack([light**exponent for exponent in WARMTH])


def _change(mouth: Mouth, vertices: Tensor) -> float:
    """0 where the lips are shaped as in the photo, 1 where they clearly are not."""
    shapes = []
    for body in (mouth.scene.vertices, vertices):
        lips = body[mouth.lip_vertices]
        shapes.append(lips - lips.mean(0))
    reference, moved = shapes
    # The rotation of the head is not a change of the mouth.
    u, _, vh = torch.linalg.svd(moved.T @ reference)
    turned = reference @ (u @ vh).T
    width = (reference.amax(0) - reference.amin(0)).max()
    share = (moved - turned).norm(dim=-1).mean() / width
    return float(smoothstep((share - mouth.change[0]) / (mouth.change[1] - mouth.change[0])))


def _face_light(scene: Scene) -> Tensor:
    """Colour of the brightest skin that the photo shows, relative to `BRIGHT_SKIN`, nearly grey."""
    parts = scene.fit.model.face_parts[scene.raster.face_id.clamp(min=0)]
    skin = scene.photo[:, (parts == PART_INDEX["head"]) & scene.raster.covered]
    if skin.shape[1] < 16:
        return torch.ones(3, device=scene.photo.device)
    luma = skin.mean(0)
    bright = skin[:, luma >= luma.quantile(0.9)].mean(1)
    tint = torch.lerp(bright.mean().expand(3), bright, 0.15)
    return (tint / BRIGHT_SKIN).clamp(0.25, 1.15)


def _tooth_colour(scene: Scene, light: Tensor) -> Tensor:
    """The brightest that the photo shows where the body has teeth, if that is bright enough to be teeth."""
    drawn = light * light.new_tensor(ALBEDO["teeth"])
    teeth = scene.fit.model.face_parts[scene.raster.face_id.clamp(min=0)] == PART_INDEX["teeth"]
    seen = scene.photo[:, teeth & scene.raster.covered]
    if seen.shape[1] < 8:
        return drawn
    luma = seen.mean(0)
    bright = seen[:, luma >= luma.quantile(0.7)].mean(1)
    # Lips and skin, where the fit opens a mouth that the photo does not, are as bright but redder.
    is_teeth = bright.mean() > 0.7 * drawn.mean() and bright.min() > TOOTH_GREYNESS * bright.max()
    return bright if is_teeth else drawn
