"""Estimates whose true effect is known to be none, and what they say of all the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.stats import norm

from osler.errors import Fault, InputError, NotEstimable
from osler.learn.losses import Floats
from osler.model.estimate import Estimate

FEWEST_CONTROLS = 5


@dataclass(frozen=True)
class EmpiricalNull:
    """How estimates of no effect scatter beyond their standard errors.

    Parameters
    ----------
    mean, deviation
        Of the systematic error.
    controls
        How many negative controls it was learned from.
    """

    mean: float
    deviation: float
    controls: int

    def p_value(self, value: float, error: float) -> float:
        """Return the two-sided chance of so extreme an estimate if there is no effect."""
        spread = np.sqrt(self.deviation**2 + error**2)
        upper = float(norm.sf((value - self.mean) / spread))
        return 2 * min(upper, 1 - upper)

    def calibrate(self, value: float, error: float, level: float = 0.95) -> Estimate:
        """Return an estimate with its systematic error taken out and its interval widened.

        Assumes that the systematic error is the same whatever the true effect.
        """
        if not 0 < level < 1:
            raise InputError(Fault("level", "a value outside (0, 1)", "such as 0.95"))
        half = float(norm.ppf(0.5 + level / 2)) * float(np.hypot(self.deviation, error))
        middle = value - self.mean
        return Estimate(
            middle, middle - half, middle + half, level, self.controls,
            "calibrated with negative controls, of which n says how many",
        )  # fmt: skip


def empirical_null(values: Any, errors: Any) -> EmpiricalNull:
    """Learn the systematic error from negative controls, by maximum likelihood.

    Parameters
    ----------
    values, errors : shape (m,)
        Estimates of effects that are truly none (differences, or logarithms of ratios) and their
        standard errors.

    Raises
    ------
    NotEstimable
        With fewer than five controls.

    References
    ----------
    Schuemie, Ryan, DuMouchel, Suchard & Madigan 2014, Statistics in Medicine 33:209-218,
    doi:10.1002/sim.5925; Schuemie et al. 2018, PNAS 115:2571-2577, doi:10.1073/pnas.1708282114.
    """
    found, spread = _checked(values, errors)
    if len(found) < FEWEST_CONTROLS:
        raise NotEstimable(
            f"{len(found)} negative controls: at least {FEWEST_CONTROLS} are needed to learn how "
            "far estimates of no effect scatter"
        )

    def objective(at: Floats) -> float:
        variance = np.exp(2 * at[1]) + spread**2
        return float(0.5 * np.sum(np.log(variance) + (found - at[0]) ** 2 / variance))

    scale = max(float(found.std()), float(np.median(spread)) * 1e-3, 1e-12)
    starts = [np.array([found.mean(), np.log(scale * factor)]) for factor in (1.0, 0.1)]
    floor = np.log(float(spread.min()) * 1e-4)
    fits = [
        minimize(objective, start, method="L-BFGS-B", bounds=[(None, None), (floor, None)])
        for start in starts
    ]
    best = min(fits, key=lambda fit: float(fit.fun))
    deviation = float(np.exp(best.x[1]))
    return EmpiricalNull(float(best.x[0]), deviation, len(found))


def _checked(values: Any, errors: Any) -> tuple[Floats, Floats]:
    try:
        found = np.asarray(values, dtype=np.float64)
        spread = np.asarray(errors, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(Fault("values", "values that are no numbers", "numbers")) from error
    if found.ndim != 1 or found.shape != spread.shape:
        raise InputError(Fault("errors", f"shape {spread.shape}", f"{found.shape}, as the values"))
    if not (np.isfinite(found).all() and np.isfinite(spread).all() and (spread > 0).all()):
        raise InputError(
            Fault("errors", "missing, infinite or non-positive values", "finite errors above 0")
        )
    return found, spread
