"""The rows of a table: one file, or the files of a folder or archive as one table."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import polars as pl

from osler.errors import Fault, InputError
from osler.sources.base import LoadReport
from osler.sources.delimited import DelimitedTable, delimited_header, read_delimited
from osler.sources.files import (
    ZIP,
    Member,
    files_below,
    first_bytes,
    is_archive,
    is_parquet,
    members,
    parquet_batches,
    parquet_columns,
)
from osler.sources.table.mapping import Mapping
from osler.sources.table.small import (
    MOST_SMALL_BYTES,
    PACKED,
    Part,
    Resumed,
    SmallTables,
    stems,
)

TABLE_SUFFIXES = (".csv", ".tsv", ".txt", ".psv", ".parquet")
ALL_SUFFIXES = tuple(suffix + packed for suffix in TABLE_SUFFIXES for packed in ("", *PACKED))


def source_files(path: Path) -> list[Path]:
    """Return the files that make up a table.

    Raises
    ------
    InputError
        If there is no file, or no table in the folder.
    """
    if not path.is_dir():
        first_bytes(path)
        return [path]
    found = files_below(path)
    if not found:
        raise InputError(Fault(path.name, "a folder without files", "tables, or one file"))
    return found


def parts(path: Path, mapping: Mapping, report: LoadReport, batch_rows: int) -> Iterator[Part]:
    """Yield the rows in parts of about `batch_rows`.

    Raises
    ------
    InputError
        If a file is damaged or lacks a column of the mapping; or no file matches.
    """
    if not is_archive(path):
        yield from _of_file(path, mapping, report, batch_rows)
        return
    waiting: list[Part] = []
    held = 0
    for part in _of_many(path, mapping, report, batch_rows):
        if waiting and part.rows.schema != waiting[0].rows.schema:
            yield _joined(waiting)
            waiting, held = [], 0
        waiting.append(part)
        held += part.rows.height
        if held >= batch_rows:
            yield _joined(waiting)
            waiting, held = [], 0
    if waiting:
        yield _joined(waiting)


def _joined(waiting: list[Part]) -> Part:
    rows = pl.concat([part.rows for part in waiting])
    return Part(rows, pl.concat([part.stems for part in waiting]))


def _of_file(path: Path, mapping: Mapping, report: LoadReport, batch_rows: int) -> Iterator[Part]:
    if is_parquet(path):
        mapping.require(tuple(parquet_columns(path)), path.name)
        batches = parquet_batches(path, batch_rows)
    else:
        batches = _delimited(path, mapping, report, batch_rows)
    for rows in batches:
        yield Part(rows, stems(path.name, rows.height))


def _delimited(
    path: Path, mapping: Mapping, report: LoadReport, batch_rows: int
) -> Iterator[pl.DataFrame]:
    mapping.require(delimited_header(path, mapping.dialect).columns, path.name)
    yield from read_delimited(path, report, batch_rows=batch_rows, dialect=mapping.dialect)


def _of_many(path: Path, mapping: Mapping, report: LoadReport, batch_rows: int) -> Iterator[Part]:
    """Yield the rows of each file of a folder or archive that the mapping names."""
    matched = 0
    if path.is_dir():
        for number, file in enumerate(files_below(path), start=1):
            if _is_named(file.name, mapping):
                matched += 1
                where = f"file {number} of {path.name}"
                yield from _of_folder_file(file, where, mapping, report, batch_rows)
    else:
        gathered = SmallTables(mapping, report)
        for member in members(path):
            if _is_named(member.name, mapping):
                matched += 1
                content = member.stream.read(MOST_SMALL_BYTES)
                if gathered.takes(content):
                    yield from gathered.add(member, content)
                else:
                    yield from gathered.flush()
                    yield from _of_stream(member, content, mapping, report, batch_rows)
        yield from gathered.flush()
    if not matched:
        _nothing_matched(path, mapping)


def _of_stream(
    member: Member, head: bytes, mapping: Mapping, report: LoadReport, batch_rows: int
) -> Iterator[Part]:
    stream = Resumed(head, member.stream)
    table = DelimitedTable(stream, member.where, report, mapping.dialect)
    mapping.require(table.header.columns, member.where)
    for rows in table.batches(batch_rows):
        yield Part(rows, stems(member.name, rows.height))


def _of_folder_file(
    file: Path, where: str, mapping: Mapping, report: LoadReport, batch_rows: int
) -> Iterator[Part]:
    try:
        yield from _of_file(file, mapping, report, batch_rows)
    except InputError as error:
        # A file named after a patient is an identifier, so a message names it by its place.
        faults = [
            Fault(where + f.where.removeprefix(file.name), f.came, f.expected, f.remedy)
            if isinstance(f, Fault)
            else f
            for f in error.faults
        ]
        raise InputError(faults) from None


def _is_named(name: str, mapping: Mapping) -> bool:
    if mapping.files is not None:
        return fnmatch(name, mapping.files)
    return name.lower().endswith(ALL_SUFFIXES)


def _nothing_matched(path: Path, mapping: Mapping) -> None:
    if path.is_file() and first_bytes(path).startswith(ZIP):
        names = {member.name for member in members(path)}
        if "workbook.xml" in names:
            came, remedy = "an Excel workbook", "save each sheet as CSV in UTF-8"
            raise InputError(Fault(path.name, came, "CSV, TSV or Parquet", remedy))
    expected = f"files like {mapping.files}" if mapping.files else "CSV, TSV, text or Parquet"
    raise InputError(Fault(path.name, "no file of these", expected, "see `files:` in the mapping"))
