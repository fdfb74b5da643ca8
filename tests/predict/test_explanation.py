"""Attributions add up to the prediction, on its own scale, whatever is asked."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from osler.evaluate import faithfulness
from osler.learn.deleting import delete_reasons
from osler.predict import Diagnosis, Risk, TimeToEvent

EXACT = 1e-9
ROWS = 260


@pytest.fixture(scope="module")
def fitted(people):
    """Return the three models, fitted once to few people."""
    sample = people(ROWS, seed=4)
    label = (sample.y["event"] == 1).astype(int)
    kind = np.where(label == 1, "first", np.where(sample.y["event"] == 2, "second", "neither"))
    return {
        "timed": TimeToEvent(seed=0, folds=3).fit(sample.X, sample.y),
        "risk": Risk(seed=0, folds=3).fit(sample.X, label),
        "diagnosis": Diagnosis(seed=0, folds=3).fit(sample.X, kind),
    }


number = st.one_of(st.none(), st.floats(-50, 50), st.just(1e6))
person = st.fixed_dictionaries(
    {
        "size": number,
        "age": number,
        "marker": st.one_of(st.none(), st.booleans()),
        "kind": st.one_of(st.none(), st.sampled_from(["u", "v", "w", "never seen"])),
        "noise": number,
        "constant": number,
        "empty": st.one_of(st.none(), st.floats(-1, 1)),
    }
)
SCHEMA = {
    "size": pl.Float64,
    "age": pl.Float64,
    "marker": pl.Boolean,
    "kind": pl.String,
    "noise": pl.Float64,
    "constant": pl.Float64,
    "empty": pl.Float64,
}
asked = settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@asked
@given(st.lists(person, min_size=1, max_size=3), st.floats(0, 60), st.sampled_from([1, 2]))
def test_a_timed_risk_is_the_sum_of_its_reasons(fitted, drawn, horizon, cause) -> None:
    """Base and attributions add up to the incidence of any cause at any horizon."""
    X, model = pl.DataFrame(drawn, schema=SCHEMA), fitted["timed"]
    total = model.base_value(horizon, cause) + model.explain(X, horizon, cause).sum(axis=1)
    told = model.predict_cumulative_incidence(X, [horizon], cause=cause)[:, 0]
    assert np.abs(total - told).max() <= EXACT
    together = model.explain_all(X, [horizon, 3.0])
    assert np.abs(together[:, cause - 1, 0] - model.explain(X, horizon, cause)).max() <= EXACT


@asked
@given(st.lists(person, min_size=1, max_size=3))
def test_a_chance_is_the_sum_of_its_reasons(fitted, drawn) -> None:
    """Base and attributions add up to the chance of 1."""
    X, model = pl.DataFrame(drawn, schema=SCHEMA), fitted["risk"]
    total = model.base_value() + model.explain(X).sum(axis=1)
    assert np.abs(total - model.predict_proba(X)[:, 1]).max() <= EXACT


@asked
@given(st.lists(person, min_size=1, max_size=3))
def test_every_class_is_the_sum_of_its_reasons(fitted, drawn) -> None:
    """Base and attributions add up to the probability of each class, and over classes to none."""
    X, model = pl.DataFrame(drawn, schema=SCHEMA), fitted["diagnosis"]
    told, moved = model.predict_proba(X), np.zeros((len(drawn), X.width))
    for number, label in enumerate(model.classes_):
        effects = model.explain(X, label)
        moved += effects
        total = model.base_value(label) + effects.sum(axis=1)
        assert np.abs(total - told[:, number]).max() <= EXACT
    assert np.abs(moved.sum(axis=1)).max() <= 1e-8


def test_a_column_alone_moves_what_it_moves_when_all_else_is_average(fitted, people) -> None:
    """All columns together, alone, are the whole change of the prediction; an empty set is none."""
    X = people(30, seed=9).X
    everything = [list(range(X.width)), []]
    for model, which in (
        (fitted["timed"], {"horizon": 5.0, "cause": 2}),
        (fitted["risk"], {}),
        (fitted["diagnosis"], {"label": "first"}),
    ):
        alone = model.explain_alone(X, columns=everything, **which)
        assert np.abs(alone[:, 0] - model.explain(X, **which).sum(axis=1)).max() <= EXACT
        assert np.abs(alone[:, 1]).max() == 0
        assert model.explain_alone(X, **which).shape == X.shape


def test_coordinates_tell_people_apart_by_what_matters_only(fitted, people) -> None:
    """A constant column parts nobody; equal people are at one place, unlike ones are not."""
    X = people(40, seed=9).X
    for model in fitted.values():
        places = model.coordinates(X)
        other = model.coordinates(X.with_columns(pl.lit(7.0).alias("constant")))
        assert np.array_equal(places, other)
        assert np.array_equal(places[:1], model.coordinates(X[0]))
        assert np.ptp(places, axis=0).max() > 0


def test_the_reasons_of_a_model_are_faithful(fitted, people) -> None:
    """Without its strongest reasons a prediction moves more than without as many others."""
    X, model = people(120, seed=11).X, fitted["timed"]
    deleted = delete_reasons(
        lambda cells: model.predict_cumulative_incidence(cells, [5.0])[:, 0],
        X,
        model.explain(X, horizon=5.0),
        named=2,
    )
    found = faithfulness(deleted.whole, deleted.without_named, deleted.without_others)
    assert found.faithful
    assert found.share.value > 0.7
