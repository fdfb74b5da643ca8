"""Text tables (CSV and its kin) read in parts, every field as text, every bad row counted.

A row is refused, never mended: a wrong number of columns, a field over 1 MB, a NUL byte, bytes
that are not of the encoding. A field that looks like a spreadsheet formula is text like any other.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from osler.errors import Fault, InputError
from osler.sources.base import LoadReport
from osler.sources.files import open_binary

WRONG_COLUMNS = "wrong number of columns"
FIELD_TOO_LONG = "a field over 1 MB"
NUL_BYTE = "a NUL byte in the row"
NOT_TEXT = "bytes that are not text in the encoding"

MOST_FIELD_BYTES = 10**6
# A row longer than this is no row: a quote that never closes, or a file that is not a table.
MOST_ROW_BYTES = 64 * 2**20
CHUNK_BYTES = 16 * 2**20
SEPARATORS = ",\t;|"

_NEWLINE, _QUOTE, _NUL = 10, 34, 0
_SLOW_ROWS = 50_000

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


class Readable(Protocol):
    """Anything that gives bytes."""

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes; none at the end."""
        ...


@dataclass(frozen=True)
class Dialect:
    """How a text table is written.

    Parameters
    ----------
    separator
        One character; None to tell it from the header.
    comment
        What lines before the header may begin with; None when there are none.
    quoted
        Whether double quotes enclose fields (RFC 4180); else they are characters like any other.
    encoding
        A Python codec name. UTF-8 with or without a byte order mark unless stated.
    """

    separator: str | None = None
    comment: str | None = None
    quoted: bool = True
    encoding: str = "utf-8"


@dataclass(frozen=True)
class Header:
    """What stands before the rows: comment lines, column names, and the separator found."""

    columns: tuple[str, ...]
    separator: str
    comments: tuple[str, ...] = ()


def read_delimited(
    path: Path, report: LoadReport, *, batch_rows: int, dialect: Dialect | None = None
) -> Iterator[pl.DataFrame]:
    """Yield the rows of a text file, all columns String; empty fields are null.

    Raises
    ------
    InputError
        If it is empty, damaged, has no header, or two columns of one name.
    """
    with open_binary(path) as stream:
        table = DelimitedTable(stream, path.name, report, dialect)
        yield from table.batches(batch_rows)


def delimited_header(path: Path, dialect: Dialect | None = None) -> Header:
    """Return the header of a text file without reading its rows."""
    with open_binary(path) as stream:
        return DelimitedTable(stream, path.name, LoadReport(), dialect).header


class DelimitedTable:
    """A text table on a stream: its header at once, its rows batch by batch.

    Parameters
    ----------
    stream
        Bytes, unpacked.
    where
        What messages call the file.
    report
        Refused rows are counted here.
    """

    def __init__(
        self, stream: Readable, where: str, report: LoadReport, dialect: Dialect | None = None
    ) -> None:
        self._dialect = dialect or Dialect()
        self._chunks = _as_utf8(stream, where, self._dialect.encoding)
        self._where = where
        self._report = report
        self._rest = b""
        self.header = self._read_header()

    def batches(self, batch_rows: int) -> Iterator[pl.DataFrame]:
        """Yield frames of about `batch_rows` rows."""
        waiting: list[pl.DataFrame] = []
        rows = 0
        for frame in self._frames():
            waiting.append(frame)
            rows += frame.height
            if rows >= batch_rows:
                yield from pl.concat(waiting).iter_slices(batch_rows)
                waiting, rows = [], 0
        if rows:
            yield from pl.concat(waiting).iter_slices(batch_rows)

    def _read_header(self) -> Header:
        comments: list[str] = []
        while True:
            line = self._next_line()
            if line is None:
                came = "empty" if not comments else "only comments"
                raise InputError(Fault(self._where, came, "a header line and rows below it"))
            text = _header_text(line, self._where)
            if self._dialect.comment and text.startswith(self._dialect.comment):
                comments.append(text)
            elif text.strip():
                return header_of(text, self._where, self._dialect, tuple(comments))

    def _next_line(self) -> bytes | None:
        while b"\n" not in self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                line, self._rest = self._rest, b""
                return line or None
            self._rest += chunk
            if len(self._rest) > MOST_ROW_BYTES:
                raise _endless(self._where)
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def _frames(self) -> Iterator[pl.DataFrame]:
        rest = self._rest
        for chunk in self._chunks:
            rest += chunk
            if len(rest) < CHUNK_BYTES:
                continue
            rows = self._scan(rest)
            if rows.irregular:
                yield from self._slowly(rest)
                return
            if rows.end:
                yield self._parse(rows)
                rest = rest[rows.end :]
            elif len(rest) > MOST_ROW_BYTES:
                raise _endless(self._where)
        if rest:
            rows = self._scan(rest if rest.endswith(b"\n") else rest + b"\n")
            if rows.irregular or rows.end < len(rest):
                yield from self._slowly(rest)
            else:
                yield self._parse(rows)

    def _scan(self, chunk: bytes) -> Rows:
        return scan(chunk, self.header.separator, self._dialect.quoted)

    def _parse(self, rows: Rows) -> pl.DataFrame:
        keep = rows.sound(len(self.header.columns), self._report)
        return frame_of(rows, keep, self.header, self._dialect.quoted)

    def _slowly(self, rest: bytes) -> Iterator[pl.DataFrame]:
        """Read on row by row: quotes stand where RFC 4180 has none, as in `5" pipe`."""
        lines = _Lines(rest, self._chunks)
        reader = csv.reader(lines, delimiter=self.header.separator)
        while True:
            rows = list(self._next_slow_rows(reader, lines))
            if not rows:
                return
            yield pl.DataFrame(
                [[field or None for field in row] for row in rows],
                schema=dict.fromkeys(self.header.columns, pl.String),
                orient="row",
            )

    def _next_slow_rows(self, reader: Iterator[list[str]], lines: _Lines) -> Iterator[list[str]]:
        usual = csv.field_size_limit(MOST_ROW_BYTES)
        try:
            for row in islice(reader, _SLOW_ROWS):
                if lines.ended_inside_a_row:
                    raise _endless(self._where)
                if row and self._is_sound(row):
                    yield row
        except csv.Error as error:
            raise _endless(self._where) from error
        finally:
            csv.field_size_limit(usual)

    def _is_sound(self, row: list[str]) -> bool:
        if not _is_encodable("".join(row)):
            self._report.refuse(NOT_TEXT)
        elif any("\0" in field for field in row):
            self._report.refuse(NUL_BYTE)
        elif max(map(len, row)) > MOST_FIELD_BYTES:
            self._report.refuse(FIELD_TOO_LONG)
        elif len(row) != len(self.header.columns):
            self._report.refuse(WRONG_COLUMNS)
        else:
            return True
        return False


class _Lines:
    """Lines for the csv module, knowing whether it asked for more than there was."""

    def __init__(self, rest: bytes, chunks: Iterator[bytes]) -> None:
        self._rest = rest
        self._chunks = chunks
        self._lines: Iterator[bytes] = iter(())
        self.ended_inside_a_row = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines, None)
        while line is None:
            chunk = next(self._chunks, None)
            if chunk is None:
                if not self._rest:
                    self.ended_inside_a_row = True
                    raise StopIteration
                lines, self._rest = self._rest, b""
            else:
                lines, _, self._rest = (self._rest + chunk).rpartition(b"\n")
                lines += b"\n" if lines else b""
            self._lines = iter(lines.splitlines(keepends=True))
            line = next(self._lines, None)
        # Bad bytes pass as surrogates, so that only their row is refused.
        return line.decode("utf-8", "surrogateescape")


@dataclass(frozen=True)
class Rows:
    """Where the rows of a chunk of bytes are.

    Parameters
    ----------
    content
        The chunk as bytes, one per element.
    ends
        Position of the newline that ends each row.
    separators
        Positions of the separators that are not inside quotes.
    irregular
        Whether quotes stand where RFC 4180 has none; then the rest means nothing.
    """

    content: NDArray[np.uint8]
    ends: Ints
    separators: Ints
    irregular: bool = False

    @property
    def end(self) -> int:
        """Position after the last whole row; 0 when there is none."""
        return int(self.ends[-1]) + 1 if len(self.ends) else 0

    @property
    def starts(self) -> Ints:
        """Position of the first byte of each row."""
        return np.concatenate(([0], self.ends[:-1] + 1)).astype(np.int64)

    def sound(self, columns: int, report: LoadReport) -> Bools:
        """Tell which rows can be parsed; count the others into the report, blank lines aside."""
        lengths = self.ends - self.starts
        blank = lengths == 0
        refused: Bools = np.zeros(len(self.ends), dtype=bool)
        for reason, bad in (
            (NOT_TEXT, self._not_utf8()),
            (NUL_BYTE, self._holding(_NUL)),
            (FIELD_TOO_LONG, self._field_too_long(lengths)),
            (WRONG_COLUMNS, self._columns() != columns),
        ):
            new = bad & ~refused & ~blank
            report.refuse(reason, int(new.sum()))
            refused |= new
        keep: Bools = ~(refused | blank)
        return keep

    def _columns(self) -> Ints:
        before = np.searchsorted(self.separators, self.ends)
        columns: Ints = np.diff(before, prepend=0) + 1
        return columns

    def _row_of(self, positions: Ints) -> Ints:
        rows: Ints = np.searchsorted(self.ends, positions)
        return rows[rows < len(self.ends)]

    def _holding(self, byte: int) -> Bools:
        bad: Bools = np.zeros(len(self.ends), dtype=bool)
        bad[self._row_of(np.flatnonzero(self.content == byte))] = True
        return bad

    def _field_too_long(self, lengths: Ints) -> Bools:
        bad: Bools = np.zeros(len(self.ends), dtype=bool)
        if len(lengths) and lengths.max() > MOST_FIELD_BYTES:
            bounds = np.union1d(self.separators, self.ends)
            long = np.diff(bounds, prepend=-1) - 1 > MOST_FIELD_BYTES
            bad[self._row_of(bounds[long])] = True
        return bad

    def _not_utf8(self) -> Bools:
        bad: Bools = np.zeros(len(self.ends), dtype=bool)
        if _is_utf8(self.content[: self.end].tobytes()):
            return bad
        starts = self.starts
        for row in np.unique(self._row_of(np.flatnonzero(self.content >= 128))):
            bad[row] = not _is_utf8(self.content[starts[row] : self.ends[row]].tobytes())
        return bad


def scan(chunk: bytes, separator: str, quoted: bool) -> Rows:
    """Find the rows of a chunk; the last must end with a newline to count."""
    content = np.frombuffer(chunk, dtype=np.uint8)
    newlines, separators = content == _NEWLINE, content == ord(separator)
    if quoted and b'"' in chunk:
        quotes = content == _QUOTE
        inside = np.bitwise_xor.accumulate(quotes.view(np.uint8)).view(bool)
        newlines, separators = newlines & ~inside, separators & ~inside
        if _irregular(content, np.flatnonzero(quotes), ord(separator)):
            return Rows(content, np.array([], np.int64), np.array([], np.int64), irregular=True)
    return Rows(content, np.flatnonzero(newlines), np.flatnonzero(separators))


def _irregular(content: NDArray[np.uint8], quotes: Ints, separator: int) -> bool:
    """Tell whether a quote opens or closes elsewhere than at the edge of a field."""
    edges = (separator, _NEWLINE, _QUOTE)
    opening, closing = quotes[0::2], quotes[1::2]
    before = content[opening[opening > 0] - 1]
    after = content[closing[closing < len(content) - 1] + 1]
    return not (np.isin(before, edges).all() and np.isin(after, edges).all())


def frame_of(rows: Rows, keep: Bools, header: Header, quoted: bool) -> pl.DataFrame:
    """Parse the kept rows of a chunk into columns of text."""
    schema = dict.fromkeys(header.columns, pl.String)
    if not keep.any():
        return pl.DataFrame(schema=schema)
    content = rows.content[: rows.end]
    if not keep.all():
        content = content[np.repeat(keep, rows.ends - rows.starts + 1)]
    return pl.read_csv(
        content.tobytes(),
        has_header=False,
        new_columns=list(header.columns),
        schema=schema,
        separator=header.separator,
        quote_char='"' if quoted else None,
        infer_schema=False,
    ).with_columns(pl.all().replace("", None))


def header_of(line: str, where: str, dialect: Dialect, comments: tuple[str, ...] = ()) -> Header:
    """Read column names from the header line.

    Raises
    ------
    InputError
        If a name is empty or stands twice.
    """
    line = line.rstrip("\r")
    if "\r" in line or "\0" in line:
        expected = "lines of text that end with a newline"
        raise InputError(Fault(f"{where}, header", "not lines of text", expected))
    separator = dialect.separator or sniff(line)
    try:
        quoted = next(csv.reader([line], delimiter=separator))
    except csv.Error as error:
        raise InputError(Fault(f"{where}, header", "not column names", "a header line")) from error
    names = quoted if dialect.quoted else line.split(separator)
    columns = tuple(name.strip() for name in names)
    faults = [
        Fault(f"{where}, header", f"the column {name!r} more than once", "each name once")
        for name in sorted({name for name in columns if name and columns.count(name) > 1})
    ]
    if "" in columns:
        place = columns.index("") + 1
        faults.append(Fault(f"{where}, header", f"column {place} has no name", "a name each"))
    if faults:
        raise InputError(faults)
    return Header(columns, separator, comments)


def sniff(line: str) -> str:
    """Return the separator that divides a header into most columns; a comma when none does.

    Examples
    --------
    >>> sniff("id;age;name, first")
    ';'
    """
    outside_quotes = "".join(line.split('"')[::2])
    return max(SEPARATORS, key=outside_quotes.count)


def _header_text(line: bytes, where: str) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(_not_text(where)) from error


def _as_utf8(stream: Readable, where: str, encoding: str) -> Iterator[bytes]:
    """Yield chunks in UTF-8 without byte order mark, every line ending with a bare newline."""
    first = stream.read(CHUNK_BYTES)
    if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    plain = codecs.lookup(encoding).name == "utf-8"
    first = first.removeprefix(codecs.BOM_UTF8)
    decoder = codecs.getincrementaldecoder(encoding)()
    held = b""
    chunk = first
    while chunk:
        following = stream.read(CHUNK_BYTES)
        if not plain:
            try:
                text = decoder.decode(chunk, final=not following)
            except UnicodeDecodeError as error:
                raise InputError(_not_text(where)) from error
            chunk = text.encode("utf-8")
        chunk = (held + chunk).replace(b"\r\n", b"\n")
        held = b"\r" if chunk.endswith(b"\r") and following else b""
        yield chunk.removesuffix(b"\r")
        chunk = following


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _is_encodable(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _not_text(where: str) -> Fault:
    remedy = "save it as UTF-8, or name its encoding in the mapping"
    return Fault(where, "bytes that are not text in the encoding", "UTF-8", remedy)


def _endless(where: str) -> InputError:
    came = "a quote that is never closed, or a row over 64 MB"
    return InputError(Fault(where, came, "rows that end", "look for a lone quote in the file"))
