"""The features of many rows: sparse, with columns that know what they mean."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.sparse as sp

from osler.errors import Fault, InputError
from osler.features.cells import stack
from osler.features.column import AGE_AGGREGATION, STATIC_WINDOW, Column, window_us
from osler.model import BIRTH, sort_events


@dataclass(frozen=True)
class FeatureMatrix:
    """One row for each prediction, one column for each code, window and aggregation.

    Parameters
    ----------
    values : shape (n, p)
        Stored cells are measured, zeros included. A cell that is not stored is zero for `count`
        and `any` and missing for all else; `to_frame` tells the two apart.
    columns : shape (p,)
        Names that know their parts; each is text.
    rows : shape (n, 2)
        `subject_id` and `prediction_time`.
    events
        The frames the cells came from; empty when they were not kept.
    origin : shape (n,)
        Which of `events` each row came from.
    """

    values: sp.csr_array
    columns: tuple[Column, ...]
    rows: pl.DataFrame
    events: tuple[pl.DataFrame, ...] = ()
    origin: npt.NDArray[np.int64] | None = None

    @classmethod
    def concat(cls, parts: Iterable[FeatureMatrix]) -> FeatureMatrix:
        """Put rows of several matrices below each other; columns are the union of theirs.

        Raises
        ------
        InputError
            If there is none.
        """
        parts = list(parts)
        if not parts:
            raise InputError(Fault("matrices", "none", "at least one"))
        columns = sorted(set().union(*(part.columns for part in parts)), key=lambda one: one.order)
        place = {one: number for number, one in enumerate(columns)}
        indices = [
            np.fromiter(map(place.__getitem__, part.columns), np.int32)[part.values.indices]
            for part in parts
        ]
        rows = pl.concat([part.rows for part in parts])
        values = stack([part.values for part in parts], indices, len(columns))
        if all(part.events for part in parts if part.rows.height):
            events = tuple(one for part in parts for one in part.events)
        else:
            events = ()
        shifts = np.cumsum([0, *(len(part.events) for part in parts)])
        origin = np.concatenate(
            [part._origin + shift for part, shift in zip(parts, shifts[:-1], strict=True)]
        )
        return cls(values, tuple(columns), rows, events, origin)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.rows.height, len(self.columns)

    def __len__(self) -> int:
        return self.rows.height

    @property
    def _origin(self) -> npt.NDArray[np.int64]:
        return np.zeros(len(self), dtype=np.int64) if self.origin is None else self.origin

    def select(self, columns: Sequence[str]) -> FeatureMatrix:
        """Return these columns, in this order; one that no row has is empty.

        A model learnt on other rows asks for its columns this way.

        Raises
        ------
        InputError
            If a name is given twice, or is not `CODE|window|aggregation`.
        """
        place = {str(one): number for number, one in enumerate(self.columns)}
        chosen = [as_column(one) for one in columns]
        if len(set(chosen)) < len(chosen):
            raise InputError(Fault("columns", "the same name twice", "each once"))
        wide = sp.csr_array(
            (self.values.data, self.values.indices, self.values.indptr),
            shape=(len(self), len(self.columns) + 1),
        )
        values = wide[:, [place.get(str(one), len(self.columns)) for one in chosen]]
        values = sp.csr_array(values) if chosen else sp.csr_array((len(self), 0))
        values.sort_indices()
        return replace(self, values=values, columns=tuple(chosen))

    def take(self, rows: Sequence[int] | npt.NDArray[np.integer]) -> FeatureMatrix:
        """Return these rows, in this order."""
        places = np.asarray(rows, dtype=np.int64)
        return replace(
            self, values=self.values[places], rows=self.rows[places], origin=self._origin[places]
        )

    def frequent_columns(
        self, rows: Sequence[int] | npt.NDArray[np.integer] | None = None, *, min_subjects: int = 1
    ) -> tuple[Column, ...]:
        """Return the columns with a cell for at least so many subjects among these rows.

        Parameters
        ----------
        rows
            Positions of the training rows; None takes all. Choosing columns on rows that a model
            is later tested on would let it see them.
        """
        part = self if rows is None else self.take(rows)
        cells = part.values.tocoo()
        subject = part.rows["subject_id"].to_numpy()[cells.row]
        met = np.unique(np.column_stack([cells.col, subject]), axis=0)[:, 0]
        often = np.bincount(met, minlength=len(self.columns)) >= min_subjects
        return tuple(one for one, enough in zip(self.columns, often, strict=True) if enough)

    def to_frame(self) -> pl.DataFrame:
        """Return a dense frame: null where a cell is missing, zero where nothing happened."""
        by_column = self.values.tocsc()
        series = []
        for number, column in enumerate(self.columns):
            low, high = by_column.indptr[number], by_column.indptr[number + 1]
            cells = np.full(len(self), 0.0 if column.zero_when_absent else np.nan)
            stored = by_column.indices[low:high]
            cells[stored] = by_column.data[low:high]
            known = np.zeros(len(self), dtype=np.bool_)
            known[stored] = True
            one = pl.Series(str(column), cells)
            if not column.zero_when_absent:
                one = pl.select(pl.when(pl.Series(known)).then(one).alias(str(column))).to_series()
            series.append(one)
        return pl.DataFrame(series)

    def sources(
        self, row: int, column: str | int, events: pl.DataFrame | None = None
    ) -> pl.DataFrame:
        """Return the events behind a cell: those of its code in its window, in order of time.

        Parameters
        ----------
        row
            Position of the row.
        column
            Name or position of the column.
        events
            Where to look, when the matrix was made without keeping its events.

        Raises
        ------
        InputError
            If there is no such row or column, or the events were not kept.
        """
        chosen = self._column(column)
        if not -len(self) <= row < len(self):
            raise InputError(Fault("row", str(row), f"0 to {len(self) - 1}"))
        if events is None:
            if not self.events:
                raise InputError(
                    Fault("sources", "a matrix without its events", "the events", "pass events=")
                )
            events = self.events[self._origin[row]]
        subject, until = self.rows.row(row)
        code = BIRTH if chosen.aggregation == AGE_AGGREGATION else chosen.code
        own = events.filter((pl.col("subject_id") == subject) & (pl.col("code") == code))
        time = pl.col("time")
        if chosen.window == STATIC_WINDOW and code == chosen.code:
            return own.filter(time.is_null())
        own = own.filter(time <= until)
        length = window_us(chosen.window)
        if length is not None:
            own = own.filter(time > until - pl.duration(microseconds=length))
        return sort_events(own)

    def without_events(self) -> FeatureMatrix:
        """Return the matrix without its reference to the events."""
        return replace(self, events=())

    def _column(self, column: str | int) -> Column:
        if isinstance(column, str):
            found = [one for one in self.columns if one == column]
            if not found:
                raise InputError(Fault("column", repr(str(column)), "a column of the matrix"))
            return found[0]
        if not -len(self.columns) <= column < len(self.columns):
            raise InputError(Fault("column", str(column), f"0 to {len(self.columns) - 1}"))
        return self.columns[column]


def as_column(name: str) -> Column:
    """Return a name with its parts; codes may hold `|`.

    Raises
    ------
    InputError
        If the name is not `CODE|window|aggregation`.
    """
    if isinstance(name, Column):
        return name
    parts = name.rsplit("|", 2)
    if len(parts) != 3 or not all(parts):
        raise InputError(Fault("columns", repr(name), "CODE|window|aggregation"))
    return Column(*parts)
