"""Which covariates bend an outcome surface, and how much: kernels by marginal likelihood."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack
from scipy.optimize import minimize

from osler.learn.losses import Floats, Ints

INTERCEPT_VARIANCE = 4.0  # of an outcome with variance 1: wide
JITTER = 1e-6
SPARSITY = 0.1  # inverse lengths above this cost; see `_prior`
SMALL_LENGTH_PULL = 0.3
AMPLITUDE_CENTRE, AMPLITUDE_SPREAD = np.log(0.5), 1.0
BOUNDS = {"length": (-7.0, 2.0), "amplitude": (-4.0, 3.0), "noise": (-3.5, 0.7)}
ROWS_SEARCHED = 1000
ROWS_ENOUGH = 600  # searched in one round
ROWS_FIRST = 500
STEPS_FIRST, STEPS = 60, 30
IRRELEVANT = 0.02
SHARED = -1


@dataclass(frozen=True)
class Kernel:
    """Prior covariance of one part of the surface.

    ``curved² exp(−½ |r∘(x − x')|²) + straight² (r∘x)·(r∘x')`` plus an intercept.

    Parameters
    ----------
    inverse_length : shape (p,)
        How fast the surface changes along each column; near 0 it does not depend on it.
    curved, straight
        Standard deviations of the bending and of the linear part.
    """

    inverse_length: Floats
    curved: float
    straight: float


@dataclass(frozen=True)
class Kernels:
    """The part that all arms share and one part per arm, with the standard deviation of noise."""

    shared: Kernel
    arms: tuple[Kernel, ...]
    noise: float


def search(design: Floats, arm: Ints, y: Floats, arms: int, seed: int) -> Kernels:
    """Find the kernels of greatest posterior density.

    Large data are searched in two rounds on samples balanced over arms: a small one for all
    columns, a larger one that starts where the first ended.

    Parameters
    ----------
    design : shape (n, p)
        Standardised columns.
    y : shape (n,)
        Outcome with mean 0 and variance 1.

    References
    ----------
    Rasmussen & Williams 2006, Gaussian Processes for Machine Learning, ch. 5 (marginal
    likelihood, automatic relevance); Eriksson & Jankowiak 2021, UAI (sparse axis-aligned
    priors); Alaa & van der Schaar 2017, NeurIPS (shared and own surfaces of arms).
    """
    rng = np.random.default_rng(seed)
    at = _start(design.shape[1], arms)
    if len(y) > ROWS_ENOUGH:
        rows = balanced_rows(arm, ROWS_FIRST, rng)
        at = _Posterior(design[rows], arm[rows], y[rows], arms).climb(at, STEPS_FIRST)
        rows = balanced_rows(arm, ROWS_SEARCHED, rng)
        at = _Posterior(design[rows], arm[rows], y[rows], arms).climb(at, STEPS)
    else:
        at = _Posterior(design, arm, y, arms).climb(at, STEPS_FIRST + STEPS)
    return _kernels(at, design.shape[1], arms)


def balanced_rows(arm: Ints, rows: int, rng: np.random.Generator) -> Ints:
    """Return rows in random order, as many of every arm as there are, up to an equal share."""
    if len(arm) <= rows:
        return np.arange(len(arm))
    shuffled = rng.permutation(len(arm))
    count = np.bincount(arm)
    share = rows // max(len(count), 1)
    place = np.empty(len(arm), dtype=np.int64)
    for one in range(len(count)):
        inside = shuffled[arm[shuffled] == one]
        place[inside] = np.arange(len(inside))
    first = shuffled[place[shuffled] < share]
    rest = shuffled[place[shuffled] >= share]
    return np.sort(np.concatenate([first, rest])[:rows])


def _start(columns: int, arms: int) -> Floats:
    part = np.concatenate([np.full(columns, np.log(0.1)), np.full(2, np.log(0.5))])
    return np.concatenate([part] * (arms + 1) + [np.full(1, np.log(0.5))])


def _kernels(at: Floats, columns: int, arms: int) -> Kernels:
    parts = np.exp(at[:-1].reshape(arms + 1, columns + 2))
    found = [Kernel(part[:columns], float(part[-2]), float(part[-1])) for part in parts]
    return Kernels(found[0], tuple(found[1:]), float(np.exp(at[-1])))


class _Posterior:
    """Negative log posterior of the kernels' parameters (logarithms), with its gradient."""

    def __init__(self, design: Floats, arm: Ints, y: Floats, arms: int) -> None:
        self._x, self._y, self._arms = design, y, arms
        everyone = np.arange(len(y))
        self._rows = [everyone, *(np.flatnonzero(arm == one) for one in range(arms))]
        self._parts = [np.ascontiguousarray(design[rows]) for rows in self._rows]

    def climb(self, start: Floats, steps: int) -> Floats:
        """Return the parameters after at most so many steps uphill."""
        p = self._x.shape[1]
        part = [BOUNDS["length"]] * p + [BOUNDS["amplitude"]] * 2
        bounds = part * (self._arms + 1) + [BOUNDS["noise"]]
        found = minimize(
            self, start, jac=True, method="L-BFGS-B", bounds=bounds,
            options={"maxiter": steps, "maxfun": 2 * steps},
        )  # fmt: skip
        return np.asarray(found.x, dtype=np.float64)

    def __call__(self, at: Floats) -> tuple[float, Floats]:
        """Return value and gradient."""
        p = self._x.shape[1]
        parts, noise = at[:-1].reshape(-1, p + 2), float(np.exp(2 * at[-1]))
        n = len(self._y)
        covariance = np.zeros((n, n))
        made: list[Floats] = []
        for rows, x, part in zip(self._rows, self._parts, parts, strict=True):
            curved, straight = _covariances(x, part)
            made.append(curved)
            _add_block(covariance, rows, curved + straight + INTERCEPT_VARIANCE)
        covariance.flat[:: n + 1] += noise + JITTER
        factor, inverse = inverted(covariance)
        if inverse is None:
            return 1e12, np.zeros_like(at)
        alpha = inverse @ self._y
        value = 0.5 * float(self._y @ alpha) + float(np.log(np.diag(factor)).sum())
        slope = 0.5 * (inverse - np.outer(alpha, alpha))
        gradient = [
            _part_gradient(_block(slope, rows, n), x, curved, part)
            for rows, x, curved, part in zip(self._rows, self._parts, made, parts, strict=True)
        ]
        prior, prior_gradient = _prior(parts)
        total = np.concatenate([*gradient, [2 * noise * float(np.trace(slope))]])
        total[:-1] += prior_gradient.ravel()
        return value + prior, total


def _covariances(x: Floats, part: Floats) -> tuple[Floats, Floats]:
    scaled = x * np.exp(part[:-2])
    inner = scaled @ scaled.T
    square = np.diag(inner)
    distance = np.maximum(square[:, None] + square[None, :] - 2 * inner, 0.0)
    curved = np.exp(2 * part[-2] - 0.5 * distance)
    return curved, np.exp(2 * part[-1]) * inner


def _add_block(covariance: Floats, rows: Ints, block: Floats) -> None:
    if len(rows) == len(covariance):
        covariance += block
    else:
        covariance[np.ix_(rows, rows)] += block


def _block(matrix: Floats, rows: Ints, n: int) -> Floats:
    return matrix if len(rows) == n else matrix[np.ix_(rows, rows)]


def inverted(matrix: Floats) -> tuple[Floats, Floats | None]:
    """Return the lower Cholesky factor and the inverse, None if it is not positive definite.

    The matrix is overwritten where its memory allows.
    """
    factor, failed = lapack.dpotrf(matrix.T, lower=1, overwrite_a=1)
    if failed:
        return factor, None
    lower, failed = lapack.dpotri(factor, lower=1)
    if failed:
        return factor, None
    inverse = lower + lower.T
    inverse.flat[:: len(inverse) + 1] /= 2
    return factor, inverse


def _part_gradient(slope: Floats, x: Floats, curved: Floats, part: Floats) -> Floats:
    """Return the derivative of the value by one part's parameters."""
    squared_rate = np.exp(2 * part[:-2])
    weighted = slope * curved
    through = (x * (weighted @ x)).sum(axis=0)
    bending = -2 * squared_rate * (weighted.sum(axis=1) @ (x**2) - through)
    tilt = 2 * np.exp(2 * part[-1]) * squared_rate * (x * (slope @ x)).sum(axis=0)
    return np.concatenate([bending + tilt, [2 * float(weighted.sum()), float(tilt.sum())]])


def _prior(parts: Floats) -> tuple[float, Floats]:
    """Return what unlikely parameters cost: few columns matter, no part is huge.

    Inverse lengths have a half-Cauchy-like density with a pole at 0, amplitudes a log-normal one.
    """
    lengths, amplitudes = parts[:, :-2], parts[:, -2:]
    ratio = (np.exp(lengths) / SPARSITY) ** 2
    away = (amplitudes - AMPLITUDE_CENTRE) / AMPLITUDE_SPREAD
    value = np.log1p(ratio).sum() - SMALL_LENGTH_PULL * lengths.sum() + 0.5 * (away**2).sum()
    gradient = np.empty_like(parts)
    gradient[:, :-2] = 2 * ratio / (1 + ratio) - SMALL_LENGTH_PULL
    gradient[:, -2:] = away / AMPLITUDE_SPREAD
    return float(value), gradient
