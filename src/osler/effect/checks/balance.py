"""Whether the arms look alike, before and after weighing."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl

from osler.effect.problem import Problem
from osler.learn.losses import Floats
from osler.learn.table import WORD, Schema

WELL_BALANCED = 0.1
MOST_LEVELS = 30


@dataclass(frozen=True)
class Balance:
    """How far the arms differ in one covariate, in standard deviations.

    Parameters
    ----------
    covariate
        Column, or ``column = level``, or ``column missing``.
    before, after
        The largest absolute standardised mean difference between an arm and all rows, times two
        for comparability with that of two equal arms: unweighted, and with each row weighed by
        one over its chance of its own arm. NaN where the covariate does not vary.
    """

    covariate: str
    before: float
    after: float

    @property
    def balanced(self) -> bool:
        """Whether weighing leaves less than a tenth of a standard deviation."""
        return bool(self.after < WELL_BALANCED)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {key: None if value != value else value for key, value in asdict(self).items()}


def balance(problem: Problem, propensity: Floats) -> list[Balance]:
    """Compare every covariate between all pairs of arms, before and after weighing.

    The largest absolute standardised mean difference over the pairs of arms is told; the standard
    deviation is the root of the mean of the two arms' unweighted variances, before as after.

    Parameters
    ----------
    propensity : shape (n, K)

    References
    ----------
    Austin & Stuart 2015, Statistics in Medicine 34:3661-3679, doi:10.1002/sim.6607.
    """
    names, table = covariates(problem.frame)
    one_hot = problem.one_hot()
    weight = one_hot / np.maximum(propensity, 1e-12)
    before = _largest(table, one_hot, one_hot)
    after = _largest(table, weight, one_hot)
    return [
        Balance(name, float(b), float(a)) for name, b, a in zip(names, before, after, strict=True)
    ]


def _largest(table: Floats, weight: Floats, one_hot: Floats) -> Floats:
    """Return each column's largest difference over pairs of arms, shape (p,)."""
    known = ~np.isnan(table)
    filled = np.where(known, table, 0.0)
    means = _means(filled, known, weight)
    plain = _means(filled, known, one_hot)
    variance = np.maximum(_means(filled**2, known, one_hot) - plain**2, 0.0)
    largest = np.full(table.shape[1], np.nan)
    arms = weight.shape[1]
    for a in range(arms):
        for b in range(a + 1, arms):
            spread = np.sqrt((variance[a] + variance[b]) / 2)
            gap = np.abs(means[a] - means[b])
            # Arms at two different constants are as far apart as can be.
            with np.errstate(divide="ignore", invalid="ignore"):
                apart = np.where(spread > 0, gap / spread, np.where(gap > 0, np.inf, np.nan))
            largest = np.fmax(largest, apart)
    return largest


def _means(table: Floats, known: Any, weight: Floats) -> Floats:
    total = weight.T @ known
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((weight.T @ table) / total)


def covariates(frame: pl.DataFrame) -> tuple[list[str], Floats]:
    """Return names and values of numbers, truths, levels of words and missingness, (n, p)."""
    names: list[str] = []
    columns: list[Floats] = []
    for series, kind in zip(frame.get_columns(), Schema.of(frame, True).kinds, strict=True):
        absent = series.is_null().to_numpy()
        if kind == WORD:
            levels = series.drop_nulls().value_counts(sort=True).head(MOST_LEVELS)[series.name]
            for level in sorted(levels.to_list()):
                names.append(f"{series.name} = {level}")
                columns.append((series == level).fill_null(False).to_numpy().astype(np.float64))
        else:
            names.append(series.name)
            values = series.cast(pl.Float64).fill_null(np.nan).to_numpy()
            columns.append(values.astype(np.float64))
        if absent.any():
            names.append(f"{series.name} missing")
            columns.append(absent.astype(np.float64))
    return names, np.column_stack(columns) if columns else np.zeros((frame.height, 0))
