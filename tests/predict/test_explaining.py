"""Shapes and people alike of each kind of model, from arrays and frames."""

from __future__ import annotations

import numpy as np
import pytest

from osler.errors import InputError
from osler.predict import Diagnosis, Risk, TimeToEvent
from osler.predict.explaining import groups_alike, shapes

ROWS = 400


@pytest.fixture(scope="module")
def fitted(people):
    """Return a sample, its outcomes, and a model of each kind."""
    sample = people(ROWS, seed=6)
    label = (sample.y["event"] == 1).astype(int)
    kind = np.array(["neither", "first", "second"])[sample.y["event"]]
    return {
        "timed": (TimeToEvent(seed=0, folds=3).fit(sample.X, sample.y), sample.y),
        "risk": (Risk(seed=0, folds=3).fit(sample.X, label), label),
        "diagnosis": (Diagnosis(seed=0, folds=3).fit(sample.X, kind), kind),
        "X": sample.X,
    }


@pytest.mark.parametrize(
    ("name", "asked", "column"),
    [
        ("timed", {"horizon": 5.0}, "size"),
        ("timed", {"horizon": 5.0, "cause": 2}, "age"),
        ("risk", {}, "size"),
        ("diagnosis", {"label": "first"}, "size"),
    ],
)
def test_the_strongest_column_has_a_rising_shape(fitted, name, asked, column) -> None:
    """The column that raises the hazard comes first, and its effect rises with its value."""
    found = shapes(fitted[name][0], fitted["X"], **asked)
    assert next(iter(found)) == column
    effects = [one.effect for one in found[column].bins]
    assert effects[0] < 0 < effects[-1]
    assert found[column].additive > 0.5
    assert {one.level for one in found["marker"].bins} == {"true", "false"}


def test_a_diagnosis_needs_its_class(fitted) -> None:
    """The shape of a diagnosis is of one class, which must be named."""
    with pytest.raises(InputError, match="label"):
        shapes(fitted["diagnosis"][0], fitted["X"])


@pytest.mark.parametrize(
    ("name", "times", "shape"),
    [("timed", [2.0, 5.0], (2, 2)), ("risk", None, (1, 1)), ("diagnosis", None, (3, 1))],
)
def test_every_model_tells_of_people_alike(fitted, name, times, shape) -> None:
    """What is seen in a person's group is near to what is predicted of the group."""
    model, y = fitted[name]
    alike = groups_alike(model, fitted["X"], y, times)
    assert alike.people.sum() == ROWS
    group = alike.group_of(model.coordinates(fitted["X"][3])[0])
    assert group.value.shape == shape
    apart = np.abs(alike.value - alike.predicted)
    assert np.nanmean(apart) < 0.1
    assert not np.isnan(apart).all()


def test_people_alike_over_time_need_times(fitted) -> None:
    """By when outcomes are counted must be said."""
    model, y = fitted["timed"]
    with pytest.raises(InputError, match="times"):
        groups_alike(model, fitted["X"], y)
