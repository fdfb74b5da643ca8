"""Whether one prediction is better than another on the same subjects."""

from __future__ import annotations

from typing import Any

import numpy as np

from osler.errors import NotEstimable
from osler.evaluate.bootstrap import Measured, Resamples
from osler.evaluate.concordance import binary_pairs, concordance
from osler.evaluate.inputs import Checking
from osler.evaluate.labels import labelled, measure_labels
from osler.evaluate.survival import discrimination, measure, prediction_of
from osler.model import Estimate


def compare(
    metric: str,
    y: Any,
    first: Any,
    second: Any,
    *,
    y_train: Any = None,
    times: Any = None,
    cause: int | None = None,
    level: float = 0.95,
    bootstrap: int = 500,
    seed: int = 0,
    subjects: Any = None,
) -> Estimate:
    """Return a metric of the first prediction minus that of the second, with a paired interval.

    Parameters
    ----------
    metric
        A key of `time_to_event`, `competing` or `binary`.
    y
        Structured (`event`, `time`), or 0/1 outcomes.
    first, second
        Curves of shape (n, t) as in `time_to_event` (survival) or, with a `cause`, as in
        `competing` (incidence); probabilities of shape (n,) for 0/1 outcomes. A bare score of
        shape (n,), higher is sooner, will do for the concordances.
    y_train
        Where the censoring is learnt; None: from `y`.
    times : shape (t,)
        Of the curves; for bare scores the last one truncates Uno's C (None: the last event).

    Returns
    -------
    The difference; both are measured on the same resamples of subjects.

    Raises
    ------
    InputError
        If the arrays do not fit together or the metric does not exist for them.
    NotEstimable
        If the metric cannot be had for one of the two; says why.
    """
    checking = Checking()
    checking.settings(level, bootstrap)
    checking.done()
    structured = getattr(getattr(y, "dtype", None), "names", None) is not None
    rows = len(y)
    drawn = checking.subjects(subjects, rows)
    checking.done()
    resamples = Resamples.of(rows, bootstrap, seed, drawn)
    pair = [
        _measured(metric, y, given, where, structured, y_train, times, cause, resamples)
        for given, where in ((first, "first"), (second, "second"))
    ]
    for one, where in zip(pair, ("first", "second"), strict=True):
        if not np.isfinite(one.value):
            raise NotEstimable(f"{metric} of the {where} prediction is {one.meaning}")
    difference = pair[0].minus(pair[1])
    told = difference.estimate(level)
    meaning = f"difference, first − second, on the same resamples: {told.meaning}"
    return Estimate(told.value, told.low, told.high, level, rows, meaning)


def _measured(
    metric: str,
    y: Any,
    given: Any,
    where: str,
    structured: bool,
    y_train: Any,
    times: Any,
    cause: int | None,
    resamples: Resamples,
) -> Measured:
    checking = Checking()
    if not structured:
        found = _of_labels(checking, y, given, metric, resamples)
    else:
        train = y if y_train is None else y_train
        grid = np.array([_last_event(checking, y)]) if times is None else times
        prediction = prediction_of(checking, train, y, given, grid, cause, where)
        quick = metric in ("harrell_c", "uno_c", "uno_c_cause_specific")
        bare = not prediction.risk.size
        found = (discrimination if quick or bare else measure)(prediction, resamples)
    if metric not in found:
        checking.fault("metric", f"{metric!r} for the {where} prediction", ", ".join(found))
    checking.done()
    return found[metric]


def _of_labels(
    checking: Checking, y: Any, given: Any, metric: str, resamples: Resamples
) -> dict[str, Measured]:
    if metric == "auroc":
        labels, score = checking.labels(y, "y"), checking.numbers(given, "prediction", 1)
        checking.same_length(score, "prediction", labels.size)
        checking.done()
        return {"auroc": concordance(score, binary_pairs(labels), resamples, "AUROC, ties half")}
    return measure_labels(*labelled(checking, y, given), resamples)


def _last_event(checking: Checking, y: Any) -> float:
    outcome = checking.outcome(y, "y")
    checking.done()
    had = outcome.time[outcome.event > 0]
    if not had.size:
        raise NotEstimable("nobody in y has an event: there is nothing to compare")
    return float(had.max())
