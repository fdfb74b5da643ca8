"""The rows of a target trial: what is taken, what is refused, and how it is said."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osler.effect.problem import Problem
from osler.errors import InputError, NotEstimable

N = 60


def rows(n: int = N) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return covariates, treatment and a number of so many people."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 2)), np.arange(n) % 2, rng.normal(size=n)


def survival(n: int = N) -> Any:
    """Return times with two causes and censoring in turn."""
    y = np.zeros(n, dtype=[("event", int), ("time", float)])
    y["event"], y["time"] = np.arange(n) % 3, 1.0 + np.arange(n)
    return y


@pytest.mark.parametrize("as_what", [list, np.array, pl.Series])
@pytest.mark.parametrize("values", [(0, 1), (False, True), (0.0, 1.0), ("0", "1")])
def test_treatment_may_be_numbers_truths_or_words(as_what: Any, values: tuple[Any, Any]) -> None:
    """Zero and one mean the same in every form that a column can have."""
    x, a, y = rows()
    problem = Problem.of(x, as_what([values[one] for one in a]), y, reference=values[0])
    assert problem.labels == ("0", "1")
    assert problem.arm.tolist() == a.tolist()
    assert problem.reference == 0


def test_labels_need_a_named_reference() -> None:
    """Words without a named reference are refused, and the message lists them."""
    x, a, y = rows()
    words = np.where(a == 1, "new", "old")
    with pytest.raises(InputError, match="new, old"):
        Problem.of(x, words, y)
    assert Problem.of(x, words, y, reference="old").reference == 1


def test_all_faults_are_told_at_once() -> None:
    """A wrong setting, a wrong outcome and missing treatments come in one error."""
    x, _, _ = rows()
    with pytest.raises(InputError) as told:
        Problem.of(x, [None] * N, ["word"] * N, better="soon", measure="odds")
    wheres = {fault.where for fault in told.value.faults}
    assert {"better", "measure", "treatment", "y"} <= wheres


@pytest.mark.parametrize("a", [np.zeros(N, int), np.ones(N, int)])
def test_one_arm_is_not_estimable(a: np.ndarray) -> None:
    """With one arm there is nothing to compare."""
    x, _, y = rows()
    with pytest.raises(NotEstimable, match="two arms"):
        Problem.of(x, a, y)


def test_arms_of_five_are_not_estimable() -> None:
    """An arm of five rows is named, with what would help."""
    x, _, y = rows()
    with pytest.raises(NotEstimable, match="fewer than 10 rows in arm 1"):
        Problem.of(x, (np.arange(N) < 5).astype(int), y)


def test_all_censored_is_not_estimable() -> None:
    """Without an event no effect on time can be told."""
    x, a, _ = rows()
    y = survival()
    y["event"] = 0
    with pytest.raises(NotEstimable, match="censored"):
        Problem.of(x, a, y, outcome="time-to-event", horizon=10)


def test_events_before_time_zero_are_not_estimable() -> None:
    """An outcome before time zero is said to be that, not a mistake in a number."""
    x, a, _ = rows()
    y = survival()
    y["time"][y["event"] == 1] = -1.0
    with pytest.raises(NotEstimable, match="before time zero"):
        Problem.of(x, a, y, outcome="time-to-event", horizon=10)


@pytest.mark.parametrize(("outcome", "y"), [("continuous", np.ones(N)), ("binary", np.zeros(N))])
def test_the_same_outcome_in_all_is_not_estimable(outcome: str, y: np.ndarray) -> None:
    """Where all had the same outcome there is nothing to compare."""
    x, a, _ = rows()
    with pytest.raises(NotEstimable):
        Problem.of(x, a, y, outcome=outcome)


@pytest.mark.parametrize("horizon", [None, 0, -1, np.inf, np.nan, "5"])
def test_time_to_event_needs_a_horizon(horizon: Any) -> None:
    """A horizon that is missing or no time is a fault of the settings."""
    x, a, _ = rows()
    with pytest.raises(InputError, match="horizon"):
        Problem.of(x, a, survival(), outcome="time-to-event", horizon=horizon)


@pytest.mark.parametrize(
    "change",
    [
        {"treatment": np.arange(N - 1) % 2},
        {"y": np.zeros(N - 1)},
        {"cluster": np.zeros(N - 1)},
        {"probability": np.full((N, 3), 1 / 3)},
        {"probability": np.full(N, 1.0)},
        {"y": np.full(N, np.nan)},
        {"treatment": np.linspace(0, 1, N)},
        {"treatment": np.array([[0, 1]] * N)},
        {"reference": "nobody"},
        {"treatment": {"arm": 1}},
        {"treatment": None},
        {"y": np.full(N, 1e300)},
        {"X": np.full((N, 2), np.inf)},
    ],
)
def test_malformed_rows_are_refused(change: dict[str, Any]) -> None:
    """Lengths, infinities, doses and unknown references are faults of the input."""
    x, a, y = rows()
    given_rows: dict[str, Any] = {"X": x, "treatment": a, "y": y, **change}
    with pytest.raises(InputError):
        Problem.of(**given_rows)


def test_no_message_holds_a_value() -> None:
    """A patient's value is never told."""
    x, a, y = rows()
    y[3] = np.inf
    with pytest.raises(InputError) as told:
        Problem.of(x, a, y)
    assert "inf " not in str(told.value).replace("infinite", "")


def test_the_input_is_left_unchanged() -> None:
    """Nothing that was handed over is written to."""
    x, a, y = rows()
    before = x.copy(), a.copy(), y.copy()
    Problem.of(x, a, y)
    assert all(np.array_equal(*pair) for pair in zip(before, (x, a, y), strict=True))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=60, max_size=90))
def test_arms_are_numbered_by_sorted_label(arms: list[int]) -> None:
    """Whatever the order of rows, arm numbers point at sorted labels."""
    rng = np.random.default_rng(0)
    n = len(arms)
    try:
        problem = Problem.of(rng.normal(size=(n, 1)), arms, rng.normal(size=n), reference=arms[0])
    except NotEstimable:
        counts = [arms.count(one) for one in set(arms)]
        assert len(counts) < 2 or min(counts) < 10
        return
    assert [int(problem.labels[one]) for one in problem.arm] == arms
    assert problem.one_hot().sum() == n


def test_some_rows_may_be_taken() -> None:
    """Taking rows keeps labels and renumbers subjects."""
    x, a, y = rows()
    problem = Problem.of(x, a, y, cluster=np.arange(N) // 2)
    part = problem.take(np.arange(N) >= 20)
    assert part.rows == part.frame.height == 40
    assert part.subjects == 20
    assert part.labels == problem.labels
