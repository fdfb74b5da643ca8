"""The features of many rows: sparse, with columns that know what they mean."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.sparse as sp

from osler.errors import Fault, InputError
from osler.features.answers import clean, is_answer
from osler.features.cells import stack
from osler.features.column import (
    AGE_AGGREGATION,
    ANSWER_MARK,
    ORDERED,
    RARE,
    STATIC_WINDOW,
    Column,
    window_us,
)
from osler.features.hierarchy import Hierarchy
from osler.model import BIRTH, sort_events

FEW_ROWS = 64
RARE_RULES = ("drop", "pool")
# How cells of several codes become one; the larger one where nothing is said.
MERGED = {"count": np.add, "time_since_last": np.minimum}


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
    hierarchy
        What stands above the codes, where events count for ancestors too.
    """

    values: sp.csr_array
    columns: tuple[Column, ...]
    rows: pl.DataFrame
    events: tuple[pl.DataFrame, ...] = ()
    origin: npt.NDArray[np.int64] | None = None
    hierarchy: Hierarchy | None = None

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
        hierarchy = next((one.hierarchy for one in parts if one.hierarchy is not None), None)
        return cls(values, tuple(columns), rows, events, origin, hierarchy)

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

        A model learnt on other rows asks for its columns this way. `VOCABULARY//~rare` and
        `CODE//=~rare` are put together of all codes and answers here that have no column among
        those asked for, so a code that was rare where the model learnt, or unknown, is in them.

        Raises
        ------
        InputError
            If a name is given twice, or is not `CODE|window|aggregation`.
        """
        place = {str(one): number for number, one in enumerate(self.columns)}
        chosen = [as_column(one) for one in columns]
        if len(set(chosen)) < len(chosen):
            raise InputError(Fault("columns", "the same name twice", "each once"))
        pools = [one for one in chosen if one.rare and str(one) not in place]
        place |= {str(one): len(self.columns) + number for number, one in enumerate(pools)}
        wide = _beside(self.values, self._pooled(pools, {one.code for one in chosen}))
        values = wide[:, [place.get(str(one), -1) for one in chosen]]
        values = sp.csr_array(values) if chosen else sp.csr_array((len(self), 0))
        values.sort_indices()
        return replace(self, values=values, columns=tuple(chosen))

    def _pooled(self, pools: Sequence[Column], known: set[str]) -> list[sp.csc_array]:
        """Return one column for each pool: what the columns of codes not known say together."""
        if not pools:
            return []
        members: dict[Column, list[int]] = {one: [] for one in pools}
        above = self._above()
        for number, column in enumerate(self.columns):
            pool = column.pool
            if pool in members and not column.rare and column.code not in known | above:
                members[pool].append(number)
        by_column = self.values.tocsc()
        return [merged(by_column[:, members[one]], one.aggregation) for one in pools]

    def _above(self) -> set[str]:
        """Return the codes that stand above others: their events are already counted below."""
        if self.hierarchy is None:
            return set()
        return {parent for parents in self.hierarchy.parents.values() for parent in parents}

    def take(self, rows: Sequence[int] | npt.NDArray[np.integer]) -> FeatureMatrix:
        """Return these rows, in this order."""
        places = np.asarray(rows, dtype=np.int64)
        return replace(
            self, values=self.values[places], rows=self.rows[places], origin=self._origin[places]
        )

    def frequent_columns(
        self,
        rows: Sequence[int] | npt.NDArray[np.integer] | None = None,
        *,
        min_subjects: int = 1,
        rare: str = "drop",
    ) -> tuple[Column, ...]:
        """Return the columns with a cell for at least so many subjects among these rows.

        An answer that says no more than its code, since every event of the code has it, is left
        out.

        Parameters
        ----------
        rows
            Positions of the training rows; None takes all. Choosing columns on rows that a model
            is later tested on would let it see them.
        rare
            `drop` leaves out what fewer subjects have. `pool` puts rare codes of a vocabulary into
            `VOCABULARY//~rare` and rare answers to a code into `CODE//=~rare`, where that column
            then has enough subjects.

        Raises
        ------
        InputError
            If `rare` is something else.
        """
        if rare not in RARE_RULES:
            raise InputError(Fault("rare", repr(rare), f"one of {', '.join(RARE_RULES)}"))
        part = self if rows is None else self.take(rows)
        often = part._often(min_subjects)
        echoes = part._echoes()
        kept = [
            one
            for one, enough in zip(part.columns, often, strict=True)
            if enough and str(one) not in echoes
        ]
        if rare == "drop":
            return tuple(kept)
        codes = {one.code for one in kept}
        pools = dict.fromkeys(
            one.pool
            for one in part.columns
            if one.pool is not None and one.code not in codes and str(one) not in echoes
        )
        pooled = part.select([*kept, *pools])
        enough = pooled._often(min_subjects)
        chosen = [one for one, often in zip(pooled.columns, enough, strict=True) if often]
        return tuple(sorted(chosen, key=lambda one: one.order))

    def _often(self, subjects: int) -> npt.NDArray[np.bool_]:
        """Return which columns have a cell for at least so many subjects."""
        cells = self.values.tocoo()
        subject = self.rows["subject_id"].to_numpy()[cells.row]
        met = np.unique(np.column_stack([cells.col, subject]), axis=0)[:, 0]
        counted = np.bincount(met, minlength=len(self.columns))
        return np.asarray(counted >= subjects, dtype=np.bool_)

    def _echoes(self) -> set[str]:
        """Return the names of answers that hold wherever their code does."""
        cells = np.diff(self.values.tocsc().indptr)
        total = np.asarray(self.values.sum(axis=0)).ravel()
        place = {str(one): number for number, one in enumerate(self.columns)}
        found = set()
        for number, column in enumerate(self.columns):
            if column.answer is None:
                continue
            asked = column.code.partition(ANSWER_MARK)[0]
            same = [column.aggregation] if column.aggregation not in ORDERED else ["count", "any"]
            own = [place.get(f"{asked}|{column.window}|{one}", -1) for one in same]
            for one in own:
                alike = one >= 0 and cells[one] == cells[number]
                if alike and (column.aggregation in ORDERED or total[one] == total[number]):
                    found.add(str(column))
        return found

    def unknown_answers(self, columns: Sequence[str]) -> dict[str, int]:
        """Return in how many rows a code has an answer that a model with these columns lacks.

        Only codes of which the model knows some answer are looked at.
        """
        known = {as_column(one).code for one in columns}
        asked = {one.partition(ANSWER_MARK)[0] for one in known if ANSWER_MARK in one}
        met: dict[str, set[int]] = {}
        by_column = self.values.tocsc()
        for number, column in enumerate(self.columns):
            code = column.code.partition(ANSWER_MARK)[0]
            if column.answer is not None and column.code not in known and code in asked:
                rows = by_column.indices[by_column.indptr[number] : by_column.indptr[number + 1]]
                met.setdefault(code, set()).update(rows.tolist())
        return {code: len(rows) for code, rows in sorted(met.items())}

    def to_frame(self) -> pl.DataFrame:
        """Return a dense frame: null where a cell is missing, zero where nothing happened."""
        if len(self) <= FEW_ROWS:
            return self._few_to_frame()
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

    def _few_to_frame(self) -> pl.DataFrame:
        """Return the dense frame of few rows, cell by cell: queries would take longer."""
        absent = [0.0 if one.zero_when_absent else None for one in self.columns]
        rows = [list[float | None](absent) for _ in range(len(self))]
        cells = self.values.tocoo()
        for row, column, value in zip(
            cells.row.tolist(), cells.col.tolist(), cells.data.tolist(), strict=True
        ):
            rows[row][column] = value
        schema = dict.fromkeys(map(str, self.columns), pl.Float64)
        return pl.DataFrame(rows, schema=schema, orient="row")

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
        own = events.filter(pl.col("subject_id") == subject)
        own = own.filter(self._behind(own, chosen))
        time = pl.col("time")
        if chosen.window == STATIC_WINDOW and chosen.aggregation != AGE_AGGREGATION:
            return own.filter(time.is_null())
        own = own.filter(time <= until)
        length = window_us(chosen.window)
        if length is not None:
            own = own.filter(time > until - pl.duration(microseconds=length))
        return sort_events(own)

    def _behind(self, events: pl.DataFrame, column: Column) -> pl.Expr:
        """Return whether an event is of a column's kind, whatever its time."""
        if column.aggregation == AGE_AGGREGATION:
            return pl.col("code") == BIRTH
        known = {one.code for one in self.columns}
        asked, mark, _ = column.code.partition(ANSWER_MARK)
        if mark:
            said = _answer() if "text_value" in events.columns else pl.lit(None, dtype=pl.String)
            told = pl.col("code").cast(pl.String) + ANSWER_MARK + said
            if not column.rare:
                return (pl.col("code") == asked) & (told == column.code)
            return (pl.col("code") == asked) & said.is_not_null() & ~told.is_in(list(known))
        codes = events["code"].cast(pl.String).unique().to_list()
        if column.rare:
            vocabulary, known = column.code.removesuffix(RARE), known | self._above()
            some = [one for one in codes if one.startswith(vocabulary) and one not in known]
        elif self.hierarchy is not None:
            some = self.hierarchy.within(column.code, codes)
        else:
            some = [column.code]
        return pl.col("code").cast(pl.String).is_in(some)

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


def _answer() -> pl.Expr:
    """Return the text value as the name of a column has it."""
    text = clean(pl.col("text_value").cast(pl.String))
    written = text.cast(pl.Float64, strict=False).is_not_null()
    value = pl.col("numeric_value")
    number = written & value.is_not_null() & ~value.is_nan().fill_null(False)
    return pl.when(is_answer(text) & ~number).then(text)


def _beside(values: sp.csr_array, more: Sequence[sp.csc_array]) -> sp.csr_array:
    """Return the matrix with further columns, and an empty one at its end."""
    if more:
        values = sp.csr_array(sp.hstack([values, *more], format="csr"))
    shape = (values.shape[0], values.shape[1] + 1)
    return sp.csr_array((values.data, values.indices, values.indptr), shape=shape)


def merged(part: sp.csc_array, aggregation: str) -> sp.csc_array:
    """Put columns of one aggregation, of codes that do not overlap, together into one."""
    cells = part.tocoo()
    order = np.argsort(cells.row, kind="stable")
    row, value = cells.row[order], cells.data[order]
    starts = np.flatnonzero(np.diff(row, prepend=-1))
    rule = MERGED.get(aggregation, np.maximum)
    value = rule.reduceat(value, starts) if starts.size else value
    places = (row[starts], np.zeros(starts.size, dtype=np.int64))
    return sp.csc_array((value, places), shape=(part.shape[0], 1))


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
