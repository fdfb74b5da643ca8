"""Sensitivity to what was not measured, against published numbers and known biases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from osler.effect.average import average
from osler.effect.checks.negative_controls import empirical_null
from osler.effect.checks.sensitivity import (
    bias_scale,
    e_value,
    e_value_of_hazard_ratio,
    e_value_of_means,
    e_value_of_odds_ratio,
    e_value_of_risks,
    omitted_variable_bounds,
    robustness_of_average,
    robustness_value,
)
from osler.effect.nuisance import estimate
from osler.effect.problem import Problem
from osler.effect.scores import doubly_robust
from osler.errors import InputError, NotEstimable
from osler.model.estimate import Estimate


def test_the_published_e_value() -> None:
    """Risk ratio 3.9 (1.8 to 8.7) has E-values 7.26 and 3.0 (VanderWeele & Ding 2017)."""
    found = e_value(3.9, 1.8, 8.7)
    assert (round(found.point, 2), round(found.limit, 2)) == (7.26, 3.0)


def test_the_published_robustness_values() -> None:
    """A t of 4.18 with 783 degrees gives 13.9 % and 7.6 % (Cinelli & Hazlett 2020, table 1)."""
    found = robustness_value(4.18, 783)
    assert (round(100 * found.point, 1), round(100 * found.limit, 1)) == (13.9, 7.6)


@given(st.floats(0.05, 20))
def test_harm_and_benefit_are_alike(ratio: float) -> None:
    """A ratio and its inverse have the same E-value, which is the ratio's or more."""
    assert e_value(ratio).point == pytest.approx(e_value(1 / ratio).point)
    assert e_value(ratio).point >= max(ratio, 1 / ratio) - 1e-9


@pytest.mark.parametrize("interval", [(0.9, 3.0), (0.2, 1.5)])
def test_an_interval_that_holds_no_effect_needs_no_cause(interval: tuple[float, float]) -> None:
    """Its E-value is 1."""
    middle = np.sqrt(interval[0] * interval[1])
    assert e_value(float(middle), *interval).limit == 1.0


@pytest.mark.parametrize("ratio", [0.0, -1.0, float("nan"), float("inf")])
def test_no_ratio_is_refused(ratio: float) -> None:
    """A risk ratio is above 0 and finite."""
    with pytest.raises(InputError):
        e_value(ratio)


def test_other_measures_become_risk_ratios() -> None:
    """Common odds by the root, means by exp(0.91 d), risks against the reference's."""
    assert e_value_of_odds_ratio(4.0, common=True).point == e_value(2.0).point
    assert e_value_of_odds_ratio(4.0, common=False).point == e_value(4.0).point
    assert e_value_of_hazard_ratio(1.0, common=True).point == pytest.approx(1.0)
    means = e_value_of_means(Estimate(1.0, 0.5, 1.5), 2.0)
    assert means.point == pytest.approx(e_value(float(np.exp(0.455))).point)
    assert e_value_of_risks(Estimate(0.1, 0.05, 0.15), 0.1).point == e_value(2.0).point
    with pytest.raises(NotEstimable):
        e_value_of_risks(Estimate(0.1, 0.05, 0.15), 0.0)


def hidden(seed: int, n: int, strength: float) -> tuple[Problem, np.ndarray]:
    """Return a problem whose hidden cause drives treatment and outcome; the effect is 1."""
    rng = np.random.default_rng(seed)
    x, u = rng.normal(size=(n, 2)), rng.normal(size=n)
    a = (rng.random(n) < 1 / (1 + np.exp(-0.5 * x[:, 0] - strength * u))).astype(int)
    return Problem.of(x, a, a + x[:, 0] + strength * u + rng.normal(size=n)), u


def test_bounds_hold_the_truth_when_the_cause_is_as_strong_as_said() -> None:
    """With the hidden cause's own shares the bounds reach the truth; with none they do not."""
    problem, u = hidden(0, 6000, 0.8)
    nuisance = estimate(problem, 0, "fast")
    found = average(doubly_robust(problem, nuisance), problem, 1)
    assert found.low > 1.3
    residual = problem.number - nuisance.outcome[np.arange(problem.rows), problem.arm]
    share = float(np.corrcoef(residual, u)[0, 1] ** 2)
    bounds = omitted_variable_bounds(
        problem, nuisance, found, 1, outcome_share=min(share * 1.5, 0.9), treatment_share=0.2
    )
    assert bounds.low < 1.0 < bounds.high
    none = omitted_variable_bounds(
        problem, nuisance, found, 1, outcome_share=0.0, treatment_share=0.0
    )
    assert (none.low, none.high) == (found.value, found.value)
    with pytest.raises(InputError, match="outcome_share"):
        omitted_variable_bounds(problem, nuisance, found, 1, outcome_share=1.0)


def test_the_robustness_of_an_average_brings_its_bound_to_zero() -> None:
    """At the told shares the bound is zero, by definition."""
    problem, _ = hidden(1, 1500, 0.0)
    nuisance = estimate(problem, 0, "fast")
    found = average(doubly_robust(problem, nuisance), problem, 1)
    robust = robustness_of_average(problem, nuisance, found, 1)
    bounds = omitted_variable_bounds(
        problem, nuisance, found, 1, outcome_share=robust.point, treatment_share=robust.point
    )
    assert bounds.low == pytest.approx(0.0, abs=1e-9)
    assert 0 < robust.limit < robust.point < 1
    assert bias_scale(problem, nuisance, 1) > 0


def test_negative_controls_calibrate() -> None:
    """A systematic error is learned and taken out, so that intervals cover again."""
    rng = np.random.default_rng(0)
    errors = rng.uniform(0.05, 0.2, 200)
    null = empirical_null(0.3 + 0.2 * rng.normal(size=200) + errors * rng.normal(size=200), errors)
    assert null.mean == pytest.approx(0.3, abs=0.05)
    assert null.deviation == pytest.approx(0.2, abs=0.04)
    hits, naive = 0, 0
    for _ in range(400):
        seen = 1.0 + 0.3 + 0.2 * rng.normal() + 0.1 * rng.normal()
        found = null.calibrate(seen, 0.1)
        hits += found.low <= 1.0 <= found.high
        naive += abs(seen - 1.0) < 0.196
    assert hits > 365
    assert naive < 200


def test_without_systematic_error_little_changes() -> None:
    """Controls that scatter by their errors alone leave p-values as they were."""
    rng = np.random.default_rng(1)
    errors = np.full(100, 0.1)
    null = empirical_null(0.1 * rng.normal(size=100), errors)
    assert null.deviation < 0.05
    assert null.p_value(0.0, 0.1) > 0.5
    assert null.p_value(0.5, 0.1) < 0.001


def test_p_values_are_chances() -> None:
    """The smaller tail counts twice."""
    null = empirical_null([0.0, 0.1, -0.1, 0.05, -0.05], [0.1] * 5)
    assert null.p_value(null.mean, 0.1) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("values", "errors"),
    [
        ([0.1] * 6, [0.1] * 5),
        ([0.1] * 6, [0.0] * 6),
        (["a"] * 6, [0.1] * 6),
        ([np.nan] * 6, [1] * 6),
    ],
)
def test_malformed_controls_are_refused(values: object, errors: object) -> None:
    """Lengths differ, errors of zero, words and missing values are faults."""
    with pytest.raises(InputError):
        empirical_null(values, errors)


def test_too_few_controls_have_no_answer() -> None:
    """Four controls do not tell how far estimates scatter."""
    with pytest.raises(NotEstimable, match="at least 5"):
        empirical_null([0.1] * 4, [0.1] * 4)
