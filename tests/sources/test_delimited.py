"""Text tables are read in parts, every bad row counted."""

from __future__ import annotations

import csv
import gzip
import io
from contextlib import suppress
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from osler.errors import InputError
from osler.sources import delimited
from osler.sources.base import LoadReport
from osler.sources.delimited import (
    FIELD_TOO_LONG,
    NOT_TEXT,
    NUL_BYTE,
    WRONG_COLUMNS,
    DelimitedTable,
    Dialect,
    read_delimited,
)

Rows = list[tuple[str | None, ...]]


def _table(
    content: bytes, *, batch_rows: int = 1000, dialect: Dialect | None = None
) -> tuple[tuple[str, ...], Rows, LoadReport]:
    report = LoadReport()
    table = DelimitedTable(io.BytesIO(content), "a.csv", report, dialect)
    rows = [row for batch in table.batches(batch_rows) for row in batch.iter_rows()]
    return table.header.columns, rows, report


def test_plain() -> None:
    """Byte order mark, CRLF, blank lines, quotes and empty fields are what they mean."""
    content = b'\xef\xbb\xbfid, name \r\n1,"Smith, ""J"""\r\n\r\n2,\r\n3,"two\r\nlines"'
    columns, rows, report = _table(content)
    assert columns == ("id", "name")
    assert rows == [("1", 'Smith, "J"'), ("2", None), ("3", "two\nlines")]
    assert report.refused == 0


@pytest.mark.parametrize("separator", [",", "\t", ";", "|"])
def test_separator_is_found(separator: str) -> None:
    """The separator is the one that divides the header."""
    assert _table(separator.join("abc").encode() + b"\n")[0] == ("a", "b", "c")


def test_bad_rows_are_refused_and_counted() -> None:
    """Each kind of bad row has its reason, and its neighbours are read."""
    long = b"x" * 1_000_001
    content = b"a,b\n1,2\n1\n1,2,3\n\xff,2\n\x00,2\n" + long + b",2\n3,4\n"
    _, rows, report = _table(content)
    assert rows == [("1", "2"), ("3", "4")]
    assert report.why == {WRONG_COLUMNS: 2, NOT_TEXT: 1, NUL_BYTE: 1, FIELD_TOO_LONG: 1}


def test_bad_rows_beside_stray_quotes() -> None:
    """A quote inside a field does not disturb the table, and bad rows are counted all the same."""
    long = b"x" * 1_000_001
    content = b'a,b\n5" pipe,2\n1\n\xff,2\n\xc3\xa9,2\n\x00,2\n' + long + b",2\n3,4\n"
    _, rows, report = _table(content)
    assert rows == [('5" pipe', "2"), ("é", "2"), ("3", "4")]
    assert report.why == {WRONG_COLUMNS: 1, NOT_TEXT: 1, NUL_BYTE: 1, FIELD_TOO_LONG: 1}


def test_ten_megabyte_field() -> None:
    """A 10 MB field costs its own row only, though it is larger than a part of the file."""
    content = b"a,b\n1,2\n" + b"x" * 10_000_000 + b",2\n3,4\n"
    _, rows, report = _table(content)
    assert rows == [("1", "2"), ("3", "4")]
    assert report.why == {FIELD_TOO_LONG: 1}


def test_formulas_are_text() -> None:
    """What a spreadsheet would run is text here."""
    _, rows, _ = _table(b"a,b\n=CMD|'/C calc'!A0,@SUM(1)\n+1,-1\n")
    assert rows == [("=CMD|'/C calc'!A0", "@SUM(1)"), ("+1", "-1")]


@pytest.mark.parametrize(
    ("content", "came"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"#only\n", "only comments"),
        (b"a,a\n1,2\n", "'a' more than once"),
        (b"a,,b\n", "column 2 has no name"),
        (b"a\rb\rc", "not lines of text"),
        (b"a\x00,b\n", "not lines of text"),
        (b"\xffa,b\n", "not text in the encoding"),
        (b'a,b\n1,"2\n3,4\n', "never closed"),
        (b'a,b\n5" x,"2\n3,4\n', "never closed"),
    ],
)
def test_files_that_are_no_tables(content: bytes, came: str) -> None:
    """What makes the whole file doubtful stops the reading with its reason."""
    with pytest.raises(InputError, match=came):
        _table(content, dialect=Dialect(comment="#"))


def test_only_a_header() -> None:
    """A header without rows is a table without rows."""
    assert _table(b"a,b\n")[1] == []


def test_comments_before_the_header() -> None:
    """Comment lines are kept apart; a sharp sign in the rows is text."""
    report = LoadReport()
    content = io.BytesIO(b"#version 2.4\n#x\na\tb\n#1\t2\n")
    table = DelimitedTable(content, "a.maf", report, Dialect(comment="#"))
    assert table.header.comments == ("#version 2.4", "#x")
    assert pl.concat(table.batches(10)).rows() == [("#1", "2")]


def test_encodings() -> None:
    """A named encoding is used; UTF-16 is known by its mark."""
    assert _table("a\né\n".encode("latin-1"), dialect=Dialect(encoding="latin-1"))[1] == [("é",)]
    assert _table("a,b\né,1\n".encode("utf-16"))[1] == [("é", "1")]
    assert _table("a\né\n".encode("latin-1"))[2].why == {NOT_TEXT: 1}


def test_unquoted_dialect() -> None:
    """Where quotes are characters like others, they stay."""
    assert _table(b'a\tb\n"1\t2\n', dialect=Dialect(quoted=False))[1] == [('"1', "2")]


def test_parts_do_not_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a file is cut into parts changes nothing in what is read."""
    rows = [f'{i},"name, {i}\nof ""two"" lines"' for i in range(200)]
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(("id,name\r\n" + "\r\n".join(rows)).encode()))
    whole = pl.concat(read_delimited(path, LoadReport(), batch_rows=1000))
    for size in (7, 64, 1001):
        monkeypatch.setattr(delimited, "CHUNK_BYTES", size)
        parts = list(read_delimited(path, LoadReport(), batch_rows=60))
        assert max(part.height for part in parts) <= 60
        assert pl.concat(parts).equals(whole)


fields = st.text(st.characters(exclude_characters="\0\r", exclude_categories=["Cs"]), max_size=8)


@given(st.lists(st.tuples(fields, fields, fields), max_size=12), st.sampled_from([5, 50, 10**6]))
def test_same_as_the_standard_library(rows: list[tuple[str, ...]], part: int) -> None:
    """Any table that the csv module writes is read back, however it is cut."""
    text = io.StringIO()
    csv.writer(text).writerows([("a", "b", "c"), *rows])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delimited, "CHUNK_BYTES", part)
        _, got, report = _table(text.getvalue().encode())
    assert got == [tuple(field or None for field in row) for row in rows]
    assert report.refused == 0


@given(st.binary(max_size=200))
def test_any_bytes(content: bytes) -> None:
    """Any bytes are a table or a clear refusal, never another error."""
    with suppress(InputError):
        columns, rows, _ = _table(content)
        assert all(len(row) == len(columns) for row in rows)
