"""Which value that is not known would say most about the class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from scipy.special import xlogy

from osler.learn.losses import Floats, Ints
from osler.learn.table import WORD, Schema

MOST_VALUES = 6
# What fewer people than this have is not kept as a value of its own.
FEWEST_PEOPLE = 10
# Every value is possible in every class: half a person more in each (Jeffreys).
HALF = 0.5
NEGLIGIBLE_BITS = 1e-4


@dataclass(frozen=True)
class Informative:
    """A column worth asking for.

    Attributes
    ----------
    column
        Its name.
    bits
        By how much the uncertainty about the class would shrink on average.
    between
        The two most probable classes here.
    """

    column: str
    bits: float
    between: tuple[Any, Any]


@dataclass(frozen=True)
class Outlook:
    """What a column could turn out to be: values, and how often each class takes them.

    Attributes
    ----------
    values
        Medians of ranges of a number; words; truths.
    shares : shape (k, len(values))
        Of each class; rows add up to one.
    """

    values: tuple[Any, ...]
    shares: Floats


@dataclass(frozen=True)
class Outlooks:
    """The outlook of every column, None where it takes one value only."""

    columns: tuple[Outlook | None, ...]

    @staticmethod
    def fit(frame: pl.DataFrame, codes: Ints, classes: int) -> Outlooks:
        """Learn from a frame out of `as_frame`; groups of fewer than ten are not kept apart."""
        kinds = Schema.of(frame, named=True).kinds
        pairs = zip(frame.get_columns(), kinds, strict=True)
        return Outlooks(tuple(_outlook(series, kind, codes, classes) for series, kind in pairs))

    def rank(
        self,
        frame: pl.DataFrame,
        probabilities: Callable[[pl.DataFrame], Floats],
        classes: Sequence[Any],
        wanted: Sequence[str] | None,
        most: int,
    ) -> list[list[Informative]]:
        """Return the most informative columns of each row, best first."""
        now = probabilities(frame)
        gains = np.full((frame.height, frame.width), -np.inf)
        for at, outlook in enumerate(self.columns):
            asked = _asked(frame, at, wanted)
            if outlook is not None and len(asked):
                rows = frame[asked]
                gains[asked, at] = _gain(outlook, rows, at, now[asked], probabilities)
        return [
            _best(gains[row], now[row], frame.columns, classes, most) for row in range(frame.height)
        ]

    def to_json(self) -> list[dict[str, Any] | None]:
        """Return plain JSON values."""
        return [
            None if one is None else {"values": list(one.values), "shares": one.shares.tolist()}
            for one in self.columns
        ]

    @staticmethod
    def from_json(data: list[dict[str, Any] | None]) -> Outlooks:
        """Rebuild from `to_json`."""
        return Outlooks(
            tuple(
                None if one is None else Outlook(tuple(one["values"]), np.asarray(one["shares"]))
                for one in data
            )
        )


def _outlook(series: pl.Series, kind: str, codes: Ints, classes: int) -> Outlook | None:
    known = np.flatnonzero(series.is_not_null().to_numpy())
    values, place = _grouped(series[known], kind)
    counts = np.bincount(place, minlength=len(values)) if len(values) else np.zeros(0)
    kept = np.flatnonzero(counts >= FEWEST_PEOPLE)
    if len(kept) < 2:
        return None
    table = np.full((classes, len(values)), HALF)
    np.add.at(table, (codes[known], place), 1.0)
    table = table[:, kept]
    shares = table / table.sum(axis=1, keepdims=True)
    return Outlook(tuple(values[number] for number in kept), shares)


def _grouped(series: pl.Series, kind: str) -> tuple[list[Any], Ints]:
    """Return the values a column is thought to take, and which of them each row has."""
    if not len(series):
        return [], np.zeros(0, dtype=np.int64)
    plain = series.to_list()
    if kind == WORD or len(set(plain)) <= MOST_VALUES:
        values = sorted(set(plain))
        place = {value: number for number, value in enumerate(values)}
        return values, np.array([place[one] for one in plain], dtype=np.int64)
    numbers = series.cast(pl.Float64).to_numpy()
    edges = np.unique(np.quantile(numbers, np.arange(1, MOST_VALUES) / MOST_VALUES))
    place_of = np.searchsorted(edges, numbers, side="right")
    present, place_of = np.unique(place_of, return_inverse=True)
    middles = [float(np.median(numbers[place_of == one])) for one in range(len(present))]
    return middles, place_of.astype(np.int64)


def _asked(frame: pl.DataFrame, at: int, wanted: Sequence[str] | None) -> Ints:
    """Return the rows for which a column is considered."""
    if wanted is None:
        return np.flatnonzero(frame.to_series(at).is_null().to_numpy())
    return np.arange(frame.height if frame.columns[at] in wanted else 0)


def _gain(
    outlook: Outlook,
    rows: pl.DataFrame,
    at: int,
    now: Floats,
    probabilities: Callable[[pl.DataFrame], Floats],
) -> Floats:
    """Return the expected fall of the entropy when each row learns this column, in bits.

    The classes are weighed as they are now, so the value expected is a mixture over them; what
    the model would say on average is brought to what it says now, so that a gain is never less
    than nothing.
    """
    series = rows.to_series(at)
    chance = now @ outlook.shares
    after = np.stack(
        [
            probabilities(rows.with_columns(pl.lit(value, dtype=series.dtype).alias(series.name)))
            for value in outlook.values
        ]
    )
    average = np.einsum("nv,vnk->nk", chance, after)
    remaining = np.einsum("nv,vn->n", chance, _entropy(after))
    return np.asarray(_entropy(average) - remaining)


def _entropy(chances: Floats) -> Floats:
    return np.asarray(-xlogy(chances, chances).sum(axis=-1) / np.log(2))


def _best(
    gains: Floats, now: Floats, names: Sequence[str], classes: Sequence[Any], most: int
) -> list[Informative]:
    first, second = np.argsort(-now, kind="stable")[:2]
    order = [at for at in np.argsort(-gains, kind="stable")[:most] if gains[at] > NEGLIGIBLE_BITS]
    between = (classes[first], classes[second])
    return [Informative(names[at], float(gains[at]), between) for at in order]
