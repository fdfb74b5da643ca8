"""Outcomes by a horizon: unbiased under censoring that depends on covariates."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from osler.effect.average import average
from osler.effect.nuisance import estimate
from osler.effect.problem import Problem
from osler.effect.scores import doubly_robust
from osler.errors import NotEstimable

HORIZON = 5.0


def trial(seed: int, n: int, lost: float = 0.1) -> tuple[np.ndarray, np.ndarray, Any, Any]:
    """Two competing causes; being lost depends on covariate and arm."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    a = (rng.random(n) < 1 / (1 + np.exp(-0.8 * x[:, 0]))).astype(int)
    hazards = 0.1 * np.exp(0.7 * x[:, 0] - 0.7 * a), 0.05 * np.exp(0.5 * x[:, 1])
    total = hazards[0] + hazards[1]
    time = rng.exponential(1 / total)
    cause = np.where(rng.random(n) < hazards[0] / total, 1, 2)
    end = rng.exponential(1 / (lost * np.exp(0.6 * x[:, 0] - 0.5 * a))) if lost else np.inf
    y = np.zeros(n, dtype=[("event", int), ("time", float)])
    y["event"], y["time"] = np.where(time <= end, cause, 0), np.minimum(time, end)
    return x, a, y, (time, cause)


def risks(measure: str, cause: int | None = 1) -> float:
    """Return the true difference from many people."""
    rng = np.random.default_rng(9)
    x = rng.normal(size=(400_000, 2))
    found = []
    for a in (0, 1):
        first = 0.1 * np.exp(0.7 * x[:, 0] - 0.7 * a)
        total = first + 0.05 * np.exp(0.5 * x[:, 1])
        gone = 1 - np.exp(-HORIZON * total)
        share = 1.0 if cause is None else (first / total if cause == 1 else 1 - first / total)
        found.append(np.mean(gone / total if measure == "rmst" else gone * share))
    return float(found[1] - found[0])


def problem_of(x: Any, a: Any, y: Any, **options: Any) -> Problem:
    """Ask for the difference at the horizon."""
    return Problem.of(x, a, y, outcome="time-to-event", horizon=HORIZON, **options)


@pytest.mark.parametrize(
    ("measure", "cause"), [("risk", 1), ("risk", 2), ("risk", None), ("rmst", 1)]
)
def test_averages_are_unbiased_and_cover(measure: str, cause: int | None) -> None:
    """Over many trials the mean is right and intervals hold the truth as often as they say."""
    truth = risks(measure, cause)
    found = []
    for seed in range(16):
        x, a, y, _ = trial(seed, 400)
        problem = problem_of(x, a, y, measure=measure, cause=cause)
        nuisance = estimate(problem, seed, "fast")
        found.append(average(doubly_robust(problem, nuisance), problem, 1, nuisance=nuisance))
    gaps = np.array([one.value - truth for one in found])
    assert abs(gaps.mean()) < 4 * gaps.std() / 4
    assert sum(one.low <= truth <= one.high for one in found) >= 12


def test_without_censoring_the_pseudo_outcome_is_the_outcome() -> None:
    """If nobody is lost before the horizon, nothing is weighed or expected."""
    x, a, y, (time, cause) = trial(0, 300, lost=0.0)
    problem = problem_of(x, a, y)
    nuisance = estimate(problem, 0, "fast")
    assert nuisance.pseudo == pytest.approx(1.0 * ((time <= HORIZON) & (cause == 1)))
    kept = estimate(replace(problem, measure="rmst"), 0, "fast").pseudo
    assert kept == pytest.approx(np.minimum(time, HORIZON))


def test_pseudo_outcomes_have_the_mean_that_censoring_hid() -> None:
    """Their mean equals that of the outcomes that would have been seen, which raw ones do not."""
    gaps, raw = [], []
    for seed in range(10):
        x, a, y, (time, cause) = trial(seed, 800, lost=0.25)
        problem = problem_of(x, a, y)
        full = np.mean((time <= HORIZON) & (cause == 1))
        gaps.append(estimate(problem, seed, "fast").pseudo.mean() - full)
        raw.append(np.mean((y["event"] == 1) & (y["time"] <= HORIZON)) - full)
    assert abs(np.mean(gaps)) < 0.02
    assert np.mean(raw) < -0.05


def test_trees_do_not_spoil_it() -> None:
    """The default learners give an answer near that of the fast ones."""
    x, a, y, _ = trial(1, 800)
    problem = problem_of(x, a, y)
    fast, default = (
        average(doubly_robust(problem, estimate(problem, 0, one)), problem, 1)
        for one in ("fast", "default")
    )
    assert abs(fast.value - default.value) < (fast.high - fast.low) / 4


def test_causes_add_up() -> None:
    """The differences of both causes add up to that of any cause, within their folds' noise."""
    x, a, y, _ = trial(2, 800)
    found = []
    for cause in (1, 2, None):
        problem = problem_of(x, a, y, cause=cause)
        found.append(average(doubly_robust(problem, estimate(problem, 0, "fast")), problem, 1))
    assert found[0].value + found[1].value == pytest.approx(found[2].value, abs=0.02)


def test_ties_and_a_last_time_at_the_horizon_are_fine() -> None:
    """Whole months, with many events and losses at the same time, still give the right answer."""
    x, a, y, _ = trial(3, 3000)
    y["time"] = np.ceil(y["time"])
    problem = problem_of(x, a, y)
    found = average(doubly_robust(problem, estimate(problem, 0, "fast")), problem, 1)
    assert found.low < risks("risk") < found.high


def test_nobody_followed_to_the_horizon_is_not_estimable() -> None:
    """A horizon beyond the follow-up of an arm has no answer, and an earlier one is named."""
    x, a, y, _ = trial(4, 400)
    y["event"][(a == 1) & (y["time"] > 2)] = 0
    y["time"][a == 1] = np.minimum(y["time"][a == 1], 2.0)
    with pytest.raises(NotEstimable, match="earlier horizon"):
        estimate(problem_of(x, a, y), 0, "fast")


def test_no_event_by_the_horizon_is_not_estimable() -> None:
    """A horizon before the first event of the cause asks for nothing."""
    x, a, y, _ = trial(4, 400)
    y["time"] += 10.0
    with pytest.raises(NotEstimable, match="by the horizon"):
        estimate(problem_of(x, a, y), 0, "fast")


def test_everyone_with_the_event_by_the_horizon_is_not_estimable() -> None:
    """Where all have had it there is no difference to tell, and no number of zero."""
    x, a, y, _ = trial(4, 200)
    y["event"], y["time"] = 1, np.minimum(y["time"], HORIZON)
    with pytest.raises(NotEstimable, match="everyone has had the event"):
        estimate(problem_of(x, a, y), 0, "fast")
