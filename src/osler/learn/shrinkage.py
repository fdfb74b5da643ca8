"""How much to shrink a linear predictor, found by cross-validation over a few penalties."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from osler.learn.clock import Clock
from osler.learn.linear import ROUGH, TOLERANCE, LinearFit, ridge
from osler.learn.losses import Bools, CoxLoss, Floats, Ints, Loss
from osler.learn.thinning import SHARES, thinned

PENALTIES = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0, 10_000.0, 30_000.0)
RARE_FACTORS = (1.0, 10.0, 100.0)
FIRST = (4, 1)
SCREEN_Z2 = 1.0  # a seldom finding must say more than the one unit expected of pure noise
MOST_COLUMNS = 300
MOST_ROTATED_ROWS = 600
# Half a step of a balanced 0/1 column is its deviation: Gelman 2008, Stat Med 27:2865-2873.
TWO_VALUED_FACTOR = 0.25
MOST_THINNED_COLUMNS = 100
MOST_THINNED_ROWS = 20_000
THINNING_GAIN = 2.0  # held-out log-likelihood that chance alone may show


@dataclass(frozen=True)
class Penalised:
    """Coefficients of the design columns that were kept, centred on the training rows.

    Parameters
    ----------
    columns : shape (k,)
    penalty : shape (k,)
    full_penalty
        That of a number in units of its deviation.
    strongest : shape (m,)
        Which of the columns, at most `MOST_COLUMNS`, say most by themselves.
    """

    columns: Ints
    penalty: Floats
    full_penalty: float
    fit: LinearFit
    strongest: Ints

    def full(self, width: int) -> Floats:
        """Return coefficients of all `width` design columns, zero for those left out."""
        coefficients = np.zeros(width)
        coefficients[self.columns] = self.fit.coefficients
        return coefficients

    def information(self, design: Floats, loss: Loss) -> tuple[Ints, Floats]:
        """Return the strongest columns and the inverse penalised information among them."""
        kept = design[:, self.columns] - design[:, self.columns].mean(axis=0)
        eta, told = self.fit.predict(kept), kept[:, self.strongest]
        # At full strength for all: 0/1 columns are not centred where variances are asked for, and
        # what no row shows, such as the sum of a word's levels, would have the variance of a guess.
        penalty = np.maximum(self.penalty[self.strongest], self.full_penalty)
        hessian = loss.hessian(eta, told) + np.diag(penalty)
        inverse = np.asarray(np.linalg.pinv(hessian, hermitian=True), dtype=np.float64)
        return self.columns[self.strongest], inverse


@dataclass(frozen=True)
class LinearFolds:
    """The chosen penalties and the fit of every fold under them.

    Parameters
    ----------
    share
        Strength of the lasso on top, a share of the one that leaves nothing; 0 for none.
    """

    penalty: float
    rare_penalty: float
    share: float
    fits: tuple[Penalised, ...]

    def refit(self, design: Floats, loss: Loss, rare: Bools, sign: Ints | None = None) -> Penalised:
        """Fit all rows under the chosen penalties."""
        problem = _Problem(design, loss, rare, sign)
        fit = problem.solve(self.penalty, self.rare_penalty, TOLERANCE)
        if not self.share:
            return fit
        upto = SHARES[: SHARES.index(self.share) + 1]
        return problem.thin(fit, upto)[-1]


class _Problem:
    """One training set: its kept columns, centred, and warm starts."""

    def __init__(self, design: Floats, loss: Loss, rare: Bools, sign: Ints | None = None) -> None:
        centred = design - design.mean(axis=0)
        first, second = loss.curvature(np.zeros(len(design)))
        information = np.maximum((centred**2).T @ second, 1e-9)
        z2 = (centred.T @ first) ** 2 / information
        varies = centred.any(axis=0)
        kept = np.flatnonzero(varies & (~rare | (z2 > SCREEN_Z2)))
        strongest = np.sort(np.argsort(-z2[kept], kind="stable")[:MOST_COLUMNS])
        self.rotates = len(kept) > MOST_COLUMNS and len(design) <= MOST_ROTATED_ROWS
        self.rotates &= sign is None or not sign.any()
        if len(kept) > MOST_COLUMNS and not self.rotates:
            # Fan & Lv 2008, J R Stat Soc B 70:849-911: screening by marginal strength.
            kept, strongest = kept[strongest], np.arange(MOST_COLUMNS)
        self._columns, self._rare, self._strongest = kept, rare[kept], strongest
        self._sign = None if sign is None else sign[kept]
        two_valued = ((design[:, kept] == 0) | (design[:, kept] == 1)).all(axis=0)
        self._factor = np.where(two_valued & ~self._rare, TWO_VALUED_FACTOR, 1.0)
        self._design, self._loss = np.ascontiguousarray(centred[:, kept]), loss
        self._last: LinearFit | None = None
        self._turned: dict[float, _Turned] = {}

    def solve(self, penalty: float, rare_penalty: float, tolerance: float = ROUGH) -> Penalised:
        each = np.where(self._rare, rare_penalty, penalty * self._factor)
        if self.rotates:
            ratio = rare_penalty / penalty if self._rare.any() else 1.0
            if ratio not in self._turned:
                self._turned[ratio] = _Turned(self._design, each / penalty)
            fit = self._turned[ratio].solve(self._loss, penalty, tolerance)
        else:
            fit = ridge(self._design, self._loss, each, self._last, tolerance, self._sign)
            self._last = fit
        return Penalised(self._columns, each, penalty, fit, self._strongest)

    @property
    def thins(self) -> bool:
        """Return whether a lasso on top is worth a try: few columns, no direction asked for."""
        free = self._sign is None or not self._sign.any()
        small = (
            len(self._columns) <= MOST_THINNED_COLUMNS and len(self._design) <= MOST_THINNED_ROWS
        )
        return free and small and isinstance(self._loss, CoxLoss) and len(self._columns) > 1

    def thin(self, fit: Penalised, shares: tuple[float, ...]) -> list[Penalised]:
        """Return the fit under a lasso of each strength on top of half its ridge penalty."""
        coefficients = fit.fit.coefficients
        found = thinned(self._design, self._loss, coefficients, fit.penalty, shares)
        return [replace(fit, fit=LinearFit(0.0, each)) for each in found]


class _Turned:
    """A design with more columns than rows on its principal axes, where ridge is the same.

    References
    ----------
    Hastie & Tibshirani 2004, Biostatistics 5:329-340 (quadratic penalties with many columns).
    """

    def __init__(self, design: Floats, shape: Floats) -> None:
        root = np.sqrt(shape)
        scaled = design / root
        values, axes = np.linalg.eigh(scaled @ scaled.T)
        kept = values > 1e-10 * values[-1]
        length = np.sqrt(values[kept])
        self._design = np.ascontiguousarray(axes[:, kept] * length)
        self._back = (scaled.T @ axes[:, kept]) / length / root[:, None]
        self._last: LinearFit | None = None

    def solve(self, loss: Loss, penalty: float, tolerance: float) -> LinearFit:
        """Return the ridge fit in the columns of the design as it was."""
        each = np.full(self._design.shape[1], penalty)
        self._last = ridge(self._design, loss, each, self._last, tolerance)
        return LinearFit(self._last.intercept, self._back @ self._last.coefficients)


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
    score statistic within the training rows exceeds what noise would give enter at all. A lasso
    on top is kept only if it gains more on held-out rows than `THINNING_GAIN`.

    References
    ----------
    Verweij & van Houwelingen 1993, Statistics in Medicine 12:2305-2314 (cross-validated partial
    likelihood); Boulesteix et al. 2017, Comput Math Methods Med 7691937 (penalty factors).
    """
    problems = [_Problem(design[~h], loss.subset(~h), rare, sign) for h in held]
    parts = [(design[h], loss.subset(h)) for h in held]
    tried: dict[tuple[int, int], tuple[float, tuple[Penalised, ...]]] = {}

    def total(fits: tuple[Penalised, ...]) -> float:
        return sum(
            part.value(x @ fit.full(design.shape[1]) + fit.fit.intercept)
            for fit, (x, part) in zip(fits, parts, strict=True)
        )

    def held_out(at: tuple[int, int]) -> float:
        if at not in tried:
            penalty = PENALTIES[at[0]]
            fits = tuple(p.solve(penalty, penalty * RARE_FACTORS[at[1]]) for p in problems)
            tried[at] = (total(fits), fits)
        return tried[at][0]

    best = FIRST
    moving = True
    while moving and not clock.past(0.3):
        near = _neighbours(best, bool(rare.any()))
        following = min([best, *near], key=held_out)
        moving, best = following != best, following
    least, fits, share = held_out(best) - THINNING_GAIN, tried[best][1], 0.0
    if all(problem.thins for problem in problems) and not clock.past(0.3):
        paths = [p.thin(fit, SHARES) for p, fit in zip(problems, tried[best][1], strict=True)]
        for strength, thin in zip(SHARES, zip(*paths, strict=True), strict=True):
            if total(thin) < least:
                least, fits, share = total(thin), thin, strength
    penalty = PENALTIES[best[0]]
    return LinearFolds(penalty, penalty * RARE_FACTORS[best[1]], share, fits)


def _neighbours(at: tuple[int, int], rare: bool) -> list[tuple[int, int]]:
    steps = [(-1, 0), (1, 0)] + ([(0, -1), (0, 1)] if rare else [])
    moved = [(at[0] + a, at[1] + b) for a, b in steps]
    return [(a, b) for a, b in moved if 0 <= a < len(PENALTIES) and 0 <= b < len(RARE_FACTORS)]
