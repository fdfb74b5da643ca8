"""A prediction follows a column in the direction that was asked for, whatever else holds."""

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from osler import InputError
from osler.predict import Risk, TimeToEvent

ROUNDING = 1e-9
SIGNS = st.lists(st.sampled_from([-1, 0, 1]), min_size=3, max_size=3).filter(any)


def _wiggly(seed, n=250):
    """Draw columns and a score that rises and falls with each of them, and depends on pairs."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    X[:, 2] = np.round(X[:, 2])
    score = np.sin(2 * X[:, 0]) + X[:, 1] ** 2 * np.sign(X[:, 0]) - 0.8 * X[:, 2]
    X[rng.random((n, 3)) < 0.05] = np.nan
    return rng, X, rng.normal() * score


def _steps(X, column, seed):
    """Return rows of which one column walks upwards while the others stay, shape (20, 30, p)."""
    rng = np.random.default_rng(seed)
    rows = X[rng.integers(0, len(X), 20)].copy()
    walk = np.repeat(rows[:, None, :], 30, axis=1)
    walk[:, :, column] = np.linspace(-4, 4, 30)
    return walk


def _violation(predict, X, signs, seed):
    """Return by how much a prediction, shape (n,) or (n, t), goes the wrong way at most."""
    worst = 0.0
    for column, sign in enumerate(signs):
        if sign:
            walk = _steps(X, column, seed)
            told = predict(walk.reshape(-1, X.shape[1])).reshape(20, 30, -1)
            worst = max(worst, float(-(sign * np.diff(told, axis=1)).min()))
    return worst


def _asked(signs):
    return {f"x{column}": sign for column, sign in enumerate(signs) if sign}


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(signs=SIGNS, seed=st.integers(0, 10_000))
def test_risk_never_goes_the_wrong_way(signs, seed):
    """On data that ask for the opposite, no step along a constrained column is ever wrong."""
    rng, X, score = _wiggly(seed)
    y = (score + rng.logistic(size=len(X)) > 0).astype(int)
    y[:10] = np.arange(10) % 2
    model = Risk(seed=0, folds=3, monotone=_asked(signs)).fit(X, y)
    assert _violation(lambda rows: model.predict_proba(rows)[:, 1], X, signs, seed) <= ROUNDING


@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(signs=SIGNS, seed=st.integers(0, 10_000))
def test_incidence_of_the_first_cause_never_goes_the_wrong_way(signs, seed):
    """Also where the column moves a competing cause, at every time and in `predict_risk`."""
    rng, X, score = _wiggly(seed)
    y = np.zeros(len(X), dtype=[("event", int), ("time", float)])
    times = rng.exponential(np.exp(-np.column_stack([score, 1.5 * score])))
    y["time"] = np.minimum(times.min(axis=1), 3.0) + 1e-6
    y["event"] = np.where(times.min(axis=1) <= 3.0, times.argmin(axis=1) + 1, 0)
    model = TimeToEvent(seed=0, folds=3, monotone=_asked(signs)).fit(X, y)
    asked = [0.05, 0.3, 1.0, 2.9]
    found = _violation(lambda rows: model.predict_cumulative_incidence(rows, asked), X, signs, seed)
    assert found <= ROUNDING
    assert _violation(lambda rows: model.predict_risk(rows, cause=1), X, signs, seed) <= ROUNDING


def test_direction_holds_when_the_effect_changes_over_the_years():
    """Where a column's effect turns round after some time, its constrained prediction does not."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(1500, 2))
    early = rng.exponential(np.exp(-1.5 * X[:, 0]))
    late = 0.3 + rng.exponential(np.exp(1.5 * X[:, 0] - X[:, 1]))
    y = np.zeros(1500, dtype=[("event", int), ("time", float)])
    y["time"], y["event"] = np.where(early < 0.3, early, late), 1
    free = TimeToEvent(seed=0, folds=3).fit(X, y)
    assert free.chosen[1]["cuts"], "the effect is strong enough for periods to be found"
    held = TimeToEvent(seed=0, folds=3, monotone={"x0": 1}).fit(X, y)
    times = [0.1, 0.3, 0.6, 1.0, 3.0]
    for model, wrong in ((free, True), (held, False)):
        found = _violation(
            lambda rows, one=model: one.predict_cumulative_incidence(rows, times), X, (1, 0), 0
        )
        assert (found > 1e-3) == wrong


def test_a_right_direction_costs_little_and_a_wrong_one_is_told_apart(learned, label):
    """Asking for what the data show keeps the ranking; asking for the opposite flattens it."""
    plain = Risk(seed=0).fit(learned.X, label)
    right = Risk(seed=0, monotone={"size": 1, "marker": 1}).fit(learned.X, label)
    agree = np.corrcoef(plain.predict_proba(learned.X)[:, 1], right.predict_proba(learned.X)[:, 1])[
        0, 1
    ]
    assert agree > 0.95
    wrong = Risk(seed=0, monotone={"size": -1}).fit(learned.X.select("size", "noise"), label)
    known = learned.X.filter(pl.col("size").is_not_null())
    assert np.corrcoef(wrong.predict_proba(known)[:, 1], known["size"].to_numpy())[0, 1] <= 0.05


def test_directions_survive_clone_and_file(learned, label, tmp_path):
    """`clone` and a saved model keep what was asked, and predictions stay equal."""
    model = Risk(seed=0, folds=2, monotone={"size": 1}).fit(learned.X, label)
    assert clone(model).get_params()["monotone"] == {"size": 1}
    loaded = Risk.load(model.save(tmp_path / "model"))
    assert loaded.get_params() == model.get_params()
    np.testing.assert_array_equal(loaded.predict_proba(learned.X), model.predict_proba(learned.X))


@pytest.mark.parametrize("learner", [Risk, TimeToEvent])
def test_directions_that_make_no_sense_are_all_refused_at_once(learner, learned, label):
    """An unknown column, a column of words and a direction of 2 are told together."""
    y = learned.y if learner is TimeToEvent else label
    with pytest.raises(InputError) as error:
        learner(monotone={"nothing": 1, "kind": 1, "age": 2}).fit(learned.X, y)
    assert len(error.value.faults) == 3
    with pytest.raises(InputError, match="mapping"):
        learner(monotone=["age"]).fit(learned.X, y)
