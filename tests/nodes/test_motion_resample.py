from fractions import Fraction
from types import ModuleType
from typing import Any

import pytest
import torch


@pytest.fixture
def motion(pack: ModuleType) -> Any:
    from vlogger_pack.vlogger_core.datatypes import Motion

    frames = 120
    return Motion(
        fps=Fraction(24),
        expression=torch.rand(frames, 52, generator=torch.Generator().manual_seed(0)),
        joint_names=("head",),
        joint_rotvec=torch.zeros(frames, 1, 3),
        translation=torch.zeros(frames, 3),
    )


def widgets(pack: ModuleType) -> dict[str, Any]:
    return {put.id: put for put in pack.VloggerResampleMotion.define_schema().inputs}


def test_defaults_are_those_of_wan(pack: ModuleType, motion: Any) -> None:
    found = widgets(pack)
    values = {name: found[name].default for name in ("fps", "frames", "most_frames", "start_s")}
    new, length, fps, audio = pack.VloggerResampleMotion.execute(motion, **values).args
    assert (length, fps, audio) == (77, 16.0, None)
    assert new.num_frames == 77


def test_the_speech_is_cut_to_the_same_time(pack: ModuleType, motion: Any) -> None:
    audio = {"waveform": torch.rand(1, 2, 220500) - 0.5, "sample_rate": 44100}
    new, length, _, sound = pack.VloggerResampleMotion.execute(motion, 25.0, "8k+1", 49, 1.0, audio).args
    assert length == new.num_frames == 49
    assert sound["sample_rate"] == 44100
    assert torch.equal(sound["waveform"], audio["waveform"][..., 44100 : 44100 + 49 * 44100 // 25])


def test_zero_keeps_rate_and_frames(pack: ModuleType, motion: Any) -> None:
    new, length, fps, _ = pack.VloggerResampleMotion.execute(motion, 0.0, "any", 0, 0.0).args
    assert (length, fps) == (120, 24.0)
    assert torch.equal(new.expression, motion.expression)


def test_rates_between_are_refused_before_anything_runs(pack: ModuleType) -> None:
    assert pack.VloggerResampleMotion.validate_inputs(fps=4.0) == "fps must be 8 or more, or 0 for the motion's own."
    assert pack.VloggerResampleMotion.validate_inputs(fps=0.0) is True
    assert pack.VloggerResampleMotion.validate_inputs() is True


def test_the_rules_are_those_of_the_core(pack: ModuleType) -> None:
    from vlogger_pack.vlogger_core.motion.resample import FRAME_RULES

    assert widgets(pack)["frames"].options == list(FRAME_RULES)
