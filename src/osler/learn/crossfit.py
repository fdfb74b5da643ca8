"""Predictions for every row by a model that did not see it, and the model of all rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from osler.errors import Fault, InputError
from osler.learn.losses import Bools, Floats
from osler.learn.outcome import as_binary, as_survival, as_times
from osler.learn.splits import splits, stratified_folds
from osler.learn.table import as_frame
from osler.progress import track


class SurvivalModel(Protocol):
    """What `cross_fit` asks of a model."""

    def fit(self, X: Any, y: Any) -> Any:
        """Learn."""
        ...

    def predict_cumulative_incidence(self, X: Any, times: Any, cause: int = 1) -> Floats:
        """Predict (n, t)."""
        ...

    def predict_risk(self, X: Any, cause: int | None = None) -> Floats:
        """Rank (n,)."""
        ...


class BinaryModel(Protocol):
    """What `cross_fit_binary` asks of a model."""

    def fit(self, X: Any, y: Any) -> Any:
        """Learn."""
        ...

    def predict_proba(self, X: Any) -> Floats:
        """Predict (n, 2)."""
        ...


@dataclass(frozen=True)
class CrossFit:
    """Out-of-fold predictions of time to event.

    Parameters
    ----------
    times : shape (t,)
    incidence
        For every cause, shape (n, t); NaN for rows that no fold predicted.
    low, high
        Intervals of the incidences, where the model has `predict_interval`; else empty.
    risk
        For every cause, and under 0 for any of them: rank scores, shape (n,). Scores of different
        folds come from different models.
    fold : shape (n,)
        Label of the split that predicted each row.
    model
        Fitted on all rows; None if not asked for.
    """

    times: Floats
    incidence: dict[int, Floats]
    low: dict[int, Floats]
    high: dict[int, Floats]
    risk: dict[int, Floats]
    fold: Any
    model: Any

    @property
    def survival(self) -> Floats:
        """Chance of no event by each time, shape (n, t)."""
        return np.asarray(np.clip(1.0 - sum(self.incidence.values()), 0.0, 1.0))


@dataclass(frozen=True)
class BinaryCrossFit:
    """Out-of-fold chances of 1, shape (n,), NaN where no fold predicted; see `CrossFit`."""

    chance: Floats
    fold: Any
    model: Any


def cross_fit(
    make: Callable[[], SurvivalModel],
    X: Any,
    y: Any,
    times: Any,
    *,
    folds: int = 5,
    seed: int = 0,
    groups: Any = None,
    labels: Any = None,
    forward: bool = False,
    entry: Any = None,
    final: bool = True,
    intervals: bool = False,
) -> CrossFit:
    """Predict every row by a model that saw neither it nor any row of its group.

    Parameters
    ----------
    make
        Returns a fresh model, such as ``lambda: TimeToEvent(seed=0)``.
    times : shape (t,)
        When incidences are wanted.
    folds
        Number of folds, stratified by cause, unless `labels` are given.
    groups : shape (n,), optional
        Subject of each row; no subject is both learned from and predicted.
    labels : shape (n,), optional
        Site (leave one site out) or period of each row, instead of random folds.
    forward
        With `labels`: learn only from earlier labels; rows of the first get NaN.
    entry : shape (n,), optional
        Left truncation, passed on to ``fit``.
    final
        Also fit a model on all rows.
    intervals
        Also keep ``predict_interval`` of every fold's model.
    """
    outcome = as_survival(y, entry)
    frame = _rows_of(X, len(outcome))
    asked = as_times(times)
    y_plain = outcome.structured()
    fold = _fold_labels(outcome.event, folds, seed, groups, labels)
    causes = range(1, outcome.causes + 1)
    shape = (len(outcome), len(asked))
    incidence = {cause: np.full(shape, np.nan) for cause in causes}
    low = {cause: np.full(shape, np.nan) for cause in causes} if intervals else {}
    high = {cause: np.full(shape, np.nan) for cause in causes} if intervals else {}
    risk = {cause: np.full(len(outcome), np.nan) for cause in (0, *causes)}
    for _, train, test in track(list(splits(fold, groups, forward)), "cross-fitting"):
        model: Any = make()
        _fit(model, frame(train), y_plain[train], entry, groups, train)
        rows = frame(test)
        risk[0][test] = model.predict_risk(rows)
        for cause in causes:
            if cause > int(outcome.event[train].max(initial=0)):
                # A cause that the training part never saw has no incidence there.
                incidence[cause][test], risk[cause][test] = 0.0, 0.0
                continue
            incidence[cause][test] = model.predict_cumulative_incidence(rows, asked, cause)
            risk[cause][test] = model.predict_risk(rows, cause)
            if intervals:
                low[cause][test], high[cause][test] = model.predict_interval(rows, asked, cause)
    everyone = np.ones(len(outcome), dtype=bool)
    whole = _fit(make(), X, y_plain, entry, groups, everyone) if final else None
    return CrossFit(asked, incidence, low, high, risk, fold, whole)


def cross_fit_binary(
    make: Callable[[], BinaryModel],
    X: Any,
    y: Any,
    *,
    folds: int = 5,
    seed: int = 0,
    groups: Any = None,
    labels: Any = None,
    forward: bool = False,
    final: bool = True,
) -> BinaryCrossFit:
    """Predict every row's chance of 1 by a model that saw neither it nor its group.

    Parameters are those of `cross_fit`.
    """
    label = as_binary(y)
    frame = _rows_of(X, len(label))
    fold = _fold_labels(label, folds, seed, groups, labels)
    chance = np.full(len(label), np.nan)
    for _, train, test in track(list(splits(fold, groups, forward)), "cross-fitting"):
        model = _fit(make(), frame(train), label[train], None, groups, train)
        chance[test] = model.predict_proba(frame(test))[:, 1]
    everyone = np.ones(len(label), dtype=bool)
    whole = _fit(make(), X, label, None, groups, everyone) if final else None
    return BinaryCrossFit(chance, fold, whole)


def _fold_labels(strata: Any, folds: int, seed: int, groups: Any, labels: Any) -> Any:
    if labels is None:
        return stratified_folds(strata, folds, seed, groups)
    given = np.asarray(labels)
    if given.shape != np.shape(strata):
        raise InputError(Fault("labels", f"shape {given.shape}", f"{np.shape(strata)}"))
    if len(np.unique(given)) < 2:
        raise InputError(Fault("labels", "one label", "two or more sites or periods"))
    return given


def _rows_of(X: Any, rows: int) -> Callable[[Bools], Any]:
    frame, named = as_frame(X)
    if frame.height != rows:
        raise InputError(Fault("y", f"{rows} rows", f"the {frame.height} of X"))
    if named or not hasattr(X, "dtype"):
        import polars as pl

        return lambda keep: frame.filter(pl.Series(keep))
    return lambda keep: X[keep]


def _fit(model: Any, X: Any, y: Any, entry: Any, groups: Any, rows: Bools) -> Any:
    options = {}
    if entry is not None:
        options["entry"] = np.asarray(entry)[rows]
    if groups is not None:
        options["groups"] = np.asarray(groups)[rows]
    return model.fit(X, y, **options)
