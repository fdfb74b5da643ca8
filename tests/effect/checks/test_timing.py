"""Time zero: immortal time, later covariates, outcomes that were known."""

from __future__ import annotations

import numpy as np
import pytest

from osler.effect.checks.timing import (
    immortal_time,
    refuse_known_outcome,
    refuse_later_covariates,
    require_no_immortal_time,
)
from osler.effect.problem import Problem
from osler.errors import InputError, NotEstimable


def test_treatment_after_time_zero_is_counted() -> None:
    """Late starts are counted among those treated, with their median delay."""
    found = immortal_time([0.0, 5.0, 9.0, np.nan, np.nan])
    assert (found.rows, found.median_delay) == (2, 7.0)
    assert found.share == pytest.approx(2 / 3)
    assert "could not die" in str(found)


def test_a_grace_period_is_no_immortal_time() -> None:
    """What the protocol allows is not counted, and nothing later is let pass."""
    assert require_no_immortal_time([0.0, 5.0, np.nan], grace=5.0).rows == 0
    with pytest.raises(NotEstimable, match="grace period"):
        require_no_immortal_time([0.0, 5.1, np.nan], grace=5.0)


def test_time_zero_may_differ_by_row() -> None:
    """Delays are from each row's own time zero."""
    assert immortal_time([10.0, 20.0], [10.0, 19.0]).rows == 1
    assert immortal_time([np.nan, np.nan]).rows == 0


def test_later_covariates_are_all_refused_at_once() -> None:
    """Each covariate known only after time zero is one fault."""
    with pytest.raises(InputError) as told:
        refuse_later_covariates(
            {"age": [0.0, 0.0], "response": [0.0, 3.0], "tumour": [1.0, np.nan]}
        )
    assert [fault.where for fault in told.value.faults] == [
        "covariate 'response'",
        "covariate 'tumour'",
    ]
    refuse_later_covariates({"age": [0.0, -3.0]})


def test_words_are_no_times() -> None:
    """A time that is no number is a fault of the input."""
    with pytest.raises(InputError, match="treatment_start"):
        immortal_time(["soon"])


def rows(n: int = 200) -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
    """Return covariates, arms and the generator they came from."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 3)), np.arange(n) % 2, rng


@pytest.mark.parametrize("scale", [1.0, -3.0])
def test_the_outcome_among_the_covariates_is_refused(scale: float) -> None:
    """A covariate that is the outcome, up to scale, was known too early or too late."""
    x, a, rng = rows()
    y = rng.normal(size=len(x))
    x[:, 1] = scale * y + 2
    with pytest.raises(NotEstimable, match="'x1' is the outcome"):
        refuse_known_outcome(Problem.of(x, a, y))


def test_a_binary_outcome_renamed_is_refused() -> None:
    """Words that stand for the outcome one to one are the outcome."""
    x, a, rng = rows()
    y = rng.integers(0, 2, len(x))
    named = x.astype(object)
    named[:, 2] = np.where(y == 1, "died", "alive")
    with pytest.raises(NotEstimable, match="'x2'"):
        refuse_known_outcome(Problem.of(named, a, y, outcome="binary"))


def test_a_strong_predictor_is_not_refused() -> None:
    """What only predicts the outcome well stays."""
    x, a, rng = rows()
    y = 10 * x[:, 0] + rng.normal(size=len(x)) * 0.1
    assert refuse_known_outcome(Problem.of(x, a, y)) == ()


def test_events_at_time_zero_are_refused_or_told() -> None:
    """Many events at time zero have no answer; a single one is told."""
    x, a, _ = rows()
    y = np.zeros(len(x), dtype=[("event", int), ("time", float)])
    y["event"], y["time"] = 1, 1.0 + np.arange(len(x))
    y["time"][:1] = 0.0
    problem = Problem.of(x, a, y, outcome="time-to-event", horizon=5)
    assert "1 events fall on time zero" in refuse_known_outcome(problem)[0]
    y["time"][:30] = 0.0
    problem = Problem.of(x, a, y, outcome="time-to-event", horizon=50)
    with pytest.raises(NotEstimable, match="at time zero"):
        refuse_known_outcome(problem)
