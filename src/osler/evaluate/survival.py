"""The metrics of predicted curves: survival of any event, or incidence of one cause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from osler.errors import NotEstimable
from osler.evaluate.benefit import benefits, net_benefit_metrics
from osler.evaluate.bootstrap import Measured, Resamples, divide
from osler.evaluate.brier import brier_metrics, observed_risk
from osler.evaluate.calibration import Judged, calibration_metrics
from osler.evaluate.concordance import (
    MOST_EXACT_CELLS,
    auc_pairs,
    concordance,
    count_pairs,
    harrell_pairs,
    uno_pairs,
)
from osler.evaluate.curves import Censoring, followed_to, known_status_weights
from osler.evaluate.d_calibration import d_calibration
from osler.evaluate.inputs import Checking, Floats, Outcome
from osler.model import Estimate

# With more times than this they are a grid to average over, not horizons to name.
MOST_NAMED_TIMES = 6
SHARE_STILL_FOLLOWED = 0.05


@dataclass(frozen=True)
class Prediction:
    """Predicted risks at times beside what happened.

    Parameters
    ----------
    risk : shape (n, t)
        Risk of `cause` by each time.
    score : shape (n,)
        Ranks subjects, higher is sooner.
    names
        Time to key of the horizons that are told one by one.
    horizon
        The time at which calibration and net benefit are judged.
    survival
        1 − risk, when the risk is of any event; else None.
    """

    outcome: Outcome
    censoring: Censoring
    risk: Floats
    score: Floats
    times: Floats
    cause: int
    names: dict[float, str]
    horizon: float
    survival: Floats | None


def time_to_event(
    y_train: Any,
    y: Any,
    survival: Any,
    times: Any,
    *,
    horizons: Sequence[float] | None = None,
    thresholds: Sequence[float] = (),
    level: float = 0.95,
    bootstrap: int = 500,
    seed: int = 0,
    subjects: Any = None,
    unit: str = "d",
) -> dict[str, Estimate]:
    """Measure predicted survival: discrimination, error and calibration, each with an interval.

    Parameters
    ----------
    y_train : structured, shape (m,)
        Fields `event` (bool, or 0 censored and 1..K) and `time`. Gives the censoring distribution
        that `uno_c`, `auc_*`, `brier_*` and `ibs` weigh by; held fixed in the resamples.
    y : structured, shape (n,)
        The subjects the prediction is judged on, which the model never saw. Any event counts;
        for one of several causes see `competing`.
    survival : shape (n, t)
        Predicted probability of no event up to each time.
    times : shape (t,)
        Increasing, in the unit of `y`. Those not covered by follow-up are left out of averages,
        and the metrics of such a time are NaN and say why.
    horizons
        Times, among `times`, to tell one by one; None: all when there are at most six, else the
        last time to which a twentieth of the subjects are followed. Calibration and net benefit
        are told at the last of them, and under names with its suffix at each.
    thresholds
        Risks at which to add `net_benefit_at_<threshold>`.
    bootstrap, seed
        Resamples behind the percentile intervals; 0 gives no intervals.
    subjects : shape (n,), optional
        The subject of each row, when subjects have several; whole subjects are drawn.
    unit
        What follows a time in a metric's name: `auc_1826d`.

    Returns
    -------
    `harrell_c`, `uno_c` (truncated at the last usable time), `auc_mean`, `auc_<time>`, `ibs`,
    `ibs_scaled`, `brier_<time>`, `brier_scaled_<time>`, `calibration_slope`,
    `calibration_intercept`, `ici`, `oe`, `observed_risk`, `predicted_risk`, `d_calibration`,
    `d_calibration_p`. A metric that could not be had is NaN and its `meaning` says why.

    Raises
    ------
    InputError
        If the arrays are empty, hold NaN, do not fit together or are not what they should be.
    NotEstimable
        If nobody in `y` has an event, or no time is covered by follow-up.

    Examples
    --------
    >>> kind = [("event", bool), ("time", float)]
    >>> y = np.array([(True, 1.0), (False, 2.0), (True, 3.0), (False, 4.0)], dtype=kind)
    >>> survival = np.array([[0.2], [0.6], [0.4], [0.9]])
    >>> found = time_to_event(y, y, survival, [3.0], bootstrap=0)
    >>> round(found["harrell_c"].value, 2)
    1.0
    """
    checking = Checking()
    prepared = _prepare(checking, y_train, y, survival, times, horizons, None, unit, "survival")
    return _told(checking, prepared, thresholds, level, bootstrap, seed, subjects)


def competing(
    y_train: Any,
    y: Any,
    incidence: Any,
    times: Any,
    cause: int = 1,
    *,
    horizons: Sequence[float] | None = None,
    thresholds: Sequence[float] = (),
    level: float = 0.95,
    bootstrap: int = 500,
    seed: int = 0,
    subjects: Any = None,
    unit: str = "d",
) -> dict[str, Estimate]:
    """Measure the predicted cumulative incidence of one cause among competing ones.

    Parameters
    ----------
    incidence : shape (n, t)
        Predicted probability of `cause` by each time.
    cause
        1..K. A subject with another cause counts as free of this one for ever after.

    The rest is as in `time_to_event`. There is no D-calibration, which has no accepted form with
    competing causes. `uno_c_cause_specific` takes the other causes as censoring, as a model of the
    cause-specific hazard would be judged.

    Raises
    ------
    InputError, NotEstimable
        As in `time_to_event`.
    """
    checking = Checking()
    prepared = _prepare(checking, y_train, y, incidence, times, horizons, cause, unit, "incidence")
    return _told(checking, prepared, thresholds, level, bootstrap, seed, subjects)


def _told(
    checking: Checking,
    prepared: Prediction,
    thresholds: Sequence[float],
    level: float,
    bootstrap: int,
    seed: int,
    subjects: Any,
) -> dict[str, Estimate]:
    checking.settings(level, bootstrap)
    asked = checking.thresholds(thresholds)
    drawn = checking.subjects(subjects, len(prepared.outcome))
    checking.done()
    resamples = Resamples.of(len(prepared.outcome), bootstrap, seed, drawn)
    found = measure(prepared, resamples, asked)
    return {name: measured.estimate(level) for name, measured in found.items()}


def prediction_of(
    checking: Checking, y_train: Any, y: Any, given: Any, times: Any, cause: int | None, where: str
) -> Prediction:
    """Read a prediction for a comparison; it may also be a bare score of shape (n,)."""
    return _prepare(checking, y_train, y, given, times, None, cause, "d", where)


def _prepare(
    checking: Checking,
    y_train: Any,
    y: Any,
    given: Any,
    times: Any,
    horizons: Sequence[float] | None,
    cause: int | None,
    unit: str,
    where: str,
) -> Prediction:
    train, outcome = checking.outcome(y_train, "y_train"), checking.outcome(y, "y")
    grid = checking.times(times)
    asked = tuple(float(time) for time in horizons or ())
    if cause is not None and (cause < 1 or int(cause) != cause):
        checking.fault("cause", "not a positive whole number", "1..K as in y['event']")
    strange = [time for time in asked if not np.isclose(grid, time).any()]
    if strange and grid.size:
        checking.fault("horizons", f"{len(strange)} not among the times", "some of the times")
    score_only = np.ndim(given) == 1
    if score_only:
        score = checking.numbers(given, where, 1)
        checking.same_length(score, where, len(outcome))
        curves = np.empty((len(outcome), 0))
    else:
        curves = checking.curves(given, where, len(outcome), grid.size, rising=cause is not None)
    checking.done()
    if cause is None:
        train, outcome = train.of_any_cause(), outcome.of_any_cause()
    if not (outcome.event == (cause or 1)).any():
        raise NotEstimable(
            "nobody in y has the event: judge on more subjects or a longer follow-up"
        )
    censoring = Censoring.of(train)
    usable = np.array([usable_time(outcome, censoring, time) for time in grid])
    if not usable.any():
        longest = min(float(outcome.time.max()), float(train.time.max()))
        raise NotEstimable(
            f"no given time lies within follow-up, which ends at {longest:g}: ask for earlier times"
        )
    kept = grid[usable]
    named = [float(grid[np.argmin(np.abs(grid - time))]) for time in asked]
    if not named:
        named = list(map(float, grid)) if grid.size <= MOST_NAMED_TIMES else [_main(outcome, kept)]
    horizon = max((time for time in named if time in kept), default=_main(outcome, kept))
    if score_only:
        empty = np.empty((len(outcome), 0))
        return Prediction(outcome, censoring, empty, score, kept, cause or 1, {}, horizon, None)
    risk = curves if cause is not None else 1 - curves
    return Prediction(
        outcome,
        censoring,
        risk[:, usable],
        restricted_score(risk[:, usable], kept),
        kept,
        cause or 1,
        time_names(named, unit),
        horizon,
        None if cause is not None else curves[:, usable],
    )


def usable_time(outcome: Outcome, censoring: Censoring, time: float) -> bool:
    """Say whether follow-up, here and where the censoring was learnt, covers the time."""
    return followed_to(outcome, time) and bool(censoring.before(np.array([time]))[0] > 0)


def _main(outcome: Outcome, usable: Floats) -> float:
    followed = (outcome.time[None] >= usable[:, None]).mean(1)
    well = usable[followed >= SHARE_STILL_FOLLOWED]
    return float(well[-1] if well.size else usable[-1])


def time_names(times: Sequence[float], unit: str) -> dict[float, str]:
    """Return how times are named in keys: whole numbers where that keeps them apart.

    Examples
    --------
    >>> time_names([1826.25, 3652.5], "d")
    {1826.25: '1826d', 3652.5: '3652d'}
    """
    whole = {time: f"{time:.0f}{unit}" for time in times}
    if len(set(whole.values())) == len(times) and min(times) >= 10:
        return whole
    return {time: f"{time:g}{unit}" for time in times}


def restricted_score(risk: Floats, times: Floats) -> Floats:
    """Return the predicted time lost to the event up to the last time: ∫ risk, from 0."""
    grid = np.concatenate([[0.0], times])
    curve = np.column_stack([np.zeros(len(risk)), risk])
    if times.size == 1 and times[0] == 0:
        return risk[:, 0]
    return np.asarray(((curve[:, 1:] + curve[:, :-1]) / 2) @ np.diff(grid))


def measure(
    prediction: Prediction, resamples: Resamples, thresholds: Sequence[float] = ()
) -> dict[str, Measured]:
    """Return every metric of a prediction."""
    found = discrimination(prediction, resamples)
    found |= areas(prediction, resamples)
    usable = {time: name for time, name in prediction.names.items() if time in prediction.times}
    found |= brier_metrics(
        prediction.outcome,
        prediction.censoring,
        prediction.risk,
        prediction.times,
        prediction.cause,
        resamples,
        usable,
    )
    found |= _calibration(prediction, resamples, usable)
    if prediction.survival is not None:
        found |= d_calibration(prediction.survival, prediction.times, prediction.outcome, resamples)
    if thresholds:
        found |= _net_benefit(prediction, resamples, thresholds)
    for time, name in prediction.names.items():
        if time not in usable:
            why = f"follow-up ends before {time:g}; ask for an earlier time"
            for kind in ("auc", "brier", "brier_scaled"):
                found[f"{kind}_{name}"] = Measured.impossible(why, len(prediction.outcome))
    return found


def discrimination(prediction: Prediction, resamples: Resamples) -> dict[str, Measured]:
    """Return Harrell's and Uno's C of the score."""
    outcome, cause, score = prediction.outcome, prediction.cause, prediction.score
    until = float(prediction.times[-1])
    others = bool((outcome.event > 0)[outcome.event != cause].any())
    note = "; another cause counts as free of this one for ever" if others else ""
    ranked = "the predicted time lost to the event" if prediction.risk.size else "the given score"
    found = {
        "harrell_c": concordance(
            score,
            harrell_pairs(outcome, cause),
            resamples,
            f"Harrell's C of {ranked}, over the whole follow-up{note}",
        ),
        "uno_c": concordance(
            score,
            uno_pairs(outcome, prediction.censoring, until, cause),
            resamples,
            f"Uno's C of {ranked}, truncated at time {until:g}, censoring from y_train{note}",
        ),
    }
    if others:
        alone = outcome.censored_by_others(cause)
        found["uno_c_cause_specific"] = concordance(
            score,
            uno_pairs(alone, Censoring.of(alone), until, 1),
            resamples,
            f"Uno's C of {ranked}, truncated at time {until:g}, other causes taken as censoring, "
            "censoring from y",
        )
    return found


def areas(prediction: Prediction, resamples: Resamples) -> dict[str, Measured]:
    """Return the AUC at the named times and its mean over all times.

    References
    ----------
    Lambert & Chevret 2016, Statistical Methods in Medical Research 25:2088-2102 (the mean weighs
    each time by the events that it adds).
    """
    outcome, n = prediction.outcome, len(prediction.outcome)
    if not prediction.risk.size:
        return {}
    exact = n * resamples.count * prediction.times.size <= MOST_EXACT_CELLS
    found: dict[str, Measured] = {}
    values, influences, draws = [], [], []
    for column, time in enumerate(prediction.times):
        weights = known_status_weights(outcome, prediction.censoring, time)
        pairs = auc_pairs(outcome, weights, time, prediction.cause)
        score, name = prediction.risk[:, column], prediction.names.get(float(time))
        if exact or name:
            one = concordance(score, pairs, resamples, f"AUC at {name}, cumulative/dynamic")
            draws.append(one.draws if one.draws.size else np.full(resamples.count, np.nan))
            values.append(one.value)
            if name:
                found[f"auc_{name}"] = one
        if not exact:
            counted = count_pairs(score, pairs)
            influences.append(counted.influence)
            if not name:
                values.append(counted.value)
    table = np.column_stack(draws if exact else influences)
    if not exact:
        table = np.array(values) + resamples.totals(table)
    found["auc_mean"] = _mean_area(prediction, np.array(values), table)
    return found


def _mean_area(prediction: Prediction, values: Floats, draws: Floats) -> Measured:
    n = len(prediction.outcome)
    reached = observed_risk(prediction.outcome, prediction.times, prediction.cause)
    gained = np.diff(np.concatenate([[0.0], reached]))
    usable = np.isfinite(values) & (gained > 0)
    if not usable.any():
        return Measured.impossible("no time has both cases and controls", n)
    table = draws[:, usable]
    weight = gained[usable]
    had = np.isfinite(table)
    drawn = divide((np.where(had, table, 0) * weight).sum(1), (had * weight).sum(1))
    span = f"{prediction.times[usable][0]:g} to {prediction.times[usable][-1]:g}"
    meaning = f"mean cumulative/dynamic AUC over times {span}, weighed by the events each adds"
    return Measured(float(values[usable] @ weight / weight.sum()), drawn, n, meaning)


def _calibration(
    prediction: Prediction, resamples: Resamples, usable: dict[float, str]
) -> dict[str, Measured]:
    found: dict[str, Measured] = {}
    times = sorted({*usable, prediction.horizon})
    for time in times:
        column = int(np.flatnonzero(prediction.times == time)[0])
        judged = Judged.at_horizon(
            prediction.outcome, prediction.risk[:, column], time, prediction.cause
        )
        metrics = calibration_metrics(judged, resamples)
        if time == prediction.horizon:
            found |= metrics
        if len(times) > 1 and time in usable:
            found |= {f"{name}_{usable[time]}": one for name, one in metrics.items()}
    return found


def _net_benefit(
    prediction: Prediction, resamples: Resamples, thresholds: Sequence[float]
) -> dict[str, Measured]:
    column = int(np.flatnonzero(prediction.times == prediction.horizon)[0])
    risk = prediction.risk[:, column]
    found = benefits(
        risk, risk, prediction.outcome, prediction.horizon, prediction.cause, thresholds
    )
    return net_benefit_metrics(found, thresholds, resamples, f" by {prediction.horizon:g}")
