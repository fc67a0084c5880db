from dataclasses import replace

import pytest
import torch

from tests.motion.lively_motion import FPS, LID, lively, put_blink
from vlogger_core.datatypes import Motion
from vlogger_core.motion.blinks import MIN_APART_S, find_blinks, set_blink_rate
from vlogger_core.names import EXPRESSION_INDEX

TIMES_S = (1.0, 4.0, 4.8, 9.5, 15.0)
LIDS = [EXPRESSION_INDEX[name] for name in ("eyeBlinkLeft", "eyeBlinkRight", "eyeSquintLeft", "eyeSquintRight")]


def peaks(motion: Motion) -> list[int]:
    return [blink.peak for blink in find_blinks(motion)]


def test_finds_each_blink_from_onset_to_end():
    blinks = find_blinks(lively(blinks_s=TIMES_S))
    assert [blink.peak for blink in blinks] == [round(time_s * FPS) for time_s in TIMES_S]
    for blink in blinks:
        assert blink.peak - blink.onset == 2
        assert 4 <= blink.end - blink.peak <= 5


def test_half_blinks_count_but_winks_twitches_sleep_and_low_looks_do_not():
    motion = lively()
    expression = motion.expression.clone()
    left, right = LIDS[:2]
    put_blink(expression, 24, depth=0.5)
    put_blink(expression, 72, depth=0.15)
    put_blink(expression, 120)
    expression[115:130, right] = LID
    expression[200:240, [left, right]] = 0.9
    expression[300:340, [left, right]] = 0.3
    assert peaks(replace(motion, expression=expression)) == [24]
    assert len(find_blinks(replace(motion, expression=expression), longest_s=3)) == 3


def test_a_blink_over_lowered_lids_is_found_and_leaves_them_lowered():
    motion = lively()
    expression = motion.expression.clone()
    expression[60:180, LIDS[:2]] = 0.3
    put_blink(expression, 120)
    motion = replace(motion, expression=expression)
    assert peaks(motion) == [120]
    without = set_blink_rate(motion, 0, 0).expression
    torch.testing.assert_close(without[100:140, LIDS[0]], torch.full((40,), 0.3))


def test_a_flutter_is_one_blink():
    motion = lively(blinks_s=(5.0, 5.0 + 3 / FPS))
    assert len(find_blinks(motion)) == 1


@pytest.mark.parametrize("peak", [1, 477])
def test_blinks_at_the_ends(peak: int):
    motion = lively()
    put_blink(motion.expression, peak)
    assert peaks(motion) == [peak]
    assert set_blink_rate(motion, 0, 0).expression[:, LIDS[:2]].max() < 0.1


def test_none_leaves_the_base_line_and_nothing_of_the_squint():
    still = lively()
    none = set_blink_rate(lively(blinks_s=TIMES_S), 0, seed=1)
    assert find_blinks(none) == []
    torch.testing.assert_close(none.expression, still.expression, atol=0.02, rtol=0)


def test_twitches_go_too_where_no_blink_is_wanted():
    motion = lively()
    put_blink(motion.expression, 100, depth=0.2)
    assert set_blink_rate(motion, 0, 0).expression[:, LIDS[0]].max() < 0.06


@pytest.mark.parametrize("per_minute", [4, 12, 20, 35, 50])
@pytest.mark.parametrize("before", [0, 10, 40])
def test_the_rate_is_reached_within_one_a_minute(per_minute: int, before: int):
    motion = lively(240.0)
    start = set_blink_rate(motion, before, seed=5)
    result = set_blink_rate(start, per_minute, seed=6)
    assert abs(len(find_blinks(result)) / 4 - per_minute) <= 1
    assert min(b - a for a, b in zip(peaks(result), peaks(result)[1:])) / FPS >= MIN_APART_S


def test_nothing_but_the_lids_changes_and_kept_blinks_stay():
    motion = lively(60.0, blinks_s=(10.0, 20.0, 30.0))
    more = set_blink_rate(motion, 12, seed=0)
    assert set(peaks(motion)) < set(peaks(more))
    others = [index for index in range(52) if index not in LIDS]
    assert torch.equal(more.expression[:, others], motion.expression[:, others])
    assert torch.equal(more.joint_rotvec, motion.joint_rotvec)
    fewer = set_blink_rate(motion, 2, seed=0)
    assert set(peaks(fewer)) < set(peaks(motion))


def test_new_blinks_close_fast_and_open_slowly():
    for blink in find_blinks(set_blink_rate(lively(60.0), 15, seed=2)):
        assert 1.5 * (blink.peak - blink.onset) <= blink.end - blink.peak
        assert 5 <= blink.end - blink.onset <= 10


def test_the_right_number_is_left_alone():
    motion = lively(60.0, blinks_s=(10.0, 20.0, 30.0))
    assert torch.equal(set_blink_rate(motion, 3, seed=0).expression, motion.expression)


def test_the_seed_says_where():
    motion = lively(60.0)
    first, again, other = (peaks(set_blink_rate(motion, 15, seed)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_blinks_prefer_pauses():
    motion = lively(120.0)
    speaking = torch.arange(motion.num_frames) % (4 * FPS) < 3 * FPS
    where = peaks(set_blink_rate(motion, 15, 0, speaking))
    distance = [
        min(frame % (4 * FPS), abs(frame % (4 * FPS) - 3 * FPS), 4 * FPS - frame % (4 * FPS)) for frame in where
    ]
    assert sum(d <= 0.25 * FPS for d in distance) > 0.4 * len(where)


@pytest.mark.parametrize("frames", [0, 1, 5])
def test_short_motions(frames: int):
    motion = lively(1.0).slice(0, frames)
    for per_minute in (0, 60):
        assert set_blink_rate(motion, per_minute, 0).num_frames == frames


def test_wrong_arguments():
    motion = lively(1.0)
    with pytest.raises(ValueError, match=r"per_minute must lie in 0 to 60\. Got 61"):
        set_blink_rate(motion, 61, 0)
    with pytest.raises(ValueError, match=r"seed must be at least 0\. Got -1"):
        set_blink_rate(motion, 10, -1)
    with pytest.raises(ValueError, match=r"speaking must have 24 frames, as the motion\. Got 3"):
        set_blink_rate(motion, 10, 0, torch.ones(3, dtype=torch.bool))
