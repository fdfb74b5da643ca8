"""How a model goes with the values of its columns, and groups of people who are alike to it."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from osler.errors import Fault, InputError
from osler.learn.alike import Alike
from osler.learn.losses import Floats
from osler.learn.outcome import as_binary, as_survival, as_times
from osler.learn.shapes import Shape, shape_of_levels, shape_of_numbers
from osler.learn.table import as_frame
from osler.predict.diagnosis import Diagnosis
from osler.predict.risk import Risk
from osler.predict.time_to_event import TimeToEvent

MOST_SHAPES = 8

Model = TimeToEvent | Risk | Diagnosis


def shapes(model: Model, X: Any, *, most: int = MOST_SHAPES, **asked: Any) -> dict[str, Shape]:
    """Return how the prediction goes with the values of the columns that move it most.

    Parameters
    ----------
    X : shape (n, p)
        People, one row each, as the model takes them.
    most
        How many columns, strongest first.
    asked
        What `explain` takes: `horizon` and `cause` of a time to event; `label`, which must be
        given, of a diagnosis.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(300, 2))
    >>> model = Risk(seed=0).fit(X, (X[:, 0] + rng.normal(size=300) > 0).astype(int))
    >>> shape = shapes(model, X, most=1)["x0"]
    >>> shape.bins[0].effect < 0 < shape.bins[-1].effect
    True
    """
    label = asked.get("label")
    if isinstance(model, Diagnosis) and label is None:
        raise InputError(Fault("label", "nothing", "one of classes_", "name the class"))
    effects = model.explain(X, **asked)
    order = np.argsort(-np.abs(effects).mean(axis=0), kind="stable")[:most]
    alone = model.explain_alone(X, columns=[[int(one)] for one in order], **asked)
    added = _added(model, X, label if isinstance(model, Diagnosis) else asked.get("cause", 1))
    frame = as_frame(X)[0]
    names = model.feature_names
    columns = frame.columns if set(names) <= set(frame.columns) else None
    return {
        names[at]: _shape(
            frame[names[at]] if columns else frame.to_series(int(at)),
            effects[:, at],
            alone[:, number],
            added[:, at],
        )
        for number, at in enumerate(order)
    }


def _added(model: Model, X: Any, which: Any) -> Floats:
    """Return what each column adds to the score that the shapes are of, shape (n, p)."""
    width = len(model.feature_names)
    first = 0
    if isinstance(model, Diagnosis):
        first = model.classes_.tolist().index(which)
    elif isinstance(model, TimeToEvent):
        first = which - 1
    return model.coordinates(X)[:, first * width : (first + 1) * width]


def _shape(cells: pl.Series, effects: Floats, alone: Floats, added: Floats) -> Shape:
    if cells.dtype == pl.Float64:
        values = cells.fill_null(np.nan).to_numpy()
        return shape_of_numbers(values, effects, alone, added)
    return shape_of_levels(cells.cast(pl.String).to_list(), effects, alone, added)


def groups_alike(model: Model, X: Any, y: Any, times: Any = None, *, entry: Any = None) -> Alike:
    """Group the people a model learned from by what moves their predictions.

    ``groups_alike(model, X, y).group_of(model.coordinates(x)[0])`` tells what became of the
    people most like one more, only of ten and more.

    Parameters
    ----------
    X, y
        One row per person, as `fit` took them.
    times
        Of a time to event: by when outcomes are counted, increasing.
    entry
        Of a time to event: from when each was observed.

    Raises
    ------
    InputError
        If `times` of a time to event are not given.
    NotEstimable
        If there are too few people.
    """
    places = model.coordinates(X)
    if isinstance(model, Risk):
        chance = model.predict_proba(X)[:, 1, None, None]
        return Alike.of_label(places, np.asarray(as_binary(y), dtype=np.int64), predicted=chance)
    if isinstance(model, Diagnosis):
        classes = model.classes_.tolist()
        codes = np.array([classes.index(one) for one in np.asarray(y).tolist()], dtype=np.int64)
        chances = model.predict_proba(X)[:, :, None]
        return Alike.of_classes(places, codes, len(classes), predicted=chances)
    if times is None:
        raise InputError(Fault("times", "nothing", "by when outcomes are counted"))
    at, outcome = as_times(times), as_survival(y, entry)
    own = np.zeros(len(outcome), dtype=[("event", np.int64), ("time", np.float64)])
    own["event"], own["time"] = outcome.event, outcome.time
    told = [model.predict_cumulative_incidence(X, at, cause=one) for one in model.causes]
    return Alike.of_times(
        places,
        own,
        at,
        causes=len(model.causes),
        entry=outcome.entry if entry is not None else None,
        predicted=np.stack(told, axis=1),
    )
