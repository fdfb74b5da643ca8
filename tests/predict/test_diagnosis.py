"""Diagnosis: probabilities, sets, explanations, and what to ask next."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osler import Damaged, InputError, NotEstimable
from osler.predict import Diagnosis

CLASSES = ("cold", "flu", "mumps")


def people(rows: int, seed: int) -> tuple[pl.DataFrame, Any]:
    """Draw people whose class depends on two numbers and a word; the third number is noise."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 3))
    word = rng.choice(["a", "b"], rows)
    scores = np.column_stack([0 * x[:, 0], 1.5 * x[:, 0], 1.5 * x[:, 1] + 2 * (word == "b") - 1])
    drawn = np.argmax(scores + rng.gumbel(size=scores.shape), axis=1)
    frame = pl.DataFrame({"fever": x[:, 0], "swelling": x[:, 1], "noise": x[:, 2], "word": word})
    return frame, np.array(CLASSES)[drawn]


@pytest.fixture(scope="module")
def fitted() -> Diagnosis:
    """Return a model of 500 people."""
    return Diagnosis(seed=1).fit(*people(500, seed=1))


def test_rows_add_up_and_columns_follow_the_classes(fitted: Diagnosis) -> None:
    """Probabilities are one column per class in sorted order and add up to one."""
    chances = fitted.predict_proba(people(40, seed=2)[0])
    assert fitted.classes_.tolist() == list(CLASSES)
    assert chances.shape == (40, 3)
    np.testing.assert_allclose(chances.sum(axis=1), 1.0)


def test_it_learns_what_there_is_to_learn(fitted: Diagnosis) -> None:
    """Held-out log-loss lies well below that of the shares of the classes, and is calibrated."""
    X, y = people(2000, seed=3)
    chances = fitted.predict_proba(X)
    code = np.searchsorted(CLASSES, y)
    shares = np.bincount(code) / len(code)
    loss = -np.log(chances[np.arange(len(code)), code]).mean()
    assert loss < 0.85 * -(shares * np.log(shares)).sum()
    np.testing.assert_allclose(chances.mean(axis=0), shares, atol=0.06)


def test_sets_hold_the_truth_as_often_as_they_say(fitted: Diagnosis) -> None:
    """In every class nine of ten sets hold the truth, and a higher level widens them."""
    X, y = people(3000, seed=4)
    sets = fitted.predict_set(X, 0.9)
    for name in CLASSES:
        here = [name in one for one, truth in zip(sets, y, strict=True) if truth == name]
        assert 0.83 <= np.mean(here) <= 0.96
    wider = fitted.predict_set(X, 0.99)
    assert all(set(a) <= set(b) for a, b in zip(sets, wider, strict=True))


def test_a_set_begins_with_the_most_probable(fitted: Diagnosis) -> None:
    """Classes of a set stand in the order of their probability."""
    X, _ = people(50, seed=5)
    chances = fitted.predict_proba(X)
    for one, row in zip(fitted.predict_set(X, 0.95), chances, strict=True):
        ranked = [row[CLASSES.index(name)] for name in one]
        assert ranked == sorted(ranked, reverse=True)


def test_reasons_add_up_to_the_probability(fitted: Diagnosis) -> None:
    """Base and contributions make the probability of the class asked for, or of the first."""
    X, _ = people(30, seed=6)
    chances = fitted.predict_proba(X)
    for code, name in enumerate(CLASSES):
        told = fitted.base_value(name) + fitted.explain(X, name).sum(axis=1)
        np.testing.assert_allclose(told, chances[:, code], atol=1e-9)
    leading = fitted.explain(X)
    first = np.argmax(chances, axis=1)
    for row in range(5):
        np.testing.assert_allclose(
            leading[row], fitted.explain(X[row], CLASSES[first[row]])[0], atol=1e-9
        )


def test_noise_is_no_reason(fitted: Diagnosis) -> None:
    """A column without a bearing gets little of the explanation."""
    size = np.abs(fitted.explain(people(300, seed=7)[0], "flu")).mean(axis=0)
    assert size[2] < 0.3 * size[0]


def test_it_asks_for_what_would_tell_most(fitted: Diagnosis) -> None:
    """Of what is missing, the column that separates the leading classes comes before noise."""
    X = pl.DataFrame({"fever": [2.0], "swelling": [None], "noise": [None], "word": ["a"]})
    asked = fitted.would_tell_apart(X.cast({"swelling": pl.Float64, "noise": pl.Float64}))[0]
    assert asked[0].column == "swelling"
    assert asked[0].bits > 0
    assert set(asked[0].between) <= set(CLASSES)


def test_what_is_known_is_not_asked_unless_named(fitted: Diagnosis) -> None:
    """A whole row asks for nothing; a column that is named is considered anyway."""
    X, _ = people(3, seed=8)
    assert fitted.would_tell_apart(X) == [[], [], []]
    assert {one.column for one in fitted.would_tell_apart(X, ["word"])[0]} <= {"word"}


def test_a_saved_model_says_the_same(fitted: Diagnosis, tmp_path: Path) -> None:
    """Probabilities, sets, reasons and questions survive the disk."""
    again = Diagnosis.load(fitted.save(tmp_path / "model"))
    X, _ = people(20, seed=9)
    np.testing.assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))
    assert again.predict_set(X) == fitted.predict_set(X)
    np.testing.assert_allclose(again.explain(X), fitted.explain(X))
    asked = X.with_columns(pl.lit(None, pl.Float64).alias("fever"))
    assert again.would_tell_apart(asked) == fitted.would_tell_apart(asked)


def test_a_damaged_model_is_refused(fitted: Diagnosis, tmp_path: Path) -> None:
    """A changed file does not predict."""
    folder = fitted.save(tmp_path / "model")
    victim = max(folder.iterdir(), key=lambda path: path.stat().st_size)
    victim.write_bytes(victim.read_bytes()[:-5] + b"-----")
    with pytest.raises(Damaged):
        Diagnosis.load(folder)


def test_the_order_of_rows_does_not_matter() -> None:
    """The same people in another order give the same model."""
    X, y = people(150, seed=10)
    turned = np.random.default_rng(0).permutation(len(y))
    one = Diagnosis(seed=3).fit(X, y)
    other = Diagnosis(seed=3).fit(X[turned], y[turned])
    np.testing.assert_allclose(one.predict_proba(X), other.predict_proba(X), atol=1e-9)


@pytest.mark.parametrize(
    "labels",
    [[0, 1, 2] * 20, [True, False, True] * 20, ["a", "b", "b"] * 20, [1.0, 2.0, 3.0] * 20],
    ids=["whole numbers", "truths", "words", "whole floats"],
)
def test_labels_come_back_as_they_came(labels: list[Any]) -> None:
    """Predictions and sets hold labels of the kind that was given."""
    X = np.random.default_rng(0).normal(size=(60, 2))
    model = Diagnosis().fit(X, labels)
    assert set(model.predict(X[:5]).tolist()) <= set(labels)
    assert {one for inside in model.predict_set(X[:5]) for one in inside} <= set(labels)


@pytest.mark.parametrize(
    ("labels", "error"),
    [
        (["a"] * 30, NotEstimable),
        (["a"] * 27 + ["b"] * 3, NotEstimable),
        ([f"{n}" for n in range(30)], NotEstimable),
        (["a", None] * 15, InputError),
        ([0.5, 1.5] * 15, InputError),
        (["a", 1] * 15, InputError),
        (["a"] * 10 + ["b"] * 10, InputError),
    ],
    ids=["one class", "a rare class", "all different", "missing", "halves", "mixed", "too short"],
)
def test_what_cannot_be_learned_is_told(labels: list[Any], error: type[Exception]) -> None:
    """Labels that are none, or classes too small, are refused with what would make it possible."""
    X = np.random.default_rng(0).normal(size=(30, 2))
    y = np.array(labels, dtype=object)
    with pytest.raises(error):
        Diagnosis().fit(X, y)


@pytest.mark.parametrize("column", [np.ones(60), np.full(60, np.nan)], ids=["constant", "missing"])
def test_a_column_that_says_nothing_gives_the_shares(column: Any) -> None:
    """With nothing to go by, everybody gets about the shares of the classes."""
    y = np.array(["a", "b", "b"] * 20)
    chances = Diagnosis().fit(column[:, None], y).predict_proba(column[:3, None])
    np.testing.assert_allclose(chances, [[1 / 3, 2 / 3]] * 3, atol=0.02)


@settings(max_examples=15, deadline=None)
@given(st.floats(0.01, 0.99))
def test_levels_nest(level: float) -> None:
    """A lower level never puts a class into a set that a higher one leaves out."""
    model, (X, _) = _shared(), people(10, seed=11)
    lower, higher = model.predict_set(X, level * 0.9), model.predict_set(X, level)
    assert all(set(a) <= set(b) for a, b in zip(lower, higher, strict=True))


_MODELS: list[Diagnosis] = []


def _shared() -> Diagnosis:
    if not _MODELS:
        _MODELS.append(Diagnosis().fit(*people(120, seed=12)))
    return _MODELS[0]


def test_it_follows_scikit_learn(fitted: Diagnosis) -> None:
    """It can be cloned, asked for its settings, and cross-validated."""
    from sklearn.base import clone

    assert clone(Diagnosis(seed=7)).get_params() == Diagnosis(seed=7).get_params()
    assert fitted.predict(people(5, seed=1)[0]).shape == (5,)
    assert "Diagnosis(seed=1" in repr(fitted)
