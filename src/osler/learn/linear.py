"""Ridge-penalised linear predictors for any loss of one predictor per row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from osler.learn.losses import Floats, LogisticLoss, Loss, level_of

MOST_STEPS = 25
TOLERANCE = 1e-8
ROUGH = 1e-5


@dataclass(frozen=True)
class LinearFit:
    """Coefficients of a design, with the intercept where the loss has one."""

    intercept: float
    coefficients: Floats

    def predict(self, design: Floats) -> Floats:
        """Return the linear predictor, shape (n,)."""
        return np.asarray(design @ self.coefficients + self.intercept)


def ridge(
    design: Floats,
    loss: Loss,
    penalty: Floats,
    start: LinearFit | None = None,
    tolerance: float = TOLERANCE,
) -> LinearFit:
    """Minimise ``loss + ½ Σ penalty_j b_j²`` by Newton's method with step halving.

    Parameters
    ----------
    design : shape (n, p)
    loss
        Convex; a logistic loss gets an unpenalised intercept, a Cox loss has none.
    penalty : shape (p,)
        Non-negative, on the scale of the summed loss.
    start
        Where to begin, for a path of penalties.
    tolerance
        Relative gain below which to stop; `ROUGH` will do to compare penalties.
    """
    intercept = isinstance(loss, LogisticLoss)
    full = np.column_stack([np.ones(len(design)), design]) if intercept else design
    weights = np.concatenate([[0.0], penalty]) if intercept else penalty
    b = np.zeros(full.shape[1])
    if start is not None:
        b = np.concatenate([[start.intercept], start.coefficients])[0 if intercept else 1 :]
    elif intercept:
        b[0] = level_of(loss)
    b = _newton(full, loss, weights, b, tolerance)
    return LinearFit(float(b[0]), b[1:]) if intercept else LinearFit(0.0, b)


def _newton(design: Floats, loss: Loss, penalty: Floats, b: Floats, tolerance: float) -> Floats:
    def objective(at: Floats) -> float:
        return loss.value(design @ at) + 0.5 * float(penalty @ at**2)

    current = objective(b)
    for _ in range(MOST_STEPS):
        eta = design @ b
        gradient = design.T @ loss.curvature(eta)[0] + penalty * b
        step = _solve(loss.hessian(eta, design) + np.diag(penalty), gradient)
        size, trial = 1.0, objective(b - step)
        while trial > current + 1e-12 and size > 1e-4:
            size /= 2
            trial = objective(b - size * step)
        if trial > current + 1e-12:
            break
        b, gain, current = b - size * step, current - trial, trial
        if gain < tolerance * (1.0 + abs(current)):
            break
    return b


def _solve(matrix: Floats, right: Floats) -> Floats:
    matrix = matrix + np.eye(len(matrix)) * (1e-9 * max(np.trace(matrix) / max(len(matrix), 1), 1))
    try:
        return np.asarray(cho_solve(cho_factor(matrix), right))
    except LinAlgError:
        return np.asarray(np.linalg.lstsq(matrix, right, rcond=None)[0])
