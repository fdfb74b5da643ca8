"""Where the tables of a CDM lie: files in a folder or zip, or a DuckDB file."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from osler.errors import Fault, InputError
from osler.extras import require
from osler.sources.base import LoadReport
from osler.sources.delimited import DelimitedTable, Dialect
from osler.sources.files import (
    GZIP,
    PARQUET,
    ZIP,
    Member,
    files_below,
    first_bytes,
    is_parquet,
    members,
    open_binary,
    parquet_batches,
    parquet_columns,
    unpacked,
)
from osler.sources.omop.tables import LOOKUPS, PERSON, table_of

_TEXT_ENDINGS = (".csv", ".tsv", ".txt")
_PACKINGS = ("", ".gz", ".bz2", ".xz", ".zst")
ENDINGS = (".parquet", ".pq", *(end + packing for end in _TEXT_ENDINGS for packing in _PACKINGS))

EXPECTED = "a folder or zip of CDM tables (person.csv, …; CSV or Parquet), or a DuckDB file"
DUCKDB_MAGIC = b"DUCK"  # at byte 8, https://duckdb.org/docs/stable/internals/storage

# Parquet is read from its end, which a stream out of a zip cannot do without holding it whole.
MOST_ZIPPED_PARQUET_BYTES = 2 * 2**30

# Athena writes vocabularies separated by tabs, where a quote is a character like any other.
_TABBED = Dialect(separator="\t", quoted=False)
_HEADER_BYTES = 4096


class Tables(Protocol):
    """The tables of one CDM, by their lower-case names."""

    @property
    def names(self) -> frozenset[str]:
        """The CDM tables that are there."""
        ...

    @property
    def others(self) -> int:
        """How many files or tables are there that the CDM does not know."""
        ...

    def files(self) -> list[Path]:
        """Return the files to take the digest of."""
        ...

    def columns(self, table: str) -> list[list[str]]:
        """Return the column names of each part of a table, as written."""
        ...

    def batches(self, table: str, batch_rows: int, report: LoadReport) -> Iterator[pl.DataFrame]:
        """Yield the rows of a table; malformed ones are counted as refused in the report."""
        ...


def find_tables(path: Path) -> Tables:
    """Tell what kind of source lies at a path and find its tables.

    Raises
    ------
    InputError
        If it is none of the kinds, or has no table `person`.
    """
    tables: Tables
    if path.is_dir():
        tables = FolderTables.of(path)
    else:
        head = first_bytes(path, 12)
        if head.startswith(ZIP):
            tables = ZipTables(path)
        elif head[8:12] == DUCKDB_MAGIC:
            tables = DuckTables(path)
        else:
            raise InputError(Fault(path.name, "neither zip nor DuckDB file", EXPECTED))
    if not tables.names:
        raise InputError(Fault(path.name, "no table of the CDM", EXPECTED))
    if PERSON not in tables.names:
        came = f"no table `{PERSON}` among {len(tables.names)} tables of the CDM"
        raise InputError(Fault(path.name, came, EXPECTED))
    return tables


@dataclass(frozen=True)
class FolderTables:
    """Tables as files in a folder; a table may be a folder of parts."""

    parts: dict[str, tuple[Path, ...]]
    others: int

    @classmethod
    def of(cls, root: Path) -> FolderTables:
        """Find the tables.

        Raises
        ------
        InputError
            If one table is there twice, in two folders or two formats.
        """
        parts: defaultdict[str, list[Path]] = defaultdict(list)
        others = 0
        for file in files_below(root, ENDINGS):
            table = table_of(file.name, "" if file.parent == root else file.parent.name)
            if table is None:
                others += 1
            else:
                parts[table].append(file)
        faults = [
            Fault(f"table {table}", "in several folders or formats", "one set of files a table")
            for table, files in sorted(parts.items())
            if len({(file.parent, is_parquet(file)) for file in files}) > 1
        ]
        if faults:
            raise InputError(faults)
        return cls({table: tuple(files) for table, files in parts.items()}, others)

    @property
    def names(self) -> frozenset[str]:
        """The CDM tables that are there."""
        return frozenset(self.parts)

    def files(self) -> list[Path]:
        """Return the files of all tables."""
        return sorted(file for files in self.parts.values() for file in files)

    def columns(self, table: str) -> list[list[str]]:
        """Return the column names of each part of a table."""
        return [_columns_of_file(file) for file in self.parts[table]]

    def batches(self, table: str, batch_rows: int, report: LoadReport) -> Iterator[pl.DataFrame]:
        """Yield the rows of a table, part after part."""
        for file in self.parts[table]:
            if is_parquet(file):
                yield from parquet_batches(file, batch_rows)
                continue
            with open_binary(file) as stream:
                yield from _delimited(stream, file.name, table, report).batches(batch_rows)


def _columns_of_file(file: Path) -> list[str]:
    if is_parquet(file):
        return parquet_columns(file)
    with open_binary(file) as stream:
        return list(DelimitedTable(stream, file.name, LoadReport()).header.columns)


def _delimited(stream: BinaryIO, where: str, table: str, report: LoadReport) -> DelimitedTable:
    tabbed = table in LOOKUPS and b"\t" in _peek(stream, _HEADER_BYTES).split(b"\n")[0]
    return DelimitedTable(stream, where, report, _TABBED if tabbed else None)


def _peek(stream: BinaryIO, count: int) -> bytes:
    peek = getattr(stream, "peek", None)
    return bytes(peek(count)[:count]) if peek else b""


class ZipTables:
    """Tables as files in a zip, whatever the folders in it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.others = 0
        found: list[str] = []
        for member in members(path, ENDINGS):
            table = table_of(member.name)
            if table is None:
                self.others += 1
            else:
                found.append(table)
        self.names = frozenset(found)
        twice = sorted({table for table in found if found.count(table) > 1})
        if twice:
            # Parts of a table have numbers, copies the same name: a zip hides the folders that
            # would tell them apart.
            self._refuse_copies()

    def _refuse_copies(self) -> None:
        seen: set[str] = set()
        for member in members(self._path, ENDINGS):
            if table_of(member.name) is None:
                continue
            name = member.name.lower()
            if name in seen:
                came = f"the table {table_of(member.name)} more than once"
                raise InputError(Fault(self._path.name, came, "each table once"))
            seen.add(name)

    def files(self) -> list[Path]:
        """Return the zip."""
        return [self._path]

    def columns(self, table: str) -> list[list[str]]:
        """Return the column names of each part of a table."""
        columns = []
        for member in self._of(table):
            if _is_parquet_stream(member):
                columns.append(list(_whole_parquet(member).schema_arrow.names))
            else:
                with _plain(member) as stream:
                    read = DelimitedTable(stream, member.where, LoadReport())
                    columns.append(list(read.header.columns))
        return columns

    def batches(self, table: str, batch_rows: int, report: LoadReport) -> Iterator[pl.DataFrame]:
        """Yield the rows of a table, part after part."""
        for member in self._of(table):
            if _is_parquet_stream(member):
                yield from _parquet_rows(member, batch_rows)
            else:
                with _plain(member) as stream:
                    read = _delimited(stream, member.where, table, report)
                    yield from read.batches(batch_rows)

    def _of(self, table: str) -> Iterator[Member]:
        return (member for member in members(self._path, ENDINGS) if table_of(member.name) == table)


def _is_parquet_stream(member: Member) -> bool:
    return _peek(member.stream, 4) == PARQUET


@contextmanager
def _plain(member: Member) -> Iterator[BinaryIO]:
    if not _peek(member.stream, 4).startswith(GZIP):
        yield member.stream
        return
    packed = member.stream.read()
    with unpacked(io.BytesIO(packed), member.where, len(packed)) as stream:
        yield stream


def _whole_parquet(member: Member) -> pq.ParquetFile:
    content = member.stream.read(MOST_ZIPPED_PARQUET_BYTES + 1)
    if len(content) > MOST_ZIPPED_PARQUET_BYTES:
        expected = f"at most {MOST_ZIPPED_PARQUET_BYTES // 2**30} GiB of Parquet a file in a zip"
        raise InputError(Fault(member.where, "larger", expected, "unpack the zip to a folder"))
    try:
        return pq.ParquetFile(io.BytesIO(content))
    except (pa.ArrowException, OSError) as error:
        raise InputError(Fault(member.where, "not readable Parquet", "Parquet")) from error


def _parquet_rows(member: Member, batch_rows: int) -> Iterator[pl.DataFrame]:
    file = _whole_parquet(member)
    try:
        for batch in file.iter_batches(batch_size=batch_rows):
            frame = pl.from_arrow(batch)
            if isinstance(frame, pl.DataFrame) and frame.height:
                yield frame
    except (pa.ArrowException, OSError) as error:
        raise InputError(Fault(member.where, "damaged Parquet", "a whole file")) from error


class DuckTables:
    """Tables of a DuckDB file, which is opened to read and may reach no other file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._duckdb = require("duckdb", "duckdb")
        self._schema, self._tables, self.others = self._find()
        self.names = frozenset(self._tables)

    def _find(self) -> tuple[str, dict[str, str], int]:
        """Take the schema that holds `person`; the first by name if several do."""
        query = "SELECT table_schema, table_name FROM information_schema.tables"
        schemas: defaultdict[str, dict[str, str]] = defaultdict(dict)
        everything = 0
        with self._connection() as connection:
            for schema, name in connection.execute(query).fetchall():
                everything += 1
                if (table := table_of(name)) is not None:
                    schemas[schema][table] = name
        holding = [schema for schema, tables in schemas.items() if PERSON in tables]
        if len(holding) > 1 and "main" not in holding:
            came = f"{len(holding)} schemas with a table `{PERSON}`"
            raise InputError(Fault(self._path.name, came, "one CDM in a file"))
        schema = "main" if "main" in holding or not holding else holding[0]
        tables = schemas.get(schema, {})
        return schema, tables, everything - len(tables)

    @contextmanager
    def _connection(self) -> Iterator[Any]:
        options = {"enable_external_access": "false", "autoload_known_extensions": "false"}
        try:
            connection = self._duckdb.connect(str(self._path), read_only=True, config=options)
        except self._duckdb.Error as error:
            expected = "a DuckDB file that no other process writes"
            raise InputError(Fault(self._path.name, "cannot be opened", expected)) from error
        try:
            yield connection
        except self._duckdb.Error as error:
            raise InputError(
                Fault(self._path.name, "a table that cannot be read", "a sound DuckDB file")
            ) from error
        finally:
            connection.close()

    def files(self) -> list[Path]:
        """Return the DuckDB file."""
        return [self._path]

    def _select(self, table: str) -> str:
        quoted = [name.replace('"', '""') for name in (self._schema, self._tables[table])]
        return f'SELECT * FROM "{quoted[0]}"."{quoted[1]}"'  # noqa: S608  # quoted as SQL has it

    def columns(self, table: str) -> list[list[str]]:
        """Return the column names of a table."""
        with self._connection() as connection:
            return [list(connection.sql(self._select(table)).columns)]

    def batches(self, table: str, batch_rows: int, report: LoadReport) -> Iterator[pl.DataFrame]:  # noqa: ARG002  # a database has no malformed rows
        """Yield the rows of a table."""
        with self._connection() as connection:
            relation = connection.sql(self._select(table))
            # The name changed with DuckDB 1.5.
            reader = getattr(relation, "to_arrow_reader", None) or relation.fetch_arrow_reader
            for batch in reader(batch_rows):
                frame = pl.from_arrow(batch)
                if isinstance(frame, pl.DataFrame) and frame.height:
                    yield frame
