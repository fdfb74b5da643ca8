"""Folds and cross-fitting."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osler import InputError
from osler.learn.crossfit import cross_fit, cross_fit_binary
from osler.learn.splits import splits, stratified_folds


@settings(max_examples=50, deadline=None)
@given(data=st.data(), folds=st.integers(2, 5), seed=st.integers(0, 100))
def test_no_group_is_in_two_folds(data, folds, seed):
    """Whatever the groups, each is in one fold, and every fold has rows."""
    n = data.draw(st.integers(30, 80))
    groups = data.draw(st.lists(st.integers(-9, 9), min_size=n, max_size=n))
    groups[:folds] = range(100, 100 + folds)
    fold = stratified_folds(np.zeros(n), folds, seed, groups)
    assert all(len(set(fold[np.array(groups) == g])) == 1 for g in set(groups))
    assert set(fold) == set(range(folds))


def test_strata_spread_evenly():
    """Every fold gets its share of every cause, to within one row."""
    strata = np.repeat([0, 1, 2], [50, 20, 5])
    fold = stratified_folds(strata, 5, seed=1)
    counts = np.array([[np.sum((fold == f) & (strata == s)) for s in range(3)] for f in range(5)])
    assert (counts.max(axis=0) - counts.min(axis=0) <= 1).all()


def test_too_many_folds():
    """More folds than rows or groups is a clear error."""
    with pytest.raises(InputError):
        stratified_folds([0, 1], 5, 0)
    with pytest.raises(InputError):
        stratified_folds([0, 1, 0, 1], 3, 0, groups=[1, 1, 2, 2])


def test_forward_splits_learn_only_from_the_past():
    """Temporal validation never learns from a later period, nor from the predicted subject."""
    year = np.array([2001, 2001, 2002, 2003, 2003])
    person = np.array([1, 2, 1, 2, 3])
    seen = {int(label): train.tolist() for label, train, _ in splits(year, person, forward=True)}
    assert seen == {
        2002: [False, True, False, False, False],
        2003: [True, False, True, False, False],
    }


class Recorder:
    """A model that remembers whom it learned from, through a column of row numbers."""

    def fit(self, X, y, **options):
        """Remember the rows."""
        self.seen = set(np.asarray(X)[:, 0].tolist())
        self.options = options
        return self

    def _check(self, X):
        assert not self.seen & set(np.asarray(X)[:, 0].tolist())

    def predict_cumulative_incidence(self, X, times, cause=1):
        """Answer the same for all."""
        self._check(X)
        return np.full((len(X), len(times)), 0.1 * cause)

    def predict_risk(self, X, cause=None):
        """Rank nobody."""
        return np.zeros(len(X))

    def predict_proba(self, X):
        """Answer the same for all."""
        self._check(X)
        return np.tile([0.4, 0.6], (len(X), 1))


def test_cross_fit_never_predicts_what_it_learned():
    """No row is predicted by a model that saw it, nor one that saw its subject."""
    n = 40
    y = np.zeros(n, dtype=[("time", float), ("event", int)])
    y["time"], y["event"] = np.arange(n) + 1.0, np.arange(n) % 3
    person = np.arange(n) // 2
    X = np.column_stack([person, np.ones(n)]).astype(float)
    result = cross_fit(Recorder, X, y, [1.0, 2.0], groups=person, entry=np.zeros(n))
    assert np.allclose(result.survival, 0.7)
    assert set(result.model.options) == {"entry", "groups"}


def test_cross_fit_by_site_and_forward():
    """Labels replace random folds; with `forward` the first period is not predicted."""
    n = 30
    y = np.arange(n) % 2
    site = np.repeat(["a", "b", "c"], 10)
    X = np.arange(n, dtype=float)[:, None]
    result = cross_fit_binary(Recorder, X, y, labels=site, final=False)
    assert np.allclose(result.chance, 0.6)
    assert result.model is None
    forward = cross_fit_binary(Recorder, X, y, labels=site, forward=True, final=False)
    assert np.isnan(forward.chance[:10]).all()
    assert np.isfinite(forward.chance[10:]).all()


def test_one_label_is_no_split():
    """A single site cannot be left out."""
    with pytest.raises(InputError, match="one label"):
        cross_fit_binary(Recorder, np.zeros((4, 1)), [0, 1, 0, 1], labels=["a"] * 4)
