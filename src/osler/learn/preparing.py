"""Rows brought into one order and checked, so that a fit does not depend on how they came."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from osler.errors import Fault, InputError
from osler.learn.losses import Floats, Ints

MOST_FOLDS = 5
ROWS_FOR_FEWER_FOLDS = ((200_000, 2), (50_000, 3))


def same_length(frame: pl.DataFrame, rows: int, what: str) -> None:
    """Check that `X` has one row per row of `what`."""
    if frame.height != rows:
        raise InputError(Fault(what, f"{rows} rows", f"the {frame.height} of X"))


def as_members(groups: Any, rows: int) -> NDArray[Any] | None:
    """Check what tells which rows are of one subject, shape (n,); None where nothing does.

    Raises
    ------
    InputError
        If there is not one value per row.
    """
    if groups is None:
        return None
    member = groups.to_numpy() if hasattr(groups, "to_numpy") else np.asarray(groups)
    if member.shape != (rows,):
        came = f"shape {member.shape}"
        raise InputError(Fault("groups", came, f"one subject for each of the {rows} rows"))
    return np.asarray(member)


def canonical_order(design: Floats, *keys: Any) -> Ints:
    """Return an order of rows that does not depend on the order they came in.

    Parameters
    ----------
    design : shape (n, p)
        Settles ties between the keys.
    keys
        Most important first, each of shape (n,).
    """
    numbers = np.nan_to_num(design, nan=-0.123456789)
    mixed = numbers @ np.random.default_rng(0).normal(size=numbers.shape[1])
    return np.lexsort((mixed, *reversed(keys)))


def fold_count(rows: int, fewest: int, groups: int, asked: int = MOST_FOLDS) -> int:
    """Return how many folds data of this size can and should have."""
    for size, folds in ROWS_FOR_FEWER_FOLDS:
        if rows > size:
            return min(folds, asked)
    return max(2, min(asked, fewest, groups))
