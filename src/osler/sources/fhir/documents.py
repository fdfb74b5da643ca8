"""JSON documents out of files, one at a time, and resources out of documents.

Only JSON is read. XML is refused by its first character and never parsed, so that no entity in it
can do anything.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from osler.errors import Fault, InputError
from osler.sources.fhir.codes import Resource
from osler.sources.fhir.patients import Links
from osler.sources.files import ZIP, files_below, first_bytes, members, unpacked

MALFORMED_LINE = "malformed JSON line"
MALFORMED_FILE = "malformed JSON file"
NESTED_TOO_DEEP = "JSON nested too deep"
NOT_JSON = "not JSON but XML"
LINE_TOO_LONG = "a line over 256 MB"
NOT_A_RESOURCE = "JSON that is not a FHIR resource"
EMPTY_ENTRY = "bundle entry without a resource"
MALFORMED_BUNDLE = "bundle whose entries are not a list"

# A bundle is held in memory whole, at about ten times its size. Synthea's largest are 50 MB.
MOST_DOCUMENT_BYTES = 256 * 10**6

_LINES = (".ndjson", ".jsonl")
_PACKINGS = ("", ".gz", ".bz2", ".xz")
ENDINGS = tuple(kind + packing for kind in (".json", *_LINES) for packing in _PACKINGS)

EXPECTED = "a file or folder of FHIR R4 bundles (.json) or bulk data (.ndjson), plain or packed"


class Malformed(ValueError):
    """A document cannot be read; the message is the reason."""


@dataclass(frozen=True)
class Found:
    """A resource and where it stands.

    Parameters
    ----------
    resource
        The JSON object; None when there is none.
    links
        Type and id of the entries of its bundle, by full address.
    fault
        Why there is no resource.
    """

    resource: Resource | None
    links: Links = field(default_factory=dict)
    fault: str | None = None


def source_files(path: Path) -> list[Path]:
    """Return the JSON files at a path.

    Raises
    ------
    InputError
        If there are none.
    """
    if not path.is_dir():
        first_bytes(path)
        return [path]
    found = files_below(path, ENDINGS)
    if not found:
        raise InputError(Fault(path.name, "no JSON or NDJSON files", EXPECTED))
    return found


def read_source(path: Path) -> Iterator[Found]:
    """Yield all resources: files that are named after patients first, medications second.

    So nearly every reference leads backwards, whatever the order of the names.
    """
    for turn in range(3):
        for name, where, stream in _streams(path, turn):
            yield from _found_in(stream, where, name.lower())


def turn_of(name: str) -> int:
    """Return in which of three turns a file is read.

    Examples
    --------
    >>> [turn_of(name) for name in ("Patient.000.ndjson", "Medication.ndjson", "Claim.ndjson")]
    [0, 1, 2]
    """
    kind = name.lower().split(".")[0].rstrip("0123456789-_")
    return {"patient": 0, "medication": 1}.get(kind, 2)


def _streams(path: Path, turn: int) -> Iterator[tuple[str, str, BinaryIO]]:
    """Yield name, what messages call it, and content of each file of a turn."""
    if path.is_dir():
        for number, file in enumerate(source_files(path), start=1):
            if turn_of(file.name) == turn:
                with _opened(file, f"file {number} of {path.name}") as stream:
                    yield file.name, f"file {number} of {path.name}", stream
    elif first_bytes(path).startswith(ZIP):
        for member in members(path, ENDINGS):
            if turn_of(member.name) == turn:
                yield member.name, member.where, member.stream
    elif turn == 0:
        with _opened(path, path.name) as stream:
            yield path.name, path.name, stream


@contextmanager
def _opened(file: Path, where: str) -> Iterator[BinaryIO]:
    """Open a file of a folder without naming it: bundles are often named after their patient."""
    first_bytes(file)
    with file.open("rb") as raw, unpacked(raw, where, file.stat().st_size) as stream:
        yield stream


def _found_in(stream: BinaryIO, where: str, name: str) -> Iterator[Found]:
    for document in _documents(stream, where, any(ending in name for ending in _LINES)):
        if isinstance(document, str):
            yield Found(None, fault=document)
        else:
            yield from resources_of(document)


def _documents(stream: BinaryIO, where: str, lines: bool) -> Iterator[Any]:
    """Yield JSON values, or a text that says why there is none.

    A file is read line by line when it says so by its name, or when its first line is a whole
    value; else as one value.
    """
    first = _line(stream)
    if first is not None:
        first = first.removeprefix(codecs.BOM_UTF8)
        if first.lstrip().startswith(b"<"):
            yield NOT_JSON
            return
    if first is not None and not lines and first.strip():
        try:
            document = decode(first, MALFORMED_FILE)
        except Malformed as error:
            yield _whole(first, stream, where, error)
            return
        yield document
        first = b""
    yield from _values(first, stream)


def _values(first: bytes | None, stream: BinaryIO) -> Iterator[Any]:
    for line in chain([first], iter(lambda: _line(stream), b"")):
        if line is None:
            yield LINE_TOO_LONG
        elif line.strip():
            try:
                yield decode(line, MALFORMED_LINE)
            except Malformed as error:
                yield str(error)


def _line(stream: BinaryIO) -> bytes | None:
    """Return the next line, empty at the end, None when it is too long; then it is passed over."""
    line = stream.readline(MOST_DOCUMENT_BYTES)
    if len(line) < MOST_DOCUMENT_BYTES or line.endswith(b"\n"):
        return line
    while len(line) and not line.endswith(b"\n"):
        line = stream.readline(2**20)
    return None


def _whole(first: bytes, stream: BinaryIO, where: str, error: Malformed) -> Any:
    """Return the one value of a file, or why there is none."""
    rest = stream.read(MOST_DOCUMENT_BYTES - len(first) + 1)
    if len(first) + len(rest) > MOST_DOCUMENT_BYTES:
        expected = f"at most {MOST_DOCUMENT_BYTES // 10**6} MB of JSON in one value"
        remedy = "export it as NDJSON, one resource a line"
        raise InputError(Fault(where, "larger", expected, remedy))
    if not rest.strip():
        return str(error)
    try:
        return decode(first + rest, MALFORMED_FILE)
    except Malformed as fault:
        return str(fault)


def _no_constant(name: str) -> None:
    raise Malformed(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)


def decode(content: bytes, malformed: str) -> Any:
    """Return the value of a JSON text in UTF-8; NaN and Infinity are not JSON.

    Raises
    ------
    Malformed
        With the given reason, or that it is nested too deep.
    """
    try:
        return _DECODER.decode(content.decode("utf-8"))
    except RecursionError as error:
        raise Malformed(NESTED_TOO_DEEP) from error
    except ValueError as error:
        raise Malformed(malformed) from error


def resources_of(document: Any) -> Iterator[Found]:
    """Yield the resources of a JSON value: one, those of a bundle, or those of a list."""
    if isinstance(document, dict) and isinstance(document.get("id"), str):
        kind = document.get("resourceType")
        if isinstance(kind, str) and kind != "Bundle":
            yield Found(document)  # a line of bulk data
            return
    waiting: list[tuple[Any, Links]] = [(document, {})]
    while waiting:
        value, links = waiting.pop()
        if isinstance(value, list):
            waiting += [(one, links) for one in reversed(value)]
        elif not isinstance(value, dict) or not isinstance(value.get("resourceType"), str):
            yield Found(None, fault=NOT_A_RESOURCE)
        elif value["resourceType"] == "Bundle":
            entries = value.get("entry", [])
            if not isinstance(entries, list):
                yield Found(None, fault=MALFORMED_BUNDLE)
                continue
            inside, own = _opened_bundle(entries)
            yield from (Found(None, fault=EMPTY_ENTRY) for one in inside if one is None)
            waiting += [(one, own) for one in reversed(inside) if one is not None]
        else:
            yield Found(value, links)


def _opened_bundle(entries: list[Any]) -> tuple[list[Resource | None], Links]:
    """Return the resources, patients and medications first, and the full addresses they go by."""
    links: Links = {}
    found: list[Resource | None] = []
    for entry in entries:
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(resource, dict):
            found.append(None)
            continue
        found.append(resource)
        address, kind = entry.get("fullUrl"), resource.get("resourceType")
        if isinstance(address, str) and isinstance(kind, str):
            if not resource.get("id"):
                # A server gives the id when it takes the entry; until then the address is one.
                resource["id"] = address.rpartition("/" if "/" in address else ":")[2]
            if isinstance(resource["id"], str):
                links[address] = (kind, resource["id"])
    return sorted(found, key=_rank), links


def _rank(resource: Resource | None) -> int:
    kind = resource.get("resourceType") if resource else None
    return 0 if kind == "Patient" else 1 if kind == "Medication" else 2
