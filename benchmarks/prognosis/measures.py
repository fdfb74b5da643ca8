"""Measures of out-of-fold predictions, averaged over folds, with intervals of differences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from osler.evaluate import time_to_event
from osler.evaluate.brier import grid_weights, squared_errors
from osler.evaluate.concordance import count_pairs, harrell_pairs
from osler.evaluate.curves import Censoring
from osler.evaluate.inputs import Outcome

Z95 = 1.959964
BOOTSTRAP = 200


@dataclass(frozen=True)
class Measured:
    """A mean over folds, and each subject's influence on it (their squares sum to its variance)."""

    value: float
    influence: Any

    def minus(self, other: Measured) -> tuple[float, float, float]:
        """Return the difference with its 95 % interval, paired by subject."""
        difference = self.value - other.value
        half = Z95 * float(np.sqrt(np.sum((self.influence - other.influence) ** 2)))
        return difference, difference - half, difference + half


def harrell(score: Any, y: Any, fold: Any, cause: int = 1) -> Measured:
    """Return Harrell's C within each fold, averaged; Wolbers' with competing causes."""
    values, influence = [], np.zeros(len(y))
    for k in np.unique(fold):
        here = fold == k
        outcome = Outcome(y["event"][here], y["time"][here])
        counted = count_pairs(score[here], harrell_pairs(outcome, cause))
        values.append(counted.value)
        influence[here] = counted.influence
    return Measured(float(np.mean(values)), influence / len(values))


def integrated_brier(risk: Any, y: Any, fold: Any, times: Any, cause: int = 1) -> Measured:
    """Return the Brier score averaged over times, within each fold, censoring from its training."""
    values, influence = [], np.zeros(len(y))
    for k in np.unique(fold):
        here = fold == k
        outcome = Outcome(y["event"][here], y["time"][here])
        censoring = Censoring.of(Outcome(y["event"][~here], y["time"][~here]))
        errors = squared_errors(outcome, censoring, risk[here], times, cause) @ grid_weights(times)
        values.append(errors.mean())
        influence[here] = (errors - errors.mean()) / len(errors)
    return Measured(float(np.mean(values)), influence / len(values))


def calibration(survival: Any, y: Any, times: Any, horizon: float) -> dict[str, Any]:
    """Return D-calibration's p-value and the ICI of pooled predictions."""
    found = time_to_event(y, y, survival, times, horizons=[horizon], bootstrap=BOOTSTRAP, seed=0)
    return {"d_calibration_p": float(found["d_calibration_p"].value), "ici": found["ici"]}
