"""`track_surface`: followed points hold a body where a detector's drifting face would carry it off."""

from dataclasses import replace

import pytest
import torch
from moving_person import SIZE, MovingPerson, moving_person

from vlogger_core.body.anny_model import AnnyBody, load_anny
from vlogger_core.body.protocol import PosedBody
from vlogger_core.body.track_person import start_person
from vlogger_core.body.track_surface import ENOUGH, EVIDENCE, Surface, find_surface
from vlogger_core.body.track_targets import Apertures
from vlogger_core.body.track_windows import solve_windows
from vlogger_core.datatypes import BodyFit
from vlogger_core.names import PART_INDEX
from vlogger_core.render.camera import project


@pytest.fixture(scope="module")
def anny() -> AnnyBody:
    return load_anny()


@pytest.fixture(scope="module")
def moving(anny: AnnyBody) -> MovingPerson:
    return moving_person(anny, 8, noise_px=0.1)


@pytest.fixture(scope="module")
def posed(anny: AnnyBody, moving: MovingPerson) -> PosedBody:
    with torch.no_grad():
        return anny.pose(anny.rest(moving.shape), moving.joint_rotvec, moving.translation, moving.expression)


@pytest.fixture(scope="module")
def grid() -> torch.Tensor:
    """Points all over the picture."""
    rows, columns = torch.meshgrid(torch.arange(6.5, SIZE, 8), torch.arange(6.5, SIZE, 8), indexing="ij")
    return torch.stack((columns, rows, torch.ones_like(rows)), -1).reshape(-1, 3)


@pytest.fixture(scope="module")
def surface(anny: AnnyBody, moving: MovingPerson, posed: PosedBody, grid: torch.Tensor) -> Surface:
    first = PosedBody(vertices=posed.vertices[:1], joints=posed.joints[:1])
    found = find_surface(anny, first, moving.camera, grid)
    assert found is not None
    return found


def test_points_lie_under_their_pixels(surface, posed, moving, grid):
    places = project(surface.points(posed)[0], moving.camera)[0]
    assert torch.allclose(places, grid[surface.chosen, :2], atol=1e-2)


def test_each_region_is_worth_the_same_however_many_points_it_shows(surface, anny):
    whole = anny.faces.sort(1).values
    for names in (("head", "ears"), ("body", "neck")):
        parts = torch.tensor([PART_INDEX[name] for name in names])
        own = torch.tensor(
            [bool(torch.isin(anny.face_parts[(whole == c.sort().values).all(1)], parts).any()) for c in surface.corners]
        )
        assert own.sum() >= ENOUGH
        assert surface.weight[own].sum() == pytest.approx(EVIDENCE, rel=1e-3)


def test_nothing_under_the_points_is_no_surface(anny, moving, posed):
    first = PosedBody(vertices=posed.vertices[:1], joints=posed.joints[:1])
    assert find_surface(anny, first, moving.camera, torch.tensor([[1.5, 1.5, 1.0]])) is None
    assert find_surface(anny, first, moving.camera, torch.zeros(0, 3)) is None


def test_a_face_that_slides_does_not_carry_the_body_off(anny, moving, posed, surface, grid):
    fit = BodyFit(
        model=anny,
        shape=moving.shape,
        joint_rotvec=moving.joint_rotvec[0],
        translation=moving.translation[0],
        expression=moving.expression[0],
        camera=moving.camera,
        image=torch.zeros(3, SIZE, SIZE),
        mask=torch.ones(SIZE, SIZE),
    )
    frames = []
    for t, points in enumerate(moving.landmarks):
        face = points.face.clone()
        face[:, 0] += 3.0 * (t > 0)
        body = points.body * torch.tensor([1.0, 1.0, 0.0])
        followed = grid.clone()
        followed[surface.chosen, :2] = project(surface.points(posed)[t], moving.camera)[0]
        frames.append(replace(points, face=face, body=body, followed=followed))
    errors = []
    for own in (None, surface):
        person = start_person(fit, frames[0], fps=25.0, fov_deg=None, arms=False).on_surface(own, anny)
        windows = solve_windows(person, Apertures.build(frames), iter(frames[1:]), frames[0], lambda: None)
        joints = torch.cat([person.energy.pose(poses).joints for poses, _, _ in windows])
        head = project(joints[:, 15], moving.camera)[0] - project(posed.joints[1:, 15], moving.camera)[0]
        errors.append(head.norm(dim=-1).mean().item())
    assert errors[0] > 1.5
    assert errors[1] < 0.6
