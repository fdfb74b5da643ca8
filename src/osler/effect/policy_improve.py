"""Better rules within limits: one question at a time is chosen anew while the rest stands."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from osler.effect.policy_rule import Leaf, Node, Split, place, roundest
from osler.learn.losses import Bools, Floats

ROUNDS = 10
LEAST_GAIN = 1e-9


@dataclass(frozen=True)
class Within:
    """Rows, what they gain and use up under each action, and how much may be used in all.

    Parameters
    ----------
    scores : shape (n, K)
    weight : shape (limits, n, K)
    most : shape (limits,)
    numbers : shape (n, width)
        The design that questions are about.
    """

    scores: Floats
    weight: Floats
    most: Floats
    numbers: Floats

    def under(self, root: Node) -> tuple[float, Floats]:
        """Return what a rule gains, and what it uses of each limit."""
        action = place(root, self.numbers)
        rows = np.arange(len(action))
        return float(self.scores[rows, action].sum()), self.weight[:, rows, action].sum(axis=1)

    def take(self, rows: Bools, most: Floats) -> Within:
        """Return some of the rows, with what is left for them."""
        return Within(self.scores[rows], self.weight[:, rows], most, self.numbers[rows])

    @property
    def slack(self) -> Floats:
        """Uses beyond a limit by less than this are rounding, shape (limits,)."""
        return np.asarray(1e-9 * np.maximum(np.abs(self.weight).max(axis=2).sum(axis=1), 1e-300))


def improved(within: Within, root: Node, depth: int) -> tuple[float, Node]:
    """Return a rule that keeps the limits and gains at least as much as one that does.

    Each round chooses the last question of both sides (with its actions) anew among all, then the
    first question among all, until nothing is gained.
    """
    best = within.under(root)[0], root
    for _ in range(ROUNDS):
        before = best[0]
        for step in (_sides, _first) if depth == 2 else (_whole,):
            tried = step(within, best[1])
            gain, used = within.under(tried)
            if (used <= within.most + within.slack).all() and gain > best[0]:
                best = gain, tried
        if best[0] <= before + LEAST_GAIN * abs(before):
            break
    return best


def _whole(within: Within, root: Node) -> Node:
    return _best_question(within) or root


def _sides(within: Within, root: Node) -> Node:
    if isinstance(root, Leaf):
        return _whole(within, root)
    below = within.numbers[:, root.column] <= root.threshold
    for side, rows in (("low", below), ("high", ~below)):
        now = root.low if side == "low" else root.high
        other = root.high if side == "low" else root.low
        used = within.take(~rows, within.most).under(other)[1]
        node = _best_question(within.take(rows, within.most - used)) or now
        root = replace(root, low=node) if side == "low" else replace(root, high=node)
    return root


def _first(within: Within, root: Node) -> Node:
    """Choose the first question anew, for the same rules on both sides."""
    if isinstance(root, Leaf):
        return root
    rows = np.arange(len(within.numbers))
    low, high = place(root.low, within.numbers), place(root.high, within.numbers)
    two = Within(
        np.stack([within.scores[rows, low], within.scores[rows, high]], axis=1),
        np.stack([within.weight[:, rows, low], within.weight[:, rows, high]], axis=2),
        within.most,
        within.numbers,
    )
    found = _best_question(two, pairs=((0, 1),))
    if not isinstance(found, Split):
        return root
    return Split(found.column, found.threshold, root.low, root.high)


def _best_question(within: Within, pairs: tuple[tuple[int, int], ...] | None = None) -> Node | None:
    """Return the question with its two actions that gains most within the limits, if any does."""
    n, arms = within.scores.shape
    if not n:
        return None
    every = pairs or tuple((a, b) for a in range(arms) for b in range(arms))
    best: tuple[float, Node | None] = (-np.inf, None)
    for column in range(within.numbers.shape[1]):
        order = np.argsort(within.numbers[:, column], kind="stable")
        value = within.numbers[order, column]
        ends = np.flatnonzero(np.append(value[1:] > value[:-1], pairs is None))
        if not len(ends):
            continue
        gain = np.cumsum(within.scores[order], axis=0)
        used = np.cumsum(within.weight[:, order], axis=1)
        for a, b in every:
            total = gain[ends, a] + gain[-1, b] - gain[ends, b]
            use = used[:, ends, a] + used[:, -1:, b] - used[:, ends, b]
            kept = np.all(use <= (within.most + within.slack)[:, None], axis=0)
            at = int(np.where(kept, total, -np.inf).argmax())
            if kept[at] and total[at] > best[0]:
                best = float(total[at]), _question(value, int(ends[at]), column, a, b)
    return best[1]


def _question(value: Floats, at: int, column: int, low: int, high: int) -> Node:
    if at == len(value) - 1 or low == high:
        return Leaf(low)
    threshold = roundest(float(value[at]), float(value[at + 1]))
    return Split(column, threshold, Leaf(low), Leaf(high))
