"""Cross-fitting: every row is predicted by a model that never saw its subject."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from joblib import Parallel, delayed
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from osler.errors import Fault, InputError, NotEstimable
from osler.evaluate.calibration import Link, from_link, to_link
from osler.features import Column, FeatureMatrix
from osler.learn.splits import stratified_folds
from osler.predict import Risk, TimeToEvent
from osler.progress import track
from osler.workflows.study.alike import alike_among
from osler.workflows.study.model_plan import ModelPlan
from osler.workflows.study.question import Study
from osler.workflows.study.saved import FittedModel

FEWEST_EVENTS = 10
WORKERS = 2
# Times at which a recalibrated curve's hazards are taken; between them they are as good as equal.
HAZARD_STEPS = 60

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Outcomes:
    """The outcome of each row, as the learners take it.

    Parameters
    ----------
    y
        Structured `event`, `time` (days), or 0/1 labels.
    entry_days : shape (n,)
        Time from which each row was under observation; None for a label.
    causes
        Names of causes 1..K; one name for a label.
    audited : shape (n,)
        The group of each row that the study's model is to be fair to; None where it names none.
    """

    y: NDArray[Any]
    entry_days: Floats | None
    causes: tuple[str, ...]
    audited: NDArray[Any] | None = None

    @property
    def cause(self) -> NDArray[np.int64]:
        """Cause 0..K of each row."""
        event = self.y["event"] if self.entry_days is not None else self.y
        return np.asarray(event, dtype=np.int64)

    def take(self, rows: Rows) -> Outcomes:
        """Return some of the rows."""
        entry = None if self.entry_days is None else self.entry_days[rows]
        audited = None if self.audited is None else self.audited[rows]
        return Outcomes(self.y[rows], entry, self.causes, audited)


@dataclass(frozen=True)
class CrossFitted:
    """Out-of-fold predictions and the models that made them.

    Parameters
    ----------
    fold : shape (n,)
        Fold of each row; -1 for rows held out of all training.
    incidence : shape (n, K, t)
        Cumulative incidence per cause at `times`; for a label K = t = 1 and its probability.
    low, high : shape (n, K, h)
        Interval of the incidence at each horizon.
    folds
        One model per fold.
    final
        The model fitted on all training rows.
    """

    fold: Rows
    times: Floats
    incidence: Floats
    low: Floats
    high: Floats
    folds: tuple[FittedModel, ...]
    final: FittedModel

    @property
    def survival(self) -> Floats:
        """Chance of no event of any cause at each time, shape (n, t)."""
        return np.asarray(np.clip(1.0 - self.incidence.sum(axis=1), 0.0, 1.0))


def cross_fit(
    matrix: FeatureMatrix,
    outcomes: Outcomes,
    rows: pl.DataFrame,
    study: Study,
    times: Floats,
    horizons: Floats,
    seed: int,
) -> CrossFitted:
    """Fit one model per fold and one on all training rows.

    Raises
    ------
    NotEstimable
        If there are too few events to learn from.
    """
    study.model.check_columns(matrix.columns)
    held_out = _held_out(rows, study)
    fold = _folds(outcomes, rows, held_out, study, seed)
    causes = len(outcomes.causes)
    incidence = np.full((len(fold), causes, len(times)), np.nan)
    low, high = (np.full((len(fold), causes, len(horizons)), np.nan) for _ in range(2))
    labels = [*range(study.split.folds), -1]
    training = [np.flatnonzero((fold != label) & ~held_out) for label in labels]
    models = _fit_all(matrix, outcomes, training, study, seed, "Fitting, folds")
    models = _with_alike(models, matrix, outcomes, training, horizons)
    for label, model in zip(labels, models, strict=True):
        test = np.flatnonzero(fold == label)
        if test.size:
            part = model.of(matrix.take(test))
            incidence[test] = predict(model, part, times, causes)
            low[test], high[test] = predict_interval(model, part, horizons, causes)
    return CrossFitted(fold, times, incidence, low, high, tuple(models[:-1]), models[-1])


def _with_alike(
    models: Sequence[FittedModel],
    matrix: FeatureMatrix,
    outcomes: Outcomes,
    training: Sequence[Rows],
    horizons: Floats,
) -> list[FittedModel]:
    """Give each model what became of the people whom it learned from."""
    jobs = (
        delayed(alike_among)(model, matrix, outcomes, train, horizons)
        for model, train in zip(models, training, strict=True)
    )
    with threadpool_limits(1):
        told = Parallel(n_jobs=WORKERS, backend="threading")(jobs)
    return [replace(model, alike=one) for model, one in zip(models, told, strict=True)]


def leave_one_site_out(
    matrix: FeatureMatrix,
    outcomes: Outcomes,
    site: pl.Series,
    study: Study,
    times: Floats,
    seed: int,
) -> Floats:
    """Return each row's incidence by a model that never saw its site; NaN where there is none."""
    causes = len(outcomes.causes)
    incidence = np.full((len(site), causes, len(times)), np.nan)
    places = site.to_numpy()
    names = sorted(set(places))
    training = [np.flatnonzero(places != name) for name in names]
    models = _fit_all(matrix, outcomes, training, study, seed, "Leaving one centre out")
    for name, model in zip(names, models, strict=True):
        test = np.flatnonzero(places == name)
        incidence[test] = predict(model, model.of(matrix.take(test)), times, causes)
    return incidence


def _fit_all(
    matrix: FeatureMatrix,
    outcomes: Outcomes,
    training: Sequence[Rows],
    study: Study,
    seed: int,
    what: str,
) -> list[FittedModel]:
    """Fit several models side by side, each on one thread; the results do not depend on it."""
    jobs = (delayed(fit)(matrix, outcomes, train, study, seed) for train in training)
    with threadpool_limits(1):
        done = Parallel(n_jobs=WORKERS, backend="threading", return_as="generator")(jobs)
        return list(track(done, what, len(training)))


def fit(
    matrix: FeatureMatrix, outcomes: Outcomes, train: Rows, study: Study, seed: int
) -> FittedModel:
    """Fit on some rows, with the columns that are frequent among them."""
    part, own = matrix.take(train), outcomes.take(train)
    columns = part.frequent_columns(
        min_subjects=study.features.min_subjects, rare=study.features.rare
    )
    if not columns:
        raise NotEstimable(
            f"no column is present in {study.features.min_subjects} or more subjects; load more "
            "subjects, widen `features: include`, or lower `features: min_subjects`"
        )
    events = int((own.cause > 0).sum())
    if events < FEWEST_EVENTS:
        raise NotEstimable(
            f"{events} events among {len(train)} rows; at least {FEWEST_EVENTS} are needed: widen "
            "the cohort, lengthen the follow-up, or choose a more frequent outcome"
        )
    model: TimeToEvent | Risk
    selected, plan = part.select(columns), study.model
    directions = plan.directions(columns)
    if own.entry_days is None:
        fair = None if plan.fairness is None else plan.fairness.settings
        model = Risk(
            seed, time_budget_s=plan.time_budget_s, monotone=directions, fairness=fair
        ).fit(selected, own.y, audited=None if fair is None else own.audited)
    else:
        entry = own.entry_days if own.entry_days.any() else None
        model = TimeToEvent(seed, time_budget_s=plan.time_budget_s, monotone=directions)
        model.fit(selected, own.y, entry=entry)
    names = tuple(str(column) for column in columns)
    return FittedModel(model, names, hierarchy=study.features.hierarchy)


def unconstrained(study: Study) -> Study:
    """Return the study with a model that neither directions nor fairness bend."""
    return replace(study, model=ModelPlan(study.model.time_budget_s))


def reference_columns(matrix: FeatureMatrix, study: Study) -> dict[str, list[Column]]:
    """Return the columns of each reference code of the study.

    Raises
    ------
    InputError
        If no column is of such a code; tells all of them.
    """
    found = {
        code: [one for one in matrix.columns if f"{one.code}//".startswith(f"{code}//")]
        for code in study.evaluation.references
    }
    where, wanted = "evaluate: references", "a code among the features"
    faults = [Fault(where, f"no column of {code}", wanted) for code in found if not found[code]]
    if faults:
        raise InputError(faults)
    return found


def reference_incidence(
    matrix: FeatureMatrix,
    outcomes: Outcomes,
    fitted: CrossFitted,
    study: Study,
    descriptions: dict[str, str],
    seed: int,
) -> dict[str, Floats]:
    """Return, per reference code of the study, the incidence by a model of that code alone.

    Raises
    ------
    InputError
        If no column is of that code.
    """
    found = {}
    causes = len(outcomes.causes)
    study = unconstrained(study)
    for code, columns in reference_columns(matrix, study).items():
        own = matrix.select(columns)
        incidence = np.full((len(fitted.fold), causes, len(fitted.times)), np.nan)
        labels = sorted(set(fitted.fold.tolist()))
        training = [np.flatnonzero((fitted.fold != label) & (fitted.fold >= 0)) for label in labels]
        models = _fit_all(own, outcomes, training, study, seed, f"Fitting, {code} alone")
        for label, model in zip(labels, models, strict=True):
            test = np.flatnonzero(fitted.fold == label)
            incidence[test] = predict(model, model.of(own.take(test)), fitted.times, causes)
        found[f"{descriptions.get(columns[0].code, code)} alone"] = incidence
    return found


def predict(fitted: FittedModel, part: FeatureMatrix, times: Floats, causes: int) -> Floats:
    """Return incidence, shape (n, causes, t), recalibrated where the model was."""
    if fitted.recalibration is not None:
        return recalibrated(fitted, part, times, causes)
    return as_fitted(fitted, part, times, causes)


def as_fitted(fitted: FittedModel, part: FeatureMatrix, times: Floats, causes: int) -> Floats:
    """Return incidence, shape (n, causes, t), as the model was fitted, before any recalibration."""
    if isinstance(fitted.model, Risk):
        return np.asarray(fitted.model.predict_proba(part))[:, 1][:, None, None]
    model, none = fitted.model, np.zeros((part.shape[0], len(times)))
    # A cause that nobody in the training rows had is not known to the model.
    curves = [
        model.predict_cumulative_incidence(part, times, cause=cause)
        if cause in model.causes
        else none
        for cause in range(1, causes + 1)
    ]
    return np.stack(curves, axis=1)


def recalibrated(fitted: FittedModel, part: FeatureMatrix, times: Floats, causes: int) -> Floats:
    """Return recalibrated incidence, shape (n, causes, t)."""
    update = fitted.recalibration
    if update is None:
        return as_fitted(fitted, part, times, causes)
    if update.anchor is None:
        risk = as_fitted(fitted, part, times, causes)
        return update.probability(risk[:, 0, 0])[:, None, None]
    last = max(float(np.max(times)), update.anchor)
    grid = np.unique([*np.linspace(0, last, HAZARD_STEPS + 1)[1:], *times, update.anchor])
    grid = grid[grid > 0]
    curves = update.incidence(as_fitted(fitted, part, grid, causes), grid)
    found = np.zeros((part.shape[0], causes, len(times)))
    later = np.flatnonzero(times > 0)
    found[:, :, later] = curves[:, :, np.searchsorted(grid, times[later])]
    return found


def predict_interval(
    fitted: FittedModel, part: FeatureMatrix, times: Floats, causes: int, level: float = 0.95
) -> tuple[Floats, Floats]:
    """Return low and high of the incidence, each of shape (n, causes, t).

    A recalibrated prediction keeps the width that it had on the scale of its link; that the
    recalibration itself was estimated is not in it.
    """
    low, high = _interval_as_fitted(fitted, part, times, causes, level)
    if fitted.recalibration is None:
        return low, high
    link: Link = "logit" if fitted.recalibration.anchor is None else "cloglog"
    before = to_link(as_fitted(fitted, part, times, causes), link)
    after = to_link(recalibrated(fitted, part, times, causes), link)
    moved = [from_link(after + to_link(one, link) - before, link) for one in (low, high)]
    return moved[0], moved[1]


def _interval_as_fitted(
    fitted: FittedModel, part: FeatureMatrix, times: Floats, causes: int, level: float
) -> tuple[Floats, Floats]:
    if isinstance(fitted.model, Risk):
        pair = fitted.model.predict_interval(part, level=level)
        return np.asarray(pair[0])[:, None, None], np.asarray(pair[1])[:, None, None]
    model, none = fitted.model, np.zeros((part.shape[0], len(times)))
    pairs = [
        model.predict_interval(part, times, cause=cause, level=level)
        if cause in model.causes
        else (none, none)
        for cause in range(1, causes + 1)
    ]
    return np.stack([pair[0] for pair in pairs], axis=1), np.stack([p[1] for p in pairs], axis=1)


def _held_out(rows: pl.DataFrame, study: Study) -> NDArray[np.bool_]:
    if study.split.temporal_holdout is None:
        return np.zeros(rows.height, dtype=bool)
    late = (rows["prediction_time"] >= study.split.temporal_holdout).to_numpy()
    # A subject seen late is late altogether: no subject may stand on both sides.
    subjects = rows["subject_id"].to_numpy()
    return np.isin(subjects, subjects[late])


def _folds(
    outcomes: Outcomes, rows: pl.DataFrame, held_out: NDArray[np.bool_], study: Study, seed: int
) -> Rows:
    fold = np.full(rows.height, -1, dtype=np.int64)
    inside = np.flatnonzero(~held_out)
    subjects = rows["subject_id"].to_numpy()[inside]
    if len(np.unique(subjects)) < 2 * study.split.folds:
        raise NotEstimable(
            f"{len(np.unique(subjects))} subjects to learn from; {study.split.folds} folds need at "
            f"least {2 * study.split.folds}: widen the cohort or lower `split: folds`"
        )
    fold[inside] = stratified_folds(
        outcomes.cause[inside], study.split.folds, seed=seed, groups=subjects
    )
    return fold
