"""Net benefit: what acting on a model is worth, beside treating all or none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from osler.evaluate.bootstrap import Measured, Resamples, percentile_interval
from osler.evaluate.calibration_bins import judged_of
from osler.evaluate.curves import RiskSets, followed_to
from osler.evaluate.inputs import Checking, Floats, Outcome

THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(1, 11))


@dataclass(frozen=True)
class NetBenefitRow:
    """Net benefit at one risk threshold, in true positives per subject.

    Parameters
    ----------
    model
        Of treating whom the model puts at or over the threshold; NaN where those were not followed
        to the horizon.
    """

    horizon: str | None
    threshold: float
    model: float
    low: float
    high: float
    treat_all: float
    treat_none: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the row of `results.json`; NaN becomes null."""
        return {key: None if value != value else value for key, value in asdict(self).items()}


def net_benefit(
    y: Any,
    risk: Any,
    horizon: float | None = None,
    *,
    thresholds: Sequence[float] = THRESHOLDS,
    cause: int | None = None,
    label: str | None = None,
    level: float = 0.95,
    bootstrap: int = 500,
    seed: int = 0,
    subjects: Any = None,
) -> tuple[NetBenefitRow, ...]:
    """Return the net benefit of acting on a predicted risk, threshold by threshold.

    Parameters
    ----------
    y
        Structured (`event`, `time`), or 0/1 outcomes when there is no horizon.
    risk : shape (n,)
        Predicted risk of the event by the horizon.
    horizon, label
        In the unit of `y`, and what the rows call it (None: the number itself).
    cause
        The cause whose risk it is; None: any event. Other causes compete and are not censored.

    Returns
    -------
    One row per threshold. Those at or over it have their risk estimated by Kaplan–Meier or
    Aalen–Johansen.

    References
    ----------
    Vickers & Elkin 2006, Medical Decision Making 26:565-574; Vickers et al. 2008, BMC Medical
    Informatics and Decision Making 8:53 (censoring and competing risks).
    """
    checking = Checking()
    checking.settings(level, bootstrap)
    asked = checking.thresholds(thresholds)
    if not asked:
        checking.fault("thresholds", "none", "at least one")
    judged, outcome = judged_of(checking, y, risk, horizon, cause)
    drawn = checking.subjects(subjects, judged.predicted.size)
    checking.done()
    resamples = Resamples.of(judged.predicted.size, bootstrap, seed, drawn)
    measured = benefits(judged.predicted, judged.observed, outcome, horizon, cause or 1, asked)
    draws = resamples.means(np.column_stack([worth for _, worth in measured]))
    if label is None and horizon is not None:
        label = f"{horizon:g}"
    overall = float(judged.observed.mean())
    rows = []
    for column, threshold in enumerate(asked):
        value = measured[column][0]
        low, high = float("nan"), float("nan")
        if np.isfinite(value):
            low, high, _ = percentile_interval(value, draws[:, column], level)
        everyone = overall - (1 - overall) * odds(threshold)
        rows.append(NetBenefitRow(label, threshold, value, low, high, everyone))
    return tuple(rows)


def odds(threshold: float) -> float:
    """Return what a false positive costs in true positives."""
    return threshold / (1 - threshold)


def benefits(
    risk: Floats,
    observed: Floats,
    outcome: Outcome | None,
    horizon: float | None,
    cause: int,
    thresholds: Sequence[float],
) -> list[tuple[float, Floats]]:
    """Return for each threshold the net benefit and what each subject adds, shape (n,)."""
    found = []
    for threshold in thresholds:
        flagged = np.flatnonzero(risk >= threshold)
        had = observed[flagged]
        if outcome is not None and horizon is not None and flagged.size:
            # Censoring may differ by risk: the flagged are judged by their own curve.
            own = outcome.rows(flagged)
            fits = followed_to(own, horizon)
            had = (
                RiskSets.of(own).influenced(cause, horizon).pseudo_values
                if fits
                else np.full(flagged.size, np.nan)
            )
        worth = np.zeros(risk.size)
        worth[flagged] = had - (1 - had) * odds(threshold)
        found.append((float(worth.mean()), worth))
    return found


def net_benefit_metrics(
    found: list[tuple[float, Floats]], thresholds: Sequence[float], resamples: Resamples, when: str
) -> dict[str, Measured]:
    """Return net benefit at thresholds as metrics `net_benefit_at_<threshold>`."""
    metrics = {}
    for threshold, (value, worth) in zip(thresholds, found, strict=True):
        name = f"net_benefit_at_{threshold:g}"
        if not np.isfinite(value):
            why = "nobody at or over the threshold is followed to the horizon"
            metrics[name] = Measured.impossible(why, worth.size)
            continue
        meaning = (
            f"net benefit at risk threshold {threshold:g}{when}, in true positives per subject"
        )
        draws = resamples.means(worth[:, None])[:, 0]
        metrics[name] = Measured(value, draws, worth.size, meaning)
    return metrics
