import numpy as np
import pytest

from vlogger_core.data.lag import MOST_LAG, best_lag, correlation, lagged_correlations


@pytest.fixture
def truth() -> np.ndarray:
    return np.convolve(np.random.default_rng(0).random(208), np.ones(9) / 9, mode="valid")


def test_a_copy_correlates_and_what_is_still_does_not(truth):
    assert correlation(truth, 0.3 * truth + 0.1) == pytest.approx(1)
    assert correlation(truth, -truth) == pytest.approx(-1)
    assert np.isnan(correlation(np.full(200, 0.2), truth))


@pytest.mark.parametrize("lag", [-6, -1, 0, 3])
def test_lag_is_found_and_late_is_positive(truth, lag):
    curve = lagged_correlations(np.roll(truth, lag), truth)
    assert curve.shape == (2 * MOST_LAG + 1,)
    assert curve.argmax() - MOST_LAG == lag
    assert curve.max() > 0.97


def test_the_best_lag_is_that_of_the_motion():
    sound = np.random.default_rng(2).random(200)
    assert best_lag(np.roll(sound, 3), sound) == (3, pytest.approx(1, abs=1e-9))
    assert best_lag(np.zeros(200), sound) == (0, 0.0)
