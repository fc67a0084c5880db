import numpy as np
import pytest

from vlogger_core.data.augment import SAMPLE_RATE, degrade, varispeed


@pytest.mark.parametrize("factor", [0.87, 1.0, 1.15])
def test_varispeed_says_how_much_time_shrinks(factor: float):
    rate = 22050
    clicks = np.zeros(rate)
    clicks[15000] = 1
    faster, exact = varispeed(clicks, rate, factor)
    assert abs(float(exact) - factor) < 0.01
    assert abs(np.abs(faster).argmax() / SAMPLE_RATE - 15000 / rate / float(exact)) < 2e-4


def test_degrading_keeps_time_and_is_seeded():
    rng = np.random.default_rng(0)
    speech = rng.normal(size=SAMPLE_RATE) * (np.arange(SAMPLE_RATE) > 8000)
    for seed in range(12):
        out = degrade(speech, np.random.default_rng(seed))
        assert out.shape == speech.shape
        assert np.isfinite(out).all()
        np.testing.assert_array_equal(out, degrade(speech, np.random.default_rng(seed)))
        assert np.mean(out[9000:] ** 2) > np.mean(out[:7000] ** 2)
