"""The best shallow policy tree: exact for depths 0 to 2, and for depth 3 on few rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from osler.effect.policy_rule import (
    Leaf,
    Node,
    PolicyTree,
    Split,
    design,
    encode,
    place,
    roundest,
    simplified,
)
from osler.effect.policy_search import Search, Stump, Table, best_stump
from osler.errors import Fault, InputError
from osler.learn.clock import Clock
from osler.learn.losses import Floats, Ints
from osler.learn.table import as_frame

LOWER, HIGHER = "lower", "higher"
DEEPEST_EXACT = 2
MOST_ROWS_AT_DEPTH_3 = 300
DEEPEST = 4


@dataclass(frozen=True)
class Grown:
    """A tree and what is known of how good it can be.

    Parameters
    ----------
    tree
        The rule.
    value
        Mean score under the tree, on the scale of the scores. Optimistic: the tree was chosen on
        these very scores; `osler.effect.policy.learn` values rules on data that they never saw.
    bound
        No tree of this depth has a better mean score. Equals `value` where `exact`, up to rounding.
    exact
        Whether the tree is the best of its depth.
    """

    tree: PolicyTree
    value: float
    bound: float
    exact: bool


def policy_tree(
    scores: Any,
    X: Any,
    *,
    depth: int = 2,
    better: str = HIGHER,
    actions: Any = None,
    time_budget_s: float | None = None,
) -> Grown:
    """Return the tree whose actions have the best mean score, found by exhaustive search.

    Parameters
    ----------
    scores : shape (n, K)
        The mean of column a estimates the mean outcome if all got action a, row by row, as doubly
        robust scores do.
    X : n rows
        What may be asked; anything `as_frame` takes. A missing value is at or below any threshold.
    depth
        0 to 2; 3 for at most 300 rows. See `hybrid_tree` for deeper trees of more rows.
    better
        ``"higher"`` or ``"lower"`` scores are to be wished for.
    actions : length K, optional
        Names of the actions.
    time_budget_s
        After this the best tree so far is returned, `exact` false, with the bound reached.

    Raises
    ------
    InputError
        All faults at once.

    References
    ----------
    Athey & Wager 2021, Econometrica 89:133-161, doi:10.3982/ECTA15732 (what is maximised);
    Zhou, Athey & Wager 2023, Operations Research 71:148-183, doi:10.1287/opre.2022.2271 (trees).

    Examples
    --------
    >>> import numpy as np
    >>> age = np.array([[30.0], [40.0], [60.0], [70.0]])
    >>> benefit = np.array([[0.0, -1.0], [0.0, -1.0], [0.0, 2.0], [0.0, 2.0]])
    >>> print(policy_tree(benefit, age, depth=1, actions=["none", "drug"]).tree)
    x0 ≤ 50: none
    x0 > 50: drug
    """
    values, frame, named = checked(scores, X, better)
    if depth not in (0, 1, 2, 3):
        raise InputError(Fault("depth", repr(depth), "0, 1, 2 or 3", "see hybrid_tree"))
    if depth > DEEPEST_EXACT and len(values) > MOST_ROWS_AT_DEPTH_3:
        raise InputError(
            Fault(
                "depth",
                f"3 for {len(values)} rows",
                f"2, or at most {MOST_ROWS_AT_DEPTH_3} rows",
                "hybrid_tree grows deeper trees, which need not be the best",
            )
        )
    encoding = encode(frame, named)
    found = search(values, design(encoding, frame), depth, Clock(time_budget_s))
    return _grown(found, encoding, names_of(actions, values.shape[1]), values, better)


def hybrid_tree(
    scores: Any,
    X: Any,
    *,
    depth: int = 3,
    better: str = HIGHER,
    actions: Any = None,
    time_budget_s: float | None = None,
) -> Grown:
    """Return a deeper tree: the best of depth 2, each leaf split again by its own best tree.

    Each part is the best of its rows; the whole need not be. Its `bound` is what choosing freely
    for every row would give, and `exact` is false.

    Parameters
    ----------
    scores, X, better, actions, time_budget_s
        As in `policy_tree`.
    depth
        3 or 4.
    """
    values, frame, named = checked(scores, X, better)
    if depth not in (3, DEEPEST):
        raise InputError(Fault("depth", repr(depth), "3 or 4", "policy_tree does less"))
    encoding = encode(frame, named)
    numbers = design(encoding, frame)
    clock = Clock(time_budget_s)
    top = search(values, numbers, DEEPEST_EXACT, clock).root

    def grow(rows: Ints) -> Node:
        return search(values[rows], numbers[rows], depth - DEEPEST_EXACT, clock).root

    root = _regrown(top, numbers, np.arange(len(values)), grow)
    found = Found(root, _value(root, values, numbers), float(values.max(axis=1).sum()), False)
    return _grown(found, encoding, names_of(actions, values.shape[1]), values, better)


def checked(scores: Any, X: Any, better: str) -> tuple[Floats, Any, bool]:
    """Return scores of which higher is better, the frame of X, and whether it has names."""
    faults: list[Fault | str] = []
    if better not in (LOWER, HIGHER):
        faults.append(Fault("better", repr(better), "'lower' or 'higher'"))
    values = np.asarray(scores)
    if values.ndim != 2 or values.dtype.kind not in "fiub" or 0 in values.shape:
        faults.append(Fault("scores", f"shape {values.shape} of {values.dtype}", "(n, K) numbers"))
    elif not np.isfinite(values.astype(np.float64)).all():
        faults.append(Fault("scores", "missing or infinite values", "finite numbers"))
    try:
        frame, named = as_frame(X)
    except InputError as error:
        raise InputError([*faults, *error.faults]) from error
    if not faults and frame.height != len(values):
        faults.append(Fault("X", f"{frame.height} rows", f"the {len(values)} of the scores"))
    if faults:
        raise InputError(faults)
    number = values.astype(np.float64)
    return (number if better == HIGHER else -number), frame, named


def names_of(actions: Any, count: int) -> tuple[str, ...]:
    """Return the actions' names, or numbers from 0."""
    names = tuple(str(a) for a in (range(count) if actions is None else actions))
    if len(names) != count or len(set(names)) != count:
        raise InputError(
            Fault("actions", f"{len(set(names))} different names", f"one for each of {count}")
        )
    return names


@dataclass(frozen=True)
class Found:
    """A rule over a design, the sum of its scores, a bound on any, and whether it is the best."""

    root: Node
    value: float
    bound: float
    exact: bool


def search(scores: Floats, numbers: Floats, depth: int, clock: Clock) -> Found:
    """Find the best rule of a depth for scores of which more is better.

    Parameters
    ----------
    scores : shape (n, K)
    numbers : shape (n, width)
        Missing is −inf.
    """
    if depth == 0 or not len(scores):
        total = scores.sum(axis=0)
        return Found(Leaf(int(total.argmax())), float(total.max()), float(total.max()), True)
    if depth > DEEPEST_EXACT:
        return _ThreeDeep(scores, numbers, clock).run()
    table = Table.of(scores, numbers)
    shift = float(np.median(scores, axis=1).sum())
    if depth == 1:
        stump = best_stump(table, np.ones(len(scores), dtype=bool))
        total = stump.value + shift
        return Found(simplified(_stump_node(stump, numbers)), total, total, True)
    outcome = Search(table, clock).run()
    pair = outcome.pair
    root = _split(
        numbers[:, pair.column],
        pair.column,
        pair.code,
        _stump_node(pair.left, numbers),
        _stump_node(pair.right, numbers),
    )
    return Found(simplified(root), pair.value + shift, outcome.bound + shift, outcome.exact)


def _stump_node(stump: Stump, numbers: Floats) -> Node:
    column = numbers[:, stump.column]
    return _split(column, stump.column, stump.code, Leaf(stump.low), Leaf(stump.high))


def _split(values: Floats, column: int, code: int, low: Node, high: Node) -> Node:
    distinct = np.unique(values)
    if code >= len(distinct) - 1:
        return low
    return Split(column, roundest(float(distinct[code]), float(distinct[code + 1])), low, high)


class _ThreeDeep:
    """Asks every first question whose bound can beat the best; solves both of its sides exactly."""

    def __init__(self, scores: Floats, numbers: Floats, clock: Clock) -> None:
        self.scores, self.numbers, self.clock = scores, numbers, clock
        self.freely = scores.max(axis=1)
        self.slack = 1e-10 * max(float(np.abs(scores).max(axis=1).sum()), 1e-300)
        self.best = search(scores, numbers, DEEPEST_EXACT, clock)

    def run(self) -> Found:
        exact = all(self._column(column) for column in range(self.numbers.shape[1]))
        bound = self.best.value if exact else float(self.freely.sum())
        return Found(self.best.root, self.best.value, bound, exact)

    def _column(self, column: int) -> bool:
        """Try the questions about one column, middle ones first; return whether all were settled.

        Between two solved questions the rows below the lower one and above the upper one gain at
        most what they gain there; those between choose freely.
        """
        order = np.argsort(self.numbers[:, column], kind="stable")
        ends = np.flatnonzero(np.diff(self.numbers[order, column]) > 0) + 1
        free = np.concatenate([[0.0], np.cumsum(self.freely[order])])
        ranges = [(0, len(ends), 0, 0.0, len(order), 0.0)]
        while ranges:
            if self.clock.past(1.0):
                return False
            first, last, start, below, stop, above = ranges.pop()
            most = below + above + float(free[stop] - free[start])
            if first == last or most <= self.best.value + self.slack:
                continue
            middle = (first + last) // 2
            at = int(ends[middle])
            low, high = self._solve(column, order, at)
            ranges.append((first, middle, start, below, at, high))
            ranges.append((middle + 1, last, at, low, stop, above))
        return True

    def _solve(self, column: int, order: Ints, at: int) -> tuple[float, float]:
        """Solve both sides of a question; return what they gain, and remember the best."""
        low, high = (
            search(self.scores[rows], self.numbers[rows], DEEPEST_EXACT, self.clock)
            for rows in (order[:at], order[at:])
        )
        if low.value + high.value > self.best.value + self.slack:
            before, after = self.numbers[order[at - 1], column], self.numbers[order[at], column]
            root = Split(column, roundest(float(before), float(after)), low.root, high.root)
            self.best = Found(simplified(root), low.value + high.value, np.inf, True)
        return low.value, high.value


def _regrown(node: Node, numbers: Floats, rows: Ints, grow: Callable[[Ints], Node]) -> Node:
    if isinstance(node, Leaf):
        return grow(rows)
    below = numbers[rows, node.column] <= node.threshold
    low = _regrown(node.low, numbers, rows[below], grow)
    high = _regrown(node.high, numbers, rows[~below], grow)
    return simplified(Split(node.column, node.threshold, low, high))


def _value(root: Node, scores: Floats, numbers: Floats) -> float:
    return float(scores[np.arange(len(scores)), place(root, numbers)].sum())


def _grown(
    found: Found, encoding: Any, actions: tuple[str, ...], scores: Floats, better: str
) -> Grown:
    sign = 1.0 if better == HIGHER else -1.0
    n = len(scores)
    return Grown(
        PolicyTree(found.root, encoding, actions),
        sign * found.value / n,
        sign * found.bound / n,
        found.exact,
    )
