"""Learning from parts: few rows give `fit`, many give trees of all rows at the memory of a part."""

import numpy as np
import polars as pl
import pytest

from osler import InputError, NotEstimable
from osler.learn.shards import gather
from osler.predict import Risk, TimeToEvent


def _rows(n, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4))
    X[rng.random((n, 4)) < 0.05] = np.nan
    score = np.nan_to_num(X[:, 0] * np.sign(np.nan_to_num(X[:, 1]))) * 2.5
    label = (rng.random(n) < 1 / (1 + np.exp(1 - score))).astype(int)
    y = np.zeros(n, dtype=[("event", int), ("time", float)])
    y["time"] = rng.exponential(np.exp(-score))
    y["event"] = rng.integers(0, 2, n)
    return X, label, y


def _cut(X, y, size=170):
    """Return a function that yields the rows part by part."""
    return lambda: ((X[at : at + size], y[at : at + size]) for at in range(0, len(X), size))


def test_few_rows_are_fitted_as_if_they_were_one():
    """Up to the size of the sample the answer is that of `fit`."""
    X, label, y = _rows(400)
    parts, whole = Risk(folds=2).fit_shards(_cut(X, label)), Risk(folds=2).fit(X, label)
    np.testing.assert_array_equal(parts.predict_proba(X), whole.predict_proba(X))
    timed, one = TimeToEvent(folds=2).fit_shards(_cut(X, y)), TimeToEvent(folds=2).fit(X, y)
    np.testing.assert_array_equal(timed.predict_survival(X, [0.5]), one.predict_survival(X, [0.5]))


@pytest.fixture
def small_sample(monkeypatch):
    """Let the sample be 500 rows, a batch 128, and let forests stand back as they do at scale."""
    monkeypatch.setattr("osler.learn.shards.SAMPLE_ROWS", 500)
    monkeypatch.setattr("osler.learn.shards.BATCH_ROWS", 128)
    monkeypatch.setattr("osler.learn.score.MOST_FOREST_ROWS", 0)


def test_trees_see_all_rows_beyond_the_sample(small_sample):
    """With a product that only trees find, all rows give a better answer than the sample alone."""
    X, label, _ = _rows(3000)
    Z, truth, _ = _rows(3000, seed=1)
    rows = gather(_cut(X, label), lambda y, _: (y,), 0).rows
    assert len(rows) == 500
    sample = Risk(folds=2).fit(X[rows], label[rows])
    parts = Risk(folds=2).fit_shards(_cut(X, label))

    def loss(model):
        chance = model.predict_proba(Z)[:, 1]
        return -np.mean(np.log(np.where(truth == 1, chance, 1 - chance)))

    assert loss(parts) < loss(sample) - 0.01
    total = parts.base_value() + parts.explain(Z[:20]).sum(axis=1)
    np.testing.assert_allclose(total, parts.predict_proba(Z[:20])[:, 1], atol=1e-8)


def test_times_are_learned_from_parts_too(small_sample, tmp_path):
    """Curves are monotone and sum to one; the model is saved, loaded and carried on like any."""
    X, _, y = _rows(1000)
    y["event"] = np.where(y["event"] > 0, 1 + np.arange(1000) % 2, 0)
    model = TimeToEvent(folds=2, monotone={"x0": 1}).fit_shards(_cut(X, y))
    curves = [model.predict_cumulative_incidence(X[:50], [0.2, 1.0], cause=k) for k in (1, 2)]
    survival = model.predict_survival(X[:50], [0.2, 1.0])
    np.testing.assert_allclose(sum(curves) + survival, 1.0, atol=1e-9)
    loaded = TimeToEvent.load(model.save(tmp_path / "model"))
    np.testing.assert_array_equal(loaded.predict_survival(X[:50], [0.2, 1.0]), survival)
    loaded.partial_fit(X[:100], y[:100])
    walk = np.repeat(np.nan_to_num(X[:5, None]), 9, axis=1)
    walk[:, :, 0] = np.linspace(-2, 2, 9)
    told = loaded.predict_cumulative_incidence(walk.reshape(-1, 4), [0.5]).reshape(5, 9)
    assert np.diff(told, axis=1).min() >= -1e-9


def test_words_entries_and_subjects_come_through(small_sample):
    """Parts of frames with words, entries and subjects are learned from as in `fit`."""
    X, _, y = _rows(1200)
    frame = pl.DataFrame({"a": X[:, 0], "word": np.where(np.arange(1200) % 3 > 0, "u", "v")})
    more = {"entry": np.zeros(1200), "groups": np.arange(1200) // 2}

    def parts():
        for at in range(0, 1200, 400):
            own = {key: value[at : at + 400] for key, value in more.items()}
            yield frame[at : at + 400], y[at : at + 400], own

    model = TimeToEvent(folds=2).fit_shards(parts)
    assert np.isfinite(model.predict_survival(frame, [1.0])).all()
    assert model.feature_names == ("a", "word")


def test_the_same_parts_give_the_same_model(small_sample):
    """A seed repeats, sample included."""
    X, label, _ = _rows(900)
    one, two = (Risk(seed=3, folds=2).fit_shards(_cut(X, label)) for _ in range(2))
    np.testing.assert_array_equal(one.predict_proba(X), two.predict_proba(X))


def test_a_sample_is_uniform(small_sample):
    """Every part gives its share, whatever the order and size of parts."""
    X, label, _ = _rows(3000)
    rows = gather(_cut(X, label, 700), lambda y, _: (y,), 1).rows
    assert len(np.unique(rows)) == 500
    counts = np.histogram(rows, bins=3, range=(0, 3000))[0]
    assert counts.min() > 130


def test_parts_that_make_no_sense_are_refused(small_sample):
    """Iterators used up, unequal lengths, other columns and changed rows are told in words."""
    X, label, _ = _rows(900)
    with pytest.raises(InputError, match="a function"):
        Risk().fit_shards(_cut(X, label)())
    with pytest.raises(InputError, match="no part"):
        Risk().fit_shards(list)
    with pytest.raises(InputError, match="no pair"):
        Risk().fit_shards(lambda: [X])
    with pytest.raises(InputError, match="another kind"):
        Risk().fit_shards(lambda: [(X, label, {"weights": label})])
    with pytest.raises(InputError, match="unequal"):
        Risk().fit_shards(lambda: [(X, label[:-1])])
    with pytest.raises(InputError, match="3 columns"):
        Risk().fit_shards(lambda: [(X, label), (X[:, :3], label)])
    with pytest.raises(InputError, match="in some parts"):
        Risk().fit_shards(lambda: [(X, label), (X, label, {"groups": label})])
    readings = iter([[(X, label)], [(X[:500], label[:500])]])
    with pytest.raises(InputError, match="second reading"):
        Risk(folds=2).fit_shards(lambda: next(readings))
    with pytest.raises(InputError, match="fairness"):
        Risk(fairness={"aim": "equal_opportunity"}).fit_shards(_cut(X, label))
    with pytest.raises(NotEstimable):
        Risk().fit_shards(lambda: [(X, np.zeros(900))])
