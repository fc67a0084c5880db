import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch

from tests.motion.lively_motion import lively
from vlogger_core.datatypes import Audio, Motion
from vlogger_core.errors import InputError
from vlogger_core.motion.resample import FRAME_RULES, at_frames, resample, sound_of
from vlogger_core.rotation import compose_rotvec

MOTION = lively(5.0)


def turning(rad_per_s: float, fps: int = 24, frames: int = 48) -> Motion:
    """One joint that turns about y at a steady rate, its angle 0 when the first frame begins."""
    middles_s = (torch.arange(frames) + 0.5) / fps
    rotvec = torch.zeros(frames, 1, 3)
    rotvec[:, 0, 1] = rad_per_s * middles_s
    return Motion(
        fps=Fraction(fps),
        expression=torch.zeros(frames, 52),
        joint_names=("head",),
        joint_rotvec=rotvec,
        translation=middles_s[:, None].expand(-1, 3).clone(),
    )


def test_the_same_clock_gives_the_same_motion() -> None:
    again = resample(MOTION)
    assert again.fps == MOTION.fps
    assert torch.equal(again.expression, MOTION.expression)
    assert torch.equal(again.joint_rotvec, MOTION.joint_rotvec)
    assert torch.equal(again.translation, MOTION.translation)


@pytest.mark.parametrize("fps", [8, 16, 25, 30, 60, 29.97])
def test_what_moves_steadily_is_where_it_is_in_the_middle_of_each_frame(fps: float) -> None:
    new = resample(turning(1.2), fps)
    assert new.fps == (Fraction(30000, 1001) if fps == 29.97 else fps)
    assert new.num_frames == math.floor(2 * new.fps)
    middles_s = ((torch.arange(new.num_frames) + 0.5) / float(new.fps)).clamp(0.5 / 24, 2 - 0.5 / 24)
    torch.testing.assert_close(new.joint_rotvec[:, 0, 1], 1.2 * middles_s, atol=1e-5, rtol=0)
    torch.testing.assert_close(new.translation[:, 0], middles_s, atol=1e-5, rtol=0)


def test_turns_beyond_half_a_circle_take_the_short_way() -> None:
    """At an angle of pi the rotation vector changes its sign, the rotation does not."""
    steady = turning(2.0)
    wrapped = replace(steady, joint_rotvec=compose_rotvec(torch.zeros(48, 1, 3), steady.joint_rotvec))
    assert (wrapped.joint_rotvec[:, 0, 1] < 0).any()
    new = resample(wrapped, 60)
    inside = new.slice(2, 118)
    angle = 2.0 * (torch.arange(2, 118) + 0.5) / 60
    away = compose_rotvec(-inside.joint_rotvec[:, 0], torch.stack((0 * angle, angle, 0 * angle), 1))
    assert away.norm(dim=-1).max() < 1e-3


@pytest.mark.parametrize("rule", list(FRAME_RULES))
@pytest.mark.parametrize("most", [0, 17, 81, 1000])
def test_the_rule_holds_and_as_little_as_possible_is_cut(rule: str, most: int) -> None:
    new = resample(MOTION, 16, rule=rule, most_frames=most)
    step = FRAME_RULES[rule]
    could = min(80, most or 80)
    assert (new.num_frames - 1) % step == 0
    assert could - step < new.num_frames <= could


def test_it_begins_where_it_is_told_to() -> None:
    later = resample(MOTION, start_s=1.0)
    assert torch.equal(later.expression, MOTION.expression[24:])
    parts = [resample(MOTION, 16, most_frames=40), resample(MOTION, 16, start_s=2.5)]
    whole = resample(MOTION, 16)
    torch.testing.assert_close(torch.cat([part.joint_rotvec for part in parts]), whole.joint_rotvec)


def test_expressions_stay_in_range() -> None:
    sharp = replace(MOTION, expression=MOTION.expression.round())
    new = resample(sharp, 25)
    assert new.expression.min() >= 0
    assert new.expression.max() <= 1


def test_the_ends_are_held() -> None:
    held = at_frames(MOTION, np.array([-3.0, 0.0, 119.0, 500.0]))
    assert torch.equal(held.joint_rotvec, MOTION.joint_rotvec[[0, 0, 119, 119]])


@pytest.mark.parametrize(("rule", "seconds", "wanted"), [("4k+1", 0.25, "5 frames"), ("8k+1", 0.5, "9 frames")])
def test_too_short_a_motion_is_told(rule: str, seconds: float, wanted: str) -> None:
    with pytest.raises(InputError, match=f"too short: .*{wanted} at 16 fps. Got {round(16 * seconds)} "):
        resample(lively(seconds), 16, rule=rule)


def test_a_start_behind_the_end_is_told() -> None:
    with pytest.raises(InputError, match=r"Got 0 of its 5.00 s from 7 s on: .*lower start_s"):
        resample(MOTION, start_s=7.0)


def test_too_few_frames_allowed_are_told() -> None:
    with pytest.raises(InputError, match="raise most_frames"):
        resample(MOTION, 16, rule="4k+1", most_frames=4)


def test_impossible_rates_are_told() -> None:
    with pytest.raises(InputError, match="fps must lie in 8 to 120"):
        resample(MOTION, 4)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"rule": "4k"}, "rule must be one of"), ({"most_frames": -1}, "most_frames"), ({"start_s": -1.0}, "start_s")],
)
def test_wrong_arguments_are_refused(wrong: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        resample(MOTION, **wrong)


def test_the_sound_is_that_of_the_frames() -> None:
    audio = Audio(waveform=torch.arange(80000.0)[None] / 80000, sample_rate=16000)
    new = resample(MOTION, 16, rule="4k+1", most_frames=21, start_s=1.25)
    sound = sound_of(audio, new, 1.25)
    assert sound.waveform.shape == (1, 21000)
    assert torch.equal(sound.waveform, audio.waveform[:, 20000:41000])
    assert sound_of(audio, MOTION, 4.0).waveform.shape == (1, 16000)
    with pytest.raises(InputError, match=r"within the audio, 5.00 s. Got 6 s"):
        sound_of(audio, MOTION, 6.0)
