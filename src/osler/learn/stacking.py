"""Several scores of one outcome weighed against each other on rows that they did not see."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize

from osler.learn.losses import Floats, LogisticLoss, Loss, level_of

APART_PENALTY = 4.0
BASE_PENALTY = 40.0
CHANCE_GAIN = 2.0
LEAST_WEIGHT = 0.05


def weigh(scores: Floats, loss: Loss, base: int) -> tuple[float, Floats]:
    """Return an intercept and non-negative weights of scores.

    The first `base` scores are weighed by themselves, then with the others. What the others gain
    in held-out likelihood is set against what so many weights gain by chance: the weights move
    from the first solution to the second by ``1 − CHANCE_GAIN / gain``, not at all if that is
    negative. So on few rows the base decides, on many rows whatever predicts best.

    Parameters
    ----------
    scores : shape (n, m)
        Out-of-fold, centred.
    base
        How many of them are safe on few rows.

    References
    ----------
    Breiman 1996, Machine Learning 24:49-64 (non-negative stacking); Stein 1966 (shrinking by
    the gain); LeBlanc & Tibshirani 1996, JASA 91:1641-1650.
    """
    alone = _solve(scores[:, :base], loss, BASE_PENALTY)
    start = np.concatenate([alone, np.zeros(scores.shape[1] - base)])
    weights = start
    if scores.shape[1] > base:
        together = _solve(scores, loss, APART_PENALTY)
        gain = _value(scores, loss, start) - _value(scores, loss, together)
        share = max(0.0, 1.0 - CHANCE_GAIN / gain) if gain > 0 else 0.0
        weights = start + share * (together - start)
    if weights[1:].sum() < LEAST_WEIGHT:
        # Even where nothing is found, people are ranked by the little that there is.
        weights[1 : base + 1] += (LEAST_WEIGHT - weights[1:].sum()) / base
    return float(weights[0]), weights[1:]


def _value(scores: Floats, loss: Loss, weights: Floats) -> float:
    return loss.value(weights[0] + scores @ weights[1:])


def _solve(scores: Floats, loss: Loss, penalty: float) -> Floats:
    """Return intercept and weights; the penalty draws the weights towards each other."""
    count = scores.shape[1]
    has_level = isinstance(loss, LogisticLoss)

    def objective(at: Floats) -> tuple[float, Floats]:
        eta = at[0] + scores @ at[1:]
        first = loss.curvature(eta)[0]
        apart = at[1:] - at[1:].mean()
        value = loss.value(eta) + 0.5 * penalty * float(apart @ apart)
        gradient = np.concatenate([[first.sum()], scores.T @ first + penalty * apart])
        gradient[0] *= has_level
        return value, gradient

    begin = np.concatenate([[level_of(loss)], np.full(count, 1.0 / count)])
    level_bounds: tuple[float | None, float | None] = (None, None) if has_level else (0.0, 0.0)
    bounds = [level_bounds] + [(0.0, None)] * count
    found = minimize(objective, begin, jac=True, bounds=bounds, method="L-BFGS-B")
    return np.asarray(found.x, dtype=np.float64)
