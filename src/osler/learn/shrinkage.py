"""How much to shrink a linear predictor, found by cross-validation over a few penalties."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from osler.learn.clock import Clock
from osler.learn.linear import ROUGH, TOLERANCE, LinearFit, ridge
from osler.learn.losses import Bools, Floats, Ints, Loss

PENALTIES = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0)
RARE_FACTORS = (1.0, 10.0, 100.0)
FIRST = (4, 1)
SCREEN_Z2 = 1.0  # a seldom finding must say more than the one unit expected of pure noise
MOST_COLUMNS = 300


@dataclass(frozen=True)
class Penalised:
    """Coefficients of the design columns that were kept, centred on the training rows."""

    columns: Ints
    penalty: Floats
    fit: LinearFit

    def full(self, width: int) -> Floats:
        """Return coefficients of all `width` design columns, zero for those left out."""
        coefficients = np.zeros(width)
        coefficients[self.columns] = self.fit.coefficients
        return coefficients

    def information(self, design: Floats, loss: Loss) -> tuple[Ints, Floats]:
        """Return the kept columns and the inverse penalised information of their coefficients."""
        kept = design[:, self.columns] - design[:, self.columns].mean(axis=0)
        hessian = loss.hessian(self.fit.predict(kept), kept) + np.diag(self.penalty)
        return self.columns, np.asarray(np.linalg.pinv(hessian, hermitian=True), dtype=np.float64)


@dataclass(frozen=True)
class LinearFolds:
    """The chosen penalties and the fit of every fold under them."""

    penalty: float
    rare_penalty: float
    fits: tuple[Penalised, ...]

    def refit(self, design: Floats, loss: Loss, rare: Bools, sign: Ints | None = None) -> Penalised:
        """Fit all rows under the chosen penalties."""
        return _Problem(design, loss, rare, sign).solve(self.penalty, self.rare_penalty, TOLERANCE)


class _Problem:
    """One training set: its kept columns, centred, and warm starts."""

    def __init__(self, design: Floats, loss: Loss, rare: Bools, sign: Ints | None = None) -> None:
        centred = design - design.mean(axis=0)
        first, second = loss.curvature(np.zeros(len(design)))
        information = np.maximum((centred**2).T @ second, 1e-9)
        z2 = (centred.T @ first) ** 2 / information
        varies = centred.any(axis=0)
        kept = np.flatnonzero(varies & (~rare | (z2 > SCREEN_Z2)))
        if len(kept) > MOST_COLUMNS:
            # Fan & Lv 2008, J R Stat Soc B 70:849-911: screening by marginal strength.
            kept = np.sort(kept[np.argsort(-z2[kept], kind="stable")[:MOST_COLUMNS]])
        self._columns, self._rare = kept, rare[kept]
        self._sign = None if sign is None else sign[kept]
        self._design, self._loss = np.ascontiguousarray(centred[:, kept]), loss
        self._last: LinearFit | None = None

    def solve(self, penalty: float, rare_penalty: float, tolerance: float = ROUGH) -> Penalised:
        each = np.where(self._rare, rare_penalty, penalty)
        self._last = ridge(self._design, self._loss, each, self._last, tolerance, self._sign)
        return Penalised(self._columns, each, self._last)


def search_penalty(
    design: Floats,
    loss: Loss,
    held: list[Bools],
    rare: Bools,
    clock: Clock,
    sign: Ints | None = None,
) -> LinearFolds:
    """Walk over a grid of penalties towards the least held-out loss.

    Seldom findings have a penalty of their own, a multiple of the rest's, and only those whose
    score statistic within the training rows exceeds what noise would give enter at all.

    References
    ----------
    Verweij & van Houwelingen 1993, Statistics in Medicine 12:2305-2314 (cross-validated partial
    likelihood); Boulesteix et al. 2017, Comput Math Methods Med 7691937 (penalty factors).
    """
    problems = [_Problem(design[~h], loss.subset(~h), rare, sign) for h in held]
    parts = [(design[h], loss.subset(h)) for h in held]
    tried: dict[tuple[int, int], tuple[float, tuple[Penalised, ...]]] = {}

    def held_out(at: tuple[int, int]) -> float:
        if at not in tried:
            penalty = PENALTIES[at[0]]
            fits = tuple(p.solve(penalty, penalty * RARE_FACTORS[at[1]]) for p in problems)
            total = sum(
                part.value(x @ fit.full(design.shape[1]) + fit.fit.intercept)
                for fit, (x, part) in zip(fits, parts, strict=True)
            )
            tried[at] = (float(total), fits)
        return tried[at][0]

    best = FIRST
    moving = True
    while moving and not clock.past(0.3):
        near = _neighbours(best, bool(rare.any()))
        following = min([best, *near], key=held_out)
        moving, best = following != best, following
    held_out(best)
    penalty = PENALTIES[best[0]]
    return LinearFolds(penalty, penalty * RARE_FACTORS[best[1]], tried[best][1])


def _neighbours(at: tuple[int, int], rare: bool) -> list[tuple[int, int]]:
    steps = [(-1, 0), (1, 0)] + ([(0, -1), (0, 1)] if rare else [])
    moved = [(at[0] + a, at[1] + b) for a, b in steps]
    return [(a, b) for a, b in moved if 0 <= a < len(PENALTIES) and 0 <= b < len(RARE_FACTORS)]
