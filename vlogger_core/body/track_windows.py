"""Solves a clip of any length in runs of frames that overlap."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from .landmarks import PhotoLandmarks
from .track_arms import place_arms
from .track_energy import Poses
from .track_faces import place_faces
from .track_person import Person
from .track_solver import solve
from .track_targets import Apertures, ClipTargets

WINDOW, OVERLAP = 96, 16
"""Frames that are solved at once, and how many of them are solved again with what follows."""


def solve_windows(
    person: Person,
    apertures: Apertures,
    frames: Iterator[PhotoLandmarks],
    stand_in: PhotoLandmarks,
    tick: Callable[[], None],
    *,
    window: int = WINDOW,
    overlap: int = OVERLAP,
) -> Iterator[tuple[Poses, ClipTargets, int]]:
    """Windows of solved frames with their targets, and how many of their first frames are final.

    Each goes on from the last two final frames of the one before, the first from the reference, and its last `overlap`
    frames are solved again, knowing what follows. So no seam shows.

    Args:
        frames: those after the reference.
        stand_in: a frame with the face, before them.
        tick: called before each evaluation of the energy.
    """
    model_weight = person.energy.photo.body.model.face_landmark_weight
    before, again = person.reference, None
    pending: list[PhotoLandmarks] = []
    while pending := [*pending, *islice(frames, window - len(pending))]:
        targets = ClipTargets.build(pending, model_weight, apertures, stand_in)
        start = place_faces(person.energy, targets, before)
        start = place_arms(person.energy, targets, start, before[-1:], tick)
        if again is not None:
            start = again.then(start[len(again) :])
        poses = solve(person.energy, targets, start, before, tick)
        count = window - overlap if len(pending) == window else len(pending)
        yield poses, targets, count
        seen = [points for points in pending[:count] if points.face[:, 2].any()]
        stand_in = seen[-1] if seen else stand_in
        before = before.then(poses[:count])[-2:]
        pending, again = pending[count:], poses[count:]
