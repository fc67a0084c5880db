import itertools

import pytest
import torch

from vlogger_core.datatypes import MapFrames
from vlogger_core.names import PARTS
from vlogger_core.render.encode import (
    CHAMP_COLOURS,
    ENCODINGS,
    PART_COLOURS,
    encode,
    inverse_depth,
    joint_parts_to_colours,
    linear_depth,
    normalbae_normals,
    opengl_normals,
    parts_one_hot,
    parts_to_colours,
)
from vlogger_core.render.maps import ControlMaps

from .bodies import ball_fit, head_motion


def normal_picture(*normals: tuple[float, float, float]) -> torch.Tensor:
    """One row of pixels, [1 3 1 w]."""
    return torch.tensor(normals).T[None, :, None]


@pytest.fixture(scope="module")
def controls() -> ControlMaps:
    return ControlMaps(ball_fit(), head_motion([[0.0, 0.2, 0.0]] * 2))


def test_every_part_has_a_colour_of_its_own() -> None:
    assert tuple(PART_COLOURS) == PARTS
    pictures = parts_to_colours(torch.arange(len(PARTS)).reshape(1, 1, -1))
    assert len({tuple(colour.tolist()) for colour in pictures[0, :, 0].T}) == len(PARTS)
    assert not pictures[0, :, 0, 0].any()


def test_one_hot_planes_are_the_index() -> None:
    parts = torch.randint(len(PARTS), (2, 5, 4), generator=torch.Generator().manual_seed(0))
    planes = parts_one_hot(parts)
    assert planes.shape == (2, len(PARTS), 5, 4)
    assert torch.equal(planes.int().argmax(1), parts)
    assert (planes.sum(1) == 1).all()


def test_champs_colours_are_viridis_on_black() -> None:
    """The published ends and middle of matplotlib's map; every joint is brighter in green than the one before."""
    assert len(set(CHAMP_COLOURS)) == 24
    assert CHAMP_COLOURS[0] == (68, 1, 84)
    assert all(a[1] < b[1] for a, b in itertools.pairwise(CHAMP_COLOURS))
    picture = joint_parts_to_colours(torch.tensor([[[0, 1, 24]]]))[0, :, 0] * 255
    assert picture.round().T.tolist() == [[0, 0, 0], [68, 1, 84], [189, 223, 38]]


def test_depth_is_white_near_and_black_behind() -> None:
    depth = torch.tensor([[[1.0, 1.5, 2.0, torch.inf]]])
    near, middle, far, empty = inverse_depth(depth, 1.0, 2.0)[0, 0, 0].tolist()
    assert near == 1
    assert empty == 0
    assert far == pytest.approx(0.2)
    assert middle == pytest.approx(0.2 + 0.8 / 3)
    assert linear_depth(depth, 1.0, 2.0)[0, 0, 0].tolist() == [1.0, 0.5, 0.0, 0.0]


def test_normals_have_the_published_colours() -> None:
    front, right, left, up, none = (0.0, 0.0, 1.0), (1.0, 0.0, 0.0), (-1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 0.0)
    normals = normal_picture(front, right, left, up, none)
    opengl = opengl_normals(normals)[0, :, 0].T.tolist()
    assert opengl == [[0.5, 0.5, 1.0], [1.0, 0.5, 0.5], [0.0, 0.5, 0.5], [0.5, 1.0, 0.5], [0.0, 0.0, 0.0]]
    bae = normalbae_normals(normals)[0, :, 0].T.tolist()
    assert bae == [[0.5, 0.5, 1.0], [0.0, 0.5, 0.5], [1.0, 0.5, 0.5], [0.5, 1.0, 0.5], [0.5, 0.5, 1.0]]


def test_the_ball_is_red_on_its_right_in_opengl_and_on_its_left_in_normalbae(controls: ControlMaps) -> None:
    frames = controls.frames(0, 1, ("normal", "silhouette"))
    opengl, mask = encode(controls, "normal", frames)
    bae, _ = encode(controls, "normal_bae", frames)
    columns = mask[0].any(0).nonzero()[:, 0]
    first, last, middle = int(columns[0]) + 2, int(columns[-1]) - 2, mask.shape[1] // 2
    assert opengl[0, 0, middle, first] < 0.2 < 0.8 < opengl[0, 0, middle, last]
    assert bae[0, 0, middle, last] < 0.2 < 0.8 < bae[0, 0, middle, first]
    top = int(mask[0].any(1).nonzero()[0, 0]) + 2
    assert opengl[0, 1, top, mask.shape[2] // 2] > 0.8
    length = (opengl[0] * 2 - 1).norm(dim=0)[mask[0] > 0]
    torch.testing.assert_close(length, torch.ones_like(length), atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", ENCODINGS)
def test_every_encoding_is_a_picture_and_black_or_flat_where_it_is_not_valid(controls: ControlMaps, name: str) -> None:
    picture, mask = encode(controls, name, controls.frames(0, 2, ENCODINGS[name].maps))
    assert picture.shape == (2, 3, *controls.size)
    assert mask.shape == (2, *controls.size)
    assert ((picture >= 0) & (picture <= 1)).all()
    assert ((mask >= 0) & (mask <= 1)).all()
    assert 0.05 < mask.mean() < 0.98
    if name != "warp_flow":
        outside = picture.movedim(1, -1)[mask == 0]
        assert (outside == outside[0]).all()


def test_what_was_not_rendered_is_told(controls: ControlMaps) -> None:
    with pytest.raises(ValueError, match="frames must hold the maps that the encoding names"):
        encode(controls, "dense", MapFrames())
