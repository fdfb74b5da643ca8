"""Ensembles of trees added up into one, in LightGBM's own text format."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from osler.learn.boosting import Trees
from osler.learn.losses import Floats

LeafMap = Callable[[Floats], Floats]
_END = "end of trees"
_LEAVES = "leaf_value="


def add_up(parts: Sequence[tuple[Trees, LeafMap]], columns: int) -> Trees:
    """Return one ensemble whose score is the sum of the parts', each leaf mapped first.

    Parameters
    ----------
    parts
        Ensembles over the same design, and what becomes of their leaves' values, such as a
        weight times the value.
    columns
        Of that design.
    """
    grown = [(trees.to_text(), change) for trees, change in parts if trees.size]
    if not grown:
        return Trees(None, columns)
    lines = list(_header(grown[0][0]))
    count = 0
    for text, change in grown:
        for block in _blocks(text):
            lines += [f"Tree={count}", *_changed(block, change), ""]
            count += 1
    return Trees.from_text("\n".join([*lines, _END, ""]), columns)


def _header(text: str) -> Iterator[str]:
    """Yield the lines before the first tree, without the sizes that no longer hold."""
    for line in text.split("\n"):
        if line.startswith("Tree="):
            return
        if not line.startswith("tree_sizes="):
            yield line


def _blocks(text: str) -> Iterator[list[str]]:
    """Yield the lines of every tree, without its number."""
    body = text[: text.index(_END)]
    for block in body.split("\nTree=")[1:]:
        yield [line for line in block.split("\n")[1:] if line]


def _changed(block: list[str], change: LeafMap) -> Iterator[str]:
    for line in block:
        if line.startswith(_LEAVES):
            values = change(np.array(line.removeprefix(_LEAVES).split(), dtype=np.float64))
            yield _LEAVES + " ".join(repr(float(value)) for value in values)
        else:
            yield line
