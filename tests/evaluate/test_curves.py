"""Observed curves beside lifelines, beside their definition, and at their edges."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osler import InputError, NotEstimable
from osler.evaluate import incidence
from osler.evaluate.curves import Censoring, RiskSets, followed_to, known_status_weights
from osler.evaluate.inputs import Outcome

OUTCOMES = st.lists(
    st.tuples(st.integers(0, 2), st.integers(1, 6)), min_size=3, max_size=25
).filter(lambda rows: any(event for event, _ in rows))


def as_outcome(rows):
    """Return the outcome of (event, time) rows."""
    return Outcome(np.array([e for e, _ in rows]), np.array([t for _, t in rows], float))


def aalen_johansen(outcome, weights, cause, time):
    """Return the weighted cumulative incidence by its definition."""
    survival, reached = 1.0, 0.0
    for step in np.unique(outcome.time[outcome.event > 0]):
        if step > time:
            break
        at_risk = weights[outcome.time >= step].sum()
        here = outcome.time == step
        reached += survival * weights[here & (outcome.event == cause)].sum() / at_risk
        survival *= 1 - weights[here & (outcome.event > 0)].sum() / at_risk
    return reached


def test_one_cause_is_kaplan_meier_of_lifelines_with_greenwood(world):
    """Value and log(−log) interval of a single cause are those of lifelines."""
    lifelines = pytest.importorskip("lifelines")
    y = world(200, seed=3, others=False).y
    times = np.array([1.0, 4.0, 9.0])
    fitted = lifelines.KaplanMeierFitter().fit(y["time"], y["event"])
    curve = incidence(y, times)[1]
    assert curve.value == pytest.approx(1 - fitted.survival_function_at_times(times).to_numpy())
    bounds = fitted.confidence_interval_survival_function_
    for row, time in enumerate(times):
        low, high = bounds.iloc[bounds.index.searchsorted(time, side="right") - 1]
        assert curve.low[row] == pytest.approx(1 - high, abs=1e-9)
        assert curve.high[row] == pytest.approx(1 - low, abs=1e-9)


def test_competing_causes_are_aalen_johansen_of_lifelines(world):
    """The incidence of each cause is lifelines', its variance within a few per cent of Aalen's."""
    lifelines = pytest.importorskip("lifelines")
    y = world(400, seed=4).y
    for cause in (1, 2):
        fitted = lifelines.AalenJohansenFitter(calculate_variance=True)
        fitted.fit(y["time"], y["event"], event_of_interest=cause)
        for time in (2.0, 8.0):
            point = RiskSets.of(Outcome(y["event"], y["time"])).influenced(cause, time)
            row = fitted.cumulative_density_.index.searchsorted(time, side="right") - 1
            assert point.value == pytest.approx(fitted.cumulative_density_.iloc[row, 0], abs=1e-9)
            variance = float(fitted.variance_.iloc[row])
            assert point.standard_error**2 == pytest.approx(variance, rel=0.05)


@settings(max_examples=60, deadline=None)
@given(OUTCOMES, st.integers(1, 2), st.integers(0, 7))
def test_influence_is_the_derivative_of_the_incidence(rows, cause, time):
    """Each subject's influence is what a little more of its weight does to the estimate."""
    outcome = as_outcome(rows)
    point = RiskSets.of(outcome).influenced(cause, float(time))
    ones = np.ones(len(rows))
    assert point.value == pytest.approx(aalen_johansen(outcome, ones, cause, time), abs=1e-12)
    for subject in range(len(rows)):
        step = 1e-6 * (np.arange(len(rows)) == subject)
        up = aalen_johansen(outcome, ones + step, cause, time)
        down = aalen_johansen(outcome, ones - step, cause, time)
        assert point.influence[subject] == pytest.approx((up - down) / 2e-6, abs=1e-6)
    assert point.pseudo_values.mean() == pytest.approx(point.value, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(OUTCOMES)
def test_incidences_and_survival_sum_to_one(rows):
    """At every time the causes' incidences and the chance of no event are everyone."""
    sets = RiskSets.of(as_outcome(rows))
    total = sets.incidence(1) + sets.incidence(2) + sets.survival
    assert total == pytest.approx(np.ones(sets.steps.size))


def test_delayed_entry_counts_only_those_under_observation(make_outcome):
    """A subject is at risk after entering, and its influence is still the derivative."""
    y = make_outcome([1, 0, 1, 1], [2.0, 3.0, 4.0, 6.0])
    entry = np.array([0.0, 0.0, 3.0, 0.0])
    found = incidence(y, [2.0, 4.0], entry=entry)[1]
    assert found.value.tolist() == pytest.approx([1 / 3, 1 / 3 + 2 / 3 / 2])
    assert found.at_risk.tolist() == [3.0, 2.0]
    point = RiskSets.of(Outcome(y["event"], y["time"]), entry).influenced(1, 4.0)
    assert point.influence.sum() == pytest.approx(0)


def test_someone_who_enters_too_late_is_a_fault(make_outcome):
    """Entering at or after leaving is told with its count."""
    y = make_outcome([1, 1], [2.0, 3.0])
    with pytest.raises(InputError, match="1 subjects enter at or after"):
        incidence(y, [1.0], entry=[0.0, 3.0])


def test_beyond_follow_up_the_incidence_is_unknown(make_outcome):
    """After the last censored subject the curve is NaN, not flat."""
    curve = incidence(make_outcome([1, 0, 0], [1.0, 2.0, 3.0]), [2.0, 3.0, 3.5])[1]
    assert np.isnan(curve.value).tolist() == [False, False, True]
    assert curve.to_json()["value"][2] is None


def test_a_curve_that_reached_everyone_is_known_for_ever(make_outcome):
    """When all had events, the incidence after the last stays what it is."""
    assert incidence(make_outcome([1, 2], [1.0, 2.0]), [9.0])[1].value[0] == 0.5


def test_no_event_at_all_is_not_estimable(make_outcome):
    """All censored: nothing to estimate, and what would help."""
    with pytest.raises(NotEstimable, match="follow longer"):
        incidence(make_outcome([0, 0], [1.0, 2.0]), [1.0])


def test_before_the_first_event_the_interval_still_has_width(make_outcome):
    """An incidence of 0 has an upper bound above 0."""
    curve = incidence(make_outcome([1, 0, 0], [5.0, 6.0, 7.0]), [1.0])[1]
    assert (curve.value[0], curve.low[0]) == (0.0, 0.0)
    assert 0 < curve.high[0] < 1


def test_events_come_before_censoring_at_one_time():
    """Someone censored at a time was under observation for the event of that time."""
    outcome = Outcome(np.array([1, 0, 1]), np.array([2.0, 2.0, 3.0]))
    censoring = Censoring.of(outcome)
    assert censoring.before(np.array([2.0, 2.5, 3.0])).tolist() == [1.0, 0.5, 0.5]


def test_censoring_at_the_horizon_counts_as_followed_to_it():
    """With everyone censored at the horizon, their status there is known."""
    outcome = Outcome(np.array([1, 0, 0]), np.array([2.0, 5.0, 5.0]))
    assert followed_to(outcome, 5.0)
    weights = known_status_weights(outcome, Censoring.of(outcome), 5.0)
    assert weights.tolist() == [1.0, 1.0, 1.0]
