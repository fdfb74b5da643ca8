"""The metrics of a predicted probability of a 0/1 outcome."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from osler.errors import NotEstimable
from osler.evaluate.benefit import benefits, net_benefit_metrics
from osler.evaluate.bootstrap import Measured, Resamples, divide
from osler.evaluate.brier import scaled
from osler.evaluate.calibration import Judged, calibration_metrics
from osler.evaluate.concordance import binary_pairs, concordance
from osler.evaluate.inputs import Checking, Floats
from osler.model import Estimate

SMALLEST_PROBABILITY = 1e-15


def binary(
    y: Any,
    p: Any,
    *,
    thresholds: Sequence[float] = (),
    threshold: float | None = None,
    level: float = 0.95,
    bootstrap: int = 500,
    seed: int = 0,
    subjects: Any = None,
) -> dict[str, Estimate]:
    """Measure a predicted probability: discrimination, error and calibration, with intervals.

    Parameters
    ----------
    y : shape (n,)
        0 or 1 (or bool), of subjects the model never saw.
    p : shape (n,)
        Predicted probability of 1; the second column of an (n, 2) array is taken.
    thresholds
        Probabilities at which to add `sensitivity_at_<t>`, `specificity_at_<t>`, `ppv_at_<t>`,
        `npv_at_<t>`, `flagged_at_<t>` and `net_benefit_at_<t>`.
    threshold
        The one cut, chosen on other subjects, at which `min_sensitivity_precision` is told; None:
        the best cut on these same subjects, which the meaning says.
    subjects : shape (n,), optional
        The subject of each row, when subjects have several; whole subjects are drawn.

    Returns
    -------
    `auroc`, `average_precision`, `brier`, `brier_scaled`, `log_loss`, `calibration_slope`,
    `calibration_intercept`, `ici`, `oe`, `observed_risk`, `predicted_risk`,
    `min_sensitivity_precision`, and those of the thresholds.

    Raises
    ------
    InputError
        If the arrays are empty, hold NaN, do not fit together or are not 0/1 and probabilities.
    NotEstimable
        If all of `y` are the same.

    Examples
    --------
    >>> binary([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], bootstrap=0)["auroc"].value
    0.75
    """
    checking = Checking()
    checking.settings(level, bootstrap)
    asked = checking.thresholds(thresholds)
    if threshold is not None and not 0 <= threshold <= 1:
        checking.fault("threshold", "outside 0 to 1", "a probability")
    labels, risk = labelled(checking, y, p)
    drawn = checking.subjects(subjects, labels.size)
    checking.done()
    resamples = Resamples.of(labels.size, bootstrap, seed, drawn)
    found = measure_labels(labels, risk, resamples, asked, threshold)
    return {name: measured.estimate(level) for name, measured in found.items()}


def labelled(checking: Checking, y: Any, p: Any) -> tuple[Floats, Floats]:
    """Read 0/1 outcomes of both kinds and their probabilities."""
    labels = checking.labels(y, "y")
    given = np.asarray(p)
    if given.ndim == 2 and given.shape[1] == 2:
        given = given[:, 1]
    risk = checking.probabilities(given, "p", 1)
    checking.same_length(risk, "p", labels.size)
    checking.done()
    if labels.min() == labels.max():
        raise NotEstimable(
            "all outcomes are the same: judge on subjects both with and without the outcome"
        )
    return labels, risk


def measure_labels(
    labels: Floats,
    risk: Floats,
    resamples: Resamples,
    thresholds: Sequence[float] = (),
    threshold: float | None = None,
) -> dict[str, Measured]:
    """Return every metric of a probability."""
    found = {
        "auroc": concordance(
            risk, binary_pairs(labels), resamples, "area under the ROC curve, ties half"
        )
    }
    found |= _precision(labels, risk, resamples, threshold)
    found |= _errors(labels, risk, resamples)
    found |= calibration_metrics(Judged.of_labels(labels, risk), resamples)
    for one in thresholds:
        found |= at_threshold(labels, risk, one, resamples)
    worth = benefits(risk, labels, None, None, 1, thresholds)
    return found | net_benefit_metrics(worth, thresholds, resamples, "")


def _errors(labels: Floats, risk: Floats, resamples: Resamples) -> dict[str, Measured]:
    n = labels.size
    inside = np.clip(risk, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    loss = -(labels * np.log(inside) + (1 - labels) * np.log1p(-inside))
    square, null = (risk - labels) ** 2, (labels.mean() - labels) ** 2
    draws = resamples.means(np.column_stack([square, null, loss]))
    whole, whole_draws = scaled(square.mean(), draws[:, 0], null.mean(), draws[:, 1])
    return {
        "brier": Measured(float(square.mean()), draws[:, 0], n, "mean squared error of risk"),
        "brier_scaled": Measured(
            float(whole),
            whole_draws,
            n,
            "1 is perfect, 0 no better than the share with the outcome for everyone",
        ),
        "log_loss": Measured(float(loss.mean()), draws[:, 2], n, "mean negative log-likelihood"),
    }


def _precision(
    labels: Floats, risk: Floats, resamples: Resamples, threshold: float | None
) -> dict[str, Measured]:
    """Return average precision and min(sensitivity, precision).

    References
    ----------
    Silva et al. 2012, Computing in Cardiology 39:245-248 (event 1 of the PhysioNet challenge).
    """
    n = labels.size
    sorting = np.argsort(-risk, kind="stable")
    # Equal risks cannot be cut apart: only the last of each run is a cut.
    ends = np.flatnonzero(np.append(np.diff(risk[sorting]) != 0, True))
    cut = None if threshold is None else int((risk >= threshold).sum())

    def both(weights: Floats) -> Floats:
        laid = weights[:, sorting]
        hits = np.cumsum(laid * labels[sorting], axis=1)
        flagged = np.cumsum(laid, axis=1)
        total = hits[:, -1:]
        sensitivity = divide(hits[:, ends], total)
        precision = np.nan_to_num(divide(hits[:, ends], flagged[:, ends]))
        gained = np.diff(sensitivity, axis=1, prepend=0.0)
        average = (gained * precision).sum(1)
        if cut is None:
            least = np.minimum(sensitivity, precision).max(1)
        elif cut == 0:
            least = np.zeros(len(weights))
        else:
            hit, flag = hits[:, cut - 1], flagged[:, cut - 1]
            caught = np.minimum(divide(hit, total[:, 0]), np.nan_to_num(divide(hit, flag)))
            least = np.where(total[:, 0] > 0, caught, np.nan)
        return np.column_stack([average, least])

    value = both(np.ones((1, n)))[0]
    drawn = resamples.each(both) if resamples.count else np.empty((0, 2))
    where = (
        "at the best cut on these same subjects, so optimistic"
        if threshold is None
        else f"at the given cut {threshold:g}"
    )
    return {
        "average_precision": Measured(
            float(value[0]), drawn[:, 0], n, "average precision, a step per distinct risk"
        ),
        "min_sensitivity_precision": Measured(
            float(value[1]), drawn[:, 1], n, f"smaller of sensitivity and precision {where}"
        ),
    }


def at_threshold(
    labels: Floats, risk: Floats, threshold: float, resamples: Resamples
) -> dict[str, Measured]:
    """Return what flagging everyone at or over a threshold would find and miss."""
    n, flag = labels.size, (risk >= threshold).astype(np.float64)
    columns = np.column_stack([flag * labels, flag * (1 - labels), flag, labels])
    sums, draws = columns.sum(0)[None], resamples.totals(columns)
    size, sizes = np.array([float(n)]), resamples.totals(np.ones((n, 1)))[:, 0]

    def share(kind: str, totals: Floats, of: Floats) -> Floats:
        hit, false, flagged, ill = totals.T
        return {
            "sensitivity": divide(hit, ill),
            "specificity": 1 - divide(false, of - ill),
            "ppv": divide(hit, flagged),
            "npv": 1 - divide(ill - hit, of - flagged),
            "flagged": divide(flagged, of),
        }[kind]

    found = {}
    for kind in ("sensitivity", "specificity", "ppv", "npv", "flagged"):
        value = float(share(kind, sums, size)[0])
        name = f"{kind}_at_{threshold:g}"
        if np.isnan(value):
            nobody = "nobody" if kind == "ppv" else "everybody"
            found[name] = Measured.impossible(f"{nobody} is flagged at {threshold:g}", n)
            continue
        drawn = share(kind, draws, sizes)
        found[name] = Measured(value, drawn, n, f"{kind} when risk ≥ {threshold:g} is flagged")
    return found
