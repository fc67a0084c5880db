import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from tests.motion.lively_motion import lively
from vlogger_core.edit.timing import Scope, frame_range, stretched, warped, weights
from vlogger_core.errors import InputError


def test_a_range_is_the_frames_that_begin_in_it():
    motion = lively(4.0)
    assert frame_range(Scope(), motion) == (0, 96)
    assert frame_range(Scope(start_s=1.0, end_s=2.0), motion) == (24, 48)
    assert frame_range(Scope(start_s=0.99, end_s=1.01), motion) == (24, 25)
    assert frame_range(Scope(end_s=4.04), motion) == (0, 96)


def test_weights_rise_and_fall_within_the_range():
    motion = lively(4.0)
    weight = weights(Scope(start_s=1.0, end_s=3.0, fade_s=0.5), motion)
    assert not weight[:24].any()
    assert not weight[72:].any()
    assert (weight[36:60] == 1).all()
    assert (weight[24:36].diff() > 0).all()
    torch.testing.assert_close(weight, weight.flip(0))
    assert weight[24] < 0.02


def test_there_is_no_fade_at_the_ends_of_the_motion_nor_without_one():
    motion = lively(4.0)
    assert (weights(Scope(fade_s=1.0), motion) == 1).all()
    assert weights(Scope(start_s=1.0, fade_s=1.0), motion)[-1] == 1
    assert set(weights(Scope(start_s=1.0, end_s=2.0, fade_s=0.0), motion).tolist()) == {0.0, 1.0}


def test_a_short_range_is_half_rise_and_half_fall():
    weight = weights(Scope(start_s=1.0, end_s=1.5, fade_s=5.0), lively(4.0))[24:36]
    torch.testing.assert_close(weight, weight.flip(0))
    assert weight.max() > 0.9


def test_a_curve_runs_from_the_first_frame_to_the_last_and_multiplies_the_range():
    motion = lively(4.0)
    weight = weights(Scope(curve=lambda x: x), motion)
    torch.testing.assert_close(weight, torch.linspace(0, 1, 96))
    both = weights(Scope(start_s=2.0, curve=lambda x: x, fade_s=0.0), motion)
    torch.testing.assert_close(both[48:], weight[48:])
    assert not both[:48].any()
    assert weights(Scope(curve=lambda x: 1 - x), motion.slice(0, 1)).tolist() == [1.0]


@pytest.mark.parametrize(
    ("scope", "message"),
    [
        ({"start_s": 2.0, "end_s": 2.0}, "from 2 s to 2 s is empty: set end_s"),
        ({"start_s": 3.0, "end_s": 1.0}, "from 3 s to 1 s is empty"),
        ({"start_s": 4.0}, r"begins at 4 s, outside the motion, which lasts 4\.00 s"),
        ({"start_s": -1.0}, "begins at -1 s, outside"),
        ({"start_s": math.nan}, "begins at nan s"),
        ({"end_s": 4.5}, r"ends at 4\.5 s, after the motion, which lasts 4\.00 s"),
        ({"start_s": 1.01, "end_s": 1.02}, r"No frame begins between 1\.01 s and 1\.02 s.*needs 0\.042 s"),
        ({"curve": lambda x: 2 * x}, r"must stay within 0 to 1\. Got 0 to 2: draw it lower"),
    ],
)
def test_ranges_and_curves_that_cannot_be(scope: dict[str, Any], message: str):
    with pytest.raises(InputError, match=message):
        weights(Scope(**scope), lively(4.0))


def test_no_frames():
    with pytest.raises(InputError, match="has no frames"):
        weights(Scope(), lively(1.0).slice(0, 0))


def test_a_curve_that_gives_no_number():
    with pytest.raises(ValueError, match="a finite number for each of 24"):
        weights(Scope(curve=lambda x: x * math.nan), lively(1.0))


@pytest.mark.parametrize("speed", [0.5, 1.0, 1.7])
def test_a_whole_motion_takes_its_new_time(speed: float):
    positions = stretched(lively(4.0), np.full(96, speed))
    assert len(positions) == math.ceil(96 / speed)
    np.testing.assert_allclose(positions, np.minimum(np.arange(len(positions)) * speed, 95), atol=1e-6)


@pytest.mark.parametrize("speed", [0.3, 0.8, 1.3, 4.0])
@pytest.mark.parametrize("fade_s", [0.0, 0.3])
def test_a_range_keeps_its_place_and_time_never_runs_back(speed: float, fade_s: float):
    motion = lively(6.0)
    scope = Scope(start_s=1.0, end_s=4.0, fade_s=fade_s)
    positions = warped(scope, motion, np.full(144, speed))
    frames = np.arange(144)
    assert (positions[:24] == frames[:24]).all()
    assert (positions[96:] == frames[96:]).all()
    assert (np.diff(positions) >= -1e-9).all()
    assert np.diff(positions).max() < max(speed, 1, 4 * (1 - speed) + 1) + 0.3
    np.testing.assert_allclose(np.diff(positions)[36:40], speed, atol=1e-6)


def test_a_range_up_to_the_end_has_nothing_to_catch_up_with():
    motion = lively(4.0)
    positions = warped(Scope(start_s=2.0, fade_s=0.0), motion, np.full(96, 0.5))
    np.testing.assert_allclose(positions[48:], 48 + 0.5 * np.arange(48))


def test_one_frame():
    motion = lively(1.0).slice(0, 1)
    assert stretched(motion, np.ones(1)).tolist() == [0.0]
    assert warped(Scope(), motion, np.ones(1)).tolist() == [0.0]
    assert weights(replace(Scope(), start_s=0.0, end_s=0.01), motion).tolist() == [1.0]
