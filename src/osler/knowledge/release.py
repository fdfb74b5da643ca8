"""A release: a folder of tables with a list of what they are, `release.json`.

The list names each table with its file, date, licence, source and sha256. The digest of the release
is that of its list, so that one digest stands for every byte of every table.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Any

from osler.errors import Damaged, Fault, InputError

LIST = "release.json"
FORMAT_VERSION = 1
NAME = re.compile(r"[a-z][a-z0-9]*(?:[-._][a-z0-9]+)*")
SHA256 = re.compile(r"[0-9a-f]{64}")
LONGEST_NAME = 80
LARGEST_LIST_BYTES = 4 << 20
GZIP = b"\x1f\x8b"
_ABOUT = ("name", "subject", "date", "title")
_OF_TABLE = ("name", "file", "date", "licence", "source", "sha256")


@dataclass(frozen=True)
class Table:
    """One table of a release.

    Attributes
    ----------
    name
        What it is asked for by, such as `alleles/CYP2C19`.
    file
        Where it lies in the release's folder; gzip is unpacked when it is read.
    date
        Of this table: tables of one release may differ, and a finding tells the one it rests on.
    licence
        SPDX identifier, or the licence's name where it has none.
    source
        Where it came from, with its version.
    sha256
        Of the file as it lies there.
    """

    name: str
    file: str
    date: str
    licence: str
    source: str
    sha256: str


@dataclass(frozen=True)
class Release:
    """Tables that were published together, sealed by one digest.

    Attributes
    ----------
    name, subject, date, title
        `cpic-2025-11-05`, what it is about (`pharmacogenomics`), its day, a title for people.
    folder
        Where it lies.
    sha256
        Digest of the list of its tables.
    """

    name: str
    subject: str
    date: str
    title: str
    tables: tuple[Table, ...]
    folder: Path
    sha256: str

    @classmethod
    def open(cls, folder: Path) -> Release:
        """Read the list of a release; no table is read yet.

        Raises
        ------
        InputError
            If the folder has no list, or the list is not one.
        """
        content = _list_of(folder)
        faults = [*faults_of_list(content, f"{folder.name}/{LIST}")]
        if faults:
            raise InputError(faults)
        tables = tuple(Table(**{key: one[key] for key in _OF_TABLE}) for one in content["tables"])
        about = {key: content[key] for key in _ABOUT}
        return cls(**about, tables=tables, folder=folder, sha256=digest_of_list(about, tables))

    def names(self, prefix: str = "") -> list[str]:
        """Return the names of the tables that begin so, in the list's order."""
        return [table.name for table in self.tables if table.name.startswith(prefix)]

    def table(self, name: str) -> Table:
        """Return one table's entry.

        Raises
        ------
        InputError
            If the release has no such table.
        """
        for table in self.tables:
            if table.name == name:
                return table
        raise InputError(Fault(self.name, f"no table {name!r}", "a table that the release lists"))

    def read(self, name: str) -> bytes:
        """Return a table's content, unpacked, after its digest was checked.

        Raises
        ------
        Damaged
            If the file is gone or is not what was sealed.
        """
        table = self.table(name)
        path = self.folder / table.file
        try:
            packed = path.read_bytes()
        except OSError as error:
            raise Damaged(f"{self.name}: table {name} cannot be read") from error
        if hashlib.sha256(packed).hexdigest() != table.sha256:
            raise Damaged(f"{self.name}: table {name} is not the one that was sealed")
        return unpacked(packed, f"{self.name}: table {name}")

    def faults(self) -> list[str]:
        """Return what is wrong with the tables, one sentence each; empty when all are sound."""
        found = []
        for table in self.tables:
            try:
                self.read(table.name)
            except Damaged as error:
                found.append(str(error))
        return found

    def to_json(self) -> dict[str, Any]:
        """Return what `osler knowledge list` shows."""
        about = {key: getattr(self, key) for key in _ABOUT}
        return about | {"sha256": self.sha256, "tables": [asdict(one) for one in self.tables]}


def unpacked(content: bytes, where: str) -> bytes:
    """Return the content, unpacked if it is gzip.

    Raises
    ------
    Damaged
        If it begins as gzip does and is none.
    """
    if not content.startswith(GZIP):
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise Damaged(f"{where} cannot be unpacked") from error


def digest_of_list(about: Mapping[str, str], tables: tuple[Table, ...]) -> str:
    """Return the sha256 over what a release is and what its tables are, in their order."""
    whole = {**about, "tables": [asdict(table) for table in tables]}
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


def _list_of(folder: Path) -> Any:
    path = folder / LIST
    try:
        if path.stat().st_size > LARGEST_LIST_BYTES:
            raise InputError(Fault(f"{folder.name}/{LIST}", "more than 4 MiB", "a list of tables"))
        return json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InputError(
            Fault(str(folder), f"no {LIST} that can be read", "a release's folder")
        ) from error
    except (ValueError, RecursionError) as error:
        raise InputError(Fault(f"{folder.name}/{LIST}", "not JSON", "a list of tables")) from error


def faults_of_list(content: Any, where: str, *, sealed: bool = True) -> list[Fault]:
    """Return everything that is wrong with a list of tables.

    Parameters
    ----------
    sealed
        Whether the digests have to be there.
    """
    if not isinstance(content, dict):
        return [Fault(where, "something else", "a JSON object")]
    if content.get("format_version") != FORMAT_VERSION:
        return [Fault(where, "another format_version", str(FORMAT_VERSION))]
    faults = [
        Fault(f"{where}, {key}", "missing or not text", "text")
        for key in _ABOUT
        if not isinstance(content.get(key), str) or not content[key].strip()
    ]
    if not faults:
        if not NAME.fullmatch(content["name"]) or len(content["name"]) > LONGEST_NAME:
            faults.append(Fault(f"{where}, name", "an unusable name", "such as cpic-2025-11-05"))
        if not _is_date(content["date"]):
            faults.append(Fault(f"{where}, date", "not a date", "YYYY-MM-DD"))
    tables = content.get("tables")
    if not isinstance(tables, list) or not tables:
        return [*faults, Fault(f"{where}, tables", "none", "a list of tables")]
    for number, table in enumerate(tables, 1):
        faults += _faults_of_table(table, f"{where}, table {number}", sealed)
    if not faults:
        faults += _repeated(tables, where)
    return faults


def _faults_of_table(table: Any, where: str, sealed: bool) -> list[Fault]:
    needed = _OF_TABLE if sealed else _OF_TABLE[:-1]
    if not isinstance(table, dict):
        return [Fault(where, "something else", "an object")]
    absent = [key for key in needed if not isinstance(table.get(key), str) or not table[key]]
    if absent:
        return [Fault(where, f"no {', '.join(absent)}", "text")]
    faults = []
    if not _is_inside(table["file"]):
        faults.append(Fault(f"{where}, file", "a path that leaves the folder", "a file inside it"))
    if not _is_date(table["date"]):
        faults.append(Fault(f"{where}, date", "not a date", "YYYY-MM-DD"))
    if sealed and not SHA256.fullmatch(table["sha256"]):
        faults.append(Fault(f"{where}, sha256", "not a sha256", "64 hexadecimal digits"))
    return faults


def _repeated(tables: list[dict[str, str]], where: str) -> list[Fault]:
    return [
        Fault(f"{where}, tables", f"a {key} that stands twice", "each once")
        for key in ("name", "file")
        if len({table[key] for table in tables}) < len(tables)
    ]


def _is_inside(file: str) -> bool:
    path = PurePosixPath(file)
    return not path.is_absolute() and ".." not in path.parts and "\\" not in file and file != LIST


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
