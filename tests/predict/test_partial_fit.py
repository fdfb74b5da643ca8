"""A model carried on with new rows is near one fitted anew, and keeps every other promise."""

import json

import numpy as np
import pytest

from osler import InputError, NotEstimable
from osler.learn.incidence import null_incidence
from osler.learn.outcome import SurvivalOutcome
from osler.learn.pooling import pooled
from osler.predict import Risk, TimeToEvent


def _drawn(n, seed, shifted=0.0):
    """Draw four columns, a label and times to two causes, all driven by one score."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4))
    score = X[:, 0] + 0.6 * X[:, 1] * (X[:, 2] > 0) + shifted
    label = (rng.random(n) < 1 / (1 + np.exp(1 - score))).astype(int)
    both = rng.exponential(np.exp(-np.column_stack([score, -0.5 * score])))
    censored = rng.exponential(2.0, n)
    y = np.zeros(n, dtype=[("event", int), ("time", float)])
    y["time"] = np.minimum(both.min(axis=1), censored)
    y["event"] = np.where(both.min(axis=1) <= censored, both.argmin(axis=1) + 1, 0)
    return X, label, y


def _log_loss(model, X, label):
    chance = model.predict_proba(X)[:, 1]
    return -np.mean(np.log(np.where(label == 1, chance, 1 - chance)))


@pytest.fixture(scope="module")
def months():
    """Return first rows, three months of new rows where more have the event, and rows to judge."""
    return _drawn(300, 0), [_drawn(300, seed, 0.5) for seed in (1, 2, 3)], _drawn(5000, 9, 0.5)


@pytest.fixture(scope="module")
def carried(months):
    """Return risks left as they were, carried on, and fitted anew."""
    (X, label, _), new, _ = months
    stale, onward = Risk(seed=0, folds=3).fit(X, label), Risk(seed=0, folds=3)
    for rows, labels, _ in [(X, label, None), *new]:
        onward.partial_fit(rows, labels)
    everything = [
        np.concatenate(parts) for parts in zip(*[m[:2] for m in [months[0], *new]], strict=True)
    ]
    return stale, onward, Risk(seed=0, folds=3).fit(*everything)


def test_most_of_what_new_rows_say_is_learned(carried, months):
    """Carried on, a risk loses less than half of what the stale one loses to a fit on all rows."""
    X, label, _ = months[2]
    stale, onward, anew = (_log_loss(model, X, label) for model in carried)
    assert onward - anew < 0.5 * (stale - anew)
    assert carried[1].chosen["updates"] == 3


def test_incidences_are_learned_too(months):
    """The incidence of both causes moves from the old level to that of old and new together."""
    (X, _, y), new, (Z, _, _) = months
    model = TimeToEvent(seed=0, folds=2).fit(X, y)
    stale = model.predict_cumulative_incidence(Z, [0.7])
    for rows, _, times in new:
        model.partial_fit(rows, times)
    onward = model.predict_cumulative_incidence(Z, [0.7])
    rows = np.concatenate([X, *(one[0] for one in new)])
    anew = TimeToEvent(seed=0, folds=2).fit(rows, np.concatenate([y, *(one[2] for one in new)]))
    wanted = anew.predict_cumulative_incidence(Z, [0.7])
    assert np.abs(onward - wanted).mean() < 0.6 * np.abs(stale - wanted).mean()
    assert abs(onward.mean() - wanted.mean()) < 0.02
    total = onward + model.predict_cumulative_incidence(Z, [0.7], cause=2)
    np.testing.assert_allclose(total + model.predict_survival(Z, [0.7]), 1, atol=1e-9)
    parts = model.base_value() + model.explain(Z[:50]).sum(axis=1)
    horizon = [model.explained_horizon]
    np.testing.assert_allclose(
        parts, model.predict_cumulative_incidence(Z[:50], horizon)[:, 0], atol=1e-8
    )
    low, high = model.predict_interval(Z[:50], [0.7])
    assert ((low <= onward[:50]) & (onward[:50] <= high)).all()


def test_explanations_of_a_carried_risk_add_up(carried, months):
    """The base and what every column adds are still the chance."""
    X = months[2][0][:50]
    model = carried[1]
    total = model.base_value() + model.explain(X).sum(axis=1)
    np.testing.assert_allclose(total, model.predict_proba(X)[:, 1], atol=1e-8)


def test_order_of_new_rows_does_not_matter(months):
    """A month in another order gives the same model."""
    (X, label, _), new, (Z, _, _) = months
    rows, labels, _ = new[0]
    back = slice(None, None, -1)
    one = Risk(seed=0, folds=2).fit(X, label).partial_fit(rows, labels)
    other = Risk(seed=0, folds=2).fit(X, label).partial_fit(rows[back], labels[back])
    np.testing.assert_allclose(one.predict_proba(Z), other.predict_proba(Z), atol=1e-9)


@pytest.mark.parametrize("learner", [Risk, TimeToEvent])
def test_a_saved_model_is_carried_on_as_the_one_in_memory(learner, months, tmp_path):
    """Saving, loading and carrying on gives what carrying on gives."""
    (X, label, y), new, (Z, _, _) = months
    outcome, more = (label, new[0][1]) if learner is Risk else (y, new[0][2])
    model = learner(seed=0, folds=2).fit(X, outcome)
    loaded = learner.load(model.save(tmp_path / "model"))
    for one in (model, loaded):
        one.partial_fit(new[0][0], more)
    answers = [
        one.predict_proba(Z) if learner is Risk else one.predict_survival(Z, [0.5, 1.0])
        for one in (model, loaded)
    ]
    np.testing.assert_array_equal(*answers)


def test_what_is_kept_does_not_grow_with_rows(months, tmp_path):
    """The numbers in the file are as many for 300 rows as for 1,200: no row is among them."""
    (X, label, _), new, _ = months
    model = Risk(seed=0, folds=2).fit(X, label)
    shapes = []
    for step in (None, 0, 1, 2):
        if step is not None:
            model.partial_fit(*new[step][:2])
        folder = model.save(tmp_path / str(step))
        with np.load(folder / "arrays.npz") as arrays:
            shapes.append({name: arrays[name].shape for name in arrays.files})
    assert all(one == shapes[0] for one in shapes)


def test_directions_hold_after_new_rows_that_ask_for_the_opposite(months):
    """A constrained column stays so through every update."""
    (X, label, y), _, _ = months
    rng = np.random.default_rng(4)
    new = rng.normal(size=(400, 4))
    against = (rng.random(400) < 1 / (1 + np.exp(3 * new[:, 0]))).astype(int)
    walk = np.repeat(X[:20, None, :], 30, axis=1)
    walk[:, :, 0] = np.linspace(-4, 4, 30)
    risk = Risk(seed=0, folds=2, monotone={"x0": 1}).fit(X, label).partial_fit(new, against)
    told = risk.predict_proba(walk.reshape(-1, 4))[:, 1].reshape(20, 30)
    assert np.diff(told, axis=1).min() >= -1e-9
    times = np.zeros(400, dtype=y.dtype)
    times["time"] = rng.exponential(np.exp(2 * new[:, 0]))
    times["event"] = 1
    model = TimeToEvent(seed=0, folds=2, monotone={"x0": 1}).fit(X, y).partial_fit(new, times)
    curves = model.predict_cumulative_incidence(walk.reshape(-1, 4), [0.3, 1.0])
    assert np.diff(curves.reshape(20, 30, 2), axis=1).min() >= -1e-9


def test_few_rows_and_one_label_are_enough(months):
    """No row, one row, or rows of one label move the model little, and break nothing."""
    (X, label, y), _, (Z, _, _) = months
    model = Risk(seed=0, folds=2).fit(X, label)
    before = model.predict_proba(Z)
    np.testing.assert_array_equal(model.partial_fit(X[:0], label[:0]).predict_proba(Z), before)
    model.partial_fit(X[:1], [1])
    assert np.abs(model.predict_proba(Z) - before).max() < 0.05
    model.partial_fit(X[:20], np.zeros(20, dtype=int))
    assert model.predict_proba(Z)[:, 1].mean() < before[:, 1].mean()
    timed = TimeToEvent(seed=0, folds=2).fit(X, y)
    survival = timed.predict_survival(Z, [0.5])
    none = y[:30].copy()
    none["event"], none["time"] = 0, 5.0
    timed.partial_fit(X[:30], none)
    assert timed.predict_survival(Z, [0.5]).mean() > survival.mean()
    timed.partial_fit(X[:1], y[:1]).partial_fit(X[:0], y[:0])
    assert np.isfinite(timed.predict_survival(Z, [0.5])).all()


def test_what_cannot_be_carried_on_says_so(months, tmp_path):
    """A new cause, fairness, and a file without summaries are refused with what to do."""
    (X, label, y), _, _ = months
    new = y.copy()
    new["event"][:5] = 3
    with pytest.raises(InputError, match="fit anew"):
        TimeToEvent(seed=0, folds=2).fit(X, y).partial_fit(X, new)
    fair = Risk(seed=0, folds=2, fairness={"aim": "equal_opportunity"})
    fair.fit(X, label, audited=(X[:, 3] > 0).astype(int))
    with pytest.raises(NotEstimable, match="fit anew"):
        fair.partial_fit(X, label)
    with pytest.raises(InputError, match="groups"):
        Risk(folds=2).fit(X, label).partial_fit(X, label, groups=[1, 2])


def test_pooled_hazards_are_those_of_all_rows():
    """On common event times, and near them else: two halves pooled are the whole."""
    rng = np.random.default_rng(0)
    for tied in (True, False):
        time = rng.exponential(size=2000)
        time = np.ceil(time * 20) / 20 if tied else time
        event = rng.integers(0, 3, 2000)
        halves = [
            SurvivalOutcome(event[rows], time[rows], np.zeros(1000))
            for rows in (slice(1000), slice(1000, None))
        ]
        whole = null_incidence(SurvivalOutcome(event, time, np.zeros(2000)))
        zero = np.zeros((1000, 2, 1))
        joined = pooled(null_incidence(halves[0]), halves[1], zero, [np.zeros(0)] * 2)
        asked = np.linspace(0.1, 1.9, 10)
        one = np.zeros((1, 2, 1))
        gap = np.abs(joined.incidence(one, asked) - whole.incidence(one, asked)).max()
        assert gap < 0.005
        assert joined.events.sum() == whole.events.sum()


def test_a_file_of_an_earlier_version_is_read_and_not_carried_on(months, tmp_path, monkeypatch):
    """Without summaries a model still answers."""
    (X, label, _), _, _ = months
    model = Risk(seed=0, folds=2).fit(X, label)
    monkeypatch.setattr("osler.predict.risk.put_memory", lambda *_: None)
    loaded = Risk.load(model.save(tmp_path / "model"))
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    with pytest.raises(NotEstimable, match="fit anew"):
        loaded.partial_fit(X, label)
    assert "memory_rows" not in json.dumps(loaded.get_params())
