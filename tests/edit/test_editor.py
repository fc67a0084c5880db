import logging
import math
from typing import Any

import pytest
import torch

from tests.edit.tidy_motion import tidy
from vlogger_core.edit.editor import EDITS, edit_motion
from vlogger_core.edit.operations import hold, scale, smooth
from vlogger_core.edit.plot import ROW, WIDTH, changed, plot_change
from vlogger_core.edit.presets import apply_preset
from vlogger_core.edit.timing import Scope
from vlogger_core.errors import InputError

HEAD = Scope(regions=("head",))


@pytest.mark.parametrize("edit", EDITS)
def test_every_edit_has_its_name_and_leaves_what_came_in(edit: str):
    motion, untouched = tidy(), tidy()
    edited = edit_motion(motion, edit, Scope(), amount=0.7, other=tidy(seed=3))
    assert edited.joint_names == motion.joint_names
    for name in ("expression", "joint_rotvec", "translation"):
        assert torch.equal(getattr(motion, name), getattr(untouched, name))


def test_edits_are_the_functions_of_their_names():
    motion = tidy()
    pairs = [
        (edit_motion(motion, "scale", HEAD, amount=0.5, about="mean"), scale(motion, HEAD, 0.5, "mean")),
        (edit_motion(motion, "smooth", HEAD, amount=0.5), smooth(motion, HEAD, 0.5)),
        (edit_motion(motion, "hold", HEAD), hold(motion, HEAD)),
        (edit_motion(motion, "close eyes", Scope(), amount=0.5), apply_preset(motion, "close eyes", Scope(), 0.5)),
    ]
    for one, two in pairs:
        assert torch.equal(one.joint_rotvec, two.joint_rotvec)
        assert torch.equal(one.expression, two.expression)


def test_an_edit_that_changes_nothing_says_so(caplog: pytest.LogCaptureFixture):
    motion = tidy(1.0)
    with caplog.at_level(logging.WARNING):
        same = edit_motion(motion, "mirror", HEAD, amount=0.0)
    assert torch.equal(same.joint_rotvec, motion.joint_rotvec)
    assert '"mirror" changes nothing of head in this motion' in caplog.text
    caplog.clear()
    edit_motion(motion, "hold", HEAD)
    edit_motion(motion, "retime", Scope(), amount=2.0)
    edit_motion(motion, "offset", HEAD, amount=0.0, turn_deg=(5.0, 0.0, 0.0))
    assert not caplog.text


@pytest.mark.parametrize(
    ("edit", "inputs", "message"),
    [
        ("replace", {}, "nothing to replace with: connect the other motion"),
        ("scale", {"amount": math.nan}, "must be finite"),
        ("set", {"turn_deg": (math.inf, 0.0, 0.0)}, "must be finite"),
        ("hold", {"scope": Scope(fade_s=-1.0)}, "the fade 0 s or longer"),
    ],
)
def test_what_cannot_be_done(edit: str, inputs: dict[str, Any], message: str):
    with pytest.raises(InputError, match=message):
        edit_motion(tidy(1.0), edit, inputs.pop("scope", HEAD), **inputs)


def test_an_unknown_edit():
    with pytest.raises(ValueError, match=r"edit must be one of close mouth.*Got sing\."):
        edit_motion(tidy(1.0), "sing", Scope())


def test_a_plot_has_a_row_for_each_region_that_changed():
    motion = tidy()
    edited = edit_motion(motion, "hold", Scope(regions=("head", "brows")))
    assert [name.split(":")[0] for name, _, _ in changed(motion, edited)] == ["brows", "head"]
    assert plot_change(motion, edited).shape == (3, 2 * ROW + 8, WIDTH)
    assert plot_change(motion, motion).shape == (3, ROW + 8, WIDTH)
    assert plot_change(motion, edit_motion(motion, "retime", Scope(), amount=0.5)).shape[0] == 3
    assert plot_change(motion.slice(0, 1), edited.slice(5, 6)).isfinite().all()


def test_a_plot_names_what_changed_most():
    motion = tidy()
    turned = edit_motion(motion, "offset", HEAD, amount=0.0, turn_deg=(0.0, 20.0, 0.0))
    ((name, before, after),) = changed(motion, turned)
    assert "yaw, degrees" in name
    assert abs((after - before).mean() - 10) < 1
