"""How far new people are from those a model was learned on: what of them differs, and who."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, ndtr

from osler.errors import Fault, InputError, NotEstimable
from osler.evaluate.bootstrap import Resamples, percentile_interval
from osler.evaluate.concordance import binary_pairs, concordance
from osler.evaluate.curves import wilson_interval
from osler.evaluate.inputs import Bools, Floats, Ints
from osler.model import Estimate

MOST_COLUMNS = 300
FEWEST_ROWS = 20
RIDGE = 0.1
# A row is far when it is farther from the middle than all but five in a thousand of those learned
# from are, each measured against the others.
FAR_SHARE = 0.995
FEW_SHARE = 0.005
ENDS = (0.005, 0.995)
# A number is outside when it lies beyond those ends by half of their distance.
BEYOND = 0.5
FEWEST_DISTINCT = 10
RAREST_INDICATOR = 0.01
FOLDS = 5
MOST_STEPS = 30


@dataclass(frozen=True)
class Reference:
    """What the people that a model was learned on looked like, in sums; no row of them is kept.

    Parameters
    ----------
    columns : length p
        Names of the columns.
    zero : shape (p,)
        Columns in which a cell that is not there is zero, not missing.
    n
        Rows learned from.
    known, mean, sd : shape (p,)
        Share of rows with a cell, and mean and standard deviation among them.
    low, high : shape (p,)
        Ends beyond which a number is outside; infinite where none was set.
    used : shape (q,)
        Positions of the columns that the distance uses.
    indicated : shape (r,)
        Positions of the columns whose being known is part of the distance.
    covariance : shape (q + r, q + r)
        Of the standardised cells and indicators.
    cut
        The distance beyond which a row is far.
    fewest_known
        A row with fewer known cells has too little known; 0 where no such number was set.
    """

    columns: tuple[str, ...]
    zero: Bools
    n: int
    known: Floats
    mean: Floats
    sd: Floats
    low: Floats
    high: Floats
    used: Ints
    indicated: Ints
    covariance: Floats
    cut: float
    fewest_known: float

    @classmethod
    def of(cls, cells: Floats, columns: Sequence[str], zero: Sequence[bool]) -> Reference:
        """Sum up rows.

        Parameters
        ----------
        cells : shape (n, p)
            NaN where missing; zeros where nothing happened.
        zero : shape (p,)
            Whether an absent cell of the column is zero.

        Raises
        ------
        NotEstimable
            If there are fewer than 20 rows.
        """
        n = len(cells)
        if n < FEWEST_ROWS:
            raise NotEstimable(f"{n} rows to describe; at least {FEWEST_ROWS} are needed")
        is_zero = np.asarray(zero, dtype=np.bool_)
        there = ~np.isnan(cells)
        known = there.mean(axis=0)
        mean, sd = _moments(cells)
        low, high = _ends(cells, is_zero)
        varies = np.flatnonzero((sd > 0) & (known > 0))
        used = np.sort(varies[np.argsort(-known[varies], kind="stable")][:MOST_COLUMNS])
        often = np.minimum(known, 1 - known) >= RAREST_INDICATOR
        indicated = np.flatnonzero(often & ~is_zero)[:MOST_COLUMNS]
        counted = there[:, ~is_zero].sum(axis=1)
        fewest = float(np.floor(np.quantile(counted, FEW_SHARE))) if counted.size else 0.0
        empty = np.zeros((0, 0))
        made = cls(tuple(str(one) for one in columns), is_zero, n, known, mean, sd, low, high,
                   used, indicated, empty, 0.0, fewest)  # fmt: skip
        design = made._design(cells)
        covariance = design.T @ design / n
        whole = Reference(**{**made.__dict__, "covariance": covariance})
        # Each row is measured against the others: Sherman & Morrison 1950.
        own = whole._raw_distance(cells)
        width = max(design.shape[1], 1)
        others = own / np.maximum(1 - own * width / n, 1e-6)
        return Reference(**{**whole.__dict__, "cut": float(np.quantile(others, FAR_SHARE))})

    def _design(self, cells: Floats) -> Floats:
        """Return standardised cells, the middle where missing, and indicators of being known."""
        scale = np.where(self.sd > 0, self.sd, 1.0)
        standard = ((cells - self.mean) / scale)[:, self.used]
        rate = self.known[self.indicated]
        spread = np.sqrt(np.maximum(rate * (1 - rate), 1e-12))
        indicator = (~np.isnan(cells[:, self.indicated]) - rate) / spread
        return np.hstack([np.nan_to_num(standard, nan=0.0), indicator])

    def _precision(self) -> Floats:
        ridge = RIDGE * np.eye(len(self.covariance))
        return np.asarray(np.linalg.inv(self.covariance + ridge))

    def _raw_distance(self, cells: Floats) -> Floats:
        design = self._design(cells)
        if not design.shape[1]:
            return np.zeros(len(cells))
        squared = ((design @ self._precision()) * design).sum(axis=1)
        return np.asarray(squared / design.shape[1])

    def place(self, cells: Any) -> Placing:
        """Say of each new row whether it is among the people that the model was learned on.

        Parameters
        ----------
        cells : shape (n, p)
            In the columns of the reference; NaN where missing.

        References
        ----------
        Mahalanobis 1936, Proceedings of the National Institute of Sciences of India 2:49-55, with
        a ridge of 0.1 on the correlations, per column.
        """
        given = self._checked(cells)
        distance = self._raw_distance(given)
        with np.errstate(invalid="ignore"):
            outside = (given < self.low) | (given > self.high)
        counted = (~np.isnan(given))[:, ~self.zero].sum(axis=1)
        return Placing(distance, distance > self.cut, outside, counted < self.fewest_known)

    def differences(self, cells: Any) -> list[ColumnDifference]:
        """Return how each column differs: standardised difference, and how often it is known.

        References
        ----------
        Austin 2009, Statistics in Medicine 28:3083-3107.
        """
        given = self._checked(cells)
        known = (~np.isnan(given)).mean(axis=0)
        mean, sd = _moments(given)
        pooled = np.sqrt((self.sd**2 + sd**2) / 2)
        with np.errstate(divide="ignore", invalid="ignore"):
            apart = (mean - self.mean) / pooled
        both = (self.known > 0) & (known > 0)
        told = np.where(both & (pooled > 0), apart, np.where(both & (mean == self.mean), 0, np.nan))
        return [
            ColumnDifference(
                name,
                float(told[at]),
                _or_none(self.mean[at], self.known[at] > 0),
                _or_none(mean[at], known[at] > 0),
                float(self.known[at]),
                Estimate(
                    float(known[at] - self.known[at]),
                    *_newcombe(known[at], len(given), self.known[at], self.n),
                    n=len(given),
                    meaning="share known here minus share known at development; Newcombe interval",
                ),
                bool(self.zero[at]),
            )
            for at, name in enumerate(self.columns)
        ]

    def membership(
        self, cells: Any, *, subjects: Any = None, bootstrap: int = 500, seed: int = 0
    ) -> Estimate:
        """Return how well the columns tell new people from those learned from, 0.5 to 1.

        A linear discriminant between the two, from the sums of the one and the rows of the other,
        its direction learned on other new subjects than it is judged on. Those learned from are
        taken as normal along it. Its interval is of the new people alone.

        Raises
        ------
        NotEstimable
            If there are fewer than 20 new rows.

        References
        ----------
        Debray et al. 2015, Journal of Clinical Epidemiology 68:279-289 (membership model).
        """
        given = self._checked(cells)
        if len(given) < FEWEST_ROWS:
            raise NotEstimable(f"{len(given)} new rows; at least {FEWEST_ROWS} are needed")
        design = self._design(given)
        fold = _subject_folds(len(given), subjects, seed)
        won = np.empty(len(given))
        for one in range(FOLDS):
            own = fold == one
            direction = self._direction(design[~own])
            sd = float(np.sqrt(direction @ self.covariance @ direction))
            score = design[own] @ direction
            won[own] = ndtr(score / sd) if sd > 0 else 0.5
        resamples = Resamples.of(len(given), bootstrap, seed, subjects)
        value = float(won.mean())
        low, high, how = percentile_interval(value, resamples.means(won[:, None])[:, 0], 0.95)
        meaning = f"c-statistic of telling new people from those learned from, by predictors; {how}"
        return Estimate(value, low, high, 0.95, len(given), meaning)

    def _direction(self, design: Floats) -> Floats:
        mean = design.mean(axis=0)
        centred = design - mean
        share = self.n / (self.n + len(design))
        pooled = share * self.covariance + (1 - share) * centred.T @ centred / len(design)
        pooled = pooled + RIDGE * np.eye(len(pooled))
        return np.asarray(np.linalg.solve(pooled, mean))

    def _checked(self, cells: Any) -> Floats:
        given = np.asarray(cells, dtype=np.float64)
        if given.ndim != 2 or given.shape[1] != len(self.columns):
            shape = f"(n, {len(self.columns)})"
            raise InputError(Fault("cells", f"shape {given.shape}", shape))
        return given


@dataclass(frozen=True)
class Placing:
    """Where new rows lie.

    Parameters
    ----------
    distance : shape (n,)
        Squared distance from the middle, per column.
    far, sparse : shape (n,)
        Farther than the cut; with too few known cells.
    outside : shape (n, p)
        Which numbers lie beyond the ends.
    """

    distance: Floats
    far: Bools
    outside: Bools
    sparse: Bools

    @property
    def inside(self) -> Bools:
        """Rows that are in the model's domain, shape (n,)."""
        return np.asarray(~(self.far | self.sparse | self.outside.any(axis=1)))


@dataclass(frozen=True)
class ColumnDifference:
    """One column there and here.

    Parameters
    ----------
    standardised
        Difference of means over the pooled standard deviation; NaN where one side has no cell.
    known_difference
        Share of rows with a cell, here minus there.
    zero
        Whether an absent cell is zero; then every row has one.
    """

    column: str
    standardised: float
    mean_there: float | None
    mean_here: float | None
    known_there: float
    known_difference: Estimate
    zero: bool


def membership(
    there: Any,
    here: Any,
    *,
    subjects_there: Any = None,
    subjects_here: Any = None,
    bootstrap: int = 500,
    seed: int = 0,
) -> Estimate:
    """Return how well two groups of people are told apart by their numbers, cross-fitted.

    Parameters
    ----------
    there, here : shape (n, q), (m, q)
        Predictions and outcomes of the people of development and of the new ones.

    Raises
    ------
    NotEstimable
        If there are fewer than 20 rows on a side.

    References
    ----------
    Debray et al. 2015, Journal of Clinical Epidemiology 68:279-289.
    """
    first, second = (np.asarray(one, dtype=np.float64) for one in (there, here))
    if min(len(first), len(second)) < FEWEST_ROWS:
        raise NotEstimable(f"at least {FEWEST_ROWS} rows are needed on either side")
    design = np.vstack([first, second])
    label = np.repeat([0.0, 1.0], [len(first), len(second)])
    who = np.array([f"there {one}" for one in _ids(subjects_there, len(first))]
                   + [f"here {one}" for one in _ids(subjects_here, len(second))])  # fmt: skip
    spread = design.std(axis=0)
    design = (design - design.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    design = np.column_stack([np.ones(len(design)), design])
    fold = _subject_folds(len(design), who, seed)
    score = np.empty(len(design))
    for one in range(FOLDS):
        own = fold == one
        score[own] = design[own] @ _logistic(design[~own], label[~own])
    resamples = Resamples.of(len(design), bootstrap, seed, who)
    meaning = "c-statistic of telling new people from those of development, by prediction, outcome"
    return concordance(score, binary_pairs(label), resamples, meaning).estimate(0.95)


def _logistic(design: Floats, label: Floats) -> Floats:
    """Return ridge-penalised logistic coefficients; the ridge only keeps them finite."""
    found = np.zeros(design.shape[1])
    ridge = np.eye(len(found))
    ridge[0, 0] = 1e-6
    for _ in range(MOST_STEPS):
        mean = expit(design @ found)
        pull = design.T @ (label - mean) - ridge @ found
        information = (design * (mean * (1 - mean))[:, None]).T @ design + ridge
        step = np.linalg.solve(information, pull)
        found = found + step
        if np.abs(step).max() < 1e-8:
            break
    return found


def _ids(subjects: Any, n: int) -> list[Any]:
    return list(range(n)) if subjects is None else list(subjects)


def _subject_folds(n: int, subjects: Any, seed: int) -> Ints:
    who = np.arange(n) if subjects is None else np.unique(subjects, return_inverse=True)[1].ravel()
    order = np.random.default_rng(seed).permutation(int(who.max()) + 1)
    return np.asarray(order[who] % FOLDS, dtype=np.int64)


def _moments(cells: Floats) -> tuple[Floats, Floats]:
    """Return mean and standard deviation of what is known; 0 where nothing is."""
    there = ~np.isnan(cells)
    count = np.maximum(there.sum(axis=0), 1)
    filled = np.where(there, cells, 0.0)
    mean = filled.sum(axis=0) / count
    apart = np.where(there, cells - mean, 0.0)
    return np.asarray(mean), np.asarray(np.sqrt((apart**2).sum(axis=0) / count))


def _ends(cells: Floats, zero: Bools) -> tuple[Floats, Floats]:
    """Return the ends beyond which a number is outside; infinite for counts and for few values."""
    low, high = np.full(cells.shape[1], -np.inf), np.full(cells.shape[1], np.inf)
    for at in np.flatnonzero(~zero):
        values = cells[~np.isnan(cells[:, at]), at]
        if np.unique(values).size < FEWEST_DISTINCT:
            continue
        first, last = np.quantile(values, ENDS)
        low[at], high[at] = first - BEYOND * (last - first), last + BEYOND * (last - first)
    return low, high


def _or_none(value: float, there: bool) -> float | None:
    return float(value) if there else None


def _newcombe(first: float, n: int, second: float, m: int) -> tuple[float, float]:
    """Return the interval of a difference of two shares.

    References
    ----------
    Newcombe 1998, Statistics in Medicine 17:873-890, method 10.
    """
    low, high = wilson_interval(float(first), n, 0.95)
    less, more = wilson_interval(float(second), m, 0.95)
    apart = first - second
    return (
        float(apart - np.hypot(first - low, more - second)),
        float(apart + np.hypot(high - first, second - less)),
    )
