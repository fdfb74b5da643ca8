"""Predicted beside observed risk in bins: what a calibration plot shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from osler.errors import NotEstimable
from osler.evaluate.bootstrap import Resamples
from osler.evaluate.calibration import Judged, calibration_metrics
from osler.evaluate.curves import RiskSets, followed_to, probability_interval, wilson_interval
from osler.evaluate.inputs import Checking, Ints, Outcome
from osler.model import Estimate


@dataclass(frozen=True)
class CalibrationBin:
    """Subjects of like predicted risk: the mean prediction and what was observed."""

    predicted: float
    observed: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class CalibrationTable:
    """Calibration at one horizon of one cause, for a plot."""

    bins: tuple[CalibrationBin, ...]
    slope: Estimate
    intercept: Estimate
    ici: Estimate
    oe: Estimate

    def to_json(self) -> dict[str, Any]:
        """Return the object of `results.json`; NaN becomes null."""
        return {
            "bins": [
                {name: None if value != value else value for name, value in vars(one).items()}
                for one in self.bins
            ],
            "slope": self.slope.to_json(),
            "intercept": self.intercept.to_json(),
            "ici": self.ici.to_json(),
            "oe": self.oe.to_json(),
        }


def calibration_table(
    y: Any,
    risk: Any,
    horizon: float | None = None,
    *,
    cause: int | None = None,
    bins: int = 10,
    level: float = 0.95,
    bootstrap: int = 500,
    seed: int = 0,
    subjects: Any = None,
) -> CalibrationTable:
    """Compare predicted with observed risk in bins of equal size, with slope, intercept and ICI.

    Parameters
    ----------
    y
        Structured (`event`, `time`), or 0/1 outcomes when there is no horizon.
    risk : shape (n,)
        Predicted risk of the event by the horizon.
    horizon
        In the unit of `y`; None for 0/1 outcomes.
    cause
        The cause whose incidence is predicted; None: any event.
    bins
        How many, by quantiles of the predicted risk; equal predictions stay together.

    Returns
    -------
    The observed risk of a bin is its own Kaplan–Meier or Aalen–Johansen estimate at the horizon,
    NaN in a bin that nobody left was followed to it.

    Raises
    ------
    InputError
        If the arrays do not fit together.
    NotEstimable
        If nobody was followed to the horizon.
    """
    checking = Checking()
    checking.settings(level, bootstrap)
    if not 2 <= bins <= 100:
        checking.fault("bins", f"{bins}", "2 to 100")
    judged, outcome = judged_of(checking, y, risk, horizon, cause)
    predicted = judged.predicted
    drawn = checking.subjects(subjects, predicted.size)
    checking.done()
    edges = np.unique(np.quantile(predicted, np.linspace(0, 1, bins + 1)[1:-1]))
    number = np.searchsorted(edges, predicted, side="right")
    rows = [np.flatnonzero(number == one) for one in np.unique(number)]
    resamples = Resamples.of(predicted.size, bootstrap, seed, drawn)
    found = calibration_metrics(judged, resamples)
    return CalibrationTable(
        tuple(_bin(judged, outcome, index, horizon, cause, level) for index in rows),
        found["calibration_slope"].estimate(level),
        found["calibration_intercept"].estimate(level),
        found["ici"].estimate(level),
        found["oe"].estimate(level),
    )


def judged_of(
    checking: Checking, y: Any, risk: Any, horizon: float | None, cause: int | None
) -> tuple[Judged, Outcome | None]:
    """Read risks with 0/1 outcomes, or at a horizon with time-to-event outcomes."""
    predicted = checking.probabilities(risk, "risk", 1)
    outcome, labels = None, np.empty(0)
    if horizon is None:
        labels = checking.labels(y, "y")
        checking.same_length(predicted, "risk", labels.size)
    else:
        outcome = checking.outcome(y, "y")
        checking.same_length(predicted, "risk", len(outcome))
        if not np.isfinite(horizon) or horizon <= 0:
            checking.fault("horizon", "not a positive time", "a time after 0")
    checking.done()
    if outcome is None or horizon is None:
        return Judged.of_labels(labels, predicted), None
    if not followed_to(outcome, horizon):
        raise NotEstimable(
            f"nobody is followed to {horizon:g}; the longest follow-up is {outcome.time.max():g}"
        )
    chosen = outcome.of_any_cause() if cause is None else outcome
    return Judged.at_horizon(chosen, predicted, horizon, cause or 1), chosen


def _bin(
    judged: Judged,
    outcome: Outcome | None,
    index: Ints,
    horizon: float | None,
    cause: int | None,
    level: float,
) -> CalibrationBin:
    predicted, n = float(judged.predicted[index].mean()), int(index.size)
    if outcome is None or horizon is None:
        share = float(judged.observed[index].mean())
        return CalibrationBin(predicted, share, *wilson_interval(share, n, level), n)
    own = outcome.rows(index)
    if not followed_to(own, horizon):
        return CalibrationBin(predicted, np.nan, np.nan, np.nan, n)
    point = RiskSets.of(own).influenced(cause or 1, horizon)
    known = int(((own.time >= horizon) | (own.event > 0)).sum())
    low, high = probability_interval(point.value, point.standard_error, known, level)
    return CalibrationBin(predicted, point.value, low, high, n)
