"""What a prediction does over the values of one column: the shape of its effect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from osler.learn.losses import Floats, Ints

FEWEST_PEOPLE = 10
MOST_BINS = 12
SPREAD = (0.1, 0.9)


@dataclass(frozen=True)
class Bin:
    """People with about the same value.

    Parameters
    ----------
    value
        The mean of their values; None for a level or where the value is missing.
    level
        In words; None for a number.
    n
        How many people; never fewer than `FEWEST_PEOPLE`.
    effect
        Mean of what the column adds to their predictions.
    low, high
        Between them lie the effects of the middle four fifths of these people.
    alone
        Mean of what the column adds when all else is average: where the model is additive in the
        column, its exact effect at this value.
    """

    value: float | None
    level: str | None
    n: int
    effect: float
    low: float
    high: float
    alone: float


@dataclass(frozen=True)
class Shape:
    """How a column's effect goes with its values.

    Parameters
    ----------
    bins
        In order of value, or of size for levels; values of fewer people are in none.
    missing
        Those without a value; None if they are fewer than ten.
    left_out
        People in no bin.
    additive
        Which share of the variance of what the column adds to the score is a matter of its value
        alone: 1 where the model is additive in it, less where it works together with others.
    """

    bins: tuple[Bin, ...]
    missing: Bin | None
    left_out: int
    additive: float

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def shape_of_numbers(values: Floats, effects: Floats, alone: Floats, added: Floats) -> Shape:
    """Return the shape of the effect of a number; one row is one person.

    Parameters
    ----------
    values : shape (n,)
        NaN where missing.
    effects : shape (n,)
        What the column adds to each prediction, on its scale.
    alone : shape (n,)
        What it adds when all else is average.
    added : shape (n,)
        What it adds to the score.
    """
    known = np.flatnonzero(~np.isnan(values))
    parts = _binned(values, known)
    bins = [
        _bin(rows, effects, alone, value=float(values[rows].mean()))
        for rows in parts
        if len(rows) >= FEWEST_PEOPLE
    ]
    absent = np.flatnonzero(np.isnan(values))
    missing = _bin(absent, effects, alone) if len(absent) >= FEWEST_PEOPLE else None
    inside = sum(one.n for one in bins) + (missing.n if missing else 0)
    return Shape(tuple(bins), missing, len(values) - inside, _additive(values[known], added[known]))


def shape_of_levels(
    levels: Sequence[str | None], effects: Floats, alone: Floats, added: Floats
) -> Shape:
    """Return the shape of the effect of a word; one row is one person, None is missing.

    Parameters
    ----------
    effects, alone, added : shape (n,)
        As in `shape_of_numbers`.
    """
    names = sorted({one for one in levels if one is not None})
    place = {name: number for number, name in enumerate(names)}
    codes = np.array([place[one] if one is not None else -1 for one in levels], dtype=np.int64)
    bins = [
        _bin(rows, effects, alone, level=name)
        for number, name in enumerate(names)
        if len(rows := np.flatnonzero(codes == number)) >= FEWEST_PEOPLE
    ]
    bins.sort(key=lambda one: -one.n)
    absent = np.flatnonzero(codes < 0)
    missing = _bin(absent, effects, alone) if len(absent) >= FEWEST_PEOPLE else None
    inside = sum(one.n for one in bins) + (missing.n if missing else 0)
    known = codes >= 0
    additive = _additive(codes[known].astype(np.float64), added[known])
    return Shape(tuple(bins), missing, len(codes) - inside, additive)


def _binned(values: Floats, known: Ints) -> list[Ints]:
    """Return rows by value where the values are few, else in equal parts by rank."""
    distinct = np.unique(values[known])
    if len(distinct) <= MOST_BINS:
        return [known[values[known] == one] for one in distinct]
    edges = np.unique(np.quantile(values[known], np.linspace(0, 1, MOST_BINS + 1)[1:-1]))
    which = np.searchsorted(edges, values[known], side="right")
    return [known[which == number] for number in range(len(edges) + 1)]


def _bin(
    rows: Ints, effects: Floats, alone: Floats, *, value: float | None = None,
    level: str | None = None,
) -> Bin:  # fmt: skip
    low, high = np.quantile(effects[rows], SPREAD)
    return Bin(
        value,
        level,
        len(rows),
        float(effects[rows].mean()),
        float(low),
        float(high),
        float(alone[rows].mean()),
    )


def _additive(values: Floats, added: Floats) -> float:
    """Return the share of a variance that goes with the value, from neighbours in value.

    Neighbours have nearly the same value, so half the mean square of their differences is the
    variance that the value does not explain. Who stands next to whom at equal values is drawn.

    References
    ----------
    Rice 1984, Annals of Statistics 12:1215-1230.
    """
    total = float(np.var(added)) if len(added) > 1 else 0.0
    if total <= 1e-18:
        return 1.0
    shuffled = np.random.default_rng(0).permutation(len(values))
    order = shuffled[np.argsort(values[shuffled], kind="stable")]
    apart = float(np.mean(np.diff(added[order]) ** 2)) / 2
    return float(np.clip(1.0 - apart / total, 0.0, 1.0))
