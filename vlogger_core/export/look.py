"""What a fitted person looks like all around: the photo where it shows the skin, plausible colours elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ..body.anny_model import AnnyBody
from ..body.landmarks import LEFT_IRIS, RIGHT_IRIS
from ..body.protocol import BodyModel
from ..datatypes import BodyFit, Motion
from ..names import PART_INDEX
from ..progress import Progress, silent
from ..render.camera import project
from ..render.mouth import ALBEDO
from ..render.scene import Scene, open_scene, sample
from ..render.visibility import find_in_photo, vertex_visibility
from .texture import EYE_PATCH, TEETH_UV, bake_texture

SEEN = 0.35
"""Visibility from which a vertex lends its colour to those that the photo does not show."""
CAVITY_SHADE = {"mouth_cavity": 0.5, "tongue": 0.6, "teeth": 0.9}
"""How much light reaches the inside of the mouth, which a viewer lights as if nothing were in front of it."""
SCLERA = (0.86, 0.83, 0.81)
EYE_RADIUS_M = 0.0145
"""Half the side of the square, around the iris, that the eye's part of the texture shows."""
LID_RIM_M = 0.0035
SMOOTHING = 60
_SKIN_LANDMARKS = (4, 50, 151, 205, 280, 425)
"""Nose, forehead and cheeks of MediaPipe's 478: skin that few beards and fringes cover."""
_NEAREST_SLICE = 1024
_EYES = ("left_eye", "right_eye", "iris")


@dataclass(frozen=True, kw_only=True)
class Look:
    """A body's surface with its colours."""

    vertices: Int[Tensor, " n"]
    """Which of the body's vertices each of the surface's is; those on seams of the texture come more than once."""
    faces: Int[Tensor, "f 3"]
    """Of the surface's vertices."""
    colours: Float[Tensor, "v 3"]
    """Of the body's vertices, sRGB, 0 to 1."""
    uv: Float[Tensor, "n 2"] | None = None
    """In the texture, v downwards; None where the body model has no texture coordinates."""
    texture: Float[Tensor, "3 h w"] | None = None


def photo_look(fit: BodyFit, motion: Motion, *, progress: Progress = silent) -> Look:
    """The colours of the fitted person. `motion` must be one that the body can make.

    Anny's comes as a texture over MakeHuman's coordinates; its eyes are painted in the photo's colours, since a photo
    shows too little of them to turn.
    """
    scene = open_scene(fit, motion)
    visible = vertex_visibility(scene) * ~_beside_eyes(scene)
    progress(0, 3)
    colours = vertex_colours(scene, visible)
    progress(1, 3)
    if not isinstance(fit.model, AnnyBody):
        used = fit.model.faces.unique()
        return Look(vertices=used, faces=_renumbered(fit.model.faces, used), colours=colours)
    look = _unwrapped(fit, fit.model, colours)
    assert look.uv is not None
    picture = bake_texture(
        scene, look.vertices, look.faces, look.uv, colours, visible, iris=_iris_colour(scene), sclera=_sclera(scene)
    )
    progress(3, 3)
    return replace(look, texture=picture)


def vertex_colours(scene: Scene, visible: Float[Tensor, " v"]) -> Float[Tensor, "v 3"]:
    """The photo's colour of every vertex; where it shows too little, that of the nearest skin, smoothed.

    Hands that the photo does not show have the colour of the face, the inside of the mouth and the eyes their own.
    """
    model = scene.fit.model
    pixels, _ = project(scene.vertices, scene.camera)
    colours = sample(scene.photo, pixels, "bilinear").clamp(0, 1)
    inner, eyes = of_parts(model, tuple(CAVITY_SHADE)), of_parts(model, _EYES)
    known = (visible > SEEN) & find_in_photo(scene, scene.vertices).seen
    known &= ~(inner | eyes)
    if not known.any():
        return torch.full_like(colours, 0.6)
    lenders, unknown = known.nonzero()[:, 0], (~known).nonzero()[:, 0]
    nearest = [
        torch.cdist(scene.vertices[part], scene.vertices[lenders]).argmin(1) for part in unknown.split(_NEAREST_SLICE)
    ]
    colours[unknown] = colours[lenders[torch.cat(nearest)]]
    skin = _skin_colour(scene)
    hands = of_parts(model, ("left_hand", "right_hand")) & ~known
    colours[hands] = skin
    colours[eyes] = _sclera(scene)
    for name, shade in CAVITY_SHADE.items():
        colours[of_parts(model, (name,)) & inner] = shade * _lit(skin, ALBEDO[name])
    return _smoothed(colours, model.faces, known | inner | eyes | hands)


def of_parts(model: BodyModel, names: tuple[str, ...]) -> Bool[Tensor, " v"]:
    """The vertices of all faces of some of `names.PARTS`."""
    chosen = torch.isin(model.face_parts, torch.tensor([PART_INDEX[name] for name in names]))
    of = torch.zeros(len(model.template), dtype=torch.bool)
    of[model.faces[chosen].reshape(-1)] = True
    return of


def _beside_eyes(scene: Scene) -> Bool[Tensor, " v"]:
    """The rims of the lids and what is next to them: there a photo that is a pixel off shows white, iris and lashes."""
    rims = scene.vertices[of_parts(scene.fit.model, ("lids",))]
    if not len(rims):
        return torch.zeros(len(scene.vertices), dtype=torch.bool)
    near = [torch.cdist(part, rims).amin(1) < LID_RIM_M for part in scene.vertices.split(_NEAREST_SLICE)]
    return torch.cat(near)


def _unwrapped(fit: BodyFit, model: AnnyBody, colours: Float[Tensor, "v 3"]) -> Look:
    """The surface cut along the seams of the texture. Teeth and eyes have places of their own in it."""
    rest = model.rest(fit.shape).vertices
    marks = model.face_landmarks(rest[None])[0]
    middle = torch.where(rest[:, :1] > 0, marks[LEFT_IRIS], marks[RIGHT_IRIS])
    left, top, side = EYE_PATCH
    on_eye = ((rest - middle)[:, :2] * rest.new_tensor((1, -1)) / (2 * EYE_RADIUS_M) + 0.5).clamp(0, 1)
    on_eye = on_eye * side + on_eye.new_tensor((left, top))
    skin_uv = model.uv * model.uv.new_tensor((1, -1)) + model.uv.new_tensor((0, 1))
    uv = torch.cat((skin_uv, on_eye, torch.tensor([TEETH_UV])))
    corners = torch.full_like(model.faces, len(uv) - 1)
    corners[: len(model.face_uv)] = model.face_uv
    is_eye = torch.isin(model.face_parts, torch.tensor([PART_INDEX[name] for name in _EYES]))
    corners[is_eye] = model.faces[is_eye] + len(skin_uv)
    pairs, faces = torch.unique(torch.stack((model.faces, corners), -1).flatten(0, 1), dim=0, return_inverse=True)
    return Look(vertices=pairs[:, 0], faces=faces.unflatten(0, (-1, 3)), colours=colours, uv=uv[pairs[:, 1]])


def _skin_colour(scene: Scene) -> Float[Tensor, "3"]:
    marks = scene.fit.model.face_landmarks(scene.vertices[None])[0, list(_SKIN_LANDMARKS)]
    return sample(scene.photo, project(marks, scene.camera)[0], "bilinear").clamp(0, 1).median(0).values


def _iris_colour(scene: Scene) -> Float[Tensor, "3"]:
    """Of what lies beside the pupils: above and below are lids."""
    marks = scene.fit.model.face_landmarks(scene.vertices[None])[0, [LEFT_IRIS, RIGHT_IRIS]]
    aside = marks.new_tensor([(x, y, 0.0) for x in (-0.0036, 0.0036) for y in (-0.001, 0.0, 0.001)])
    points = (marks[:, None] + aside).reshape(-1, 3)
    return sample(scene.photo, project(points, scene.camera)[0], "bilinear").clamp(0, 1).median(0).values


def _sclera(scene: Scene) -> Float[Tensor, "3"]:
    return _lit(_skin_colour(scene), SCLERA)


def _lit(skin: Float[Tensor, "3"], albedo: tuple[float, float, float]) -> Float[Tensor, "3"]:
    """A colour in the light of the photo, judged by how bright the skin is for one between dark and light."""
    return skin.new_tensor(albedo) * (0.6 + 0.6 * skin.max()).clamp(0.6, 1.05)


def _smoothed(
    colours: Float[Tensor, "v 3"], faces: Int[Tensor, "f 3"], fixed: Bool[Tensor, " v"]
) -> Float[Tensor, "v 3"]:
    """Each vertex that is not fixed becomes the mean of its neighbours, again and again."""
    start = torch.cat((faces, faces.roll(1, 1))).reshape(-1)
    end = torch.cat((faces.roll(1, 1), faces)).reshape(-1)
    count = torch.zeros(len(colours)).index_add_(0, end, torch.ones(len(end))).clamp(min=1)[:, None]
    for _ in range(SMOOTHING):
        mean = torch.zeros_like(colours).index_add_(0, end, colours[start]) / count
        colours = torch.where(fixed[:, None], colours, mean)
    return colours


def _renumbered(faces: Int[Tensor, "f 3"], used: Int[Tensor, " n"]) -> Int[Tensor, "f 3"]:
    place = torch.zeros(int(used.max()) + 1, dtype=torch.long)
    place[used] = torch.arange(len(used))
    return place[faces]
