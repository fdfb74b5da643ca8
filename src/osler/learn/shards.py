"""Rows that are read part by part: what is chosen on a sample of them, trees on them all.

A part is ``(X, y)`` or ``(X, y, {"entry": ..., "groups": ...})``. Parts are read twice: once for
the outcomes and a uniform sample of rows, once to bin the trees' columns, which then take one byte
a cell. What is held at a time is a part, the sample, the outcomes and the bins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from osler.errors import Fault, InputError
from osler.learn.boosting import FIXED, TreeData, threads_for
from osler.learn.encoding import Encoding
from osler.learn.losses import Floats, Ints
from osler.learn.table import Schema, as_frame

SAMPLE_ROWS = 100_000  # as many as trees are weighed and stopped on where all rows are in memory
BATCH_ROWS = 20_000
EXTRAS = ("entry", "groups")

Parts = Callable[[], Iterable[tuple[Any, ...]]]
Outcome = tuple[NDArray[Any], ...]


@dataclass(frozen=True)
class Gathered:
    """What the first reading leaves.

    Parameters
    ----------
    frame : shape (m, p)
        A uniform sample of the rows; all of them where there are no more than `SAMPLE_ROWS`.
    rows
        Positions of the sample among all rows, in order.
    outcome
        Arrays over all rows, as the reader of outcomes returned them.
    member
        The subject of each row, where parts tell.
    """

    parts: Parts
    frame: pl.DataFrame
    schema: Schema
    rows: Ints
    outcome: Outcome
    member: NDArray[Any] | None

    @property
    def total(self) -> int:
        """Rows of all parts."""
        return len(self.outcome[0])

    @property
    def complete(self) -> bool:
        """Whether the sample is all rows."""
        return len(self.rows) == self.total

    def sampled(self, array: NDArray[Any] | None) -> NDArray[Any] | None:
        """Return an array's values for the sample."""
        return None if array is None else array[self.rows]


def gather(parts: Parts, read: Callable[[Any, Any], Outcome], seed: int) -> Gathered:
    """Read all parts once.

    Parameters
    ----------
    parts
        Called for every reading; returns the parts, the same each time.
    read
        From ``y`` and the entry (or None) of a part to arrays of one value per row, checked.
    seed
        Of the sample.

    Raises
    ------
    InputError
        If `parts` cannot be called, there is no part, or a part is malformed.
    """
    if not callable(parts):
        raise InputError(
            Fault("parts", f"a {type(parts).__name__}", "a function that returns the parts",
                  "lambda: iterate_over_shards(), since they are read twice")
        )  # fmt: skip
    rng = np.random.default_rng(seed)
    schema: Schema | None = None
    sample = _Sample(SAMPLE_ROWS)
    outcomes: list[Outcome] = []
    members: list[NDArray[Any] | None] = []
    for part in parts():
        X, y, entry, groups = _taken_apart(part)
        frame, schema = _aligned(X, schema)
        outcome = read(y, entry)
        lengths = {len(one) for one in outcome} | ({len(groups)} if groups is not None else set())
        if lengths != {frame.height}:
            raise InputError(Fault("parts", "a part of unequal lengths", "one outcome per row"))
        sample.add(frame, rng.random(frame.height))
        outcomes.append(outcome)
        members.append(groups)
    if schema is None:
        raise InputError(Fault("parts", "no part", "at least one"))
    if any(one is None for one in members) and any(one is not None for one in members):
        raise InputError(Fault("parts: groups", "in some parts alone", "in all or in none"))
    frame, rows = sample.taken()
    whole = tuple(np.concatenate(each) for each in zip(*outcomes, strict=True))
    known = [one for one in members if one is not None]
    return Gathered(parts, frame, schema, rows, whole, np.concatenate(known) if known else None)


class _Sample:
    """The rows with the smallest keys so far."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._frames: list[pl.DataFrame] = []
        self._keys = np.zeros(0)
        self._rows = np.zeros(0, dtype=np.int64)
        self._seen = 0

    def add(self, frame: pl.DataFrame, keys: Floats) -> None:
        self._frames.append(frame)
        self._keys = np.concatenate([self._keys, keys])
        self._rows = np.concatenate([self._rows, self._seen + np.arange(frame.height)])
        self._seen += frame.height
        if len(self._keys) > self._most:
            kept = np.sort(np.argpartition(self._keys, self._most)[: self._most])
            self._frames = [pl.concat(self._frames)[kept]]
            self._keys, self._rows = self._keys[kept], self._rows[kept]

    def taken(self) -> tuple[pl.DataFrame, Ints]:
        return pl.concat(self._frames), self._rows


def _taken_apart(part: Any) -> tuple[Any, Any, Any, NDArray[Any] | None]:
    if not isinstance(part, tuple) or len(part) not in (2, 3):
        raise InputError(Fault("parts", "a part that is no pair", '(X, y) or (X, y, {"entry": …})'))
    more = part[2] if len(part) == 3 else {}
    if not isinstance(more, Mapping) or set(more) - set(EXTRAS):
        raise InputError(Fault("parts", "a third of another kind", f"a mapping of {EXTRAS}"))
    groups = more.get("groups")
    return part[0], part[1], more.get("entry"), None if groups is None else np.asarray(groups)


def _aligned(X: Any, schema: Schema | None) -> tuple[pl.DataFrame, Schema]:
    """Return the frame of a part with the columns of the first, and the first's schema."""
    if schema is not None:
        return schema.align(X)[0], schema
    frame, named = as_frame(X)
    return frame, Schema.of(frame, named)


@dataclass(frozen=True)
class Whole:
    """All rows as trees take them, binned at the second reading.

    Parameters
    ----------
    reference : shape (m, p_trees)
        Of the sample, from which the bins are cut.
    """

    gathered: Gathered
    encoding: Encoding
    reference: Floats

    def data(self, sign: Ints) -> TreeData:
        """Return the binned columns of all rows, for trees of these directions."""
        found = TreeData(self.reference[:0], sign)
        found.cells, found.binned = self.gathered.total * found.columns, self._binned
        return found

    @cached_property
    def _binned(self) -> Any:
        import lightgbm

        cut = TreeData(self.reference).binned
        if cut is None:
            return None
        rows, batches = self.gathered.total, _batches(self._designs())

        class Stream(lightgbm.Sequence):  # type: ignore[misc]  # lightgbm ships no types
            batch_size = BATCH_ROWS

            def __len__(self) -> int:
                return rows

            def __getitem__(self, asked: Any) -> Floats:
                batch = next(batches, None)
                if batch is None or len(batch) != asked.stop - asked.start:
                    raise InputError(Fault("parts", "other rows at the second reading", "the same"))
                return batch

        settings = {**FIXED, "num_threads": threads_for(rows * self.reference.shape[1])}
        data = lightgbm.Dataset(Stream(), reference=cut, params=settings, free_raw_data=True)
        return data.construct()

    def _designs(self) -> Iterator[Floats]:
        for part in self.gathered.parts():
            frame, _ = _aligned(_taken_apart(part)[0], self.gathered.schema)
            yield self.encoding.tree_design(frame)


def _batches(designs: Iterator[Floats]) -> Iterator[Floats]:
    """Yield the rows of several arrays in batches of `BATCH_ROWS`, the last one shorter."""
    left: list[Floats] = []
    for design in designs:
        start = 0
        while start < len(design):
            wanted = BATCH_ROWS - sum(len(one) for one in left)
            left.append(design[start : start + wanted])
            start += wanted
            if sum(len(one) for one in left) == BATCH_ROWS:
                yield np.concatenate(left)
                left = []
    if left:
        yield np.concatenate(left)
