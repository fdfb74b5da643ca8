"""Covariates that decide the treatment, so that nobody alike had another arm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from osler.effect.problem import Problem
from osler.learn.losses import Bools, Floats, Ints
from osler.learn.table import NUMBER, Schema

FEW_VALUES = 12
UNLIKELY = 1e-6
SEPARATED = 0.995


@dataclass(frozen=True)
class Decided:
    """A group of people who never had one of the arms.

    Parameters
    ----------
    covariate
        Column, and for a value of few its place among them, never the value itself of a number.
    arm
        Label of the arm that nobody there had.
    rows
        How many people are there.
    end
        Whether they are an end of a number, found by looking, and not a value of few.
    inside : shape (n,)
        Which.
    """

    covariate: str
    arm: str
    rows: int
    end: bool
    inside: Bools

    def __str__(self) -> str:
        where = f"the {self.rows} rows with a certain value of {self.covariate}"
        return f"none of {where} is in arm {self.arm}"

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"covariate": self.covariate, "arm": self.arm, "rows": self.rows}


def decided(problem: Problem) -> list[Decided]:
    """Find values of single covariates, and ends of numbers, with an arm missing beyond chance.

    A value counts when its rows would have an arm missing by chance less often than once in a
    million, given the arm's share elsewhere. Nothing is looked for in randomised problems.
    """
    if problem.randomised:
        return []
    share = np.bincount(problem.arm, minlength=problem.arms) / problem.rows
    found: list[Decided] = []
    kinds = Schema.of(problem.frame, True).kinds
    for series, kind in zip(problem.frame.get_columns(), kinds, strict=True):
        for inside, end in _parts(series, kind, problem.arm):
            found += _missing_arms(problem, series.name, inside, end, share)
    return found


def without_an_arm(groups: list[Decided], rows: int) -> Bools:
    """Return which rows are in any of the groups, shape (n,)."""
    inside = np.zeros(rows, dtype=bool)
    for group in groups:
        inside |= group.inside
    return inside


def _parts(series: pl.Series, kind: str, arm: Ints) -> list[tuple[Bools, bool]]:
    absent = series.is_null().to_numpy()
    parts: list[tuple[Bools, bool]] = [(absent, False)] if absent.any() else []
    if series.n_unique() <= FEW_VALUES or kind != NUMBER:
        codes = series.rank("dense").fill_null(0).to_numpy()
        return parts + [(codes == code, False) for code in np.unique(codes) if code > 0]
    values = series.to_numpy().astype(np.float64)
    return parts + [(inside, True) for inside in _ends(values, absent, arm)]


def _ends(values: Floats, absent: Bools, arm: Ints) -> list[Bools]:
    """Return the longest lower and upper ends of a number in which one arm is missing."""
    order = np.flatnonzero(~absent)
    order = order[np.argsort(values[order], kind="stable")]
    answer = []
    for which in np.unique(arm):
        has = np.flatnonzero(arm[order] == which)
        if not len(has):
            continue
        lowest, highest = values[order[has[0]]], values[order[has[-1]]]
        answer += [~absent & (values < lowest), ~absent & (values > highest)]
    return answer


def _missing_arms(
    problem: Problem, name: str, inside: Bools, end: bool, share: Floats
) -> list[Decided]:
    rows = int(inside.sum())
    if not rows:
        return []
    counts = np.bincount(problem.arm[inside], minlength=problem.arms)
    unlikely = (counts == 0) & (rows * np.log1p(-np.minimum(share, 0.999999)) < np.log(UNLIKELY))
    return [
        Decided(name, problem.labels[arm], rows, end, inside) for arm in np.flatnonzero(unlikely)
    ]
