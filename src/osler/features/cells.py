"""What each row can see, aggregated into cells, a block of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from osler.features.column import ORDERED, Column
from osler.features.runs import Runs
from osler.features.slices import Bools, Floats, Ints, Slices, bisect, ranges

Places = npt.NDArray[np.int32]

CELLS_AT_ONCE = 400_000


@dataclass(frozen=True)
class Grid:
    """The windows and aggregations of every code: what a raw column number means.

    A raw column is `code x width + window x aggregations + aggregation`.
    """

    windows: tuple[str, ...]
    lengths_us: tuple[int | None, ...]
    aggregations: tuple[str, ...]

    @property
    def width(self) -> int:
        """Raw columns of one code."""
        return len(self.windows) * len(self.aggregations)

    def columns(self, names: Sequence[str], raw: Ints) -> list[Column]:
        """Return the columns that raw ones are."""
        if not raw.size:
            return []
        parts = [(window, name) for window in self.windows for name in self.aggregations]
        codes, rests = np.divmod(raw, self.width)
        pairs = zip(codes.tolist(), rests.tolist(), strict=True)
        return [Column(names[code], *parts[rest]) for code, rest in pairs]


@dataclass(frozen=True)
class Seen:
    """What each row can see.

    Parameters
    ----------
    stretch : shape (n,)
        Which stretch of `runs` holds a row's events.
    until_us : shape (n,)
        Prediction times.
    something : shape (n,)
        Whether the row sees any event.
    """

    runs: Runs
    stretch: Ints
    until_us: Ints
    something: Bools

    def candidates(self) -> Ints:
        """Return how many runs each row may see."""
        if not self.runs.code.size:
            return np.zeros(self.stretch.size, dtype=np.int64)
        bounds = self.runs.of_stretch
        counts = bounds[self.stretch + 1] - bounds[self.stretch]
        return np.where(self.something, counts, 0)


@dataclass(frozen=True)
class Piece:
    """Cells of one shard, by raw column.

    Parameters
    ----------
    rows, counts : shape (r,)
        Positions of rows among those asked for, and how many cells each has.
    data, places : shape (c,)
        The cells, row after row, and their raw columns, ascending in a row.
    used : shape (names x width,)
        Raw columns with a cell.
    """

    rows: Ints
    counts: Ints
    data: Floats
    places: Places
    names: list[str]
    used: Bools


def cells(seen: Seen, grid: Grid, order: Ints) -> Piece:
    """Compute all cells.

    Parameters
    ----------
    order
        Position, among the rows asked for, of each row of `seen`.
    """
    candidates = seen.candidates()
    if not grid.width:
        candidates[:] = 0
    used = np.zeros(len(seen.runs.names) * grid.width, dtype=np.bool_)
    data, places = np.empty(0), np.empty(0, dtype=np.int32)
    per_row = [np.zeros(0, dtype=np.int64)]
    for low, high in _blocks(candidates, max(1, CELLS_AT_ONCE // max(grid.width, 1))):
        numbers, columns, counts = _block(seen, candidates, low, high, grid)
        used[columns] = True
        before = data.size
        # Grown where they lie: no cell is held twice.
        data.resize(before + numbers.size, refcheck=False)
        places.resize(before + numbers.size, refcheck=False)
        data[before:], places[before:] = numbers, columns
        per_row.append(counts)
    return Piece(order, np.concatenate(per_row), data, places, seen.runs.names, used)


def _blocks(candidates: Ints, budget: int) -> Iterator[tuple[int, int]]:
    """Cut the rows where about `budget` candidates are full."""
    ends = np.cumsum(candidates)
    low = 0
    while low < candidates.size:
        done = int(ends[low - 1]) if low else 0
        high = max(low + 1, int(np.searchsorted(ends, done + budget, side="right")))
        yield low, high
        low = high


def _block(
    seen: Seen, candidates: Ints, low: int, high: int, grid: Grid
) -> tuple[Floats, Places, Ints]:
    """Return cells, their raw columns and how many each row has, for rows low to high."""
    runs, counts = seen.runs, candidates[low:high]
    run = ranges(np.where(counts > 0, runs.of_stretch[seen.stretch[low:high]], 0), counts)
    until = np.repeat(seen.until_us[low:high], counts)
    numbers = np.zeros((run.size, grid.width))
    present = np.zeros((run.size, grid.width), dtype=np.bool_)
    for window, length in enumerate(grid.lengths_us):
        first, end = _inside(runs, run, until, length)
        some: Any = np.flatnonzero(end > first)
        if some.size == run.size:
            some = slice(None)
        slices = Slices(runs.measured, runs.times_us, first[some], end[some], until[some])
        at = window * len(grid.aggregations)
        told = _answers(runs, run[some])
        for offset, name in enumerate(grid.aggregations, start=at):
            value, there = slices.aggregate(name)
            if runs.answered is not None and name in ORDERED:
                there[told] = runs.answered.stands(name, slices, told, length)
                value[told] = there[told]
            numbers[some, offset], present[some, offset] = value, there
    of_code = (runs.code[run] * grid.width).astype(np.int32)
    column: Places = of_code[:, None] + np.arange(grid.width).astype(np.int32)
    row = np.repeat(np.arange(high - low), counts)
    per_row = np.bincount(row, present.sum(axis=1), minlength=high - low).astype(np.int64)
    return numbers[present], column[present], per_row


def _answers(runs: Runs, run: Ints) -> Ints:
    """Return the places of those runs that are answers."""
    if runs.answered is None:
        return np.zeros(0, dtype=np.int64)
    return np.flatnonzero(runs.answered.named[runs.code[run]])


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


@dataclass(frozen=True)
class Layer:
    """Pieces of all shards that mean columns in the same way."""

    pieces: Sequence[Piece]
    grid: Grid


def assemble(lengths: Sequence[int], layers: Sequence[Layer]) -> tuple[sp.csr_array, list[Column]]:
    """Put the rows of shards below each other, and the columns of layers beside each other.

    Parameters
    ----------
    lengths
        How many rows each shard was asked for.
    layers
        Their columns follow one another; each has those that any of its pieces has.
    """
    before = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    counts = np.zeros((len(layers), int(before[-1])), dtype=np.int64)
    for own, layer in zip(counts, layers, strict=True):
        for piece, shift in zip(layer.pieces, before[:-1], strict=True):
            own[shift + piece.rows] = piece.counts
    indptr = np.concatenate([[0], np.cumsum(counts.sum(axis=0))]).astype(np.int64)
    starts = indptr[:-1] + np.cumsum(counts, axis=0) - counts
    data, places = _room(layers, int(indptr[-1]))
    columns: list[Column] = []
    for start, layer in zip(starts, layers, strict=True):
        numbers, found = _numbers(layer, len(columns))
        columns += found
        for piece, number, shift in zip(layer.pieces, numbers, before[:-1], strict=True):
            _spread(piece, number, start[shift + piece.rows], data, places)
    return csr(data, places, indptr, len(columns)), columns


def _room(layers: Sequence[Layer], cells: int) -> tuple[Floats, Places]:
    """Return arrays for all cells: those of the first piece, where its rows stay in their order."""
    first = layers[0].pieces[0]
    if len(layers[0].pieces) > 1 or (np.diff(first.rows) < 0).any():
        return np.empty(cells, dtype=np.float64), np.empty(cells, dtype=np.int32)
    first.data.resize(cells, refcheck=False)
    first.places.resize(cells, refcheck=False)
    return first.data, first.places


def _spread(piece: Piece, number: Places, start: Ints, data: Floats, places: Places) -> None:
    """Write a piece's cells to where its rows start, the last rows first.

    So a piece may be spread within its own arrays: no row starts before where it was. Else its
    arrays are given up, so that no cell is held twice for long.
    """
    ends = np.cumsum(piece.counts)
    high = piece.rows.size
    while high:
        until = int(ends[high - 1])
        low = min(high - 1, int(np.searchsorted(ends, until - CELLS_AT_ONCE, side="right")))
        first = int(ends[low] - piece.counts[low])
        at = ranges(start[low:high], piece.counts[low:high])
        own, column = piece.data[first:until].copy(), number[piece.places[first:until]]
        data[at], places[at] = own, column
        high = low
    if piece.data is not data:
        piece.data.resize(0, refcheck=False)
        piece.places.resize(0, refcheck=False)


def _numbers(layer: Layer, first: int) -> tuple[list[Places], list[Column]]:
    """Return the column number of each raw column, piece by piece, and the columns."""
    pieces, grid = layer.pieces, layer.grid
    names = sorted(set().union(*(piece.names for piece in pieces)))
    place = {name: number for number, name in enumerate(names)}
    raw = [_raw_columns(piece, place, grid) for piece in pieces]
    used = np.zeros(len(names) * grid.width, dtype=np.bool_)
    for piece, to in zip(pieces, raw, strict=True):
        used[to[piece.used]] = True
    number = (np.cumsum(used) - 1 + first).astype(np.int32)
    return [number[to] for to in raw], grid.columns(names, np.flatnonzero(used))


def _raw_columns(piece: Piece, place: dict[str, int], grid: Grid) -> Ints:
    """Return the raw column among all names of each raw column of the piece."""
    code = np.array([place[name] for name in piece.names], dtype=np.int64)
    return (code[:, None] * grid.width + np.arange(grid.width)).ravel()


def stack(parts: Sequence[sp.csr_array], indices: Sequence[Places], width: int) -> sp.csr_array:
    """Put sparse rows below each other, with new column numbers for the cells of each part."""
    lengths = [np.diff(part.indptr) for part in parts]
    indptr = np.concatenate([[0], *lengths]).cumsum()
    data = np.concatenate([np.zeros(0), *(part.data for part in parts)])
    places = np.concatenate([np.zeros(0, dtype=np.int32), *indices])
    return csr(data, places, indptr, width)


def csr(data: Floats, places: Places, indptr: Ints, width: int) -> sp.csr_array:
    """Return a sparse matrix of arrays as they are.

    Places of another type than `indptr` would be copied into its type, so that one gives way.
    """
    if indptr[-1] <= np.iinfo(np.int32).max:
        return sp.csr_array((data, places, indptr.astype(np.int32)), shape=(indptr.size - 1, width))
    return sp.csr_array((data, places.astype(np.int64), indptr), shape=(indptr.size - 1, width))
