"""Small tables of text with a line of column names: labels, components, sums, frequencies."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from osler.errors import Fault, InputError


@dataclass(frozen=True)
class Table:
    """A table in memory.

    Parameters
    ----------
    columns
        Names as they stand in the file.
    rows
        Fields as text, as many as columns in each row.
    """

    path: Path
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def find(self, names: Sequence[str]) -> int | None:
        """Return the first column that has one of these names, in their order; case matters not."""
        lower = [one.lower() for one in self.columns]
        return next((lower.index(one.lower()) for one in names if one.lower() in lower), None)


def read_bytes(path: Path) -> bytes:
    """Return a file's content, decompressed if it is gzipped.

    Raises
    ------
    InputError
        If it cannot be read, or is cut short.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(
            Fault(str(path), error.strerror or "unreadable", "a file that can be read")
        ) from error
    if content[:2] != b"\x1f\x8b":
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(
            Fault(str(path), "a gzip file cut short or damaged", "a whole one", "fetch it again")
        ) from error


def read_table(path: Path) -> Table:
    """Read a table separated by tabs, or by blanks if its first line has no tab.

    Lines that begin with `##` are passed over.

    Raises
    ------
    InputError
        If it cannot be read, is empty, or has rows of other lengths than its first line.
    """
    lines = [
        line.rstrip("\r")
        for line in read_bytes(path).decode("utf-8-sig", "replace").split("\n")
        if line.strip() and not line.startswith("##")
    ]
    if len(lines) < 2:
        raise InputError(Fault(str(path), "no rows", "a line of column names, and rows"))
    separator = "\t" if "\t" in lines[0] else None
    columns = tuple(one.strip() for one in lines[0].split(separator))
    rows = tuple(tuple(line.split(separator)) for line in lines[1:])
    ragged = sum(len(row) != len(columns) for row in rows)
    if ragged:
        raise InputError(
            Fault(
                str(path),
                f"{ragged:,} rows with another number of fields",
                f"{len(columns)}, as in the first line",
            )
        )
    return Table(path, columns, rows)
