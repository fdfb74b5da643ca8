"""Ridge-penalised linear predictors for any loss of one predictor per row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.optimize import lsq_linear

from osler.learn.losses import Floats, Ints, LogisticLoss, Loss, level_of

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
    sign: Ints | None = None,
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
    sign : shape (p,), optional
        Sign that a coefficient must have: 1, -1, or 0 for either. Every Newton step then solves
        its quadratic problem within these bounds.
    """
    intercept = isinstance(loss, LogisticLoss)
    full = np.column_stack([np.ones(len(design)), design]) if intercept else design
    weights = np.concatenate([[0.0], penalty]) if intercept else penalty
    b = np.zeros(full.shape[1])
    if start is not None:
        b = np.concatenate([[start.intercept], start.coefficients])[0 if intercept else 1 :]
    elif intercept:
        b[0] = level_of(loss)
    bounds = None
    if sign is not None and sign.any():
        bounds = np.concatenate([[0], sign]) if intercept else sign
    b = _newton(full, loss, weights, b, tolerance, bounds)
    return LinearFit(float(b[0]), b[1:]) if intercept else LinearFit(0.0, b)


def _newton(
    design: Floats,
    loss: Loss,
    penalty: Floats,
    b: Floats,
    tolerance: float,
    sign: Ints | None = None,
) -> Floats:
    def objective(at: Floats) -> float:
        return loss.value(design @ at) + 0.5 * float(penalty @ at**2)

    current = objective(b)
    for _ in range(MOST_STEPS):
        eta = design @ b
        gradient = design.T @ loss.curvature(eta)[0] + penalty * b
        hessian = loss.hessian(eta, design) + np.diag(penalty)
        step = _solve(hessian, gradient)
        if sign is not None and (sign * (b - step) < 0).any():
            step = b - nearest_within(hessian, b, gradient, *limits(sign))
        size, trial = 1.0, objective(b - step)
        while trial > current + 1e-12 and size > 1e-4:
            size /= 2
            trial = objective(b - size * step)
        if trial > current + 1e-12:
            break
        b, gain, current = b - size * step, current - trial, trial
        if gain < tolerance * (1.0 + abs(current)):
            break
    return b if sign is None else np.where(sign * b < 0, 0.0, b)


def limits(sign: Ints) -> tuple[Floats, Floats]:
    """Return the least and the largest value of coefficients of these signs."""
    return np.where(sign > 0, 0.0, -np.inf), np.where(sign < 0, 0.0, np.inf)


def nearest_within(
    hessian: Floats, b: Floats, gradient: Floats, low: Floats, high: Floats
) -> Floats:
    """Return where the quadratic expansion about `b` is least between `low` and `high`.

    References
    ----------
    Stark & Parker 1995, Computational Statistics 10:129-141 (bounded-variable least squares).
    """
    ridged = hessian + np.eye(len(hessian)) * (1e-9 * max(np.trace(hessian) / len(hessian), 1))
    try:
        root = np.linalg.cholesky(ridged).T
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(ridged)
        root = np.sqrt(np.maximum(values, 1e-12))[:, None] * vectors.T
    target = np.linalg.lstsq(root.T, ridged @ b - gradient, rcond=None)[0]
    return np.asarray(lsq_linear(root, target, (low, high), method="bvls").x)


def _solve(matrix: Floats, right: Floats) -> Floats:
    matrix = matrix + np.eye(len(matrix)) * (1e-9 * max(np.trace(matrix) / max(len(matrix), 1), 1))
    try:
        return np.asarray(cho_solve(cho_factor(matrix), right))
    except LinAlgError:
        return np.asarray(np.linalg.lstsq(matrix, right, rcond=None)[0])
