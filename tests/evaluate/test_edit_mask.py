"""How a mask is held against the truth."""

import math
from pathlib import Path

import pytest
import torch

from tests.render.bodies import ball_fit, head_motion
from vlogger_core.evaluate.edit_mask import MaskScore, mask_figures, rendered_change, score_edits, score_mask
from vlogger_core.evaluate.reenact_cache import Tracked


def test_scores():
    truth = torch.zeros(2, 10, 10, dtype=torch.bool)
    truth[0, :4, :5] = True
    masks = torch.zeros(2, 10, 10)
    masks[0, :3, :5], masks[0, 3, :5], masks[1, 0, :4] = 1.0, 0.8, 0.5
    score = score_mask(truth, masks)
    assert (score.changed_px, score.covered_px, score.mask_px) == (20, 15, pytest.approx(21))
    assert score.coverage == 0.75
    assert score.area_ratio == pytest.approx(1.05)
    assert (score + score).area_ratio == pytest.approx(1.05)


def test_nothing_changed():
    assert MaskScore().coverage == MaskScore().area_ratio == 1
    assert math.isinf(MaskScore(mask_px=1).area_ratio)


def test_the_truth_is_where_the_previews_differ():
    still, turned = (head_motion([[0.0, angle, 0.0]]) for angle in (0.0, 0.2))
    assert not next(rendered_change(ball_fit(), still, still, (96, 80))).any()
    changed = next(rendered_change(ball_fit(), still, turned, (96, 80)))
    assert changed[48, 40]
    assert not changed[0].any()


def test_as_many_masks_as_frames():
    with pytest.raises(ValueError, match="shorter"):
        score_mask(torch.zeros(2, 4, 4, dtype=torch.bool), torch.zeros(1, 4, 4))


def test_an_edit_is_scored_and_told_clip_by_clip():
    motion = head_motion([[0.0, 0.0, 0.0]] * 2, jaw_open=0.6)
    clip = Tracked(path=Path("ball.mp4"), fit=ball_fit(), motion=motion)
    scores = score_edits([clip], ["close mouth"])
    (score,) = scores["close mouth"]
    assert score.changed_px > 0
    coverage, area = mask_figures({"close mouth": [score, MaskScore()]}, "balls")
    assert (coverage.reached, area.reached) == (score.coverage, score.area_ratio)
    assert coverage.at_least
    assert area.note == f"clips: {score.area_ratio:.1f} 1.0"
    with pytest.raises(ValueError, match="clips must be of videos"):
        score_edits([Tracked(path=Path("ball.png"), fit=ball_fit())])
