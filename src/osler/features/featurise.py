"""Rows made into a matrix: windows times aggregations at each prediction time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import polars as pl

from osler.errors import Fault, InputError
from osler.features.cells import Grid, Layer, Piece, Seen, assemble, cells
from osler.features.column import (
    AGE_AGGREGATION,
    AGE_CODE,
    NEEDS_TIME,
    STATIC_WINDOW,
    Request,
)
from osler.features.hierarchy import Hierarchy
from osler.features.matrix import FeatureMatrix
from osler.features.runs import TIMELESS, Record, cut_runs
from osler.features.slices import DAY_US, Floats, Ints, bisect
from osler.model import BIRTH

Fetched = tuple[pl.DataFrame, pl.DataFrame]

YEAR_DAYS = 365.25
AGE_GRID = Grid((STATIC_WINDOW,), (None,), (AGE_AGGREGATION,))


def featurise(
    events: pl.DataFrame,
    rows: pl.DataFrame,
    windows: Sequence[str] = ("full",),
    aggregations: Sequence[str] = ("count",),
    include: Sequence[str] = ("*",),
    exclude: Sequence[str] = (),
    *,
    age: bool = False,
    text: bool = True,
    roll_up: Hierarchy | pl.DataFrame | None = None,
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
        `mean` and `slope` (least squares, per day) of their numeric values, and `count_values`
        of them; `time_since_last` event, in days.
    include, exclude
        Patterns of codes, `*` and `?` as in file names; exclusion wins, and holds for answers and
        ancestors too.
    age
        Add `AGE|static|years`: time since the first `MEDS_BIRTH`, in years of 365.25 days.
    text
        Read short text values as answers, with columns `CODE//=text|window|aggregation`: `count`,
        `any` and `time_since_last` of the events with that text, `first` and `last` 1 where the
        first or last answer to the code in the window is that one, else 0.
    roll_up
        Codes with their parents, as MEDS code metadata give them: each event counts for every
        ancestor of its code too, in `count`, `any` and `time_since_last` of the ancestor's column.
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
    request = Request.of(
        windows, aggregations, include, exclude, age=age, text=text, roll_up=roll_up
    )
    return _together([_shard(events, rows, request, keep_events)], request)


def featurise_shards(
    shards: Iterable[Fetched],
    windows: Sequence[str] = ("full",),
    aggregations: Sequence[str] = ("count",),
    include: Sequence[str] = ("*",),
    exclude: Sequence[str] = (),
    *,
    age: bool = False,
    text: bool = True,
    roll_up: Hierarchy | pl.DataFrame | None = None,
    keep_events: bool = False,
) -> FeatureMatrix:
    """Aggregate shard after shard, pairs of events and rows; the rows of all in that order.

    The next shard is fetched while one is aggregated, so memory is that of two shards and of the
    matrix, unless `keep_events`.

    Parameters
    ----------
    shards
        Events and rows of one shard each, as in `featurise`.
    windows, aggregations, include, exclude, age, text, roll_up, keep_events
        As in `featurise`.

    Raises
    ------
    InputError
        As in `featurise`, or if there is no shard.
    """
    request = Request.of(
        windows, aggregations, include, exclude, age=age, text=text, roll_up=roll_up
    )
    done = [_shard(events, rows, request, keep_events) for events, rows in _one_ahead(shards)]
    if not done:
        raise InputError(Fault("shards", "none", "at least one"))
    return _together(done, request)


def _one_ahead(shards: Iterable[Fetched]) -> Iterator[Fetched]:
    """Yield the shards, each fetched in another thread while the one before it is in use."""
    waiting = iter(shards)
    with ThreadPoolExecutor(1) as fetcher:
        coming = fetcher.submit(next, waiting, None)
        while (shard := coming.result()) is not None:
            coming = fetcher.submit(next, waiting, None)
            yield shard


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
class Shard:
    """The cells of one shard: of events in time, of static ones, and ages (NaN is unknown)."""

    rows: pl.DataFrame
    timed: Piece
    static: Piece
    age_years: Floats
    events: tuple[pl.DataFrame, ...]


def _shard(events: pl.DataFrame, rows: pl.DataFrame, request: Request, keep: bool) -> Shard:
    asked = _asked(rows)
    record = Record.of(events, text=request.text)
    return Shard(
        asked.rows,
        _timed(record, asked, request),
        _static(record, asked, request),
        _age_years(record, asked) if request.age else np.zeros(0),
        (events,) if keep else (),
    )


def _together(shards: Sequence[Shard], request: Request) -> FeatureMatrix:
    """Put the cells of shards below and beside each other."""
    layers = [
        Layer([shard.timed for shard in shards], _timed_grid(request)),
        Layer([shard.static for shard in shards], _static_grid(request)),
    ]
    if request.age:
        layers.append(Layer([_age(shard.age_years) for shard in shards], AGE_GRID))
    lengths = [shard.rows.height for shard in shards]
    values, columns = assemble(lengths, layers)
    return FeatureMatrix(
        values,
        tuple(columns),
        pl.concat([shard.rows for shard in shards]),
        tuple(one for shard in shards for one in shard.events),
        np.repeat(np.arange(len(shards)), lengths),
        request.hierarchy,
    )


def _timed_grid(request: Request) -> Grid:
    return Grid(request.windows, request.lengths_us, request.aggregations)


def _static_grid(request: Request) -> Grid:
    names = tuple(one for one in request.aggregations if one not in NEEDS_TIME)
    return Grid((STATIC_WINDOW,), (None,), names)


def _timed(record: Record, asked: Asked, request: Request) -> Piece:
    """Aggregate events with a time, in each window."""
    grid = _timed_grid(request)
    subject, until = asked.subject[asked.order], asked.until_us[asked.order]
    _, first, end = record.span(subject)
    end = bisect(record.times_us, first, end, until)
    longest = grid.lengths_us[-1] if grid.windows else 0
    if longest is not None:
        first = bisect(record.times_us, first, end, until - longest)
    return _pieces(record, asked, request, grid, first, end)


def _static(record: Record, asked: Asked, request: Request) -> Piece:
    """Aggregate events without a time, which are known always."""
    start, timed, _ = record.span(asked.subject[asked.order])
    return _pieces(record, asked, request, _static_grid(request), start, timed)


def _pieces(
    record: Record, asked: Asked, request: Request, grid: Grid, first: Ints, end: Ints
) -> Piece:
    """Aggregate the events from first to end of each row, rows in the order of subjects."""
    lows, highs, stretch = _union(first, end)
    runs = cut_runs(record, lows, highs, request, timeless=grid.windows == (STATIC_WINDOW,))
    seen = Seen(runs, stretch, asked.until_us[asked.order], end > first)
    return cells(seen, grid, asked.order)


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


def _age_years(record: Record, asked: Asked) -> Floats:
    """Return the age at prediction; NaN without a birth, or before it."""
    places = np.flatnonzero((record.codes == BIRTH).to_numpy() & (record.times_us != TIMELESS))
    subjects, first = np.unique(record.subject[places], return_index=True)
    years = np.full(len(asked), np.nan)
    if subjects.size:
        born = record.times_us[places[first]]
        at = np.minimum(np.searchsorted(subjects, asked.subject), subjects.size - 1)
        known = (subjects[at] == asked.subject) & (born[at] <= asked.until_us)
        years[known] = ((asked.until_us - born[at]) / DAY_US / YEAR_DAYS)[known]
    return years


def _age(years: Floats) -> Piece:
    known = np.flatnonzero(~np.isnan(years))
    ones, zeros = np.ones(known.size, dtype=np.int64), np.zeros(known.size, dtype=np.int32)
    used = np.ones(1, dtype=np.bool_)
    return Piece(known, ones, years[known], zeros, [AGE_CODE], used)
