"""Reading a CDM: people first, then deaths, then everything that happened."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import polars as pl

from osler.errors import Fault, InputError
from osler.model import empty_events
from osler.sources.base import Batch, LoadReport, Request
from osler.sources.omop.concepts import Concepts, Vocabulary
from osler.sources.omop.events import convert
from osler.sources.omop.layout import Tables, find_tables
from osler.sources.omop.persons import Persons
from osler.sources.omop.tables import (
    DEATH_TABLE,
    EVENT_TABLES,
    LOOKUPS,
    PERSON,
    TABLES_NOT_READ,
    EventTable,
)
from osler.sources.soundness import Duplicates, Lifespans

LOOKUP_TABLES = "tables without patients, not records"
OTHER_FILES = "files or tables that the CDM does not know, left aside"


class OmopSource:
    """Reads the OMOP Common Data Model 5.3 and 5.4."""

    name: ClassVar[str] = "omop"
    describes: ClassVar[str] = (
        "OMOP CDM 5.3 or 5.4: a folder or zip of CSV or Parquet tables, or a DuckDB file"
    )

    def files(self, path: Path) -> list[Path]:
        """Return the files of the tables.

        Raises
        ------
        InputError
            If there is no table `person`, or a table is there twice.
        """
        return find_tables(path).files()

    def read(self, request: Request) -> Iterator[Batch]:
        """Yield the events table by table, and the descriptions of all codes at the end.

        Raises
        ------
        InputError
            If a file is damaged or a table has not the columns it needs; of the columns all such
            faults at once, before the first batch.
        """
        tables = find_tables(request.path)
        faults = _missing_columns(tables)
        if faults:
            raise InputError(faults)
        yield from _Reading(request, tables).batches()


class _Reading:
    """What is known so far of the CDM that is being read."""

    def __init__(self, request: Request, tables: Tables) -> None:
        self._request, self._tables = request, tables
        self._concepts = Concepts.read(tables, request.batch_rows, request.report)
        self._vocabulary = Vocabulary(self._concepts)
        self._persons = Persons()
        self._duplicates, self._lifespans = Duplicates(), Lifespans()

    def batches(self) -> Iterator[Batch]:
        yield from self._people()
        for table in (DEATH_TABLE, *EVENT_TABLES.values()):
            if table.name in self._tables.names:
                yield from self._table(table)
        for name in sorted(TABLES_NOT_READ & self._tables.names):
            self._refuse(name)
        self._tell()
        request = self._request
        described = self._vocabulary.describe(self._tables, request.batch_rows, request.report)
        yield Batch(empty_events(), described)

    def _rows(self, name: str) -> Iterator[pl.DataFrame]:
        request = self._request
        for rows in self._tables.batches(name, request.batch_rows, request.report):
            yield rows.rename(str.lower)

    def _people(self) -> Iterator[Batch]:
        request = self._request
        for rows in self._rows(PERSON):
            events, codes = self._persons.add(
                rows, self._concepts, request.subjects, request.report
            )
            self._vocabulary.add(codes)
            yield from self._batch(events)

    def _table(self, table: EventTable) -> Iterator[Batch]:
        for rows in self._rows(table.name):
            self._duplicates.add(rows)
            made = convert(rows, table, self._persons, self._concepts, self._request.report)
            self._vocabulary.add(made.codes)
            yield from self._batch(made.events)

    def _batch(self, events: pl.DataFrame) -> Iterator[Batch]:
        if events.height:
            self._lifespans.add(events)
            yield Batch(events)

    def _refuse(self, name: str) -> None:
        rows = sum(rows.height for rows in self._rows(name))
        self._request.report.refuse(f"table not read: {name}", rows)

    def _tell(self) -> None:
        report: LoadReport = self._request.report
        self._duplicates.note(report)
        self._lifespans.note(report)
        report.note(LOOKUP_TABLES, len(LOOKUPS & self._tables.names))
        report.note(OTHER_FILES, self._tables.others)


def _missing_columns(tables: Tables) -> list[Fault]:
    needed: dict[str, list[tuple[str, ...]]] = {PERSON: [("person_id",)]}
    for table in (DEATH_TABLE, *EVENT_TABLES.values()):
        kinds = [table.code_columns] if table.code_columns else []
        needed[table.name] = [("person_id",), table.date_columns, *kinds]
    faults: list[Fault] = []
    for name in sorted(needed.keys() & tables.names):
        for columns in tables.columns(name):
            faults += _column_faults(name, [column.lower() for column in columns], needed[name])
    return faults


def _column_faults(table: str, columns: list[str], needed: list[tuple[str, ...]]) -> list[Fault]:
    faults = [
        Fault(f"table {table}", f"no column {' or '.join(choice)}", "the columns of CDM 5.3 or 5.4")
        for choice in needed
        if not set(choice) & set(columns)
    ]
    if len(set(columns)) < len(columns):
        faults.append(
            Fault(f"table {table}", "two columns that differ in case alone", "each name once")
        )
    return faults
