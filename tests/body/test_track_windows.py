"""`track_windows` and the parts of a descent: no seam shows, and the coordinates are round."""

from itertools import chain

import pytest
import torch
from moving_person import MovingPerson, moving_person, without_face

from vlogger_core.body.anny_model import AnnyBody, load_anny
from vlogger_core.body.track_arms import _likeliest
from vlogger_core.body.track_descent import descend
from vlogger_core.body.track_energy import Poses, TrackEnergy, gaze_of, with_gaze
from vlogger_core.body.track_metric import whitening
from vlogger_core.body.track_person import Person, key_frames, start_person
from vlogger_core.body.track_targets import Apertures
from vlogger_core.body.track_windows import solve_windows
from vlogger_core.datatypes import BodyFit
from vlogger_core.names import EXPRESSION_INDEX


@pytest.fixture(scope="module")
def anny() -> AnnyBody:
    return load_anny()


@pytest.fixture(scope="module")
def moving(anny: AnnyBody) -> MovingPerson:
    return moving_person(anny, 32, blinks=(14,), noise_px=0.1)


@pytest.fixture(scope="module")
def person(anny: AnnyBody, moving: MovingPerson) -> Person:
    """The truth, as if a fit had found it."""
    fit = BodyFit(
        model=anny,
        shape=moving.shape,
        joint_rotvec=moving.joint_rotvec[0],
        translation=moving.translation[0],
        expression=moving.expression[0],
        camera=moving.camera,
        image=torch.zeros(3, 4, 4),
        mask=torch.ones(4, 4),
    )
    return start_person(fit, moving.landmarks[0], fps=25.0, fov_deg=None, arms=False)


def solved(person: Person, moving: MovingPerson, *, window: int, overlap: int) -> Poses:
    frames = iter(moving.landmarks[1:])
    apertures = Apertures.build(moving.landmarks)
    parts = solve_windows(person, apertures, frames, moving.landmarks[0], lambda: None, window=window, overlap=overlap)
    whole = person.reference
    for poses, targets, count in parts:
        assert len(poses) == len(targets.frames) <= window
        whole = whole.then(poses[:count])
    return whole


def points_on_screen(person: Person, poses: Poses) -> torch.Tensor:
    energy = person.energy
    with torch.no_grad():
        return energy.photo.pixels(energy.photo.body.face(energy.pose(poses)), energy.fov_deg)


@pytest.mark.slow
def test_windows_equal_the_whole(person: Person, moving: MovingPerson):
    whole = solved(person, moving, window=64, overlap=6)
    windowed = solved(person, moving, window=16, overlap=6)
    assert len(whole) == len(windowed) == len(moving.landmarks)
    a, b = person.energy.absolute(whole), person.energy.absolute(windowed)
    for name in ("jawOpen", "eyeBlinkLeft"):
        index = EXPRESSION_INDEX[name]
        assert (a[:, index] - b[:, index]).abs().max() < 0.04, name
    seam = (points_on_screen(person, whole) - points_on_screen(person, windowed)).diff(dim=0).norm(dim=-1).mean(1)
    assert seam.max() < 0.08


@pytest.mark.slow
def test_a_window_without_a_face_goes_on(person: Person, moving: MovingPerson):
    frames = chain(moving.landmarks[1:6], (without_face(one) for one in moving.landmarks[6:20]))
    apertures = Apertures.build(moving.landmarks)
    parts = solve_windows(person, apertures, frames, moving.landmarks[0], lambda: None, window=10, overlap=4)
    poses = [poses[:count] for poses, _, count in parts]
    whole = torch.cat([part.head for part in poses])
    assert len(whole) == 19
    assert torch.isfinite(whole).all()
    assert whole.diff(dim=0).norm(dim=1).max() < 0.01


def test_descent_finds_the_minimum_of_a_round_valley():
    target = torch.randn(5, 7, generator=torch.Generator().manual_seed(0))
    ticks = []
    found = descend(
        lambda x: ((x - target).square() + 0.1 * (x - target).square().square()).sum(),
        torch.zeros(5, 7),
        evaluations=60,
        tolerance=1e-9,
        tick=lambda: ticks.append(1),
    )
    torch.testing.assert_close(found, target, atol=1e-3, rtol=0)
    assert len(ticks) <= 60


def test_whitening_makes_a_curvature_the_identity():
    root = torch.randn(4, 6, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    scale = 10.0 ** torch.linspace(-3, 3, 6, dtype=torch.float64)
    curvature = (root @ root.mT + torch.eye(6)) * scale[:, None] * scale
    white = whitening(curvature)
    torch.testing.assert_close(
        white.mT @ curvature @ white, torch.eye(6, dtype=torch.float64).expand(4, 6, 6), atol=1e-3, rtol=0
    )


def test_gaze_goes_there_and_back():
    gaze = torch.rand(6, 4, generator=torch.Generator().manual_seed(0)) * 2 - 1
    expression = with_gaze(torch.zeros(6, 52), gaze)
    torch.testing.assert_close(gaze_of(expression), gaze)
    assert expression.min() >= 0


def test_expressions_go_there_and_back(person: Person):
    energy: TrackEnergy = person.energy
    wanted = torch.zeros(3, 52)
    wanted[:, EXPRESSION_INDEX["jawOpen"]] = torch.tensor([0.1, 0.4, 0.4])
    wanted[:, EXPRESSION_INDEX["mouthClose"]] = torch.tensor([0.1, 0.2, 0.0])
    poses = Poses(
        head=torch.zeros(3, 3),
        joint_rotvec=torch.zeros(3, 55, 3),
        expression=energy.relative(wanted),
        gaze=torch.zeros(3, 4),
    )
    torch.testing.assert_close(energy.absolute(poses), wanted, atol=1e-5, rtol=0)


def test_the_likeliest_path_avoids_a_jump():
    costs = torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    near, far = torch.zeros(3, 2, 3), torch.tensor([[0.0, 0, 0], [1.0, 0, 0]]).repeat(3, 1, 1)
    assert _likeliest(costs, near).tolist() == [0, 1, 0]
    assert _likeliest(costs, far).tolist() == [0, 0, 0]


def test_key_frames_differ(moving: MovingPerson):
    chosen = key_frames(moving.landmarks, 5)
    assert chosen[0] == 0
    assert len(set(chosen)) == 5
    jaw = moving.expression[chosen, EXPRESSION_INDEX["jawOpen"]]
    assert jaw.max() - jaw.min() > 0.15


def test_apertures_carry_closed_lids_and_lips_to_nothing(moving: MovingPerson):
    apertures = Apertures.build(moving.landmarks)
    eye = torch.tensor([[40.0]])
    closed = torch.cat((torch.full((1, 6), 0.03 * 40), apertures.closed_lips[None] * 40), 1)
    torch.testing.assert_close(apertures.stretched(closed, eye), torch.zeros(1, 9))
    opened = torch.cat((apertures.open_lids[None] * 40, torch.full((1, 3), 8.0)), 1)
    torch.testing.assert_close(apertures.stretched(opened, eye)[:, :6], opened[:, :6])
    for sizes, share in ((closed, 0.0), (opened, 1.0)):
        lids = apertures.lids_open(apertures.stretched(sizes, eye), torch.ones(1, 9), eye)
        torch.testing.assert_close(lids, torch.full((1, 2), share))
    unseen = apertures.lids_open(apertures.stretched(closed, eye), torch.zeros(1, 9), eye)
    torch.testing.assert_close(unseen, torch.ones(1, 2))
