"""Incidences from cause-specific hazards."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from lifelines import AalenJohansenFitter

from osler.learn import incidence as module
from osler.learn.incidence import Hazards, baseline, null_incidence
from osler.learn.outcome import SurvivalOutcome

hazard = st.floats(0, 5)
ONCE = np.ones((2, 6), dtype=np.int64)


@settings(max_examples=50, deadline=None)
@given(
    jumps=arrays(np.float64, (2, 6), elements=hazard),
    eta=arrays(np.float64, (3, 2, 2), elements=st.floats(-50, 50)),
)
def test_incidences_are_probabilities(jumps, eta):
    """Whatever the hazards, incidences rise, stay in [0, 1] and sum with survival to one."""
    hazards = Hazards(np.arange(6.0), jumps, np.repeat([[0, 0, 0, 1, 1, 1]], 2, axis=0), ONCE)
    curves = hazards.incidence(eta, np.linspace(0, 8, 17))
    assert (curves[:, :, 0] == 0).all()
    assert (np.diff(curves, axis=2) >= -1e-12).all()
    assert curves.min() >= 0
    assert curves.sum(axis=1).max() <= 1 + 1e-9


def _outcome_of(rng, n, ties, entry=False):
    time = rng.exponential(5, n)
    time = np.ceil(time / 2) if ties else time
    begun = rng.random(n) * time * 0.5 if entry else np.zeros(n)
    return SurvivalOutcome(rng.integers(0, 3, n), time, begun)


@pytest.mark.parametrize("ties", [False, True])
def test_without_covariates_it_is_aalen_johansen(ties):
    """Everyone alike: incidences equal Aalen and Johansen's, heavy ties included."""
    outcome = _outcome_of(np.random.default_rng(1), 600, ties)
    times = np.quantile(outcome.time, [0.2, 0.5, 0.8])
    curves = null_incidence(outcome).incidence(np.zeros((1, 2, 1)), times)[0]
    for cause in (1, 2):
        expected = _aalen_johansen(outcome, cause, times)
        np.testing.assert_allclose(curves[cause - 1], expected, atol=0.004)


def test_it_agrees_with_lifelines():
    """Without ties the incidence equals that of lifelines 0.30."""
    outcome = _outcome_of(np.random.default_rng(4), 400, ties=False)
    times = np.quantile(outcome.time, [0.2, 0.5, 0.8])
    curves = null_incidence(outcome).incidence(np.zeros((1, 2, 1)), times)[0]
    oracle = AalenJohansenFitter(calculate_variance=False).fit(outcome.time, outcome.event, 1)
    expected = oracle.cumulative_density_.iloc[:, 0].asof(times).to_numpy()
    np.testing.assert_allclose(curves[0], expected, atol=0.004)


def _aalen_johansen(outcome, cause, times):
    """Write the estimator out as in Aalen & Johansen 1978, Scand J Stat 5:141-150."""
    alive, total, answer = 1.0, 0.0, []
    grid = np.unique(outcome.time[outcome.event > 0])
    steps = []
    for at in grid:
        risk = np.sum((outcome.time >= at) & (outcome.entry < at))
        total += alive * np.sum((outcome.time == at) & (outcome.event == cause)) / risk
        alive *= 1 - np.sum((outcome.time == at) & (outcome.event > 0)) / risk
        steps.append(total)
    for t in times:
        index = np.searchsorted(grid, t, side="right")
        answer.append(steps[index - 1] if index else 0.0)
    return answer


def test_late_entry_without_covariates():
    """With left truncation it still is Aalen and Johansen's estimator."""
    outcome = _outcome_of(np.random.default_rng(2), 800, ties=False, entry=True)
    times = np.quantile(outcome.time, [0.3, 0.6])
    curves = null_incidence(outcome).incidence(np.zeros((1, 2, 1)), times)[0]
    np.testing.assert_allclose(curves[0], _aalen_johansen(outcome, 1, times), atol=0.01)


def test_slopes_are_derivatives():
    """Slopes by every cause and period agree with differences of the incidence."""
    rng = np.random.default_rng(0)
    period = np.array([[0, 0, 1, 1, 2], [0, 0, 0, 0, 0]])
    hazards = Hazards(np.arange(1.0, 6.0), rng.random((2, 5)) * 0.3, period, ONCE[:, :5])
    eta = rng.normal(size=(4, 2, 3))
    slope = hazards.slope(eta, 4.5, cause=1)
    for cause in range(2):
        for part in range(3):
            step = np.zeros((2, 3))
            step[cause, part] = 1e-6
            ahead, behind = (
                hazards.incidence(eta + s, np.array([4.5]))[:, 0, 0] for s in (step, -step)
            )
            np.testing.assert_allclose(slope[:, cause, part], (ahead - behind) / 2e-6, atol=1e-8)


def test_many_times_are_thinned(monkeypatch):
    """More event times than are kept change the incidences by less than their spacing."""
    outcome = _outcome_of(np.random.default_rng(3), 2000, ties=False)
    times = np.quantile(outcome.time, [0.25, 0.5, 0.75])
    eta = np.zeros((1, 2, 1))
    whole = null_incidence(outcome)
    monkeypatch.setattr(module, "MOST_TIMES", 200)
    thin = baseline(outcome, np.zeros((2000, 2, 1)), [np.zeros(0)] * 2)
    assert len(thin.times) == 200 < len(whole.times)
    np.testing.assert_allclose(
        thin.incidence(eta, times), whole.incidence(eta, times), atol=1 / 200
    )


def test_mean_incidence_is_over_the_middle_of_the_events():
    """It averages the curve over event times, each as often as events, without both tenths."""
    events = np.array([[1, 4, 3, 1, 1]])
    hazards = Hazards(np.arange(1.0, 6.0), np.full((1, 5), 0.2), np.zeros((1, 5), int), events)
    eta = np.random.default_rng(0).normal(size=(7, 1, 1))
    curves = hazards.incidence(eta, hazards.times)[:, 0]
    np.testing.assert_allclose(
        hazards.mean_incidence(eta, 1), curves @ np.array([0.0, 4, 3, 1, 0]) / 8
    )
    np.testing.assert_allclose(hazards.mean_incidence(eta), hazards.mean_incidence(eta, 1))


def test_mean_incidence_of_a_cause_without_events():
    """A cause that never happened has a mean incidence of zero for all."""
    events = np.array([[2, 2], [0, 0]])
    jumps = np.array([[0.1, 0.1], [0.0, 0.0]])
    hazards = Hazards(np.array([1.0, 2.0]), jumps, np.zeros((2, 2), int), events)
    assert not hazards.mean_incidence(np.zeros((3, 2, 1)), 2).any()
