"""Predictions as if something were not known: averaged over what others have in its place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from osler.errors import NotEstimable
from osler.learn.losses import Bools, Floats, Ints

NAMED = 3
DONORS = 20
DRAWS = 3


@dataclass(frozen=True)
class Deleted:
    """Predictions of rows whole, without what moved each most, and without as many others.

    Parameters
    ----------
    whole, without_named : shape (n,)
    without_others : shape (n, draws)
    named
        How many reasons were deleted of each row.
    """

    whole: Floats
    without_named: Floats
    without_others: Floats
    named: int


def delete_reasons(
    predict: Callable[[pl.DataFrame], Floats],
    frame: pl.DataFrame,
    effects: Floats,
    *,
    together: Sequence[Sequence[int]] | None = None,
    named: int = NAMED,
    seed: int = 0,
) -> Deleted:
    """Delete each row's strongest reasons, and as many others drawn at random.

    A cell is deleted by putting other rows' values in its place, and averaging the predictions
    over `DONORS` of them: what would be predicted of someone of whom it is not known.

    Parameters
    ----------
    predict
        From rows like those of `frame` to predictions, shape (n,).
    effects : shape (n, p)
        Attributions of each column.
    together
        Positions of the columns that are one reason; None: each column by itself.
    named
        How many reasons; fewer where there are not twice as many.

    Raises
    ------
    NotEstimable
        If there are fewer than two reasons or rows.
    """
    groups = [[one] for one in range(frame.width)] if together is None else list(together)
    count = min(named, len(groups) // 2)
    if count < 1 or frame.height < 2:
        raise NotEstimable(
            f"{len(groups)} reasons in {frame.height} rows cannot be deleted one against another; "
            "at least two of each are needed"
        )
    rng = np.random.default_rng(seed)
    strength = np.stack([np.abs(effects[:, list(one)].sum(axis=1)) for one in groups], axis=1)
    order = np.argsort(-strength, axis=1, kind="stable")
    rest = order[:, count:]
    belongs = np.zeros((len(groups), frame.width), dtype=bool)
    for number, columns in enumerate(groups):
        belongs[number, list(columns)] = True
    donors = _donors(frame.height, rng)

    def without(reasons: Ints) -> Floats:
        return _without(predict, frame, np.any(belongs[reasons], axis=1), donors)

    others = [rng.permuted(rest, axis=1)[:, :count] for _ in range(DRAWS)]
    return Deleted(
        np.asarray(predict(frame)),
        without(order[:, :count]),
        np.stack([without(one) for one in others], axis=1),
        count,
    )


def _donors(rows: int, rng: np.random.Generator) -> Ints:
    """Return for each row others whose values stand in, shape (n, donors)."""
    count = min(DONORS, rows - 1)
    shifts = np.stack([rng.permutation(rows - 1)[:count] + 1 for _ in range(rows)])
    return np.asarray((np.arange(rows)[:, None] + shifts) % rows)


def _without(
    predict: Callable[[pl.DataFrame], Floats], frame: pl.DataFrame, deleted: Bools, donors: Ints
) -> Floats:
    """Return the mean prediction with the deleted cells (n, p) taken from donors, shape (n,)."""
    rows, count = donors.shape
    own = np.repeat(np.arange(rows), count)
    other = donors.ravel()
    columns = [
        series.gather(np.where(deleted[own, at], other, own))
        for at, series in enumerate(frame.get_columns())
    ]
    predictions = np.asarray(predict(pl.DataFrame(columns))).reshape(rows, count)
    return np.asarray(predictions.mean(axis=1))
