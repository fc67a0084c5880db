"""Training pairs of people who do not exist: both pictures and every control are exactly known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..body.anny_model import AnnyBody
from ..body.expression import pose_at
from ..body.fit_priors import FOV_DEG, FOV_SIGMA_DEG
from ..datatypes import BodyFit, Camera, Motion
from ..names import EXPRESSION_INDEX, JOINT_INDEX
from ..render.camera import window
from ..render.stage import open_stage
from .random_bodies import EYES_M, random_body
from .video_backgrounds import draw_background
from .video_crop import PairSettings
from .video_fit_noise import off_fit, off_motion
from .video_glasses import put_on_glasses
from .video_hair import grow_cloud, join_clouds
from .video_look import Look
from .video_motions import stillness
from .video_sample import Sample
from .video_shading import Drawn, Person, draw_person, expose, with_exposure
from .video_surface import find_places, paint

EYE_DISTANCE = (0.07, 0.20)
"""Between the eyes, as a share of the picture's side."""
INCISORS_SHOWN_M = (0.002, 0.008)
"""Of the upper ones, below the upper lip."""
MOUTH_LIGHT = (0.6, 1.2)
_CLOSED_MOUTHS = 0.65


def draw_somebody(
    model: AnnyBody, rng: np.random.Generator, settings: PairSettings
) -> tuple[Person, Float[Tensor, " d"]]:
    """A person and their shape code."""
    seed = int(rng.integers(2**31))
    shape = random_body(model, seed).shape
    gender = model.shape_names.index("gender")
    shape[gender] = float(np.clip(rng.normal(0.12 if rng.random() < 0.5 else 0.88, 0.1), 0, 1))
    look = Look.draw(rng, female=float(shape[gender]))
    rest = model.rest(shape)
    painted = paint(model, look, texels=max(512, 2 * settings.size), backend=settings.backend)
    strands, finer = (2400, 4) if settings.size <= 128 else (5000, 6)
    hair = grow_cloud(model, rest.vertices, look, painted, strands=strands, finer=finer)
    worn = [cloud for cloud in (hair, put_on_glasses(model, rest.vertices, look)) if cloud is not None]
    drop = _teeth_drop_m(model, rest.vertices, rng)
    person = Person(
        model=model, rest=rest, look=look, painted=painted, hair=join_clouds(worn), teeth_drop_m=drop,
        mouth_light=float(rng.uniform(*MOUTH_LIGHT)),
    )  # fmt: skip
    return person, shape


def _teeth_drop_m(model: AnnyBody, rest: Float[Tensor, "v 3"], rng: np.random.Generator) -> tuple[float, float]:
    """So that the upper incisors reach below where the lips meet, and the lower ones stand behind the lower lip."""
    places = find_places(model)
    hidden = float(rest[places.incisors, 1].min() - rest[places.seam, 1].mean())
    return hidden + float(rng.uniform(*INCISORS_SHOWN_M)), float(rng.uniform(0.0, 0.003))


def body_sample(
    person: Person,
    shape: Float[Tensor, " d"],
    motion: Motion,
    rng: np.random.Generator,
    settings: PairSettings,
    *,
    kind: str,
    backdrops: list[Float[Tensor, "3 h w"]],
) -> Sample:
    """A person in a photo, and under a motion.

    Args:
        motion: one target for each frame.
        kind: of the sample.
    """
    size = settings.size
    person = replace(person, look=person.look.relit(rng))
    truth = _placed(person, shape, rng, size)
    background = draw_background(rng, size, backdrops)
    first = _draw(person, truth, stillness(), 0, settings)
    person = with_exposure(person, first, person.look.exposure)
    photo = _over(first, background, person.exposure)
    fit = off_fit(replace(truth, image=photo, mask=first.cover), rng)
    stage = open_stage(fit, off_motion(motion, rng), (size, size), backend=settings.backend, warp=settings.warp)
    drawn = (_draw(person, truth, motion, t, settings) for t in range(motion.num_frames))
    return settings.crop(
        rng,
        stage.frames(0, motion.num_frames),
        torch.stack([_over(one, background, person.exposure) for one in drawn]),
        background=stage.background,
        reference=stage.reference,
        kind=kind,
        info={"source": "body", "hair": person.look.hair_style, "garment": person.look.garment},
    )


def _placed(person: Person, shape: Tensor, rng: np.random.Generator, size: int) -> BodyFit:
    """The person before a camera: a pose, an expression, a framing. Its picture is still to be drawn."""
    drawn = random_body(person.model, int(rng.integers(2**31)))
    joint_rotvec, expression = drawn.joint_rotvec.clone(), drawn.expression.clone()
    # Most people face the camera they are photographed by, and both eyes look at one thing.
    for name in ("neck", "head"):
        joint_rotvec[JOINT_INDEX[name]] *= float(rng.beta(1.3, 1.3))
    joint_rotvec[JOINT_INDEX["right_eye_smplhf"]] = joint_rotvec[JOINT_INDEX["left_eye_smplhf"]]
    lids = float(rng.uniform(0, 0.3))
    for name in ("eyeBlinkLeft", "eyeBlinkRight"):
        expression[EXPRESSION_INDEX[name]] = lids
    if rng.random() < _CLOSED_MOUTHS:
        expression[EXPRESSION_INDEX["jawOpen"]] = 0.0
    fov_deg = FOV_DEG + FOV_SIGMA_DEG * float(np.clip(rng.normal(), -2, 2))
    camera = Camera(fov_deg=fov_deg, width=size, height=size)
    posed = person.model.pose(person.rest, joint_rotvec[None], torch.zeros(1, 3), expression[None])
    eyes = posed.joints[0, [JOINT_INDEX["left_eye_smplhf"], JOINT_INDEX["right_eye_smplhf"]]].mean(0)
    low, high = (math.log(v) for v in EYE_DISTANCE)
    depth = camera.f_px * EYES_M / (size * math.exp(rng.uniform(low, high)))
    x, y = rng.uniform(-0.12, 0.12) * size, rng.uniform(-0.22, 0.0) * size
    at = torch.tensor([x * depth / camera.f_px, -y * depth / camera.f_px, -depth], dtype=torch.float32)
    return BodyFit(
        model=person.model,
        shape=shape,
        joint_rotvec=joint_rotvec,
        translation=at - eyes,
        expression=expression,
        camera=camera,
        image=torch.zeros(3, size, size),
        mask=torch.zeros(size, size),
    )


def _draw(person: Person, truth: BodyFit, motion: Motion, t: int, settings: PairSettings) -> Drawn:
    joint_rotvec, translation, expression = pose_at(truth, motion, t, t + 1)
    posed = person.model.pose(person.rest, joint_rotvec, translation, expression)
    size = settings.size
    vertices, camera = window(posed.vertices[0], truth.camera, size=(size, size))
    fine = 2 if size <= 256 else 1
    return draw_person(person, vertices, camera, supersampling=fine, backend=settings.backend)


def _over(drawn: Drawn, background: Float[Tensor, "3 h w"], exposure: float) -> Float[Tensor, "3 h w"]:
    colour = expose(drawn.light / drawn.cover.clamp(min=1e-3), exposure)
    return torch.lerp(background, colour, drawn.cover)
