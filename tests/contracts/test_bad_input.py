"""Every predictor answers data that are hard to learn from, or says what would make them enough.

The predictors are found in `osler.predict`, so that a new one is held to the same promises.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import pytest

from osler import InputError, NotEstimable, predict

ROWS = 60
REMEDY = ("need", "at least", "more", "leave", "join", "needed", "would")


@dataclass(frozen=True)
class Kind:
    """One predictor, how its outcome is drawn, and what it answers."""

    learner: Any
    outcome: Callable[[np.ndarray], Any]
    answer: Callable[[Any, Any], np.ndarray]

    def __str__(self) -> str:
        return str(self.learner.__name__)


def _times(score: np.ndarray) -> Any:
    """Return times and two competing causes that a score drives."""
    y = np.zeros(len(score), dtype=[("event", int), ("time", float)])
    y["time"] = np.random.default_rng(1).exponential(np.exp(-score)) + 0.01
    y["event"] = np.arange(len(score)) % 3
    return y


def _labels(score: np.ndarray) -> Any:
    return (score + np.random.default_rng(1).normal(size=len(score)) > 0).astype(int)


def _curves(model: Any, X: Any) -> np.ndarray:
    parts = [model.predict_cumulative_incidence(X, [0.5, 5.0], cause=k) for k in model.causes]
    return np.stack([*parts, model.predict_survival(X, [0.5, 5.0])], axis=2)


def _chances(model: Any, X: Any) -> np.ndarray:
    return np.asarray(model.predict_proba(X))[:, None, :]


def _kinds() -> list[Kind]:
    """Return every public predictor, told apart by what it answers."""
    found = []
    for name in predict.__all__:
        learner = getattr(predict, name)
        if not (inspect.isclass(learner) and hasattr(learner, "fit")):
            continue
        timed = hasattr(learner, "predict_survival")
        found.append(Kind(learner, _times if timed else _labels, _curves if timed else _chances))
    return found


KINDS = pytest.mark.parametrize("kind", _kinds(), ids=str)


def _numbers(columns: int = 2, rows: int = ROWS) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(rows, columns))


def _fit(kind: Kind, X: Any, score: np.ndarray | None = None, **more: Any) -> Any:
    score = _numbers(1)[:, 0] if score is None else score
    return kind.learner(seed=0, folds=3).fit(X, kind.outcome(score), **more)


def _sound(kind: Kind, model: Any, X: Any, rows: int = ROWS) -> None:
    """Check that the answer is finite chances that add up to one, and that it can be explained."""
    told = kind.answer(model, X)
    assert told.shape[0] == rows
    assert np.isfinite(told).all()
    assert told.min() >= 0
    np.testing.assert_allclose(told.sum(axis=2), 1.0, atol=1e-9)
    assert np.isfinite(np.asarray(model.explain(X))).all()


def _refused(kind: Kind, X: Any, y: Any) -> None:
    """Check that the refusal says what would make an answer possible."""
    with pytest.raises(NotEstimable) as error:
        kind.learner(seed=0, folds=3).fit(X, y)
    assert any(word in str(error.value) for word in REMEDY), str(error.value)


@KINDS
def test_all_three_are_held_to_this(kind: Kind) -> None:
    """The ordinary case is answered, so that what follows fails for its own reason."""
    X = _numbers()
    _sound(kind, _fit(kind, X), X)


def test_none_is_forgotten() -> None:
    """The three predictors of the package are found."""
    assert {str(kind) for kind in _kinds()} >= {"TimeToEvent", "Risk", "Diagnosis"}


@KINDS
def test_one_class_is_refused_with_what_would_help(kind: Kind) -> None:
    """Nobody with the event, or everybody of one label, is no question that can be answered."""
    y = kind.outcome(np.zeros(ROWS))
    if y.dtype.names:
        y["event"] = 0
    else:
        y[:] = 1
    _refused(kind, _numbers(), y)


@KINDS
def test_everyone_with_the_event(kind: Kind) -> None:
    """Nobody censored is an answer for times; labels alike have none."""
    y = kind.outcome(_numbers(1)[:, 0])
    if y.dtype.names is None:
        _refused(kind, _numbers(), np.ones(ROWS, dtype=int))
        return
    y["event"] = 1
    X = _numbers()
    _sound(kind, kind.learner(folds=3).fit(X, y), X)


@KINDS
@pytest.mark.parametrize("rows", [0, 1, 3])
def test_three_subjects_are_refused_with_what_would_help(kind: Kind, rows: int) -> None:
    """Few rows, down to none, get a refusal that names a number."""
    y = kind.outcome(_numbers(1)[:, 0])[:rows]
    _refused(kind, _numbers()[:rows], y)


@KINDS
@pytest.mark.parametrize(
    "X",
    [
        _numbers(1),
        np.ones((ROWS, 1)),
        np.full((ROWS, 2), np.nan),
        np.column_stack([_numbers(1), np.ones(ROWS), np.full(ROWS, np.nan)]),
        np.repeat(_numbers(1), 4, axis=1),
        np.arange(ROWS)[:, None] % 2 == 0,
        _numbers(1) * 1e30,
        _numbers(1) * 1e-30,
        pl.DataFrame({"word": [f"own {row}" for row in range(ROWS)]}),
        pl.DataFrame({"word": [None] * ROWS}, schema={"word": pl.String}),
        pl.DataFrame({"word": ["same"] * ROWS}),
    ],
    ids=[
        "one feature", "a constant", "all missing", "some useless", "repeated column", "a truth",
        "huge", "tiny", "a word per row", "words all missing", "one word",
    ],
)  # fmt: skip
def test_poor_columns_are_answered(kind: Kind, X: Any) -> None:
    """One feature, a constant, all missing and the like give everyone a sound answer."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _sound(kind, _fit(kind, X), X)


@KINDS
def test_no_columns_are_refused(kind: Kind) -> None:
    """A table without columns is a fault of the input."""
    with pytest.raises(InputError, match="no columns"):
        _fit(kind, np.empty((ROWS, 0)))


@KINDS
def test_a_column_that_is_the_outcome_is_answered(kind: Kind) -> None:
    """Perfect separation diverges nowhere."""
    y = kind.outcome(_numbers(1)[:, 0])
    own = y["time"] if y.dtype.names else y
    X = np.column_stack([own, _numbers(1)[:, 0]]).astype(float)
    _sound(kind, kind.learner(folds=3).fit(X, y), X)


@KINDS
def test_ties_everywhere_are_answered(kind: Kind) -> None:
    """Rows that are all the same, with times that are all the same."""
    X = np.round(_numbers())
    y = kind.outcome(_numbers(1)[:, 0])
    if y.dtype.names:
        y["time"] = 1.0
    model = kind.learner(folds=3).fit(X, y)
    _sound(kind, model, X)
    assert np.isfinite(kind.answer(kind.learner(folds=3).fit(np.ones((ROWS, 2)), y), X)).all()


@KINDS
def test_times_at_zero_are_answered_and_negative_times_refused(kind: Kind) -> None:
    """An event at time 0 counts at any time after it; a time before 0 is a fault."""
    y = kind.outcome(_numbers(1)[:, 0])
    if y.dtype.names is None:
        with pytest.raises(InputError):
            kind.learner().fit(_numbers(), np.where(y == 1, np.nan, 0.0))
        return
    y["time"][:20] = 0.0
    X = _numbers()
    _sound(kind, kind.learner(folds=3).fit(X, y), X)
    y["time"] = 0.0
    _sound(kind, kind.learner(folds=3).fit(X, y), X)
    y["time"][:2] = -1.0
    with pytest.raises(InputError, match="2 negative values"):
        kind.learner().fit(X, y)


@KINDS
def test_unseen_words_and_columns_at_prediction(kind: Kind) -> None:
    """A new word counts as none of those known; a new column is told of; one that lacks is not."""
    score = _numbers(1)[:, 0]
    words = np.where(score > 0, "high", "low")
    X = pl.DataFrame({"value": _numbers(2)[:, 1], "word": words})
    model = _fit(kind, X, score)
    new = X.with_columns(word=pl.lit("never seen"), extra=pl.lit(1.0))
    _sound(kind, model, new)
    assert any("1 columns" in note for note in model.notes)
    with pytest.raises(InputError, match="word"):
        kind.answer(model, X.select("value"))
    with pytest.raises(InputError, match="value"):
        kind.answer(model, X.with_columns(value=pl.lit("a word")))


@KINDS
def test_no_rows_at_prediction_are_an_empty_answer(kind: Kind) -> None:
    """Nobody to predict gives an array without rows."""
    X = _numbers()
    told = kind.answer(_fit(kind, X), X[:0])
    assert told.shape[0] == 0


@KINDS
def test_a_group_of_two_members_is_answered(kind: Kind) -> None:
    """A word that two rows have, and subjects of two rows each, stop nothing."""
    score = _numbers(1)[:, 0]
    X = pl.DataFrame({"value": score, "kind": ["rare"] * 2 + ["usual"] * (ROWS - 2)})
    model = _fit(kind, X, score, groups=np.arange(ROWS) // 2)
    _sound(kind, model, X)
    _refusal = "one subject"
    with pytest.raises(NotEstimable, match=_refusal):
        _fit(kind, X, score, groups=np.zeros(ROWS))


@KINDS
def test_a_group_is_asked_of_every_row(kind: Kind) -> None:
    """Groups of another length than the rows are a fault, not an accident further down."""
    with pytest.raises(InputError, match="groups"):
        _fit(kind, _numbers(), groups=np.arange(ROWS - 1))


@KINDS
@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinite_cells_are_refused_by_column(kind: Kind, value: float) -> None:
    """Infinity is no number to learn from, and the column is named."""
    X = _numbers()
    X[3, 1] = value
    with pytest.raises(InputError, match="x1"):
        _fit(kind, X)


@KINDS
def test_lengths_that_differ_are_refused(kind: Kind) -> None:
    """One row more than outcomes is a fault that tells both counts."""
    y = kind.outcome(_numbers(1)[:, 0])
    with pytest.raises(InputError, match=str(ROWS)):
        kind.learner().fit(_numbers(), y[:-1])


@KINDS
def test_an_unfitted_model_says_so(kind: Kind) -> None:
    """Asking before fitting is told in words."""
    with pytest.raises(NotEstimable, match="fit"):
        kind.answer(kind.learner(), _numbers())


@KINDS
def test_conventions_of_scikit_learn_hold(kind: Kind) -> None:
    """`get_params`, `set_params` and `clone` round-trip every setting of the constructor."""
    from sklearn.base import clone

    named = set(inspect.signature(kind.learner.__init__).parameters) - {"self"}
    model = kind.learner(seed=4)
    assert set(model.get_params()) == named
    assert clone(model).get_params() == model.get_params()
    assert clone(model) is not model
    assert model.set_params(seed=9).get_params()["seed"] == 9
    with pytest.raises(InputError):
        model.set_params(nonsense=1)


@KINDS
def test_it_stands_in_a_pipeline_and_in_cross_validation(kind: Kind) -> None:
    """Behind a transformer, and under `cross_val_score` with a scorer of its answers."""
    from sklearn.model_selection import KFold, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    X, y = _numbers(rows=90), kind.outcome(_numbers(1, 90)[:, 0])
    model = make_pipeline(StandardScaler(), kind.learner(folds=2))
    model.fit(X, y)
    _sound(kind, model[-1], X, rows=90)

    def score(fitted: Any, rows: Any, _: Any) -> float:
        return float(kind.answer(fitted[-1], fitted[:-1].transform(rows)).max())

    told = cross_val_score(model, X, y, cv=KFold(2), scoring=score, error_score="raise")
    assert ((told > 0) & (told <= 1)).all()
