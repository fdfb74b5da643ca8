"""The promises of TimeToEvent."""

import numpy as np
import polars as pl
import pytest

from osler import Damaged, InputError, NotEstimable
from osler.predict import TimeToEvent

TIMES = np.array([0.0, 1e-9, 0.5, 2.0, 5.0, 10.0, 19.0, 1e6])


def _outcome(time, event):
    y = np.zeros(len(time), dtype=[("time", float), ("event", int)])
    y["time"], y["event"] = time, event
    return y


def assert_valid(model, X, causes):
    """Check what holds for every model: bounds, monotone, sums to one, starts at one."""
    survival = model.predict_survival(X, TIMES)
    incidence = [model.predict_cumulative_incidence(X, TIMES, cause=k) for k in causes]
    np.testing.assert_allclose(survival + sum(incidence), 1.0, atol=1e-9)
    assert (survival[:, 0] == 1).all()
    assert survival.min() >= 0
    assert survival.max() <= 1
    assert (np.diff(survival, axis=1) <= 1e-12).all()
    for curve in incidence:
        assert curve.min() >= 0
        assert (np.diff(curve, axis=1) >= -1e-12).all()
    assert np.isfinite(model.predict_risk(X)).all()
    assert model.explain(X).shape == (len(survival), len(model.feature_names))


def test_curves_are_probabilities(model, learned):
    """Survival starts at 1, falls, stays in [0, 1] and sums with the incidences to 1."""
    assert_valid(model, learned.X, (1, 2))


def test_beyond_the_last_event_curves_stay_flat(model, learned):
    """Any time may be asked; beyond the last event nothing changes and a note says so."""
    end = model.last_event_time
    curve = model.predict_survival(learned.X, [end, end + 1, 1e9, np.inf])
    assert (curve == curve[:, [0]]).all()
    assert any("flat" in note for note in model.notes)
    model.predict_survival(learned.X, [end / 2])
    assert not any("flat" in note for note in model.notes)


def test_times_in_any_order(model, learned):
    """Times are answered in the order asked, repeats included."""
    asked = np.array([5.0, 0.0, 2.0, 5.0])
    curve = model.predict_survival(learned.X, asked)
    np.testing.assert_array_equal(curve[:, 2], model.predict_survival(learned.X, 2.0)[:, 0])
    np.testing.assert_array_equal(curve[:, 0], curve[:, 3])


def test_recovery_of_known_risks(model, people):
    """On new people the predicted incidences lie near the true ones, on average and each."""
    new = people(2000, seed=1)
    for cause in (1, 2):
        truth = new.incidence(5.0, cause)
        predicted = model.predict_cumulative_incidence(new.X, [5.0], cause)[:, 0]
        seen = new.X["size"].is_not_null().to_numpy()
        assert abs(predicted.mean() - truth.mean()) < 0.04
        assert np.corrcoef(predicted[seen], truth[seen])[0, 1] > 0.9
        assert np.abs(predicted[seen] - truth[seen]).mean() < 0.07


def test_mean_incidence_is_that_of_the_sample(model, learned):
    """Averaged over the people learned from, incidences are near Aalen and Johansen's."""
    from osler.learn.incidence import null_incidence
    from osler.learn.outcome import as_survival

    times = np.quantile(learned.y["time"], [0.25, 0.5, 0.75])
    observed = null_incidence(as_survival(learned.y)).incidence(np.zeros((1, 2, 1)), times)[0]
    for cause in (1, 2):
        predicted = model.predict_cumulative_incidence(learned.X, times, cause).mean(axis=0)
        np.testing.assert_allclose(predicted, observed[cause - 1], atol=0.015)


def test_risk_ranks_by_cause(model, learned):
    """Higher is sooner: the score follows the true hazard of any event, or of the cause asked."""
    total = learned.hazard.sum(axis=1)
    for cause, truth in ((None, total), (1, learned.hazard[:, 0]), (2, learned.hazard[:, 1])):
        score = model.predict_risk(learned.X, cause=cause)
        ranks = np.argsort(np.argsort(score)), np.argsort(np.argsort(truth))
        assert np.corrcoef(*ranks)[0, 1] > 0.7


def test_explanations_add_up(model, learned):
    """The base and a row's contributions are its risk at the horizon, for each cause."""
    for cause in (1, 2):
        for horizon in (None, 3.0, 0.0):
            at = model.explained_horizon if horizon is None else horizon
            total = model.base_value(horizon, cause) + model.explain(
                learned.X, horizon=horizon, cause=cause
            ).sum(axis=1)
            risk = model.predict_cumulative_incidence(learned.X, at, cause)[:, 0]
            np.testing.assert_allclose(total, risk, atol=1e-9)


def test_explanations_name_what_matters(model, learned):
    """Columns behind the hazard carry the explanation; empty and constant ones carry none."""
    size = dict(
        zip(model.feature_names, np.abs(model.explain(learned.X)).mean(axis=0), strict=True)
    )
    assert size["size"] == max(size.values())
    assert size["constant"] == size["empty"] == 0.0
    assert size["marker"] > 2 * size["noise"]


def test_same_seed_same_model(model, learned):
    """A fit repeats, to the last digit, and so in any order of the rows and columns by name."""
    again = TimeToEvent(seed=0).fit(learned.X, learned.y)
    order = np.random.default_rng(5).permutation(len(learned.y))
    shuffled = TimeToEvent(seed=0).fit(learned.X[order], learned.y[order])
    expected = model.predict_survival(learned.X, TIMES)
    np.testing.assert_array_equal(again.predict_survival(learned.X, TIMES), expected)
    turned = learned.X.select(reversed(learned.X.columns))
    np.testing.assert_allclose(shuffled.predict_survival(turned, TIMES), expected, atol=1e-9)


def test_rows_do_not_influence_each_other(model, learned):
    """A row gets the same prediction alone as among others."""
    together = model.predict_survival(learned.X, TIMES)[7]
    np.testing.assert_allclose(model.predict_survival(learned.X[7], TIMES)[0], together, atol=1e-12)
    assert model.predict_survival(learned.X[:0], TIMES).shape == (0, len(TIMES))
    assert model.explain(learned.X[:0]).shape == (0, 7)


def test_input_is_left_unchanged(people):
    """Neither fitting nor predicting writes into the caller's arrays."""
    data = people(80)
    X = data.X.select("age", "noise").to_numpy().copy()
    X[0, 0] = np.nan
    y, kept, kept_y = data.y.copy(), X.copy(), data.y.copy()
    model = TimeToEvent()
    assert model.fit(X, y) is model
    model.predict_survival(X, [1.0])
    model.explain(X)
    np.testing.assert_array_equal(X, kept)
    np.testing.assert_array_equal(y, kept_y)


def test_saved_and_loaded_model_is_the_same(model, learned, tmp_path):
    """A loaded model predicts, explains and doubts exactly as the saved one."""
    model.save(tmp_path / "model")
    loaded = TimeToEvent.load(tmp_path / "model")
    for ask in (
        lambda m: m.predict_survival(learned.X, TIMES),
        lambda m: m.predict_risk(learned.X, cause=2),
        lambda m: m.explain(learned.X),
        lambda m: np.stack(m.predict_interval(learned.X, [2.0, 5.0])),
    ):
        np.testing.assert_array_equal(ask(loaded), ask(model))
    assert loaded.get_params() == model.get_params()
    assert not [p for p in (tmp_path / "model").iterdir() if "pickle" in p.name]


def _crossing():
    """Return people whose hazard only two features together tell."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(800, 3))
    y = np.zeros(800, dtype=[("event", int), ("time", float)])
    y["event"], y["time"] = 1, rng.exponential(np.where(X[:, 0] * X[:, 1] > 0, 0.2, 1.0))
    return X, y


@pytest.fixture(scope="session")
def crossed():
    """Return a model of such people, and its sample."""
    X, y = _crossing()
    return TimeToEvent(seed=0).fit(X, y), X


def test_what_only_trees_can_see_is_found_and_kept(crossed, tmp_path):
    """An interaction gives trees their weight; saved, loaded and explained they are the same."""
    model, X = crossed
    assert model.chosen[1]["weight_forest"] + model.chosen[1]["weight_boosted"] > 0.5
    risk = model.predict_cumulative_incidence(X, [0.3])[:, 0]
    high = X[:, 0] * X[:, 1] > 0
    assert risk[high].mean() > risk[~high].mean() + 0.3
    loaded = TimeToEvent.load(model.save(tmp_path / "model"))
    np.testing.assert_array_equal(loaded.predict_cumulative_incidence(X, [0.3])[:, 0], risk)
    whole = model.base_value(0.3) + model.explain(X[:20], 0.3).sum(axis=1)
    np.testing.assert_allclose(whole, risk[:20], atol=1e-9)


def test_a_damaged_model_is_refused(crossed, tmp_path):
    """Trees changed after saving are not read."""
    crossed[0].save(tmp_path / "model")
    victim = next((tmp_path / "model").glob("*trees.txt"))
    victim.write_text(victim.read_text().replace("leaf_value=", "leaf_value=9", 1))
    with pytest.raises(Damaged):
        TimeToEvent.load(tmp_path / "model")


def test_intervals_hold_the_prediction(model, learned):
    """Intervals hold the prediction, stay in [0, 1] and widen with the level."""
    times = [0.0, 2.0, 5.0, 10.0]
    for cause in (1, 2):
        middle = model.predict_cumulative_incidence(learned.X, times, cause)
        low, high = model.predict_interval(learned.X, times, cause)
        narrow = model.predict_interval(learned.X, times, cause, level=0.5)
        assert ((low >= 0) & (low <= middle) & (middle <= high) & (high <= 1)).all()
        assert ((low <= narrow[0]) & (narrow[1] <= high)).all()
    with pytest.raises(InputError):
        model.predict_interval(learned.X, times, level=1.0)


@pytest.mark.slow
def test_intervals_cover_the_truth(people):
    """Over samples, 95 % intervals hold the true risk of people about as often as they say."""
    new = people(200, seed=99, missing=0)
    covered = []
    for seed in range(8):
        data = people(400, seed=seed, missing=0)
        model = TimeToEvent(seed=0).fit(data.X, data.y)
        for cause in (1, 2):
            low, high = model.predict_interval(new.X, [5.0], cause)
            truth = new.incidence(5.0, cause)
            covered.append(np.mean((low[:, 0] <= truth) & (truth <= high[:, 0])))
    assert 0.9 <= np.mean(covered) <= 0.995


@pytest.mark.slow
def test_changing_hazards_are_followed():
    """Where an effect reverses over time, early and late risks follow it."""
    rng = np.random.default_rng(0)
    x = rng.random(3000) < 0.5
    early = rng.exponential(1 / np.where(x, 0.4, 0.05))
    late = 1 + rng.exponential(1 / np.where(x, 0.05, 0.4))
    time = np.where(early < 1, early, late)
    y = _outcome(np.minimum(time, 6), np.where(time <= 6, 1, 0))
    model = TimeToEvent().fit(np.column_stack([x, rng.normal(size=3000)]).astype(float), y)
    rows = np.array([[0.0, 0.0], [1.0, 0.0]])
    risk = model.predict_cumulative_incidence(rows, [1.0, 4.0])
    expected = -np.expm1([[-0.05, -0.05 - 1.2], [-0.4, -0.4 - 0.15]])
    np.testing.assert_allclose(risk, expected, atol=0.06)
    assert len(model.chosen[1]["slopes"]) > 1


def test_left_truncation_takes_out_its_bias():
    """With late entry told, the true risk is found; the longer-lived sample does not hide it."""
    rng = np.random.default_rng(0)
    time, entry = rng.exponential(10.0, 3000), rng.uniform(0, 15, 3000)
    seen = entry < time
    x = rng.normal(size=(seen.sum(), 1))
    y = _outcome(time[seen], np.ones(seen.sum()))
    told = TimeToEvent().fit(x, y, entry=entry[seen]).predict_survival(x[:1], [10.0])[0, 0]
    untold = TimeToEvent().fit(x, y).predict_survival(x[:1], [10.0])[0, 0]
    assert abs(told - np.exp(-1)) < 0.05 < untold - np.exp(-1)


@pytest.mark.parametrize(
    "X",
    [
        np.arange(40.0)[:, None],
        np.ones((40, 1)),
        np.full((40, 2), np.nan),
        pl.DataFrame({"word": ["a", "b"] * 20}),
        pl.DataFrame({"id": [f"person{i}" for i in range(40)]}),
        pl.DataFrame({"truth": [True, None] * 20}),
        np.arange(40.0)[:, None] * 1e-300,
        1.0 + np.arange(40.0)[:, None] * 1e-15,
        np.arange(80.0).reshape(40, 2) * 1e48,
    ],
    ids=["one", "constant", "empty", "words", "identifiers", "truths", "tiny", "close", "huge"],
)
def test_poor_columns_still_give_curves(X):
    """One column, a constant, nothing but missing, words, extreme numbers: valid curves."""
    rng = np.random.default_rng(0)
    y = _outcome(rng.exponential(5, 40), rng.integers(0, 3, 40))
    assert_valid(TimeToEvent().fit(X, y), X, (1, 2))


def test_ties_and_events_at_time_zero():
    """Few distinct times, zero among them: survival is 1 at 0 and drops right after."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2))
    y = _outcome(rng.integers(0, 4, 200), rng.integers(0, 3, 200))
    model = TimeToEvent().fit(X, y)
    assert_valid(model, X, (1, 2))
    share = np.mean((y["time"] == 0) & (y["event"] > 0))
    assert model.predict_survival(X, [1e-12]).mean() == pytest.approx(1 - share, abs=0.03)


def test_all_events_at_one_time():
    """Everything at one instant is still an answer."""
    X = np.random.default_rng(0).normal(size=(30, 2))
    assert_valid(TimeToEvent().fit(X, _outcome(np.full(30, 2.0), np.ones(30))), X, (1,))


def test_a_column_that_is_the_outcome():
    """A column that gives the outcome away separates, and stays a probability."""
    rng = np.random.default_rng(0)
    time = rng.exponential(5, 100)
    X = np.column_stack([time, rng.normal(size=100)])
    model = TimeToEvent().fit(X, _outcome(time, np.ones(100)))
    assert_valid(model, X, (1,))
    assert np.corrcoef(model.predict_risk(X), -time)[0, 1] > 0.7


@pytest.mark.parametrize(
    ("time", "event", "says"),
    [
        (np.arange(3.0), np.ones(3), "3 rows"),
        (np.arange(50.0), np.zeros(50), "0 events"),
        (np.arange(50.0), np.arange(50) == 3, "1 events"),
        (np.zeros(0), np.zeros(0), "0 rows"),
    ],
)
def test_what_cannot_be_learned(time, event, says):
    """Too few people or events: the error says how many there are and how many are needed."""
    X = np.zeros((len(time), 1))
    with pytest.raises(NotEstimable, match=f"{says}.*at least"):
        TimeToEvent().fit(X, _outcome(time, event))


def test_a_cause_with_few_events_is_the_same_for_all(people):
    """A rare cause gets the same hazard for everyone, and a note; the sum still is one."""
    data = people(150)
    y = data.y.copy()
    y["event"][y["event"] == 2] = 0
    y["event"][:3] = 3
    model = TimeToEvent().fit(data.X, y)
    assert model.causes == (1, 2, 3)
    assert_valid(model, data.X, (1, 2, 3))
    assert sum("the same for everyone" in note for note in model.notes) == 2
    assert (model.predict_cumulative_incidence(data.X, [5.0], cause=2) == 0).all()


def test_unknown_cause_time_and_state(model, learned):
    """A cause the model does not know, a negative time, an unfitted model: clear errors."""
    with pytest.raises(InputError, match="one of 1, 2"):
        model.predict_cumulative_incidence(learned.X, [1.0], cause=3)
    with pytest.raises(InputError, match="negative"):
        model.predict_survival(learned.X, [-1.0])
    with pytest.raises(NotEstimable, match="fit"):
        TimeToEvent().predict_survival(learned.X, [1.0])
    with pytest.raises(InputError, match="rows"):
        TimeToEvent().fit(learned.X[:5], learned.y)


def test_unseen_words_and_columns(model, learned):
    """New words are tolerated, new columns noted, missing columns named."""
    strange = learned.X.with_columns(kind=pl.lit("never seen"), extra=pl.lit(1))
    assert_valid(model, strange, (1, 2))
    model.predict_risk(strange)
    assert any("ignored" in note for note in model.notes)
    with pytest.raises(InputError, match="'kind'"):
        model.predict_risk(learned.X.drop("kind"))


def test_time_budget_is_kept_and_told(people):
    """A budget of nothing still gives a model, quickly, and the notes say so."""
    data = people(150)
    model = TimeToEvent(time_budget_s=0.0).fit(data.X, data.y)
    assert_valid(model, data.X, (1, 2))
    assert any("budget" in note for note in model.notes)


def test_settings_are_those_of_scikit_learn(learned):
    """`get_params`, `set_params` and `clone` work, and unknown settings are refused."""
    from sklearn.base import clone

    model = clone(TimeToEvent(seed=3, horizon=5.0))
    given = {"seed": 3, "horizon": 5.0, "folds": 5, "time_budget_s": None}
    assert given.items() <= model.get_params().items()
    assert model.set_params(seed=4).seed == 4
    with pytest.raises(InputError, match="sed"):
        model.set_params(sed=1)


def test_groups_stay_together(people):
    """With one subject there is nothing to hold out; with several the fit goes through."""
    data = people(60)
    with pytest.raises(NotEstimable, match="one subject"):
        TimeToEvent().fit(data.X, data.y, groups=np.zeros(60))
    assert_valid(TimeToEvent().fit(data.X, data.y, groups=np.arange(60) // 3), data.X, (1, 2))


def test_many_rows_are_thinned_for_the_folds_only(crossed, monkeypatch):
    """Trees that weigh and stop on a part of the rows still find what only trees can see."""
    monkeypatch.setattr("osler.learn.score.MOST_ROWS_FOR_FOLDS", 400)
    X, y = _crossing()
    thinned = TimeToEvent(seed=0).fit(X, y)
    assert_valid(thinned, X, (1,))
    ranks = np.corrcoef(crossed[0].predict_risk(X), thinned.predict_risk(X))[0, 1]
    assert 0.8 < ranks < 1.0
