import math

import pytest
import torch

from vlogger_core.motion.smoothing import PASS_HZ, STOP_HZ, low_pass, median


def _gain(frequency_hz: float, fps: float) -> float:
    wave = torch.sin(2 * math.pi * frequency_hz * torch.arange(400) / fps)[:, None]
    return float(low_pass(wave, fps)[100:300].std() / wave[100:300].std())


@pytest.mark.parametrize("fps", [24.0, 30.0, 60.0])
def test_keeps_slow_and_removes_fast(fps: float):
    assert _gain(0.5, fps) == pytest.approx(1, abs=0.02)
    assert _gain(PASS_HZ, fps) > 0.88
    assert _gain(STOP_HZ, fps) < 0.12
    assert _gain(10.0, fps) < 0.01


def test_constants_stay_and_shapes_too():
    values = torch.full((5, 3), 0.25)
    torch.testing.assert_close(low_pass(values, 24.0), values)
    assert low_pass(torch.ones(1, 2), 8.0).shape == (1, 2)


def test_peaks_stay_on_their_frame():
    values = torch.zeros(50, 1)
    values[25] = 1
    assert low_pass(values, 24.0).argmax() == 25


def test_median_keeps_steps_and_removes_speckles():
    values = torch.zeros(30, 1)
    values[15:] = 1
    assert torch.equal(median(values), values)
    spoiled = values.clone()
    spoiled[[5, 22]] = 0.5
    assert torch.equal(median(spoiled), values)
    assert median(torch.ones(1, 2)).shape == (1, 2)
