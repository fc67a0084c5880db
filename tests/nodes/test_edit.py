from types import ModuleType
from typing import Any

import pytest
import torch

from tests.edit.tidy_motion import tidy as core_tidy


@pytest.fixture
def node(pack: ModuleType) -> Any:
    from vlogger_pack.nodes.edit import VloggerMotionEditor

    return VloggerMotionEditor


def tidy(seed: int = 0) -> Any:
    """Of the loaded pack's own class."""
    from vlogger_pack.vlogger_core.datatypes import Motion

    motion = core_tidy(seed=seed)
    return Motion(**{name: getattr(motion, name) for name in motion.__dataclass_fields__})


def edited(node: Any, monkeypatch: pytest.MonkeyPatch, **inputs: Any) -> Any:
    shown = []
    monkeypatch.setattr("vlogger_pack.nodes.edit.ui.PreviewImage", lambda picture, cls: shown.append(picture))
    values = {"motion": tidy(), "edit": "close mouth", "region": "all", "amount": 1.0, "start_s": 0.0, "end_s": 0.0}
    (motion,) = node.execute(**{**values, "fade_s": 0.2, **inputs}).args
    assert shown[0].shape[0] == 1
    assert shown[0].shape[-1] == 3
    return motion


def test_the_widgets_are_those_of_the_core(node: Any):
    from vlogger_pack.vlogger_core.edit import editor, operations, regions, transplant

    widgets = {put.id: put for put in node.define_schema().inputs}
    assert tuple(widgets["edit"].options) == editor.EDITS
    assert sorted(widgets["region"].options) == sorted(regions.SELECTABLE)
    assert tuple(widgets["about"].options) == operations.ABOUT
    assert tuple(widgets["length"].options) == transplant.LENGTHS
    assert (widgets["amount"].min, widgets["amount"].max) == (-1, operations.MAX_SPEED)
    for name in ("other_motion", "other_start_s", "length", "about", "pitch_deg", "yaw_deg", "roll_deg", "curve"):
        assert widgets[name].optional
    assert all(put.tooltip for put in widgets.values())


def test_the_curve_is_full_unless_drawn_and_takes_what_the_editor_gives(node: Any, monkeypatch: pytest.MonkeyPatch):
    (widget,) = (put for put in node.define_schema().inputs if put.id == "curve")
    full = edited(node, monkeypatch, curve=widget.as_dict()["default"])
    assert torch.equal(full.expression, edited(node, monkeypatch).expression)
    jaw = 24
    rising = edited(node, monkeypatch, curve={"points": [[0, 0], [1, 1]], "interpolation": "linear"})
    kept = rising.expression[:, jaw] / tidy().expression[:, jaw]
    torch.testing.assert_close(kept, torch.linspace(1, 0, 96), atol=1e-5, rtol=0)


def test_a_part_of_the_motion(node: Any, monkeypatch: pytest.MonkeyPatch):
    part = edited(node, monkeypatch, edit="close eyes", start_s=1.0, end_s=2.0)
    assert torch.equal(part.expression[48:], tidy().expression[48:])
    assert (part.expression[36, 8:10] == 1).all()


def test_dubbing(node: Any, monkeypatch: pytest.MonkeyPatch):
    from vlogger_pack.vlogger_core.errors import InputError

    new = tidy(seed=4)
    dubbed = edited(node, monkeypatch, edit="replace", region="jaw", other_motion=new)
    assert torch.equal(dubbed.expression[:, 24], new.expression[:, 24])
    with pytest.raises(InputError, match="connect the other motion"):
        edited(node, monkeypatch, edit="replace")


def test_turns(node: Any, monkeypatch: pytest.MonkeyPatch):
    turned = edited(node, monkeypatch, edit="set", region="head", amount=0.0, yaw_deg=30.0)
    head = turned.joint_rotvec[0, turned.joint_names.index("head")]
    torch.testing.assert_close(torch.rad2deg(head), torch.tensor([0.0, 15.0, 0.0]))
