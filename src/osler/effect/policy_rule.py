"""A rule by which treatment is chosen: a shallow tree over what is known, and its words."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import polars as pl

from osler.errors import Damaged
from osler.learn.encoding import Encoding
from osler.learn.losses import Floats, Ints
from osler.learn.table import NUMBER, WORD

Asked: TypeAlias = dict[tuple[int, str], str]  # column and side, to words


@dataclass(frozen=True)
class Leaf:
    """Everyone here gets one action, 0..K−1."""

    action: int


@dataclass(frozen=True)
class Split:
    """A question: a design column at most at a threshold, or above it.

    Parameters
    ----------
    column
        Place in the design of the tree's encoding.
    threshold
        −inf asks whether the value is missing. A missing value is at or below any threshold.
    """

    column: int
    threshold: float
    low: Node
    high: Node


Node: TypeAlias = Leaf | Split


@dataclass(frozen=True)
class PolicyTree:
    """Chooses one of K actions for every row.

    Parameters
    ----------
    root
        The first question, or the one action for all.
    encoding
        From the columns of `X` to the design that the questions are about.
    actions
        Names of the actions, in the order of the scores.
    """

    root: Node
    encoding: Encoding
    actions: tuple[str, ...]

    @property
    def depth(self) -> int:
        """Most questions that anyone is asked."""
        return _depth(self.root)

    def assign(self, X: Any) -> Ints:
        """Return the place of each row's action in `actions`, shape (n,).

        Raises
        ------
        InputError
            If columns of the fit are missing or of another kind.
        """
        return place(self.root, design(self.encoding, self.encoding.schema.align(X)[0]))

    def rules(self) -> list[tuple[str, str]]:
        """Return every leaf as (who, action), in words; `who` is "everyone" without a question."""
        return [
            (" and ".join(asked.values()) or "everyone", self.actions[leaf.action])
            for asked, leaf in self._leaves(self.root, {})
        ]

    def __str__(self) -> str:
        return "\n".join(f"{who}: {action}" for who, action in self.rules())

    def _leaves(self, node: Node, asked: Asked) -> Iterator[tuple[Asked, Leaf]]:
        """Yield leaves with what was asked; a narrower answer replaces a wider one."""
        if isinstance(node, Leaf):
            yield asked, node
            return
        below, above = words(self.encoding, node.column, node.threshold)
        yield from self._leaves(node.low, {**asked, (node.column, "low"): below})
        yield from self._leaves(node.high, {**asked, (node.column, "high"): above})

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "root": _node_json(self.root),
            "encoding": self.encoding.to_json(),
            "actions": list(self.actions),
        }

    @staticmethod
    def from_json(data: dict[str, Any]) -> PolicyTree:
        """Rebuild from `to_json`.

        Raises
        ------
        Damaged
            If the document does not describe a tree.
        """
        try:
            encoding = Encoding.from_json(data["encoding"])
            actions = tuple(str(one) for one in data["actions"])
            width = len(encoding.tree_owner)
            return PolicyTree(_node(data["root"], width, len(actions)), encoding, actions)
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise Damaged("the saved policy is not one") from error


def encode(frame: pl.DataFrame, named: bool) -> Encoding:
    """Learn the design of a frame out of `as_frame`: levels of words, nothing of the outcome."""
    return Encoding.fit(frame, named, splines=False)


def design(encoding: Encoding, frame: pl.DataFrame) -> Floats:
    """Return numbers, truths and levels of words, shape (n, width); missing is −inf."""
    values = encoding.tree_design(frame)
    values[np.isnan(values)] = -np.inf
    return values


def place(root: Node, values: Floats) -> Ints:
    """Return the action of each row of a design."""
    if isinstance(root, Leaf):
        return np.full(len(values), root.action, dtype=np.int64)
    below = values[:, root.column] <= root.threshold
    answer = np.empty(len(values), dtype=np.int64)
    answer[below] = place(root.low, values[below])
    answer[~below] = place(root.high, values[~below])
    return answer


def simplified(node: Node) -> Node:
    """Return the same rule without questions whose answer changes nothing."""
    if isinstance(node, Leaf):
        return node
    low, high = simplified(node.low), simplified(node.high)
    return low if low == high else Split(node.column, node.threshold, low, high)


def tidied(node: Node, values: Floats) -> Node:
    """Return the same rule with every threshold the roundest that decides alike on a design."""
    if isinstance(node, Leaf):
        return node
    column = values[:, node.column]
    low, high = (tidied(side, values) for side in (node.low, node.high))
    below, above = column[column <= node.threshold], column[column > node.threshold]
    threshold = node.threshold
    if len(below) and len(above):
        threshold = roundest(float(below.max()), float(above.min()))
    return Split(node.column, threshold, low, high)


def words(encoding: Encoding, column: int, threshold: float) -> tuple[str, str]:
    """Say what it means to be at or below a threshold, and above it."""
    owner = int(encoding.tree_owner[column])
    plan, name = encoding.plans[owner], encoding.schema.names[owner]
    if math.isinf(threshold):
        return f"{name} unknown", f"{name} known"
    if plan.kind == WORD:
        level = plan.levels[column - int(np.argmax(encoding.tree_owner == owner))]
        return f"{name} not {level!r}", f"{name} {level!r}"
    if plan.kind != NUMBER:
        return f"not {name}", name
    return f"{name} ≤ {threshold:g}", f"{name} > {threshold:g}"


def roundest(low: float, high: float) -> float:
    """Return the number with the fewest digits that is at least `low` and less than `high`.

    A threshold between two neighbours decides alike wherever it lies; a round one is read easily
    and is nobody's value.

    Examples
    --------
    >>> roundest(49.62, 51.3), roundest(0.0, 1.0), roundest(0.1234, 0.1236)
    (50.0, 0.5, 0.1235)
    """
    if math.isinf(low):
        return low
    middle = low + (high - low) / 2
    for digits in range(-_magnitude(high - low) - 1, 18):
        number = round(middle, digits)
        if low < number < high:
            return float(number)
    return middle if low <= middle < high else low


def _magnitude(width: float) -> int:
    return math.floor(math.log10(width)) if width > 0 and math.isfinite(width) else 0


def _depth(node: Node) -> int:
    return 0 if isinstance(node, Leaf) else 1 + max(_depth(node.low), _depth(node.high))


def _node_json(node: Node) -> dict[str, Any]:
    if isinstance(node, Leaf):
        return {"action": node.action}
    return {
        "column": node.column,
        "threshold": None if math.isinf(node.threshold) else node.threshold,
        "low": _node_json(node.low),
        "high": _node_json(node.high),
    }


def _node(data: dict[str, Any], width: int, actions: int) -> Node:
    if "action" in data:
        action = int(data["action"])
        if not 0 <= action < actions:
            raise ValueError("no such action")
        return Leaf(action)
    column = int(data["column"])
    if not 0 <= column < width:
        raise ValueError("no such column")
    threshold = -math.inf if data["threshold"] is None else float(data["threshold"])
    low, high = (_node(data[key], width, actions) for key in ("low", "high"))
    return Split(column, threshold, low, high)
