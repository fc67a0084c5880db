from dataclasses import replace

import pytest
import torch

from tests.video.tiny_video import tiny_controls
from vlogger_core.datatypes import MapFrames
from vlogger_core.names import PARTS
from vlogger_core.video.controls import from_maps, join_frames, one_hot_parts


def test_composite_shows_the_warp_on_the_matte_and_the_background_elsewhere():
    controls = tiny_controls()
    composite = controls.composite()
    person = controls.matte.expand_as(composite) > 0
    assert torch.equal(composite[person], controls.warp[person])
    background = controls.background[:, None].expand_as(composite)
    assert torch.equal(composite[~person], background[~person])


def test_slices_join_to_the_whole():
    controls = tiny_controls(5)
    joined = join_frames([controls.slice(0, 2), controls.slice(2, 5)])
    for name in ("dense", "parts", "warp", "warp_valid", "matte", "background", "reference"):
        assert torch.equal(getattr(joined, name), getattr(controls, name))


def test_parts_become_planes():
    parts = torch.tensor([[0, 3], [18, 3]])
    planes = one_hot_parts(parts[None])
    assert planes.shape == (1, len(PARTS), 2, 2)
    assert torch.equal(planes.argmax(1)[0], parts)
    assert torch.equal(planes.sum(1), torch.ones(1, 2, 2))


def test_composite_of_rendered_maps_is_the_carried_photo():
    background = torch.rand(3, 8, 8)
    warp = background.expand(2, -1, -1, -1).clone()
    warp[:, :, 2:5, 2:5] = 0.25
    maps = MapFrames(
        dense=torch.rand(2, 3, 8, 8),
        parts=torch.zeros(2, 8, 8, dtype=torch.long),
        warp_flow=warp,
        warp_flow_confidence=torch.rand(2, 8, 8),
    )
    controls = from_maps(maps, background=background, reference=torch.rand(3, 8, 8))
    torch.testing.assert_close(controls.composite()[0], warp)
    assert controls.matte[0, :, 0, 2:5, 2:5].min() == 1
    assert controls.matte.mean() == pytest.approx(9 / 64, abs=0.01)


def test_refuses_maps_that_lack_one():
    with pytest.raises(ValueError, match=r"maps must hold dense, parts and warp_flow"):
        from_maps(MapFrames(), background=torch.rand(3, 8, 8), reference=torch.rand(3, 8, 8))


def test_refuses_shapes_that_do_not_belong_together():
    # Where shapes are checked as types, as in these tests, that check comes first.
    with pytest.raises((ValueError, TypeError), match=r"background"):
        replace(tiny_controls(), background=torch.rand(1, 3, 12, 16))


def test_a_person_in_the_colour_of_the_background_is_seen_where_the_maps_tell():
    background = torch.rand(3, 8, 8)
    maps = MapFrames(
        dense=torch.rand(1, 3, 8, 8),
        parts=torch.zeros(1, 8, 8, dtype=torch.long),
        warp_flow=background[None].clone(),
        warp_flow_confidence=torch.rand(1, 8, 8),
    )
    alike = from_maps(maps, background=background, reference=background)
    assert not alike.matte.any()
    told = from_maps(
        replace(maps, warp_flow_matte=torch.eye(8)[None] * 0.5), background=background, reference=background
    )
    assert torch.equal(told.matte[0, 0, 0], torch.eye(8))


def test_what_an_edit_starts_from_is_sliced_and_joined_too():
    plain = tiny_controls(4)
    edited = replace(plain, picture=torch.rand_like(plain.warp), fresh=(plain.matte > 0).float())
    assert torch.equal(edited.composite(), edited.picture)
    joined = join_frames([edited.slice(0, 1), edited.slice(1, 4)]).to(torch.float64)
    assert torch.equal(joined.picture, edited.picture.double())
    assert torch.equal(joined.fresh, edited.fresh.double())
    assert plain.to("cpu").picture is None
    with pytest.raises(ValueError, match="must hold picture and fresh, or neither"):
        replace(plain, fresh=plain.matte)
