"""D-calibration where times are told in steps: the truth passes, what is wrong still fails."""

import numpy as np
import pytest

from osler.evaluate import time_to_event
from osler.evaluate.d_calibration import (
    d_calibration_shares,
    survival_at_own_time,
    survival_before_tie,
)
from osler.evaluate.inputs import Outcome

GRID = np.arange(1.0, 61.0)


def _told_in_days(n, seed, hazard=0.1):
    """Return outcomes rounded up to whole days, and the true curves by day."""
    rng = np.random.default_rng(seed)
    rate = hazard * np.exp(rng.normal(size=n))
    event, censored = rng.exponential(1 / rate), rng.uniform(5, 60, size=n)
    y = np.zeros(n, dtype=[("event", int), ("time", float)])
    y["event"], y["time"] = event <= np.ceil(censored), np.ceil(np.minimum(event, censored))
    return y, np.exp(-np.outer(rate, GRID))


def _p(y, survival):
    return time_to_event(y, y, survival, GRID, bootstrap=2)["d_calibration_p"].value


def test_true_curves_pass_though_days_hold_many_events():
    """Curves that are right at the end of each day are not rejected for the days' length."""
    found = [_p(*_told_in_days(3000, seed)) for seed in range(3)]
    assert min(found) > 0.05 / 3
    assert np.median(found) > 0.2


def test_wrong_curves_still_fail():
    """A hazard a third too low is seen through the ties."""
    y, survival = _told_in_days(3000, 7)
    assert _p(y, survival**0.7) < 1e-6


def test_the_order_within_a_day_does_not_matter_and_shares_add_up():
    """Every subject has one share in all, and the step is where it should be."""
    y, survival = _told_in_days(300, 3)
    outcome = Outcome(y["event"], y["time"])
    own, cut = survival_at_own_time(survival, GRID, outcome)
    before = survival_before_tie(survival, GRID, cut)
    shares = d_calibration_shares(own, cut.event > 0, before)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    assert (before >= own).all()
    first = np.flatnonzero((y["time"] == y["time"].min()) & (y["event"] > 0))
    np.testing.assert_allclose(before[first], 1.0)


def test_times_that_nobody_shares_have_no_step():
    """Without ties the plain definition holds to the last digit."""
    rng = np.random.default_rng(4)
    time = np.sort(rng.uniform(1, 59, size=200))
    event = rng.integers(0, 2, size=200)
    survival = np.exp(-np.outer(rng.uniform(0.01, 0.1, size=200), GRID))
    outcome = Outcome(event, time)
    own, cut = survival_at_own_time(survival, GRID, outcome)
    before = survival_before_tie(survival, GRID, cut)
    assert before == pytest.approx(own, abs=0)
    plain = d_calibration_shares(own, cut.event > 0)
    np.testing.assert_array_equal(d_calibration_shares(own, cut.event > 0, before), plain)
