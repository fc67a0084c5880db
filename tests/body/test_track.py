"""`track`: a known moving person is found again; missing frames are bridged; bad clips are refused."""

import gc
import weakref
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import pytest
import roma
import torch
from moving_person import SIZE, MovingPerson, moving_person, without_face

from vlogger_core.body.anny_model import AnnyBody, load_anny
from vlogger_core.body.expression import pose_at
from vlogger_core.body.track import Track, lift_keypoints, track_clip
from vlogger_core.datatypes import BodyFit
from vlogger_core.errors import InputError
from vlogger_core.names import EXPRESSION_INDEX, JOINT_INDEX
from vlogger_core.rotation import rotvec_to_rotmat

FPS = Fraction(25)
MISSING = range(22, 26)
BLINKS = (8, 30)


@pytest.fixture(scope="module")
def anny() -> AnnyBody:
    return load_anny()


@pytest.fixture(scope="module")
def person(anny: AnnyBody) -> MovingPerson:
    return moving_person(anny, 40, blinks=BLINKS)


class Frames:
    """Pictures that count how many of them are alive."""

    def __init__(self, count: int) -> None:
        self.count, self.alive, self.most = count, 0, 0

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[torch.Tensor]:
        generator = torch.Generator().manual_seed(0)
        for _ in range(self.count):
            frame = torch.rand(3, SIZE, SIZE, generator=generator) * 0.1 + 0.4
            self.alive += 1
            weakref.finalize(frame, self._gone)
            gc.collect(0)
            self.most = max(self.most, self.alive)
            yield frame

    def _gone(self) -> None:
        self.alive -= 1


@pytest.fixture(scope="module")
def tracked(anny: AnnyBody, person: MovingPerson) -> tuple[Track, Frames, list[BodyFit]]:
    points = [without_face(one) if t in MISSING else one for t, one in enumerate(person.landmarks)]
    frames, watched = Frames(len(points)), []
    track = track_clip(
        frames,
        fps=FPS,
        model=anny,
        landmarks=iter(points),
        mask=torch.ones(SIZE, SIZE),
        watch=lambda index, fit: watched.append(fit),
    )
    return track, frames, watched


def head_rotation(joint_rotvec: torch.Tensor) -> torch.Tensor:
    rotation = torch.eye(3).expand(len(joint_rotvec), 3, 3)
    for name in ("pelvis", "spine1", "spine2", "spine3", "neck", "head"):
        rotation = rotation @ rotvec_to_rotmat(joint_rotvec[:, JOINT_INDEX[name]])
    return rotation


def channel(expression: torch.Tensor, name: str) -> torch.Tensor:
    return expression[:, EXPRESSION_INDEX[name]]


@pytest.mark.slow
def test_a_known_motion_is_found_again(tracked, person: MovingPerson):
    track = tracked[0]
    assert track.reference_frame == 0
    assert track.motion.num_frames == len(person.landmarks)
    pose, _, expression = pose_at(track.fit, track.motion, 0, track.motion.num_frames)
    found, truth = head_rotation(pose), head_rotation(person.joint_rotvec)
    # A constant tilt of the head is the shape's; what moves is the motion's.
    moved, true = found[0].mT @ found, truth[0].mT @ truth
    angle = roma.rotmat_to_rotvec(moved.mT @ true).norm(dim=1).rad2deg()
    assert angle.max() < 2
    jaw, true_jaw = channel(expression, "jawOpen"), channel(person.expression, "jawOpen")
    seen = torch.tensor([t not in MISSING for t in range(len(jaw))])
    assert (jaw - true_jaw)[seen].abs().max() < 0.05


@pytest.mark.slow
def test_blinks_are_kept(tracked):
    track = tracked[0]
    expression = pose_at(track.fit, track.motion, 0, track.motion.num_frames)[2]
    for side in ("Left", "Right"):
        lid = channel(expression, f"eyeBlink{side}")
        for start in BLINKS:
            assert lid[start + 1] > 0.8
            assert lid[start - 3 : start].max() < 0.15
            assert lid[start + 3 : start + 6].max() < 0.15


@pytest.mark.slow
def test_missing_frames_are_flagged_and_bridged(tracked):
    track = tracked[0]
    assert track.missing.nonzero().flatten().tolist() == list(MISSING)
    assert (track.confidence["face"][list(MISSING)] == 0).all()
    assert track.confidence["face"][10] > 0.9
    pose, translation, _ = pose_at(track.fit, track.motion, 0, track.motion.num_frames)
    turn = roma.rotmat_to_rotvec(head_rotation(pose)[:-1].mT @ head_rotation(pose)[1:]).norm(dim=1).rad2deg()
    assert turn[19:27].max() < 2.5
    assert translation.diff(dim=0)[19:27].norm(dim=1).max() < 0.01


@pytest.mark.slow
def test_the_motion_starts_at_the_reference_and_says_what_moves(tracked):
    track = tracked[0]
    motion = track.motion
    assert motion.fps == FPS
    assert {"pelvis", "spine1", "neck", "head", "left_collar"} <= set(motion.joint_names)
    assert not any("eye" in name or "knee" in name for name in motion.joint_names)
    torch.testing.assert_close(motion.joint_rotvec[0], torch.zeros_like(motion.joint_rotvec[0]), atol=1e-4, rtol=0)
    torch.testing.assert_close(motion.translation[0], torch.zeros(3), atol=1e-5, rtol=0)
    first = pose_at(track.fit, motion, 0, 1)[2][0]
    torch.testing.assert_close(first, track.fit.expression, atol=1e-4, rtol=0)


@pytest.mark.slow
def test_frames_are_not_kept(tracked):
    _, frames, watched = tracked
    assert frames.most <= 6
    assert watched
    assert watched[0].image.shape == (3, SIZE, SIZE)


@pytest.mark.slow
def test_lifted_keypoints_wave(anny: AnnyBody):
    truth = moving_person(anny, 20, arms=True, noise_px=0.3)
    blank = [without_face(truth.landmarks[0])] * 2
    track = lift_keypoints([*blank, *truth.landmarks], fps=FPS, model=anny)
    assert track.reference_frame == 2
    assert track.missing[:2].all()
    assert {"right_shoulder", "right_elbow", "right_wrist", "left_index1"} <= set(track.motion.joint_names)
    pose, translation, expression = pose_at(track.fit, track.motion, 2, 22)
    posed = anny.pose(anny.rest(track.fit.shape), pose, translation, expression)
    f_px, centre = track.fit.camera.f_px, SIZE / 2
    elbow = posed.joints[:, JOINT_INDEX["right_elbow"]]
    x = centre + f_px * elbow[:, 0] / -elbow[:, 2]
    y = centre - f_px * elbow[:, 1] / -elbow[:, 2]
    wanted = torch.stack([one.point("right_elbow") for one in truth.landmarks])
    seen = wanted[:, 2] > 0
    assert seen.any()
    error = (torch.stack((x, y), 1) - wanted[:, :2]).norm(dim=1)[seen]
    assert error.max() < 0.02 * SIZE * 2**0.5


def test_messages(anny: AnnyBody, person: MovingPerson):
    def track(count: int, points, **options) -> Track:
        return track_clip(Frames(count), fps=FPS, model=anny, landmarks=points, **options)

    lost = [without_face(one) for one in person.landmarks[:5]]
    with pytest.raises(InputError, match="No face was found in any of the 5 frames"):
        track(5, lost)
    with pytest.raises(InputError, match="The landmarks hold 5 frames, the clip more"):
        track(7, lost)
    with pytest.raises(InputError, match="The landmarks hold more frames than the clip, which has 3"):
        track(3, lost)
    with pytest.raises(InputError, match="The clip holds no frames"):
        track(0, [])
    with pytest.raises(InputError, match="The keypoints hold no frames"):
        lift_keypoints([], fps=FPS, model=anny)
    with pytest.raises(ValueError, match="fps must lie in 8 to 120"):
        track_clip([], fps=Fraction(500), model=anny)
    small = replace(person.landmarks[0], width=10, height=10)
    with pytest.raises(ValueError, match="landmarks must be those of the frames"):
        track(1, [small])


def test_a_track_is_cancelled(anny: AnnyBody, person: MovingPerson):
    class Cancelled(Exception):
        pass

    calls = 0

    def cancel(done: int, total: int) -> None:
        nonlocal calls
        calls += 1
        assert 0 <= done <= total
        if calls > 45:
            raise Cancelled

    with pytest.raises(Cancelled):
        track_clip(Frames(40), fps=FPS, model=anny, landmarks=person.landmarks, progress=cancel)
