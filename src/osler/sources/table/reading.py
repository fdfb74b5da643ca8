"""The `table` source: rows to events, every row either loaded or refused with its reason."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl

from osler.errors import Fault, InputError
from osler.model import CODE_COLUMNS, as_events, empty_events
from osler.sources.base import Batch, LoadReport, Request
from osler.sources.soundness import Duplicates, Lifespans
from osler.sources.table.events import (
    GRAVITY,
    NO_SUBJECT,
    REASONS,
    WORTH_A_NOTE,
    Columns,
    Made,
    apply_rule,
)
from osler.sources.table.mapping import EventRule, Mapping, read_mapping
from osler.sources.table.rows import parts, source_files
from osler.sources.table.small import Part
from osler.sources.values import as_text

CONTRADICTORY_STATIC = "subjects with two values of one static column"


class TableSource:
    """Reads CSV, TSV or Parquet, one file or many as one table, by a mapping file."""

    name: ClassVar[str] = "table"
    describes: ClassVar[str] = "CSV, TSV or Parquet, or a folder, zip or tar of them, by a mapping"

    def files(self, path: Path) -> list[Path]:
        """Return the file, or all files of the folder.

        Raises
        ------
        InputError
            If there is none.
        """
        return source_files(path)

    def read(self, request: Request) -> Iterator[Batch]:
        """Yield the events part by part.

        Raises
        ------
        InputError
            If there is no mapping, it has faults, or the table lacks columns that it names.
        """
        if request.mapping is None:
            remedy = "see docs/howto/mapping.md for how to write one"
            raise InputError(Fault("--mapping", "not given", "a mapping file", remedy))
        mapping = read_mapping(request.mapping)
        reading = _Reading(mapping, request)
        described = _descriptions(mapping)
        if described.height:
            yield Batch(empty_events(), described)
        for part in parts(request.path, mapping, request.report, request.batch_rows):
            if part.rows.height:
                yield Batch(reading.events(part))
        reading.tell()


def _descriptions(mapping: Mapping) -> pl.DataFrame:
    rows = [
        (rule.code.constant, rule.description, None)
        for rule in mapping.rules
        if rule.code is not None and rule.code.constant is not None and rule.description
    ]
    return pl.DataFrame(rows, schema=CODE_COLUMNS, orient="row")


class _Reading:
    """What is known so far of the table that is being read."""

    def __init__(self, mapping: Mapping, request: Request) -> None:
        self._mapping = mapping
        self._request = request
        self._duplicates, self._lifespans = Duplicates(), Lifespans()
        self._static = _Static()

    def events(self, part: Part) -> pl.DataFrame:
        columns = Columns(part, self._mapping)
        subjects = self._subjects(part, columns)
        # Of files named after subjects, equal rows in two files are not the same.
        named = self._mapping.subject is None
        self._duplicates.add(part.rows.with_columns(part.stems) if named else part.rows)
        made = [apply_rule(rule, columns, self._mapping) for rule in self._mapping.rules]
        self._count(made, subjects)
        frames = [
            self._with_subject(one, subjects, number)
            for number, one in enumerate(made)
            if one.events.height
        ]
        events = pl.concat([empty_events(), *frames])
        self._lifespans.add(events)
        return events

    def _subjects(self, part: Part, columns: Columns) -> pl.Series:
        name = self._mapping.subject
        written = as_text(part.stems) if name is None else columns.text(name)
        names = written.unique(maintain_order=True).drop_nulls()
        ids = self._request.subjects.of(names).cast(pl.Int64)
        return written.replace_strict(names, ids, default=None, return_dtype=pl.Int64)

    def _with_subject(self, made: Made, subjects: pl.Series, number: int) -> pl.DataFrame:
        own = subjects[made.rows].alias("subject_id")
        events = as_events(made.events.with_columns(own)).filter(pl.col("subject_id").is_not_null())
        if self._mapping.rules[number].time is None:
            return self._static.new(events, number)
        return events

    def _count(self, made: list[Made], subjects: pl.Series) -> None:
        """Count each row once: as loaded if any rule made an event of it, else by its reason."""
        report = self._request.report
        nobody = subjects.is_null().to_numpy()
        ranks = np.stack([one.ranks for one in made])
        best = ranks.max(axis=0)
        loaded = (best >= len(REASONS)) & ~nobody
        best[nobody] = GRAVITY[NO_SUBJECT]
        report.loaded += int(loaded.sum())
        for rank, count in enumerate(np.bincount(best[~loaded], minlength=len(REASONS))):
            report.refuse(REASONS[rank], int(count))
        _note_lost_events(ranks[:, loaded], report)

    def tell(self) -> None:
        report = self._request.report
        self._duplicates.note(report)
        self._lifespans.note(report)
        report.note(CONTRADICTORY_STATIC, self._static.contradictions(self._mapping.rules))


def _note_lost_events(
    ranks: np.ndarray[tuple[int, ...], np.dtype[np.int8]], report: LoadReport
) -> None:
    """Tell what was refused in rows of which other events were loaded."""
    for reason in WORTH_A_NOTE:
        report.note(f"single events refused: {reason}", int((ranks == GRAVITY[reason]).sum()))


class _Static:
    """Static events already given, so that each subject has them once."""

    _KEY: ClassVar[list[str]] = ["subject_id", "code", "numeric_value", "text_value"]

    def __init__(self) -> None:
        self._seen: dict[int, pl.DataFrame] = {}

    def new(self, events: pl.DataFrame, number: int) -> pl.DataFrame:
        """Return the events of a rule that were not given before."""
        fresh = events.unique(self._KEY, keep="first", maintain_order=True)
        seen = self._seen.get(number)
        if seen is not None:
            fresh = fresh.join(seen, on=self._KEY, how="anti", nulls_equal=True)
        own = fresh.select(self._KEY)
        self._seen[number] = own if seen is None else pl.concat([seen, own])
        return fresh

    def contradictions(self, rules: tuple[EventRule, ...]) -> int:
        """Count subjects with two values where a rule can give only one, once per rule."""
        single = (
            seen["subject_id"]
            for number, seen in self._seen.items()
            if (code := rules[number].code) is None or code.constant is not None
        )
        return sum(len(subjects) - subjects.n_unique() for subjects in single)
