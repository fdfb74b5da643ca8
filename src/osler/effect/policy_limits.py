"""Policy trees under limits: how many may be treated, how much harm may be done.

A limit is priced: scores less price times use are searched exactly, and prices are raised where
the limit is broken. The prices' best bound (the dual) tells how far the tree found can be from the
best one that keeps the limits.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import linprog

from osler.effect.policy_improve import Within, improved
from osler.effect.policy_rule import Leaf, Node, Split, place, simplified, tidied
from osler.effect.policy_tree import DEEPEST_EXACT, Found, search
from osler.errors import Fault, InputError, NotEstimable
from osler.learn.clock import Clock
from osler.learn.losses import Bools, Floats, Ints

MOST_ROUNDS = 25
CLOSE = 1e-3  # of what there is to gain over one action for all
MOST_STARTS = 8
QUANTILES = (0.5, 0.25, 0.75, 0.1, 0.9)
WORK = 1e8  # cells of question × pair of actions that may be looked at for one round of all starts
MOST_COMBINATIONS = 400_000


@dataclass(frozen=True)
class Limit:
    """The mean of a weight over the rows may be at most this.

    Parameters
    ----------
    name
        What is limited, such as ``"share treated"``.
    weight : shape (n, K)
        What a row uses up under each action: 1 for actions that count towards a capacity, the
        doubly robust score of a harm for a limit of harm.
    most
        Largest mean allowed.
    """

    name: str
    weight: Floats
    most: float

    def take(self, rows: Any) -> Limit:
        """Return the limit for some of the rows."""
        return Limit(self.name, self.weight[rows], self.most)


def capacity(share: float, treated: Any, rows: int, arms: int) -> Limit:
    """Return the limit that at most a share of people get one of some actions.

    Parameters
    ----------
    treated
        Places of the actions that count, such as ``[1]``.
    """
    if not 0 <= share <= 1:
        raise InputError(Fault("capacity", "a share outside [0, 1]", "such as 0.2"))
    weight = np.zeros((rows, arms))
    weight[:, [int(one) for one in treated]] = 1.0
    return Limit("share treated", weight, float(share))


def switching(arm: Any, arms: int, cost: float) -> Floats:
    """Return costs, shape (n, K), of giving a row another action than it has now.

    Parameters
    ----------
    arm : shape (n,)
        Present action of each row, 0..K−1.
    cost
        In units of the score, 0 or more.
    """
    present = np.asarray(arm)
    if present.ndim != 1 or not np.isin(present, np.arange(arms)).all():
        raise InputError(Fault("arm", "values that are no action", f"0..{arms - 1}, shape (n,)"))
    if not (np.isfinite(cost) and cost >= 0):
        raise InputError(Fault("cost", "a negative or infinite number", "0 or more"))
    return np.where(present[:, None] == np.arange(arms), 0.0, float(cost))


@dataclass(frozen=True)
class Limited:
    """A rule that keeps its limits.

    Parameters
    ----------
    root
        The rule.
    value
        Sum of the scores under it.
    bound
        No rule of this depth that keeps the limits has a larger sum; the gap is what remains open.
    prices : shape (limits,)
        What a unit of each limit is worth, in units of the score per person.
    exact
        Whether value and bound meet.
    """

    root: Node
    value: float
    bound: float
    prices: Floats
    exact: bool


def search_within(
    scores: Floats, numbers: Floats, depth: int, limits: list[Limit], clock: Clock
) -> Limited:
    """Find a rule for scores of which more is better, subject to limits.

    Kelley's cutting planes on the dual: each round searches exactly under the prices that are best
    against all rules met so far. Every rule met is also tried with any other actions at its leaves,
    and those that keep the limits are improved one question at a time.

    Raises
    ------
    NotEstimable
        If no rule met keeps the limits.

    References
    ----------
    Kelley 1960, J Soc Indust Appl Math 8:703-712, doi:10.1137/0108053; Everett 1963, Operations
    Research 11:399-417, doi:10.1287/opre.11.3.399 (prices and the gap).
    """
    _check(limits, scores.shape, depth)
    if not limits:
        found = search(scores, numbers, depth, clock)
        return Limited(found.root, found.value, found.bound, np.zeros(0), found.exact)
    weight = np.stack([limit.weight for limit in limits])
    most = np.array([limit.most for limit in limits]) * len(scores)
    state = _Dual(scores, numbers, weight, most)
    for action in range(scores.shape[1]):
        state.meet(Leaf(action))
    prices = np.zeros(len(limits))
    for _ in range(MOST_ROUNDS):
        priced = scores - np.tensordot(prices, weight, axes=1)
        state.priced(search(priced, numbers, depth, clock), prices)
        prices, lower = state.next_prices()
        if state.bound - lower <= CLOSE * state.at_stake or clock.past(1.0):
            break
    return state.result(depth)


class _Dual:
    def __init__(self, scores: Floats, numbers: Floats, weight: Floats, most: Floats) -> None:
        self.within = Within(scores, weight, most, numbers)
        self.scale = max(float(np.abs(scores).max(axis=1).sum()), 1e-300)
        self.cuts: list[tuple[float, Floats]] = []
        self.bound = np.inf
        self.prices = np.zeros(len(most))
        self.kept: list[tuple[float, Node]] = []

    @property
    def at_stake(self) -> float:
        """What the bound leaves to gain over one action for all, never quite 0."""
        alone = self.within.scores.sum(axis=0).max()
        return max(float(self.bound - alone), 1e-6 * self.scale)

    def priced(self, found: Found, prices: Floats) -> None:
        """Remember what a search under prices found: a bound, and a rule."""
        bound = found.bound + float(prices @ self.within.most)
        if bound < self.bound:
            self.bound, self.prices = bound, prices
        self.meet(found.root)

    def meet(self, root: Node) -> None:
        """Remember what a rule gains and uses; try other actions at its leaves."""
        self.cuts.append(self.within.under(root))
        self._keep(root)
        leaf, count = _leaf_of(root, self.within.numbers)
        if self.within.scores.shape[1] ** count <= MOST_COMBINATIONS:
            actions = _best_actions(self.within, leaf, count)
            if actions is not None:
                self._keep(_with_actions(root, iter(actions)))

    def _keep(self, root: Node) -> None:
        gain, used = self.within.under(root)
        if (used <= self.within.most + self.within.slack).all():
            self.kept.append((gain, root))

    def next_prices(self) -> tuple[Floats, float]:
        """Return the prices at which the rules met so far look least good, and how good that is."""
        gain = np.array([cut[0] for cut in self.cuts])
        slack = np.array([self.within.most - cut[1] for cut in self.cuts])
        count = len(self.within.most)
        top = 1e-8 * self.scale / self.within.slack * len(self.within.scores)
        answer = linprog(
            np.append(np.zeros(count), 1.0),
            A_ub=np.column_stack([slack, -np.ones(len(gain))]),
            b_ub=-gain,
            bounds=[*((0.0, float(one)) for one in top), (None, None)],
            method="highs",
        )
        if not answer.success:
            return self.prices, self.bound
        return np.asarray(answer.x[:count]), float(answer.fun)

    def result(self, depth: int) -> Limited:
        """Return the best rule that keeps the limits."""
        if not self.kept:
            raise NotEstimable(
                "no rule of this depth that was met keeps the limits; wider limits are needed"
            )
        self.kept.sort(key=lambda one: -one[0])
        tried = [improved(self.within, root, depth) for root in self._starts(depth)]
        value, root = max([*tried, self.kept[0]], key=lambda one: one[0])
        bound = max(self.bound, value)
        close = bound - value <= 1e-8 * self.scale
        return Limited(
            tidied(simplified(root), self.within.numbers), value, bound, self.prices, bool(close)
        )

    def _starts(self, depth: int) -> list[Node]:
        """Return rules to improve: the best met, and one action for all with any first question."""
        if depth == 0:
            return []
        met = {repr(simplified(root)): root for _, root in reversed(self.kept)}
        starts = list(reversed(met.values()))[:MOST_STARTS]
        n, arms = self.within.scores.shape
        columns = self.within.numbers.shape[1]
        affordable = int(WORK / (arms**2 * columns * n))
        calm = next((root for _, root in self.kept if isinstance(root, Leaf)), None)
        for share in QUANTILES if depth == 2 and calm is not None else ():
            for column in range(columns if len(starts) < MOST_STARTS + affordable else 0):
                at = np.quantile(self.within.numbers[:, column], share, method="lower")
                starts.append(Split(column, float(at), calm or Leaf(0), calm or Leaf(0)))
        return starts


def _check(limits: list[Limit], shape: tuple[int, ...], depth: int) -> None:
    faults: list[Fault | str] = []
    if limits and depth > DEEPEST_EXACT:
        faults.append(Fault("depth", f"{depth} with limits", f"at most {DEEPEST_EXACT}"))
    for limit in limits:
        where = f"limit {limit.name!r}"
        if np.shape(limit.weight) != shape or not np.isfinite(limit.weight).all():
            faults.append(Fault(where, f"weights {np.shape(limit.weight)}", f"finite, {shape}"))
        if not np.isfinite(limit.most):
            faults.append(Fault(where, "no finite limit", "a number"))
    if faults:
        raise InputError(faults)


def _leaf_of(root: Node, numbers: Floats) -> tuple[Ints, int]:
    """Return the leaf of each row, numbered from the left, and how many there are."""
    count = itertools.count()

    def numbered(node: Node) -> Node:
        if isinstance(node, Leaf):
            return Leaf(next(count))
        low = numbered(node.low)
        return Split(node.column, node.threshold, low, numbered(node.high))

    leaf = place(numbered(root), numbers)
    return leaf, next(count)


def _with_actions(node: Node, actions: Any) -> Node:
    if isinstance(node, Leaf):
        return Leaf(int(next(actions)))
    low = _with_actions(node.low, actions)
    return Split(node.column, node.threshold, low, _with_actions(node.high, actions))


def _best_actions(within: Within, leaf: Ints, count: int) -> tuple[int, ...] | None:
    """Return the best actions of the leaves that keep the limits, of all combinations."""
    arms = within.scores.shape[1]
    member = (leaf[:, None] == np.arange(count)).astype(np.float64)
    total = _all_sums(member.T @ within.scores)
    used = np.einsum("nl,mnk->mlk", member, within.weight)
    kept: Bools = np.ones(total.shape, dtype=bool)
    for one, limit in zip(used, within.most + within.slack, strict=True):
        kept &= _all_sums(one) <= limit
    if not kept.any():
        return None
    best = int(np.where(kept, total, -np.inf).argmax())
    return tuple(int(a) for a in np.unravel_index(best, (arms,) * count))


def _all_sums(by_leaf: Floats) -> Floats:
    """Return the sum for every combination of one action per leaf, leaves from slow to fast."""
    total = np.zeros(1)
    for row in by_leaf:
        total = (total[:, None] + row[None, :]).ravel()
    return total
