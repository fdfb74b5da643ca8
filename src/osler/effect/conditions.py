"""Groups of people described by one condition or two, drawn up without looking at any outcome."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import polars as pl

from osler.learn.losses import Bools, Floats
from osler.learn.table import NUMBER, WORD, Schema

QUARTILES = (0.25, 0.5, 0.75)
MEDIAN = (0.5,)
MOST_LEVELS = 12
MOST_GROUPS = 6000


@dataclass(frozen=True)
class Groups:
    """Candidate groups.

    Parameters
    ----------
    names
        One sentence each, such as ``"age ≤ 50 and sex 'f'"``.
    inside : shape (n, G)
        Whether each row is in each group.
    conditions : shape (G,)
        How many conditions each group has.
    """

    names: tuple[str, ...]
    inside: Bools
    conditions: tuple[int, ...]


@dataclass(frozen=True)
class _One:
    column: int
    name: str
    inside: Bools


def candidate_groups(
    frame: pl.DataFrame, conditions: int, fewest: int, most: int = MOST_GROUPS
) -> Groups:
    """Draw up groups by conditions on different columns.

    Numbers are cut at their quartiles (at the median, if that would make more than `most` groups),
    words are split by level, truths in two; where cells are missing, "unknown" is a condition. Of
    groups with the same rows the one with fewer conditions stays.

    Parameters
    ----------
    frame
        Out of `as_frame`.
    conditions
        1 or 2.
    fewest
        Rows that a group, and the rest, must have.
    """
    for cuts in (QUARTILES, MEDIAN):
        single = [one for one in _conditions(frame, cuts) if _sized(one.inside, fewest)]
        if conditions == 1 or len(single) ** 2 / 2 <= most:
            break
    pairs = _pairs(single, fewest) if conditions > 1 else []
    found = _distinct([*single, *pairs])[: max(most, len(single))]
    return Groups(
        tuple(one.name for one in found),
        np.array([one.inside for one in found], dtype=bool).reshape(len(found), frame.height).T,
        tuple(2 if one.column < 0 else 1 for one in found),
    )


def _conditions(frame: pl.DataFrame, cuts: tuple[float, ...]) -> list[_One]:
    found = []
    for at, (series, kind) in enumerate(
        zip(frame.get_columns(), Schema.of(frame, True).kinds, strict=True)
    ):
        name = series.name
        missing = series.is_null().to_numpy()
        if missing.any():
            found.append(_One(at, f"{name} unknown", missing))
        if kind == NUMBER:
            found += _of_number(at, name, series.fill_null(np.nan).to_numpy(), cuts)
        elif kind == WORD:
            found += _of_word(at, name, series)
        else:
            true = series.fill_null(False).to_numpy()
            found += [_One(at, name, true), _One(at, f"not {name}", ~true & ~missing)]
    return found


def _of_number(column: int, name: str, values: Floats, cuts: tuple[float, ...]) -> list[_One]:
    known = values[~np.isnan(values)]
    if not len(known):
        return []
    found = []
    for cut in np.unique(np.quantile(known, cuts, method="lower")):
        if cut < known.max():
            found.append(_One(column, f"{name} ≤ {cut:.4g}", values <= cut))
            found.append(_One(column, f"{name} > {cut:.4g}", values > cut))
    return found


def _of_word(column: int, name: str, series: pl.Series) -> list[_One]:
    counts = series.drop_nulls().value_counts().sort(["count", name], descending=[True, False])
    levels = counts[name].head(MOST_LEVELS).to_list()
    return [
        _One(column, f"{name} {level!r}", (series == level).fill_null(False).to_numpy())
        for level in levels
    ]


def _pairs(single: list[_One], fewest: int) -> list[_One]:
    found = []
    for one, other in itertools.combinations(single, 2):
        if one.column != other.column:
            inside = one.inside & other.inside
            if _sized(inside, fewest):
                found.append(_One(-1, f"{one.name} and {other.name}", inside))
    return found


def _sized(inside: Bools, fewest: int) -> bool:
    count = int(inside.sum())
    return fewest <= count <= len(inside) - fewest


def _distinct(groups: list[_One]) -> list[_One]:
    seen: dict[bytes, _One] = {}
    for group in groups:
        seen.setdefault(np.packbits(group.inside).tobytes(), group)
    return list(seen.values())
