"""Baseline hazards that average to Aalen and Johansen's estimate, unless censoring forbids it."""

import numpy as np

from osler.learn.incidence import baseline, null_incidence
from osler.learn.outcome import SurvivalOutcome

NONE = [np.zeros(0)]


def _people(rows, seed, causes=1, censored_by=0.0):
    """Return outcomes, their log hazards, and who is censored sooner the higher the hazard."""
    rng = np.random.default_rng(seed)
    eta = rng.normal(size=(rows, causes))
    when = rng.exponential(np.exp(-eta))
    event, time = when.argmin(axis=1) + 1, when.min(axis=1)
    gone = rng.exponential(2 * np.exp(-censored_by * eta[:, 0]))
    entry = np.zeros(rows)
    outcome = SurvivalOutcome(np.where(time <= gone, event, 0), np.minimum(time, gone), entry)
    return outcome, eta[:, :, None]


def _distance(outcome, eta, causes):
    """Return how far the mean incidence is from the estimate without features, at most."""
    hazards = baseline(outcome, eta, NONE * causes)
    none = null_incidence(outcome)
    upto = hazards.times[: int(0.9 * len(hazards.times))]
    mean = hazards.incidence(eta, upto).mean(axis=0)
    return float(np.abs(mean - none.incidence(np.zeros((1, causes, 1)), upto)[0]).max())


def test_the_mean_incidence_is_that_of_aalen_and_johansen():
    """With two causes and chance censoring the average over the people is exact."""
    outcome, eta = _people(300, 0, causes=2)
    assert _distance(outcome, eta, 2) < 1e-3


def test_censoring_that_depends_on_the_features_is_not_followed():
    """Where the estimate without features must be wrong, the hazards stay as they were."""
    outcome, eta = _people(4000, 1, censored_by=1.5)
    assert _distance(outcome, eta, 1) > 0.03
    truth = np.mean(-np.expm1(-np.exp(eta[:, 0, 0])[:, None] * np.array([[0.3, 0.6]])), axis=0)
    mean = baseline(outcome, eta, NONE).incidence(eta, np.array([0.3, 0.6])).mean(axis=0)[0]
    np.testing.assert_allclose(mean, truth, atol=0.02)


def test_late_entry_leaves_the_hazards_alone():
    """Who is under observation late is no sample of everyone: nothing is matched."""
    outcome, eta = _people(300, 2)
    late = SurvivalOutcome(outcome.event, outcome.time, np.full(300, 1e-9))
    plain = baseline(late, eta, NONE)
    matched = baseline(outcome, eta, NONE)
    assert not np.allclose(plain.jumps, matched.jumps, rtol=1e-6)
