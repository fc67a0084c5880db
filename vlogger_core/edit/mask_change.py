"""What one frame shows otherwise once its motion is edited: the body's surface, and what the warp takes along with it.

The body is posed and rasterised before and after. A pixel has changed if the surface that it shows before is elsewhere
after, or the one that it shows after was elsewhere before: so a moved part counts in both places, what it hides or
uncovers as well, and what lies hidden both times does not. Hair, clothes and what hands hold are not in the mesh; they
follow it as in the warp (`render.carry`), and count where they do so by another way.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..body.eyeballs import eyeball
from ..datatypes import BodyFit, Motion
from ..names import PART_INDEX
from ..render.ahead import Poll
from ..render.camera import project
from ..render.carry import APART, Carrier, Layer, Surface, open_carrier, own_surface
from ..render.eyes import EYES
from ..render.fill import box_max
from ..render.flow import extend
from ..render.posed import PosedFrame, pose_frame, reference_frame
from ..render.scene import open_scene, resize, sample, smoothstep

VISIBLE = 1.5 / 255
"""What moves is seen to do so where the photo differs by more than this from the places it moves to or from."""
SURE_PX = 6.0
"""Surface that moves further has changed however even it is. Pixels where the shorter side has `REFERENCE_SIDE`."""
REFERENCE_SIDE = 512
"""Lengths in pixels are meant for pictures with this shorter side; others scale with it."""
LET_GO = 0.04
"""Change of how much of a pixel is the arms', from which it shows something else."""
LIDS_MOVED = 0.02
"""Share of what the photo shows of an eyeball: lids that hide or bare more repaint the skin around the eye."""
EYE_REGION = (0.7, 0.9, 0.5)
"""How far that skin reaches above, below and beside the eye, in heights of its opening."""


@dataclass(frozen=True, kw_only=True)
class Eye:
    """What lids repaint when they move."""

    is_ball: Bool[Tensor, " f"]
    opening_px: int
    """Pixels of the eyeball that the photo shows."""
    region: Float[Tensor, "1 h w"]
    """1 in the photo where its lids are painted."""


@dataclass(frozen=True, kw_only=True)
class Flows:
    """Where each place of a frame takes a layer of the photo from, as an offset; on the coarse grid."""

    before: Float[Tensor, "2 hc wc"]
    after: Float[Tensor, "2 hc wc"]
    follows: Float[Tensor, "hc wc"]
    """How far these are what is taken, not the surface's own: 1 beyond it."""


@dataclass(frozen=True, kw_only=True)
class ChangeFinder:
    """One body and two motions. Made by `open_changes`."""

    carrier: Carrier
    before: Motion
    after: Motion
    threshold_px: float
    """Of the carrier's size: surface that moves no further has not changed."""
    sure_px: float
    """Of the same size: what moves further has changed however even it is."""
    detail: Float[Tensor, "3 _ _"]
    """The photo, at the size at which frames are looked at."""
    behind: Float[Tensor, "3 h w"]
    """The photo without arms, if they are a layer of their own."""
    is_mouth: Bool[Tensor, " f"]
    """Lips and what is between them."""
    eyes: tuple[Eye, ...]

    def changed(self, t: int, poll: Poll = lambda: None) -> Bool[Tensor, "h w"]:
        """Which pixels of frame `t` show something else after. `poll` is called between the steps.

        Raises:
            InputError: see `posed.pose_body`.
        """
        scene = self.carrier.scene
        frames = []
        for motion in (self.before, self.after):
            frames.append(pose_frame(scene, motion, t))
            poll()
        before, after = frames
        places = [project(frame.vertices, scene.camera)[0] for frame in frames]
        shift = places[1] - places[0]
        moves = shift.norm(dim=-1) > self.threshold_px
        changed = torch.zeros(scene.size, dtype=torch.bool, device=shift.device)
        if not moves.any():
            return changed
        for frame, sign in ((before, -1), (after, 1)):
            # What the other frame shows at the same place.
            other = frame.in_photo.pixels + sign * (moved := frame.at(shift))
            seen = self._seen_to_move(moved, frame.in_photo.pixels, other, self.detail)
            changed |= frame.picture(seen[:, None])[0]
        changed |= self._mouth(before, after, changed)
        surfaces = [own_surface(self.carrier, frame) for frame in frames]
        poll()
        body = self._flows(self.carrier.body, *surfaces)
        self._take_along(changed, self.carrier.body, body, before, after)
        poll()
        if self.carrier.limbs is not None:
            limbs = self._flows(self.carrier.limbs, *surfaces)
            self._take_along(changed, self.carrier.limbs, limbs, before, after)
            changed |= self._let_go(self.carrier.limbs, limbs, body)
            poll()
        return changed | self._lids(before, after)

    def _seen_to_move(
        self,
        shift: Float[Tensor, "n 2"],
        here: Float[Tensor, "n 2"],
        other: Float[Tensor, "n 2"],
        photo: Float[Tensor, "3 _ _"],
    ) -> Bool[Tensor, " n"]:
        """Whether one sees a movement by `shift` after which `other` places of the photo are shown."""
        moved_px = shift.norm(dim=-1)
        scale = shift.new_tensor([photo.shape[-1], photo.shape[-2]]) / shift.new_tensor(self.carrier.scene.size[::-1])
        colours = (sample(photo, place * scale, "bilinear") for place in (here, other))
        change = (next(colours) - next(colours)).abs().amax(-1)
        return (moved_px > self.threshold_px) & (change > VISIBLE) | (moved_px > self.sure_px)

    def _mouth(self, before: PosedFrame, after: PosedFrame, changed: Bool[Tensor, "h w"]) -> Bool[Tensor, "h w"]:
        """The mouth's inside, which is lit through the lips, where it or they have moved."""
        if not (changed & (before.shows(self.is_mouth) | after.shows(self.is_mouth))).any():
            return torch.zeros_like(changed)
        return before.shows(self.carrier.is_inner) | after.shows(self.carrier.is_inner)

    def _flows(self, layer: Layer, before: Surface, after: Surface) -> Flows:
        """Where the warp takes a layer from."""
        grid = self.carrier.grid
        fields, follows = [], torch.zeros(grid.shape, device=self.behind.device)
        for surface in (before, after):
            rows = layer.is_own.index_select(0, surface.frame.face_id).nonzero()[:, 0]
            weight = surface.weight.index_select(0, rows)[:, None]
            values = torch.cat((surface.flow.index_select(0, rows) * weight, weight), -1)
            total = grid.gather(values, surface.frame.pixels.index_select(0, rows))
            field = extend(total[:2], total[2], surface.ramp)
            fields.append(field.values)
            follows = follows.maximum(1 - field.trust * total[2])
        return Flows(before=fields[0], after=fields[1], follows=follows)

    def _take_along(
        self, changed: Bool[Tensor, "h w"], layer: Layer, flows: Flows, before: PosedFrame, after: PosedFrame
    ) -> None:
        """Add what the warp takes from elsewhere in the photo, though it is not the surface that is there.

        That is what is not in the mesh, and surface near its edge or hidden in the photo: both follow what is around.
        """
        carrier, grid = self.carrier, self.carrier.grid
        shift = (flows.after - flows.before) * flows.follows
        moves = box_max((shift.norm(dim=0) > self.threshold_px)[None].float(), (1, 1), (1, 1))[0] > 0
        if not moves.any():
            return
        hidden = self._hidden_by_limbs(before, after) & (layer is not carrier.limbs)
        pixels = (grid.nearest(moves) & ~changed & ~hidden).flatten().nonzero()[:, 0]
        at = carrier.centres.index_select(0, pixels)
        shift, flow = grid.at(torch.cat((shift, flows.before)), at).split(2, -1)
        here, other = at + flow, at + flow + shift
        shown = layer.picture[:4].abs().amax(0, keepdim=True)
        shows_person = sum(sample(shown, place, "bilinear")[:, 0] for place in (here, other)) > VISIBLE
        photo = self.detail if layer is carrier.limbs or carrier.limbs is None else self.behind
        changed.view(-1)[pixels[shows_person & self._seen_to_move(shift, here, other, photo)]] = True

    def _let_go(self, layer: Layer, limbs: Flows, body: Flows) -> Bool[Tensor, "h w"]:
        """What may be the arms' or the body's, and follows the other once they move apart."""
        grid = self.carrier.grid
        apart = [(one - other).norm(dim=0) for one, other in ((limbs.before, body.before), (limbs.after, body.after))]
        left, right = (smoothstep(gap / (APART * min(self.carrier.scene.size))) for gap in apart)
        places = grid.centres(left.device) + limbs.before.movedim(0, -1)
        unsure = grid.at(grid.pool_max((layer.picture[3:4] - layer.picture[4:5]).clamp(min=0)), places)[..., 0]
        return grid.nearest((left - right).abs() * unsure > LET_GO)

    def _hidden_by_limbs(self, before: PosedFrame, after: PosedFrame) -> Bool[Tensor, "h w"]:
        """Where arms or hands are in front both times."""
        if self.carrier.limbs is None:
            return torch.zeros(self.carrier.scene.size, dtype=torch.bool, device=before.vertices.device)
        return before.shows(self.carrier.limbs.is_own) & after.shows(self.carrier.limbs.is_own)

    def _lids(self, before: PosedFrame, after: PosedFrame) -> Bool[Tensor, "h w"]:
        """The skin around eyes that open or close."""
        found = torch.zeros(self.carrier.scene.size, dtype=torch.bool, device=before.vertices.device)
        for eye in self.eyes:
            shown = [int(frame.shows(eye.is_ball).sum()) for frame in (before, after)]
            if abs(shown[1] - shown[0]) <= LIDS_MOVED * eye.opening_px:
                continue
            for frame in (before, after):
                found |= frame.picture(sample(eye.region, frame.in_photo.pixels, "bilinear") > 0)[0]
        return found


def open_changes(
    fit: BodyFit,
    before: Motion,
    after: Motion,
    size: tuple[int, int],
    *,
    picture_size: tuple[int, int],
    threshold_px: float,
    backend: str,
    poll: Poll = lambda: None,
) -> ChangeFinder:
    """Prepare a photo. `poll` is called between the steps.

    Args:
        size: (h, w) at which frames are compared.
        picture_size: (h, w) at which they are looked at.
        threshold_px: surface that moves no further has not changed; see `REFERENCE_SIDE`.

    Raises:
        InputError: see `scene.open_scene`, for both motions.
    """
    scene = open_scene(fit, before, size, backend=backend)
    poll()
    reference = reference_frame(scene)
    parts = torch.tensor([PART_INDEX[name] for name in ("lips", "mouth_cavity", "teeth", "tongue")])
    eyes = []
    for side in EYES:
        is_ball = eyeball(fit.model, side)
        seen = reference.shows(is_ball)
        if seen.any():
            eyes.append(Eye(is_ball=is_ball, opening_px=int(seen.sum()), region=_eye_region(seen)))
    carrier = open_carrier(scene, poll)
    colour, matte = carrier.body.picture.split((3, 1))
    return ChangeFinder(
        carrier=carrier,
        before=before,
        after=after,
        threshold_px=threshold_px * min(size) / REFERENCE_SIDE,
        sure_px=SURE_PX * min(size) / REFERENCE_SIDE,
        detail=resize(fit.image, _at_most(picture_size)),
        behind=colour + (1 - matte) * carrier.backdrop,
        is_mouth=torch.isin(fit.model.face_parts, parts.to(fit.model.face_parts)),
        eyes=tuple(eyes),
    )


def _at_most(size: tuple[int, int]) -> tuple[int, int]:
    """The size, or that with the shorter side of the reference if it is larger."""
    scale = min(1.0, REFERENCE_SIDE / min(size))
    return round(size[0] * scale), round(size[1] * scale)


def _eye_region(seen: Bool[Tensor, "h w"]) -> Float[Tensor, "1 h w"]:
    height = int(seen.any(1).sum())
    above, below, aside = (ceil(share * height) for share in EYE_REGION)
    # Each pixel looks up as far as the region reaches below the eye.
    return box_max(seen[None].float(), (below, above), (aside, aside))
