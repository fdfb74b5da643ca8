"""The promises of Risk."""

import numpy as np
import polars as pl
import pytest

from osler import Damaged, InputError, NotEstimable
from osler.predict import Risk, TimeToEvent


def test_chances_are_probabilities(risk, learned):
    """Two columns in [0, 1] that sum to one, finite for every row."""
    chances = risk.predict_proba(learned.X)
    assert chances.shape == (600, 2)
    np.testing.assert_allclose(chances.sum(axis=1), 1.0, atol=1e-12)
    assert chances.min() >= 0
    assert set(risk.predict(learned.X)) <= set(risk.classes_)


def test_known_chances_are_recovered():
    """On new rows the chances lie near the true ones, and are calibrated in the large."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3000, 3))
    truth = 1 / (1 + np.exp(-(X[:, 0] ** 2 + X[:, 1] - 1.5)))
    y = (rng.random(3000) < truth).astype(int)
    model = Risk().fit(X[:1500], y[:1500])
    predicted = model.predict_proba(X[1500:])[:, 1]
    assert np.abs(predicted - truth[1500:]).mean() < 0.05
    assert abs(predicted.mean() - truth[1500:].mean()) < 0.03


def test_explanations_add_up(risk, learned):
    """The base and a row's contributions are its chance."""
    total = risk.base_value() + risk.explain(learned.X).sum(axis=1)
    np.testing.assert_allclose(total, risk.predict_proba(learned.X)[:, 1], atol=1e-9)
    assert risk.explain(learned.X).shape == (600, 7)


def test_same_seed_same_model(risk, learned, label):
    """A fit repeats, also when the rows come in another order."""
    order = np.random.default_rng(1).permutation(600)
    again = Risk(seed=0).fit(learned.X[order], label[order])
    expected = risk.predict_proba(learned.X)
    np.testing.assert_allclose(again.predict_proba(learned.X), expected, atol=1e-9)


def test_saved_and_loaded_model_is_the_same(risk, learned, tmp_path):
    """A loaded model answers exactly as the saved one; a damaged or foreign one is refused."""
    risk.save(tmp_path / "model")
    loaded = Risk.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict_proba(learned.X), risk.predict_proba(learned.X))
    np.testing.assert_array_equal(loaded.explain(learned.X), risk.explain(learned.X))
    with pytest.raises(InputError, match="kind"):
        TimeToEvent.load(tmp_path / "model")
    (tmp_path / "model" / "arrays.npz").write_bytes(b"")
    with pytest.raises(Damaged):
        Risk.load(tmp_path / "model")


def test_intervals_hold_the_prediction(risk, learned):
    """Intervals hold the chance and stay in [0, 1]."""
    low, high = risk.predict_interval(learned.X)
    chance = risk.predict_proba(learned.X)[:, 1]
    assert ((low >= 0) & (low <= chance) & (chance <= high) & (high <= 1)).all()


@pytest.mark.parametrize("y", [np.zeros(50), np.ones(50), np.arange(50) < 2])
def test_one_class_cannot_be_learned(y):
    """One class, or nearly: the error says how many of each are needed."""
    with pytest.raises(NotEstimable, match="at least 5 of each"):
        Risk().fit(np.zeros((50, 1)), y)


@pytest.mark.parametrize("y", [np.arange(50), np.full(50, np.nan), ["yes", "no"] * 25])
def test_other_labels_are_refused(y):
    """Only 0 and 1 are labels."""
    with pytest.raises(InputError):
        Risk().fit(np.zeros((50, 1)), y)


@pytest.mark.parametrize(
    "X", [np.ones((60, 1)), np.full((60, 1), np.nan), pl.DataFrame({"a": ["x", None, "y"] * 20})]
)
def test_poor_columns_give_the_share(X):
    """Where nothing can be told apart, everyone gets about the share of ones."""
    y = np.arange(60) % 4 == 0
    chance = Risk().fit(X, y).predict_proba(X)[:, 1]
    np.testing.assert_allclose(chance, 0.25, atol=0.12)


def test_input_is_left_unchanged(learned):
    """Neither fitting nor predicting writes into the caller's arrays."""
    X = np.random.default_rng(0).normal(size=(60, 2))
    y = (X[:, 0] > 0).astype(int)
    kept, kept_y = X.copy(), y.copy()
    Risk().fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(X, kept)
    np.testing.assert_array_equal(y, kept_y)
