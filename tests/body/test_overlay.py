"""`overlay`: the picture has a legible size, shows body and landmarks, and writes low confidence in red."""

from dataclasses import replace

import pytest
import torch

from vlogger_core.body.landmarks import PhotoLandmarks, no_points
from vlogger_core.body.overlay import draw_overlay

from ..render.bodies import ball_fit


def _landmarks(size: int) -> PhotoLandmarks:
    body = no_points(17)
    body[5] = torch.tensor([0.8 * size, 0.2 * size, 1.0])
    parts = {"face": no_points(478), "left_hand": no_points(21), "right_hand": no_points(21)}
    return PhotoLandmarks(width=size, height=size, body=body, source="test", **parts)


@pytest.mark.parametrize(("size", "shown"), [(100, 768), (900, 900), (1500, 1024)])
def test_size_landmarks_and_words(size, shown):
    fit = replace(ball_fit(size, size), confidence={"face": 0.9, "torso": 0.2})
    picture = draw_overlay(fit, _landmarks(size))
    assert picture.shape == (3, shown, shown)
    assert 0 <= picture.min() <= picture.max() <= 1
    # The landmark is pure green; of the words only those of the low confidence are red.
    y, x = round(0.2 * shown), round(0.8 * shown)
    assert picture[:, y, x].tolist() == [0, 1, 0]
    words = picture[:, -round(0.08 * shown) :, : round(0.3 * shown)]
    red = (words[0] > 0.9) & (words[1] < 0.5) & (words[2] < 0.5)
    white = (words > 0.9).all(0)
    assert red.sum() > 20 < white.sum()
    assert red.nonzero()[:, 0].float().mean() > white.nonzero()[:, 0].float().mean()
