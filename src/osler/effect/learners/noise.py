"""How the noise of an outcome differs between people, so that the noisy count for less."""

from __future__ import annotations

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from osler.learn.losses import Floats, Ints

FEWEST_ROWS = 200
STEPS = 20
RIDGE = 5.0
BY_CHANCE = 2.0
MOST_LOG = np.log(20.0)


def relative_variance(design: Floats, arm: Ints, level: Floats, squared: Floats) -> Floats:
    """Return each row's variance of noise relative to the mean, shape (n,).

    Log variance is linear in arm, expected outcome, its square and the columns, fitted by
    gamma likelihood with a ridge; it is shrunk towards one variance for all by what such a fit
    gains by chance.

    Parameters
    ----------
    level : shape (n,)
        Expected outcome of each row in its arm.
    squared : shape (n,)
        Squared held-out residuals.

    References
    ----------
    Davidian & Carroll 1987, JASA 82:1079-1091 (variance function estimation).
    """
    if len(squared) < FEWEST_ROWS or not squared.any():
        return np.ones(len(squared))
    x = _columns(design, arm, level)
    z = np.maximum(squared / squared.mean(), 1e-6)
    b = _gamma_fit(x, z)
    log_variance = np.clip(x @ b, -MOST_LOG, MOST_LOG)
    # Heavy tails make chance gains larger than a normal distribution's.
    loud = max(float(z.var()) / 2, 1.0)
    gain = float(np.sum(z - z * np.exp(-log_variance) - log_variance)) / loud
    effective = _effective(x)
    share = max(0.0, 1.0 - BY_CHANCE * effective / gain) if gain > 0 else 0.0
    variance = np.exp(share * log_variance)
    return np.asarray(variance / variance.mean())


def _columns(design: Floats, arm: Ints, level: Floats) -> Floats:
    standard = (level - level.mean()) / max(float(level.std()), 1e-9)
    arms = (arm[:, None] == np.arange(1, int(arm.max()) + 1)).astype(np.float64)
    return np.column_stack([np.ones(len(arm)), arms, standard, standard**2 - 1, design])


def _penalty(x: Floats) -> Floats:
    penalty = np.full(x.shape[1], RIDGE)
    penalty[0] = 0.0
    return penalty


def _effective(x: Floats) -> float:
    gram = x.T @ x / 2
    inverse = np.linalg.inv(gram + np.diag(_penalty(x)) + 1e-9 * np.eye(len(gram)))
    return float(np.trace(inverse @ gram)) - 1.0


def _gamma_fit(x: Floats, z: Floats) -> Floats:
    """Minimise ½ Σ (z exp(−η) + η) + ½ Σ penalty b² by Fisher scoring with step halving."""
    penalty = _penalty(x)
    factor = cho_factor(x.T @ x / 2 + np.diag(penalty) + 1e-9 * np.eye(x.shape[1]))

    def objective(at: Floats) -> float:
        eta = np.clip(x @ at, -30, 30)
        return 0.5 * float(np.sum(z * np.exp(-eta) + eta)) + 0.5 * float(penalty @ at**2)

    b = np.zeros(x.shape[1])
    current = objective(b)
    for _ in range(STEPS):
        gradient = 0.5 * x.T @ (1 - z * np.exp(-np.clip(x @ b, -30, 30))) + penalty * b
        step, size = cho_solve(factor, gradient), 1.0
        while objective(b - size * step) > current and size > 1e-3:
            size /= 2
        trial = objective(b - size * step)
        if trial > current - 1e-6 * (1 + abs(current)):
            break
        b, current = b - size * step, trial
    return b
