"""Many small text tables with one header, as archives of one file per patient have them.

Parsed one by one, each costs a millisecond or two; joined, a file costs what its bytes cost.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np
import polars as pl

from osler.sources.base import LoadReport
from osler.sources.delimited import CHUNK_BYTES, DelimitedTable, Header, Readable, frame_of, scan
from osler.sources.files import Member
from osler.sources.table.mapping import Mapping

MOST_SMALL_BYTES = 2**20
PACKED = (".gz", ".bz2", ".xz", ".zip")


@dataclass(frozen=True)
class Part:
    """Some rows, all with the same columns.

    Parameters
    ----------
    rows
        Columns of text, or of any type from Parquet.
    stems
        Name without suffix of the file that each row comes from.
    """

    rows: pl.DataFrame
    stems: pl.Series


def stem_of(name: str) -> str:
    """Return the name of a file without its suffix and that of its packing.

    Examples
    --------
    >>> stem_of("132539.csv.gz")
    '132539'
    """
    packed = next((ending for ending in PACKED if name.lower().endswith(ending)), "")
    return PurePath(name[: len(name) - len(packed)]).stem


def stems(name: str, rows: int) -> pl.Series:
    """Return the stem of a file once per row."""
    return pl.Series("stem", [stem_of(name)]).new_from_index(0, rows)


class Resumed:
    """A stream of which the first bytes were read already."""

    def __init__(self, head: bytes, rest: Readable) -> None:
        self._head = head
        self._rest = rest

    def read(self, size: int = -1, /) -> bytes:
        """Return the first bytes, then what the stream has left."""
        head, self._head = self._head, b""
        return head or self._rest.read(size)


class SmallTables:
    """Gathers small tables until there is enough to parse, or the header changes."""

    def __init__(self, mapping: Mapping, report: LoadReport) -> None:
        self._mapping = mapping
        self._report = report
        self._line: bytes | None = None
        self._header: Header | None = None
        self._bodies: list[bytes] = []
        self._stems: list[str] = []
        self._held = 0

    def takes(self, content: bytes) -> bool:
        """Say whether a file is small and plain enough to be joined with others."""
        dialect = self._mapping.dialect
        plain = dialect.comment is None and codecs.lookup(dialect.encoding).name == "utf-8"
        marks = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
        return (
            plain
            and 0 < len(content) < MOST_SMALL_BYTES
            and not content.startswith(marks)
            and not (dialect.quoted and b'"' in content)
        )

    def add(self, member: Member, content: bytes) -> Iterator[Part]:
        """Take a file; yields what was gathered before when it no longer fits."""
        content = content.removeprefix(codecs.BOM_UTF8).replace(b"\r\n", b"\n")
        line, _, body = content.partition(b"\n")
        if line != self._line:
            yield from self.flush()
            table = DelimitedTable(
                Resumed(content, member.stream), member.where, self._report, self._mapping.dialect
            )
            self._mapping.require(table.header.columns, member.where)
            self._line, self._header = line, table.header
            # Blank lines before a header are rare: such a file is parsed by itself.
            if not line.strip():
                self._line, self._header = None, None
                for rows in table.batches(CHUNK_BYTES):
                    yield Part(rows, stems(member.name, rows.height))
                return
        self._bodies.append(body if body.endswith(b"\n") or not body else body + b"\n")
        self._stems.append(stem_of(member.name))
        self._held += len(body)
        if self._held >= CHUNK_BYTES:
            yield from self.flush()

    def flush(self) -> Iterator[Part]:
        """Yield what is gathered."""
        header, bodies, names = self._header, self._bodies, self._stems
        self._bodies, self._stems, self._held = [], [], 0
        if header is None or not any(bodies):
            return
        rows = scan(b"".join(bodies), header.separator, quoted=False)
        keep = rows.sound(len(header.columns), self._report)
        ends = np.cumsum([len(body) for body in bodies])
        file_of_row = np.searchsorted(ends, rows.starts[keep], side="right")
        yield Part(
            frame_of(rows, keep, header, quoted=False),
            pl.Series("stem", names).gather(pl.Series(file_of_row)),
        )
