"""A frame of a clip carried from the pose that it shows to the pose that it shall show.

The control renderer carries one photo through a whole video. In a clip that is edited every frame is a photo of its own
edited pose but for the region that moves: hair, light, background and noise agree with what stays, and where nothing
moves the frame itself comes out. What a frame does not show, an eye behind closed lids or what a raised arm hides, is
taken from the reference photo.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..body.eyeballs import eyeball
from ..datatypes import Motion
from ..names import EXPRESSION_INDEX
from ..render.ahead import Poll
from ..render.carry import Carrier, carried_matte, carry, is_part, open_carrier
from ..render.confidence import confidence
from ..render.eyes import EYES
from ..render.fill import box_max
from ..render.mouth import ALBEDO, CHANGE_CLOSED, CHANGE_OPEN, OPEN_SHARE, Mouth
from ..render.posed import PosedFrame, pose_frame, reference_frame
from ..render.preview import Previewer, open_previewer
from ..render.scene import Scene, channels_together, smoothstep
from ..render.stage import Stage
from .seam import match_colours

PERSON = 0.02
"""Matte above which a pixel is not background."""
EYE_M = (0.016, 0.028)
"""On the template, from the middle of an eyeball: within the first all of the eye and its lids, beyond the second
nothing of them."""
OPENED = (0.05, 0.3)
"""Share of the photo's opening of an eye by which the lids of a frame are to open, from which the photo begins to lend
the eye, and lends all of it."""
LIPS_M = (0.006, 0.016)
"""On the template, from the lips: within the first all of the mouth, beyond the second nothing of it."""
CLOSED = (0.03, 0.1)
"""How far the mouth of a frame is to close, from which closed lips are taken from the photo, and all of them."""
LIKE = (0.03, 0.1)
"""How far the photo's mouth is from what it shall be, up to which it can lend lips, and from which it cannot."""
UNSEEN = (0.3, 0.7)
"""How much more the photo shows of a surface than the frame does, from which it begins to lend it, and lends all."""
SHUT = 0.8
"""`eyeBlink` from which the lids of a frame are shut for the eye, though not by their number."""
LIDS = ("eyeBlink", "eyeSquint", "eyeWide")
BRIGHT_SKIN = (0.9, 0.78, 0.7)
"""The brightest tenth of a face in white light, sRGB."""
CAST = 0.8
"""Exponent of the light's colour as the skin tells it: skins differ as well."""
HEAD = ("neck", "head", "jaw", "left_eye_smplhf", "right_eye_smplhf")
"""Joints that move no arm against the body."""


@dataclass(frozen=True, kw_only=True)
class Recarried:
    """A frame in its edited pose."""

    picture: Float[Tensor, "3 h w"]
    confidence: Float[Tensor, "h w"]
    """How far it can be relied on, see `render.confidence`."""
    matte: Float[Tensor, "h w"]
    """How much of each pixel shows the person."""


@dataclass(frozen=True, kw_only=True)
class Recarrier:
    """Made by `open_recarrier`."""

    stage: Stage
    """The reference photo under the edited motion."""
    before: Motion | None
    """What the clip shows; None where it is not known, and only the reference photo is carried."""
    is_ball: tuple[Bool[Tensor, " f"], ...]
    near_eye: Float[Tensor, "v e"]
    """How much each vertex belongs to each eye."""
    near_lips: Float[Tensor, "v"]
    """How much each vertex belongs to the mouth."""
    opening_px: tuple[int, ...]
    """How many pixels of each eyeball the reference photo shows."""
    arms_move: bool
    """Whether the edit moves arms against the body."""

    def carry(self, t: int, frame: Float[Tensor, "3 h w"], poll: Poll = lambda: None) -> Recarried:
        """Frame `t` of the clip, at the stage's size, in its edited pose. `poll` is called between the steps."""
        posed = self.stage.maps.posed(t)
        poll()
        reference = _drawn(self.stage.previewer, posed, poll)
        if self.before is None:
            return reference
        scene = self.stage.maps.scene
        prior = pose_frame(scene, self.before, t)
        poll()
        here = self._previewer(prior, frame, poll)
        own = _drawn(here, replace(posed, scene=here.carrier.scene), poll)
        return self._completed(t, own, reference, posed, prior)

    def _previewer(self, prior: PosedFrame, frame: Float[Tensor, "3 h w"], poll: Poll) -> Previewer:
        """The frame as a photo of its own, in place of the reference."""
        known = self.stage.previewer
        matte = carried_matte(known.carrier, carry(known.carrier, prior, poll))
        scene = replace(
            prior.scene,
            vertices=prior.vertices,
            joints=prior.joints,
            raster=prior.raster,
            photo=channels_together(frame),
            matte=matte,
        )
        poll()
        carrier = open_carrier(scene, poll, backdrop=_backdrop(known.carrier, scene), apart=self.arms_move)
        previewer = open_previewer(carrier, poll)
        # Light and teeth are the reference's in all frames, and what counts as a change goes from one to the other
        # smoothly: nothing of a drawn mouth is to flicker.
        return replace(previewer, mouth=replace(known.mouth, scene=scene, change=_change(known, prior)))

    def _completed(
        self, t: int, own: Recarried, reference: Recarried, posed: PosedFrame, prior: PosedFrame
    ) -> Recarried:
        """The frame with what it does not show taken from the reference, in the frame's colours."""
        unseen = smoothstep((reference.confidence - own.confidence - UNSEEN[0]) / (UNSEEN[1] - UNSEEN[0]))
        lent = _without_lines(unseen) * ~posed.shows(self.stage.previewer.carrier.is_inner)
        eyes = posed.picture(posed.at(self.near_eye))
        for ball, opening_px, eye in zip(self.is_ball, self.opening_px, eyes, strict=True):
            opened = (int(posed.shows(ball).sum()) - int(prior.shows(ball).sum())) / max(1, opening_px)
            share = float(smoothstep(torch.tensor((opened - OPENED[0]) / (OPENED[1] - OPENED[0]))))
            # Lids hide their eye in the frame, and are what hides it: within an eye all is lent, or nothing.
            lent = torch.lerp(lent * (1 - eye), torch.full_like(lent, share), eye)
        closed = self._closed(t)
        if closed > 0:
            # Lips that were apart do not fit each other: a slit would stay. The photo's do.
            lent = lent.maximum(closed * posed.picture(posed.at(self.near_lips[:, None]))[0])
        if not lent.any():
            return own
        matched = match_colours(reference.picture, own.picture, lent)
        return Recarried(
            picture=torch.lerp(own.picture, matched, lent),
            confidence=torch.lerp(own.confidence, reference.confidence, lent),
            matte=torch.lerp(own.matte, reference.matte, lent),
        )

    def _closed(self, t: int) -> float:
        """How far the photo is to lend its lips to frame `t`, which closes them."""
        assert self.before is not None
        fit = self.stage.maps.scene.fit
        photo, before, after = (
            float(expression[EXPRESSION_INDEX["jawOpen"]] - expression[EXPRESSION_INDEX["mouthClose"]])
            for expression in (fit.expression, self.before.expression[t], self.stage.maps.motion.expression[t])
        )
        closes = smoothstep(torch.tensor((before - after - CLOSED[0]) / (CLOSED[1] - CLOSED[0])))
        differs = smoothstep(torch.tensor((abs(photo - after) - LIKE[0]) / (LIKE[1] - LIKE[0])))
        return float(closes * (1 - differs))


def _in_light(mouth: Mouth, scene: Scene) -> Mouth:
    """The mouth in the colour of the light that falls on the face: in a warm room white teeth are not white."""
    skin = scene.photo[:, reference_frame(scene).shows(is_part(scene.fit.model.face_parts, ("head",)))]
    if skin.shape[1] < 16:
        return mouth
    luma = skin.mean(0)
    cast = skin[:, luma >= luma.quantile(0.9)].mean(1) / skin.new_tensor(BRIGHT_SKIN)
    cast = (cast / cast.max().clamp(min=1e-3)).clamp(min=0.2) ** CAST
    drawn = torch.equal(mouth.teeth, mouth.light * mouth.light.new_tensor(ALBEDO["teeth"]))
    # Teeth that the photo shows are in this light already.
    return replace(mouth, light=mouth.light * cast, teeth=mouth.teeth * cast if drawn else mouth.teeth)


def with_shut_lids(before: Motion, after: Motion) -> Motion:
    """`after` with the lids of `before` where those are shut already and are to close further.

    Nothing is left there to close but a slit of one or two pixels, which painted lids would fray.
    """
    expression = after.expression.clone()
    known = before.expression.to(expression)
    for side in ("Left", "Right"):
        lids = [EXPRESSION_INDEX[name + side] for name in LIDS]
        shut, asked = known[:, lids[0]], expression[:, lids[0]]
        stays = (shut >= SHUT) & (asked >= shut)
        expression[:, lids] = torch.where(stays[:, None], known[:, lids], expression[:, lids])
    return replace(after, expression=expression)


def open_recarrier(stage: Stage, before: Motion | None) -> Recarrier:
    """Prepare a clip's frames to be carried to the poses of `stage`.

    Args:
        stage: the reference photo under the edited motion.
        before: the motion that the clip shows; None carries the reference photo only.
    """
    scene = stage.maps.scene
    model, reference = scene.fit.model, reference_frame(scene)
    balls = tuple(eyeball(model, side) for side in EYES)
    near = []
    for ball in balls:
        far = torch.full_like(model.template[:, 0], torch.inf)
        if ball.any():
            centre = model.template[model.faces[ball].unique()].mean(0)
            far = (model.template - centre).norm(dim=-1)
        near.append(1 - smoothstep((far - EYE_M[0]) / (EYE_M[1] - EYE_M[0])))
    previewer = stage.previewer
    lips = model.template[previewer.mouth.lip_vertices]
    from_lips = torch.cdist(model.template, lips).amin(1) if len(lips) else torch.full_like(model.template[:, 0], 1.0)
    stage = replace(stage, previewer=replace(previewer, mouth=_in_light(previewer.mouth, scene)))
    return Recarrier(
        stage=stage,
        before=before,
        is_ball=balls,
        near_eye=torch.stack(near, -1),
        near_lips=1 - smoothstep((from_lips - LIPS_M[0]) / (LIPS_M[1] - LIPS_M[0])),
        opening_px=tuple(int(reference.shows(ball).sum()) for ball in balls),
        arms_move=before is not None and _arms_move(before, stage.maps.motion),
    )


def _drawn(previewer: Previewer, posed: PosedFrame, poll: Poll) -> Recarried:
    carrier = previewer.carrier
    carried = carry(carrier, posed, poll)
    poll()
    return Recarried(
        picture=previewer.finish(carried, poll),
        confidence=confidence(carrier, carried),
        matte=carried_matte(carrier, carried),
    )


def _without_lines(share: Float[Tensor, "h w"]) -> Float[Tensor, "h w"]:
    """Without what is too narrow to be more than an edge that is seen a little differently."""
    radius = max(1, round(0.004 * min(share.shape)))
    reach = (radius, radius)
    return box_max(-box_max(-share[None], reach, reach), reach, reach)[0]


def _backdrop(known: Carrier, scene: Scene) -> Float[Tensor, "3 h w"]:
    """The frame where it shows the background; behind the person, in its light, the reference's."""
    margin = max(1, round(0.006 * min(scene.size)))
    hole = box_max((scene.matte > PERSON).float()[None], (margin, margin), (margin, margin))[0]
    behind = match_colours(known.backdrop, scene.photo, hole).clamp(0, 1)
    return torch.where(hole > 0, behind, scene.photo)


def _change(known: Previewer, prior: PosedFrame) -> tuple[float, float]:
    """How far lips must move for the mouth's inside to be drawn: more where the frame shows some of it."""
    lips = prior.vertices[known.mouth.lip_vertices]
    if not len(lips):
        return CHANGE_CLOSED
    depth = -float(lips[:, 2].mean())
    width_px = float(lips[:, 0].max() - lips[:, 0].min()) * prior.scene.camera.f_px / depth
    inside = float(prior.shows(known.carrier.is_inner).sum()) / max(1.0, width_px**2)
    share = float(smoothstep(torch.tensor(inside / OPEN_SHARE - 0.5)))
    (closed_from, closed_to), (open_from, open_to) = CHANGE_CLOSED, CHANGE_OPEN
    return closed_from + share * (open_from - closed_from), closed_to + share * (open_to - closed_to)


def _arms_move(before: Motion, after: Motion) -> bool:
    """Whether any other joint than the head's differs in any frame."""
    for name in set(before.joint_names) | set(after.joint_names):
        if name in HEAD:
            continue
        one, other = (
            motion.joint_rotvec[:, motion.joint_names.index(name)]
            if name in motion.joint_names
            else torch.zeros_like(motion.translation)
            for motion in (before, after)
        )
        if not torch.equal(one.cpu(), other.cpu()):
            return True
    return False
