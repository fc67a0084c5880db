import numpy as np
import torch

from vlogger_core.character.background import paint_background
from vlogger_core.character.config import CharacterConfig
from vlogger_core.character.film import develop, encode_srgb
from vlogger_core.character.lighting import GROUPS, Lights, Scene, diffuse, visibility
from vlogger_core.character.skin import scatter
from vlogger_core.character.strands import Strands, draw_strands, sample, stroke
from vlogger_core.datatypes import Camera

CAMERA = Camera(fov_deg=40.0, width=64, height=64)


def fibres(x: float, z: float, width_m: float) -> Strands:
    """One upright fibre, 20 cm long."""
    points = torch.tensor([[[x, -0.1, z], [x, 0.0, z], [x, 0.1, z]]])
    return Strands(
        points=points, albedo=torch.full((1, 3), 0.5), gloss=torch.ones(1), width_m=torch.full((1,), width_m)
    )


def test_a_wide_fibre_covers_its_column():
    drawn = draw_strands(fibres(0.001, -1.0, 0.03), CAMERA, torch.full((64, 64), torch.inf))
    covered = torch.zeros(64 * 64, dtype=torch.bool)
    covered[drawn.pixel] = True
    assert covered.reshape(64, 64)[30:34, 32].all()
    torch.testing.assert_close(drawn.depth, torch.ones(len(drawn.depth)))
    position = sample(fibres(0.001, -1.0, 0.03).points, drawn)
    assert position[:, 1].min() > -0.11
    assert position[:, 1].max() < 0.11


def test_what_lies_before_a_fibre_hides_it():
    near = torch.full((64, 64), 0.5)
    assert len(draw_strands(fibres(0.0, -1.0, 0.03), CAMERA, near).pixel) == 0
    coverage, _ = stroke(fibres(0.0, -1.0, 0.03), CAMERA, near)
    assert coverage.max() == 0


def test_strokes_cover_by_their_width():
    open_view = torch.full((64, 64), torch.inf)
    thin, albedo = stroke(fibres(0.0, -1.0, 0.0005), CAMERA, open_view)
    thick, _ = stroke(fibres(0.0, -1.0, 0.005), CAMERA, open_view)
    assert 0 < thin.sum() < thick.sum()
    assert thick.max() <= 1
    torch.testing.assert_close(albedo[thin > 0.01], torch.full_like(albedo[thin > 0.01], 0.5))


def test_a_plate_takes_the_light_from_above():
    plate = torch.tensor([[-0.1, 0.1, -1.8], [0.1, 0.1, -1.8], [0.1, 0.1, -1.6], [-0.1, 0.1, -1.6]])
    scene = Scene(
        vertices=plate,
        faces=torch.tensor([[0, 1, 2], [0, 2, 3]]),
        hair=fibres(0.3, -1.7, 0.0003),
    )
    lights = Lights(
        direction=torch.tensor([[0.0, 1.0, 0.0]]), colour=torch.ones(1, 3), group=torch.tensor([GROUPS.index("key")])
    )
    points = torch.tensor([[0.0, -0.05, -1.7], [0.25, -0.05, -1.7]])
    normals = torch.tensor([[0.0, 1.0, 0.0]]).repeat(2, 1)
    reached = visibility(scene, lights, points, normals)
    assert reached[0, 0] < 0.05
    assert reached[1, 0] > 0.95
    light = diffuse(normals, reached, lights)
    assert light[1].min() > 0.9
    assert light[0].max() < 0.1


def test_scattering_keeps_even_light_and_softens_red_most():
    mask = np.ones((60, 60), np.float32)
    even = np.full((60, 60, 3), 0.7, np.float32)
    np.testing.assert_allclose(scatter(even, mask, 1000.0), even, atol=1e-3)
    edge = np.zeros((60, 60, 3), np.float32)
    edge[:, 30:] = 1
    soft = scatter(edge, mask, 1000.0)
    assert soft[30, 27, 0] > soft[30, 27, 1] > soft[30, 27, 2]


def test_film():
    assert np.allclose(encode_srgb(np.array([0.0, 1.0])), [0, 1])
    grey = develop(np.full((40, 30, 3), 0.18, np.float32), 3)
    assert 0.3 < grey.mean() < 0.6
    np.testing.assert_array_equal(grey, develop(np.full((40, 30, 3), 0.18, np.float32), 3))


def test_the_room_is_the_seeds():
    config = CharacterConfig.from_seed(2)
    room = paint_background(config, 64, 52)
    assert room.shape == (64, 52, 3)
    assert room.min() >= 0
    np.testing.assert_array_equal(room, paint_background(config, 64, 52))
    assert np.abs(room - paint_background(CharacterConfig.from_seed(3), 64, 52)).max() > 0.05
