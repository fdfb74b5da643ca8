"""Is this a sound MEDS dataset? Every fault at once, or none."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import polars as pl

from osler.errors import Fault, InputError
from osler.model import EVENT_SCHEMA
from osler.sources.files import open_parquet, parquet_batches
from osler.sources.meds.layout import CODES, DATASET, SPLITS, Layout, Spelling

_BATCH_ROWS = 1_000_000
_OPTIONAL = ("numeric_value", "text_value")


def validate_dataset(path: Path) -> list[Fault]:
    """Return everything that keeps a folder from being a sound MEDS 0.4 dataset.

    Looked at: readable files, columns and types, no row without subject or code, order by time
    within contiguous subjects, each subject in one shard, every code described, splits disjoint.

    Raises
    ------
    InputError
        If there are no Parquet files of events at all.
    """
    layout = Layout.of(path)
    faults = fatal_faults(layout)
    if faults:
        return faults
    faults = [
        Fault(name, "absent", "the metadata of a MEDS dataset")
        for name in (CODES, DATASET)
        if name not in layout.metadata
    ]
    seen = pl.Series("subject_id", dtype=pl.Int64)
    used: set[str] = set()
    for shard in layout.shards:
        where = layout.name_of(shard)
        wrong_types = _wrong_types(shard, where)
        faults += wrong_types
        if wrong_types:
            continue
        content = _Content()
        for rows in parquet_batches(shard, _BATCH_ROWS, ["subject_id", "time", "code"]):
            content.add(rows)
        faults += content.faults(where)
        subjects = content.subjects()
        repeated = int(subjects.is_in(seen.implode()).sum())
        if repeated:
            came = f"{repeated} subjects that are in an earlier shard too"
            faults.append(Fault(where, came, "each subject in one shard"))
        seen = pl.concat([seen, subjects]).unique()
        used |= content.codes
    return faults + _undescribed(layout, used)


def fatal_faults(layout: Layout) -> list[Fault]:
    """Return what cannot be repaired in reading: damage, absent columns, contradictory splits."""
    faults: list[Fault] = []
    for shard in layout.shards:
        faults += _faults_of(partial(_spelling_faults, layout, shard))
    for look in (layout.codes, layout.dataset):
        faults += _faults_of(look)
    return faults + _faults_of(partial(_split_faults, layout))


def _faults_of(look: Callable[[], object]) -> list[Fault]:
    """Return the faults that looking raises or finds."""
    try:
        found = look()
    except InputError as error:
        return [fault for fault in error.faults if isinstance(fault, Fault)]
    return [fault for fault in found if isinstance(fault, Fault)] if isinstance(found, list) else []


def _spelling_faults(layout: Layout, shard: Path) -> list[Fault]:
    return list(Spelling.of(shard, layout.name_of(shard)).faults)


def _split_faults(layout: Layout) -> list[Fault]:
    splits = layout.splits()
    if splits is None:
        return []
    several = splits.group_by("subject_id").agg(pl.col("split").n_unique())
    count = several.filter(pl.col("split") > 1).height
    return [Fault(SPLITS, f"{count} subjects in more than one split", "one each")] if count else []


def _wrong_types(shard: Path, where: str) -> list[Fault]:
    with open_parquet(shard) as opened:
        found = pl.from_arrow(opened.schema_arrow.empty_table())
    schema = found.schema if isinstance(found, pl.DataFrame) else pl.Schema()
    return [
        Fault(f"{where}, column {name}", f"type {schema.get(name, 'absent')}", f"type {kind}")
        for name, kind in EVENT_SCHEMA.items()
        if schema.get(name) not in ((kind, None) if name in _OPTIONAL else (kind,))
    ]


class _Content:
    """The rows of one shard, looked at batch by batch."""

    def __init__(self) -> None:
        self.codes: set[str] = set()
        self._order = Order()
        self._missing = {"subject_id": 0, "code": 0}

    def add(self, rows: pl.DataFrame) -> None:
        self.codes.update(rows["code"].drop_nulls().unique())
        for name in self._missing:
            self._missing[name] += rows[name].null_count()
        self._order.add(rows)

    def subjects(self) -> pl.Series:
        return self._order.subjects().drop_nulls()

    def faults(self, where: str) -> list[Fault]:
        faults = [
            Fault(f"{where}, column {name}", f"{count} rows without a value", "none")
            for name, count in self._missing.items()
            if count
        ]
        if not self._order.sound():
            expected = "contiguous subjects, each in order of time, static events first"
            faults.append(Fault(where, "rows out of order", expected))
        return faults


class Order:
    """Whether rows come with each subject in one run and in order of time, static ones first."""

    def __init__(self) -> None:
        self._in_time = True
        self._runs: list[pl.Series] = []
        self._last: pl.DataFrame | None = None

    def add(self, rows: pl.DataFrame) -> None:
        """Look at the next rows; columns subject_id and time."""
        if not rows.height:
            return
        own = rows.select("subject_id", "time")
        joined = own if self._last is None else pl.concat([self._last, own])
        same = pl.col("subject_id") == pl.col("subject_id").shift()
        backwards = (pl.col("time") < pl.col("time").shift()) | (
            pl.col("time").is_null() & pl.col("time").shift().is_not_null()
        )
        self._in_time &= not joined.select((same & backwards).any()).item()
        starts = joined.filter(~same.fill_null(False))["subject_id"]
        # Of the row carried over only its subject counts, and that run began before.
        self._runs.append(starts if self._last is None else starts.slice(1))
        self._last = own.tail(1)

    def subjects(self) -> pl.Series:
        """Return each subject once."""
        if not self._runs:
            return pl.Series("subject_id", dtype=pl.Int64)
        return pl.concat(self._runs).unique()

    def sound(self) -> bool:
        """Say whether all rows so far were in order."""
        return self._in_time and sum(map(len, self._runs)) == len(self.subjects())


def _undescribed(layout: Layout, used: set[str]) -> list[Fault]:
    codes = layout.codes()
    bare = len(used - set(codes["code"])) if codes is not None else 0
    return [Fault(CODES, f"{bare} codes are not in it", "every code of the data")] if bare else []
