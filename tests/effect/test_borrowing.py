"""Trials as a prior: closed forms, conflict, and what borrowing does when trials do not hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr

from osler.effect.borrowing import Evidence, borrow, operating, predict_setting, robust
from osler.errors import InputError

numbers = st.floats(-5, 5)
errors = st.floats(0.05, 3)


@settings(max_examples=15)
@given(numbers, errors, numbers, errors)
def test_full_weight_without_spread_is_inverse_variance_pooling(a, ea, b, eb):
    """With all weight to one trial and no heterogeneity the answer is the pooled estimate."""
    found = borrow(Evidence(a, ea), Evidence(b, eb), weight=1, heterogeneity=0, least_coverage=None)
    w, v = 1 / ea**2, 1 / eb**2
    half = 1.959964 / np.sqrt(w + v)
    assert found.estimate.value == pytest.approx((w * a + v * b) / (w + v), abs=1e-6)
    assert found.estimate.low == pytest.approx((w * a + v * b) / (w + v) - half, abs=1e-4)
    assert found.weight_after == 1.0


def test_no_weight_leaves_the_local_estimate():
    """With no weight to the trial and a vague prior the local interval stays."""
    found = borrow(Evidence(0.3, 0.1), Evidence(-1, 0.1), weight=0, vague_error=1000)
    assert found.estimate.value == pytest.approx(0.3, abs=1e-6)
    assert found.estimate.high == pytest.approx(found.local.high, abs=1e-4)


def test_mixture_posterior_agrees_with_integration():
    """Mean and quantiles of the posterior are those of prior times likelihood on a fine grid."""
    found = borrow(
        Evidence(0.9, 0.4), Evidence(0, 0.3), weight=0.6, heterogeneity=0, vague_error=3,
        least_coverage=None,
    )  # fmt: skip
    grid = np.linspace(-15, 15, 600_001)

    def density(x, m, s):
        return np.exp(-(((x - m) / s) ** 2) / 2) / s

    prior = 0.6 * density(grid, 0, 0.3) + 0.4 * density(grid, 0, 3)
    after = prior * density(grid, 0.9, 0.4)
    after /= after.sum()
    assert found.estimate.value == pytest.approx(grid @ after, abs=1e-5)
    below = np.cumsum(after)
    assert found.estimate.low == pytest.approx(grid[np.searchsorted(below, 0.025)], abs=1e-3)
    assert found.estimate.high == pytest.approx(grid[np.searchsorted(below, 0.975)], abs=1e-3)


def test_weight_falls_and_conflict_shows_as_they_part():
    """The farther trial and local data are apart, the less the trial counts."""
    weights, conflicts = [], []
    for shift in (0, 1, 2, 4, 8):
        found = borrow(Evidence(0.1 * shift, 0.1), Evidence(0, 0.05), n=100, least_coverage=None)
        weights.append(found.weight_after)
        conflicts.append(found.conflict)
    assert weights == sorted(weights, reverse=True)
    assert conflicts == sorted(conflicts, reverse=True)
    assert weights[-1] < 0.001
    assert found.conflicts
    assert "conflict" in str(found)
    assert found.estimate.value == pytest.approx(0.8, abs=0.01)


def test_simulated_coverage_is_what_the_table_says():
    """Coverage and bias by simulation are the computed ones, and never under what was asked."""
    found = borrow(Evidence(0, 1.0), Evidence(0.0, 0.6), n=100)
    prior = robust(predict_setting([Evidence(0.0, 0.6)], 0.3), found.weight_before, 10.0)
    rng = np.random.default_rng(0)
    grid = np.linspace(-8, 14, 2201)
    told = {row["drift"]: row for row in found.operating}
    for drift in (0.0, 2.0, 6.0):
        value = rng.normal(drift, 1.0, 400)
        weight, mean, sd = prior.updated(value, 1.0)
        below = sum(
            weight[:, [k]] * ndtr((grid - mean[:, [k]]) / sd[k]) for k in range(len(sd))
        )  # fmt: skip
        low = grid[(below < 0.025).sum(axis=1)]
        high = grid[(below < 0.975).sum(axis=1)]
        covered = np.mean((low <= drift) & (drift <= high))
        bias = abs(np.mean((weight * mean).sum(axis=1)) - drift)
        assert covered == pytest.approx(told[drift]["coverage"], abs=4 * np.sqrt(0.09 / 400))
        assert bias == pytest.approx(told[drift]["bias"], abs=4 / np.sqrt(400))
        assert told[drift]["coverage"] >= 0.9 - 0.002


@pytest.mark.parametrize("asked", [0.85, 0.93])
def test_least_coverage_bounds_every_drift(asked):
    """Whatever the drift, coverage is at least what was asked; asking more borrows less."""
    found = borrow(Evidence(0, 1), Evidence(0, 0.5), n=200, least_coverage=asked)
    assert found.least_coverage >= asked - 1e-9
    free = borrow(Evidence(0, 1), Evidence(0, 0.5), n=200, least_coverage=None)
    assert found.weight_before < free.weight_before
    assert found.operating[0]["width"] > free.operating[0]["width"]
    assert found.operating[0]["width"] < 1


def test_trials_that_disagree_lend_less():
    """Several trials that differ predict a wider range here than trials that agree."""
    same = predict_setting([Evidence(0, 0.1), Evidence(0, 0.1), Evidence(0, 0.1)], 0.5)
    apart = predict_setting([Evidence(-0.8, 0.1), Evidence(0, 0.1), Evidence(0.8, 0.1)], 0.5)
    assert apart.spread > 2 * same.spread
    assert same.weight.sum() == pytest.approx(1)


def test_operating_is_symmetric_and_wide_drift_is_local():
    """Far from the trials the interval is about the local one and covers as it claims."""
    prior = robust(predict_setting([Evidence(0, 0.3)], 0.1), 0.3, 20)
    (far,) = operating(prior, 1.0, 0.95, (9.0,))
    assert far["coverage"] == pytest.approx(0.95, abs=0.01)
    assert far["width"] == pytest.approx(1.0, abs=0.02)
    assert far["weight"] < 0.01


def test_published_intervals_are_read_back():
    """An interval gives its midpoint and error."""
    one = Evidence.of_interval(-1.96, 1.96)
    assert (one.value, one.error) == (0.0, pytest.approx(1.0, abs=1e-4))


def test_faults_are_told_at_once():
    """Every unusable number is named; a vague prior that is none is refused."""
    with pytest.raises(InputError) as caught:
        borrow(Evidence(np.nan, 1), [Evidence(0, 0)], weight=2, n=1, level=1.5)
    assert len(caught.value.faults) >= 5
    with pytest.raises(InputError, match="trials"):
        borrow(Evidence(0, 1), [])
    with pytest.raises(InputError, match="vague_error"):
        borrow(Evidence(0, 1), Evidence(0, 1), vague_error=0.5)


def test_it_becomes_plain_json():
    """The result is JSON with the table of what borrowing does."""
    found = borrow(Evidence(0, 1), Evidence(0, 1), n=50).to_json()
    assert {"estimate", "conflict", "weight_after", "operating"} <= set(found)
    assert {"drift", "coverage", "bias", "width", "weight"} == set(found["operating"][0])
