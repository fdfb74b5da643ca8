"""Exact search for the best tree of depth 2: branch and bound over pairs of thresholds.

Cells of thresholds whose bound (`policy_bounds`) cannot beat the best tree found so far are
dropped, the others are cut finer, until none is left. A good tree is found early by improving
trees in turn: the best splits of both sides given the root, the best root given both sides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from osler.effect.policy_bounds import Cut, Signed, side_bounds
from osler.learn.clock import Clock
from osler.learn.losses import Bools, Floats, Ints

FIRST_RANGES = 128
MOST_STORED = 60_000_000  # bounds kept after the first level, four bytes each
PIECES = 4
STARTS = 5
MOST_TRIES = 12  # improvements begun in ranges of several thresholds
ROUNDING = 1e-10
WORKERS = 2
FEWEST_FOR_THREADS = 1000


@dataclass(frozen=True)
class Table:
    """Centred scores and the columns as codes of their sorted distinct values.

    Parameters
    ----------
    scores : shape (K, n)
        Each row's median taken off.
    codes : shape (p, n)
        0..m−1, in the order of the values.
    order : shape (p, n)
        Rows by code.
    sizes : shape (p,)
        Number m of distinct values of each column.
    """

    scores: Floats
    codes: Ints
    order: Ints
    sizes: Ints

    @staticmethod
    def of(scores: Floats, design: Floats) -> Table:
        """Code a design, shape (n, p), without missing cells."""
        centred = scores - np.median(scores, axis=1, keepdims=True)
        columns = np.ascontiguousarray(design.T)
        codes = [np.unique(column, return_inverse=True)[1].ravel() for column in columns]
        coded = np.array(codes, dtype=np.int64).reshape(design.shape[1], len(scores))
        order = np.argsort(coded, axis=1, kind="stable")
        return Table(np.ascontiguousarray(centred.T), coded, order, coded.max(axis=1) + 1)

    @property
    def columns(self) -> int:
        """Number of columns."""
        return len(self.codes)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.codes.shape[1])

    @property
    def tolerance(self) -> float:
        """Differences of values below this are rounding."""
        return ROUNDING * max(float(np.abs(self.scores).max(axis=0).sum()), 1e-300)


@dataclass(frozen=True)
class Stump:
    """The best split of some rows: at most `code` of `column` gets `low`, the rest `high`."""

    value: float
    column: int
    code: int
    low: int
    high: int

    def scores(self, table: Table) -> Floats:
        """Return what each row of the table scores, shape (n,)."""
        below = table.codes[self.column] <= self.code
        return np.asarray(np.where(below, table.scores[self.low], table.scores[self.high]))


@dataclass(frozen=True)
class Pair:
    """A root's question and the best splits of both its sides."""

    value: float
    column: int
    code: int
    left: Stump
    right: Stump


def best_stump(table: Table, inside: Bools) -> Stump:
    """Return the best single split of the rows inside; one that splits nothing is allowed."""
    best = Stump(-np.inf, 0, 0, 0, 0)
    if not inside.any():
        return replace(best, value=0.0, code=int(table.sizes[0]) - 1)
    for column in range(table.columns):
        rows = table.order[column]
        rows = rows[inside[rows]]
        code = table.codes[column][rows]
        below = np.cumsum(table.scores[:, rows], axis=1)
        above = below[:, -1:] - below
        value = below.max(axis=0) + above.max(axis=0)
        value[:-1][code[:-1] == code[1:]] = -np.inf
        at = int(value.argmax())
        if value[at] > best.value:
            low = int(below[:, at].argmax())
            high = int(above[:, at].argmax()) if at + 1 < len(rows) else low
            best = Stump(float(value[at]), column, int(code[at]), low, high)
    return best


def improve(table: Table, column: int, code: int) -> Pair:
    """Improve a root's question and its sides in turn until nothing is gained."""
    best: Pair | None = None
    while True:
        below = table.codes[column] <= code
        left, right = best_stump(table, below), best_stump(table, ~below)
        value = left.value + right.value
        if best is not None and value <= best.value + table.tolerance:
            return best
        best = Pair(value, column, code, left, right)
        column, code = _best_root(table, left, right)


def _best_root(table: Table, left: Stump, right: Stump) -> tuple[int, int]:
    """Return the question that best sends rows to two given sides."""
    gain = left.scores(table) - right.scores(table)
    best = (-np.inf, 0, 0)
    for column in range(table.columns):
        rows = table.order[column]
        code = table.codes[column][rows]
        value = np.cumsum(gain[rows])
        value[:-1][code[:-1] == code[1:]] = -np.inf
        at = int(value.argmax())
        if value[at] > best[0]:
            best = (float(value[at]), column, int(code[at]))
    return best[1:]


@dataclass(frozen=True)
class Cells:
    """What of one root column and one inner column can still hold the best tree.

    Parameters
    ----------
    root, inner : shape (T, 2), (U, 2)
        First code and one past the last of each range.
    left, right : shape (T, U)
        Bounds of both sides; −inf where nothing is left to look for.
    """

    root: Ints
    inner: Ints
    left: Any
    right: Any


AllCells: TypeAlias = dict[tuple[int, int], Cells]  # by root and inner column


@dataclass(frozen=True)
class Outcome:
    """The best tree found, and a bound that no tree exceeds."""

    pair: Pair
    bound: float
    exact: bool


class Search:
    """One branch-and-bound search.

    Parameters
    ----------
    table
        What to search.
    clock
        After its time the best tree so far is returned, with a bound.
    """

    def __init__(self, table: Table, clock: Clock, ranges: int | None = None) -> None:
        self.table = table
        self.clock = clock
        self.signed = Signed(np.maximum(table.scores, 0.0), np.maximum(-table.scores, 0.0))
        most = int(np.sqrt(MOST_STORED / (2 * table.columns**2)))
        self.ranges = max(4, min(ranges or FIRST_RANGES, most))
        self.best = improve(table, 0, int(table.sizes[0]) - 1)
        self.tries = 0

    def run(self) -> Outcome:
        """Search until nothing is left, or the time is over.

        Root columns are finished one after another, the most promising first: the best tree is
        found early, and memory holds one column's finer cells.
        """
        bound, cells = self._prune(self._first(), STARTS)
        waiting = sorted(_by_root(cells), key=lambda group: -_bound(group))
        for at, group in enumerate(waiting):
            bound = _bound(group)
            while group and bound > self._to_beat():
                if self.clock.past(1.0):
                    rest = [_bound(other) for other in waiting[at + 1 :]]
                    return Outcome(self.best, max([bound, self.best.value, *rest]), False)
                bound, group = self._prune(self._refine(group), 1)
        return Outcome(self.best, self.best.value, True)

    def _try(self, column: int, start: int, stop: int) -> None:
        """Improve the tree whose root asks in the middle of a range, unless that was done."""
        known = column == self.best.column and start <= self.best.code < stop
        if (known or self.tries >= MOST_TRIES) and stop - start > 1:
            return
        self.tries += 1
        found = improve(self.table, column, (start + stop - 1) // 2)
        if found.value > self.best.value:
            self.best = found

    def _first(self) -> AllCells:
        cuts = [_even_cut(self.table, column, self.ranges) for column in range(self.table.columns)]
        place = [cut.place(codes) for cut, codes in zip(cuts, self.table.codes, strict=True)]
        pairs = [(j, k) for j in range(len(cuts)) for k in range(j, len(cuts))]

        def bound(pair: tuple[int, int]) -> list[tuple[tuple[int, int], Cells]]:
            j, k = pair
            ahead, back = side_bounds(self.signed, cuts[j], cuts[k], place[j], place[k])
            found = [((j, k), _cells(cuts[j], cuts[k], ahead.left, ahead.right))]
            if j != k:
                found.append(((k, j), _cells(cuts[k], cuts[j], back.left, back.right)))
            return found

        return {key: cell for found in _each(bound, pairs, self.table.rows) for key, cell in found}

    def _prune(self, cells: AllCells, starts: int) -> tuple[float, AllCells]:
        """Improve the best tree from the likeliest roots, drop what cannot beat it."""
        roots = _root_bounds(cells)
        likely = [
            (float(one.total[at]), j, int(one.spans[at, 0]), int(one.spans[at, 1]))
            for j, one in roots.items()
            for at in np.argsort(-one.total)[:starts]
        ]
        for most, column, start, stop in sorted(likely, reverse=True)[:starts]:
            if most > self._to_beat():
                self._try(column, start, stop)
        floor = self._to_beat()
        kept = {}
        for (j, k), cell in cells.items():
            at = roots[j].at(cell.root)
            slim = _slim(cell, floor - roots[j].right[at], floor - roots[j].left[at])
            if slim is not None:
                kept[j, k] = slim
        return max((float(one.total.max()) for one in roots.values()), default=-np.inf), kept

    def _to_beat(self) -> float:
        return self.best.value + self.table.tolerance

    def _refine(self, cells: AllCells) -> AllCells:
        def finer(item: tuple[tuple[int, int], Cells]) -> tuple[tuple[int, int], Cells]:
            (j, k), cell = item
            root, root_parent = self._split(j, cell.root)
            inner, inner_parent = self._split(k, cell.inner)
            codes = self.table.codes
            bounds, _ = side_bounds(
                self.signed, root, inner, root.place(codes[j]), inner.place(codes[k])
            )
            t, u = root_parent >= 0, inner_parent >= 0
            at = np.ix_(root_parent[t], inner_parent[u])
            left, right = bounds.left[np.ix_(t, u)], bounds.right[np.ix_(t, u)]
            return (j, k), Cells(
                _spans(root)[t],
                _spans(inner)[u],
                np.where(np.isneginf(cell.left[at]), -np.inf, left),
                np.where(np.isneginf(cell.right[at]), -np.inf, right),
            )

        return dict(_each(finer, list(cells.items()), self.table.rows))

    def _split(self, column: int, spans: Ints) -> tuple[Cut, Ints]:
        """Cut each range finer; return the cut of all codes and each piece's old range, or −1."""
        pieces = np.linspace(spans[:, 0], spans[:, 1], PIECES + 1).astype(np.int64)
        cut = Cut(np.unique(np.append(pieces, [0, self.table.sizes[column]])))
        old = np.searchsorted(spans[:, 0], cut.edges[:-1], side="right") - 1
        inside = (old >= 0) & (cut.edges[:-1] < spans[np.maximum(old, 0), 1])
        return cut, np.where(inside, old, -1)


@dataclass(frozen=True)
class Roots:
    """The most of either side over all inner columns, by range of one root column.

    Parameters
    ----------
    spans : shape (T, 2)
        Sorted; first code and one past the last.
    left, right : shape (T,)
    """

    spans: Ints
    left: Floats
    right: Floats

    @property
    def total(self) -> Floats:
        """Bound of a tree whose root asks within each range, shape (T,)."""
        return np.asarray(self.left + self.right)

    def at(self, spans: Ints) -> Ints:
        """Return the places of some of the ranges."""
        return np.asarray(np.searchsorted(self.spans[:, 0], spans[:, 0]))


def _root_bounds(cells: AllCells) -> dict[int, Roots]:
    """Return the bounds of every root column."""
    found = {}
    for j in {root for root, _ in cells}:
        own = [cell for (root, _), cell in cells.items() if root == j]
        spans = np.unique(np.concatenate([cell.root for cell in own]), axis=0)
        roots = Roots(spans, np.full(len(spans), -np.inf), np.full(len(spans), -np.inf))
        for cell in own:
            at = roots.at(cell.root)
            roots.left[at] = np.maximum(roots.left[at], cell.left.max(axis=1))
            roots.right[at] = np.maximum(roots.right[at], cell.right.max(axis=1))
        found[j] = roots
    return found


def _by_root(cells: AllCells) -> list[AllCells]:
    """Return the cells of every root column."""
    columns = sorted({j for j, _ in cells})
    return [{key: cell for key, cell in cells.items() if key[0] == j} for j in columns]


def _bound(cells: AllCells) -> float:
    """Return the most that any of these cells can gain."""
    return max((float(one.total.max()) for one in _root_bounds(cells).values()), default=-np.inf)


def _slim(cell: Cells, left_floor: Floats, right_floor: Floats) -> Cells | None:
    """Leave out what is at or under the floors, shape (T,); None if nothing is over."""
    left = np.where(cell.left > left_floor[:, None], cell.left, -np.inf)
    right = np.where(cell.right > right_floor[:, None], cell.right, -np.inf)
    alive = (left > -np.inf) | (right > -np.inf)
    t, u = alive.any(axis=1), alive.any(axis=0)
    if not t.any():
        return None
    return Cells(cell.root[t], cell.inner[u], left[np.ix_(t, u)], right[np.ix_(t, u)])


def _cells(root: Cut, inner: Cut, left: Floats, right: Floats) -> Cells:
    return Cells(_spans(root), _spans(inner), _above(left), _above(right))


def _above(bound: Floats) -> Any:
    """Return bounds in four bytes, rounded up."""
    return np.nextafter(bound.astype(np.float32), np.float32(np.inf))


def _spans(cut: Cut) -> Ints:
    return np.stack([cut.edges[:-1], cut.edges[1:]], axis=1)


def _even_cut(table: Table, column: int, ranges: int) -> Cut:
    """Cut the codes into ranges of about equally many rows."""
    codes = table.codes[column][table.order[column]]
    at = np.linspace(0, len(codes), ranges + 1).astype(np.int64)[1:-1]
    inside = codes[np.minimum(at, len(codes) - 1)]
    return Cut(np.unique(np.concatenate([[0], inside, [table.sizes[column]]])))


def _each(act: Callable[[Any], Any], items: list[Any], rows: int) -> Iterator[Any]:
    if rows < FEWEST_FOR_THREADS:
        yield from map(act, items)
        return
    with ThreadPoolExecutor(WORKERS) as pool:
        yield from pool.map(act, items)
