import importlib
import logging
from dataclasses import replace
from types import ModuleType

import pytest
import torch

from tests.render.bodies import ball_fit, head_motion
from vlogger_core.edit.mask import EditMask, EditMaskSettings

WIDGETS = {"threshold": 0.02, "grow": 1.5, "feather": 2.0, "steadiness": 1}


@pytest.fixture(scope="module")
def edit_mask(pack: ModuleType) -> ModuleType:
    return importlib.import_module(f"{pack.__name__}.edit_mask")


def _motions():
    before, after = (head_motion([[0.0, angle, 0.0]] * 4) for angle in (0.0, 0.1))
    return {"motion_before": before, "motion": after}


def test_the_widgets_start_at_the_core_s_values(edit_mask: ModuleType) -> None:
    widgets = {widget.id: widget for widget in edit_mask.VloggerEditMask.define_schema().inputs}
    settings = EditMaskSettings()
    names = {"threshold": "threshold_px", "grow": "grow_px", "feather": "feather_px", "steadiness": "steady_frames"}
    for widget, name in names.items():
        assert widgets[widget].default == getattr(settings, name)
    assert all(widget.tooltip for widget in widgets.values())


def test_gives_the_core_s_masks(edit_mask: ModuleType) -> None:
    (mask,) = edit_mask.VloggerEditMask.execute(ball_fit(), **_motions(), **WIDGETS).args
    motions = _motions()
    core = EditMask(ball_fit(), motions["motion_before"], motions["motion"]).frames(0, 4)
    assert mask.shape == (4, 96, 80)
    torch.testing.assert_close(mask, core)


def test_takes_its_size_from_the_image_or_the_widgets(edit_mask: ModuleType) -> None:
    execute = edit_mask.VloggerEditMask.execute
    (mask,) = execute(ball_fit(), **_motions(), **WIDGETS, image=torch.zeros(1, 48, 40, 3)).args
    assert mask.shape == (4, 48, 40)
    (mask,) = execute(ball_fit(), **_motions(), **WIDGETS, width=40, height=48).args
    assert mask.shape == (4, 48, 40)
    with pytest.raises(ValueError, match="both be given"):
        execute(ball_fit(), **_motions(), **WIDGETS, width=40)
    with pytest.raises(ValueError, match="where an image is connected"):
        execute(ball_fit(), **_motions(), **WIDGETS, width=40, image=torch.zeros(1, 48, 40, 3))


def test_says_where_nothing_changes(edit_mask: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    same = {"motion_before": _motions()["motion"], "motion": replace(_motions()["motion"])}
    with caplog.at_level(logging.WARNING):
        (mask,) = edit_mask.VloggerEditMask.execute(ball_fit(), **same, **WIDGETS).args
    assert not mask.any()
    assert "The edit changes nothing" in caplog.text
