"""What a track compares with the frames of a clip: the points of many frames as one batch of weighted targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from .fit_targets import FitTargets, PointGroup
from .landmarks import LEFT_IRIS, RIGHT_IRIS, PhotoLandmarks
from .track_surface import Surface

FACE_RHO = 0.3
"""Where the robust error of a face point levels off, as a share of the eye distance: a mouth opens that far in one
frame, and what follows a face through a clip rarely errs in single points."""
LID_PAIRS = ((159, 145), (158, 153), (160, 144)), ((386, 374), (385, 380), (387, 373))
"""Upper and lower points of the right and the left lids."""
LIP_PAIRS = ((13, 14), (81, 178), (311, 402))
GAP_SIGMA = 0.01
"""Noise of the distance between two lids or lips, as a share of the eye distance: less than that of their places."""
LID_CLOSED = 0.035
"""Distance that MediaPipe leaves between the lids of a closed eye, as a share of the eye distance."""
MAX_CLOSED_LIPS = 0.06
"""Closed lips are not further apart than this share of the eye distance."""
_NUM_LIDS = len(LID_PAIRS[0]) + len(LID_PAIRS[1])
IRIS_HIDDEN, IRIS_SEEN = 0.6, 0.85
"""Shares of the open eye at which the detector's iris says nothing and at which it counts fully."""
_IRIS_WEIGHT = 3.0
"""Few points tell the gaze, but precisely."""
SLIDES = 0.9
"""How much of what all face points err by together is the detector's, where all followed points are seen."""
CHIN, CHIN_WEIGHT = (152, 148, 377, 176, 400, 175, 171, 396, 199, 208, 428), 3.0
"""Points that only the jaw moves: lips part without it."""


@dataclass(frozen=True, kw_only=True)
class ClipPoints:
    """A `PointGroup` for each frame."""

    xy: Float[Tensor, "t n 2"]
    weight: Float[Tensor, "t n"]
    sigma: Float[Tensor, "t n"]
    rho: Float[Tensor, "t 1"]

    @staticmethod
    def build(groups: Sequence[PointGroup]) -> ClipPoints:
        return ClipPoints(
            xy=torch.stack([group.xy for group in groups]),
            weight=torch.stack([group.weight for group in groups]),
            sigma=torch.stack([group.sigma for group in groups]),
            rho=torch.tensor([[group.rho] for group in groups]),
        )

    @property
    def seen(self) -> bool:
        """Whether any point is."""
        return bool(self.weight.any())

    def each(self, points: Float[Tensor, "t n 2"]) -> Float[Tensor, "t n"]:
        """Geman-McClure on the distance, as `PointGroup.cost`."""
        squared = (points - self.xy).square().sum(-1)
        robust = squared / (1 + squared / self.rho.square())
        return self.weight * robust / (2 * self.sigma.square())

    def cost(self, points: Float[Tensor, "t n 2"]) -> Float[Tensor, " t"]:
        """The sum of `each`."""
        return self.each(points).sum(1)


@dataclass(frozen=True, kw_only=True)
class Gaps:
    """How far lids and lips are apart, in pixels."""

    upper: tuple[int, ...]
    lower: tuple[int, ...]
    size: Float[Tensor, "t n"]
    weight: Float[Tensor, "t n"]
    sigma: Float[Tensor, "t 1"]

    def measure(self, face: Float[Tensor, "t 478 2"]) -> Float[Tensor, "t n"]:
        """Pixels between the lids and lips of a face."""
        return _gap(face, self.upper, self.lower)

    def cost(self, face: Float[Tensor, "t 478 2"]) -> Float[Tensor, " t"]:
        z = (self.measure(face) - self.size) / self.sigma
        return (self.weight * 4 * ((1 + z.square() / 4).sqrt() - 1)).sum(1)


@dataclass(frozen=True, kw_only=True)
class ClipTargets:
    """All points of a run of frames."""

    face: ClipPoints
    gaps: Gaps
    body: ClipPoints
    left_hand: ClipPoints
    right_hand: ClipPoints
    followed: Float[Tensor, "t n 3"]
    """`PhotoLandmarks.followed`; no points unless all frames have them."""
    frames: tuple[FitTargets, ...]
    """The same, frame by frame."""
    missing: tuple[bool, ...]
    """Frames without a face."""
    lids_open: Float[Tensor, "t 2"]
    """Of the right and the left eye, as a share of the open eye; about 1 where nothing is seen."""
    lips_open: Float[Tensor, " t"]
    """As a share of the eye distance."""

    def unslid(
        self, face: Float[Tensor, "n 478 2"], surface: Surface | None, t: int | None = None
    ) -> Float[Tensor, "n 478 2"]:
        """Points of faces without most of what they are all away from the detected ones.

        A detector's face slides over the skin as it speaks, by more than what followed points err.

        Args:
            t: the frame that all faces are compared with; None for one face a frame.
        """
        if surface is None or not self.followed.numel():
            return face
        frames = slice(None) if t is None else slice(t, t + 1)
        weight = self.face.weight[frames, :, None]
        away = (weight * (face - self.face.xy[frames])).sum(1, keepdim=True) / weight.sum(1, keepdim=True).clamp(
            min=1e-6
        )
        seen = self.followed[frames][:, surface.chosen, 2] @ surface.weight / surface.weight.sum()
        return face - SLIDES * seen[:, None, None] * away

    def on(self, surface: Surface) -> ClipPoints:
        """The followed points that lie on a surface."""
        xy, seen = self.followed[:, surface.chosen].split((2, 1), -1)
        weight = surface.weight * seen[..., 0]
        return ClipPoints(
            xy=xy,
            weight=weight,
            sigma=torch.full_like(weight, surface.sigma),
            rho=torch.full_like(weight[:, :1], surface.rho),
        )

    @property
    def seen(self) -> Bool[Tensor, " t"]:
        """Frames with a face."""
        return ~torch.tensor(self.missing)

    @staticmethod
    def build(
        frames: Sequence[PhotoLandmarks],
        model_weight: Float[Tensor, "478"],
        apertures: Apertures,
        stand_in: PhotoLandmarks,
    ) -> ClipTargets:
        """The targets of some frames.

        Args:
            stand_in: a frame with the face, whose eye distance counts until one of `frames` shows it.
        """
        missing = [not bool(frame.face[:, 2].any()) for frame in frames]
        targets = [FitTargets.build(frame, model_weight) for frame in _filled(frames, missing, stand_in)]
        face = ClipPoints.build([one.face for one in targets])
        eye = torch.tensor([[one.eye_distance] for one in targets])
        pairs = (*LID_PAIRS[0], *LID_PAIRS[1], *LIP_PAIRS)
        upper, lower = tuple(a for a, _ in pairs), tuple(b for _, b in pairs)
        confidence = torch.stack([frame.face[:, 2] for frame in frames])
        size = apertures.stretched(_gap(face.xy, upper, lower), eye)
        weight = torch.minimum(confidence[:, upper], confidence[:, lower])
        lids_open = apertures.lids_open(size, weight, eye)
        irises = ((lids_open - IRIS_HIDDEN) / (IRIS_SEEN - IRIS_HIDDEN)).clamp(0, 1)
        face.weight[:, list(CHIN)] *= CHIN_WEIGHT
        # Where lids come down over an iris the detector guesses, always downwards.
        face.weight[:, RIGHT_IRIS:] *= _IRIS_WEIGHT * irises.repeat_interleave(LEFT_IRIS - RIGHT_IRIS, 1)
        return ClipTargets(
            face=replace(face, rho=FACE_RHO * eye),
            gaps=Gaps(
                upper=upper,
                lower=lower,
                size=size,
                weight=weight,
                sigma=GAP_SIGMA * eye,
            ),
            body=ClipPoints.build([one.body for one in targets]),
            left_hand=ClipPoints.build([one.left_hand for one in targets]),
            right_hand=ClipPoints.build([one.right_hand for one in targets]),
            followed=_together([frame.followed for frame in frames]),
            frames=tuple(targets),
            missing=tuple(missing),
            lids_open=lids_open,
            lips_open=(size[:, _NUM_LIDS:] / eye).mean(1),
        )


@dataclass(frozen=True, kw_only=True)
class Apertures:
    """How far apart a detector sees the lids of a person's open eyes and the lips of the closed mouth.

    As shares of the eye distance.
    """

    open_lids: Float[Tensor, "6"]
    """In the order of `LID_PAIRS`."""
    closed_lips: Float[Tensor, "3"]
    """In the order of `LIP_PAIRS`."""

    @staticmethod
    def build(frames: Sequence[PhotoLandmarks]) -> Apertures:
        """From frames that show the eyes open for some of the time."""
        pairs = (*LID_PAIRS[0], *LID_PAIRS[1], *LIP_PAIRS)
        upper, lower = tuple(a for a, _ in pairs), tuple(b for _, b in pairs)
        seen = [frame for frame in frames if frame.face[:, 2].any()]
        shares = torch.stack([_gap(one.face[None, :, :2], upper, lower)[0] / one.eye_distance for one in seen])
        lids, lips = shares[:, :_NUM_LIDS], shares[:, _NUM_LIDS:]
        closed = lips.quantile(0.05, dim=0)
        # A mouth that is never closed says nothing about closed lips.
        return Apertures(
            open_lids=lids.quantile(0.7, dim=0), closed_lips=torch.where(closed < MAX_CLOSED_LIPS, closed, 0.0)
        )

    def stretched(self, gaps: Float[Tensor, "t n"], eye: Float[Tensor, "t 1"]) -> Float[Tensor, "t n"]:
        """Distances with `LID_CLOSED` and the closed lips carried to 0, and the open eye left as it is."""
        floor, whole = LID_CLOSED * eye, self.open_lids * eye
        room = (whole - floor).clamp(min=0.02 * eye)
        lids = (gaps[:, :_NUM_LIDS] - floor) * whole.clamp(min=0.05 * eye) / room
        return torch.cat((lids, gaps[:, _NUM_LIDS:] - self.closed_lips * eye), 1).clamp(min=0)

    def lids_open(
        self, sizes: Float[Tensor, "t n"], weight: Float[Tensor, "t n"], eye: Float[Tensor, "t 1"]
    ) -> Float[Tensor, "t 2"]:
        """`ClipTargets.lids_open` of distances that were `stretched`, some of which count more."""
        share = sizes[:, :_NUM_LIDS] / (self.open_lids * eye).clamp(min=0.02 * eye)
        share, weight = (one.unflatten(1, (2, -1)) for one in (share, weight[:, :_NUM_LIDS]))
        total = weight.sum(2)
        return torch.where(total > 0, (weight * share).sum(2) / total.clamp(min=1e-6), 1.0)


def _gap(face: Float[Tensor, "t 478 2"], upper: tuple[int, ...], lower: tuple[int, ...]) -> Float[Tensor, "t n"]:
    """Distances from upper to lower points, negative where they have passed each other."""
    across = face[:, 263] - face[:, 33]
    down = torch.stack((-across[:, 1], across[:, 0]), -1)
    down = torch.nn.functional.normalize(down, dim=-1)
    return ((face[:, list(lower)] - face[:, list(upper)]) * down[:, None]).sum(-1)


def _together(followed: Sequence[Float[Tensor, "n 3"]]) -> Float[Tensor, "t n 3"]:
    if len({len(points) for points in followed}) > 1:
        return torch.zeros(len(followed), 0, 3)
    return torch.stack(list(followed))


def _filled(
    frames: Sequence[PhotoLandmarks], missing: Sequence[bool], stand_in: PhotoLandmarks
) -> list[PhotoLandmarks]:
    """The frames with unseen faces where the last one was, still unseen."""
    filled, last = [], stand_in
    for frame, is_missing in zip(frames, missing):
        last = last if is_missing else frame
        filled.append(replace(frame, face=last.face * torch.tensor([1.0, 1.0, 0.0])) if is_missing else frame)
    return filled
