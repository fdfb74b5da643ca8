"""Intervals: resampling of subjects as weights, so that a metric is computed once for all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from osler.evaluate.inputs import Floats, Ints
from osler.model import Estimate

CHUNK_CELLS = 5_000_000
CACHE_CELLS = 150_000_000
# Fewer usable resamples than this share, and the interval would describe a selection of them.
USABLE_SHARE = 0.5


@dataclass(frozen=True)
class Resamples:
    """Bootstrap resamples of n rows as multiplicities: resample b holds row i `weight[b, i]` times.

    The same seed gives the same resamples, so that two metrics or two models are paired.

    Parameters
    ----------
    clusters : shape (n,), optional
        The subject of each row, as integers 0..; whole subjects are drawn. None: a row is a
        subject.
    index : optional
        Rows of the full data that are looked at; the draws stay those of the full data.
    """

    n: int
    count: int
    seed: int = 0
    clusters: Ints | None = None
    index: Ints | None = None
    _cache: dict[str, list[Floats]] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, n: int, count: int, seed: int, subjects: Any = None) -> Resamples:
        """Make resamples of n rows, drawing whole subjects when they are named."""
        if subjects is None:
            return cls(n, count, seed)
        _, codes = np.unique(np.asarray(subjects), return_inverse=True)
        return cls(n, count, seed, codes.astype(np.int64).ravel())

    def subset(self, index: Ints) -> Resamples:
        """Return the same draws seen from some of the rows."""
        return Resamples(self.n, self.count, self.seed, self.clusters, index, self._cache)

    def weights(self) -> Iterator[Floats]:
        """Yield the weights, shape (b, rows), in chunks that fit in memory."""
        for chunk in self._drawn():
            weights = chunk if self.clusters is None else chunk[:, self.clusters]
            yield (weights if self.index is None else weights[:, self.index]).astype(np.float64)

    def _drawn(self) -> Iterator[Any]:
        if "drawn" in self._cache:
            yield from self._cache["drawn"]
            return
        keep: list[Any] = []
        for chunk in self._draw():
            if self.n * self.count <= CACHE_CELLS:
                keep.append(chunk)
            yield chunk
        if keep:
            self._cache["drawn"] = keep

    def _draw(self) -> Iterator[Any]:
        units = self.n if self.clusters is None else int(self.clusters.max()) + 1
        rng = np.random.default_rng(self.seed)
        step = max(1, CHUNK_CELLS // max(self.n, 1))
        for start in range(0, self.count, step):
            rows = min(step, self.count - start)
            chunk = np.empty((rows, units), np.uint16)
            for row in range(rows):
                drawn = rng.integers(0, units, units)
                chunk[row] = np.bincount(drawn, minlength=units)
            yield chunk

    def each(self, statistic: Callable[[Floats], Floats]) -> Floats:
        """Return the statistic of every resample; it gets weights (b, rows), gives (b, ...)."""
        draws = [statistic(weights) for weights in self.weights()]
        return np.concatenate(draws) if draws else np.empty(0)

    def totals(self, columns: Floats) -> Floats:
        """Return the weighted sum of each column in every resample, shape (count, columns)."""
        if not self.count:
            return np.empty((0, columns.shape[1]))
        return self.each(lambda weights: weights @ columns)

    def means(self, columns: Floats) -> Floats:
        """Return the weighted mean of each column in every resample, shape (count, columns)."""
        with_ones = np.column_stack([columns, np.ones(len(columns))])
        sums = self.totals(with_ones)
        return divide(sums[:, :-1], sums[:, -1:])

    def linearised(self, value: float, influence: Floats) -> Floats:
        """Return value + Σ (weight − 1) influence: the resamples of a smooth statistic."""
        return np.asarray(value + self.totals(influence[:, None])[:, 0] - influence.sum())


def divide(above: Floats, below: Floats) -> Floats:
    """Divide, NaN where the denominator is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(below == 0, np.nan, above / np.where(below == 0, 1.0, below))


@dataclass(frozen=True)
class Measured:
    """A metric: its value, its value in every resample, and what it means.

    Parameters
    ----------
    value
        NaN when it could not be estimated; then `meaning` says why.
    draws : shape (count,)
        Resamples in which it could not be had are NaN.
    """

    value: float
    draws: Floats
    n: int
    meaning: str

    @classmethod
    def impossible(cls, why: str, n: int) -> Measured:
        """Return a metric that could not be estimated, and why."""
        return cls(float("nan"), np.empty(0), n, f"not estimable: {why}")

    def minus(self, other: Measured) -> Measured:
        """Return the difference over the same resamples."""
        same = min(self.draws.size, other.draws.size)
        return Measured(
            self.value - other.value,
            self.draws[:same] - other.draws[:same],
            self.n,
            self.meaning,
        )

    def estimate(self, level: float) -> Estimate:
        """Return the value with its percentile interval."""
        if not np.isfinite(self.value):
            nan = float("nan")
            return Estimate(nan, nan, nan, level, self.n, self.meaning)
        low, high, how = percentile_interval(self.value, self.draws, level)
        return Estimate(float(self.value), low, high, level, self.n, f"{self.meaning}; {how}")


def percentile_interval(value: float, draws: Floats, level: float) -> tuple[float, float, str]:
    """Return low, high and how they were made; widened where needed to hold the value.

    References
    ----------
    Efron & Tibshirani 1993, An Introduction to the Bootstrap, chapter 13.
    """
    usable = draws[np.isfinite(draws)]
    if not draws.size:
        return float("nan"), float("nan"), "no interval: no resamples were asked for"
    if usable.size < max(2, USABLE_SHARE * draws.size):
        why = f"no interval: only {usable.size} of {draws.size} resamples could be evaluated"
        return float("nan"), float("nan"), why
    low, high = np.quantile(usable, [(1 - level) / 2, (1 + level) / 2])
    how = f"percentile interval of {usable.size} bootstrap resamples"
    if usable.size < draws.size:
        how += f" ({draws.size - usable.size} more could not be evaluated)"
    return float(min(low, value)), float(max(high, value)), how
