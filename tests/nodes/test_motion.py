from dataclasses import fields
from fractions import Fraction
from types import ModuleType
from typing import Any

import pytest
import torch


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_torch_takes_every_seed_of_the_widget(pack: ModuleType, share: float) -> None:
    (widget,) = (put for put in pack.VloggerMotionSampler.define_schema().inputs if put.id == "seed")
    seed = widget.min if share == 0 else widget.max if share == 1 else widget.max // 2 + 1
    numbers = [torch.rand(4, generator=torch.Generator().manual_seed(seed)) for _ in range(2)]
    assert torch.equal(*numbers)


@pytest.fixture
def speech(pack: ModuleType) -> Any:
    from vlogger_pack.vlogger_core.speech.mel import mel_features

    return mel_features(0.1 * torch.randn(16000, generator=torch.Generator().manual_seed(0)), Fraction(24))


def sample(pack: ModuleType, speech: Any, **inputs: Any) -> list[Any]:
    (model,) = pack.VloggerMotionModel.execute("embedded").args
    values = {"seed": 5, "steps": 2, "guidance": 1.0, **inputs}
    (motions,) = pack.VloggerMotionSampler.execute(speech, model, **values).args
    return motions


def test_variations_are_the_motions_of_consecutive_seeds(pack: ModuleType, speech: Any) -> None:
    together = sample(pack, speech, variations=3)
    assert len(together) == 3
    for number, motion in enumerate(together):
        (alone,) = sample(pack, speech, seed=5 + number)
        torch.testing.assert_close(motion.joint_rotvec, alone.joint_rotvec, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(together[0].joint_rotvec, together[1].joint_rotvec, atol=1e-3)


def test_the_last_seed_is_followed_by_the_first(pack: ModuleType, speech: Any) -> None:
    (widget,) = (put for put in pack.VloggerMotionSampler.define_schema().inputs if put.id == "seed")
    _, first = sample(pack, speech, seed=widget.max, variations=2)
    (alone,) = sample(pack, speech, seed=0)
    torch.testing.assert_close(first.joint_rotvec, alone.joint_rotvec, atol=1e-4, rtol=1e-4)


def test_every_control_of_the_core_is_a_widget_with_its_range(pack: ModuleType) -> None:
    from vlogger_pack.vlogger_core.motion import blinks, controls

    widgets = {put.id: put for put in pack.VloggerMotionSampler.define_schema().inputs}
    for field in fields(controls.MotionControls):
        assert widgets[field.name].optional
    for name in ("face", "head", "torso", "hands", "energy", "idle"):
        assert (widgets[name].min, widgets[name].default, widgets[name].max) == (0, 1, controls.MAX_AMOUNT)
    assert tuple(widgets["gaze"].options) == controls.GAZES
    assert widgets["blinks_per_minute"].max == blinks.MAX_PER_MINUTE


def test_controls_reach_the_motion(pack: ModuleType, speech: Any) -> None:
    (still,) = sample(pack, speech, face=0.0, head=0.0, torso=0.0, hands=0.0)
    assert not still.joint_rotvec.any()
    assert not still.translation.any()
    (gone,) = sample(pack, speech, energy=0.0, idle=0.0, gaze="camera", blinks_per_minute=0)
    assert not gone.joint_rotvec.any()
