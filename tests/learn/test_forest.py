"""Forests of residuals and sums of ensembles."""

import numpy as np
import pytest

from osler.learn.boosting import TreeData, Trees, boost, settings_for
from osler.learn.forest import TREES, leaf_score, plant
from osler.learn.losses import CoxLoss, LogisticLoss
from osler.learn.treesum import add_up


@pytest.fixture(scope="module")
def crossed():
    """Return a design and a loss in which only two columns together tell the hazard."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 4))
    high = X[:, 0] * X[:, 1] > 0
    return X, CoxLoss(rng.exponential(np.where(high, 0.3, 1.0)), np.ones(600, bool)), high


def _score(forest, loss, X):
    return add_up([(forest, lambda leaves: leaf_score(loss, leaves))], X.shape[1]).predict(X)


def test_a_forest_finds_an_interaction(crossed):
    """Its score is a log hazard ratio, higher where the hazard is, though neither column tells."""
    X, loss, high = crossed
    score = _score(plant(TreeData(X), loss, len(X), 0), loss, X)
    assert 0.3 < score[high].mean() - score[~high].mean() < np.log(1 / 0.3) + 0.2


def test_a_seed_repeats(crossed):
    """The same seed gives the same forest; another one another."""
    X, loss, _ = crossed
    first, again, other = (_score(plant(TreeData(X), loss, len(X), s), loss, X) for s in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_trees_add_up(crossed):
    """A sum of two ensembles predicts and explains as its parts do together."""
    X, loss, _ = crossed
    data = TreeData(X)
    parts = [boost(data, loss, settings_for(*X.shape)[0], 20, seed) for seed in (0, 1)]
    whole = add_up([(parts[0], lambda v: 0.25 * v), (parts[1], lambda v: 2 * v)], X.shape[1])
    expected = 0.25 * parts[0].predict(X) + 2 * parts[1].predict(X)
    np.testing.assert_allclose(whole.predict(X), expected, atol=1e-12)
    assert whole.size == parts[0].size + parts[1].size
    np.testing.assert_allclose(whole.contributions(X).sum(axis=1), expected, atol=1e-9)
    again = Trees.from_text(whole.to_text(), X.shape[1])
    np.testing.assert_array_equal(again.predict(X), whole.predict(X))


def test_nothing_added_up_is_nothing():
    """Without a tree the sum is empty and predicts zero."""
    whole = add_up([(Trees(None, 3), lambda v: v)], 3)
    assert whole.size == 0
    assert not whole.predict(np.ones((2, 3))).any()


def test_leaves_of_labels_become_log_odds_ratios():
    """A leaf in which the share of ones is p says logit p minus logit of the whole."""
    loss = LogisticLoss(np.repeat([0.0, 1.0], [80, 20]))
    excess = (0.5 - 0.2) / (0.2 * 0.8)
    found = leaf_score(loss, np.array([excess / TREES])) * TREES
    assert found[0] == pytest.approx(np.log(1.0) - np.log(0.25))


def test_an_empty_leaf_stays_finite():
    """A leaf without any event has a low but finite score."""
    loss = CoxLoss(np.arange(1.0, 11.0), np.ones(10, bool))
    assert np.isfinite(leaf_score(loss, np.array([-1.0 / TREES])))[0]
