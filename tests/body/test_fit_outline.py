"""`fit_outline`: nothing to pay inside the person or beyond the picture, more the farther out."""

import torch

from vlogger_core.body.anny_model import load_anny
from vlogger_core.body.fit_outline import MAX_VERTICES, Outline, outline_vertices
from vlogger_core.names import PART_INDEX


def _half() -> Outline:
    mask = torch.zeros(200, 300)
    mask[:, :150] = 1
    outline = Outline.build(mask)
    assert outline is not None
    return outline


def test_inside_is_free_and_outside_costs_more_the_farther():
    outline = _half()
    at = torch.tensor([[[20.0, 100.0]], [[149.0, 10.0]], [[165.0, 100.0]], [[180.0, 100.0]], [[400.0, 100.0]]])
    cost = outline.cost(at)
    assert cost[0] == cost[1] == cost[4] == 0
    assert 0 < cost[2] < cost[3]


def test_gradient_leads_inside():
    pixels = torch.tensor([[[170.0, 100.0], [30.0, 50.0]]], requires_grad=True)
    _half().cost(pixels).sum().backward()
    assert pixels.grad is not None
    assert pixels.grad[0, 0, 0] > 0
    assert (pixels.grad[0, 1] == 0).all()


def test_no_outline_where_nothing_is_outside():
    assert Outline.build(torch.ones(64, 64)) is None
    assert Outline.build(torch.zeros(64, 64)) is None


def test_vertices_are_of_trunk_and_shoulders():
    anny = load_anny()
    vertices = outline_vertices(anny)
    assert 0.5 * MAX_VERTICES < len(vertices) <= MAX_VERTICES
    for part in ("head", "left_hand"):
        of_part = anny.faces[anny.face_parts == PART_INDEX[part]].unique()
        assert torch.isin(vertices, of_part).float().mean() < 0.1
