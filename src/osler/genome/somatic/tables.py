"""Tables of a release as rows: tab-separated text with a header and no quoting."""

from __future__ import annotations

from collections.abc import Iterator

from osler.errors import Damaged
from osler.knowledge import Release


def rows_of(release: Release, table: str) -> Iterator[dict[str, str]]:
    """Yield the rows of a table.

    A row may have more fields than the header: CIViC writes lists of links, the last column,
    without quoting them. They are left out.

    Raises
    ------
    Damaged
        If the table is not UTF-8, or a row has fewer fields than the header.
    """
    try:
        lines = release.read(table).decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise Damaged(f"{release.name}: table {table} is not UTF-8") from error
    header = lines[0].rstrip("\r").split("\t")
    for number, line in enumerate(lines[1:], start=2):
        if not line:
            continue
        fields = line.rstrip("\r").split("\t")
        if len(fields) < len(header):
            raise Damaged(f"{release.name}: table {table}, line {number} is cut short")
        yield dict(zip(header, fields, strict=False))
