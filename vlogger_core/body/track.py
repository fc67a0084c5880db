"""The body in every frame of a clip.

One shape and one camera for the clip; poses and expressions "minimising the projection error and the temporal
difference between consecutive frames" (paper, section 3.1). Beside the detected points, whose errors change as a
person speaks, the picture's own patches are followed from the reference frame (`follow`, `track_surface`), which holds
head and trunk where they are to a fraction of a pixel. Frames stream through windows that overlap, each of which
goes on from the last two frames of the one before, so that memory grows only by the motion.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain, islice
from operator import length_hint

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..clock import as_fps
from ..datatypes import BodyFit, Motion
from ..errors import InputError
from ..progress import Progress, silent
from ..render.raster import rasterise
from ..threads import one_thread
from .detect_clip import with_landmarks
from .fitter import FitSteps, fit_photo
from .follow import Follower
from .landmarks import PhotoLandmarks
from .matte import person_matte
from .protocol import BodyModel
from .track_arms import place_arms
from .track_faces import place_faces
from .track_motion import PARTS, MotionParts, confidences, pelvis_of, to_fit
from .track_person import Person, find_person, key_frames
from .track_solver import solve
from .track_surface import Surface, find_surface
from .track_targets import Apertures, ClipTargets
from .track_windows import solve_windows

FIRST_FRAMES = 256
"""Frames with a face, from the first on, that the person's shape is taken from."""
SETTLING = 12
"""Frames at the start with which the reference frame is solved."""
REFERENCE_STEPS = FitSteps(head=20, trunk=40, arms=45, all=30)
_FIT_SHARE, _SOLVE_SHARE = 60, 3
"""What the reference frame and a solved frame count in progress; a frame that was looked at counts 1."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Track:
    """One person followed through a clip."""

    fit: BodyFit
    """The reference frame: its picture, mask, pose and expression; the clip's shape and camera."""
    motion: Motion
    """Residuals over `fit`, one for each frame of the clip; `expression.pose_at` gives the tracked poses."""
    confidence: Mapping[str, Float[Tensor, " t"]]
    """0 to 1 for each of face, torso, left_hand, right_hand: how much each frame told about it."""
    missing: Bool[Tensor, " t"]
    """Frames in which the face was not seen: there the motion is bridged."""
    reference_frame: int
    """The frame that `fit` shows: 0, or the first with a face."""


def track_clip(
    frames: Iterable[Float[Tensor, "3 h w"]],
    *,
    fps: Fraction,
    model: BodyModel,
    landmarks: Iterable[PhotoLandmarks] | None = None,
    mask: Float[Tensor, "mask_h mask_w"] | None = None,
    fov_deg: float | None = None,
    watch: Callable[[int, BodyFit], None] | None = None,
    progress: Progress = silent,
) -> Track:
    """Follow one person through a clip of one shot. The same input gives the same track.

    The work is done on the CPU, whatever device the model is on. Frames are read once, in order.

    Args:
        frames: sRGB, 0 to 1, all of one size.
        fps: of the clip.
        landmarks: of each frame, as `detect_clip.clip_landmarks` gives them; of the largest face by default.
        mask: matte of the reference frame, 0 to 1, as large as the frames; made if not given.
        fov_deg: the diagonal field of view where it is known; else it is estimated.
        watch: called now and then with the number of a solved frame and the body in it.
        progress: called before each look at a frame and each evaluation; what it raises ends the work.

    Raises:
        InputError: if no frame shows a face, the frames are cut or of several sizes, or their landmarks are not as
            many, or the reference frame cannot be fitted.
    """
    fps = as_fps(fps)
    report = _Report(progress, length_hint(frames))
    # ComfyUI calls nodes in inference mode, whose tensors no gradient can pass.
    with torch.inference_mode(False), torch.enable_grad(), one_thread():
        stream = with_landmarks(frames, landmarks, progress=report.tick)
        return _Tracker(model.to("cpu"), fps, mask, fov_deg, watch, report).run(stream)


def lift_keypoints(
    frames: Iterable[PhotoLandmarks],
    *,
    fps: Fraction,
    model: BodyModel,
    fov_deg: float | None = None,
    progress: Progress = silent,
) -> Track:
    """The body behind the keypoints of a clip without its pictures, such as DWPose's.

    As `track_clip`; the picture of the track's fit is grey and its mask full. The motion drives any other fit.

    Raises:
        InputError: if no frame shows a face, or the first that does cannot be fitted.
    """
    fps = as_fps(fps)
    report = _Report(progress, length_hint(frames))
    first = next(iterator := iter(frames), None)
    if first is None:
        raise InputError("The keypoints hold no frames.")
    with torch.inference_mode(False), torch.enable_grad(), one_thread():
        grey = torch.full((3, first.height, first.width), 0.5)
        stream = ((grey, points) for points in chain([first], iterator))
        mask = torch.ones(first.height, first.width)
        return _Tracker(model.to("cpu"), fps, mask, fov_deg, None, report).run(stream)


class _Report:
    """Progress over frames that are looked at and frames that are solved."""

    def __init__(self, progress: Progress, num_frames: int) -> None:
        self._progress, self._done = progress, 0
        self._total = _FIT_SHARE + (1 + _SOLVE_SHARE) * num_frames

    def tick(self, *_: int) -> None:
        self._progress(self._done, max(self._total, self._done + 1))

    def add(self, share: int) -> None:
        self._done += share
        self.tick()

    def finish(self) -> None:
        self._progress(self._done, self._done)


class _Tracker:
    """The state of one call of `track_clip`."""

    def __init__(
        self,
        model: BodyModel,
        fps: Fraction,
        mask: Tensor | None,
        fov_deg: float | None,
        watch: Callable[[int, BodyFit], None] | None,
        report: _Report,
    ) -> None:
        self.model, self.fps, self.mask, self.fov_deg = model, fps, mask, fov_deg
        self.watch, self.report = watch, report

    def run(self, stream: Iterator[tuple[Tensor, PhotoLandmarks]]) -> Track:
        blank: list[PhotoLandmarks] = []
        for image, points in self._counted(stream):  # noqa: B007
            if points.face[:, 2].any():
                break
            blank.append(points)
        else:
            if not blank:
                raise InputError("The clip holds no frames.")
            raise InputError(
                f"No face was found in any of the {len(blank)} frames. Use a clip of a person who shows the whole "
                "face, upright, not turned more than 60 degrees, or wire landmarks in."
            )
        if blank:
            _log.warning("The face is first seen in frame %d: the body stands still before it.", len(blank))
        follower = Follower(image)
        points = replace(points, followed=follower.start)
        latest = [image]
        following = self._latest(stream, follower, latest)
        first = [points, *islice(following, FIRST_FRAMES - 1)]
        person, apertures = self._person(image.detach().cpu().float().clone(), first)
        reference = person.reference
        fit = self._reference_fit(person, apertures, image, points)
        self.report.add(_FIT_SHARE)

        parts = MotionParts(person)
        for one in blank:
            parts.add(reference, confidences(person.energy, reference, self._targets([one], apertures, points)), [True])
        first_targets = self._targets([points], apertures, points)
        parts.add(reference, confidences(person.energy, reference, first_targets), [False])
        windows = solve_windows(person, apertures, chain(first[1:], following), points, self.report.tick)
        for poses, targets, count in windows:
            told = confidences(person.energy, poses, targets)
            parts.add(poses[:count], {name: told[name][:count] for name in PARTS}, list(targets.missing[:count]))
            self.report.add(_SOLVE_SHARE * count)
            if self.watch is not None and latest:
                self.watch(parts.num_frames - 1, to_fit(fit, person, poses[count - 1 : count], latest[0]))
        self.report.finish()
        motion, confidence, missing = parts.finish(self.fps)
        _report_missing(missing, self.fps)
        return Track(fit=fit, motion=motion, confidence=confidence, missing=missing, reference_frame=len(blank))

    def _counted(self, stream: Iterator[tuple[Tensor, PhotoLandmarks]]) -> Iterator[tuple[Tensor, PhotoLandmarks]]:
        for pair in stream:
            self.report.add(1)
            yield pair

    def _latest(
        self, stream: Iterator[tuple[Tensor, PhotoLandmarks]], follower: Follower, latest: list[Tensor]
    ) -> Iterator[PhotoLandmarks]:
        """The landmarks alone; `latest` holds the picture of the last of them."""
        for image, points in self._counted(stream):
            latest[0] = image
            yield replace(points, followed=follower.follow(image))

    def _targets(self, frames: list[PhotoLandmarks], apertures: Apertures, stand_in: PhotoLandmarks) -> ClipTargets:
        return ClipTargets.build(frames, self.model.face_landmark_weight, apertures, stand_in)

    def _person(self, image: Tensor, first: list[PhotoLandmarks]) -> tuple[Person, Apertures]:
        """Shape, camera and reference frame from the first frames, the reference foremost."""
        height, width = image.shape[-2:]
        fit = fit_photo(
            image,
            model=self.model,
            landmarks=first[0],
            mask=torch.ones(height, width),
            fov_deg=self.fov_deg,
            steps=REFERENCE_STEPS,
            progress=self.report.tick,
        )
        seen = [points for points in first if points.face[:, 2].any()]
        apertures = Apertures.build(seen)
        person = find_person(
            fit,
            [seen[i] for i in key_frames(seen)],
            apertures,
            fps=float(self.fps),
            fov_deg=self.fov_deg,
            arms=any(_shows_arms(points) for points in first),
            tick=self.report.tick,
        )
        person = self._settled(person, first[:SETTLING], apertures)
        return person.on_surface(self._surface(person, first[0]), self.model), apertures

    def _surface(self, person: Person, points: PhotoLandmarks) -> Surface | None:
        """What of the person lies under the points that are followed from the reference frame."""
        pelvis, expression = pelvis_of(person.energy, person.reference), person.energy.absolute(person.reference)
        with torch.no_grad():
            rest = self.model.rest(person.energy.shape)
            posed = self.model.pose(rest, person.reference.joint_rotvec, pelvis, expression)
        return find_surface(self.model, posed, person.energy.camera, points.followed)

    def _settled(self, person: Person, first: list[PhotoLandmarks], apertures: Apertures) -> Person:
        """The person with the reference frame solved as all others are, together with some that follow it."""
        targets = self._targets(first, apertures, first[0])
        start = place_faces(person.energy, targets, person.reference)
        start = place_arms(person.energy, targets, start, person.reference, self.report.tick)
        solved = solve(person.energy, targets, person.reference.then(start[1:]), None, self.report.tick)[:1]
        return person.with_reference(solved)

    def _reference_fit(self, person: Person, apertures: Apertures, image: Tensor, points: PhotoLandmarks) -> BodyFit:
        """The reference frame as a fit."""
        image = image.detach().cpu().float().clone()
        blank = BodyFit(
            model=self.model,
            shape=person.energy.shape,
            joint_rotvec=torch.zeros(55, 3),
            translation=torch.zeros(3),
            expression=person.energy.reference,
            camera=person.energy.camera,
            image=image,
            mask=torch.ones(image.shape[-2:]) if self.mask is None else self.mask.detach().cpu().float().clone(),
        )
        fit = to_fit(blank, person, person.reference, image)
        told = confidences(person.energy, person.reference, self._targets([points], apertures, points))
        fit = replace(fit, confidence={name: float(told[name][0]) for name in PARTS})
        if self.mask is not None:
            return fit
        with torch.no_grad():
            rest = self.model.rest(fit.shape)
            posed = self.model.pose(rest, fit.joint_rotvec[None], fit.translation[None], fit.expression[None])
            silhouette = rasterise(posed.vertices[0], self.model.faces, person.energy.camera).covered.float()
        return replace(fit, mask=person_matte(image, points, silhouette, progress=self.report.tick))


def _shows_arms(points: PhotoLandmarks) -> bool:
    """Whether an elbow, a wrist or a hand is seen."""
    return bool(points.body[7:11, 2].max() > 0.3 or points.left_hand[:, 2].any() or points.right_hand[:, 2].any())


def _report_missing(missing: Bool[Tensor, " t"], fps: Fraction) -> None:
    if not missing.any():
        return
    first = int(missing.nonzero()[0])
    _log.warning(
        "The face is not seen in %d of %d frames, first in frame %d (%.2f s): there the motion is bridged.",
        int(missing.sum()),
        len(missing),
        first,
        first / float(fps),
    )
