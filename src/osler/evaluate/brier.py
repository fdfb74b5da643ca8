"""Squared error of predicted risks, weighted for censoring, and beside a prediction for all."""

from __future__ import annotations

import numpy as np

from osler.evaluate.bootstrap import Measured, Resamples, divide
from osler.evaluate.curves import Censoring, RiskSets, known_status_weights
from osler.evaluate.inputs import Floats, Outcome


def squared_errors(
    outcome: Outcome, censoring: Censoring, risk: Floats, times: Floats, cause: int
) -> Floats:
    """Return each subject's weighted squared error at each time, shape (n, t).

    References
    ----------
    Graf et al. 1999, Statistics in Medicine 18:2529-2545; Schoop et al. 2011, Biometrical Journal
    53:88-112 (competing risks).
    """
    columns = []
    for column, time in enumerate(times):
        weights = known_status_weights(outcome, censoring, time)
        had = (outcome.time <= time) & (outcome.event == cause)
        columns.append(weights * (had - risk[:, column]) ** 2)
    return np.column_stack(columns)


def observed_risk(outcome: Outcome, times: Floats, cause: int) -> Floats:
    """Return the observed cumulative incidence at each time: the same prediction for everyone."""
    sets = RiskSets.of(outcome)
    index = np.searchsorted(sets.steps, times, side="right")
    return np.asarray(np.concatenate([[0.0], sets.incidence(cause)])[index])


def grid_weights(times: Floats) -> Floats:
    """Return trapezium weights that average over the span of the times; 1 for a single time."""
    if times.size == 1:
        return np.ones(1)
    steps = np.diff(times)
    ends = np.concatenate([[0.0], steps, [0.0]])
    return np.asarray((ends[1:] + ends[:-1]) / (2 * np.ptp(times)))


def brier_scores(
    outcome: Outcome,
    censoring: Censoring,
    risk: Floats,
    times: Floats,
    cause: int,
    resamples: Resamples,
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return Brier scores and those of the same risk for all, each with its resamples.

    Returns
    -------
    values (t,), draws (count, t), values and draws of the null prediction.
    """
    errors = squared_errors(outcome, censoring, risk, times, cause)
    null = np.broadcast_to(observed_risk(outcome, times, cause), risk.shape)
    null_errors = squared_errors(outcome, censoring, null, times, cause)
    draws = resamples.means(np.column_stack([errors, null_errors]))
    split = times.size
    return errors.mean(0), draws[:, :split], null_errors.mean(0), draws[:, split:]


def scaled(value: float, draws: Floats, null: float, null_draws: Floats) -> tuple[float, Floats]:
    """Return 1 − score / null score: 0 as good as one risk for all, 1 perfect.

    References
    ----------
    Kattan & Gerds 2018, Diagnostic and Prognostic Research 2:7.
    """
    whole = float("nan") if null == 0 else 1 - value / null
    return whole, 1 - divide(draws, null_draws)


def brier_metrics(
    outcome: Outcome,
    censoring: Censoring,
    risk: Floats,
    times: Floats,
    cause: int,
    resamples: Resamples,
    names: dict[float, str],
) -> dict[str, Measured]:
    """Return the integrated Brier score, those at the named times, and each scaled."""
    n = len(outcome)
    value, draws, null, null_draws = brier_scores(outcome, censoring, risk, times, cause, resamples)
    weights = grid_weights(times)
    span = f"averaged over times {times[0]:g} to {times[-1]:g}" if times.size > 1 else "at one time"
    how = "inverse-probability-of-censoring weights from y_train"
    beside = "1 is perfect, 0 no better than the observed incidence for everyone"
    found = {
        "ibs": Measured(
            float(value @ weights), draws @ weights, n, f"integrated Brier score {span}; {how}"
        )
    }
    whole, whole_draws = scaled(
        float(value @ weights), draws @ weights, float(null @ weights), null_draws @ weights
    )
    found["ibs_scaled"] = _or_impossible(
        whole, whole_draws, n, f"scaled integrated Brier: {beside}"
    )
    for column, time in enumerate(times):
        if time not in names:
            continue
        name = names[time]
        one = Measured(float(value[column]), draws[:, column], n, f"Brier score at {name}; {how}")
        found[f"brier_{name}"] = one
        whole, whole_draws = scaled(
            one.value, one.draws, float(null[column]), null_draws[:, column]
        )
        found[f"brier_scaled_{name}"] = _or_impossible(
            whole, whole_draws, n, f"scaled Brier score at {name}: {beside}"
        )
    return found


def _or_impossible(value: float, draws: Floats, n: int, meaning: str) -> Measured:
    if np.isnan(value):
        return Measured.impossible("everyone or nobody has the event by then", n)
    return Measured(value, draws, n, meaning)
