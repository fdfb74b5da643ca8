"""Rows made into a matrix: windows times aggregations at each prediction time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import scipy.sparse as sp

from osler.errors import Fault, InputError
from osler.features.column import (
    AGE_AGGREGATION,
    AGE_CODE,
    NEEDS_TIME,
    STATIC_WINDOW,
    Column,
    Request,
)
from osler.features.matrix import FeatureMatrix
from osler.features.runs import TIMELESS, Record, Runs, cut_runs
from osler.features.slices import DAY_US, Bools, Floats, Ints, Slices, bisect, ranges
from osler.model import BIRTH

CELLS_AT_ONCE = 2_000_000
YEAR_DAYS = 365.25


def featurise(
    events: pl.DataFrame,
    rows: pl.DataFrame,
    windows: Sequence[str] = ("full",),
    aggregations: Sequence[str] = ("count",),
    include: Sequence[str] = ("*",),
    exclude: Sequence[str] = (),
    *,
    age: bool = False,
    keep_events: bool = True,
) -> FeatureMatrix:
    """Aggregate what is known of each subject at each prediction time.

    Parameters
    ----------
    events
        MEDS columns in any order; `code` may be categorical.
    rows : shape (n, 2 or more)
        `subject_id` and `prediction_time`, in any order, repeated or without events.
    windows
        `30d`, `12h`, `90min`, `2w`, `6mo`, `5y` before the prediction, open at the far end and
        closed at the prediction: (t - w, t]; or `full`, all up to and including it. Events
        without a time are known always; their columns have the window `static`.
    aggregations
        `count` and `any` of events; `sum`, `sum_sqd` (of squares), `min`, `max`, `first`, `last`,
        `mean` and `slope` (least squares, per day) of their numeric values; `time_since_last`
        event, in days.
    include, exclude
        Patterns of codes, `*` and `?` as in file names.
    age
        Add `AGE|static|years`: time since the first `MEDS_BIRTH`, in years of 365.25 days.
    keep_events
        Keep a reference to `events`, so that `sources` can name those behind a cell.

    Returns
    -------
    FeatureMatrix
        One row for each of `rows`, in their order; one column for each code, window and
        aggregation that has a cell.

    Raises
    ------
    InputError
        If windows, aggregations or columns are not as described.
    """
    request = Request.of(windows, aggregations, include, exclude, age)
    asked = _asked(rows)
    record = Record.of(events)
    blocks = [_timed(record, asked, request), _static(record, asked, request)]
    if request.age:
        blocks.append(_age(record, asked))
    return FeatureMatrix.arranged(blocks, asked.rows, events if keep_events else None)


def featurise_shards(
    shards: Iterable[tuple[pl.DataFrame, pl.DataFrame]],
    windows: Sequence[str] = ("full",),
    aggregations: Sequence[str] = ("count",),
    include: Sequence[str] = ("*",),
    exclude: Sequence[str] = (),
    *,
    age: bool = False,
    keep_events: bool = False,
) -> FeatureMatrix:
    """Aggregate shard after shard, pairs of events and rows; the rows of all in that order.

    Memory is that of one shard and of the matrix, unless `keep_events`.
    """
    parts = [
        featurise(
            events, rows, windows, aggregations, include, exclude, age=age, keep_events=keep_events
        )
        for events, rows in shards
    ]
    return FeatureMatrix.concat(parts)


@dataclass(frozen=True)
class Asked:
    """The rows to answer, and an order in which their subjects ascend."""

    rows: pl.DataFrame
    subject: Ints
    until_us: Ints
    order: Ints

    def __len__(self) -> int:
        return self.subject.size


def _asked(rows: pl.DataFrame) -> Asked:
    kinds = {"subject_id": pl.Int64(), "prediction_time": pl.Datetime("us")}
    absent = [
        Fault(f"rows column {name}", "absent", str(k))
        for name, k in kinds.items()
        if name not in rows.columns
    ]
    if absent:
        raise InputError(absent)
    try:
        rows = rows.select(pl.col(name).cast(kind) for name, kind in kinds.items())
    except pl.exceptions.PolarsError as error:
        raise InputError(Fault("rows", "columns of other types", str(kinds))) from error
    nulls = [
        Fault(f"rows column {name}", "rows without a value", "none")
        for name in kinds
        if rows[name].null_count()
    ]
    if nulls:
        raise InputError(nulls)
    subject = rows["subject_id"].to_numpy()
    until = rows["prediction_time"].to_physical().to_numpy()
    return Asked(rows, subject, until, np.lexsort((until, subject)))


@dataclass(frozen=True)
class Block:
    """Cells of some columns for all rows, in the order of `Asked.rows`."""

    values: sp.csr_array
    columns: list[Column]


def _timed(record: Record, asked: Asked, request: Request) -> Block:
    """Aggregate events with a time, in each window."""
    subject, until = asked.subject[asked.order], asked.until_us[asked.order]
    _, timed, end = record.span(subject)
    end = bisect(record.times_us, timed, end, until)
    longest = request.lengths_us[-1] if request.lengths_us else 0
    if longest is not None:
        timed = bisect(record.times_us, timed, end, until - longest)
    first, last, stretch = _union(timed, end)
    runs = cut_runs(
        record, first, last, include=request.include, exclude=request.exclude, timeless=False
    )
    seen = Seen(runs, stretch, until, np.where(end > timed, end - timed, 0) > 0)
    return _cells(seen, request.windows, request.lengths_us, request.aggregations, asked)


def _static(record: Record, asked: Asked, request: Request) -> Block:
    """Aggregate events without a time, which are known always."""
    subject, until = asked.subject[asked.order], asked.until_us[asked.order]
    start, timed, _ = record.span(subject)
    first, last, stretch = _union(start, timed)
    runs = cut_runs(
        record, first, last, include=request.include, exclude=request.exclude, timeless=True
    )
    names = tuple(one for one in request.aggregations if one not in NEEDS_TIME)
    seen = Seen(runs, stretch, until, timed > start)
    return _cells(seen, (STATIC_WINDOW,), (None,), names, asked)


def _union(first: Ints, end: Ints) -> tuple[Ints, Ints, Ints]:
    """Join overlapping stretches; also say which joined one holds each.

    Stretches ascend in `end`; those of different subjects do not overlap. Empty ones point
    anywhere.
    """
    filled = np.flatnonzero(end > first)
    low, high = first[filled], end[filled]
    # Rows ascend in subject and time, so a later start is never inside an earlier, longer stretch
    # of another subject: a new one begins where the start passes every end so far.
    reach = np.maximum.accumulate(high) if filled.size else high
    begins = np.ones(filled.size, dtype=np.bool_)
    begins[1:] = low[1:] >= reach[:-1]
    number = np.cumsum(begins) - 1
    stretch = np.zeros(first.size, dtype=np.int64)
    stretch[filled] = number
    where = np.flatnonzero(begins)
    lasts = np.append(where[1:], filled.size)[: where.size] - 1
    lows = np.minimum.reduceat(low, where) if where.size else low
    return lows, reach[lasts] if where.size else reach, stretch


@dataclass(frozen=True)
class Seen:
    """What each row, in ascending order of subjects, can see."""

    runs: Runs
    stretch: Ints
    until_us: Ints
    something: Bools

    def candidates(self) -> Ints:
        """Return how many runs each row can see."""
        if not self.runs.code.size:
            return np.zeros(self.stretch.size, dtype=np.int64)
        bounds = self.runs.of_stretch
        counts = bounds[self.stretch + 1] - bounds[self.stretch]
        return np.where(self.something, counts, 0)


def _cells(
    seen: Seen,
    windows: Sequence[str],
    lengths_us: Sequence[int | None],
    aggregations: Sequence[str],
    asked: Asked,
) -> Block:
    """Compute all cells, a block of rows at a time."""
    width = len(windows) * len(aggregations)
    candidates = seen.candidates()
    budget = max(1, CELLS_AT_ONCE // max(width, 1))
    data: list[Floats] = []
    places: list[Ints] = []
    per_row: list[Ints] = []
    for low, high in _blocks(candidates, budget):
        numbers, column, counts = _block(seen, candidates, low, high, lengths_us, aggregations)
        data.append(numbers)
        places.append(column)
        per_row.append(counts)
    used, columns = _columns(places, seen.runs.names, windows, aggregations)
    indices = _joined([used[one] for one in places], np.dtype(np.int32))
    indptr = np.concatenate(([0], np.cumsum(_joined(per_row, np.dtype(np.int64)))))
    shape = (len(asked), len(columns))
    values = sp.csr_array((_joined(data, np.dtype(np.float64)), indices, indptr), shape=shape)
    if (asked.order[1:] < asked.order[:-1]).any():
        values = values[np.argsort(asked.order)]
    return Block(values, columns)


def _joined(parts: list[np.ndarray], kind: np.dtype) -> np.ndarray:
    return np.concatenate(parts) if parts else np.zeros(0, dtype=kind)


def _blocks(candidates: Ints, budget: int) -> Iterable[tuple[int, int]]:
    """Cut the rows where about `budget` candidates are full."""
    ends = np.cumsum(candidates)
    low = 0
    while low < candidates.size:
        done = int(ends[low - 1]) if low else 0
        high = max(low + 1, int(np.searchsorted(ends, done + budget, side="right")))
        yield low, high
        low = high


def _block(
    seen: Seen,
    candidates: Ints,
    low: int,
    high: int,
    lengths_us: Sequence[int | None],
    aggregations: Sequence[str],
) -> tuple[Floats, Ints, Ints]:
    """Return cells, their raw columns and how many each row has, for rows low to high."""
    counts = candidates[low:high]
    runs = seen.runs
    row = np.repeat(np.arange(high - low), counts)
    run = ranges(np.where(counts > 0, runs.of_stretch[seen.stretch[low:high]], 0), counts)
    until = seen.until_us[low:high][row]
    width = len(lengths_us) * len(aggregations)
    cells = np.zeros((run.size, width))
    present = np.zeros((run.size, width), dtype=np.bool_)
    for number, length in enumerate(lengths_us):
        first, end = _inside(runs, run, until, length)
        some = np.flatnonzero(end > first)
        slices = Slices(runs.measured, runs.times_us, first[some], end[some], until[some])
        for offset, name in enumerate(aggregations, start=number * len(aggregations)):
            cells[some, offset], present[some, offset] = slices.aggregate(name)
    column = runs.code[run][:, None] * width + np.arange(width)
    per_row = np.bincount(row, weights=present.sum(axis=1), minlength=high - low)
    return cells[present], column[present], per_row.astype(np.int64)


def _inside(runs: Runs, run: Ints, until: Ints, length_us: int | None) -> tuple[Ints, Ints]:
    """Return the slice of each run that lies in (until - length, until]."""
    first, end = runs.start[run], runs.end[run]
    late = np.flatnonzero(runs.times_us[end - 1] > until)
    end[late] = bisect(runs.times_us, first[late], end[late], until[late])
    if length_us is not None:
        since = until - length_us
        early = np.flatnonzero(runs.times_us[first] <= since)
        first[early] = bisect(runs.times_us, first[early], end[early], since[early])
    return first, end


def _columns(
    places: list[Ints], names: list[str], windows: Sequence[str], aggregations: Sequence[str]
) -> tuple[Ints, list[Column]]:
    """Return a map from raw columns to those with a cell, and these."""
    width = len(windows) * len(aggregations)
    has_cell = np.zeros(len(names) * width, dtype=np.bool_)
    for one in places:
        has_cell[one] = True
    columns = [
        Column(
            names[raw // width],
            windows[raw % width // len(aggregations)],
            aggregations[raw % len(aggregations)],
        )
        for raw in np.flatnonzero(has_cell).tolist()
    ]
    return (np.cumsum(has_cell) - 1).astype(np.int32), columns


def _age(record: Record, asked: Asked) -> Block:
    """Return the age at prediction; missing without a birth, or before it."""
    places = np.flatnonzero((record.codes == BIRTH).to_numpy() & (record.times_us != TIMELESS))
    subjects, first = np.unique(record.subject[places], return_index=True)
    born = record.times_us[places[first]]
    at = np.searchsorted(subjects, asked.subject)
    at = np.minimum(at, max(subjects.size - 1, 0))
    known = np.zeros(len(asked), dtype=np.bool_)
    years = np.zeros(len(asked))
    if subjects.size:
        known = (subjects[at] == asked.subject) & (born[at] <= asked.until_us)
        years = (asked.until_us - born[at]) / DAY_US / YEAR_DAYS
    rows = np.flatnonzero(known)
    indptr = np.concatenate(([0], np.cumsum(known)))
    values = sp.csr_array(
        (years[rows], np.zeros(rows.size, dtype=np.int32), indptr), shape=(len(asked), 1)
    )
    return Block(values, [Column(AGE_CODE, STATIC_WINDOW, AGE_AGGREGATION)])
