"""Net benefit and calibration bins: their rows, their definitions, their edges."""

import json

import numpy as np
import pytest

from osler import InputError, NotEstimable
from osler.evaluate import calibration_table, incidence, net_benefit


def test_net_benefit_is_vickers_formula(make_outcome):
    """Without censoring it is true positives less weighed false positives, per subject."""
    y, risk = np.array([1, 1, 0, 0, 0]), np.array([0.9, 0.2, 0.6, 0.1, 0.5])
    (row,) = net_benefit(y, risk, thresholds=[0.2], bootstrap=20)
    assert row.model == pytest.approx((2 - 2 * 0.25) / 5)
    assert row.treat_all == pytest.approx(0.4 - 0.6 * 0.25)
    assert row.treat_none == 0
    timed = net_benefit(make_outcome(y, [1.0] * 5), risk, 1.0, thresholds=[0.2], bootstrap=20)
    assert timed[0].model == pytest.approx(row.model)


def test_with_censoring_the_flagged_have_their_own_curve(world):
    """Risk among the flagged is Aalen–Johansen of the flagged."""
    made = world(500, seed=1)
    risk = made.incidence([5.0])[:, 0]
    (row,) = net_benefit(made.y, risk, 5.0, cause=1, thresholds=[0.4], label="5y", bootstrap=50)
    flagged = risk >= 0.4
    observed = incidence(made.y[flagged], [5.0])[1].value[0]
    expected = flagged.mean() * (observed - (1 - observed) * 0.4 / 0.6)
    assert row.model == pytest.approx(expected)
    assert row.low < row.model < row.high
    assert row.model > max(row.treat_all, 0)
    assert list(row.to_json()) == [
        "horizon", "threshold", "model", "low", "high", "treat_all", "treat_none",
    ]  # fmt: skip


def test_flagging_all_or_nobody_is_treating_all_or_none(world):
    """At the ends the model is one of the two policies it is compared with."""
    made = world(200)
    low = net_benefit(made.y, np.full(200, 0.99), 5.0, thresholds=[0.1], bootstrap=10)[0]
    none = net_benefit(made.y, np.full(200, 0.01), 5.0, thresholds=[0.1], bootstrap=10)[0]
    assert low.model == pytest.approx(low.treat_all)
    assert none.model == 0


def test_flagged_who_are_not_followed_give_nan(make_outcome):
    """When those over the threshold are all censored early, their benefit is unknown."""
    y = make_outcome([0, 0, 1, 0], [1.0, 1.0, 2.0, 6.0])
    row = net_benefit(y, [0.9, 0.9, 0.1, 0.1], 5.0, thresholds=[0.5], bootstrap=10)[0]
    assert np.isnan(row.model)
    assert row.to_json()["model"] is None


def test_bins_hold_everyone_and_their_own_observed_risk(world):
    """Ten bins of equal size; a bin's observed risk is its own estimate with interval."""
    made = world(1000, seed=2)
    risk = made.incidence([5.0])[:, 0]
    table = calibration_table(made.y, risk, 5.0, cause=1, bootstrap=50)
    assert [one.n for one in table.bins] == [100] * 10
    predicted = [one.predicted for one in table.bins]
    assert predicted == sorted(predicted)
    top = np.argsort(risk)[-100:]
    assert table.bins[-1].observed == pytest.approx(incidence(made.y[top], [5.0])[1].value[0])
    assert all(one.low <= one.observed <= one.high for one in table.bins)
    assert sum(one.low <= one.predicted <= one.high for one in table.bins) >= 8
    told = table.to_json()
    assert {"bins", "slope", "intercept", "ici"} <= set(told)
    assert set(told["bins"][0]) == {"predicted", "observed", "low", "high", "n"}
    json.dumps(told, allow_nan=False)


def test_equal_predictions_stay_in_one_bin():
    """Three distinct risks make at most three bins."""
    y = np.tile([0, 1, 0, 1, 1], 30)
    risk = np.tile([0.1, 0.3, 0.3, 0.6, 0.6], 30)
    table = calibration_table(y, risk, bootstrap=10)
    assert sum(one.n for one in table.bins) == 150
    assert len(table.bins) == 3


def test_a_bin_without_events_has_an_upper_bound():
    """No event seen is not no risk."""
    y, risk = np.repeat([0, 1], 50), np.linspace(0.01, 0.9, 100)
    first = calibration_table(y, risk, bootstrap=10).bins[0]
    assert (first.observed, first.low) == (0, 0)
    assert first.high > 0.05


def test_everyone_the_same_risk_is_one_bin(world):
    """A constant prediction still shows its one point."""
    made = world(100)
    table = calibration_table(made.y, np.full(100, 0.4), 5.0, bootstrap=10)
    assert len(table.bins) == 1
    assert np.isnan(table.slope.value)


@pytest.mark.parametrize("function", [net_benefit, calibration_table])
def test_a_horizon_past_follow_up_is_not_estimable(world, function):
    """Nobody is followed so far: the message gives the longest follow-up."""
    made = world(50)
    with pytest.raises(NotEstimable, match="longest follow-up is"):
        function(made.y, np.full(50, 0.5), 99.0)


@pytest.mark.parametrize("function", [net_benefit, calibration_table])
def test_wrong_input_is_named(world, function):
    """Wrong lengths, risks and horizons are faults."""
    made = world(50)
    for risk, horizon, message in (
        (np.full(49, 0.5), 5.0, "risk: 49 entries"),
        (np.full(50, 1.5), 5.0, "outside 0 to 1"),
        (np.full(50, 0.5), -5.0, "after 0"),
        (np.full(50, np.nan), 5.0, "NaN"),
    ):
        with pytest.raises(InputError, match=message):
            function(made.y, risk, horizon)
    with pytest.raises(InputError, match="values other than 0 and 1"):
        function(np.full(50, 2), np.full(50, 0.5))
